//! Unsubscribe: RFC 8058. GET and HEAD show a page with a button, POST does it, and 200 comes after the commit and after
//! whatever was on its way to this address at that moment has left.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use leadflow_platform::error::ApiError;
use leadflow_platform::outbox;
use leadflow_platform::pg::PgError;
use leadflow_proto::engagement::v1::EngagementKind;
use tokio::time::Instant;
use uuid::Uuid;

use super::Door;
use super::addressee::{Addressee, Behind, SAMPLE_NOTE};
use super::page::Page;
use crate::change::{Change, Setting};
use crate::domain::exit::Happened;
use crate::domain::facts::ActFacts;
use crate::held::Held;
use crate::mail::LinkKind;
use crate::store;
use crate::store::consent::{Consent, MARKETING, Suppression, Wishes};
use crate::store::link::Target;
use crate::wire::engagement::{self, Act};

/// The answer waits so long for a mail that is in DATA.
const WAIT: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(100);

/// `GET|HEAD /u/{token}`
pub(super) async fn page(State(door): State<Door>, Path(token): Path<String>) -> Result<Response, ApiError> {
    let mut page = Page {
        title: "Unsubscribe".to_owned(),
        lines: vec!["Press the button, and you get no more marketing mails from us.".to_owned()],
        button: "Unsubscribe".to_owned(),
        action: "unsubscribe",
        sender: door.sender_line(),
        ..Page::default()
    };
    match door.behind(LinkKind::Unsubscribe, &token).await? {
        Behind::Mail(..) => {}
        Behind::Sample => page.lines.push(SAMPLE_NOTE.to_owned()),
        Behind::Nothing => return Ok(door.unknown()),
    }
    Ok(page.answer(StatusCode::OK))
}

/// `POST /u/{token}`, by a mail program or by the button. The body says nothing that the token does not.
pub(super) async fn stop(State(door): State<Door>, Path(token): Path<String>) -> Result<Response, ApiError> {
    let mut page = Page {
        title: "You are unsubscribed".to_owned(),
        lines: vec!["You get no more marketing mails from us. Answers to what you ask us still reach you.".to_owned()],
        sender: door.sender_line(),
        ..Page::default()
    };
    match door.behind(LinkKind::Unsubscribe, &token).await? {
        Behind::Mail(message_id, target) => door.unsubscribe(message_id, &target, "one_click").await?,
        Behind::Sample => page.lines.push(SAMPLE_NOTE.to_owned()),
        Behind::Nothing => return Ok(door.unknown()),
    }
    Ok(page.answer(StatusCode::OK))
}

impl Door {
    /// Committed when it returns; nothing is on its way any more, or ten seconds have passed.
    pub(super) async fn unsubscribe(&self, message_id: Uuid, target: &Target, source: &str) -> Result<(), ApiError> {
        let stopped = self.write_stop(message_id, target, source).await?;
        self.publisher.wake();
        let until = Instant::now() + WAIT;
        while Instant::now() < until {
            let mut connection = self.database.pool().acquire().await.map_err(PgError::from)?;
            if !store::message_begin::is_sending(&mut connection, &stopped.hashes()).await? {
                break;
            }
            drop(connection);
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    /// Of the address of the mail and of the one that the person has now: nobody who says stop means only one of them.
    async fn write_stop(&self, message_id: Uuid, target: &Target, source: &str) -> Result<Addressee, PgError> {
        let (mut tx, addressee) = self.hold("unsubscribe", target).await?;
        let now = tx.now();
        let purpose = self.purpose(tx.connection(), target).await?;
        let purposes: BTreeSet<&str> = BTreeSet::from([MARKETING, &purpose]);
        let wishes = store::consent::load(tx.connection(), &addressee.hashes()).await?;
        let mut enrollments = Vec::new();
        for email_hash in addressee.hashes() {
            enrollments.extend(store::enrollment::open_of_contact(tx.connection(), email_hash).await?);
        }
        let lead_ids: BTreeSet<Uuid> = enrollments.iter().map(|one| one.lead_id).chain([target.lead_id]).collect();
        let lead_ids: Vec<Uuid> = lead_ids.into_iter().collect();
        let leads = store::lead::load(tx.connection(), &lead_ids).await?;
        let told = store::told::load(tx.connection(), &lead_ids).await?;
        let versions = enrollments.iter().map(|one| (one.journey_id.as_str(), one.version));
        let compiled = self.journeys.all(tx.connection(), versions).await?;
        let setting = Setting {
            now,
            incarnation: self.incarnation,
            default_zone: &self.config.default_time_zone,
            identity_key: &self.identity_key,
        };
        let mut change = Change::new(setting, told);
        let event_id = Uuid::new_v5(&message_id, format!("unsubscribed/{now}").as_bytes());
        for email_hash in addressee.hashes() {
            write_no(&mut change, email_hash, &purposes, source, event_id);
        }
        let act =
            ActFacts { kind: "unsubscribed".to_owned(), event_id: event_id.as_bytes().to_vec(), ..ActFacts::default() };
        for lead in leads {
            let own = enrollments.iter().filter(|one| one.lead_id == lead.lead_id).cloned().collect();
            let contact = addressee.contact(&lead.email_hash);
            let mut held = Held::new(lead, contact, own);
            let happened = Happened { act: Some(act.clone()), ..Happened::default() };
            change.exits(&mut held, &compiled, &happened, Some(event_id));
        }
        // Pressed twice: it has been told, and nothing is to be told again.
        let told_before =
            addressee.hashes().iter().all(|hash| wishes.get(*hash).is_some_and(|one| says_no(one, &purposes)));
        if let Some(email) = addressee.email(target).filter(|_| !told_before) {
            let row = stop_event(event_id, &email, message_id, target, source, now, &purposes);
            change.outbox.push(engagement::row(row, &self.identity_key));
        }
        change.write(&mut tx).await?;
        outbox::append(&mut tx, &change.outbox).await?;
        tx.commit().await?;
        Ok(addressee)
    }
}

fn write_no(change: &mut Change<'_>, email_hash: &[u8], purposes: &BTreeSet<&str>, source: &str, event_id: Uuid) {
    let (email_hash, at) = (email_hash.to_vec(), change.setting.now);
    change.consents.extend(purposes.iter().map(|purpose| Consent {
        email_hash: email_hash.clone(),
        purpose: (*purpose).to_owned(),
        given: false,
        at,
        source: source.to_owned(),
        event_id: Some(event_id),
    }));
    change.suppressions.push(Suppression { email_hash, reason: "unsubscribed".to_owned(), at });
}

fn says_no(wishes: &Wishes, purposes: &BTreeSet<&str>) -> bool {
    let withdrawn = |purpose: &&str| wishes.consents.get(*purpose).is_some_and(|consent| !consent.given);
    wishes.suppression.is_some() && purposes.iter().all(withdrawn)
}

fn stop_event<'a>(
    event_id: Uuid,
    email: &'a str,
    message_id: Uuid,
    target: &Target,
    source: &str,
    at: jiff::Timestamp,
    purposes: &BTreeSet<&str>,
) -> Act<'a> {
    let properties = [
        ("message_id", message_id.to_string()),
        ("journey", target.journey_id.clone()),
        ("step", target.step.clone()),
        ("by", source.to_owned()),
    ];
    Act {
        event_id,
        kind: EngagementKind::Unsubscribed,
        name: "",
        email,
        at,
        properties: properties.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        consent: purposes.iter().map(|purpose| ((*purpose).to_owned(), false)).collect(),
        bot_reason: "",
        test: target.test,
        trace: None,
    }
}
