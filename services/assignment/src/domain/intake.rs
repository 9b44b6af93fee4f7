//! What an event about a lead means for us: is it new, does the lead wait now, is its rep told, is its assignment over.
//!
//! From the lead topic only what is born in qualification is taken: open, mql, disqualified, merged, erased. The stages
//! that are born here come back in later events and are not news. A copy is dropped by its sequence; after a gap the
//! event is applied, because it carries the whole lead.

use super::lead::{LeadState, Priority, Stage};

/// What of an event matters here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// Which life of the topic.
    pub incarnation: i32,
    /// Per lead, dense.
    pub sequence: i32,
    /// Our own event came back as the cause: nothing to do.
    pub caused_by_us: bool,
    /// The fact.
    pub fact: Fact,
    /// Of the snapshot; None: there is none, or a word from the future.
    pub stage: Option<Stage>,
    /// The snapshot has a hand-raise.
    pub has_hand_raise: bool,
    /// How to reach the person is not what we knew.
    pub contact_differs: bool,
}

/// The facts that we tell apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// Passed the threshold.
    QualifiedByThreshold,
    /// Asked to talk.
    QualifiedByHandRaise,
    /// Asked again.
    HandRaised,
    /// Out.
    Disqualified,
    /// In again.
    DisqualificationLifted,
    /// Part of another lead.
    Merged,
    /// Forgotten.
    Erased,
    /// Anything else: only the snapshot is of interest.
    Other,
}

/// What we knew before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// Of the last event.
    pub incarnation: i32,
    /// Of the last event; 0: never heard of it.
    pub last_sequence: i32,
    /// Where it stands.
    pub state: LeadState,
    /// Its stage.
    pub stage: Stage,
}

/// How an event is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Take it.
    New,
    /// A copy.
    Repeat,
    /// Not for us, and why.
    Ignored(&'static str),
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing.
    Nothing,
    /// Keep the snapshot: the next event of ours carries it.
    Note,
    /// Open, after it was out.
    Reopen,
    /// It waits for a rep from now on.
    Wait(Priority),
    /// It waits already and goes first now.
    Hurry,
    /// Its rep hears that the person asked again.
    TellHandRaised,
    /// Its rep hears that the person is reached otherwise.
    TellContact,
    /// Disqualified.
    Disqualify,
    /// Became part of another lead.
    Merge,
    /// Delete whatever says who it was.
    Erase,
}

/// What an event means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meaning {
    /// How it is counted.
    pub verdict: Verdict,
    /// What to do.
    pub effect: Effect,
    /// How many events before it are missing.
    pub gap: i32,
}

/// Reads an event against what was known.
#[must_use]
pub fn hear(known: Known, heard: &Heard) -> Meaning {
    let meaning = |verdict, effect, gap| Meaning { verdict, effect, gap };
    if (heard.incarnation, heard.sequence) <= (known.incarnation, known.last_sequence) {
        return meaning(Verdict::Repeat, Effect::Nothing, 0);
    }
    let expected = if heard.incarnation == known.incarnation { known.last_sequence.saturating_add(1) } else { 1 };
    let gap = heard.sequence.saturating_sub(expected).max(0);
    if heard.caused_by_us {
        return meaning(Verdict::Ignored("caused_by_us"), Effect::Nothing, gap);
    }
    match effect(known, heard) {
        Ok(effect) => meaning(Verdict::New, effect, gap),
        Err(reason) => meaning(Verdict::Ignored(reason), Effect::Nothing, gap),
    }
}

fn effect(known: Known, heard: &Heard) -> Result<Effect, &'static str> {
    if known.stage == Stage::Erased {
        return Err("erased");
    }
    match heard.fact {
        Fact::Erased => return Ok(Effect::Erase),
        Fact::Merged => return if known.state == LeadState::Closed { Err("closed") } else { Ok(Effect::Merge) },
        Fact::Disqualified => {
            return if known.state == LeadState::Closed { Err("closed") } else { Ok(Effect::Disqualify) };
        }
        _ => {}
    }
    match known.state {
        LeadState::Closed if known.stage == Stage::Disqualified => match heard.stage {
            Some(Stage::Mql) => Ok(Effect::Wait(priority(heard))),
            Some(Stage::Open) => Ok(Effect::Reopen),
            _ => Err("closed"),
        },
        LeadState::Closed => Err("closed"),
        LeadState::Idle if wants_a_rep(known, heard) => Ok(Effect::Wait(priority(heard))),
        LeadState::Idle => Ok(Effect::Note),
        LeadState::Waiting if asks(heard) => Ok(Effect::Hurry),
        LeadState::Waiting => Ok(Effect::Note),
        LeadState::Offered | LeadState::Accepted if asks(heard) => Ok(Effect::TellHandRaised),
        LeadState::Offered | LeadState::Accepted if heard.contact_differs => Ok(Effect::TellContact),
        LeadState::Offered | LeadState::Accepted => Ok(Effect::Note),
    }
}

/// A lead that was never placed waits as soon as it is mql, by whatever event we learn it. One that a rep handed back
/// waits only if it is qualified anew, or asks: a snapshot may still say mql from before.
fn wants_a_rep(known: Known, heard: &Heard) -> bool {
    matches!(heard.fact, Fact::QualifiedByThreshold)
        || asks(heard)
        || (known.stage == Stage::Open && heard.stage == Some(Stage::Mql))
}

fn asks(heard: &Heard) -> bool {
    matches!(heard.fact, Fact::HandRaised | Fact::QualifiedByHandRaise)
}

fn priority(heard: &Heard) -> Priority {
    let asked = match heard.fact {
        Fact::QualifiedByThreshold => false,
        Fact::QualifiedByHandRaise | Fact::HandRaised => true,
        _ => heard.has_hand_raise,
    };
    if asked { Priority::HandRaise } else { Priority::Qualified }
}

#[cfg(test)]
#[path = "intake_tests.rs"]
mod tests;
