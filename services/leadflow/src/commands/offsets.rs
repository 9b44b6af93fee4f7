//! `leadflow offsets`: where each consumer stands, whether its ledger balances, and the hand of an operator. It works on
//! the database and the broker, so that it also works while roles are down.

use std::process::ExitCode;

use leadflow_platform::offsets::{self, Hand, OffsetRow, RestartAt, Which};
use leadflow_platform::pg::Database;

use crate::cli::Global;
use crate::config::RootConfig;
use crate::output::Output;

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
    /// Let a stopped partition go on.
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
        let row = match self {
            Offsets::List => return list(&config, output).await,
            Offsets::Set { place, offset, why } => {
                let (database, which) = place.find(&config).await?;
                offsets::set(&database, kafka, &which, offset, &why.into()).await?
            }
            Offsets::Restart { place, at, why } => {
                let (database, which) = place.find(&config).await?;
                let at = match at {
                    At::Here => RestartAt::Here,
                    At::Earliest => RestartAt::Earliest,
                    At::Latest => RestartAt::Latest,
                };
                offsets::restart(&database, kafka, &which, at, &why.into()).await?
            }
            Offsets::AcceptLoss { place, why } => {
                let (database, which) = place.find(&config).await?;
                offsets::accept_loss(&database, kafka, &which, &why.into()).await?
            }
        };
        let sentence = format!("{} {} {} goes on at {}", row.consumer, row.topic, row.partition, row.next_offset);
        output.done(&row, &sentence)?;
        Ok(ExitCode::SUCCESS)
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
    let schemas = super::migrate::schemas(config).await?;
    Ok(schemas.into_iter().map(|(database, _)| database).collect())
}

async fn list(config: &RootConfig, output: Output) -> anyhow::Result<ExitCode> {
    let mut rows = Vec::new();
    for database in databases(config).await? {
        rows.extend(offsets::list(&database, &config.kafka).await?);
    }
    let broken = |row: &OffsetRow| row.difference != 0 || row.state != "running";
    let code = if rows.iter().any(broken) { ExitCode::FAILURE } else { ExitCode::SUCCESS };
    if output.is_json() {
        rows.iter().try_for_each(|row| output.json_line(row))?;
        return Ok(code);
    }
    let cells = rows.iter().map(|row| {
        let lag = row.lag.map_or_else(|| "?".to_owned(), |lag| lag.to_string());
        let state = match (row.state.as_str(), row.difference) {
            ("running", 0) => output.green("running"),
            ("running", n) => output.red(&format!("LEDGER OFF BY {n}")),
            (other, _) => output.red(other),
        };
        let counts = [row.applied, row.duplicate, row.ignored, row.parked, row.dead, row.skipped];
        let mut cells = vec![
            row.consumer.clone(),
            row.topic.clone(),
            row.partition.to_string(),
            row.next_offset.to_string(),
            lag,
            state,
        ];
        cells.extend(counts.map(|count| count.to_string()));
        cells
    });
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
    output.table(&header, cells.collect())?;
    for row in rows.iter().filter(|row| row.stopped_reason.is_some()) {
        let reason = row.stopped_reason.as_deref().unwrap_or_default();
        output.line(&format!("{} {} {}: {reason}", row.consumer, row.topic, row.partition))?;
    }
    Ok(code)
}
