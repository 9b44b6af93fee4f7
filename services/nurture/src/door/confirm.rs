//! Double opt-in: the link of a mail shows a page, its button gives the consent, with a proof of what was asked, when, and
//! when it was confirmed. It lifts an older unsubscribe, never a complaint or a hard bounce, and the page says so.

use std::collections::BTreeMap;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use leadflow_platform::error::ApiError;
use leadflow_platform::outbox;
use leadflow_platform::pg::{PgError, WriteTx};
use leadflow_proto::engagement::v1::EngagementKind;
use uuid::Uuid;

use super::Door;
use super::addressee::{Behind, SAMPLE_NOTE};
use super::page::Page;
use crate::mail::LinkKind;
use crate::store;
use crate::store::consent::{Consent, Wishes};
use crate::store::link::Target;
use crate::store::proof::Proof;
use crate::wire::engagement::{self, Act};

/// `GET|HEAD /d/{token}`
pub(super) async fn page(State(door): State<Door>, Path(token): Path<String>) -> Result<Response, ApiError> {
    let mut page = door.question(
        "Please confirm",
        "Press the button, and we may write to you. You can end it with one click in every mail.",
    );
    match door.behind(LinkKind::Confirm, &token).await? {
        Behind::Mail(..) => {}
        Behind::Sample => page.lines.push(SAMPLE_NOTE.to_owned()),
        Behind::Nothing => return Ok(door.unknown()),
    }
    Ok(page.answer(StatusCode::OK))
}

/// `POST /d/{token}`
pub(super) async fn confirm(State(door): State<Door>, Path(token): Path<String>) -> Result<Response, ApiError> {
    let page = match door.behind(LinkKind::Confirm, &token).await? {
        Behind::Mail(message_id, target) => {
            let standing = door.write_consent(message_id, &target).await?;
            door.publisher.wake();
            door.said_yes(standing.as_deref())
        }
        Behind::Sample => {
            let mut page = door.said_yes(None);
            page.lines.push(SAMPLE_NOTE.to_owned());
            page
        }
        Behind::Nothing => return Ok(door.unknown()),
    };
    Ok(page.answer(StatusCode::OK))
}

impl Door {
    fn question(&self, title: &str, line: &str) -> Page {
        Page {
            title: title.to_owned(),
            lines: vec![line.to_owned()],
            button: "Yes, write to me".to_owned(),
            action: "confirm",
            sender: self.sender_line(),
            ..Page::default()
        }
    }

    /// The answer to a "yes"; `standing` is what keeps us from writing all the same.
    fn said_yes(&self, standing: Option<&str>) -> Page {
        let (title, line) = match standing {
            None => ("Thank you", "Your address is confirmed."),
            Some("complaint") => (
                "We cannot write to you",
                "A mail of ours to this address was reported as unwanted, and we write no more to such an address. \
                 Your answer is kept.",
            ),
            Some("hard_bounce") => (
                "We cannot write to you",
                "A mail of ours to this address came back for good, and we write no more to such an address. \
                 Your answer is kept.",
            ),
            Some(_) => {
                return self.question(
                    "Please press again",
                    "At this very moment somebody asked us not to write to this address.",
                );
            }
        };
        Page { title: title.to_owned(), lines: vec![line.to_owned()], sender: self.sender_line(), ..Page::default() }
    }

    /// Returns why we may still not write; none: we may.
    async fn write_consent(&self, message_id: Uuid, target: &Target) -> Result<Option<String>, PgError> {
        let mut tx = self.database.write_tx("confirm").await?;
        let now = tx.now();
        // Of the address that the mail went to, and no other: that is what the mail was to find out.
        let email_hash = &target.email_hash;
        let contact = store::contact::lock(tx.connection(), &[email_hash.clone()].into()).await?.pop();
        let address = contact.and_then(|contact| contact.email);
        let purpose = self.purpose(tx.connection(), target).await?;
        let message = store::message::by_ids(tx.connection(), &[message_id]).await?.pop();
        let proof = Proof {
            email_hash: email_hash.clone(),
            purpose: purpose.clone(),
            // The version of a journey never changes, so this names the very text.
            text_version: format!("journey/{}@{}/{}", target.journey_id, target.version, target.step),
            asked_at: message.and_then(|message| message.sending_at).unwrap_or(now),
            confirmed_at: now,
            address: address.clone(),
            source: message_id.to_string(),
        };
        let wishes = wishes(&mut tx, email_hash).await?;
        let answered = store::proof::is_answered(tx.connection(), &proof).await?;
        // The same button again: it has been heard. After a stop it is a new answer.
        if answered && stands(&wishes, &purpose) {
            tx.commit().await?;
            return Ok(standing(wishes, &purpose));
        }
        let event_id = Uuid::new_v5(&message_id, format!("confirmed/{now}").as_bytes());
        let consent = Consent {
            email_hash: email_hash.clone(),
            purpose: purpose.clone(),
            given: true,
            at: now,
            source: "double_opt_in".to_owned(),
            event_id: Some(event_id),
        };
        store::proof::insert(tx.connection(), &proof).await?;
        store::consent::put_consents(tx.connection(), &[&consent]).await?;
        store::consent::lift(tx.connection(), email_hash, now).await?;
        if let Some(email) = &address {
            let act = Act {
                event_id,
                kind: EngagementKind::Consent,
                name: "Double opt-in confirmed",
                email,
                at: now,
                properties: BTreeMap::from([("text_version".to_owned(), proof.text_version)]),
                consent: BTreeMap::from([(purpose.clone(), true)]),
                bot_reason: "",
                test: target.test,
                trace: None,
            };
            outbox::append(&mut tx, &[engagement::row(act, &self.identity_key)]).await?;
        }
        let wishes = self::wishes(&mut tx, email_hash).await?;
        tx.commit().await?;
        Ok(standing(wishes, &purpose))
    }
}

async fn wishes(tx: &mut WriteTx, email_hash: &[u8]) -> Result<Wishes, PgError> {
    Ok(store::consent::load(tx.connection(), &[email_hash]).await?.remove(email_hash).unwrap_or_default())
}

/// The newest word is yes, and nothing that a yes lifts is in its way.
fn stands(wishes: &Wishes, purpose: &str) -> bool {
    let liftable =
        wishes.suppression.as_ref().is_some_and(|one| matches!(one.reason.as_str(), "unsubscribed" | "erased"));
    !liftable && wishes.consents.get(purpose).is_some_and(|consent| consent.given)
}

/// What keeps us from writing.
fn standing(wishes: Wishes, purpose: &str) -> Option<String> {
    let given = wishes.consents.get(purpose).is_some_and(|consent| consent.given);
    wishes.suppression.map(|one| one.reason).or_else(|| (!given).then(|| "unsubscribed".to_owned()))
}
