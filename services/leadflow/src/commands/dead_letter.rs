//! `leadflow dead-letter`: records that a role could not decode or apply, and the way back.

use std::time::Duration;

use anyhow::Context as _;
use leadflow_platform::dead_letters::{self, Letter};

use crate::cli::Global;
use crate::output::Output;

#[derive(Debug, clap::Subcommand)]
#[command(
    after_help = "A record that is sent again is applied at most once: what it had caused is recognised by its event id."
)]
pub(crate) enum DeadLetter {
    /// All dead letters that the broker still has.
    List,
    /// One of them, with its bytes as hex.
    Show {
        /// Its id.
        id: String,
    },
    /// Send it again to the topic it came from, with its key.
    Redrive {
        /// Its id.
        id: String,
        /// Do it; without it nothing is sent.
        #[arg(long)]
        yes: bool,
    },
}

impl DeadLetter {
    pub(crate) async fn run(self, global: &Global, output: Output) -> anyhow::Result<()> {
        let kafka = crate::config::load(global)?.kafka;
        let letters = dead_letters::read(&kafka, Duration::from_secs(30)).await?;
        match self {
            DeadLetter::List => list(&letters, output),
            DeadLetter::Show { id } => {
                let letter = find(&letters, &id)?;
                output.json_line(&letter.describe(true))
            }
            DeadLetter::Redrive { id, yes } => {
                let letter = find(&letters, &id)?;
                anyhow::ensure!(yes, "this would send {id} again to {}; add --yes to do it", letter.topic());
                dead_letters::redrive(&kafka, letter).await?;
                output.done(&letter.describe(false), &format!("sent again to {}", letter.topic()))
            }
        }
    }
}

fn find<'a>(letters: &'a [Letter], id: &str) -> anyhow::Result<&'a Letter> {
    letters
        .iter()
        .find(|letter| letter.id() == id)
        .with_context(|| format!("there is no dead letter `{id}`; see `dead-letter list`"))
}

fn list(letters: &[Letter], output: Output) -> anyhow::Result<()> {
    if output.is_json() {
        return letters.iter().try_for_each(|letter| output.json_line(&letter.describe(false)));
    }
    if letters.is_empty() {
        return output.line("no dead letters");
    }
    let rows = letters.iter().map(Letter::cells);
    output.table(&["ID", "CONSUMER", "FROM", "REASON", "DIED", "DETAIL"], rows.collect())
}
