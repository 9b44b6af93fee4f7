//! Whether a mail goes out now, later, or never: decided again each time somebody is about to send it.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::stage;
use super::window::{self, Window};

/// Everything that is known at this moment.
#[derive(Clone, PartialEq, prost::Message)]
pub struct SendFacts {
    /// Purpose of the journey; `transactional`: needs no consent, and no cap counts it.
    #[prost(string, tag = "1")]
    pub purpose: String,
    /// There is an address.
    #[prost(bool, tag = "2")]
    pub addressed: bool,
    /// Of the lead.
    #[prost(string, tag = "3")]
    pub stage: String,
    /// 1 given, -1 withdrawn, 0 never recorded.
    #[prost(sint32, tag = "4")]
    pub consent: i32,
    /// The person turned this topic off.
    #[prost(bool, tag = "5")]
    pub topic_off: bool,
    /// Empty, or unsubscribed, complaint, hard_bounce, erased.
    #[prost(string, tag = "6")]
    pub suppression: String,
    /// Why the enrolment ended; empty: it has not.
    #[prost(string, tag = "7")]
    pub ended: String,
    /// Times of mails to this address that count for the cap, oldest first.
    #[prost(int64, repeated, tag = "8")]
    pub sent_us: Vec<i64>,
    /// Most mails in `cap_period_us`; 0: no limit.
    #[prost(int32, tag = "9")]
    pub cap: i32,
    /// Of the cap.
    #[prost(int64, tag = "10")]
    pub cap_period_us: i64,
    /// IANA name.
    #[prost(string, tag = "11")]
    pub time_zone: String,
    /// When mails of this journey may go out.
    #[prost(message, optional, tag = "12")]
    pub send_window: Option<WindowFacts>,
    /// When no mail may go out at all.
    #[prost(message, optional, tag = "13")]
    pub quiet_hours: Option<WindowFacts>,
    /// When it was put into the ledger.
    #[prost(int64, tag = "14")]
    pub queued_us: i64,
    /// It may be put off so long.
    #[prost(int64, tag = "15")]
    pub patience_us: i64,
    /// The journey stands still.
    #[prost(bool, tag = "16")]
    pub journey_paused: bool,
    /// Only addresses of the list get mails, and this one is not on it.
    #[prost(bool, tag = "17")]
    pub not_allowed: bool,
}

/// Days and minutes.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct WindowFacts {
    /// Bit 0 is Monday.
    #[prost(uint32, tag = "1")]
    pub days: u32,
    /// Minute of the day.
    #[prost(uint32, tag = "2")]
    pub from: u32,
    /// Minute of the day.
    #[prost(uint32, tag = "3")]
    pub until: u32,
}

impl From<Window> for WindowFacts {
    fn from(window: Window) -> Self {
        Self { days: window.days.into(), from: window.from.into(), until: window.until.into() }
    }
}

impl WindowFacts {
    fn window(self) -> Window {
        let number = |number: u32| u16::try_from(number).unwrap_or(0);
        Window { days: u8::try_from(self.days).unwrap_or(0), from: number(self.from), until: number(self.until) }
    }
}

/// What is done with a mail.
#[derive(Clone, PartialEq, prost::Message)]
pub struct SendOutcome {
    /// send, skip, put_off.
    #[prost(string, tag = "1")]
    pub result: String,
    /// Of skip and put_off: for machines.
    #[prost(string, tag = "2")]
    pub reason: String,
    /// Of put_off.
    #[prost(int64, tag = "3")]
    pub not_before_us: i64,
}

impl SendOutcome {
    fn skip(reason: &str) -> Self {
        Self { result: "skip".to_owned(), reason: reason.to_owned(), not_before_us: 0 }
    }
}

/// A paused journey is looked at again after this long.
const PAUSED_LOOK_US: i64 = 60_000_000;

