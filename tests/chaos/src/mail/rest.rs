//! Waits until no mail is under way any more. Attempts that are put off for hours of the schema's clock come at once when
//! nothing else is: the clock jumps, as clocks do.

use std::time::Duration;

use anyhow::Context as _;
use leadflow_proto::nurture::v1::GetSendingRequest;
use leadflow_proto::nurture::v1::nurture_admin_service_client::NurtureAdminServiceClient;
use leadflow_simulator::setup;
use leadflow_stand::Stand;

use super::deployment::clock_from;
use crate::psql::ask;

const PATIENCE: Duration = Duration::from_mins(15);

/// Until `expected` mails stand in the ledger and none is queued or in DATA.
pub(super) async fn wait_until_settled(stand: &mut Stand, expected: u64) -> anyhow::Result<()> {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        for process in &mut stand.processes {
            anyhow::ensure!(!process.revive()?, "{} ended by itself", process.name());
        }
        let (all, open) = counts(stand).await.unwrap_or_default();
        if all >= expected && open == 0 {
            return Ok(());
        }
        let late = tokio::time::Instant::now() >= deadline;
        anyhow::ensure!(!late, "{all} of {expected} mails in the ledger, {open} not settled after {PATIENCE:?}");
        ask(stand.service("NURTURE_DATABASE_URL"), &jump()).await.context("move the clock")?;
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// All mails of the ledger, and those that are not settled.
async fn counts(stand: &Stand) -> anyhow::Result<(u64, u64)> {
    let channel = setup::connect(&stand.urls("nurture")[0], stand.api_key()).await?;
    let answer = NurtureAdminServiceClient::new(channel).get_sending(GetSendingRequest {}).await?.into_inner();
    let messages = answer.sending.context("no answer about sending")?.messages;
    let of = |state: &str| u64::try_from(messages.get(state).copied().unwrap_or(0)).unwrap_or(0);
    Ok((messages.values().map(|n| u64::try_from(*n).unwrap_or(0)).sum(), of("queued") + of("sending")))
}

/// Only while nobody has a lease, and only over a minute and more in which nothing is due.
fn jump() -> String {
    format!(
        "do $do$ declare next timestamptz; begin
            if exists (select from message where state = 2 or (state = 1 and lease_until > clock())) then return; end if;
            next := least((select min(not_before) from message where state = 1),
                (select min(wake_at) from enrollment where wake_at is not null));
            if next > clock() + interval '100 seconds' then {} end if;
         end $do$",
        clock_from("next - interval '20 seconds'")
    )
}
