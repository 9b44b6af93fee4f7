//! Offers a second from a backlog of leads: raised hands of people with an address, qualified while assignment was down,
//! then offered to fifty weighted reps with caps. Afterwards caps, owners and the fairness bound are checked from outside:
//! by the stream and by what the admin service answers. Qualification goes on beside it and folds what is decided.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use leadflow_proto::assignment::v1::{AssignmentEvent, ListPoolsRequest, ListRepsRequest, start::Position};

use crate::Settings;
use crate::backlog::{self, APPLIED, QUALIFICATION_PUBLISHED};
use crate::deployment::{ASSIGNMENT, Deployment, INGEST, QUALIFICATION};
use crate::offers::{Offers, is_offer};
use crate::report::{Goal, Report, number};
use crate::{team, traffic};

const COMMAND: &str = "bench assignment";
/// Large enough for all runs, and still looked at for each lead.
const MOST_OPEN: i32 = 50_000;
/// Tijdeman's bound, in millionths of a lead.
const FAIR_MICRO: i64 = 1_000_000;

/// Offers made, over all reps: fifty short rows.
const OFFERED: &str = "select coalesce(sum(open_count), 0)::bigint from assignment.rep";
/// Events that readers of the stream can have.
const STREAMED: &str = "select count(*) from assignment.assignment_stream";

/// Runs it.
///
/// # Errors
/// If a lead is lost or has two owners, a cap is passed, or the bound is.
pub(crate) async fn measure(
    deployment: &mut Deployment,
    settings: &Settings,
    report: &mut Report,
) -> anyhow::Result<()> {
    deployment.start(&[INGEST, QUALIFICATION, ASSIGNMENT]).await?;
    team::hire(deployment, MOST_OPEN).await?;
    deployment.stop(ASSIGNMENT).await?;
    let mut owners = HashMap::new();
    for run in 0..settings.runs() {
        one_run(deployment, settings, run, report).await?;
        check(deployment, settings, run, &mut owners).await?;
        deployment.stop(ASSIGNMENT).await?;
    }
    Ok(())
}

fn leads(settings: &Settings) -> u32 {
    settings.pick(40_000, 3_100)
}

async fn one_run(
    deployment: &mut Deployment,
    settings: &Settings,
    run: u32,
    report: &mut Report,
) -> anyhow::Result<()> {
    let leads = leads(settings);
    make_leads(deployment, settings.seed_of(run), leads).await?;
    let (base, streamed) = (deployment.number(OFFERED).await?, deployment.number(STREAMED).await?);
    let start = Instant::now();
    deployment.stand.start(&[ASSIGNMENT])?;
    let drained = backlog::drain(deployment, OFFERED, base, leads.into()).await?;
    let spent = deployment.usage()?.since(&drained.before);
    let all = streamed + i64::from(leads);
    deployment.wait_for(STREAMED, all, Duration::from_secs(60)).await?;
    let readable = f64::from(leads) / (start.elapsed() - drained.until_first).as_secs_f64();

    report.add(COMMAND, "assignments from a backlog, 50 reps", "offers/s", Goal::AtLeast(2_000.0), drained.per_second);
    report.add(COMMAND, "the same until readable on the stream", "offers/s", Goal::None, readable);
    for name in ["assignment", "postgresql", "qualification"] {
        let each = spent.micros_each(name, drained.counted);
        report.add(COMMAND, &format!("CPU of {name}"), "us/offer", Goal::None, each);
    }
    println!(
        "assignment run {}: {} offers/s, {} until readable; of one core: {}",
        run + 1,
        number(drained.per_second),
        number(readable),
        spent.shares()
    );
    Ok(())
}

/// People who raise a hand, qualified and told to the broker.
async fn make_leads(deployment: &mut Deployment, seed: u64, leads: u32) -> anyhow::Result<()> {
    let before = deployment.number(APPLIED).await?;
    let replica = deployment.stand.doors()?.remove(0);
    let now = traffic::now();
    let sent = backlog::fill(&replica, (0..leads).map(|n| traffic::raise_with_address(seed, n, now))).await?;
    let within = Duration::from_secs(180);
    deployment.wait_for(APPLIED, before + i64::try_from(sent)?, within).await?;
    deployment.wait_for(QUALIFICATION_PUBLISHED, 1, within).await
}

/// What a sales tool and a manager can see: every lead offered once to one rep, nobody above a cap, everybody within the
/// bound. `owners` has the leads of the runs before.
async fn check(
    deployment: &Deployment,
    settings: &Settings,
    run: u32,
    owners: &mut HashMap<String, String>,
) -> anyhow::Result<()> {
    let expected = usize::try_from(leads(settings) * (run + 1))?;
    owners.clear();
    for event in everything_told(deployment).await?.iter().filter(|event| is_offer(event)) {
        let rep_id = event.assignment.as_ref().map(|assignment| assignment.rep_id.clone()).unwrap_or_default();
        let other = owners.insert(event.lead_id.clone(), rep_id);
        anyhow::ensure!(other.is_none(), "lead {} was offered twice", event.lead_id);
    }
    anyhow::ensure!(owners.len() == expected, "{} of {expected} leads were offered", owners.len());
    let mut admin = team::admin(deployment).await?;
    let mut held: HashMap<&str, i32> = HashMap::new();
    owners.values().for_each(|rep_id| *held.entry(rep_id).or_default() += 1);
    for rep in admin.list_reps(ListRepsRequest {}).await?.into_inner().reps {
        let has = held.get(rep.rep_id.as_str()).copied().unwrap_or(0);
        anyhow::ensure!(rep.open_count == has, "{} holds {has}, but is said to hold {}", rep.rep_id, rep.open_count);
        let day = rep.day_count;
        anyhow::ensure!(
            has <= rep.max_open && day <= rep.max_day,
            "{} is over a cap: {has} open, {day} today",
            rep.rep_id
        );
    }
    let mut worst = 0;
    for pool in admin.list_pools(ListPoolsRequest {}).await?.into_inner().pools {
        for member in pool.members {
            let off = (member.received_micro - member.entitled_micro).abs();
            anyhow::ensure!(off < FAIR_MICRO, "{} is {off} millionths of a lead away from his share", member.rep_id);
            worst = worst.max(off);
        }
    }
    let reps: HashSet<&String> = owners.values().collect();
    println!(
        "assignment run {}: {expected} leads with one owner each among {} reps, caps kept, at most {:.2} of a lead from a fair share",
        run + 1,
        reps.len(),
        worst as f64 / FAIR_MICRO as f64
    );
    Ok(())
}

async fn everything_told(deployment: &Deployment) -> anyhow::Result<Vec<AssignmentEvent>> {
    let mut offers = Offers::open(deployment, Position::Earliest(true)).await?;
    let mut all = Vec::new();
    loop {
        let (events, _, caught_up) = offers.next().await?;
        all.extend(events);
        if caught_up {
            return Ok(all);
        }
    }
}