/// Decides. Reasons of the law come before those of good manners.
#[must_use]
pub fn decide(facts: &SendFacts, now_us: i64) -> SendOutcome {
    if let Some(reason) = forbidden(facts) {
        return SendOutcome::skip(reason);
    }
    let (not_before_us, reason) = not_before(facts, now_us);
    if not_before_us <= now_us {
        return SendOutcome { result: "send".to_owned(), ..SendOutcome::default() };
    }
    if not_before_us.saturating_sub(facts.queued_us) > facts.patience_us && reason != "journey_paused" {
        return SendOutcome::skip(reason);
    }
    SendOutcome { result: "put_off".to_owned(), reason: reason.to_owned(), not_before_us }
}

/// Why it may never be sent.
fn forbidden(facts: &SendFacts) -> Option<&str> {
    let marketing = facts.purpose != "transactional";
    if marketing && facts.suppression == "erased" {
        return Some("erased");
    }
    if !facts.addressed {
        return Some("no_address");
    }
    match facts.suppression.as_str() {
        "" => {}
        // Whoever comes back by himself gets an answer to what he asks: without it nobody could ask him to confirm.
        "unsubscribed" | "erased" if !marketing => {}
        reason => return Some(reason),
    }
    if stage::is_closed(&facts.stage) {
        return Some(&facts.stage);
    }
    if !facts.ended.is_empty() {
        return Some(&facts.ended);
    }
    if marketing && facts.consent == 0 {
        return Some("no_consent");
    }
    if marketing && facts.consent < 0 {
        return Some("consent_withdrawn");
    }
    if facts.topic_off {
        return Some("topic_off");
    }
    facts.not_allowed.then_some("not_allowed")
}

/// The first moment that every rule of good manners allows, and the rule that decides.
fn not_before(facts: &SendFacts, now_us: i64) -> (i64, &'static str) {
    if facts.journey_paused {
        return (now_us.saturating_add(PAUSED_LOOK_US), "journey_paused");
    }
    let mut at = (now_us, "");
    let transactional = facts.purpose == "transactional";
    if !transactional && let Some(free) = cap_free_at(facts, now_us) {
        at = (free, "frequency_cap");
    }
    // Each rule may push into what another one forbids; after some rounds nothing moves any more, or nothing is allowed.
    for _ in 0..8 {
        let before = at.0;
        let windows = [(facts.send_window, "send_window"), (facts.quiet_hours.map(outside), "quiet_hours")];
        for (window, reason) in windows {
            // An answer to what somebody just asked for does not wait for the morning.
            let Some(window) = window.filter(|_| !transactional) else { continue };
            let opens = next_open(facts, window, at.0);
            if opens > at.0 {
                at = (opens, reason);
            }
        }
        if at.0 == before {
            break;
        }
    }
    at
}

/// Quiet hours say when not.
fn outside(quiet: WindowFacts) -> WindowFacts {
    WindowFacts { days: quiet.days, from: quiet.until, until: quiet.from }
}

fn next_open(facts: &SendFacts, window: WindowFacts, at_us: i64) -> i64 {
    let zone = window::zone(&facts.time_zone).unwrap_or(TimeZone::UTC);
    let at = Timestamp::from_microsecond(at_us).unwrap_or(Timestamp::UNIX_EPOCH);
    window.window().next_open(at, &zone).map_or(i64::MAX, Timestamp::as_microsecond).max(at_us)
}

