//! Who gets this lead: the owner of the person or account if he may, else the one among the eligible members whose turn
//! it is, else nobody for now.

use super::decision::{Candidate, DecisionOutcome, LeadFacts, Place, ReasonLine, Rejected};
use super::eligibility::{self, Why};
use super::fairness::{self, Share};
use super::lead::{AssignmentState, LeadState, Priority, Stage};
use super::ledger::{Account, Ledger, Stretch};
use super::offer;

/// A decision with what it does to the ledger, which the shell keeps for the next lead.
#[derive(Clone, Debug, PartialEq)]
pub struct Placed {
    /// What followed.
    pub outcome: DecisionOutcome,
    /// The ledger afterwards.
    pub ledger: Ledger,
    /// A stretch that began with this lead.
    pub stretch: Option<Stretch>,
}

/// Why a rep was chosen, and who else could have been.
struct Choice<'a> {
    candidate: &'a Candidate,
    reason: ReasonLine,
    stretch_no: i32,
    others: Vec<Rejected>,
}

/// Decides for one lead.
#[must_use]
pub fn place(lead: &LeadFacts, pool: &Place, now_us: i64) -> Placed {
    let mut ledger = ledger_of(pool);
    if lead.state != LeadState::Waiting as i32 {
        return Placed { outcome: DecisionOutcome::refused(lead, "NOT_WAITING"), ledger, stretch: None };
    }
    let mut rejected: Vec<(&Candidate, Rejected)> = Vec::new();
    let mut eligible: Vec<&Candidate> = Vec::new();
    for candidate in &pool.candidates {
        match eligibility::rejection(candidate, lead, now_us) {
            Some(why) => rejected.push((candidate, why)),
            None => eligible.push(candidate),
        }
    }
    let mut stretch = None;
    let choice = owner(pool, &eligible).or_else(|| {
        let members: Vec<&Candidate> = eligible.iter().copied().filter(|candidate| candidate.weight > 0).collect();
        let strangers = eligible.iter().filter(|candidate| candidate.weight == 0);
        let mut choice = by_turn(&mut ledger, &mut stretch, pool, &members)?;
        choice.others.extend(strangers.map(|candidate| reject(candidate, Why::NoMember, 0)));
        Some(choice)
    });
    let outcome = match choice {
        Some(choice) => placed_with(lead, pool, now_us, choice, rejected),
        None => waits(lead, pool, now_us, rejected),
    };
    Placed { outcome, ledger, stretch }
}

fn ledger_of(pool: &Place) -> Ledger {
    let members = pool.candidates.iter().filter(|candidate| candidate.weight > 0);
    let account = |candidate: &Candidate| Account {
        stretch_weight: candidate.stretch_weight,
        received: candidate.received,
        carried_micro: candidate.carried_micro,
        credit_micro: candidate.credit_micro,
    };
    Ledger {
        stretch_no: pool.stretch_no,
        leads: pool.stretch_leads,
        accounts: members.map(|candidate| (candidate.rep_id.clone(), account(candidate))).collect(),
    }
}

/// The person's owner first, then the account's. Nothing is shared out: nobody else could have had it.
fn owner<'a>(pool: &Place, eligible: &[&'a Candidate]) -> Option<Choice<'a>> {
    let matches = [(&pool.person_owner, "person"), (&pool.account_owner, "account")];
    let (candidate, of) = matches.iter().find_map(|(owner, of)| {
        let found = eligible.iter().find(|candidate| !owner.is_empty() && candidate.rep_id == **owner)?;
        Some((*found, *of))
    })?;
    let others = eligible.iter().filter(|other| other.rep_id != candidate.rep_id);
    Some(Choice {
        candidate,
        reason: ReasonLine { code: "owner_match".to_owned(), text: format!("already owns this {of}") },
        stretch_no: 0,
        others: others.map(|other| reject(other, Why::NotTheOwner, 0)).collect(),
    })
}

