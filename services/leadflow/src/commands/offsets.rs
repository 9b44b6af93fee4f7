//! `leadflow offsets`: where each consumer stands, whether its ledger balances, and the hand of an operator. It works on
//! the database and the broker, so that it also works while roles are down.

use std::process::ExitCode;

use futures::future::{join_all, try_join_all};
use leadflow_platform::kafka::KafkaConfig;
use leadflow_platform::offsets::{self, Hand, OffsetRow, OffsetsError, RestartAt, Which};
use leadflow_platform::pg::Database;

use crate::cli::Global;
use crate::config::RootConfig;
use crate::output::Output;
use crate::patience::{PATIENCE, Waiting, away};
use crate::text::{Text, green, plain, red, yellow};

#[derive(Debug, clap::Subcommand)]
#[command(after_help = "Examples:
  leadflow offsets list
  leadflow offsets set qualification engagement 3 120000 --reason 'replay after a bad deploy'
  leadflow offsets restart qualification engagement 3 --at earliest --reason 'topic was re-created'
  leadflow offsets accept-loss qualification engagement 3 --reason 'retention passed while we were down'
Offsets live in PostgreSQL. `kafka-consumer-groups --reset-offsets` has no effect here.")]
pub(crate) enum Offsets {
    /// Every partition that a role reads; exit 1 if one is stopped or its ledger does not balance.
    List,
    /// Go on at this offset: forward skips, backward reads again (nothing is applied twice).
    Set {
        #[command(flatten)]
        place: Place,
        /// The next record to apply.
        offset: i64,
        #[command(flatten)]
        why: Why,
    },
    /// Let a stopped partition go on; a running one is moved by `set`.
    Restart {
        #[command(flatten)]
        place: Place,
        /// Where.
        #[arg(long, value_enum, default_value_t = At::Here)]
        at: At,
        #[command(flatten)]
        why: Why,
    },
    /// The records below the oldest one are gone: count them as skipped and go on.
    AcceptLoss {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        why: Why,
    },
}

/// Which partition.
#[derive(Debug, clap::Args)]
pub(crate) struct Place {
    /// Role that reads it.
    consumer: String,
    /// Topic, short ("engagement") or full.
    topic: String,
    /// Its number.
    partition: i32,
}

