//! People who say stop: by the link of a mail, through the real door of whichever process answers, again and again until it
//! says 200. Only then it is written down.

use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _};
use leadflow_nurture::mail::{LinkKind, LinkSigner};
use reqwest::StatusCode;
use tokio::sync::mpsc;

use super::journal::{Answered, Journal, now};
use super::people::Person;

/// People who are saying it at a time.
const AT_ONCE: usize = 512;
/// The door waits ten seconds for a mail that is on its way.
const PATIENCE: Duration = Duration::from_secs(15);
/// After so many requests without an answer the run is broken.
const MOST_REQUESTS: u32 = 5000;

/// The door of the mails.
pub(super) struct StopDoor {
    urls: Vec<String>,
    signer: LinkSigner,
    client: reqwest::Client,
    journal: Journal,
}

impl StopDoor {
    pub(super) fn new(urls: Vec<String>, signer: LinkSigner, journal: Journal) -> anyhow::Result<Self> {
        let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build()?;
        Ok(Self { urls, signer, client, journal })
    }

    /// Ends when nobody comes any more and every stop was answered; how many.
    pub(super) async fn work(&self, people: mpsc::Receiver<Person>) -> anyhow::Result<usize> {
        let coming = futures::stream::unfold(people, |mut people| async { Some((people.recv().await?, people)) });
        let stops = coming.filter(|person| std::future::ready(person.stop.is_some()));
        let answers: Vec<()> = stops.map(|person| self.stop(person)).buffer_unordered(AT_ONCE).try_collect().await?;
        Ok(answers.len())
    }

    async fn stop(&self, person: Person) -> anyhow::Result<()> {
        let Some(stop) = person.stop else { return Ok(()) };
        tokio::time::sleep(stop.after).await;
        let token = self.signer.sign(LinkKind::Unsubscribe, person.message_id(stop.step), 0);
        for attempt in 0..MOST_REQUESTS {
            let door = usize::try_from(person.number + attempt)? % self.urls.len();
            let asked = now();
            let answer = self
                .client
                .post(format!("{}/u/{token}", self.urls[door]))
                .body("List-Unsubscribe=One-Click")
                .send()
                .await;
            match answer {
                Ok(answer) if answer.status() == StatusCode::OK => {
                    return self.journal.append(&Answered { person: person.number, asked, at: now() });
                }
                // Not in the ledger yet, or the process or its database is away.
                _ => tokio::time::sleep(Duration::from_millis(80 + u64::from(person.number % 7) * 40)).await,
            }
        }
        anyhow::bail!("no door answered the stop of person {} after {MOST_REQUESTS} requests", person.number)
    }
}