fn by_turn<'a>(
    ledger: &mut Ledger,
    stretch: &mut Option<Stretch>,
    pool: &Place,
    members: &[&'a Candidate],
) -> Option<Choice<'a>> {
    if let [only] = members {
        let text = format!("the only one of {} who may get it now", pool.candidates.len());
        let reason = ReasonLine { code: "only_one".to_owned(), text };
        return Some(Choice { candidate: only, reason, stretch_no: 0, others: Vec::new() });
    }
    let eligible: Vec<(&str, i32)> = members.iter().map(|member| (member.rep_id.as_str(), member.weight)).collect();
    if eligible.is_empty() {
        return None;
    }
    *stretch = ledger.begin(&eligible, "eligibility");
    // Both are sorted by rep id, and the same reps.
    let shares: Vec<Share> = ledger.shares(&pool.pool_id).into_iter().map(|(_, share)| share).collect();
    let winner = fairness::whose_turn(&shares, ledger.leads)?;
    let owed = fairness::deficits_micro(&shares, ledger.leads);
    let candidate = *members.get(winner)?;
    let losers = members.iter().zip(&owed).filter(|(member, _)| member.rep_id != candidate.rep_id);
    let others = losers.map(|(member, owed)| reject(member, Why::AnothersTurn, *owed)).collect();
    let text = format!(
        "most urgent of {} who may get it: owed {} leads, weight {} of {}, stretch {}",
        members.len(),
        eligibility::leads(owed[winner]),
        candidate.weight,
        eligible.iter().map(|(_, weight)| i64::from(*weight)).sum::<i64>(),
        ledger.stretch_no,
    );
    ledger.give(&candidate.rep_id);
    let reason = ReasonLine { code: "fair_turn".to_owned(), text };
    Some(Choice { candidate, reason, stretch_no: ledger.stretch_no, others })
}

fn reject(candidate: &Candidate, why: Why, number: i64) -> Rejected {
    Rejected { rep_id: candidate.rep_id.clone(), why: why as i32, number, limit: 0 }
}

fn placed_with(
    lead: &LeadFacts,
    pool: &Place,
    now_us: i64,
    choice: Choice<'_>,
    rejected: Vec<(&Candidate, Rejected)>,
) -> DecisionOutcome {
    let mut all: Vec<Rejected> = rejected.into_iter().map(|(_, why)| why).chain(choice.others).collect();
    all.sort_by(|a, b| a.rep_id.cmp(&b.rep_id));
    let mut reasons = vec![choice.reason];
    if lead.priority >= Priority::HandRaise as i32 {
        reasons
            .push(ReasonLine { code: "hand_raise".to_owned(), text: "asked to talk: goes before others".to_owned() });
    }
    let common = DecisionOutcome {
        rep_id: choice.candidate.rep_id.clone(),
        round: lead.round,
        reasons,
        rejected: all,
        stretch_no: choice.stretch_no,
        ..DecisionOutcome::default()
    };
    if pool.offer_timeout_us == 0 {
        return DecisionOutcome {
            result: "assign".to_owned(),
            state: LeadState::Accepted as i32,
            stage: Stage::Sal as i32,
            assignment_state: AssignmentState::Accepted as i32,
            ..common
        };
    }
    let (respond_by_us, schedule_cut) =
        offer::respond_by(now_us, pool.offer_timeout_us, choice.candidate.open_until_us);
    DecisionOutcome {
        result: "offer".to_owned(),
        state: LeadState::Offered as i32,
        stage: lead.stage,
        assignment_state: AssignmentState::Offered as i32,
        respond_by_us,
        schedule_cut,
        ..common
    }
}

/// Nobody may get it. If some could but were asked, everybody eligible was asked: the round is over.
fn waits(lead: &LeadFacts, pool: &Place, now_us: i64, rejected: Vec<(&Candidate, Rejected)>) -> DecisionOutcome {
    let was_asked = |(_, why): &&(&Candidate, Rejected)| why.why == Why::Asked as i32;
    let asked = rejected.iter().filter(was_asked).count();
    let opening = rejected.iter().filter_map(|(candidate, _)| eligibility::opens_at_us(candidate, now_us)).min();
    let (round, retry_at_us, code, text) = if asked > 0 {
        let text = format!("all {asked} who may get it were asked: next round after a pause");
        (lead.round + 1, now_us.saturating_add(pool.round_pause_us), "round_over", text)
    } else if pool.candidates.iter().all(|candidate| candidate.weight == 0) {
        (lead.round, 0, "empty_pool", "the pool has no members".to_owned())
    } else {
        (lead.round, opening.unwrap_or(0), "nobody_eligible", format!("none of {} may get it now", rejected.len()))
    };
    DecisionOutcome {
        result: "wait".to_owned(),
        state: LeadState::Waiting as i32,
        stage: lead.stage,
        round,
        retry_at_us,
        round_over: asked > 0,
        reasons: vec![ReasonLine { code: code.to_owned(), text }],
        rejected: rejected.into_iter().map(|(_, why)| why).collect(),
        ..DecisionOutcome::default()
    }
}

#[cfg(test)]
#[path = "place_tests.rs"]
mod tests;
