//! Executes a stored decision again: `decide(input)` must give the stored outcome, byte for byte, on every machine and
//! with every later binary. What was erased cannot be executed, and says so.

use leadflow_platform::pg::PgError;
use sqlx::PgConnection;

use crate::domain::decide::{DecisionKind, decide};
use crate::domain::identity::tie;
use crate::domain::lifecycle::fold_report;
use crate::domain::score::explain;
use crate::models::Models;
use crate::store::decision::DecisionRow;
use crate::wire::{Corrupt, decision, link_decision, owner_decision};

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replay {
    /// The same bytes.
    Equal,
    /// Other bytes, or bytes that cannot be read.
    Different(String),
    /// The input is gone.
    Erased,
}

/// Executes one decision again.
///
/// # Errors
/// [`PgError`] if its model cannot be loaded.
pub async fn replay(connection: &mut PgConnection, models: &Models, row: &DecisionRow) -> Result<Replay, PgError> {
    let Some(input) = &row.input else { return Ok(Replay::Erased) };
    let again = match row.kind {
        DecisionKind::Link => link_decision::decode_question(input)
            .map(|(nodes, claims)| link_decision::encode_answer(&tie(&nodes, &claims))),
        DecisionKind::Owner => owner_decision::decode_question(input)
            .map(|(lead, report)| owner_decision::encode_answer(&fold_report(&lead, &report))),
        _ => match decision::decode_question(input) {
            Err(corrupt) => Err(corrupt),
            Ok(kept) => {
                let rules = models.get(connection, kept.model_no).await?;
                let answer = decide(&kept.question(), &rules.model);
                let today = crate::domain::day::Day::of(kept.now);
                let explanation = explain(&rules.model, &answer.state.standing.acc, today);
                Ok(decision::encode_answer(&answer, &explanation))
            }
        },
    };
    Ok(compare(again, row))
}

fn compare(again: Result<Vec<u8>, Corrupt>, row: &DecisionRow) -> Replay {
    match again {
        Ok(again) if again == row.outcome => Replay::Equal,
        Ok(again) => Replay::Different(format!(
            "stored `{}`, again `{}`",
            words(row.kind, &row.outcome),
            words(row.kind, &again)
        )),
        Err(corrupt) => Replay::Different(format!("the stored input cannot be read: {corrupt}")),
    }
}

/// An outcome for people.
#[must_use]
pub fn words(kind: DecisionKind, outcome: &[u8]) -> String {
    let described = match kind {
        DecisionKind::Link => link_decision::describe_answer(outcome),
        DecisionKind::Owner => owner_decision::describe_answer(outcome),
        _ => decision::describe_answer(outcome),
    };
    described.unwrap_or_else(|corrupt| format!("unreadable ({corrupt})"))
}
