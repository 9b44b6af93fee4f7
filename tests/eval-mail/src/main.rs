//! `make eval-mail`: mails that other people collected, read as the e-mail door reads them, held against what their own
//! packages say they are. Prints a table and every mail that was missed; fails when the goals are missed.

mod fixture;
mod judge;
mod table;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;

use crate::judge::Tally;

fn main() -> anyhow::Result<ExitCode> {
    let path = std::env::args_os().nth(1).map(PathBuf::from).context("usage: leadflow-eval-mail MANIFEST")?;
    let fixtures = fixture::load(&path)?;
    let mut tally = Tally::default();
    for fixture in &fixtures {
        tally.add(fixture, judge::judge(fixture)?);
    }
    table::print(&tally);
    let missed = tally.missed_goals();
    for goal in &missed {
        eprintln!("goal missed: {goal}");
    }
    Ok(if missed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