/// When the cap has room again; none: it has.
fn cap_free_at(facts: &SendFacts, now_us: i64) -> Option<i64> {
    let cap = usize::try_from(facts.cap).ok().filter(|cap| *cap > 0)?;
    let counted: Vec<i64> =
        facts.sent_us.iter().copied().filter(|at| at.saturating_add(facts.cap_period_us) > now_us).collect();
    let blocking = counted.len().checked_sub(cap)?;
    counted.get(blocking).map(|at| at.saturating_add(facts.cap_period_us))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400_000_000;

    fn now() -> i64 {
        "2026-11-24T10:00:00Z".parse::<Timestamp>().expect("a time").as_microsecond()
    }

    fn facts() -> SendFacts {
        SendFacts {
            purpose: "marketing_email".to_owned(),
            addressed: true,
            stage: "open".to_owned(),
            consent: 1,
            time_zone: "Europe/Berlin".to_owned(),
            queued_us: now(),
            patience_us: 7 * DAY,
            ..SendFacts::default()
        }
    }

    fn skip(change: impl FnOnce(&mut SendFacts)) -> String {
        let mut facts = facts();
        change(&mut facts);
        let outcome = decide(&facts, now());
        if outcome.result == "skip" { outcome.reason } else { format!("no skip but {}", outcome.result) }
    }

    #[test]
    fn a_mail_that_nothing_forbids_is_sent() {
        assert_eq!(decide(&facts(), now()).result, "send");
    }

    #[test]
    fn what_is_forbidden_is_skipped_with_its_reason() {
        assert_eq!(skip(|facts| facts.consent = 0), "no_consent");
        assert_eq!(skip(|facts| facts.consent = -1), "consent_withdrawn");
        assert_eq!(skip(|facts| facts.addressed = false), "no_address");
        assert_eq!(skip(|facts| facts.topic_off = true), "topic_off");
        assert_eq!(skip(|facts| facts.not_allowed = true), "not_allowed");
        assert_eq!(skip(|facts| facts.ended = "assigned".to_owned()), "assigned");
        assert_eq!(skip(|facts| facts.stage = "disqualified".to_owned()), "disqualified");
        for reason in ["unsubscribed", "complaint", "hard_bounce", "erased"] {
            assert_eq!(skip(|facts| facts.suppression = reason.to_owned()), reason);
        }
    }

    #[test]
    fn an_answer_to_a_raised_hand_needs_no_consent_but_heeds_a_complaint() {
        let transactional = |facts: &mut SendFacts| {
            facts.purpose = "transactional".to_owned();
            facts.consent = -1;
        };
        let mut facts = facts();
        transactional(&mut facts);
        facts.suppression = "unsubscribed".to_owned();
        assert_eq!(decide(&facts, now()).result, "send");
        facts.suppression = "erased".to_owned();
        assert_eq!(decide(&facts, now()).result, "send");
        facts.suppression = "complaint".to_owned();
        assert_eq!(decide(&facts, now()).reason, "complaint");
    }

    #[test]
    fn the_cap_puts_off_until_the_oldest_leaves_the_period() {
        let mut facts = facts();
        (facts.cap, facts.cap_period_us) = (2, 7 * DAY);
        facts.sent_us = vec![now() - 8 * DAY, now() - 6 * DAY];
        assert_eq!(decide(&facts, now()).result, "send", "one of the two is old");
        facts.sent_us = vec![now() - 6 * DAY, now() - DAY];
        let outcome = decide(&facts, now());
        assert_eq!((outcome.reason.as_str(), outcome.not_before_us), ("frequency_cap", now() + DAY));
        // Longer than it may be put off.
        facts.patience_us = DAY / 2;
        assert_eq!(decide(&facts, now()).result, "skip");
    }

    #[test]
    fn windows_and_quiet_hours_hold_in_the_leads_zone() {
        let mut facts = facts();
        // 11:00 in Berlin.
        facts.quiet_hours = Some(WindowFacts { days: 0b111_1111, from: 20 * 60, until: 8 * 60 });
        assert_eq!(decide(&facts, now()).result, "send");
        facts.time_zone = "America/Los_Angeles".to_owned();
        let outcome = decide(&facts, now());
        assert_eq!(outcome.reason, "quiet_hours");
        assert_eq!(outcome.not_before_us - now(), 6 * 3_600_000_000, "08:00 in Los Angeles");
        // The window opens on Thursday only, in the middle of what quiet hours allow.
        facts.send_window = Some(WindowFacts { days: 0b000_1000, from: 6 * 60, until: 10 * 60 });
        let outcome = decide(&facts, now());
        let thursday = "2026-11-26T16:00:00Z".parse::<Timestamp>().expect("a time").as_microsecond();
        assert_eq!(outcome.not_before_us, thursday, "08:00 in Los Angeles on Thursday: {outcome:?}");
    }

    #[test]
    fn hours_that_never_meet_skip_it() {
        let mut facts = facts();
        facts.quiet_hours = Some(WindowFacts { days: 0b111_1111, from: 8 * 60, until: 20 * 60 });
        facts.send_window = Some(WindowFacts { days: 0b111_1111, from: 9 * 60, until: 17 * 60 });
        assert_eq!(decide(&facts, now()).result, "skip");
    }
}
