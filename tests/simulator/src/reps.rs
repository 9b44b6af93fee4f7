//! The reps of the sample at their desks: they watch the stream and accept what is offered, decline now and then.

use std::time::Duration;

use leadflow_proto::assignment::v1::{
    AcceptLeadRequest, AssignmentEvent, DeclineLeadRequest, Guard, Start, WatchAssignmentsRequest,
    assignment_stream_service_client::AssignmentStreamServiceClient, rep_service_client::RepServiceClient,
    start::Position,
};

use crate::setup::Authorized;

/// Answers offers until `until` is over. One offer in `decline_every` is declined (0: none).
///
/// # Errors
/// If the stream cannot be opened.
pub async fn answer_offers(channel: Authorized, until: Duration, decline_every: u32) -> anyhow::Result<u32> {
    let mut stream = AssignmentStreamServiceClient::new(channel.clone());
    let mut reps = RepServiceClient::new(channel);
    let start = Some(Start { position: Some(Position::Latest(true)) });
    let mut responses =
        stream.watch_assignments(WatchAssignmentsRequest { start, ..Default::default() }).await?.into_inner();
    let deadline = tokio::time::Instant::now() + until;
    let mut answered = 0;
    while let Ok(response) = tokio::time::timeout_at(deadline, responses.message()).await {
        let Some(response) = response? else { break };
        for event in response.items.into_iter().filter_map(|item| item.event) {
            if event.r#type != "leadflow.assignment.offered.v1" {
                continue;
            }
            answered += 1;
            answer(&mut reps, &event, decline_every > 0 && answered % decline_every == 0).await?;
        }
    }
    Ok(answered)
}

async fn answer(reps: &mut RepServiceClient<Authorized>, event: &AssignmentEvent, decline: bool) -> anyhow::Result<()> {
    let rep_id = event.assignment.as_ref().map(|assignment| assignment.rep_id.clone()).unwrap_or_default();
    let guard = Some(Guard { request_id: format!("sample-{}", event.event_id), if_sequence: 0, rep_id });
    let lead_id = event.lead_id.clone();
    let answer = if decline {
        let reason = "in_a_meeting".to_owned();
        reps.decline_lead(DeclineLeadRequest { lead_id, guard, reason }).await.map(|_| ())
    } else {
        reps.accept_lead(AcceptLeadRequest { lead_id, guard }).await.map(|_| ())
    };
    match answer {
        Ok(()) => Ok(()),
        // The offer was taken back or has passed on meanwhile: nothing to answer any more.
        Err(status)
            if matches!(
                status.code(),
                tonic::Code::FailedPrecondition | tonic::Code::Aborted | tonic::Code::NotFound
            ) =>
        {
            Ok(())
        }
        Err(status) => Err(status.into()),
    }
}
