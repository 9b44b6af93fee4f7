//! What a person did, newest first, each event once; for visitors too.

use leadflow_platform::error::ApiError;
use leadflow_proto::qualification::v1::{
    ListTimelineRequest, ListTimelineResponse, TimelineEntry, list_timeline_request,
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::find::{Who, missing_key};
use super::{Backend, page_size};
use crate::store;
use crate::store::question::TimelineRow;
use crate::wire::to_proto_time;
use crate::work::read_event;

impl Backend {
    /// One page.
    pub(super) async fn timeline(
        &self,
        connection: &mut PgConnection,
        request: ListTimelineRequest,
    ) -> Result<ListTimelineResponse, ApiError> {
        use list_timeline_request::Key;
        let who = match request.key.ok_or_else(missing_key)? {
            Key::PersonId(id) => Who::Person(id),
            Key::LeadId(id) => Who::Lead(id),
            Key::Email(email) => Who::Email(email),
            Key::AnonymousId(id) => Who::Anonymous(id),
            Key::UserId(id) => Who::User(id),
        };
        let limit = page_size(request.page_size, 50)?;
        let before = before(&request.page_token)?;
        let found = self.find(connection, &who).await?;
        let person = store::person::follow(connection, found.person).await?.unwrap_or(found.person);
        let mut ids: Vec<_> = store::identifier::members(connection, &[person])
            .await?
            .iter()
            .map(|member| member.known.node.id)
            .collect();
        // A junk identifier belongs to nobody, yet what came under it can be looked at.
        ids.extend(found.by);
        ids.sort_unstable();
        ids.dedup();
        let rows = store::question::timeline_before(connection, &ids, before, limit).await?;
        let full = i64::try_from(rows.len()).is_ok_and(|rows| rows == limit);
        let next = rows
            .last()
            .filter(|_| full)
            .map(|row| format!("{}.{}", row.occurred_at.as_microsecond(), row.event_id.simple()));
        Ok(ListTimelineResponse {
            entries: rows.iter().map(entry).collect(),
            next_page_token: next.unwrap_or_default(),
        })
    }
}

fn entry(row: &TimelineRow) -> TimelineEntry {
    let event = read_event(&row.data);
    let (kind, name, source, bot_reason, historical) = event.map_or_else(Default::default, |event| {
        let kind = event.kind.as_str().to_owned();
        (kind, event.name.clone(), event.source.clone(), event.bot_reason.clone().unwrap_or_default(), event.historical)
    });
    TimelineEntry {
        event_id: row.event_id.to_string(),
        kind,
        name,
        source,
        occurred_at: Some(to_proto_time(row.occurred_at)),
        received_at: Some(to_proto_time(row.received_at)),
        voided: row.voided,
        bot_reason,
        historical,
    }
}

fn before(token: &str) -> Result<Option<(jiff::Timestamp, Uuid)>, ApiError> {
    if token.is_empty() {
        return Ok(None);
    }
    let parsed = token.split_once('.').and_then(|(at, id)| {
        let at = jiff::Timestamp::from_microsecond(at.parse().ok()?).ok()?;
        Some((at, Uuid::parse_str(id).ok()?))
    });
    parsed.map(Some).ok_or_else(|| ApiError::invalid("page_token", "is no token of ours: take it from next_page_token"))
}
