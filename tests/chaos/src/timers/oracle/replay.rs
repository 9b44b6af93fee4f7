//! Some thousands of the decisions, drawn by their ids, executed again by the rules of the product.

use anyhow::Context as _;
use data_encoding::HEXLOWER;
use leadflow_nurture::domain::decision::{Replay, replay};
use leadflow_nurture::journeys;
use uuid::Uuid;

use super::super::deployment::JOURNEY;
use super::TimersOracleArguments;
use crate::oracle::Finding;
use crate::psql::each_row;

/// So many are executed, about.
const SAMPLE: f64 = 6_000.0;
/// Decisions about each lead: he enters, he takes his first steps, his time has come.
const OF_EACH: f64 = 3.0;

pub(super) async fn sample(arguments: &TimersOracleArguments) -> anyhow::Result<Finding> {
    let body = std::fs::read(arguments.common.folder.join(JOURNEY)).context("the journey cannot be read")?;
    let compiled = journeys::read(&body, 1).map(|(compiled, _)| compiled);
    let compiled = compiled.map_err(|findings| anyhow::anyhow!("the journey is wrong: {findings:?}"))?;
    let share = (SAMPLE / OF_EACH / f64::from(arguments.leads.max(1))).min(1.0);
    // Ids are hashes: those below a bound are a fair sample.
    let bound = Uuid::from_u128((share * u128::MAX as f64) as u128);
    let query = format!(
        "select decision_id, encode(coalesce(input, ''), 'hex'), encode(outcome, 'hex') from decision
             where decision_id <= '{bound}'"
    );
    let (mut executed, mut faults) = (0, Vec::new());
    each_row(&std::env::var("CHAOS_DATABASE_URL")?, &query, |row| {
        let [decision_id, input, outcome] = row else { anyhow::bail!("a row of decisions has other columns") };
        let (input, outcome) = (HEXLOWER.decode(input.as_bytes())?, HEXLOWER.decode(outcome.as_bytes())?);
        executed += 1;
        match replay(Some(&input), &outcome, |_, version| (version == 1).then_some(&compiled.journey)) {
            Replay::Equal => {}
            other => faults.push(format!("decision {decision_id}: {other:?}")),
        }
        Ok(())
    })
    .await?;
    if executed == 0 {
        faults.push("there are no decisions".to_owned());
    }
    Ok(Finding::new(format!("{executed} decisions, drawn at random, executed again to the same bytes"), faults))
}
