//! Hours, holidays and both ends of daylight saving. Berlin: clocks jump 02:00 -> 03:00 on 2026-03-29 and fall
//! 03:00 -> 02:00 on 2026-10-25.

use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn hours(weekday: i8, start: (i16, i16), end: (i16, i16)) -> Hours {
    Hours { weekday, start_minute: start.0 * 60 + start.1, end_minute: end.0 * 60 + end.1 }
}

fn berlin(hours: Vec<Hours>, holidays: &[&str]) -> Schedule {
    let holidays = holidays.iter().map(|date| date.parse().unwrap()).collect();
    Schedule::new(TimeZone::get("Europe/Berlin").unwrap(), hours, holidays).unwrap()
}

fn office() -> Vec<Hours> {
    (1..=5).map(|weekday| hours(weekday, (9, 0), (17, 30))).collect()
}

#[test]
fn inside_before_and_after_hours() {
    let schedule = berlin(office(), &[]);
    // Tuesday 2026-11-24, UTC+1.
    let opening = |text| schedule.opening(at(text));
    let open_at = |text| Opening::Closed { opens_at: Some(at(text)) };
    assert_eq!(opening("2026-11-24T07:59:59Z"), open_at("2026-11-24T08:00:00Z"));
    assert_eq!(opening("2026-11-24T08:00:00Z"), Opening::Until(at("2026-11-24T16:30:00Z")));
    assert_eq!(opening("2026-11-24T16:29:59Z"), Opening::Until(at("2026-11-24T16:30:00Z")));
    assert_eq!(opening("2026-11-24T16:30:00Z"), open_at("2026-11-25T08:00:00Z"));
    assert_eq!(opening("2026-11-27T17:00:00Z"), open_at("2026-11-30T08:00:00Z"), "over the weekend");
}

#[test]
fn a_holiday_is_closed_in_the_reps_own_zone() {
    let schedule = berlin(office(), &["2026-12-25", "2026-12-24"]);
    let expected = Opening::Closed { opens_at: Some(at("2026-12-28T08:00:00Z")) };
    assert_eq!(schedule.opening(at("2026-12-23T17:00:00Z")), expected);
    assert_eq!(schedule.opening(at("2026-12-24T10:00:00Z")), expected);
}

#[test]
fn the_same_wall_clock_hours_in_summer_and_winter() {
    let schedule = berlin(office(), &[]);
    assert_eq!(schedule.opening(at("2026-03-27T09:00:00Z")), Opening::Until(at("2026-03-27T16:30:00Z")));
    assert_eq!(schedule.opening(at("2026-03-30T09:00:00Z")), Opening::Until(at("2026-03-30T15:30:00Z")));
}

#[test]
fn an_hour_that_the_clock_skips_is_not_worked() {
    // Sunday 2026-03-29: 02:00 to 03:00 does not exist.
    let schedule = berlin(vec![hours(7, (2, 0), (3, 0))], &[]);
    let next_week = Opening::Closed { opens_at: Some(at("2026-04-05T00:00:00Z")) };
    assert_eq!(schedule.opening(at("2026-03-29T00:30:00Z")), next_week);
    let schedule = berlin(vec![hours(7, (2, 30), (5, 0))], &[]);
    let opens = Opening::Closed { opens_at: Some(at("2026-03-29T01:00:00Z")) };
    assert_eq!(schedule.opening(at("2026-03-29T00:30:00Z")), opens, "when the clock jumps, it is past half past two");
    assert_eq!(schedule.opening(at("2026-03-29T01:00:00Z")), Opening::Until(at("2026-03-29T03:00:00Z")));
}

#[test]
fn an_hour_that_the_clock_shows_twice_is_worked_twice() {
    // Sunday 2026-10-25: 02:30 is 00:30Z and again 01:30Z.
    let schedule = berlin(vec![hours(7, (2, 15), (2, 45))], &[]);
    assert_eq!(schedule.opening(at("2026-10-25T00:15:00Z")), Opening::Until(at("2026-10-25T01:45:00Z")));
}

#[test]
fn windows_that_touch_are_one() {
    let night = berlin(vec![hours(1, (22, 0), (24, 0)), hours(2, (0, 0), (6, 0))], &[]);
    assert_eq!(night.opening(at("2026-11-23T22:00:00Z")), Opening::Until(at("2026-11-24T05:00:00Z")));
    let lunch = berlin(vec![hours(2, (9, 0), (12, 0)), hours(2, (13, 0), (17, 0))], &[]);
    assert_eq!(lunch.opening(at("2026-11-24T08:30:00Z")), Opening::Until(at("2026-11-24T11:00:00Z")));
}

#[test]
fn around_the_clock_ends_somewhere_and_no_hours_never() {
    let always = berlin((1..=7).map(|weekday| hours(weekday, (0, 0), (24, 0))).collect(), &[]);
    let Opening::Until(end) = always.opening(at("2026-11-24T10:00:00Z")) else { panic!("open") };
    assert!(end > at("2026-12-01T00:00:00Z"));
    assert_eq!(berlin(Vec::new(), &[]).opening(at("2026-11-24T10:00:00Z")), Opening::Always);
    let only_holiday = berlin(Vec::new(), &["2026-12-25"]);
    assert_eq!(
        only_holiday.opening(at("2026-12-25T10:00:00Z")),
        Opening::Closed { opens_at: Some(at("2026-12-25T23:00:00Z")) }
    );
}

#[test]
fn no_opening_within_the_horizon() {
    let holidays: Vec<String> = {
        let first: Date = "2026-11-01".parse().unwrap();
        (0..500).map(|ahead| first.checked_add(ahead.days()).unwrap().to_string()).collect()
    };
    let schedule = berlin(office(), &holidays.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(schedule.opening(at("2026-11-24T10:00:00Z")), Opening::Closed { opens_at: None });
    assert_eq!(schedule.end_of_shift(at("2026-11-24T10:00:00Z")), None);
}

#[test]
fn back_holds_until_the_end_of_these_hours_or_of_the_next() {
    let schedule = berlin(office(), &[]);
    assert_eq!(schedule.end_of_shift(at("2026-11-24T10:00:00Z")), Some(at("2026-11-24T16:30:00Z")));
    assert_eq!(
        schedule.end_of_shift(at("2026-11-24T07:50:00Z")),
        Some(at("2026-11-24T16:30:00Z")),
        "ten minutes early"
    );
    assert_eq!(berlin(Vec::new(), &[]).end_of_shift(at("2026-11-24T10:00:00Z")), None);
}

#[test]
fn the_day_is_the_reps_own() {
    let auckland = Schedule::new(TimeZone::get("Pacific/Auckland").unwrap(), office(), BTreeSet::new()).unwrap();
    let now = at("2026-11-24T12:00:00Z");
    assert_eq!(auckland.day(now), "2026-11-25".parse().unwrap());
    assert_eq!(auckland.day_ends(now), at("2026-11-25T11:00:00Z"));
}

#[test]
fn hours_are_checked() {
    let check = |hours| Schedule::new(TimeZone::UTC, hours, BTreeSet::new()).map(|_| ()).unwrap_err();
    assert_eq!(check(vec![hours(0, (9, 0), (10, 0))]), (0, HoursError::Weekday));
    assert_eq!(check(vec![hours(1, (9, 0), (9, 0))]), (0, HoursError::Minutes));
    assert_eq!(check(vec![hours(1, (9, 0), (24, 1))]), (0, HoursError::Minutes));
    assert_eq!(check(vec![hours(1, (9, 0), (11, 0)), hours(1, (10, 59), (12, 0))]), (1, HoursError::Overlap));
}
