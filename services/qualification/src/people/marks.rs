//! The bits of `person.flags`, in both directions.

use std::collections::BTreeSet;

use crate::domain::rules::DisqualificationReason;

use super::Person;

const IDENTIFIED: i32 = 1 << 0;
const ABOVE_MQL: i32 = 1 << 1;
const ABOVE_COOLED: i32 = 1 << 2;
const WAITING: i32 = 1 << 3;
const HAS_LEAD: i32 = 1 << 4;
const HAS_PROFILE: i32 = 1 << 5;
/// From here on a bit per reason.
const OUT_BY_EVENT: u32 = 8;
/// From here on the number of the reason plus one.
const OUT_BY_PERSON: u32 = 16;

/// What the flags say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// Has a user id, e-mail or phone.
    pub identified: bool,
    /// Side of the mql threshold.
    pub above_mql: bool,
    /// Side of the cooled threshold.
    pub above_cooled: bool,
    /// Something waits for a live act.
    pub waiting: bool,
    /// Has or had a lead.
    pub has_lead: bool,
    /// Has a profile row.
    pub has_profile: bool,
    /// Out because of what is known.
    pub out_by_person: Option<DisqualificationReason>,
    /// Out because of what happened.
    pub out_by_event: BTreeSet<DisqualificationReason>,
}

impl Marks {
    /// Of a person.
    #[must_use]
    pub fn of(person: &Person) -> Self {
        let (state, standing) = (&person.state, &person.state.standing);
        Self {
            identified: state.identified,
            above_mql: standing.above_mql,
            above_cooled: standing.above_cooled,
            waiting: standing.waiting,
            has_lead: person.has_lead,
            has_profile: person.has_profile,
            out_by_person: state.out_by_person,
            out_by_event: state.out_by_event.clone(),
        }
    }

    /// The number to be stored.
    #[must_use]
    pub fn pack(&self) -> i32 {
        let bit = |is_set: bool, bit: i32| if is_set { bit } else { 0 };
        let by_event =
            self.out_by_event.iter().fold(0, |bits, reason| bits | 1 << (OUT_BY_EVENT + u32::from(reason.number())));
        let by_person = self.out_by_person.map_or(0, |reason| i32::from(reason.number()) + 1) << OUT_BY_PERSON;
        bit(self.identified, IDENTIFIED)
            | bit(self.above_mql, ABOVE_MQL)
            | bit(self.above_cooled, ABOVE_COOLED)
            | bit(self.waiting, WAITING)
            | bit(self.has_lead, HAS_LEAD)
            | bit(self.has_profile, HAS_PROFILE)
            | by_event
            | by_person
    }

    /// What a stored number says; bits that this binary does not know say nothing.
    #[must_use]
    pub fn unpack(flags: i32) -> Self {
        let is_set = |bit: i32| flags & bit != 0;
        let by_event = |reason: &DisqualificationReason| is_set(1 << (OUT_BY_EVENT + u32::from(reason.number())));
        Self {
            identified: is_set(IDENTIFIED),
            above_mql: is_set(ABOVE_MQL),
            above_cooled: is_set(ABOVE_COOLED),
            waiting: is_set(WAITING),
            has_lead: is_set(HAS_LEAD),
            has_profile: is_set(HAS_PROFILE),
            out_by_person: DisqualificationReason::from_number((flags >> OUT_BY_PERSON & 0xf) - 1),
            out_by_event: DisqualificationReason::ALL.into_iter().filter(by_event).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_go_both_ways() {
        for bits in 0..64 {
            for out in [None, Some(DisqualificationReason::Competitor), Some(DisqualificationReason::OptedOut)] {
                let marks = Marks { out_by_person: out, ..Marks::unpack(bits) };
                assert_eq!(Marks::unpack(marks.pack()), marks);
            }
        }
        let all: BTreeSet<_> = DisqualificationReason::ALL.into_iter().collect();
        let marks = Marks { out_by_event: all, ..Marks::default() };
        assert_eq!(Marks::unpack(marks.pack()), marks);
    }
}
