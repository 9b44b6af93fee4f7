//! What may happen to a lead that a rep has: offered -> accepted | declined | expired | withdrawn, accepted -> closed.
//! Closed leaves the set of active assignments and frees the rep's capacity, so that a recycled lead can be offered again. An
//! offer that nobody could see does not expire, it is renewed.

use super::decision::{ByRep, Current, DecisionOutcome, End, Expire, LeadFacts, NO_END, ReasonLine};
use super::lead::{AssignmentState, LeadState, Stage};

/// Reasons to give an offer back that are not the rep's choice: his offer is taken out of the shares. Any other reason
/// counts as a lead received.
pub const VALID_DECLINE_REASONS: [&str; 7] = [
    "junk",
    "duplicate",
    "wrong_territory",
    "wrong_language",
    "wrong_product",
    "conflict_of_interest",
    "existing_customer",
];

/// The reason that nobody answered: the rep's hours ended before the time to answer was over.
pub const SCHEDULE_ENDED: &str = "schedule_ended";

/// For how long an offer is renewed whose pool makes none any more.
const RENEWED_US: i64 = 60_000_000;

/// The one reason to end that is no stage: the rep left, the lead stays.
pub const DEACTIVATED: &str = "deactivated";

/// A rep takes the lead that was offered to him.
#[must_use]
pub fn accept(lead: &LeadFacts, by: &ByRep, now_us: i64) -> DecisionOutcome {
    match offered_to(lead, &by.rep_id) {
        Err(refusal) => DecisionOutcome::refused(lead, refusal),
        Ok(current) if !current.rep_active => DecisionOutcome::refused(lead, "REP_INACTIVE"),
        Ok(current) if is_over(current, now_us) => DecisionOutcome::refused(lead, "OFFER_EXPIRED"),
        Ok(current) => DecisionOutcome {
            result: "accept".to_owned(),
            state: LeadState::Accepted as i32,
            stage: Stage::Sal as i32,
            assignment_state: AssignmentState::Accepted as i32,
            ..kept(lead, current)
        },
    }
}

/// A rep gives an offer back.
#[must_use]
pub fn decline(lead: &LeadFacts, by: &ByRep, now_us: i64) -> DecisionOutcome {
    match offered_to(lead, &by.rep_id) {
        Err(refusal) => DecisionOutcome::refused(lead, refusal),
        Ok(current) if is_over(current, now_us) => DecisionOutcome::refused(lead, "OFFER_EXPIRED"),
        Ok(current) => {
            let valid = VALID_DECLINE_REASONS.contains(&by.reason.as_str());
            DecisionOutcome {
                reasons: vec![ReasonLine { code: "declined".to_owned(), text: by.reason.clone() }],
                credit: credit(current, valid, &by.reason),
                ..passed_on(lead, current, "decline", AssignmentState::Declined)
            }
        }
    }
}

/// The time to answer is over. Of an offer that nobody could see it begins anew: not answering says nothing of the rep.
#[must_use]
pub fn expire(lead: &LeadFacts, expire: &Expire, now_us: i64) -> DecisionOutcome {
    match offered(lead) {
        Err(refusal) => DecisionOutcome::refused(lead, refusal),
        Ok(current) if !is_over(current, now_us) => DecisionOutcome::refused(lead, "NOT_YET"),
        Ok(current) if expire.unseen => renew(lead, current, expire, now_us),
        Ok(current) => {
            let text = if current.schedule_cut { SCHEDULE_ENDED } else { "no answer in time" };
            DecisionOutcome {
                reasons: vec![ReasonLine { code: "expired".to_owned(), text: text.to_owned() }],
                credit: credit(current, current.schedule_cut, SCHEDULE_ENDED),
                ..passed_on(lead, current, "expire", AssignmentState::Expired)
            }
        }
    }
}

fn renew(lead: &LeadFacts, current: &Current, expire: &Expire, now_us: i64) -> DecisionOutcome {
    let timeout_us = if expire.offer_timeout_us > 0 { expire.offer_timeout_us } else { RENEWED_US };
    let (respond_by_us, schedule_cut) = respond_by(now_us, timeout_us, expire.open_until_us);
    let text = "the offer was not published yet: the time to answer begins anew".to_owned();
    DecisionOutcome {
        result: "renew".to_owned(),
        state: LeadState::Offered as i32,
        stage: lead.stage,
        assignment_state: AssignmentState::Offered as i32,
        respond_by_us,
        schedule_cut,
        reasons: vec![ReasonLine { code: "not_published".to_owned(), text }],
        ..kept(lead, current)
    }
}

/// Until when a rep has to answer, and whether his hours end before his time is over. Outside his hours, where only renewed
/// offers are, he has the whole time, and not answering is no fault of his.
pub(super) const fn respond_by(now_us: i64, timeout_us: i64, open_until_us: i64) -> (i64, bool) {
    let answer_by = now_us.saturating_add(timeout_us);
    let schedule_cut = open_until_us != NO_END && open_until_us < answer_by;
    (if schedule_cut && open_until_us > now_us { open_until_us } else { answer_by }, schedule_cut)
}

