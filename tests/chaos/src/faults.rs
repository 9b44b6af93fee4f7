//! Carries out the plan: waits for each fault's share of the traffic, does it, and keeps every process alive as a
//! supervisor would.

use std::time::Duration;

use leadflow_stand::Stand;
use nix::sys::signal::Signal;

use crate::plan::{Fault, Plan};
use crate::team::ROLES;
use crate::traffic::Progress;

/// Longer than the group's session timeout (10 s) and than a session may be idle in a transaction (5 s): the others have
/// taken over when the zombie wakes.
const ZOMBIE: Duration = Duration::from_secs(13);

/// Ends when every fault was done and all traffic was acknowledged.
pub(crate) async fn carry_out(plan: Plan, stand: &mut Stand, progress: Progress) -> anyhow::Result<()> {
    let start = tokio::time::Instant::now();
    let mut sleeping: Vec<(tokio::time::Instant, usize)> = Vec::new();
    let mut open = plan.faults.into_iter().peekable();
    loop {
        wake(stand, &mut sleeping)?;
        for (number, process) in stand.processes.iter_mut().enumerate() {
            if !sleeping.iter().any(|(_, asleep)| *asleep == number) {
                process.revive()?;
            }
        }
        let done = progress.per_mille();
        if let Some((_, fault)) = open.next_if(|(at, _)| *at <= done) {
            let told = carry_out_one(fault, stand, &mut sleeping).await?;
            println!("chaos: {:>5.1}s {:>4.1}% {told}", start.elapsed().as_secs_f32(), f64::from(done) / 10.0);
        } else if open.peek().is_none() && sleeping.is_empty() && done >= 1000 {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn wake(stand: &Stand, sleeping: &mut Vec<(tokio::time::Instant, usize)>) -> anyhow::Result<()> {
    let now = tokio::time::Instant::now();
    for (_, process) in sleeping.extract_if(.., |(until, _)| *until <= now) {
        stand.processes[process].signal(Signal::SIGCONT)?;
        println!("chaos: {} wakes", ROLES[process].name);
    }
    Ok(())
}

async fn carry_out_one(
    fault: Fault,
    stand: &mut Stand,
    sleeping: &mut Vec<(tokio::time::Instant, usize)>,
) -> anyhow::Result<String> {
    match fault {
        Fault::Kill(process) => {
            // A process that is stopped dies all the same.
            sleeping.retain(|(_, asleep)| *asleep != process);
            stand.processes[process].kill_and_start().await?;
            Ok(format!("kill -9 {}", ROLES[process].name))
        }
        Fault::Zombie { process, in_transaction } => {
            let inside = stop_process(stand, process, in_transaction).await?;
            sleeping.push((tokio::time::Instant::now() + ZOMBIE, process));
            let where_ = if inside { "inside a transaction" } else { "anywhere" };
            Ok(format!("SIGSTOP {} ({where_})", ROLES[process].name))
        }
        Fault::PostgresStop => {
            stand.script("postgres-stop-immediate").await?;
            tokio::time::sleep(Duration::from_secs(1)).await;
            stand.script("postgres-start").await?;
            Ok("PostgreSQL stopped immediately and started".to_owned())
        }
        Fault::BrokerStop => {
            stand.script("kafka-kill").await?;
            tokio::time::sleep(Duration::from_secs(1)).await;
            stand.script("kafka-start").await?;
            Ok("broker killed and started".to_owned())
        }
    }
}

/// Stops the process; with `in_transaction` tries until one of its sessions is idle in a transaction, that is: the process
/// was frozen between two statements of a batch and holds its locks.
async fn stop_process(stand: &Stand, process: usize, in_transaction: bool) -> anyhow::Result<bool> {
    if stand.processes[process].signal(Signal::SIGSTOP).is_err() {
        return Ok(false);
    }
    if !in_transaction {
        return Ok(false);
    }
    for _ in 0..200 {
        if open_transactions(stand, ROLES[process].role).await? > 0 {
            return Ok(true);
        }
        stand.processes[process].signal(Signal::SIGCONT)?;
        tokio::time::sleep(Duration::from_millis(7)).await;
        stand.processes[process].signal(Signal::SIGSTOP)?;
    }
    Ok(false)
}

/// Sessions of this role that sit in a transaction for at least a moment without a statement.
async fn open_transactions(stand: &Stand, role: &str) -> anyhow::Result<u64> {
    let sql = format!(
        "select count(*) from pg_stat_activity where usename = '{role}' and state = 'idle in transaction' and clock_timestamp() - state_change > interval '30 milliseconds'"
    );
    tokio::time::sleep(Duration::from_millis(35)).await;
    let output = tokio::process::Command::new("psql")
        .args([stand.service("DATABASE_ADMIN_URL"), "-Atqc", &sql])
        .output()
        .await?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().parse().unwrap_or(0))
}
