//! The judge of timers: collects the evidence, then compares without touching anything.

mod evidence;
mod expect;
mod figures;
mod judge;
mod replay;
#[cfg(test)]
mod tests;
mod topic;

use self::evidence::Evidence;
use crate::oracle::{OracleArguments, calls};

/// What the judge is told.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct TimersOracleArguments {
    #[command(flatten)]
    pub(crate) common: OracleArguments,
    /// People who were told of.
    #[arg(long)]
    pub(crate) leads: u32,
    /// Kills that must have been done while somebody waited.
    #[arg(long)]
    pub(crate) kills: u32,
    /// Of the clock, for figures.
    #[arg(long)]
    pub(crate) speed: u32,
}

/// Prints figures, each finding and the verdict; true if nothing was wrong.
pub(crate) async fn judge(arguments: TimersOracleArguments) -> anyhow::Result<bool> {
    calls::wait_until_quiet(&arguments.common).await?;
    let evidence = Evidence::collect(&arguments).await?;
    for line in figures::lines(&judge::cases(&evidence), arguments.speed.max(1)) {
        println!("oracle: figure {line}");
    }
    let mut findings = judge::findings(&evidence, arguments.kills);
    findings.push(replay::sample(&arguments).await?);
    findings.push(calls::ledger(&arguments.common).await?);
    Ok(arguments.common.print(&findings))
}
