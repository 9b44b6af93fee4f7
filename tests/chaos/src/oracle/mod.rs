//! The judge. It reads what the doors acknowledged (a file), what consumers saw (the topics, and a file of the stream
//! reader) and what the read side answers, and compares. It never looks into a table of a service.

mod assignments;
pub(crate) mod calls;
mod people;
pub(crate) mod topics;

use std::path::PathBuf;

use crate::acks::{self, Ack};

/// What the judge is told.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct OracleArguments {
    /// Folder of the run.
    #[arg(long)]
    pub(crate) folder: PathBuf,
    /// Seed of the run.
    #[arg(long)]
    pub(crate) seed: u64,
    /// Bootstrap servers.
    #[arg(long)]
    pub(crate) brokers: String,
    /// The binary, for its read commands.
    #[arg(long)]
    pub(crate) leadflow: PathBuf,
    /// Configuration for `offsets list`.
    #[arg(long)]
    pub(crate) config: PathBuf,
}

/// One line of the verdict: what was counted, and what was wrong with it.
pub(crate) struct Finding {
    pub(crate) what: String,
    pub(crate) faults: Vec<String>,
}

impl Finding {
    pub(crate) fn new(what: impl Into<String>, faults: Vec<String>) -> Self {
        Self { what: what.into(), faults }
    }
}

/// Prints each finding and the verdict; true if nothing was wrong.
pub(crate) async fn judge(arguments: OracleArguments) -> anyhow::Result<bool> {
    let acks: Vec<Ack> = acks::read(&arguments.folder.join("acks.jsonl"))?;
    println!("oracle: {} acknowledged events", acks.len());
    calls::wait_until_quiet(&arguments).await?;
    let topics = topics::Topics::read(&arguments.brokers)?;
    let mut findings = vec![calls::ledger(&arguments).await?];
    findings.extend(people::check(&arguments, &acks, &topics).await?);
    findings.extend(assignments::check(&arguments, &topics).await?);
    findings.push(calls::replay(&arguments).await?);
    Ok(arguments.print(&findings))
}

impl OracleArguments {
    /// Each finding and the verdict; true if nothing was wrong.
    pub(crate) fn print(&self, findings: &[Finding]) -> bool {
        let mut faults = 0;
        for finding in findings {
            let mark = if finding.faults.is_empty() { "ok   " } else { "WRONG" };
            println!("oracle: {mark} {} ({} wrong)", finding.what, finding.faults.len());
            for fault in finding.faults.iter().take(5) {
                println!("oracle:         {fault}");
            }
            faults += finding.faults.len();
        }
        match faults {
            0 => println!("VERDICT: passed, seed {}", self.seed),
            _ => {
                println!("VERDICT: FAILED, {faults} wrong, seed {} (evidence in {})", self.seed, self.folder.display())
            }
        }
        faults == 0
    }
}
