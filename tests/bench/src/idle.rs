//! All roles in one process, with nothing to do: memory and CPU. Each run has a fresh process.

use std::time::Duration;

use crate::Settings;
use crate::cpu;
use crate::deployment::{ALL_IN_ONE, Deployment};
use crate::report::{Goal, Report};

const COMMAND: &str = "bench idle";
/// Joining the group and claiming partitions is no idleness.
const SETTLE: Duration = Duration::from_secs(10);

/// Runs it.
///
/// # Errors
/// If the process ends.
pub(crate) async fn measure(
    deployment: &mut Deployment,
    settings: &Settings,
    report: &mut Report,
) -> anyhow::Result<()> {
    for run in 0..settings.runs() {
        deployment.start(&[ALL_IN_ONE]).await?;
        tokio::time::sleep(SETTLE).await;
        let before = deployment.usage()?;
        tokio::time::sleep(Duration::from_secs(settings.pick(30, 5))).await;
        let spent = deployment.usage()?.since(&before);
        let memory = cpu::resident_mib(deployment.pid(ALL_IN_ONE)?)?;
        report.add(COMMAND, "all roles idle, memory", "MiB RSS", Goal::AtMost(200.0), memory);
        report.add(COMMAND, "all roles idle, CPU", "% of a core", Goal::AtMost(2.0), spent.percent_of_a_core("all"));
        let database = spent.percent_of_a_core("postgresql");
        report.add(COMMAND, "PostgreSQL beside it", "% of a core", Goal::None, database);
        println!("idle run {}: {memory:.0} MiB; of one core: {}", run + 1, spent.shares());
        deployment.stop(ALL_IN_ONE).await?;
    }
    Ok(())
}
