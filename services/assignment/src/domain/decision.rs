//! One decision: exactly what was known, and what followed. Both are stored as canonical protobuf, so that a decision can
//! be executed again: `decide(input) == outcome`, byte for byte, on every machine and in every later version.
//!
//! Times are microseconds since 1970. Fields are only ever added, and a rule that changes needs a new field that says so:
//! old inputs must keep their old outcome.

mod record;

use super::{offer, place};

pub use record::{Recorded, Replay, digest, record, replay};

/// Everything that `decide` gets.
#[derive(Clone, PartialEq, prost::Message)]
pub struct DecisionInput {
    /// The transaction's clock.
    #[prost(int64, tag = "1")]
    pub now_us: i64,
    /// The lead before.
    #[prost(message, required, tag = "2")]
    pub lead: LeadFacts,
    /// What is asked.
    #[prost(oneof = "Question", tags = "10, 11, 12, 13, 14, 15")]
    pub question: Option<Question>,
}

/// What can be asked.
#[derive(Clone, PartialEq, prost::Oneof)]
pub enum Question {
    /// Who gets this lead?
    #[prost(message, tag = "10")]
    Place(Place),
    /// A rep says yes.
    #[prost(message, tag = "11")]
    Accept(ByRep),
    /// A rep gives an offer back.
    #[prost(message, tag = "12")]
    Decline(ByRep),
    /// Nobody answered.
    #[prost(message, tag = "13")]
    Expire(Expire),
    /// A rep says what became of it.
    #[prost(message, tag = "14")]
    Outcome(ByRep),
    /// It was taken away from us or from the rep.
    #[prost(message, tag = "15")]
    End(End),
}

/// A lead as far as rules care; never who the person is.
#[derive(Clone, PartialEq, prost::Message)]
pub struct LeadFacts {
    /// 16 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub lead_id: Vec<u8>,
    /// `LeadState`.
    #[prost(int32, tag = "2")]
    pub state: i32,
    /// `Stage`.
    #[prost(int32, tag = "3")]
    pub stage: i32,
    /// `Priority`.
    #[prost(int32, tag = "4")]
    pub priority: i32,
    /// How many rounds through the pool are over.
    #[prost(int32, tag = "5")]
    pub round: i32,
    /// Reps who declined it or let it expire in this round.
    #[prost(string, repeated, tag = "6")]
    pub asked: Vec<String>,
    /// The assignment that is offered or accepted.
    #[prost(message, optional, tag = "7")]
    pub current: Option<Current>,
}

/// The active assignment of a lead.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Current {
    /// 16 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub assignment_id: Vec<u8>,
    /// Whose.
    #[prost(string, tag = "2")]
    pub rep_id: String,
    /// `AssignmentState`: offered or accepted.
    #[prost(int32, tag = "3")]
    pub state: i32,
    /// 0: no limit.
    #[prost(int64, tag = "4")]
    pub respond_by_us: i64,
    /// `respond_by` is the end of the rep's schedule.
    #[prost(bool, tag = "5")]
    pub schedule_cut: bool,
    /// It took part in the sharing out.
    #[prost(bool, tag = "6")]
    pub shared: bool,
    /// The rep may still get and take leads.
    #[prost(bool, tag = "7")]
    pub rep_active: bool,
}

/// A pool with everybody who could get the lead.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Place {
    /// The pool.
    #[prost(string, tag = "1")]
    pub pool_id: String,
    /// 0: assigned at once.
    #[prost(int64, tag = "2")]
    pub offer_timeout_us: i64,
    /// Between two rounds.
    #[prost(int64, tag = "3")]
    pub round_pause_us: i64,
    /// The running stretch.
    #[prost(int32, tag = "4")]
    pub stretch_no: i32,
    /// Leads shared out in it.
    #[prost(int64, tag = "5")]
    pub stretch_leads: i64,
    /// Members, and owners who are not members; by rep id.
    #[prost(message, repeated, tag = "6")]
    pub candidates: Vec<Candidate>,
    /// Whose person it already is; empty: nobody's, or the pool does not care.
    #[prost(string, tag = "7")]
    pub person_owner: String,
    /// Whose account it already is.
    #[prost(string, tag = "8")]
    pub account_owner: String,
}

/// A rep as he stands at this moment.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Candidate {
    /// Who.
    #[prost(string, tag = "1")]
    pub rep_id: String,
    /// Share in the pool; 0: no member.
    #[prost(int32, tag = "2")]
    pub weight: i32,
    /// Not deactivated.
    #[prost(bool, tag = "3")]
    pub active: bool,
    /// Present until; 0: away.
    #[prost(int64, tag = "4")]
    pub present_until_us: i64,
    /// End of the hours that run; 0: outside; [`NO_END`]: always open.
    #[prost(int64, tag = "5")]
    pub open_until_us: i64,
    /// Outside: the next opening; 0: none.
    #[prost(int64, tag = "6")]
    pub opens_at_us: i64,
    /// When the day of `day_count` ends.
    #[prost(int64, tag = "7")]
    pub day_ends_us: i64,
    /// 0: no limit.
    #[prost(int32, tag = "8")]
    pub max_open: i32,
    /// Offered and accepted.
    #[prost(int32, tag = "9")]
    pub open_count: i32,
    /// 0: no limit.
    #[prost(int32, tag = "10")]
    pub max_day: i32,
    /// Offers of his day.
    #[prost(int32, tag = "11")]
    pub day_count: i32,
    /// Weight in the running stretch; 0: not part of it.
    #[prost(int32, tag = "12")]
    pub stretch_weight: i32,
    /// Leads received in the running stretch.
    #[prost(int64, tag = "13")]
    pub received: i64,
    /// Carried, in millionths of a lead.
    #[prost(sint64, tag = "14")]
    pub carried_micro: i64,
    /// Credited, in millionths of a lead.
    #[prost(sint64, tag = "15")]
    pub credit_micro: i64,
}