/// Kept in the history.
#[derive(Debug, clap::Args)]
pub(crate) struct Why {
    /// Why; kept in the history.
    #[arg(long)]
    reason: String,
    /// Who; the login name unless told.
    #[arg(long, env = "USER", default_value = "unknown")]
    by: String,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum At {
    /// Where it stopped.
    Here,
    /// The oldest record on the broker.
    Earliest,
    /// The next record to come.
    Latest,
}

impl From<Why> for Hand {
    fn from(why: Why) -> Self {
        Hand { by: why.by, reason: why.reason }
    }
}

impl Offsets {
    pub(crate) async fn run(self, global: &Global, output: Output) -> anyhow::Result<ExitCode> {
        let config = crate::config::load(global)?;
        let kafka = &config.kafka;
        let (row, taken_up) = match self {
            Offsets::List => return list(&config, output).await,
            Offsets::Set { place, offset, why } => {
                let (database, which) = place.find(&config).await?;
                let _waiting = Waiting::for_(format!("asking the broker at {}", kafka.brokers));
                let moved = offsets::set(&database, kafka, &which, offset, &why.into()).await;
                (moved.map_err(|error| name_broker(error, kafka))?, WHEN_RUNNING)
            }
            Offsets::Restart { place, at, why } => {
                let (database, which) = place.find(&config).await?;
                let _waiting = Waiting::for_(format!("asking the broker at {}", kafka.brokers));
                refuse_running(&offsets::list(&database, kafka).await?, &which)?;
                let at = match at {
                    At::Here => RestartAt::Here,
                    At::Earliest => RestartAt::Earliest,
                    At::Latest => RestartAt::Latest,
                };
                let restarted = offsets::restart(&database, kafka, &which, at, &why.into()).await;
                (restarted.map_err(|error| name_broker(error, kafka))?, WHEN_STOPPED)
            }
            Offsets::AcceptLoss { place, why } => {
                let (database, which) = place.find(&config).await?;
                let _waiting = Waiting::for_(format!("asking the broker at {}", kafka.brokers));
                let accepted = offsets::accept_loss(&database, kafka, &which, &why.into()).await;
                (accepted.map_err(|error| name_broker(error, kafka))?, WHEN_STOPPED)
            }
        };
        let sentence = format!("{} {} {} goes on at {}", row.consumer, row.topic, row.partition, row.next_offset);
        output.done(&row, sentence)?;
        if !output.is_json() {
            output.line(format!("  {taken_up}; until then `leadflow offsets list` shows `not taken up`"))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Which broker it was that did not answer.
fn name_broker(error: OffsetsError, kafka: &KafkaConfig) -> anyhow::Error {
    match &error {
        OffsetsError::Broker(_) => anyhow::Error::from(error)
            .context(format!("the broker at {} does not answer; nothing was changed", kafka.brokers)),
        _ => error.into(),
    }
}

/// A role finds out that its claim is over when it wants to commit the next batch of the partition.
const WHEN_RUNNING: &str = "a running role takes it up with the next record of this partition, or when it starts again";
/// Stopped partitions are looked at every two seconds.
const WHEN_STOPPED: &str = "a running role takes it up within some seconds";

/// A restart of a partition that runs would throw its ledger away for nothing, and at `earliest` read everything again.
fn refuse_running(rows: &[OffsetRow], which: &Which) -> anyhow::Result<()> {
    let of_it = |row: &&OffsetRow| {
        row.consumer == which.consumer && row.topic == which.topic && row.partition == which.partition
    };
    let Which { consumer, topic, partition } = which;
    match rows.iter().find(of_it) {
        Some(row) if row.state == "running" => anyhow::bail!(
            "{consumer} {topic} {partition} is not stopped, it stands at {}; to move it: leadflow offsets set {consumer} \
             {topic} {partition} OFFSET --reason WHY",
            row.next_offset
        ),
        _ => Ok(()),
    }
}

impl Place {
    async fn find(self, config: &RootConfig) -> anyhow::Result<(Database, Which)> {
        let databases = databases(config).await?;
        let names: Vec<&str> = databases.iter().map(Database::schema).collect();
        let unknown =
            anyhow::anyhow!("no role named `{}` keeps offsets here; known: {}", self.consumer, names.join(", "));
        let topic = match self.topic.contains('.') {
            true => self.topic,
            false => format!("{}{}.v1", config.kafka.topic_prefix, self.topic),
        };
        // A role may read with more than one consumer: each has rows of its own in the role's schema.
        let own = |database: &Database| self.consumer.split('-').next() == Some(database.schema());
        let database = databases.into_iter().find(own).ok_or(unknown)?;
        Ok((database, Which { consumer: self.consumer, topic, partition: self.partition }))
    }
}

async fn databases(config: &RootConfig) -> anyhow::Result<Vec<Database>> {
    let schemas = super::migrate::schemas(config)?;
    let _waiting = Waiting::for_("asking the databases");
    try_join_all(schemas.iter().map(super::migrate::Schema::open)).await
}

async fn list(config: &RootConfig, output: Output) -> anyhow::Result<ExitCode> {
    let databases = databases(config).await?;
    let rows = read(&databases, &config.kafka, output).await?;
    let broken = |row: &OffsetRow| row.difference != 0 || row.state != "running";
    let code = if rows.iter().any(broken) { ExitCode::FAILURE } else { ExitCode::SUCCESS };
    if output.is_json() {
        rows.iter().try_for_each(|row| output.json_line(row))?;
        return Ok(code);
    }
    let header = [
        "CONSUMER",
        "TOPIC",
        "#",
        "NEXT",
        "LAG",
        "STATE",
        "APPLIED",
        "DUPLICATE",
        "IGNORED",
        "PARKED",
        "DEAD",
        "SKIPPED",
    ];
    output.table(&header, rows.iter().map(cells).collect())?;
    for row in rows.iter().filter(|row| row.stopped_reason.is_some()) {
        let reason = row.stopped_reason.as_deref().unwrap_or_default();
        output.line(format!("{} {} {}: {reason}", row.consumer, row.topic, row.partition))?;
    }
    Ok(code)
}

/// The rows of every role at once. They are worth having without the broker too, which is then waited for in vain: that is
/// said, not waited out in silence.
async fn read(databases: &[Database], kafka: &KafkaConfig, output: Output) -> anyhow::Result<Vec<OffsetRow>> {
    let waiting = Waiting::for_(format!("asking the broker at {}", kafka.brokers));
    let every = join_all(databases.iter().map(|database| offsets::list(database, kafka)));
    tokio::pin!(every);
    let found = match tokio::time::timeout(PATIENCE, &mut every).await {
        Ok(found) => found,
        Err(_) => {
            drop(waiting);
            output.note(format!("leadflow: {}; the rows follow without LAG", away(kafka)));
            every.await
        }
    };
    let mut rows = Vec::new();
    for found in found {
        rows.extend(found?);
    }
    Ok(rows)
}

fn cells(row: &OffsetRow) -> Vec<Text> {
    let state = match (row.state.as_str(), row.difference) {
        ("running", 0) if row.owner.is_none() => yellow("not taken up"),
        ("running", 0) => green("running"),
        ("running", n) => red(format!("LEDGER OFF BY {n}")),
        (other, _) => red(other),
    };
    let counts = [row.applied, row.duplicate, row.ignored, row.parked, row.dead, row.skipped];
    let mut cells = vec![
        plain(&row.consumer),
        plain(&row.topic),
        plain(row.partition.to_string()),
        plain(row.next_offset.to_string()),
        plain(row.lag.map_or_else(|| "?".to_owned(), |lag| lag.to_string())),
        state,
    ];
    cells.extend(counts.map(|count| plain(count.to_string())));
    cells
}

#[cfg(test)]
#[path = "offsets_tests.rs"]
mod tests;
