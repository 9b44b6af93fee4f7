//! Unsubscribe: RFC 8058. GET and HEAD show a page with a button, POST does it, and 200 comes after the commit and after
//! whatever was on its way to this address at that moment has left.

use std::collections::BTreeMap;
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
use super::page::Page;
use crate::change::{Change, Setting};
use crate::domain::exit::Happened;
use crate::domain::facts::ActFacts;
use crate::held::Held;
use crate::mail::LinkKind;
use crate::store;
use crate::store::consent::{Consent, Suppression};
use crate::store::link::Target;
use crate::wire::engagement::{self, Act};

/// Consent that it withdraws.
pub(super) const MARKETING: &str = "marketing_email";
/// The answer waits so long for a mail that is in DATA.
const WAIT: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(100);

/// `GET|HEAD /u/{token}`
pub(super) async fn page(State(door): State<Door>, Path(token): Path<String>) -> Result<Response, ApiError> {
    if door.target(LinkKind::Unsubscribe, &token).await?.is_none() {
        return Ok(door.unknown());
    }
    let page = Page {
        title: "Unsubscribe".to_owned(),
        lines: vec!["Press the button, and you get no more marketing mails from us.".to_owned()],
        button: "Unsubscribe".to_owned(),
        action: "unsubscribe",
        sender: door.sender_line(),
        ..Page::default()
    };
    Ok(page.answer(StatusCode::OK))
}

/// `POST /u/{token}`, by a mail program or by the button. The body says nothing that the token does not.
pub(super) async fn stop(State(door): State<Door>, Path(token): Path<String>) -> Result<Response, ApiError> {
    let Some((message_id, target)) = door.target(LinkKind::Unsubscribe, &token).await? else {
        return Ok(door.unknown());
    };
    door.unsubscribe(message_id, &target, "one_click").await?;
    let page = Page {
        title: "You are unsubscribed".to_owned(),
        lines: vec!["You get no more marketing mails from us. Answers to what you ask us still reach you.".to_owned()],
        sender: door.sender_line(),
        ..Page::default()
    };
    Ok(page.answer(StatusCode::OK))
}

impl Door {
    /// The mail behind a token.
    pub(super) async fn target(&self, kind: LinkKind, token: &str) -> Result<Option<(Uuid, Target)>, ApiError> {
        let Some((message_id, _)) = self.signer.open(kind, token) else { return Ok(None) };
        let target = store::link::target(self.database.pool(), message_id).await?;
        Ok(target.map(|target| (message_id, target)))
    }

    /// Committed when it returns; nothing is on its way any more, or ten seconds have passed.
    pub(super) async fn unsubscribe(&self, message_id: Uuid, target: &Target, source: &str) -> Result<(), ApiError> {
        self.write_stop(message_id, target, source).await?;
        self.publisher.wake();
        let until = Instant::now() + WAIT;
        while Instant::now() < until {
            let mut connection = self.database.pool().acquire().await.map_err(PgError::from)?;
            if !store::message_begin::is_sending(&mut connection, &target.email_hash).await? {
                break;
            }
            drop(connection);
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    async fn write_stop(&self, message_id: Uuid, target: &Target, source: &str) -> Result<(), PgError> {
        let mut tx = self.database.write_tx("unsubscribe").await?;
        let now = tx.now();
        let hashes = std::iter::once(target.email_hash.clone()).collect();
        let contact = store::contact::lock(tx.connection(), &hashes).await?.pop().unwrap_or_default();
        let wishes = store::consent::load(tx.connection(), &[&target.email_hash]).await?.remove(&target.email_hash);
        let wishes = wishes.unwrap_or_default();
        let enrollments = store::enrollment::open_of_contact(tx.connection(), &target.email_hash).await?;
        let mut lead_ids: Vec<Uuid> = enrollments.iter().map(|one| one.lead_id).collect();
        lead_ids.push(target.lead_id);
        lead_ids.sort_unstable();
        lead_ids.dedup();
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
        let email_hash = target.email_hash.clone();
        change.suppressions.push(Suppression { email_hash, reason: "unsubscribed".to_owned(), at: now });
        let (email_hash, purpose) = (target.email_hash.clone(), MARKETING.to_owned());
        let event_id = Uuid::new_v5(&message_id, format!("unsubscribed/{now}").as_bytes());
        change.consents.push(Consent {
            email_hash,
            purpose,
            given: false,
            at: now,
            source: source.to_owned(),
            event_id: Some(event_id),
        });
        let act =
            ActFacts { kind: "unsubscribed".to_owned(), event_id: event_id.as_bytes().to_vec(), ..ActFacts::default() };
        for lead in leads {
            let own = enrollments.iter().filter(|one| one.lead_id == lead.lead_id).cloned().collect();
            let mut held = Held::new(lead, contact.clone(), own);
            let happened = Happened { act: Some(act.clone()), ..Happened::default() };
            change.exits(&mut held, &compiled, &happened, Some(event_id));
        }
        // Pressed twice: it has been told, and nothing is to be told again.
        let told_before =
            wishes.suppression.is_some() && wishes.consents.get(MARKETING).is_some_and(|consent| !consent.given);
        if let Some(email) = contact.email.as_deref().filter(|_| !told_before) {
            let row = stop_event(event_id, email, message_id, target, source, now);
            change.outbox.push(engagement::row(row, &self.identity_key));
        }
        change.write(&mut tx).await?;
        outbox::append(&mut tx, &change.outbox).await?;
        tx.commit().await
    }
}

fn stop_event<'a>(
    event_id: Uuid,
    email: &'a str,
    message_id: Uuid,
    target: &Target,
    source: &str,
    at: jiff::Timestamp,
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
        consent: BTreeMap::from([(MARKETING.to_owned(), false)]),
        bot_reason: "",
        test: target.test,
        trace: None,
    }
}
