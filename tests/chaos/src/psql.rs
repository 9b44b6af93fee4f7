//! PostgreSQL as a bystander asks it: by psql, in a process of its own, so that nothing of the service is in the way.

use std::process::Stdio;

use anyhow::Context as _;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

/// `psql -c SQL`: what it printed.
pub(crate) async fn ask(url: &str, sql: &str) -> anyhow::Result<String> {
    let output = psql(url, sql).output().await.context("psql could not be started")?;
    let error = String::from_utf8_lossy(&output.stderr);
    anyhow::ensure!(output.status.success(), "psql: {error}");
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The columns of each row of a query, one row after the other: a million of them need no memory.
pub(crate) async fn each_row(
    url: &str,
    query: &str,
    mut row: impl FnMut(&[&str]) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut child = psql(url, &format!("copy ({query}) to stdout")).stdout(Stdio::piped()).spawn()?;
    let mut lines = BufReader::new(child.stdout.take().context("psql has no output")?).lines();
    while let Some(line) = lines.next_line().await? {
        row(&line.split('\t').collect::<Vec<_>>())?;
    }
    anyhow::ensure!(child.wait().await?.success(), "psql: {query} failed");
    Ok(())
}

fn psql(url: &str, sql: &str) -> Command {
    let mut command = Command::new("psql");
    command.args(["-X", "-Atq", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", sql]).stdin(Stdio::null()).kill_on_drop(true);
    command
}
