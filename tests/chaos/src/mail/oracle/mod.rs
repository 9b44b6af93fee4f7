//! The judge of mails: collects the evidence, then compares without touching anything.

mod causes;
mod evidence;
mod judge;
mod late;
#[cfg(test)]
mod tests;

use self::evidence::Evidence;
use crate::oracle::{OracleArguments, calls};

/// What the judge is told.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct MailOracleArguments {
    #[command(flatten)]
    pub(crate) common: OracleArguments,
    /// Mails that must have been tried.
    #[arg(long)]
    pub(crate) mails: u32,
}

/// Prints each finding and the verdict; true if nothing was wrong.
pub(crate) async fn judge(arguments: MailOracleArguments) -> anyhow::Result<bool> {
    calls::wait_until_quiet(&arguments.common).await?;
    let evidence = Evidence::collect(&arguments).await?;
    let mut findings = judge::findings(&evidence, arguments.mails);
    findings.push(calls::ledger(&arguments.common).await?);
    Ok(arguments.common.print(&findings))
}
