//! The preference page: topics one by one, and everything at once.

use std::collections::BTreeSet;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use leadflow_platform::error::ApiError;
use leadflow_platform::http::read_body;
use leadflow_platform::pg::PgError;

use super::Door;
use super::page::{Page, Topic};
use crate::mail::LinkKind;
use crate::store;
use crate::store::consent::Wishes;
use crate::store::link::Target;

/// `GET|HEAD /p/{token}`
pub(super) async fn page(State(door): State<Door>, Path(token): Path<String>) -> Result<Response, ApiError> {
    let Some((_, target)) = door.target(LinkKind::Preferences, &token).await? else { return Ok(door.unknown()) };
    let page = door.preferences(&target, Vec::new()).await?;
    Ok(page.answer(StatusCode::OK))
}

/// `POST /p/{token}`: `action=topics` with a `topic` for each box that is on, or `action=unsubscribe`.
pub(super) async fn save(
    State(door): State<Door>,
    Path(token): Path<String>,
    body: Body,
) -> Result<Response, ApiError> {
    let Some((message_id, target)) = door.target(LinkKind::Preferences, &token).await? else {
        return Ok(door.unknown());
    };
    let body = read_body(body, 64 << 10).await?;
    let form: Vec<(String, String)> = serde_urlencoded::from_bytes(&body)
        .map_err(|_| ApiError::invalid("body", "is no form (application/x-www-form-urlencoded)"))?;
    let action = form.iter().find(|(name, _)| name == "action").map_or("", |(_, value)| value.as_str());
    let said = match action {
        "unsubscribe" => {
            door.unsubscribe(message_id, &target, "preference_page").await?;
            "You get no more marketing mails from us."
        }
        "topics" => {
            let wanted = form.iter().filter(|(name, _)| name == "topic").map(|(_, value)| value.clone()).collect();
            door.save_topics(&target, &wanted).await?;
            "Saved."
        }
        _ => return Err(ApiError::invalid("action", "is topics or unsubscribe")),
    };
    let page = door.preferences(&target, vec![said.to_owned()]).await?;
    Ok(page.answer(StatusCode::OK))
}

impl Door {
    async fn preferences(&self, target: &Target, mut lines: Vec<String>) -> Result<Page, ApiError> {
        let mut connection = self.database.pool().acquire().await.map_err(PgError::from)?;
        let wishes = store::consent::load(&mut connection, &[&target.email_hash]).await?.remove(&target.email_hash);
        let wishes = wishes.unwrap_or_default();
        let stopped = wishes.suppression.is_some();
        if stopped && lines.is_empty() {
            lines.push("You get no marketing mails from us.".to_owned());
        }
        let topics = if stopped { Vec::new() } else { self.topics(&wishes) };
        let button = if stopped { "" } else { "Unsubscribe from everything" };
        Ok(Page {
            title: "What we may write to you about".to_owned(),
            lines,
            topics,
            button: button.to_owned(),
            action: "unsubscribe",
            plain: true,
            sender: self.sender_line(),
        })
    }

    fn topics(&self, wishes: &Wishes) -> Vec<Topic> {
        let topic = |(name, text): (&String, &String)| Topic {
            name: name.clone(),
            text: text.clone(),
            wanted: wishes.topics.get(name) != Some(&false),
        };
        self.config.topics.iter().map(topic).collect()
    }

    async fn save_topics(&self, target: &Target, wanted: &BTreeSet<String>) -> Result<(), ApiError> {
        // Only topics that there are: the page shows no others.
        let topics: Vec<(String, bool)> =
            self.config.topics.keys().map(|name| (name.clone(), wanted.contains(name))).collect();
        let mut tx = self.database.write_tx("preferences").await?;
        let now = tx.now();
        let hashes = std::iter::once(target.email_hash.clone()).collect();
        store::contact::lock(tx.connection(), &hashes).await?;
        store::consent::put_topics(tx.connection(), &target.email_hash, &topics, now).await?;
        tx.commit().await?;
        Ok(())
    }
}
