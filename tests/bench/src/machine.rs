//! Where the figures were taken: processor, memory, kernel, versions, commit, load. Only for people to read.

use std::process::Command;

/// Some lines for the head of the table.
pub(crate) fn describe() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let memory = field("/proc/meminfo", "MemTotal").trim_end_matches(" kB").parse::<u64>().unwrap_or(0) / (1024 * 1024);
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let changed =
        if output("git", &["status", "--porcelain", "--untracked-files=no"]).is_empty() { "" } else { " with changes" };
    format!(
        "{cores} cores of {}, {memory} GiB, Linux {}, {}, commit {}{changed}, load {:.1}, {}",
        field("/proc/cpuinfo", "model name"),
        kernel.trim(),
        output("psql", &["--version"]),
        output("git", &["rev-parse", "--short", "HEAD"]),
        load_average(),
        output("date", &["-u", "+%Y-%m-%d %H:%M UTC"]),
    )
}

/// Of the last minute.
pub(crate) fn load_average() -> f64 {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().and_then(|first| first.parse().ok()).unwrap_or(0.0)
}

/// The first value of a `name : value` file.
fn field(path: &str, name: &str) -> String {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let pair = |line: &str| line.split_once(':').map(|(key, value)| (key.trim().to_owned(), value.trim().to_owned()));
    text.lines().filter_map(pair).find(|(key, _)| key == name).map(|(_, value)| value).unwrap_or_default()
}

fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
}
