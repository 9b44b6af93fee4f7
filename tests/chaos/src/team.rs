//! The deployment that is put under fire: two processes of each role, a model, a sales team, and the judge who is called
//! at the end.

use std::process::Stdio;
use std::time::Duration;

use anyhow::Context as _;
use leadflow_stand::{Plan, RoleProcess, Stand};
use tokio::process::Command;

use crate::RunArguments;

/// Every process that faults may hit.
pub(crate) const ROLES: [RoleProcess; 6] = [
    RoleProcess { role: "ingest", name: "ingest-a" },
    RoleProcess { role: "ingest", name: "ingest-b" },
    RoleProcess { role: "qualification", name: "qualification-a" },
    RoleProcess { role: "qualification", name: "qualification-b" },
    RoleProcess { role: "assignment", name: "assignment-a" },
    RoleProcess { role: "assignment", name: "assignment-b" },
];
const ALL: [usize; 6] = [0, 1, 2, 3, 4, 5];

/// From nothing to ready.
pub(crate) async fn assemble(arguments: &RunArguments) -> anyhow::Result<Stand> {
    let plan = Plan {
        binary: arguments.binary.clone(),
        folder: arguments.folder.clone(),
        base_port: 18_400,
        processes: ROLES.to_vec(),
    };
    let mut stand = Stand::build(plan).await?;
    stand.start(&ALL)?;
    stand.publish_model("deploy/config/scoring.yaml").await?;
    stand.wait_ready(&ALL, Duration::from_secs(60)).await?;
    crate::sales::team(&stand.urls("assignment")[0], stand.api_key()).await?;
    Ok(stand)
}

/// Starts the judge, who prints; true if nothing was wrong.
pub(crate) async fn ask_the_oracle(stand: &mut Stand, seed: u64) -> anyhow::Result<bool> {
    stand.wait_ready(&ALL, Duration::from_secs(90)).await.context("after the faults")?;
    let status = Command::new(std::env::current_exe()?)
        .arg("oracle")
        .args(["--folder", &stand.folder().to_string_lossy(), "--seed", &seed.to_string()])
        .args(["--brokers", stand.service("KAFKA_BROKERS"), "--leadflow"])
        .arg(stand.binary())
        .arg("--config")
        .arg(stand.config(2))
        .envs(stand.environment())
        .stdin(Stdio::null())
        .status()
        .await?;
    Ok(status.success())
}
