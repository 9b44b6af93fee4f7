//! The other end: offers as they arrive on the gRPC stream, where a sales tool would see them.

use std::collections::HashMap;
use std::time::Instant;

use anyhow::Context as _;
use leadflow_proto::assignment::v1::{
    AssignmentEvent, Start, WatchAssignmentsRequest, WatchAssignmentsResponse,
    assignment_stream_service_client::AssignmentStreamServiceClient, start::Position,
};
use tonic::Streaming;

use crate::deployment::Deployment;
use crate::team;

const OFFERED: &str = "leadflow.assignment.offered.v1";

/// One offer as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// Which lead.
    pub(crate) lead_id: String,
    /// When its message was read off the stream.
    pub(crate) arrived: Instant,
}

/// An open stream.
pub(crate) struct Offers {
    responses: Streaming<WatchAssignmentsResponse>,
}

impl Offers {
    /// From a position on; returns when the service has taken the call.
    ///
    /// # Errors
    /// If it refuses.
    pub(crate) async fn open(deployment: &Deployment, from: Position) -> anyhow::Result<Self> {
        let mut client = AssignmentStreamServiceClient::new(team::channel(deployment).await?);
        let start = Some(Start { position: Some(from) });
        let request = WatchAssignmentsRequest { start, max_batch: 1000, ..Default::default() };
        Ok(Self { responses: client.watch_assignments(request).await?.into_inner() })
    }

    /// The next events with the moment of their arrival, and whether the reader has seen everything there is.
    ///
    /// # Errors
    /// If the stream ends.
    pub(crate) async fn next(&mut self) -> anyhow::Result<(Vec<AssignmentEvent>, Instant, bool)> {
        let response = self.responses.message().await?.context("the stream of offers ended")?;
        let arrived = Instant::now();
        let events = response.items.into_iter().filter_map(|item| item.event).collect();
        Ok((events, arrived, response.caught_up))
    }

    /// Until each of these addresses was offered; the offers in the order of the numbers. What was not offered by
    /// `deadline` stays `None`.
    ///
    /// # Errors
    /// If the stream ends.
    pub(crate) async fn wait_for(
        &mut self,
        numbers: &HashMap<String, usize>,
        deadline: Instant,
    ) -> anyhow::Result<Vec<Option<Seen>>> {
        let mut seen: Vec<Option<Seen>> = vec![None; numbers.len()];
        let mut missing = numbers.len();
        while missing > 0 {
            let Ok(next) = tokio::time::timeout_at(deadline.into(), self.next()).await else { break };
            let (events, arrived, _) = next?;
            for event in events.into_iter().filter(is_offer) {
                let email = event.lead.as_ref().map_or("", |lead| lead.email.as_str());
                let Some(&number) = numbers.get(email) else { continue };
                if seen[number].is_none() {
                    seen[number] = Some(Seen { lead_id: event.lead_id, arrived });
                    missing -= 1;
                }
            }
        }
        Ok(seen)
    }
}

/// Whether a rep is asked by it.
pub(crate) fn is_offer(event: &AssignmentEvent) -> bool {
    event.r#type == OFFERED
}
