//! The preference page: topics one by one, and everything at once.

use std::collections::BTreeSet;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use leadflow_platform::error::ApiError;
use leadflow_platform::http::read_body;

use super::Door;
use super::addressee::{Behind, SAMPLE_NOTE};
use super::page::{Page, Topic};
use crate::mail::LinkKind;
use crate::store;
use crate::store::consent::Wishes;
use crate::store::link::Target;

/// `GET|HEAD /p/{token}`
pub(super) async fn page(State(door): State<Door>, Path(token): Path<String>) -> Result<Response, ApiError> {
    let page = match door.behind(LinkKind::Preferences, &token).await? {
        Behind::Mail(_, target) => door.preferences(&target, Vec::new()).await?,
        Behind::Sample => door.preference_page(&Wishes::default(), false, vec![SAMPLE_NOTE.to_owned()]),
        Behind::Nothing => return Ok(door.unknown()),
    };
    Ok(page.answer(StatusCode::OK))
}

/// `POST /p/{token}`: `action=topics` with a `topic` for each box that is on, or `action=unsubscribe`.
pub(super) async fn save(
    State(door): State<Door>,
    Path(token): Path<String>,
    body: Body,
) -> Result<Response, ApiError> {
    let behind = door.behind(LinkKind::Preferences, &token).await?;
    if let Behind::Nothing = behind {
        return Ok(door.unknown());
    }
    // Whoever sees the answer is a person with a browser: a page, whatever went wrong.
    let Ok(body) = read_body(body, 64 << 10).await else { return Ok(door.not_understood()) };
    let form: Vec<(String, String)> = serde_urlencoded::from_bytes(&body).unwrap_or_default();
    let action = form.iter().find(|(name, _)| name == "action").map_or("", |(_, value)| value.as_str());
    if !["unsubscribe", "topics"].contains(&action) {
        return Ok(door.not_understood());
    }
    let Behind::Mail(message_id, target) = behind else {
        let page = door.preference_page(&Wishes::default(), false, vec![SAMPLE_NOTE.to_owned()]);
        return Ok(page.answer(StatusCode::OK));
    };
    let said = if action == "unsubscribe" {
        door.unsubscribe(message_id, &target, "preference_page").await?;
        "You get no more marketing mails from us."
    } else {
        let wanted = form.iter().filter(|(name, _)| name == "topic").map(|(_, value)| value.clone()).collect();
        door.save_topics(&target, &wanted).await?;
        "Saved."
    };
    let page = door.preferences(&target, vec![said.to_owned()]).await?;
    Ok(page.answer(StatusCode::OK))
}

impl Door {
    fn not_understood(&self) -> Response {
        let page = Page {
            title: "Nothing was changed".to_owned(),
            lines: vec![
                "We did not understand what was sent. Open the link in the mail once more, and press a button there."
                    .to_owned(),
            ],
            sender: self.sender_line(),
            ..Page::default()
        };
        page.answer(StatusCode::BAD_REQUEST)
    }

    async fn preferences(&self, target: &Target, mut lines: Vec<String>) -> Result<Page, ApiError> {
        let (present, all) = self.said(target).await?;
        // As long as one of the addresses may get mails there is something to end.
        let stopped = all.iter().all(|wishes| wishes.suppression.is_some());
        if stopped && lines.is_empty() {
            lines.push("You get no marketing mails from us.".to_owned());
        }
        Ok(self.preference_page(&present, stopped, lines))
    }

    fn preference_page(&self, wishes: &Wishes, stopped: bool, lines: Vec<String>) -> Page {
        let topics = if stopped { Vec::new() } else { self.topics(wishes) };
        let button = if stopped { "" } else { "Unsubscribe from everything" };
        Page {
            title: "What we may write to you about".to_owned(),
            lines,
            topics,
            button: button.to_owned(),
            action: "unsubscribe",
            plain: true,
            sender: self.sender_line(),
        }
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
        let (mut tx, addressee) = self.hold("preferences", target).await?;
        let now = tx.now();
        for email_hash in addressee.hashes() {
            store::consent::put_topics(tx.connection(), email_hash, &topics, now).await?;
        }
        tx.commit().await?;
        Ok(())
    }
}
