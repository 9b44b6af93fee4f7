//! Sales people with little room: reps with caps who accept, decline, let expire, and close leads, so that capacity is
//! always contested.

use std::time::Duration;

use leadflow_proto::assignment::v1::{
    AcceptLeadRequest, AssignmentEvent, DeclineLeadRequest, Guard, Outcome, Pool, PoolMember, PutPoolRequest,
    PutRepRequest, RecordOutcomeRequest, Rep, SetPresenceRequest, Start, WatchAssignmentsRequest,
    assignment_admin_service_client::AssignmentAdminServiceClient,
    assignment_stream_service_client::AssignmentStreamServiceClient, rep_service_client::RepServiceClient,
    start::Position,
};
use leadflow_simulator::setup::{self, Authorized};
use tokio_util::sync::CancellationToken;

const REPS: i32 = 8;
/// Most open leads of one rep.
pub(crate) const MAX_OPEN: i32 = 6;

/// Eight reps with caps in one pool with offers.
pub(crate) async fn team(url: &str, api_key: &str) -> anyhow::Result<()> {
    let mut admin = AssignmentAdminServiceClient::new(setup::connect(url, api_key).await?);
    for number in 1..=REPS {
        let rep_id = format!("rep{number}");
        let rep = Rep {
            name: format!("Rep {number}"),
            email: format!("{rep_id}@sales-team.example"),
            time_zone: "UTC".to_owned(),
            max_open: MAX_OPEN,
            rep_id: rep_id.clone(),
            ..Default::default()
        };
        admin.put_rep(PutRepRequest { rep: Some(rep) }).await?;
        admin.set_presence(SetPresenceRequest { rep_id, present: true }).await?;
    }
    let members = (1..=REPS).map(|number| PoolMember {
        rep_id: format!("rep{number}"),
        weight: 1 + number % 3,
        ..Default::default()
    });
    let pool = Pool {
        pool_id: "inbound".to_owned(),
        name: "Inbound".to_owned(),
        is_default: true,
        offer_timeout: Some(pbjson_types::Duration { seconds: 5, nanos: 0 }),
        round_pause: Some(pbjson_types::Duration { seconds: 1, nanos: 0 }),
        members: members.collect(),
        ..Default::default()
    };
    admin.put_pool(PutPoolRequest { pool: Some(pool) }).await?;
    Ok(())
}

/// Answers offers and closes leads until `stop`, through every fault.
pub(crate) async fn work(urls: Vec<String>, api_key: String, seed: u64, stop: CancellationToken) -> anyhow::Result<()> {
    let mut cursor = None;
    for connection in 0usize.. {
        let url = &urls[connection % urls.len()];
        tokio::select! {
            () = stop.cancelled() => break,
            _ = one_connection(url, &api_key, seed, &mut cursor) => tokio::time::sleep(Duration::from_millis(300)).await,
        }
    }
    Ok(())
}

async fn one_connection(url: &str, api_key: &str, seed: u64, cursor: &mut Option<String>) -> anyhow::Result<()> {
    let channel = setup::connect(url, api_key).await?;
    let mut stream = AssignmentStreamServiceClient::new(channel.clone());
    let mut reps = RepServiceClient::new(channel);
    let position = cursor.clone().map_or(Position::Earliest(true), Position::AfterCursor);
    let request = WatchAssignmentsRequest { start: Some(Start { position: Some(position) }), ..Default::default() };
    let mut responses = stream.watch_assignments(request).await?.into_inner();
    while let Some(response) = responses.message().await? {
        for item in response.items {
            if let Some(event) = &item.event {
                answer(&mut reps, event, seed).await?;
            }
            *cursor = Some(item.cursor);
        }
    }
    Ok(())
}

/// What a rep does is a function of the event, so that a repeat after a break does the same with the same request id.
async fn answer(reps: &mut RepServiceClient<Authorized>, event: &AssignmentEvent, seed: u64) -> anyhow::Result<()> {
    let rep_id = event.assignment.as_ref().map(|assignment| assignment.rep_id.clone()).unwrap_or_default();
    let draw = event.event_id.bytes().fold(seed, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte))) % 10;
    let guard = Some(Guard { request_id: format!("chaos-{}", event.event_id), if_sequence: 0, rep_id });
    let lead_id = event.lead_id.clone();
    let answered = match (event.r#type.as_str(), draw) {
        // One in ten offers is forgotten and expires, two are given back.
        ("leadflow.assignment.offered.v1", 0) => return Ok(()),
        ("leadflow.assignment.offered.v1", 1 | 2) => reps
            .decline_lead(DeclineLeadRequest { lead_id, guard, reason: "in_a_meeting".to_owned() })
            .await
            .map(|_| ()),
        ("leadflow.assignment.offered.v1", _) => {
            reps.accept_lead(AcceptLeadRequest { lead_id, guard }).await.map(|_| ())
        }
        ("leadflow.assignment.accepted.v1", _) => {
            let stage = ["won", "lost", "recycled"][usize::try_from(draw % 3).unwrap_or(0)].to_owned();
            let outcome = Some(Outcome { stage, ..Default::default() });
            reps.record_outcome(RecordOutcomeRequest { lead_id, guard, outcome }).await.map(|_| ())
        }
        _ => return Ok(()),
    };
    match answered {
        Err(status)
            if matches!(
                status.code(),
                tonic::Code::Unavailable
                    | tonic::Code::Unknown
                    | tonic::Code::Cancelled
                    | tonic::Code::DeadlineExceeded
                    | tonic::Code::Internal
            ) =>
        {
            Err(status.into())
        }
        // Anything else is an answer: the offer has passed on, the lead has moved.
        _ => Ok(()),
    }
}
