//! Leads and owners: sequences dense, never two owners, no rep over a cap, the stream without gap and repeat.

use std::collections::{BTreeMap, BTreeSet};

use leadflow_proto::assignment::v1::{
    AssignmentEvent, AssignmentState, GetAssignmentRequest, ListRepsRequest,
    assignment_admin_service_client::AssignmentAdminServiceClient,
    assignment_stream_service_client::AssignmentStreamServiceClient, get_assignment_request,
};
use leadflow_simulator::setup::{self, Authorized};

use super::topics::Topics;
use super::{Finding, OracleArguments};
use crate::consumer::Seen;
use crate::sales::MAX_OPEN;

pub(super) async fn check(arguments: &OracleArguments, topics: &Topics) -> anyhow::Result<Vec<Finding>> {
    let url = std::env::var("LEADFLOW_ASSIGNMENT_URL")?;
    let channel = setup::connect(&url, &std::env::var("LEADFLOW_API_KEY")?).await?;
    let sequences = [&topics.leads.faults[..], &topics.assignments.faults[..]].concat();
    let count = |events: usize, repeats: u64| format!("{events} leads, {repeats} repeats");
    let what = format!(
        "sequences dense, repeats byte-equal (lead: {}; assignment: {})",
        count(topics.leads.events.len(), topics.leads.repeats),
        count(topics.assignments.events.len(), topics.assignments.repeats)
    );
    Ok(vec![
        Finding::new(what, sequences),
        owners(&topics.assignments.events),
        caps(channel).await?,
        stream(&crate::acks::read(&arguments.folder.join("stream.jsonl"))?, topics),
    ])
}

/// At no point of a lead's history are two of its assignments offered or accepted.
fn owners(events: &BTreeMap<String, BTreeMap<i32, AssignmentEvent>>) -> Finding {
    let mut faults = Vec::new();
    let mut owned = 0;
    for (lead_id, history) in events {
        let mut active = BTreeSet::new();
        for (sequence, event) in history {
            let Some(assignment) = &event.assignment else { continue };
            match assignment.state() {
                AssignmentState::Offered | AssignmentState::Accepted => active.insert(assignment.assignment_id.clone()),
                _ => active.remove(&assignment.assignment_id),
            };
            if active.len() > 1 {
                faults.push(format!("lead {lead_id} #{sequence} has {} active assignments", active.len()));
            }
        }
        owned += usize::from(!active.is_empty());
    }
    if events.is_empty() {
        faults.push("no lead was ever assigned: nothing was tested".to_owned());
    }
    Finding::new(format!("{} leads, {owned} with one owner now: leads with two owners", events.len()), faults)
}

/// What each rep has open, by the reps' counters and by the leads themselves.
async fn caps(channel: Authorized) -> anyhow::Result<Finding> {
    let reps =
        AssignmentAdminServiceClient::new(channel.clone()).list_reps(ListRepsRequest {}).await?.into_inner().reps;
    let mut stream = AssignmentStreamServiceClient::new(channel);
    let mut faults = Vec::new();
    for rep in &reps {
        let key = Some(get_assignment_request::Key::RepId(rep.rep_id.clone()));
        let open = stream.get_assignment(GetAssignmentRequest { key }).await?.into_inner().current.len();
        let open = i32::try_from(open).unwrap_or(i32::MAX);
        if open > MAX_OPEN || rep.open_count > MAX_OPEN || open != rep.open_count {
            faults.push(format!("{}: {open} open leads, counter {}, cap {MAX_OPEN}", rep.rep_id, rep.open_count));
        }
    }
    Ok(Finding::new(format!("{} reps: over a cap, or counted wrong", reps.len()), faults))
}

/// The reader that was cut off again and again saw each lead's events in order, none twice, none left out, and no other
/// event than the topic has.
fn stream(seen: &[Seen], topics: &Topics) -> Finding {
    let mut last: BTreeMap<&str, i32> = BTreeMap::new();
    let mut faults = Vec::new();
    for event in seen {
        let next = last.get(event.lead_id.as_str()).map_or(1, |last| last + 1);
        if event.sequence != next {
            faults.push(format!("lead {}: expected #{next}, the stream delivered #{}", event.lead_id, event.sequence));
        }
        let on_topic = topics.assignments.events.get(&event.lead_id).and_then(|history| history.get(&event.sequence));
        if on_topic
            .is_none_or(|on_topic| on_topic.event_id != event.event_id || on_topic.incarnation != event.incarnation)
        {
            faults.push(format!("lead {} #{}: the topic has another event", event.lead_id, event.sequence));
        }
        last.insert(&event.lead_id, event.sequence);
    }
    if seen.is_empty() {
        faults.push("the stream delivered nothing: nothing was tested".to_owned());
    }
    Finding::new(format!("{} events on the interrupted stream without gap and repeat", seen.len()), faults)
}
