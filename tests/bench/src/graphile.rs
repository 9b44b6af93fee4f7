//! graphile-worker (npm) on the same PostgreSQL, in a database of its own: `tests/bench/graphile`.

use std::path::PathBuf;
use std::process::Stdio;

use anyhow::Context as _;
use serde::Deserialize;
use tokio::process::Command;

use crate::deployment::Deployment;

/// Where its libraries are installed.
const FOLDER: &str = ".local/bench-node";
const SOURCE: &str = "tests/bench/graphile";

#[derive(Deserialize)]
struct Told {
    steps: u32,
    seconds: f64,
    ledger: u32,
    open: u32,
}

/// Steps a second from its first to its last completion.
///
/// # Errors
/// If Node.js or the libraries are missing, or a step was lost.
pub(crate) async fn steps(deployment: &mut Deployment, steps: u32) -> anyhow::Result<f64> {
    install().await?;
    deployment.execute("drop database if exists graphile").await?;
    deployment.execute("create database graphile").await?;
    let admin = deployment.stand.service("DATABASE_ADMIN_URL");
    let server = admin.strip_suffix("/postgres").context("DATABASE_ADMIN_URL names another database than postgres")?;
    let output = Command::new("node")
        .arg("steps.mjs")
        .arg(steps.to_string())
        .current_dir(FOLDER)
        .env("DATABASE_URL", format!("{server}/graphile"))
        .stdin(Stdio::null())
        .output()
        .await
        .context("node could not be started: install Node.js 20")?;
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    anyhow::ensure!(output.status.success(), "graphile-worker: {err}{out}");
    let told: Told = serde_json::from_str(out.trim().lines().last().unwrap_or_default())
        .with_context(|| format!("graphile-worker told no figure: {out}{err}"))?;
    let exact = told.steps == steps && told.ledger == steps && told.open == 0;
    anyhow::ensure!(exact, "graphile-worker: {} of {steps} steps, {} jobs left", told.ledger, told.open);
    Ok(f64::from(told.steps) / told.seconds)
}

/// `npm install`, once for each list of libraries.
async fn install() -> anyhow::Result<()> {
    let (source, folder) = (PathBuf::from(SOURCE), PathBuf::from(FOLDER));
    std::fs::create_dir_all(&folder)?;
    std::fs::copy(source.join("steps.mjs"), folder.join("steps.mjs"))?;
    let wanted = std::fs::read(source.join("package.json"))?;
    let installed = folder.join("installed.json");
    if std::fs::read(&installed).is_ok_and(|there| there == wanted) {
        return Ok(());
    }
    std::fs::write(folder.join("package.json"), &wanted)?;
    println!("installing graphile-worker (once)");
    let output = Command::new("npm")
        .args(["install", "--no-audit", "--no-fund", "--no-package-lock", "--loglevel=error"])
        .current_dir(&folder)
        .stdin(Stdio::null())
        .output()
        .await
        .context("npm could not be started: install Node.js with npm")?;
    anyhow::ensure!(output.status.success(), "npm install: {}", String::from_utf8_lossy(&output.stderr));
    Ok(std::fs::write(installed, wanted)?)
}
