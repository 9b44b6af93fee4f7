//! What an edit would change: nothing is written.

use std::collections::BTreeSet;

use leadflow_platform::error::ApiError;
use leadflow_platform::pg::PgError;
use leadflow_proto::nurture::v1::{InFlight, PreviewJourneyRequest, PreviewJourneyResponse};
use uuid::Uuid;

use super::{Desk, page_size};
use crate::domain::journey::Journey;
use crate::store;
use crate::wire::to_proto_time;

impl Desk {
    pub(super) async fn preview(&self, request: PreviewJourneyRequest) -> Result<PreviewJourneyResponse, ApiError> {
        let limit = page_size("limit", request.limit, 100)?;
        let edited = self.read(&request.body)?;
        let journey_id = edited.journey.journey_id.as_str();
        let mut connection = self.database.pool().acquire().await.map_err(PgError::from)?;
        let active = store::journey::active(&mut *connection).await?;
        let Some((_, version, _)) = active.into_iter().find(|(name, ..)| name == journey_id) else {
            let changes = vec!["this journey is new: nobody is in it".to_owned()];
            return Ok(PreviewJourneyResponse { changes, ..PreviewJourneyResponse::default() });
        };
        let current = self.journeys.get(&mut connection, journey_id, version).await?;
        let changes = current.map(|current| changes(&current.journey, &edited.journey)).unwrap_or_default();
        let in_flight = store::journey::in_flight(&mut *connection, journey_id).await?;
        let page = store::enrollment::in_flight(&mut connection, journey_id, Uuid::nil(), limit).await?;
        let enrollments = page.into_iter().map(|one| {
            let after_edit = if edited.journey.by_id.contains_key(&one.context.step) {
                let due = one.wake_at.map(|at| format!(", due {at}")).unwrap_or_default();
                format!(
                    "with --migrate goes on at step {}{due}; else stays in version {}",
                    one.context.step, one.version
                )
            } else {
                format!("stays in version {}: its step {} is gone", one.version, one.context.step)
            };
            InFlight {
                enrollment_id: one.enrollment_id.to_string(),
                lead_id: one.lead_id.to_string(),
                version: one.version,
                step: one.context.step,
                wake_at: one.wake_at.map(to_proto_time),
                after_edit,
            }
        });
        Ok(PreviewJourneyResponse {
            active_version: version,
            in_flight: in_flight.iter().map(|(_, n)| n).sum(),
            enrollments: enrollments.collect(),
            changes,
        })
    }
}

/// In sentences, in the order of the file.
fn changes(before: &Journey, after: &Journey) -> Vec<String> {
    let mut changes = Vec::new();
    if before.entry != after.entry {
        changes.push("who enters is another question now".to_owned());
    }
    if before.exits != after.exits {
        changes.push("what ends it from any step has changed".to_owned());
    }
    if before.window != after.window {
        changes.push("the hours in which mails go out have changed".to_owned());
    }
    for step in &after.steps {
        match before.by_id.get(&step.id).map(|number| &before.steps[*number]) {
            None => changes.push(format!("step {} is new", step.id)),
            Some(old) if old.action != step.action => changes.push(format!("step {} does something else", step.id)),
            Some(old)
                if target(before, old.next) != target(after, step.next)
                    || target(before, old.otherwise) != target(after, step.otherwise) =>
            {
                changes.push(format!("step {} leads somewhere else", step.id));
            }
            Some(_) => {}
        }
    }
    let kept: BTreeSet<&String> = after.by_id.keys().collect();
    let gone = before.steps.iter().filter(|step| !kept.contains(&step.id));
    changes.extend(gone.map(|step| format!("step {} is gone", step.id)));
    for (name, template) in &after.source.templates {
        match before.source.templates.get(name) {
            None => changes.push(format!("mail {name} is new")),
            Some(old) if old != template => changes.push(format!("the text of mail {name} has changed")),
            Some(_) => {}
        }
    }
    if changes.is_empty() {
        changes.push("nothing changes".to_owned());
    }
    changes
}

fn target(journey: &Journey, number: Option<usize>) -> Option<&str> {
    number.map(|number| journey.steps[number].id.as_str())
}
