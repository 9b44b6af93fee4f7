//! `leadflow dead-letter`: records that a role could not decode or apply, and the way back.

use std::collections::BTreeSet;

use anyhow::Context as _;
use leadflow_platform::dead_letters::{self, Letter};
use leadflow_platform::kafka::KafkaConfig;
use serde_json::json;

use crate::cli::Global;
use crate::figures::count;
use crate::output::Output;
use crate::patience::{PATIENCE, Waiting};
use crate::text::{Text, plain};

#[derive(Debug, clap::Subcommand)]
#[command(
    after_help = "A record that is sent again is applied at most once: what it had caused is recognised by its event id. Letters \
                  stay on the broker until retention, also those whose record was sent again."
)]
pub(crate) enum DeadLetter {
    /// All dead letters that the broker still has.
    List,
    /// One of them, with its bytes as hex.
    Show {
        /// Its id.
        id: String,
    },
    /// Send records again to the topics they came from, with their keys; says what it would do until --yes.
    Redrive(Redrive),
}

#[derive(Debug, clap::Args)]
pub(crate) struct Redrive {
    /// Id of one letter.
    #[arg(required_unless_present = "all", conflicts_with_all = ["all", "consumer", "reason"])]
    id: Option<String>,
    /// Every letter, each record once.
    #[arg(long)]
    all: bool,
    /// With --all: only those of this consumer.
    #[arg(long, requires = "all", value_name = "ROLE")]
    consumer: Option<String>,
    /// With --all: only those with this reason, as `list` shows it.
    #[arg(long, requires = "all")]
    reason: Option<String>,
    /// Do it; without it nothing is sent.
    #[arg(long)]
    yes: bool,
}

/// What is looked at of a letter.
struct Facts<'a> {
    /// Key and value of the record, as hex: the same record that was sent again and died again has another id.
    bytes: (String, String),
    consumer: String,
    topic: &'a str,
    reason: String,
}

impl<'a> From<&'a Letter> for Facts<'a> {
    fn from(letter: &'a Letter) -> Self {
        let described = letter.describe(true);
        let text = |name: &str| described[name].as_str().unwrap_or_default().to_owned();
        Self {
            bytes: (text("key_hex"), text("value_hex")),
            consumer: text("consumer"),
            topic: letter.topic(),
            reason: text("reason"),
        }
    }
}

impl DeadLetter {
    pub(crate) async fn run(self, global: &Global, output: Output) -> anyhow::Result<()> {
        let kafka = crate::config::load(global)?.kafka;
        let waiting = Waiting::for_(format!("reading the dead letters of the broker at {}", kafka.brokers));
        let letters = dead_letters::read(&kafka, PATIENCE)
            .await
            .with_context(|| format!("the dead letters of the broker at {} cannot be read", kafka.brokers))?;
        drop(waiting);
        match self {
            DeadLetter::List => list(&letters, output),
            DeadLetter::Show { id } => output.json_line(&find(&letters, &id)?.describe(true)),
            DeadLetter::Redrive(command) => command.run(&kafka, &letters, output).await,
        }
    }
}

impl Redrive {
    async fn run(self, kafka: &KafkaConfig, letters: &[Letter], output: Output) -> anyhow::Result<()> {
        if let Some(id) = &self.id {
            let letter = find(letters, id)?;
            anyhow::ensure!(self.yes, "this would send {id} again to {}; add --yes to do it", letter.topic());
            dead_letters::redrive(kafka, letter).await?;
            return output.done(&letter.describe(false), format!("sent again to {}", letter.topic()));
        }
        let facts: Vec<Facts<'_>> = letters.iter().map(Facts::from).collect();
        let chosen: Vec<&Letter> = self.choose(&facts).into_iter().map(|index| &letters[index]).collect();
        if chosen.is_empty() {
            return output.done(&json!({ "sent": 0 }), "no dead letter is like that; see `dead-letter list`");
        }
        let records = count(chosen.len(), "record");
        let topics = chosen.iter().map(|letter| letter.topic()).collect::<BTreeSet<_>>();
        let topics = topics.into_iter().collect::<Vec<_>>().join(", ");
        anyhow::ensure!(self.yes, "this would send {records} again to {topics}; add --yes to do it");
        let waiting = Waiting::for_steps("sending again", chosen.len());
        // One after the other: records of one key keep their order.
        for (sent, letter) in chosen.iter().enumerate() {
            let tried = dead_letters::redrive(kafka, letter).await;
            tried.with_context(|| format!("{sent} of {records} sent again, then {} was not", letter.id()))?;
            waiting.step();
        }
        drop(waiting);
        output.done(&json!({ "sent": chosen.len() }), format!("{records} sent again to {topics}"))
    }

    /// Places of the letters to send: oldest first, each record once however often it died, or every run would double what
    /// cannot be applied yet. A timer that was given up is no record and cannot be sent.
    fn choose(&self, letters: &[Facts<'_>]) -> Vec<usize> {
        let mut seen = BTreeSet::new();
        let is_wanted = |letter: &Facts<'_>| {
            !letter.topic.starts_with("timer/")
                && self.consumer.as_ref().is_none_or(|consumer| *consumer == letter.consumer)
                && self.reason.as_ref().is_none_or(|reason| *reason == letter.reason)
        };
        let mut chosen = Vec::new();
        for (index, letter) in letters.iter().enumerate() {
            if is_wanted(letter) && seen.insert((letter.topic, &letter.bytes)) {
                chosen.push(index);
            }
        }
        chosen
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
    let row = |letter: &Letter| -> Vec<Text> { letter.cells().iter().map(plain).collect() };
    output.table(&["ID", "CONSUMER", "FROM", "REASON", "DIED", "DETAIL"], letters.iter().map(row).collect())
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::Arguments;

    fn letter(value: &str, consumer: &str, topic: &'static str, reason: &str) -> Facts<'static> {
        let bytes = ("6b".to_owned(), value.to_owned());
        Facts { bytes, consumer: consumer.to_owned(), topic, reason: reason.to_owned() }
    }

    #[test]
    fn each_record_is_sent_once_and_only_what_was_asked_for() {
        let letters = [
            letter("a", "qualification", "leadflow.engagement.v1", "data"),
            letter("b", "assignment", "leadflow.lead.v1", "decode"),
            letter("a", "qualification", "leadflow.engagement.v1", "data"),
            letter("c", "qualification", "timer/recompute", "timer"),
            letter("d", "qualification", "leadflow.engagement.v1", "decode"),
        ];
        let chosen = |consumer: Option<&str>, reason: Option<&str>| {
            let (consumer, reason) = (consumer.map(str::to_owned), reason.map(str::to_owned));
            Redrive { id: None, all: true, consumer, reason, yes: false }.choose(&letters)
        };
        assert_eq!(chosen(None, None), [0, 1, 4]);
        assert_eq!(chosen(Some("qualification"), None), [0, 4]);
        assert_eq!(chosen(Some("qualification"), Some("decode")), [4]);
        assert!(chosen(Some("nurture"), None).is_empty());
    }

    #[test]
    fn one_id_or_all_but_not_both_and_not_neither() {
        let parsed = |words: &str| {
            Arguments::try_parse_from(
                ["leadflow", "dead-letter", "redrive"].into_iter().chain(words.split_whitespace()),
            )
        };
        for right in ["a --yes", "--all", "--all --consumer qualification --reason data --yes"] {
            assert!(parsed(right).is_ok(), "{right}");
        }
        for wrong in ["", "a --all", "--consumer qualification", "a --reason data"] {
            assert!(parsed(wrong).is_err(), "{wrong}");
        }
    }
}
