//! The words of a lead's way: states here, stages everywhere. Numbers are those of the database and of stored decisions:
//! never reused.

/// Where a lead stands with us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(i16)]
pub enum LeadState {
    /// Known, nothing to do: not qualified yet, or handed back.
    Idle = 0,
    /// Qualified and without a rep.
    Waiting = 1,
    /// A rep was asked and has not answered.
    Offered = 2,
    /// A rep owns it.
    Accepted = 3,
    /// Over.
    Closed = 4,
}

impl LeadState {
    /// From the database. None for a number that no version wrote.
    #[must_use]
    pub const fn from_number(number: i16) -> Option<Self> {
        Some(match number {
            0 => Self::Idle,
            1 => Self::Waiting,
            2 => Self::Offered,
            3 => Self::Accepted,
            4 => Self::Closed,
            _ => return None,
        })
    }

    /// Whether a rep has it.
    #[must_use]
    pub const fn is_assigned(self) -> bool {
        matches!(self, Self::Offered | Self::Accepted)
    }
}

/// Stage of a lead. Born in qualification: open, mql, disqualified, merged, erased; born here: the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(i16)]
pub enum Stage {
    /// A person with a way to be reached.
    Open = 0,
    /// Marketing-qualified.
    Mql = 1,
    /// A rep accepted it.
    Sal = 2,
    /// The rep confirmed a need.
    Sql = 3,
    /// Handed back.
    Recycled = 4,
    /// Closed, a customer.
    Won = 5,
    /// Closed, none.
    Lost = 6,
    /// Out, with a reason.
    Disqualified = 7,
    /// Became part of another lead.
    Merged = 8,
    /// Forgotten.
    Erased = 9,
}

impl Stage {
    const ALL: [(Self, &'static str); 10] = [
        (Self::Open, "open"),
        (Self::Mql, "mql"),
        (Self::Sal, "sal"),
        (Self::Sql, "sql"),
        (Self::Recycled, "recycled"),
        (Self::Won, "won"),
        (Self::Lost, "lost"),
        (Self::Disqualified, "disqualified"),
        (Self::Merged, "merged"),
        (Self::Erased, "erased"),
    ];

    /// From the database.
    #[must_use]
    pub fn from_number(number: i16) -> Option<Self> {
        Self::ALL.iter().map(|(stage, _)| *stage).find(|stage| *stage as i16 == number)
    }

    /// The word on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL[self as usize].1
    }

    /// From the word on the wire.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, word)| *word == name).map(|(stage, _)| *stage)
    }
}

/// Where an assignment stands. Numbers are those of the proto.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(i16)]
pub enum AssignmentState {
    /// Shown to a rep who must answer.
    Offered = 1,
    /// He owns it.
    Accepted = 2,
    /// He gave it back.
    Declined = 3,
    /// He did not answer in time.
    Expired = 4,
    /// Taken back before he answered.
    Withdrawn = 5,
    /// It was his; over.
    Closed = 6,
}

impl AssignmentState {
    /// From the database.
    #[must_use]
    pub const fn from_number(number: i16) -> Option<Self> {
        Some(match number {
            1 => Self::Offered,
            2 => Self::Accepted,
            3 => Self::Declined,
            4 => Self::Expired,
            5 => Self::Withdrawn,
            6 => Self::Closed,
            _ => return None,
        })
    }
}

/// Higher goes first; among equals the one that waits longest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(i16)]
pub enum Priority {
    /// Passed the threshold.
    Qualified = 0,
    /// Asked to talk.
    HandRaise = 100,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_numbers_go_both_ways() {
        for number in 0..10 {
            let stage = Stage::from_number(number).unwrap();
            assert_eq!((stage as i16, Stage::parse(stage.name())), (number, Some(stage)));
        }
        for number in 0..5 {
            assert_eq!(LeadState::from_number(number).unwrap() as i16, number);
        }
        for number in 1..7 {
            assert_eq!(AssignmentState::from_number(number).unwrap() as i16, number);
        }
        assert_eq!(
            (Stage::from_number(10), LeadState::from_number(5), AssignmentState::from_number(0)),
            (None, None, None)
        );
        assert_eq!(Stage::parse("SAL"), None);
    }
}
