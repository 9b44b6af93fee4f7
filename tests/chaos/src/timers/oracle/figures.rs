//! How late the steps were and how fast they went, in our time: figures, no verdict. The timer looks at least once a second
//! of ours; on a clock that runs ahead its own guess of the next due moment is always too late, so half a second is usual.

use std::collections::BTreeMap;

use super::super::timetable::HOURS;
use super::expect;
use super::judge::Case;

/// In lines.
pub(super) fn lines(cases: &[Case<'_>], speed: u32) -> Vec<String> {
    let ours = |micros: i64| micros as f64 / 1000.0 / f64::from(speed);
    let steps: Vec<(i64, i64)> =
        cases.iter().flat_map(|case| case.seen.ledger.iter().map(|row| (case.due.at, row.queued_at))).collect();
    let mut lines = Vec::new();
    for (number, hour) in HOURS.iter().enumerate() {
        let (Some(from), Some(wakes)) = (expect::moment(hour.from), expect::moment(hour.wakes)) else { continue };
        let mine: Vec<(i64, i64)> = steps.iter().copied().filter(|(due, _)| (from..=wakes).contains(due)).collect();
        let (Some(first), Some(last)) = (mine.iter().map(|step| step.0).min(), mine.iter().map(|step| step.1).max())
        else {
            continue;
        };
        let mut late: Vec<f64> = mine.iter().map(|(due, taken)| ours(taken - due)).collect();
        late.sort_by(f64::total_cmp);
        let mut seconds: BTreeMap<i64, usize> = BTreeMap::new();
        mine.iter().for_each(|(_, taken)| *seconds.entry((ours(taken - from) / 1000.0) as i64).or_default() += 1);
        let took = ours(last - first) / 1000.0;
        lines.push(format!(
            "hour {}: {} due steps in {took:.1} s of ours, {:.0}/s, at most {} in one second; late by p50 {:.0} ms, \
             p99 {:.0} ms, max {:.0} ms",
            number + 1,
            mine.len(),
            mine.len() as f64 / took,
            seconds.values().max().unwrap_or(&0),
            at(&late, 50),
            at(&late, 99),
            at(&late, 100)
        ));
    }
    lines
}

/// Of values in order.
fn at(sorted: &[f64], percent: usize) -> f64 {
    sorted[(sorted.len() - 1) * percent / 100]
}
