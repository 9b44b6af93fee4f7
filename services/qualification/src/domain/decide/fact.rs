//! What a decision found: facts about a lead, or about a person who has none.

use uuid::Uuid;

use crate::domain::lifecycle::Stage;
use crate::domain::rules::{DisqualificationReason, Grade};

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// A lead began.
    Opened,
    /// An act that the model tells the other services.
    Engaged,
    /// Fit is another.
    Graded {
        /// Before.
        from: Grade,
        /// After.
        to: Grade,
    },
    /// The person is out.
    Disqualified {
        /// Why.
        reason: DisqualificationReason,
        /// Which entry of the model says so.
        by: String,
    },
    /// The person is no longer out.
    Lifted {
        /// Why they were.
        reason: DisqualificationReason,
    },
    /// The score passed the mql threshold without moving the stage.
    Crossed {
        /// Milli-points; 0 if the grade has none.
        threshold: i32,
        /// Or downwards.
        upwards: bool,
    },
    /// A qualified lead fell below the cooled threshold.
    Cooled {
        /// Milli-points.
        threshold: i32,
    },
    /// The lead became an mql.
    Qualified {
        /// What did it.
        by: QualifiedBy,
    },
    /// A raised hand of a lead that had been qualified before.
    HandRaised,
    /// A raised hand of somebody who is out.
    HandRefused {
        /// Why they are.
        reason: DisqualificationReason,
    },
}

/// What made an mql.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QualifiedBy {
    /// Points.
    Threshold,
    /// An explicit wish to talk.
    HandRaise,
}

impl QualifiedBy {
    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Threshold => "threshold",
            Self::HandRaise => "hand_raise",
        }
    }
}

/// A finding with the lead as it is after it; none for a person without a lead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What.
    pub fact: Fact,
    /// Whose lead, and its stage after it.
    pub lead: Option<LeadState>,
}

/// The lead of a person as decisions see it: the open one, else the newest of the closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeadState {
    /// Which.
    pub lead_id: Uuid,
    /// Where it stands.
    pub stage: Stage,
    /// Of a disqualified one: where it returns to.
    pub stage_before: Stage,
}

/// What a decision row is about: the weightiest of its facts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum DecisionKind {
    /// A hand was raised.
    HandRaise = 1,
    /// A stage changed.
    Stage = 2,
    /// Out, or no longer out.
    Disqualification = 3,
    /// A lead cooled.
    Cooled = 4,
    /// A threshold was crossed.
    Score = 5,
    /// Fit changed.
    Grade = 6,
    /// Identifiers were tied, refused or torn apart.
    Link = 7,
    /// Owner or stage came from assignment.
    Owner = 8,
}

impl DecisionKind {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 8] = [
        Self::HandRaise,
        Self::Stage,
        Self::Disqualification,
        Self::Cooled,
        Self::Score,
        Self::Grade,
        Self::Link,
        Self::Owner,
    ];

    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::HandRaise => "hand_raise",
            Self::Stage => "stage",
            Self::Disqualification => "disqualification",
            Self::Cooled => "cooled",
            Self::Score => "score",
            Self::Grade => "grade",
            Self::Link => "link",
            Self::Owner => "owner",
        }
    }

    /// As stored.
    #[must_use]
    pub const fn number(self) -> i16 {
        self as i16
    }

    /// The kind with this number.
    #[must_use]
    pub fn from_number(number: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.number() == number)
    }

    /// Of one fact; none if it is told, but not decided.
    const fn of(fact: &Fact) -> Option<Self> {
        match fact {
            Fact::Engaged => None,
            Fact::HandRaised | Fact::HandRefused { .. } | Fact::Qualified { by: QualifiedBy::HandRaise } => {
                Some(Self::HandRaise)
            }
            Fact::Opened | Fact::Qualified { by: QualifiedBy::Threshold } => Some(Self::Stage),
            Fact::Disqualified { .. } | Fact::Lifted { .. } => Some(Self::Disqualification),
            Fact::Cooled { .. } => Some(Self::Cooled),
            Fact::Crossed { .. } => Some(Self::Score),
            Fact::Graded { .. } => Some(Self::Grade),
        }
    }

    /// Of all findings of a decision; none if nothing was decided.
    #[must_use]
    pub fn of_findings(findings: &[Finding]) -> Option<Self> {
        findings.iter().filter_map(|finding| Self::of(&finding.fact)).min()
    }
}
