//! Events and people: each acknowledged event stands on the timeline once; a fold from the start changes nobody, so that
//! nothing was counted twice; every hand that was raised is on the `lead` topic.

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt as _, TryStreamExt as _};
use leadflow_proto::qualification::v1::{
    ListTimelineRequest, RecomputePersonRequest, lead_service_client::LeadServiceClient, list_timeline_request,
    qualification_admin_service_client::QualificationAdminServiceClient, recompute_person_request,
};
use leadflow_simulator::load::Load;
use leadflow_simulator::setup::{self, Authorized};

use super::topics::Topics;
use super::{Finding, OracleArguments};
use crate::acks::Ack;

/// Requests in flight.
const AT_ONCE: usize = 8;

pub(super) async fn check(arguments: &OracleArguments, acks: &[Ack], topics: &Topics) -> anyhow::Result<Vec<Finding>> {
    let url = std::env::var("LEADFLOW_QUALIFICATION_URL")?;
    let channel = setup::connect(&url, &std::env::var("LEADFLOW_API_KEY")?).await?;
    let mut expected: BTreeMap<u32, BTreeSet<String>> = BTreeMap::new();
    for ack in acks {
        expected.entry(ack.person).or_default().insert(event_id(ack));
    }
    let timelines = futures::stream::iter(expected.keys().copied())
        .map(|person| timeline(channel.clone(), arguments.seed, person))
        .buffer_unordered(AT_ONCE)
        .try_collect::<BTreeMap<u32, Vec<String>>>()
        .await?;
    let changed = futures::stream::iter(expected.keys().copied())
        .map(|person| recompute(channel.clone(), arguments.seed, person))
        .buffer_unordered(AT_ONCE)
        .try_collect::<Vec<Option<String>>>()
        .await?;
    let (lost, twice) = compare(&expected, &timelines);
    Ok(vec![
        Finding::new(
            format!("{} acknowledged events on the timelines of {} persons: lost", acks.len(), expected.len()),
            lost,
        ),
        Finding::new("events that stand on a timeline twice or were never sent", twice),
        Finding::new(
            "persons whom a fold from the start changes (something was applied twice or not at all)",
            changed.into_iter().flatten().collect(),
        ),
        hands(acks, topics),
    ])
}

/// The namespace of sources, as docs/sending-events.md tells it.
const SOURCES: uuid::Uuid = uuid::Uuid::from_u128(0x8f0c_3d1e_5b77_4c1a_9d55_6c65_6164_666c);

/// The public rule: UUIDv5(UUIDv5(namespace of sources, source id), the sender's message id).
fn event_id(ack: &Ack) -> String {
    if let Some(id) = &ack.event_id {
        return id.clone();
    }
    let source = uuid::Uuid::new_v5(&SOURCES, b"web");
    uuid::Uuid::new_v5(&source, ack.message_id.as_bytes()).to_string()
}

fn compare(
    expected: &BTreeMap<u32, BTreeSet<String>>,
    timelines: &BTreeMap<u32, Vec<String>>,
) -> (Vec<String>, Vec<String>) {
    let (mut lost, mut twice) = (Vec::new(), Vec::new());
    let empty = Vec::new();
    for (person, ids) in expected {
        let seen = timelines.get(person).unwrap_or(&empty);
        let mut once = BTreeSet::new();
        for id in seen {
            if !once.insert(id.clone()) || !ids.contains(id) {
                twice.push(format!("person {person}: {id}"));
            }
        }
        lost.extend(ids.iter().filter(|id| !once.contains(*id)).map(|id| format!("person {person}: {id}")));
    }
    (lost, twice)
}

async fn timeline(channel: Authorized, seed: u64, person: u32) -> anyhow::Result<(u32, Vec<String>)> {
    let mut client = LeadServiceClient::new(channel);
    let key = Some(list_timeline_request::Key::AnonymousId(Load::anonymous_id(seed, person)));
    let mut ids = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = ListTimelineRequest { page_size: 1000, page_token, key: key.clone() };
        let page = match client.list_timeline(request).await {
            Ok(page) => page.into_inner(),
            Err(status) if status.code() == tonic::Code::NotFound => return Ok((person, ids)),
            Err(status) => return Err(status.into()),
        };
        ids.extend(page.entries.into_iter().map(|entry| entry.event_id));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok((person, ids));
        }
    }
}

async fn recompute(channel: Authorized, seed: u64, person: u32) -> anyhow::Result<Option<String>> {
    let mut client = QualificationAdminServiceClient::new(channel);
    let key = recompute_person_request::Key::AnonymousId(Load::anonymous_id(seed, person));
    match client.recompute_person(RecomputePersonRequest { key: Some(key) }).await {
        Ok(response) if response.get_ref().changed => Ok(Some(format!("person {person}"))),
        Ok(_) => Ok(None),
        Err(status) => Ok(Some(format!("person {person}: {}", status.message()))),
    }
}

/// Every hand-raise that a door acknowledged is engaged on the lead topic.
fn hands(acks: &[Ack], topics: &Topics) -> Finding {
    use leadflow_proto::qualification::v1::lead_event::Fact;
    let events = topics.leads.events.values().flat_map(BTreeMap::values);
    let mut seen = BTreeSet::new();
    for event in events {
        if let Some(Fact::Engaged(engaged)) = &event.fact {
            seen.insert(engaged.event_id.clone());
        }
        if let Some(hand) = event.lead.as_ref().and_then(|lead| lead.hand_raise.as_ref()) {
            seen.insert(hand.event_id.clone());
        }
    }
    let raised: Vec<String> = acks.iter().filter(|ack| ack.hand_raise).map(event_id).collect();
    let unheard = raised.iter().filter(|id| !seen.contains(*id)).cloned().collect();
    Finding::new(format!("{} raised hands heard on the lead topic", raised.len()), unheard)
}
