//! The senders of mails: claims what is due, decides again, goes to the relay, and keeps what became of it. A mail is never
//! sent twice: between the mark `sending` and the relay's last word nobody else touches it, and if that word never comes it
//! stays `uncertain`.

pub mod brake;
mod claim;
pub mod compose;
mod deliver;
mod lost;
mod settle;
pub mod wake;

pub use deliver::LAST_LOOK;

use std::sync::Arc;
use std::time::Duration;

use leadflow_platform::health::Health;
use leadflow_platform::identity_key::IdentityKey;
use leadflow_platform::outbox::PublisherHandle;
use leadflow_platform::pg::{Database, PgError};
use leadflow_platform::run::Tasks;
use leadflow_platform::timers::{self, Next};
use tokio::sync::Semaphore;
use uuid::Uuid;

use self::wake::Wakers;
use crate::config::NurtureConfig;
use crate::journeys::Journeys;
use crate::mail::LinkSigner;
use crate::smtp::Relay;
use crate::store;

/// Looks at the ledger at least so often.
const INTERVAL: Duration = Duration::from_secs(5);
/// When whoever holds what is due is asked again.
const BUSY_PAUSE: Duration = Duration::from_millis(20);

/// The senders of one process.
#[derive(Clone)]
pub struct Sender {
    shared: Arc<Shared>,
}

struct Shared {
    database: Database,
    incarnation: i32,
    config: Arc<NurtureConfig>,
    identity_key: Arc<IdentityKey>,
    journeys: Arc<Journeys>,
    relay: Relay,
    signer: LinkSigner,
    publisher: PublisherHandle,
    wakers: Wakers,
    /// Mails under way at a time.
    turns: Arc<Semaphore>,
    tasks: Tasks,
}

/// What a sender is made of.
pub struct SenderParts {
    /// Schema `nurture`.
    pub database: Database,
    /// Of the deployment.
    pub incarnation: i32,
    /// Who writes, and how often.
    pub config: Arc<NurtureConfig>,
    /// For hashes and links.
    pub identity_key: Arc<IdentityKey>,
    /// Templates.
    pub journeys: Arc<Journeys>,
    /// The way out.
    pub relay: Relay,
    /// Woken after each commit.
    pub publisher: PublisherHandle,
    /// Wakes us; we wake the timers.
    pub wakers: Wakers,
}

impl Sender {
    /// Not running yet.
    #[must_use]
    pub fn new(parts: SenderParts, tasks: &Tasks) -> Self {
        let pool_size = usize::try_from(parts.config.smtp.pool_size).unwrap_or(1);
        let signer = LinkSigner::new((*parts.identity_key).clone());
        let shared = Shared {
            database: parts.database,
            incarnation: parts.incarnation,
            config: parts.config,
            identity_key: parts.identity_key,
            journeys: parts.journeys,
            relay: parts.relay,
            signer,
            publisher: parts.publisher,
            wakers: parts.wakers,
            turns: Arc::new(Semaphore::new(pool_size)),
            tasks: tasks.handle(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Starts the loops of this process.
    pub fn start(self, tasks: &Tasks, health: &Health) {
        let database = self.shared.database.clone();
        let wake = Arc::clone(&self.shared.wakers.mails);
        let sender = self.clone();
        timers::poll_loop(tasks, health, &database, "mail_sender", INTERVAL, wake, move || {
            let sender = sender.clone();
            async move { sender.step().await }
        });
        let idle = Arc::new(tokio::sync::Notify::new());
        timers::poll_loop(tasks, health, &database, "lost_mails", INTERVAL, idle, move || {
            let sender = self.clone();
            async move { Ok(sender.find_lost().await?) }
        });
    }

    /// Claims as many mails as there are free turns, and lets each go its way in a task of its own.
    async fn step(&self) -> anyhow::Result<Next> {
        let shared = &self.shared;
        match store::due::next_message(shared.database.pool()).await? {
            None => return Ok(Next::Rest),
            Some(pause) if !pause.is_zero() => return Ok(Next::Within(pause)),
            Some(_) => {}
        }
        // At least one turn, then as many as are free anyway.
        let Ok(first) = Arc::clone(&shared.turns).acquire_owned().await else { return Ok(Next::Rest) };
        let mut turns = vec![first];
        while let Ok(turn) = Arc::clone(&shared.turns).try_acquire_owned() {
            turns.push(turn);
        }
        let page = self.claim(turns.len()).await?;
        let (claimed, looked) = (page.claimed, page.looked);
        for mail in claimed {
            let Some(turn) = turns.pop() else { break };
            let sender = self.clone();
            shared.tasks.spawn("mail", async move {
                sender.deliver(mail).await;
                drop(turn);
                // A turn is free, and perhaps somebody waits for it.
                sender.shared.wakers.mails.notify_one();
                Ok(())
            });
        }
        Ok(if looked == 0 { Next::Within(BUSY_PAUSE) } else { Next::AtOnce })
    }

    fn lease(&self) -> Duration {
        self.shared.config.smtp.longest_open() + Duration::from_secs(30)
    }

    fn transmit_lease(&self) -> Duration {
        self.shared.config.smtp.longest_transmit() + Duration::from_secs(30)
    }

    /// One that nobody else ever has: a claim of this process at this moment.
    fn new_lease_owner() -> Uuid {
        Uuid::now_v7()
    }
}

/// One database error more or less: the mail is due again.
fn log_failure(what: &str, message_id: Uuid, error: &PgError) {
    tracing::warn!(message.id = %message_id, "{what}: {error}");
}
