//! Working hours in the rep's own time zone: is he there now, until when, when does he open next, which day is it for
//! him. Wall-clock hours become instants here, with daylight saving and holidays; decisions get the instants.
//!
//! An hour that the clock skips is not worked; an hour that it shows twice is worked twice.

use std::collections::BTreeSet;

use jiff::civil::{Date, Time};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Span, Timestamp, ToSpan as _};

/// How far ahead an opening is looked for, in days: a year of leave and a bit.
const HORIZON_DAYS: i64 = 400;
/// Windows that touch are one, up to this many days: a schedule around the clock has no end worth cutting an offer for.
const LONGEST_WINDOW_DAYS: i64 = 8;

/// Hours of one weekday, in minutes since midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hours {
    /// 1 = Monday ... 7 = Sunday.
    pub weekday: i8,
    /// 0 to 1439.
    pub start_minute: i16,
    /// Above the start, up to 1440.
    pub end_minute: i16,
}

/// What is wrong with hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HoursError {
    /// Not 1 to 7.
    #[error("weekday goes from 1 (Monday) to 7 (Sunday)")]
    Weekday,
    /// Not 0 <= start < end <= 1440.
    #[error("hours go from minute 0 to 1440 of the day and end after they start")]
    Minutes,
    /// Two on one day share a minute.
    #[error("hours of one day must not overlap")]
    Overlap,
}

/// When a rep works.
#[derive(Clone, Debug)]
pub struct Schedule {
    time_zone: TimeZone,
    /// Sorted; empty: always open.
    hours: Vec<Hours>,
    holidays: BTreeSet<Date>,
}

/// How a schedule stands at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    /// No hours, no holidays: there is no end.
    Always,
    /// Inside, until then.
    Until(Timestamp),
    /// Outside; the next opening, if there is one within 400 days.
    Closed {
        /// When it opens.
        opens_at: Option<Timestamp>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Window {
    start: Timestamp,
    end: Timestamp,
}

impl Schedule {
    /// Checks hours; sorts them.
    ///
    /// # Errors
    /// [`HoursError`] with the index of the offending hours as given.
    pub fn new(time_zone: TimeZone, hours: Vec<Hours>, holidays: BTreeSet<Date>) -> Result<Self, (usize, HoursError)> {
        for (index, each) in hours.iter().enumerate() {
            if !(1..=7).contains(&each.weekday) {
                return Err((index, HoursError::Weekday));
            }
            if each.start_minute < 0 || each.end_minute > 1440 || each.start_minute >= each.end_minute {
                return Err((index, HoursError::Minutes));
            }
            let overlaps = |other: &Hours| {
                other.weekday == each.weekday
                    && other.start_minute < each.end_minute
                    && each.start_minute < other.end_minute
            };
            if hours[..index].iter().any(overlaps) {
                return Err((index, HoursError::Overlap));
            }
        }
        let mut hours = hours;
        hours.sort_unstable();
        Ok(Self { time_zone, hours, holidays })
    }

    /// The rep's day at this moment.
    #[must_use]
    pub fn day(&self, now: Timestamp) -> Date {
        now.to_zoned(self.time_zone.clone()).date()
    }

    /// When the rep's day ends.
    #[must_use]
    pub fn day_ends(&self, now: Timestamp) -> Timestamp {
        self.day(now)
            .tomorrow()
            .ok()
            .and_then(|tomorrow| self.instant(tomorrow, 0, Edge::Start))
            .unwrap_or(Timestamp::MAX)
    }

    /// How it stands at this moment.
    #[must_use]
    pub fn opening(&self, now: Timestamp) -> Opening {
        if self.hours.is_empty() && self.holidays.is_empty() {
            return Opening::Always;
        }
        match self.windows_from(now).next() {
            Some(window) if window.start <= now => Opening::Until(self.with_what_touches(window)),
            Some(window) => Opening::Closed { opens_at: Some(window.start) },
            None => Opening::Closed { opens_at: None },
        }
    }

    /// End of the hours that run at `now`, or of the next ones: how long "I am back" holds. None: no end.
    #[must_use]
    pub fn end_of_shift(&self, now: Timestamp) -> Option<Timestamp> {
        match self.opening(now) {
            Opening::Always => None,
            Opening::Until(end) => Some(end),
            Opening::Closed { opens_at } => match opens_at.map(|start| self.opening(start)) {
                Some(Opening::Until(end)) => Some(end),
                _ => None,
            },
        }
    }

    fn with_what_touches(&self, window: Window) -> Timestamp {
        let latest = window.start.checked_add(Span::new().hours(24 * LONGEST_WINDOW_DAYS)).unwrap_or(Timestamp::MAX);
        let mut end = window.end;
        for next in self.windows_from(window.end) {
            if next.start > end || end >= latest {
                break;
            }
            end = end.max(next.end);
        }
        end
    }

    /// Windows that end after `now`, in order.
    fn windows_from(&self, now: Timestamp) -> impl Iterator<Item = Window> + '_ {
        let first = self.day(now);
        let days = (0..HORIZON_DAYS).map_while(move |ahead| first.checked_add(ahead.days()).ok());
        days.filter(|date| !self.holidays.contains(date))
            .flat_map(move |date| self.windows_of(date))
            .filter(move |window| window.end > now)
    }

    fn windows_of(&self, date: Date) -> Vec<Window> {
        let weekday = date.weekday().to_monday_one_offset();
        let whole_day = [Hours { weekday, start_minute: 0, end_minute: 1440 }];
        let hours = if self.hours.is_empty() { &whole_day[..] } else { &self.hours[..] };
        let that_day = hours.iter().filter(|hours| hours.weekday == weekday);
        that_day
            .filter_map(|hours| {
                let start = self.instant(date, hours.start_minute, Edge::Start)?;
                let end = self.instant(date, hours.end_minute, Edge::End)?;
                (start < end).then_some(Window { start, end })
            })
            .collect()
    }

    fn instant(&self, date: Date, minute: i16, edge: Edge) -> Option<Timestamp> {
        let (date, minute) = if minute == 1440 { (date.tomorrow().ok()?, 0) } else { (date, minute) };
        let time = Time::new(i8::try_from(minute / 60).ok()?, i8::try_from(minute % 60).ok()?, 0, 0).ok()?;
        let wall = date.to_datetime(time);
        match (self.time_zone.to_ambiguous_timestamp(wall).offset(), edge) {
            (AmbiguousOffset::Unambiguous { offset }, _) => offset.to_timestamp(wall).ok(),
            // Shown twice: from the first to the last.
            (AmbiguousOffset::Fold { before, .. }, Edge::Start) => before.to_timestamp(wall).ok(),
            (AmbiguousOffset::Fold { after, .. }, Edge::End) => after.to_timestamp(wall).ok(),
            // Never shown: the moment at which the clock jumps over it.
            (AmbiguousOffset::Gap { after, .. }, _) => {
                let just_before = after.to_timestamp(wall).ok()?;
                self.time_zone.following(just_before).next().map(|transition| transition.timestamp())
            }
        }
    }
}

#[derive(Clone, Copy)]
enum Edge {
    Start,
    End,
}

#[cfg(test)]
#[path = "schedule_tests.rs"]
mod tests;