/// What became of an accepted lead: sql keeps it, recycled, won and lost close it.
#[must_use]
pub fn outcome(lead: &LeadFacts, by: &ByRep) -> DecisionOutcome {
    let current = match accepted_by(lead, &by.rep_id) {
        Ok(current) => current,
        Err(refusal) => return DecisionOutcome::refused(lead, refusal),
    };
    if by.stage == lead.stage {
        return DecisionOutcome::refused(lead, "STAGE_UNCHANGED");
    }
    let (state, assignment_state) = match i16::try_from(by.stage).ok().and_then(Stage::from_number) {
        Some(Stage::Sql) => (LeadState::Accepted, AssignmentState::Accepted),
        Some(Stage::Recycled) => (LeadState::Idle, AssignmentState::Closed),
        Some(Stage::Won | Stage::Lost) => (LeadState::Closed, AssignmentState::Closed),
        _ => return DecisionOutcome::refused(lead, "NO_OUTCOME"),
    };
    let said = ReasonLine { code: "outcome".to_owned(), text: by.reason.clone() };
    DecisionOutcome {
        result: "outcome".to_owned(),
        state: state as i32,
        stage: by.stage,
        assignment_state: assignment_state as i32,
        reasons: if by.reason.is_empty() { Vec::new() } else { vec![said] },
        ..kept(lead, current)
    }
}

/// Qualification ended the lead, or its rep left. An offer is withdrawn, what was accepted is closed, and what waited
/// waits no more; of a rep who left, accepted leads stay until they are reassigned.
#[must_use]
pub fn end(lead: &LeadFacts, end: &End) -> DecisionOutcome {
    let reasons = vec![ReasonLine { code: "ended".to_owned(), text: end.reason.clone() }];
    let rep_left = end.reason == DEACTIVATED;
    match (&lead.current, rep_left) {
        (None, true) => DecisionOutcome::refused(lead, "NOT_OFFERED"),
        (Some(current), true) if current.state != AssignmentState::Offered as i32 => {
            DecisionOutcome::refused(lead, "NOT_OFFERED")
        }
        (Some(current), true) => DecisionOutcome {
            reasons,
            credit: credit(current, true, DEACTIVATED),
            ..passed_on(lead, current, "withdraw", AssignmentState::Withdrawn)
        },
        (current, false) => {
            let closed = DecisionOutcome {
                state: LeadState::Closed as i32,
                stage: end.stage,
                round: lead.round,
                reasons,
                ..DecisionOutcome::default()
            };
            match current {
                None => DecisionOutcome { result: "close".to_owned(), ..closed },
                Some(current) if current.state == AssignmentState::Offered as i32 => DecisionOutcome {
                    result: "withdraw".to_owned(),
                    rep_id: current.rep_id.clone(),
                    assignment_state: AssignmentState::Withdrawn as i32,
                    credit: credit(current, true, &end.reason),
                    ..closed
                },
                Some(current) => DecisionOutcome {
                    result: "close".to_owned(),
                    rep_id: current.rep_id.clone(),
                    assignment_state: AssignmentState::Closed as i32,
                    ..closed
                },
            }
        }
    }
}

fn offered(lead: &LeadFacts) -> Result<&Current, &'static str> {
    match &lead.current {
        Some(current) if current.state == AssignmentState::Offered as i32 => Ok(current),
        _ => Err("NOT_OFFERED"),
    }
}

fn offered_to<'a>(lead: &'a LeadFacts, rep_id: &str) -> Result<&'a Current, &'static str> {
    let current = offered(lead)?;
    if current.rep_id == rep_id { Ok(current) } else { Err("NOT_YOURS") }
}

/// The assignment, if this rep owns the lead.
///
/// # Errors
/// The refusal: `NOT_YOURS`, `NOT_ACCEPTED`.
pub fn accepted_by<'a>(lead: &'a LeadFacts, rep_id: &str) -> Result<&'a Current, &'static str> {
    match &lead.current {
        Some(current) if current.rep_id != rep_id => Err("NOT_YOURS"),
        Some(current) if current.state == AssignmentState::Accepted as i32 => Ok(current),
        _ => Err("NOT_ACCEPTED"),
    }
}

fn is_over(current: &Current, now_us: i64) -> bool {
    current.respond_by_us > 0 && current.respond_by_us <= now_us
}

fn credit(current: &Current, valid: bool, reason: &str) -> String {
    if valid && current.shared { reason.to_owned() } else { String::new() }
}

fn kept(lead: &LeadFacts, current: &Current) -> DecisionOutcome {
    DecisionOutcome { rep_id: current.rep_id.clone(), round: lead.round, ..DecisionOutcome::default() }
}

fn passed_on(lead: &LeadFacts, current: &Current, result: &str, to: AssignmentState) -> DecisionOutcome {
    DecisionOutcome {
        result: result.to_owned(),
        state: LeadState::Waiting as i32,
        stage: lead.stage,
        assignment_state: to as i32,
        ..kept(lead, current)
    }
}

#[cfg(test)]
#[path = "offer_tests.rs"]
mod tests;