/// `open_until_us` of a rep without hours.
pub const NO_END: i64 = 1;

/// A rep's word.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ByRep {
    /// Who says it.
    #[prost(string, tag = "1")]
    pub rep_id: String,
    /// Of a decline or an outcome.
    #[prost(string, tag = "2")]
    pub reason: String,
    /// `Stage` of an outcome.
    #[prost(int32, tag = "3")]
    pub stage: i32,
}

/// The clock's word. An offer that was seen needs nothing else.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Expire {
    /// The broker has not acknowledged the offer yet: nobody could see it.
    #[prost(bool, tag = "1")]
    pub unseen: bool,
    /// Of the pool at this moment; 0: it makes no offers any more.
    #[prost(int64, tag = "2")]
    pub offer_timeout_us: i64,
    /// Of the rep at this moment, as in [`Candidate`].
    #[prost(int64, tag = "3")]
    pub open_until_us: i64,
}

/// Why a lead leaves its rep: `disqualified`, `merged`, `erased`, `deactivated`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct End {
    /// One of the above.
    #[prost(string, tag = "1")]
    pub reason: String,
    /// Stage afterwards; of `deactivated` the stage stays.
    #[prost(int32, tag = "2")]
    pub stage: i32,
}

/// What followed.
#[derive(Clone, PartialEq, prost::Message)]
pub struct DecisionOutcome {
    /// offer, assign, wait, accept, decline, expire, renew, outcome, withdraw, close; or `refused`.
    #[prost(string, tag = "1")]
    pub result: String,
    /// Of `refused`: UPPER_SNAKE reason.
    #[prost(string, tag = "2")]
    pub refusal: String,
    /// Who gets, has or had it.
    #[prost(string, tag = "3")]
    pub rep_id: String,
    /// `LeadState` afterwards.
    #[prost(int32, tag = "4")]
    pub state: i32,
    /// `Stage` afterwards.
    #[prost(int32, tag = "5")]
    pub stage: i32,
    /// `AssignmentState` afterwards; 0: there is no assignment.
    #[prost(int32, tag = "6")]
    pub assignment_state: i32,
    /// Of an offer, new or renewed; 0: none.
    #[prost(int64, tag = "7")]
    pub respond_by_us: i64,
    /// `respond_by` is the end of the rep's schedule.
    #[prost(bool, tag = "8")]
    pub schedule_cut: bool,
    /// Rounds that are over, afterwards.
    #[prost(int32, tag = "9")]
    pub round: i32,
    /// Of `wait`: when to try again without anything else happening; 0: when something happens.
    #[prost(int64, tag = "10")]
    pub retry_at_us: i64,
    /// Of `wait`: the lead itself pauses until `retry_at`, because a round is over.
    #[prost(bool, tag = "11")]
    pub round_over: bool,
    /// Why this rep, or why nobody.
    #[prost(message, repeated, tag = "12")]
    pub reasons: Vec<ReasonLine>,
    /// Everybody who did not get it, by rep id.
    #[prost(message, repeated, tag = "13")]
    pub rejected: Vec<Rejected>,
    /// Stretch whose shares were used; 0: nothing was shared out.
    #[prost(int32, tag = "14")]
    pub stretch_no: i32,
    /// Not empty: the offer is taken out of the shares, and why.
    #[prost(string, tag = "15")]
    pub credit: String,
}

/// One reason.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ReasonLine {
    /// For machines.
    #[prost(string, tag = "1")]
    pub code: String,
    /// For people.
    #[prost(string, tag = "2")]
    pub text: String,
}

/// One who did not get it; `eligibility::text` says it in words.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Rejected {
    /// Who.
    #[prost(string, tag = "1")]
    pub rep_id: String,
    /// `eligibility::Why`.
    #[prost(int32, tag = "2")]
    pub why: i32,
    /// Number of that reason: a count, a time, a deficit.
    #[prost(sint64, tag = "3")]
    pub number: i64,
    /// Limit of that count.
    #[prost(sint64, tag = "4")]
    pub limit: i64,
}

/// The rules. Total: an input without a question is refused.
#[must_use]
pub fn decide(input: &DecisionInput) -> DecisionOutcome {
    match &input.question {
        Some(Question::Place(place)) => place::place(&input.lead, place, input.now_us).outcome,
        Some(Question::Accept(by)) => offer::accept(&input.lead, by, input.now_us),
        Some(Question::Decline(by)) => offer::decline(&input.lead, by, input.now_us),
        Some(Question::Expire(expire)) => offer::expire(&input.lead, expire, input.now_us),
        Some(Question::Outcome(by)) => offer::outcome(&input.lead, by),
        Some(Question::End(end)) => offer::end(&input.lead, end),
        None => DecisionOutcome::refused(&input.lead, "NO_QUESTION"),
    }
}

impl DecisionOutcome {
    /// Nothing changes, and why.
    #[must_use]
    pub fn refused(lead: &LeadFacts, refusal: &str) -> Self {
        Self {
            result: "refused".to_owned(),
            refusal: refusal.to_owned(),
            state: lead.state,
            stage: lead.stage,
            round: lead.round,
            ..Self::default()
        }
    }

    /// Whether nothing changes.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        !self.refusal.is_empty()
    }
}
