//! May this rep get this lead now, and if not, why not and when that may change. Whose turn it is among those who may is
//! `fairness`.

use super::decision::{Candidate, LeadFacts, NO_END, Rejected};

/// Why a rep does not get a lead. Numbers are stored in decisions: never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum Why {
    /// Deactivated.
    Inactive = 1,
    /// Not present.
    Away = 2,
    /// Not in his hours; number: when he opens, microseconds since 1970, 0: never.
    OutsideSchedule = 3,
    /// number of limit leads are open.
    MaxOpen = 4,
    /// number of limit offers today.
    MaxDay = 5,
    /// Declined it or let it expire in this round; number: the round, from 1.
    Asked = 6,
    /// He may, but it is another's turn; number: what he is owed, in millionths of a lead.
    AnothersTurn = 7,
    /// He may, but the person or account has an owner.
    NotTheOwner = 8,
    /// Owner, but not of this pool and not to be shared with.
    NoMember = 9,
}

/// None: he may get it.
#[must_use]
pub fn rejection(candidate: &Candidate, lead: &LeadFacts, now_us: i64) -> Option<Rejected> {
    let because = |why: Why, number: i64, limit: i64| {
        Some(Rejected { rep_id: candidate.rep_id.clone(), why: why as i32, number, limit })
    };
    match busy(candidate, now_us) {
        Some((why, number, limit)) => because(why, number, limit),
        None if lead.asked.contains(&candidate.rep_id) => because(Why::Asked, i64::from(lead.round) + 1, 0),
        None => None,
    }
}

/// Why he may get no lead at all, with a number and its limit. None: he may get one that he was not asked for yet.
#[must_use]
pub fn busy(candidate: &Candidate, now_us: i64) -> Option<(Why, i64, i64)> {
    if !candidate.active {
        return Some((Why::Inactive, 0, 0));
    }
    if candidate.present_until_us <= now_us {
        return Some((Why::Away, 0, 0));
    }
    if candidate.open_until_us != NO_END && candidate.open_until_us <= now_us {
        return Some((Why::OutsideSchedule, candidate.opens_at_us, 0));
    }
    if candidate.max_open > 0 && candidate.open_count >= candidate.max_open {
        return Some((Why::MaxOpen, candidate.open_count.into(), candidate.max_open.into()));
    }
    if candidate.max_day > 0 && candidate.day_count >= candidate.max_day {
        return Some((Why::MaxDay, candidate.day_count.into(), candidate.max_day.into()));
    }
    None
}

/// When a rep who is busy may be eligible without anybody doing anything. None: only by a word of his or an outcome.
#[must_use]
pub fn opens_at_us(candidate: &Candidate, now_us: i64) -> Option<i64> {
    match busy(candidate, now_us)? {
        (Why::OutsideSchedule, opens_at_us, _) => {
            (opens_at_us > 0 && candidate.present_until_us > opens_at_us).then_some(opens_at_us)
        }
        (Why::MaxDay, ..) => (candidate.present_until_us > candidate.day_ends_us).then_some(candidate.day_ends_us),
        _ => None,
    }
}

/// A rejection in words: "max_open (5 of 5)".
#[must_use]
pub fn text(rejected: &Rejected) -> String {
    let (number, limit) = (rejected.number, rejected.limit);
    match rejected.why {
        1 => "inactive".to_owned(),
        2 => "away".to_owned(),
        3 => jiff::Timestamp::from_microsecond(number)
            .ok()
            .filter(|_| number > 0)
            .map_or_else(|| "outside_schedule".to_owned(), |opens| format!("outside_schedule (opens {opens})")),
        4 => format!("max_open ({number} of {limit})"),
        5 => format!("max_day ({number} of {limit})"),
        6 => format!("asked (round {number})"),
        7 => format!("turn_of_another (owed {})", leads(number)),
        8 => "not_the_owner".to_owned(),
        9 => "no_member".to_owned(),
        other => format!("reason {other}"),
    }
}

/// Millionths of a lead as leads with three places: "-0.250".
#[must_use]
pub fn leads(micro: i64) -> String {
    let sign = if micro < 0 { "-" } else { "" };
    let thousandths = micro.unsigned_abs() / 1000;
    format!("{sign}{}.{:03}", thousandths / 1000, thousandths % 1000)
}
