//! Two persons become one: the value of both is the sum.

use super::Person;

/// Whether the sum is exact, or the timeline has to be folded anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sum {
    /// Everything of both is in it.
    Exact,
    /// They were on different models: only the survivor's points are in it.
    Stale,
}

impl Person {
    /// Takes in all of `other`, who goes on as this person. Leads and profiles are the caller's business.
    #[must_use]
    pub fn absorb(&mut self, other: &mut Self) -> Sum {
        let same_model = self.rules.model_no == other.rules.model_no;
        let (own, theirs) = (&mut self.state, &mut other.state);
        if same_model {
            own.standing.acc.merge(&theirs.standing.acc);
            // The score is of what was added up: made anew on the next look.
            own.standing.score_milli =
                crate::domain::score::score(&self.rules.model, &own.standing.acc, own.standing.scored_on);
        }
        own.standing.above_mql |= theirs.standing.above_mql;
        own.standing.above_cooled |= theirs.standing.above_cooled;
        own.standing.waiting |= theirs.standing.waiting;
        own.out_by_event.append(&mut theirs.out_by_event);
        self.touches.merge(&other.touches);
        self.last_seen = self.last_seen.max(other.last_seen);
        self.has_lead |= other.has_lead;
        self.is_changed = true;

        other.merged_into = Some(self.id);
        other.identity_version += 1;
        other.state.standing.acc = crate::domain::score::Accumulator::new();
        other.state.standing.score_milli = 0;
        (other.state.standing.above_mql, other.state.standing.above_cooled) = (false, false);
        other.state.standing.waiting = false;
        other.state.identified = false;
        other.state.out_by_person = None;
        other.touches = crate::domain::person::Touches::default();
        (other.has_lead, other.has_profile, other.account_id) = (false, false, None);
        other.is_changed = true;
        if same_model { Sum::Exact } else { Sum::Stale }
    }
}
