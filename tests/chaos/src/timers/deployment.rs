//! What is put under fire: two processes of nurture and a clock of their schema that first stands and then runs ahead. No
//! mail goes out: sending is paused, as an operator pauses it, so that what a step did is the row it left in the ledger.

use std::time::Duration;

use anyhow::Context as _;
use leadflow_stand::{Plan, RoleProcess, Stand};

use super::timetable::START;
use super::{TimersArguments, journey, timetable};
use crate::psql::ask;

/// Every process that faults may hit.
pub(super) const PROCESSES: [RoleProcess; 2] =
    [RoleProcess { role: "nurture", name: "nurture-a" }, RoleProcess { role: "nurture", name: "nurture-b" }];
/// The journey, in the folder of a run.
pub(super) const JOURNEY: &str = "journey.yaml";
const BASE_PORT: u16 = 18_700;
/// Nobody listens there.
const NO_RELAY: u16 = 18_790;

/// From nothing to ready, at the moment at which everybody enters.
pub(super) async fn assemble(arguments: &TimersArguments) -> anyhow::Result<Stand> {
    let plan = Plan {
        binary: arguments.binary.clone(),
        folder: arguments.folder.clone(),
        base_port: BASE_PORT,
        processes: PROCESSES.to_vec(),
    };
    let mut stand = Stand::build_with_nurture(plan, &settings()).await?;
    match set_up(&mut stand).await {
        Ok(()) => Ok(stand),
        Err(error) => {
            stand.tear_down().await;
            Err(error)
        }
    }
}

async fn set_up(stand: &mut Stand) -> anyhow::Result<()> {
    ask(database(stand), &standing_clock()).await.context("stop the clock")?;
    stand.start(&[0, 1])?;
    stand.wait_ready(&[0, 1], Duration::from_secs(60)).await?;
    stand.leadflow(&["nurture", "pause-sending", "what is tried are the timers"]).await?;
    let journey = stand.folder().join(JOURNEY);
    std::fs::write(&journey, journey::text(&timetable::ways()))?;
    stand.leadflow(&["journey", "publish", &journey.to_string_lossy()]).await?;
    Ok(())
}

/// Address of the schema.
pub(super) fn database(stand: &Stand) -> &str {
    stand.service("NURTURE_DATABASE_URL")
}

/// The clock of the schema stands at the moment of entry.
fn standing_clock() -> String {
    clock(&format!("timestamptz '{START}'"))
}

/// The clock of the schema runs from this moment on, so many times as fast as ours.
pub(super) fn running_clock(from: &str, speed: u32) -> String {
    let body = clock("timestamptz %L + (clock_timestamp() - timestamptz %L) * %s::double precision");
    format!("do $do$ begin execute format($body${body}$body$, '{from}', clock_timestamp(), {speed}); end $do$")
}

fn clock(expression: &str) -> String {
    format!(
        "create or replace function clock() returns timestamptz language sql volatile parallel safe
             as $clock$ select {expression} $clock$"
    )
}

/// Section `nurture`.
fn settings() -> String {
    format!(
        "quiet_hours: null
frequency_cap: null
sender:
  name: Seller
  email: hello@seller.example
  postal_address: Seller, 1 Sample Street, 12345 Sampletown
smtp:
  url: smtp+plain://127.0.0.1:{NO_RELAY}"
    )
}
