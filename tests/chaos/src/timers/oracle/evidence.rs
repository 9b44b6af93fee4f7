//! What the judge knows, and where from: the people by the seed, rows of the schema, the topic of nurture, what the driver
//! broke. Only collected here; nothing is compared.

use std::collections::HashMap;
use std::path::Path;

use anyhow::Context as _;
use leadflow_proto::nurture::v1::NurtureEvent;
use leadflow_proto::nurture::v1::nurture_event::Fact;
use uuid::Uuid;

use super::super::kills::{KILLS, Killed};
use super::super::people::{self, Person};
use super::super::timetable::{self, Way};
use super::{TimersOracleArguments, expect, topic};
use crate::acks;
use crate::psql::each_row;

/// Everything.
#[derive(Clone, Debug, Default)]
pub(super) struct Evidence {
    pub(super) ways: Vec<Way>,
    pub(super) people: Vec<Person>,
    /// Of each of the people, in their order.
    pub(super) seen: Vec<Seen>,
    /// Rows and facts of nobody, in words.
    pub(super) strangers: Vec<String>,
    pub(super) kills: Vec<Killed>,
    /// Transactions that ended because their process was gone.
    pub(super) cut: usize,
    pub(super) topic: topic::Heard,
}

/// What is known of a person.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    /// Enrolments.
    pub(super) enrolled: u32,
    /// Where the last one is, if it is where his mail is.
    pub(super) at_mail: bool,
    /// When the timer would wake him, of the rows while the clock stood; microseconds since 1970.
    pub(super) wakes: Vec<i64>,
    /// Of the send ledger.
    pub(super) ledger: Vec<LedgerRow>,
    pub(super) told: Told,
}

/// A row of the send ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LedgerRow {
    /// Of the mail that follows his wait.
    pub(super) is_his: bool,
    /// The clock of the transaction that took the step; microseconds since 1970.
    pub(super) queued_at: i64,
}

/// Facts of the topic, each id once.
#[derive(Clone, Debug, Default)]
pub(super) struct Told {
    pub(super) enrolled: u32,
    /// Until when he waits, as it was said; none: in words that name no time.
    pub(super) waits: Vec<Option<i64>>,
    /// His time has come.
    pub(super) came: u32,
    /// His mail is due.
    pub(super) mail: u32,
    /// Of other steps than the first and these, or of other kinds.
    pub(super) others: u32,
}

impl Told {
    /// One more fact about somebody who goes this way.
    pub(super) fn hear(&mut self, event: &NurtureEvent, way: &Way) {
        let step = event.step.as_str();
        match &event.fact {
            Some(Fact::Enrolled(_)) => self.enrolled += 1,
            Some(Fact::StepTaken(taken)) if step == way.id && taken.next_step.is_empty() => {
                self.waits.push(taken.reason.strip_prefix("waits until ").and_then(expect::moment));
            }
            Some(Fact::StepTaken(taken)) if step == way.id && taken.next_step == way.kind().mail() => self.came += 1,
            Some(Fact::StepTaken(_)) if step == way.kind().mail() => self.mail += 1,
            Some(Fact::StepTaken(_)) if step == "way" => {}
            _ => self.others += 1,
        }
    }
}

impl Evidence {
    pub(super) async fn collect(arguments: &TimersOracleArguments) -> anyhow::Result<Self> {
        let (common, ways) = (&arguments.common, timetable::ways());
        let people = people::draw(common.seed, arguments.leads, &ways);
        let numbers: HashMap<Uuid, usize> = people.iter().map(|person| person.lead_id).zip(0..).collect();
        let mut evidence = Self {
            seen: vec![Seen::default(); people.len()],
            kills: acks::read(&common.folder.join(KILLS))?,
            cut: cut_transactions(&common.folder)?,
            ways,
            people,
            ..Self::default()
        };
        let url = std::env::var("CHAOS_DATABASE_URL")?;
        evidence.read_rows(&url, &numbers).await?;
        evidence.topic = topic::Heard::read(&common.brokers, &numbers, |number, event| match number {
            Some(number) => {
                let way = &evidence.ways[evidence.people[number].way];
                evidence.seen[number].told.hear(event, way);
            }
            None => evidence.strangers.push(format!("a fact about lead {} is nobody's", event.lead_id)),
        })?;
        Ok(evidence)
    }

    async fn read_rows(&mut self, url: &str, numbers: &HashMap<Uuid, usize>) -> anyhow::Result<()> {
        let Self { ways, people, seen, strangers, .. } = self;
        let mut of_lead = |row: &[&str], what: &str| -> anyhow::Result<Option<usize>> {
            let lead_id = Uuid::parse_str(column(row, 0)?)?;
            let number = numbers.get(&lead_id).copied();
            if number.is_none() {
                strangers.push(format!("{what} of lead {lead_id} is nobody's"));
            }
            Ok(number)
        };
        let mail = |number: usize| ways[people[number].way].kind().mail();
        let enrolled = "select lead_id, step, state, wake_at is null from enrollment";
        each_row(url, enrolled, |row| {
            if let Some(number) = of_lead(row, "an enrolment")? {
                seen[number].enrolled += 1;
                seen[number].at_mail = row[1..] == [mail(number), "1", "t"];
            }
            Ok(())
        })
        .await?;
        let wakes = "select lead_id, (extract(epoch from wake_at) * 1000000)::bigint from chaos_wake
             where wake_at is not null";
        each_row(url, wakes, |row| {
            if let Some(number) = of_lead(row, "a wait")? {
                seen[number].wakes.push(column(row, 1)?.parse()?);
            }
            Ok(())
        })
        .await?;
        let ledger = "select lead_id, step, (extract(epoch from queued_at) * 1000000)::bigint from message";
        each_row(url, ledger, |row| {
            if let Some(number) = of_lead(row, "a mail")? {
                let is_his = column(row, 1)? == mail(number);
                seen[number].ledger.push(LedgerRow { is_his, queued_at: column(row, 2)?.parse()? });
            }
            Ok(())
        })
        .await
    }
}

/// By the log of PostgreSQL.
fn cut_transactions(folder: &Path) -> anyhow::Result<usize> {
    let path = folder.join("log/postgres.log");
    let log = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(log.matches("unexpected EOF on client connection with an open transaction").count())
}

fn column<'a>(row: &[&'a str], number: usize) -> anyhow::Result<&'a str> {
    row.get(number).copied().context("a row lacks a column")
}
