//! From a hand-raise's HTTP request to its offer on the gRPC stream, beside ordinary traffic in an open loop. Counted from
//! the moment at which the request was meant to be sent. Each raised hand is somebody's who was known before and raises it
//! once; fifty reps without caps are there.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use leadflow_proto::assignment::v1::start::Position;
use leadflow_simulator::load::{Load, Shape};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use crate::Settings;
use crate::backlog::{self, APPLIED};
use crate::deployment::{ASSIGNMENT, Deployment, INGEST, QUALIFICATION};
use crate::offers::Offers;
use crate::open_loop::{self, Shot, micros};
use crate::report::{Goal, Report};
use crate::stages::{self, Seen};
use crate::team;
use crate::traffic::{self, Requests};

const COMMAND: &str = "bench latency";
/// Sent at the rate of the run, but not counted.
const WARM_UP: Duration = Duration::from_secs(3);
/// The senders connect meanwhile.
const LEAD_TIME: Duration = Duration::from_millis(300);
/// An offer that is not there so long after the last request is lost.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs it at both rates.
///
/// # Errors
/// If a request is refused or a raised hand is not offered.
pub(crate) async fn measure(
    deployment: &mut Deployment,
    settings: &Settings,
    report: &mut Report,
) -> anyhow::Result<()> {
    deployment.start(&[INGEST, QUALIFICATION, ASSIGNMENT]).await?;
    team::hire(deployment, 0).await?;
    for (place, rate) in [500, 2000].into_iter().enumerate() {
        let mut all = open_loop::histogram()?;
        for run in 0..settings.runs() {
            let seed = settings.seed_of(run) + 1_000_000 * place as u64;
            all.add(one_run(deployment, settings, seed, rate, report).await?)?;
        }
        let at = |quantile| all.value_at_quantile(quantile) as f64 / 1000.0;
        println!(
            "latency at {rate}/s, {} raised hands of all runs: p50 {:.1} ms, p90 {:.1}, p99 {:.1}, p99.9 {:.1}, max {:.1}",
            all.len(),
            at(0.5),
            at(0.9),
            at(0.99),
            at(0.999),
            all.max() as f64 / 1000.0
        );
    }
    Ok(())
}

/// What is sent in one run.
struct Script {
    shots: Arc<Vec<Shot>>,
    /// Moments of the raised hands, by the number of the person.
    raises: Vec<Duration>,
}

impl Script {
    fn write(seed: u64, rate: u32, length: Duration, requests: &Requests) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        // One touch in a hundred raises a hand: those are people of their own, not the load's.
        let shape = Shape { persons: 20_000, hand_raises_per_10k: 0, ..Shape::default() };
        let mut load = Load::new(seed, shape, traffic::now());
        let (mut shots, mut raises) = (Vec::new(), Vec::new());
        for number in 0..u32::try_from(length.as_secs()).unwrap_or(0) * rate {
            let at = Duration::from_secs_f64(f64::from(number) / f64::from(rate));
            let request = if random.random_range(0..100) == 0 {
                let person = u32::try_from(raises.len()).unwrap_or(0);
                raises.push(at);
                requests.post("track", &traffic::raise_by_browser(seed, person))
            } else {
                let touch = load.touch();
                requests.post(touch.method, &touch.body)
            };
            shots.push(Shot { at, request });
        }
        Self { shots: Arc::new(shots), raises }
    }
}

async fn one_run(
    deployment: &mut Deployment,
    settings: &Settings,
    seed: u64,
    rate: u32,
    report: &mut Report,
) -> anyhow::Result<Histogram<u64>> {
    let length = WARM_UP + Duration::from_secs(settings.pick(30, 5));
    let script = Script::write(seed, rate, length, &Requests::to(&deployment.stand));
    introduce(deployment, seed, script.raises.len()).await?;
    let emails = (0..script.raises.len()).map(|n| (traffic::raiser_email(seed, u32::try_from(n).unwrap_or(0)), n));
    let numbers: HashMap<String, usize> = emails.collect();

    let mut offers = Offers::open(deployment, Position::Latest(true)).await?;
    let authority = traffic::authority(&deployment.stand);
    let before = deployment.usage()?;
    let (start, clock) = (Instant::now() + LEAD_TIME, traffic::now() + LEAD_TIME);
    let shots = Arc::clone(&script.shots);
    let sending = tokio::task::spawn_blocking(move || open_loop::send(&authority, &shots, start, WARM_UP));
    let seen = offers.wait_for(&numbers, start + length + PATIENCE).await?;
    let sent = sending.await??;
    let spent = deployment.usage()?.since(&before);

    let lost = seen.iter().filter(|seen| seen.is_none()).count();
    anyhow::ensure!(lost == 0, "{lost} of {} raised hands were not offered in time", seen.len());
    let offered: Vec<_> = script.raises.iter().zip(seen.iter().flatten()).filter(|(at, _)| **at >= WARM_UP).collect();
    let mut latencies = open_loop::histogram()?;
    for (at, seen) in &offered {
        latencies.record(micros(seen.arrived.saturating_duration_since(start + **at)).max(1))?;
    }
    let quantile = |histogram: &Histogram<u64>, quantile| histogram.value_at_quantile(quantile) as f64 / 1000.0;
    let (p50, p99) = (quantile(&latencies, 0.5), quantile(&latencies, 0.99));
    report.add(COMMAND, &format!("hand-raise to offer at {rate}/s, p50"), "ms", Goal::AtMost(15.0), p50);
    report.add(COMMAND, &format!("hand-raise to offer at {rate}/s, p99"), "ms", Goal::AtMost(60.0), p99);
    let (answer50, answer99) = (quantile(&sent.latencies, 0.5), quantile(&sent.latencies, 0.99));
    report.add(COMMAND, &format!("request to answer at {rate}/s, p50"), "ms", Goal::None, answer50);
    report.add(COMMAND, &format!("request to answer at {rate}/s, p99"), "ms", Goal::None, answer99);
    println!(
        "latency at {rate}/s: {} raised hands, p50 {p50:.1} ms, p99 {p99:.1} ms; answers p50 {answer50:.1} ms, p99 {answer99:.1} ms, {} times 503; of one core: {}",
        latencies.len(),
        sent.later,
        spent.shares()
    );
    let moments = offered.iter().map(|(at, seen)| Seen {
        lead_id: &seen.lead_id,
        sent: clock + **at,
        arrived: clock + seen.arrived.saturating_duration_since(start),
    });
    let moments: Vec<_> = moments.collect();
    println!("  medians: {} ms", stages::describe(deployment, &moments).await?);
    Ok(latencies)
}

/// Everybody who will raise a hand is known before, and nothing is left to do when the clock starts.
async fn introduce(deployment: &mut Deployment, seed: u64, people: usize) -> anyhow::Result<()> {
    let before = deployment.number(APPLIED).await?;
    let replica = deployment.stand.doors()?.remove(0);
    let now = traffic::now();
    let people = u32::try_from(people)?;
    let sent = backlog::fill(&replica, (0..people).map(|n| traffic::raiser_identified(seed, n, now))).await?;
    let least = before + i64::try_from(sent)?;
    deployment.wait_for(APPLIED, least, Duration::from_secs(60)).await
}
