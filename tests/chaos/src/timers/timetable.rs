//! Every wait of the run, and the hours in which they end: local times as a marketer writes them, by hand. Nothing is
//! computed here; when a local time is due is the business of the product, and of the oracle, which computes it another way.

/// Everybody enters at this moment: the clock stands until all have. Half past one in Berlin, on the day of the change.
pub(super) const START: &str = "2026-03-29T00:30:00Z";

/// Hours in which something is due. The clock runs through them, one after the other, and leaps over what lies between.
///
/// In the first one Berlin and London lose an hour at 01:00 UTC, in the middle of it. In the second one, six days later,
/// Lord Howe gets half an hour twice at 15:00 UTC, and what Sydney calls two o'clock comes again an hour later.
pub(super) const HOURS: [Hour; 2] = [
    Hour { from: START, minutes: 60, wakes: "2026-03-29T01:30:00Z" },
    Hour { from: "2026-04-04T14:55:00Z", minutes: 40, wakes: "2026-04-04T15:35:00Z" },
];

/// A stretch of the clock.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hour {
    pub(super) from: &'static str,
    pub(super) minutes: u32,
    /// Its last moment: nothing is due after it and before the next one begins.
    pub(super) wakes: &'static str,
}

/// A place where people live, with its local times: those in the first hour and those in the second.
#[derive(Clone, Copy, Debug)]
pub(super) struct City {
    pub(super) zone: &'static str,
    pub(super) slug: &'static str,
    pub(super) first: LocalTimes,
    pub(super) second: LocalTimes,
}

/// Times of one local day.
#[derive(Clone, Copy, Debug)]
pub(super) struct LocalTimes {
    pub(super) date: &'static str,
    pub(super) weekday: &'static str,
    pub(super) times: &'static [&'static str],
}

/// The six zones.
pub(super) const CITIES: [City; 6] = [
    City {
        zone: "Europe/Berlin",
        slug: "berlin",
        // From 02:04 on three times that do not exist on this day.
        first: sunday("2026-03-29", &["01:37", "01:52", "02:04", "02:17", "02:29", "03:09", "03:24"]),
        second: saturday("2026-04-04", &["16:58", "17:27"]),
    },
    City {
        zone: "Europe/London",
        slug: "london",
        // 01:06 and 01:21 do not exist.
        first: sunday("2026-03-29", &["00:34", "00:49", "01:06", "01:21", "02:11", "02:26"]),
        second: saturday("2026-04-04", &["15:59", "16:24"]),
    },
    City {
        zone: "America/New_York",
        slug: "new-york",
        first: saturday("2026-03-28", &["20:36", "20:46", "20:58", "21:03", "21:14", "21:28"]),
        second: saturday("2026-04-04", &["11:01", "11:31"]),
    },
    City {
        zone: "Asia/Kolkata",
        slug: "kolkata",
        first: sunday("2026-03-29", &["06:05", "06:15", "06:28", "06:33", "06:44", "06:57"]),
        second: saturday("2026-04-04", &["20:33", "20:59"]),
    },
    City {
        zone: "Australia/Sydney",
        slug: "sydney",
        first: sunday("2026-03-29", &["11:38", "11:47", "11:59", "12:07", "12:18", "12:27"]),
        // Both exist twice, the second time an hour after this run is over.
        second: sunday("2026-04-05", &["02:05", "02:22"]),
    },
    City {
        zone: "Australia/Lord_Howe",
        slug: "lord-howe",
        first: sunday("2026-03-29", &["11:40", "11:53", "12:02", "12:12", "12:19", "12:25"]),
        // The first one exists twice, half an hour apart and both in this run; the other one is after the change.
        second: sunday("2026-04-05", &["01:57", "02:02"]),
    },
];

/// Fixed waits end each so many seconds in the first hour, and so often.
const EACH_SECONDS: u32 = 73;
const TIMES: u32 = 48;
/// Those that end in the second one, in seconds.
const LONG_SECONDS: [u32; 6] = [570_473, 570_911, 571_349, 571_787, 572_231, 572_587];

/// The kinds of waits, each with a mail of its own after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Kind {
    For,
    Until,
    Date,
}

impl Kind {
    pub(super) const ALL: [Self; 3] = [Self::For, Self::Until, Self::Date];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::For => "for",
            Self::Until => "until",
            Self::Date => "date",
        }
    }

    /// Id of the mail step that follows.
    pub(super) const fn mail(self) -> &'static str {
        match self {
            Self::For => "mail-for",
            Self::Until => "mail-until",
            Self::Date => "mail-date",
        }
    }
}

/// A wait of the journey, and who comes to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Way {
    /// Id of the step; the lead's trait `way` names it.
    pub(super) id: String,
    /// Its people live there; none: everywhere.
    pub(super) zone: Option<&'static str>,
    pub(super) wait: Wait,
}

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    For {
        seconds: u32,
    },
    Until {
        time: &'static str,
        /// Only on this one; none: on any day.
        weekday: Option<&'static str>,
    },
    Date {
        time: &'static str,
        /// On this local day, so many days after (negative: before) the date in the field.
        date: &'static str,
        offset_days: i16,
    },
}

impl Way {
    pub(super) const fn kind(&self) -> Kind {
        match self.wait {
            Wait::For { .. } => Kind::For,
            Wait::Until { .. } => Kind::Until,
            Wait::Date { .. } => Kind::Date,
        }
    }
}

/// All of them, always in the same order.
pub(super) fn ways() -> Vec<Way> {
    let fixed = |seconds: u32| Way { id: format!("for-{seconds}s"), zone: None, wait: Wait::For { seconds } };
    let mut ways: Vec<Way> = (1..=TIMES).map(|n| n * EACH_SECONDS).chain(LONG_SECONDS).map(fixed).collect();
    for city in &CITIES {
        for (number, time) in city.first.times.iter().enumerate() {
            // Each other time is bound to a day of the week, which is the present one.
            let weekday = (number % 2 == 1).then_some(city.first.weekday);
            ways.extend(at(city, &city.first, time, weekday, number));
        }
        for (number, time) in city.second.times.iter().enumerate() {
            ways.extend(at(city, &city.second, time, Some(city.second.weekday), number));
        }
    }
    ways
}

/// The same local time by both kinds of waits that know local times.
fn at(city: &City, day: &LocalTimes, time: &'static str, weekday: Option<&'static str>, number: usize) -> [Way; 2] {
    let offset_days = [0, -7, 2][number % 3];
    let way = |kind: Kind, wait: Wait| {
        let id = format!("{}-{}-{}", kind.name(), city.slug, time.replace(':', ""));
        Way { id, zone: Some(city.zone), wait }
    };
    [way(Kind::Until, Wait::Until { time, weekday }), way(Kind::Date, Wait::Date { time, date: day.date, offset_days })]
}

const fn saturday(date: &'static str, times: &'static [&'static str]) -> LocalTimes {
    LocalTimes { date, weekday: "sat", times }
}

const fn sunday(date: &'static str, times: &'static [&'static str]) -> LocalTimes {
    LocalTimes { date, weekday: "sun", times }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_wait_is_a_step_of_its_own() {
        let ways = ways();
        let ids: BTreeSet<&str> = ways.iter().map(|way| way.id.as_str()).collect();
        assert_eq!(ids.len(), ways.len());
        for kind in Kind::ALL {
            assert!(ways.iter().filter(|way| way.kind() == kind).count() >= 40, "{kind:?}");
        }
    }
}
