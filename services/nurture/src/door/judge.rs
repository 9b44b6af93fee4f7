//! A minute after a hit it is judged: what a person did is published, and what a machine did is only kept.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use leadflow_platform::health::Health;
use leadflow_platform::outbox;
use leadflow_platform::pg::PgError;
use leadflow_platform::run::Tasks;
use leadflow_platform::timers::{self, Next};
use leadflow_proto::engagement::v1::EngagementKind;
use leadflow_proto::nurture::v1::LinkClicked;
use leadflow_proto::nurture::v1::nurture_event::Fact;
use tokio::sync::Notify;
use uuid::Uuid;

use super::Door;
use crate::change::{Change, Setting};
use crate::domain::verdict::{self, PICTURE, Verdict};
use crate::store;
use crate::store::link::{Hit, Judged, Target};
use crate::store::message::Message;
use crate::store::message_mark::Mark;
use crate::wire::engagement::{self, Act};

/// A gateway's burst is over by then.
const AFTER: SignedDuration = SignedDuration::from_secs(60);
/// Hits that are looked at in one transaction.
const PAGE: i64 = 1000;
const INTERVAL: Duration = Duration::from_secs(5);

impl Door {
    /// Starts the judge as a task.
    pub fn start_judge(&self, tasks: &Tasks, health: &Health) {
        let (door, database) = (self.clone(), self.database.clone());
        timers::poll_loop(tasks, health, &database, "link_judge", INTERVAL, Arc::new(Notify::new()), move || {
            let door = door.clone();
            async move { Ok(door.judge().await?) }
        });
    }

    /// Judges what is old enough.
    ///
    /// # Errors
    /// As the database says; nothing is lost, it is judged the next time.
    pub async fn judge(&self) -> Result<Next, PgError> {
        match store::link::oldest_open(self.database.pool()).await? {
            None => return Ok(Next::Rest),
            Some(age) if age < AFTER.as_secs_f64() => {
                return Ok(Next::Within(Duration::from_secs_f64((AFTER.as_secs_f64() - age).max(0.001))));
            }
            Some(_) => {}
        }
        let mut tx = self.database.write_tx("judge_links").await?;
        let now = tx.now();
        let before = now.checked_sub(AFTER).unwrap_or(now);
        let open = store::link::open(tx.connection(), before, PAGE).await?;
        let contacts = store::contact::lock_free(tx.connection(), &store::due::contacts(&open)).await?;
        let locked = |hash: &[u8]| contacts.iter().find(|contact| contact.email_hash == hash);
        let ids: Vec<Uuid> = open.iter().filter(|(_, hash)| locked(hash).is_some()).map(|(id, _)| *id).collect();
        if ids.is_empty() {
            return Ok(Next::Within(Duration::from_millis(50)));
        }
        let messages = store::message::by_ids(tx.connection(), &ids).await?;
        let lead_ids: Vec<Uuid> = messages.iter().map(|message| message.lead_id).collect();
        let told = store::told::load(tx.connection(), &lead_ids).await?;
        let hits = store::link::of_messages(tx.connection(), &ids).await?;
        let setting = Setting {
            now,
            incarnation: self.incarnation,
            default_zone: &self.config.default_time_zone,
            identity_key: &self.identity_key,
        };
        let mut change = Change::new(setting, told);
        let mut judged: Vec<Judged> = Vec::new();
        let mut of_message: BTreeMap<Uuid, Vec<&Hit>> = BTreeMap::new();
        for hit in &hits {
            of_message.entry(hit.message_id).or_default().push(hit);
        }
        for message in &messages {
            let own = of_message.remove(&message.message_id).unwrap_or_default();
            let Some(target) = store::link::target(&mut *tx.connection(), message.message_id).await? else { continue };
            let email = locked(&message.email_hash).and_then(|contact| contact.email.clone());
            let acts = judge_message(&own, target.links.len(), before, &mut judged);
            for hit in acts {
                self.publish(&mut change, message, &target, email.as_deref(), hit);
                if hit.link_no != PICTURE {
                    store::message_mark::mark(tx.connection(), message.message_id, Mark::Clicked, hit.at).await?;
                }
            }
        }
        store::link::judge(tx.connection(), &judged).await?;
        change.write(&mut tx).await?;
        outbox::append(&mut tx, &change.outbox).await?;
        tx.commit().await?;
        self.publisher.wake();
        Ok(Next::AtOnce)
    }

    /// A click or an opening that counts.
    fn publish(&self, change: &mut Change<'_>, message: &Message, target: &Target, email: Option<&str>, hit: &Hit) {
        let opened = hit.link_no == PICTURE;
        let mut properties = BTreeMap::from([
            ("message_id".to_owned(), message.message_id.to_string()),
            ("journey".to_owned(), message.journey_id.clone()),
            ("step".to_owned(), message.step.clone()),
        ]);
        if opened {
            properties.insert("unreliable".to_owned(), "true".to_owned());
        } else {
            let place = usize::try_from(hit.link_no - 1).unwrap_or(usize::MAX);
            // Without its query: there may be more in it than whither.
            let link = target.links.get(place).map_or("", |url| url.split(['?', '#']).next().unwrap_or(""));
            properties.insert("link".to_owned(), link.to_owned());
            change.count_message(message, "clicked");
            let message_id = message.message_id.to_string();
            change.tell_message(message, Fact::LinkClicked(LinkClicked { message_id, link_no: hit.link_no }));
        }
        let Some(email) = email else { return };
        let name = format!("{}/{}", if opened { "opened" } else { "clicked" }, hit.link_no);
        let act = Act {
            event_id: Uuid::new_v5(&message.message_id, name.as_bytes()),
            kind: if opened { EngagementKind::EmailOpened } else { EngagementKind::EmailClicked },
            name: "",
            email,
            at: hit.at,
            properties,
            consent: BTreeMap::new(),
            bot_reason: "",
            test: message.test,
            trace: None,
        };
        change.outbox.push(engagement::row(act, &self.identity_key));
    }
}

/// Judges those hits of a mail that are old enough; returns the ones that count now.
fn judge_message<'a>(own: &[&'a Hit], links: usize, before: Timestamp, judged: &mut Vec<Judged>) -> Vec<&'a Hit> {
    let seen: Vec<verdict::Hit<'_>> = own
        .iter()
        .map(|hit| verdict::Hit {
            link_no: hit.link_no,
            at_us: hit.at.as_microsecond(),
            is_head: hit.method == "HEAD",
            visitor: &hit.visitor,
            counted: hit.verdict == 1,
        })
        .collect();
    let mut counting = Vec::new();
    for (hit, verdict) in own.iter().zip(verdict::judge(&seen, links)) {
        if hit.verdict != 0 || hit.at > before {
            continue;
        }
        let (number, reason) = match verdict {
            Verdict::Counts => {
                counting.push(*hit);
                (1, "")
            }
            Verdict::Machine(why) => (2, why),
            Verdict::Repeat => (3, "repeat"),
        };
        judged.push((hit.link_hit_id, number, reason));
    }
    counting
}
