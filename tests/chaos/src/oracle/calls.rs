//! What the command line answers: offsets, ledger, replay.

use std::time::Duration;

use anyhow::Context as _;
use serde_json::Value;

use super::{Finding, OracleArguments};

/// `leadflow ARGUMENTS` with addresses and key from the environment: exit code and stdout.
async fn leadflow(arguments: &OracleArguments, words: &[&str]) -> anyhow::Result<(bool, String, String)> {
    let output = tokio::process::Command::new(&arguments.leadflow)
        .arg("--config")
        .arg(&arguments.config)
        .args(words)
        .output()
        .await
        .context("the leadflow binary could not be started")?;
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ok((output.status.success(), text(output.stdout), text(output.stderr)))
}

async fn offsets(arguments: &OracleArguments) -> anyhow::Result<Vec<Value>> {
    let (ok, out, err) = leadflow(arguments, &["offsets", "list", "--json"]).await?;
    anyhow::ensure!(ok, "offsets list failed: {err}");
    out.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
}

/// Until every consumer has read its topics to the end and nothing has moved for three seconds.
pub(crate) async fn wait_until_quiet(arguments: &OracleArguments) -> anyhow::Result<()> {
    let mut quiet = 0;
    let mut before = Vec::new();
    for _ in 0..240 {
        let rows = offsets(arguments).await?;
        let lag: i64 = rows.iter().map(|row| row["lag"].as_i64().unwrap_or(i64::MAX / 1000)).sum();
        quiet = if lag == 0 && !rows.is_empty() && rows == before { quiet + 1 } else { 0 };
        if quiet >= 6 {
            return Ok(());
        }
        before = rows;
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    anyhow::bail!("the consumers did not come to rest within two minutes: {before:?}")
}

/// The ledger of every offset row balances and every partition runs.
pub(crate) async fn ledger(arguments: &OracleArguments) -> anyhow::Result<Finding> {
    let rows = offsets(arguments).await?;
    let wrong = rows.iter().filter(|row| row["difference"] != 0 || row["state"] != "running" || row["dead"] != 0);
    Ok(Finding::new(
        format!("ledger of {} offset rows balanced, all running, none dead", rows.len()),
        wrong.map(Value::to_string).collect(),
    ))
}

/// Every decision of every service, re-executed.
pub(super) async fn replay(arguments: &OracleArguments) -> anyhow::Result<Finding> {
    let (ok, out, err) = leadflow(arguments, &["lead", "explain", "--all", "--replay", "--json"]).await?;
    let decisions = out.lines().count();
    let faults = if ok && decisions > 0 {
        Vec::new()
    } else {
        vec![format!("{} {}", err.trim(), out.lines().last().unwrap_or_default())]
    };
    Ok(Finding::new(format!("{decisions} decisions re-executed to the same bytes"), faults))
}
