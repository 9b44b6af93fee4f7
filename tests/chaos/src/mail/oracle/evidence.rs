//! What the judge knows, and where from: the log of the relay, the answers of nurture, its topic, the marks in the order of
//! the database, the driver's own journals. Only collected here; nothing is compared.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context as _;
use futures::{StreamExt as _, TryStreamExt as _};
use jiff::Timestamp;
use leadflow_mailbox::{Entry, read_log};
use leadflow_proto::nurture::v1::nurture_admin_service_client::NurtureAdminServiceClient;
use leadflow_proto::nurture::v1::nurture_event::Fact;
use leadflow_proto::nurture::v1::nurture_service_client::NurtureServiceClient;
use leadflow_proto::nurture::v1::{
    GetPreferencesRequest, GetSendingRequest, ListMessagesRequest, Message, NurtureEvent, get_preferences_request,
};
use leadflow_simulator::setup::{self, Authorized};
use uuid::Uuid;

use super::super::deployment::relay_folder;
use super::super::journal::{Answered, INCIDENTS, Incident, STOPS};
use super::super::people::{self, Person};
use super::MailOracleArguments;
use crate::acks;
use crate::oracle::topics::{Sequenced, sequenced};
use crate::psql::ask;

/// Requests in flight.
const AT_ONCE: usize = 8;

/// A mark `sending`, as it was committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Begin {
    pub(super) at: Timestamp,
    /// A suppression of the address stood there.
    pub(super) after_stop: bool,
}

/// A line of the ledger, as `ListMessages` tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) state: String,
    pub(super) reason: String,
}

/// Everything.
#[derive(Clone, Debug, Default)]
pub(super) struct Evidence {
    pub(super) people: Vec<Person>,
    /// The ledger by message.
    pub(super) ledger: BTreeMap<Uuid, Line>,
    /// Messages that were listed twice.
    pub(super) listed_twice: Vec<Uuid>,
    /// How many of each state `GetSending` counts.
    pub(super) counted: BTreeMap<String, i64>,
    /// The relay's log.
    pub(super) relay: Vec<Entry>,
    pub(super) begins: BTreeMap<Uuid, Vec<Begin>>,
    pub(super) stops: Vec<Answered>,
    /// People to whom nurture sends nothing any more.
    pub(super) suppressed: BTreeSet<u32>,
    pub(super) incidents: Vec<Incident>,
    /// What the topic said of each message, in its order.
    pub(super) told: BTreeMap<Uuid, Vec<&'static str>>,
    /// What is wrong with the sequences of the topic.
    pub(super) sequences: Vec<String>,
    /// Events of the topic, and how many came again.
    pub(super) events: (usize, u64),
}

impl Evidence {
    pub(super) async fn collect(arguments: &MailOracleArguments) -> anyhow::Result<Self> {
        let common = &arguments.common;
        let url = std::env::var("LEADFLOW_NURTURE_URL")?;
        let channel = setup::connect(&url, &std::env::var("LEADFLOW_API_KEY")?).await?;
        let people = people::draw(common.seed, arguments.mails);
        let mut evidence = Self {
            relay: read_log(&relay_folder(&common.folder))?,
            begins: begins().await?,
            stops: acks::read(&common.folder.join(STOPS))?,
            incidents: acks::read(&common.folder.join(INCIDENTS))?,
            ..Self::default()
        };
        evidence.read_ledger(&channel, &people).await?;
        evidence.suppressed = suppressed(&channel, &people, &evidence.stops).await?;
        evidence.people = people;
        let topic = sequenced(&common.brokers, "leadflow.nurture.v1", |event: &NurtureEvent| {
            (event.lead_id.clone(), event.sequence)
        })?;
        evidence.hear(topic);
        Ok(evidence)
    }

