//! What one transaction does to persons and their leads, from the first question to the last row: ask `domain::decide`,
//! make lead rows, decision rows and lead events of the answers, write. Used by the engagement handler, by `recompute`, by
//! reviews and by erasure, so that a decision is the same whoever asked for it.
//!
//! Everybody in it is locked (or new). The order of calls: `load`, `merge_leads`, `ask` as often as needed, `tell`, `save`.

mod answer;
mod evidence;
mod merge_leads;
mod save;
mod snapshot;
mod tell;

use std::collections::{BTreeSet, HashMap, HashSet};

use jiff::Timestamp;
use leadflow_platform::pg::PgError;
use leadflow_platform::record::TraceParent;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::domain::day::Day;
use crate::domain::identity::{Claim, Node, PersonId, Tied};
use crate::people::{Details, Person};
use crate::store;
use crate::store::decision::DecisionRow;
use crate::store::review::Reason;

pub use answer::Asked;
pub(crate) use answer::Moment;
pub(crate) use evidence::{Evidence, read_event};
pub(crate) use save::may_rise;

/// A decision about links with its question, and who goes on in each of its groups.
#[derive(Debug)]
pub struct Ties {
    /// All identifiers concerned.
    pub nodes: Vec<Node>,
    /// What events said.
    pub claims: Vec<Claim>,
    /// What was decided.
    pub tied: Tied,
    /// In the order of the groups.
    pub persons: Vec<PersonId>,
}

/// What a cause is, as lead events name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// "engagement", "engagement-bulk", "assignment", "command", "review", "recompute".
    pub topic: &'static str,
    /// The event, or an id made of what else asked.
    pub id: Uuid,
    /// Trace to be carried on.
    pub trace: Option<TraceParent>,
}

/// How the day of the next review is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Diligence {
    /// In a batch of events: where a score may rise by itself, tomorrow. The review then finds the day.
    Quick,
    /// In a review or recompute, which nobody waits for.
    Exact,
}

/// Persons, locked or new, with all that becomes of them.
#[derive(Debug)]
pub struct Work {
    /// The database clock.
    pub now: Timestamp,
    /// Its UTC day.
    pub today: Day,
    /// Of the deployment.
    pub incarnation: i32,
    /// Everybody.
    pub people: HashMap<PersonId, Person>,
    /// What was loaded of them.
    pub details: Details,
    /// Whose identifiers are others than before.
    pub changed: BTreeSet<PersonId>,
    /// Who became one with whom.
    pub merged: Vec<(PersonId, PersonId)>,
    /// Whose timeline must be folded anew.
    pub torn: BTreeSet<PersonId>,
    /// Decisions about links.
    pub ties: Vec<Ties>,
    /// Place in the batch of each event of it: explanations name none that came after.
    pub places: HashMap<Uuid, usize>,
    /// Whose profile is to be written.
    told: HashSet<PersonId>,
    /// Which leads are to be written.
    touched_leads: HashSet<Uuid>,
    /// Whose next review may be another.
    to_review: BTreeSet<PersonId>,
    /// Whether the next review is found exactly, also where that takes a score per day to the horizon.
    pub diligence: Diligence,
    moments: Vec<Moment>,
    decisions: Vec<DecisionRow>,
}

impl Work {
    /// Nobody yet.
    #[must_use]
    pub fn new(now: Timestamp, incarnation: i32) -> Self {
        Self {
            now,
            today: Day::of(now),
            incarnation,
            people: HashMap::new(),
            details: Details::default(),
            changed: BTreeSet::new(),
            merged: Vec::new(),
            torn: BTreeSet::new(),
            ties: Vec::new(),
            places: HashMap::new(),
            told: HashSet::new(),
            touched_leads: HashSet::new(),
            to_review: BTreeSet::new(),
            diligence: Diligence::Quick,
            moments: Vec::new(),
            decisions: Vec::new(),
        }
    }

    /// Loads what decisions about these persons need beside their rows.
    ///
    /// # Errors
    /// [`PgError`].
    pub async fn load(
        &mut self,
        connection: &mut PgConnection,
        persons: impl IntoIterator<Item = PersonId>,
    ) -> Result<(), PgError> {
        let everybody: BTreeSet<PersonId> =
            persons.into_iter().chain(self.merged.iter().flat_map(|(from, into)| [*from, *into])).collect();
        let wanted = |is_wanted: &dyn Fn(&Person) -> bool| -> Vec<PersonId> {
            everybody.iter().copied().filter(|id| self.people.get(id).is_some_and(is_wanted)).collect()
        };
        // Those who ended here have lost their marks: all of them are asked for.
        let with_lead = wanted(&|person| person.has_lead || person.merged_into.is_some());
        let with_profile = wanted(&|person| person.has_profile || person.merged_into.is_some());
        let identified = wanted(&|person| person.state.identified);
        if !with_lead.is_empty() {
            let leads = store::lead::of_persons(connection, &with_lead).await?;
            self.details.add_leads(leads);
        }
        if !with_profile.is_empty() {
            self.details.profiles = store::profile::read(connection, &with_profile).await?.into_iter().collect();
        }
        if !identified.is_empty() {
            let contacts = store::identifier::contacts(connection, &identified).await?;
            self.details.add_contacts(contacts);
        }
        Ok(())
    }

    /// The next review of this person may be another.
    pub fn review_later(&mut self, person: PersonId) {
        self.to_review.insert(person);
    }

    /// This lead is to be written.
    pub fn write_lead(&mut self, lead: Uuid) {
        self.touched_leads.insert(lead);
    }

    /// The profile of this person is to be written.
    pub fn write_profile(&mut self, person: PersonId) {
        self.told.insert(person);
    }
}

/// Why persons of a transaction are noted for a recompute.
const TORN: Reason = Reason::Identity;
