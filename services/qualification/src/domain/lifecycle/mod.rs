//! Leads: in which stage they are, which moves there are, and which of two goes on when their persons become one. The
//! stages sal, sql, recycled, won and lost are born in assignment and only folded here.

mod fold;

use jiff::Timestamp;
use uuid::Uuid;

pub use fold::{Folded, LeadView, Owner, OwnerReport, Report, fold_report};

/// Where a lead stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Stage {
    /// The person is known, nothing more.
    Open = 1,
    /// Marketing-qualified: a threshold or a raised hand.
    Mql = 2,
    /// Sales-accepted: a rep has it.
    Sal = 3,
    /// Sales-qualified: the rep confirmed a need.
    Sql = 4,
    /// Handed back by sales: the same lead, in nurture again.
    Recycled = 5,
    /// Closed by a sale.
    Won = 6,
    /// Closed without one.
    Lost = 7,
    /// Closed because the person is out.
    Disqualified = 8,
    /// Closed because another lead of the same person goes on.
    Merged = 9,
    /// Closed because the person was erased.
    Erased = 10,
}

impl Stage {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 10] = [
        Self::Open,
        Self::Mql,
        Self::Sal,
        Self::Sql,
        Self::Recycled,
        Self::Won,
        Self::Lost,
        Self::Disqualified,
        Self::Merged,
        Self::Erased,
    ];

    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Mql => "mql",
            Self::Sal => "sal",
            Self::Sql => "sql",
            Self::Recycled => "recycled",
            Self::Won => "won",
            Self::Lost => "lost",
            Self::Disqualified => "disqualified",
            Self::Merged => "merged",
            Self::Erased => "erased",
        }
    }

    /// As stored.
    #[must_use]
    pub const fn number(self) -> i16 {
        self as i16
    }

    /// The stage with this number.
    #[must_use]
    pub fn from_number(number: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.number() == number)
    }

    /// The stage with this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.as_str() == word)
    }

    /// Whether a lead in it is still worked on. At most one of a person and product line is.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Open | Self::Mql | Self::Sal | Self::Sql | Self::Recycled)
    }

    /// Whether it has been qualified and is with sales or on the way there.
    #[must_use]
    pub const fn is_qualified(self) -> bool {
        matches!(self, Self::Mql | Self::Sal | Self::Sql)
    }

    /// How far on an open lead is.
    const fn progress(self) -> u8 {
        match self {
            Self::Sql => 5,
            Self::Sal => 4,
            Self::Mql => 3,
            Self::Recycled => 2,
            Self::Open => 1,
            Self::Won | Self::Lost | Self::Disqualified | Self::Merged | Self::Erased => 0,
        }
    }
}

/// An open lead, as far as it matters which of two goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rival {
    /// Which.
    pub lead_id: Uuid,
    /// How far on.
    pub stage: Stage,
    /// Since when.
    pub opened_at: Timestamp,
}

/// Which of several open leads of one person goes on: the one farther on, then the older, then the smaller id. None of none.
#[must_use]
pub fn surviving(rivals: &[Rival]) -> Option<Rival> {
    rivals
        .iter()
        .min_by_key(|rival| (std::cmp::Reverse(rival.stage.progress()), rival.opened_at, rival.lead_id))
        .copied()
}

/// Id of the lead that an event opens.
#[must_use]
pub fn lead_id(opening: Uuid, product_line: &str) -> Uuid {
    Uuid::new_v5(&opening, product_line.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lead_farther_on_survives_then_the_older_then_the_smaller_id() {
        let rival = |id: u128, stage, second| Rival {
            lead_id: Uuid::from_u128(id),
            stage,
            opened_at: Timestamp::from_second(second).expect("in range"),
        };
        let survivor = |rivals: &[Rival]| surviving(rivals).map(|rival| rival.lead_id.as_u128());
        assert_eq!(survivor(&[]), None);
        let by_stage = [Stage::Open, Stage::Recycled, Stage::Mql, Stage::Sal, Stage::Sql];
        for pair in by_stage.windows(2) {
            assert_eq!(survivor(&[rival(1, pair[0], 0), rival(2, pair[1], 9)]), Some(2), "{pair:?}");
        }
        assert_eq!(survivor(&[rival(1, Stage::Mql, 9), rival(2, Stage::Mql, 0)]), Some(2));
        assert_eq!(survivor(&[rival(2, Stage::Mql, 0), rival(1, Stage::Mql, 0)]), Some(1));
    }

    #[test]
    fn words_and_numbers_go_both_ways() {
        for stage in Stage::ALL {
            assert_eq!(Stage::from_number(stage.number()), Some(stage));
            assert_eq!(Stage::from_word(stage.as_str()), Some(stage));
        }
        assert_eq!(Stage::from_number(0), None);
        assert_eq!(Stage::from_word("offered"), None);
    }
}
