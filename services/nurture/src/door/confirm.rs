//! Double opt-in: the link of a mail shows a page, its button gives the consent, with a proof of what was asked, when, and
//! when it was confirmed. It lifts an older unsubscribe, never a complaint or a hard bounce.

use std::collections::BTreeMap;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use leadflow_platform::error::ApiError;
use leadflow_platform::outbox;
use leadflow_platform::pg::PgError;
use leadflow_proto::engagement::v1::EngagementKind;
use uuid::Uuid;

use super::Door;
use super::page::Page;
use super::stop::MARKETING;
use crate::mail::LinkKind;
use crate::store;
use crate::store::consent::Consent;
use crate::store::link::Target;
use crate::store::proof::Proof;
use crate::wire::engagement::{self, Act};

/// `GET|HEAD /d/{token}`
pub(super) async fn page(State(door): State<Door>, Path(token): Path<String>) -> Result<Response, ApiError> {
    if door.target(LinkKind::Confirm, &token).await?.is_none() {
        return Ok(door.unknown());
    }
    let page = Page {
        title: "Please confirm".to_owned(),
        lines: vec![
            "Press the button, and we may write to you. You can end it with one click in every mail.".to_owned(),
        ],
        button: "Yes, write to me".to_owned(),
        action: "confirm",
        sender: door.sender_line(),
        ..Page::default()
    };
    Ok(page.answer(StatusCode::OK))
}

/// `POST /d/{token}`
pub(super) async fn confirm(State(door): State<Door>, Path(token): Path<String>) -> Result<Response, ApiError> {
    let Some((message_id, target)) = door.target(LinkKind::Confirm, &token).await? else {
        return Ok(door.unknown());
    };
    door.write_consent(message_id, &target).await?;
    door.publisher.wake();
    let page = Page {
        title: "Thank you".to_owned(),
        lines: vec!["Your address is confirmed.".to_owned()],
        sender: door.sender_line(),
        ..Page::default()
    };
    Ok(page.answer(StatusCode::OK))
}

impl Door {
    async fn write_consent(&self, message_id: Uuid, target: &Target) -> Result<(), PgError> {
        let mut tx = self.database.write_tx("confirm").await?;
        let now = tx.now();
        let hashes = std::iter::once(target.email_hash.clone()).collect();
        let contact = store::contact::lock(tx.connection(), &hashes).await?.pop().unwrap_or_default();
        let message = store::message::by_ids(tx.connection(), &[message_id]).await?.pop();
        let asked_at = message.and_then(|message| message.sending_at).unwrap_or(now);
        let event_id = Uuid::new_v5(&message_id, b"confirmed");
        let proof = Proof {
            email_hash: target.email_hash.clone(),
            purpose: MARKETING.to_owned(),
            // The version of a journey never changes, so this names the very text.
            text_version: format!("journey/{}@{}/{}", target.journey_id, target.version, target.step),
            asked_at,
            confirmed_at: now,
            address: contact.email.clone(),
            source: message_id.to_string(),
        };
        let is_new = store::proof::insert(tx.connection(), &proof).await?;
        if !is_new {
            // The same button again, perhaps after an unsubscribe: that one is newer.
            return tx.commit().await;
        }
        let consent = Consent {
            email_hash: target.email_hash.clone(),
            purpose: MARKETING.to_owned(),
            given: true,
            at: now,
            source: "double_opt_in".to_owned(),
            event_id: Some(event_id),
        };
        store::consent::put_consents(tx.connection(), &[&consent]).await?;
        store::consent::lift(tx.connection(), &target.email_hash, now).await?;
        if let Some(email) = contact.email.as_deref() {
            let act = Act {
                event_id,
                kind: EngagementKind::Consent,
                name: "Double opt-in confirmed",
                email,
                at: now,
                properties: BTreeMap::from([("text_version".to_owned(), proof.text_version)]),
                consent: BTreeMap::from([(MARKETING.to_owned(), true)]),
                bot_reason: "",
                test: target.test,
                trace: None,
            };
            outbox::append(&mut tx, &[engagement::row(act, &self.identity_key)]).await?;
        }
        tx.commit().await
    }
}
