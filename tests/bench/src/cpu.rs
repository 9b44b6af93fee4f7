//! CPU time of processes out of /proc/PID/stat: user and system time, in the kernel's ticks (usually 10 ms). Linux only.

use std::time::{Duration, Instant};

use anyhow::Context as _;

/// A process whose time is counted.
#[derive(Clone, Debug)]
pub(crate) struct Counted {
    /// "qualification"; as it stands in the table.
    pub(crate) name: &'static str,
    /// Its number.
    pub(crate) pid: i32,
    /// PostgreSQL is a family: its children, those that live and those that it waited for, count too.
    pub(crate) with_children: bool,
}

/// Everybody else on the machine, the kernel's own work included: what disturbs a figure.
const OTHERS: &str = "others";

/// What each process had used at one moment.
#[derive(Clone, Debug)]
pub(crate) struct Usage {
    at: Instant,
    used: Vec<(&'static str, Duration)>,
}

/// What each process used between two moments.
#[derive(Clone, Debug)]
pub(crate) struct Spent {
    /// Between them.
    pub(crate) wall: Duration,
    used: Vec<(&'static str, Duration)>,
}

impl Usage {
    /// Now.
    ///
    /// # Errors
    /// If one of the processes does not run.
    pub(crate) fn read(counted: &[Counted]) -> anyhow::Result<Self> {
        let of = |process: &Counted| Ok((process.name, time_of(process)?));
        let mut used = counted.iter().map(of).collect::<anyhow::Result<Vec<_>>>()?;
        let own: Duration = used.iter().map(|(_, time)| *time).sum();
        used.push((OTHERS, machine_time()?.saturating_sub(own)));
        Ok(Self { at: Instant::now(), used })
    }

    /// From then to now. Of processes that were started meanwhile everything counts.
    pub(crate) fn since(&self, earlier: &Usage) -> Spent {
        let before = |name: &str| {
            earlier.used.iter().find(|(other, _)| *other == name).map_or(Duration::ZERO, |(_, time)| *time)
        };
        let used = self.used.iter().map(|(name, time)| (*name, time.saturating_sub(before(name)))).collect();
        Spent { wall: self.at.duration_since(earlier.at), used }
    }
}

impl Spent {
    /// CPU time of one process; zero if it was not counted.
    pub(crate) fn of(&self, name: &str) -> Duration {
        self.used.iter().find(|(other, _)| *other == name).map_or(Duration::ZERO, |(_, time)| *time)
    }

    /// Microseconds of CPU time for each of `n`.
    pub(crate) fn micros_each(&self, name: &str, n: u64) -> f64 {
        self.of(name).as_secs_f64() * 1e6 / n.max(1) as f64
    }

    /// Per cent of one core.
    pub(crate) fn percent_of_a_core(&self, name: &str) -> f64 {
        100.0 * self.of(name).as_secs_f64() / self.wall.as_secs_f64().max(1e-9)
    }

    /// "qualification 71 %, postgresql 99 %": per cent of one core.
    pub(crate) fn shares(&self) -> String {
        let share = |(name, _): &(&'static str, Duration)| format!("{name} {:.0} %", self.percent_of_a_core(name));
        self.used.iter().map(share).collect::<Vec<_>>().join(", ")
    }
}

fn time_of(process: &Counted) -> anyhow::Result<Duration> {
    let stat = Stat::read(process.pid).with_context(|| format!("{} does not run", process.name))?;
    let mut ticks = stat.own;
    if process.with_children {
        ticks += stat.waited_for + children_of(process.pid).map(|child| child.own).sum::<u64>();
    }
    Ok(Duration::from_secs_f64(ticks as f64 / ticks_per_second()))
}

/// What all cores did since boot, but for waiting.
fn machine_time() -> anyhow::Result<Duration> {
    let text = std::fs::read_to_string("/proc/stat")?;
    let ticks = busy_ticks(&text).context("/proc/stat has another form than proc(5) says")?;
    Ok(Duration::from_secs_f64(ticks as f64 / ticks_per_second()))
}

/// user, nice, system, irq and softirq of the first line; idle, iowait and what the host took are no work.
fn busy_ticks(text: &str) -> Option<u64> {
    let mut fields = text.lines().next()?.split_ascii_whitespace();
    fields.next().filter(|name| *name == "cpu")?;
    let ticks: Vec<u64> = fields.map_while(|field| field.parse().ok()).collect();
    Some([0, 1, 2, 5, 6].iter().filter_map(|field| ticks.get(*field)).sum())
}

/// The fields that matter here, in ticks.
struct Stat {
    parent: i32,
    own: u64,
    waited_for: u64,
}

impl Stat {
    fn read(pid: i32) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
        Self::parse(&text).context("/proc/PID/stat has another form than proc(5) says")
    }

    /// The command, the second field, stands in brackets and may hold anything.
    fn parse(text: &str) -> Option<Self> {
        let (_, rest) = text.rsplit_once(") ")?;
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        let number = |field: usize| fields.get(field)?.parse::<u64>().ok();
        Some(Self {
            parent: fields.get(1)?.parse().ok()?,
            own: number(11)? + number(12)?,
            waited_for: number(13)? + number(14)?,
        })
    }
}

fn children_of(parent: i32) -> impl Iterator<Item = Stat> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    pids.filter_map(|pid| Stat::read(pid).ok()).filter(move |stat| stat.parent == parent)
}

fn ticks_per_second() -> f64 {
    let ticks = nix::unistd::sysconf(nix::unistd::SysconfVar::CLK_TCK).ok().flatten();
    ticks.map_or(100.0, |ticks| ticks as f64)
}

/// Resident memory in MiB.
///
/// # Errors
/// If the process does not run.
pub(crate) fn resident_mib(pid: i32) -> anyhow::Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let kib = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"));
    Ok(kib.context("/proc/PID/status has no VmRSS")?.trim().parse::<f64>()? / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_with_brackets_and_blanks_is_skipped() {
        let text = "12 (a) b (c) S 7 12 12 0 -1 4194560 1 2 3 4 150 50 30 20 20 0 1 0 100 1 1";
        let stat = Stat::parse(text).expect("a line of proc(5)");
        assert_eq!((stat.parent, stat.own, stat.waited_for), (7, 200, 50));
        assert!(Stat::parse("nonsense").is_none());
    }

    #[test]
    fn waiting_is_no_work() {
        assert_eq!(busy_ticks("cpu  10 20 30 1000 500 1 2 77 0 0\ncpu0 1 2 3"), Some(63));
        assert_eq!(busy_ticks("intr 1"), None);
    }

    #[test]
    fn work_of_this_process_is_seen() {
        let own =
            [Counted { name: "own", pid: i32::try_from(std::process::id()).expect("a pid"), with_children: true }];
        let before = Usage::read(&own).expect("this process runs");
        let start = Instant::now();
        while start.elapsed() < Duration::from_millis(300) {
            std::hint::black_box(start);
        }
        let spent = Usage::read(&own).expect("this process runs").since(&before);
        assert!(spent.of("own") >= Duration::from_millis(50), "{spent:?}");
        assert!(spent.of("own") <= spent.wall * 64, "{spent:?}");
        assert!(resident_mib(own[0].pid).expect("memory") > 1.0);
    }
}