    async fn read_ledger(&mut self, channel: &Authorized, people: &[Person]) -> anyhow::Result<()> {
        let pages = futures::stream::iter(people.iter().map(|person| person.lead_id))
            .map(|lead_id| messages(channel.clone(), lead_id))
            .buffer_unordered(AT_ONCE)
            .try_collect::<Vec<Vec<Message>>>()
            .await?;
        for message in pages.into_iter().flatten() {
            let id = Uuid::parse_str(&message.message_id)?;
            let line = Line { state: message.state, reason: message.reason };
            if self.ledger.insert(id, line).is_some() {
                self.listed_twice.push(id);
            }
        }
        let mut admin = NurtureAdminServiceClient::new(channel.clone());
        let sending = admin.get_sending(GetSendingRequest {}).await?.into_inner().sending;
        self.counted = sending.context("no answer about sending")?.messages.into_iter().collect();
        Ok(())
    }

    fn hear(&mut self, topic: Sequenced<NurtureEvent>) {
        self.events = (topic.events.values().map(BTreeMap::len).sum(), topic.repeats);
        self.sequences = topic.faults;
        for event in topic.events.into_values().flat_map(BTreeMap::into_values) {
            let (id, state) = match event.fact {
                Some(Fact::MessageSent(sent)) => (sent.message_id, "sent"),
                Some(Fact::MessageSkipped(skipped)) => (skipped.message_id, "skipped"),
                Some(Fact::MessageFailed(failed)) => (failed.message_id, "failed"),
                Some(Fact::MessageUncertain(uncertain)) => (uncertain.message_id, "uncertain"),
                _ => continue,
            };
            self.told.entry(Uuid::parse_str(&id).unwrap_or_default()).or_default().push(state);
        }
    }
}

async fn messages(channel: Authorized, lead_id: Uuid) -> anyhow::Result<Vec<Message>> {
    let mut client = NurtureServiceClient::new(channel);
    let mut messages = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = ListMessagesRequest { lead_id: lead_id.to_string(), page_size: 100, page_token };
        let page = client.list_messages(request).await?.into_inner();
        messages.extend(page.messages);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(messages);
        }
    }
}

/// Of those whose stop was answered: whom nurture knows as suppressed.
async fn suppressed(channel: &Authorized, people: &[Person], stops: &[Answered]) -> anyhow::Result<BTreeSet<u32>> {
    let people: BTreeMap<u32, &Person> = people.iter().map(|person| (person.number, person)).collect();
    let asked = stops.iter().filter_map(|stop| people.get(&stop.person));
    let answers = futures::stream::iter(asked)
        .map(|person| {
            let mut client = NurtureServiceClient::new(channel.clone());
            let key = Some(get_preferences_request::Key::LeadId(person.lead_id.to_string()));
            async move {
                let answer = client.get_preferences(GetPreferencesRequest { key }).await?.into_inner();
                anyhow::Ok((!answer.suppressed.is_empty()).then_some(person.number))
            }
        })
        .buffer_unordered(AT_ONCE)
        .try_collect::<Vec<Option<u32>>>()
        .await?;
    Ok(answers.into_iter().flatten().collect())
}

/// The marks, as the trigger of `watch.sql` kept them.
async fn begins() -> anyhow::Result<BTreeMap<Uuid, Vec<Begin>>> {
    let sql = "select message_id, (extract(epoch from at) * 1000000)::bigint, after_stop from chaos_begin order by at";
    let mut begins: BTreeMap<Uuid, Vec<Begin>> = BTreeMap::new();
    for line in ask(&std::env::var("CHAOS_DATABASE_URL")?, sql).await?.lines() {
        let mut fields = line.split('|');
        let mut field = || fields.next().context("a row of chaos_begin lacks a column");
        let (id, at, after_stop) = (Uuid::parse_str(field()?)?, field()?.parse()?, field()? == "t");
        begins.entry(id).or_default().push(Begin { at: Timestamp::from_microsecond(at)?, after_stop });
    }
    Ok(begins)
}
