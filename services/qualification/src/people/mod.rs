//! The persons that one transaction works on: their rows as values, with what has been loaded of them. Between `store`,
//! which knows bytes, and `domain`, which knows neither rows nor flags.

mod marks;
mod merge;

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

use crate::domain::day::Day;
use crate::domain::decide::{Known, LeadState, Standing, State};
use crate::domain::identity::{IdentifierKind, PersonId};
use crate::domain::lifecycle::Stage;
use crate::domain::person::{Account, Profile, Touches, account_of};
use crate::domain::rules::Grade;
use crate::domain::score::Accumulator;
use crate::models::Rules;
use crate::store::lead::LeadRow;
use crate::store::person::PersonRow;
use crate::wire::Corrupt;
use crate::wire::lead_event::main_email;
use crate::wire::stored::{decode_touches, encode_touches};

pub use marks::Marks;
pub use merge::Sum;

/// `last_seen` of somebody who did nothing yet.
pub const NEVER: Timestamp = Timestamp::UNIX_EPOCH;

/// One person, locked or new.
#[derive(Clone, Debug)]
pub struct Person {
    /// Row number.
    pub id: PersonId,
    /// Public id.
    pub uid: Uuid,
    /// Of the row that was read; 0 of a new person.
    pub version: i32,
    /// Of the row, or one more.
    pub identity_version: i32,
    /// Of the row, or one more if an identifier leaves.
    pub departures: i32,
    /// Whose identifiers they are now.
    pub merged_into: Option<PersonId>,
    /// Company.
    pub account_id: Option<Uuid>,
    /// The model the person is on.
    pub rules: Arc<Rules>,
    /// Points, sides of thresholds, out or not; the lead only where leads were loaded.
    pub state: State,
    /// First and last.
    pub touches: Touches,
    /// Latest occurrence.
    pub last_seen: Timestamp,
    /// Has or had a lead.
    pub has_lead: bool,
    /// Has a profile row.
    pub has_profile: bool,
    /// Not in the table yet.
    pub is_new: bool,
    /// To be written.
    pub is_changed: bool,
}

impl Person {
    /// Somebody who was never seen before.
    #[must_use]
    pub fn new(id: PersonId, uid: Uuid, rules: &Arc<Rules>, now: Timestamp) -> Self {
        Self {
            id,
            uid,
            version: 0,
            identity_version: 1,
            departures: 0,
            merged_into: None,
            account_id: None,
            rules: Arc::clone(rules),
            state: State {
                standing: Standing::new(Day::of(now), &rules.model, rules.nobodys_grade),
                identified: false,
                out_by_person: rules.nobody_is_out,
                out_by_event: std::collections::BTreeSet::new(),
                lead: None,
            },
            touches: Touches::default(),
            last_seen: NEVER,
            has_lead: false,
            has_profile: false,
            is_new: true,
            is_changed: true,
        }
    }

    /// From a row.
    ///
    /// # Errors
    /// [`Corrupt`].
    pub fn from_row(row: PersonRow, rules: &Arc<Rules>) -> Result<Self, Corrupt> {
        let marks = Marks::unpack(row.flags);
        let standing = Standing {
            acc: Accumulator::from_bytes(&row.acc).map_err(|_| Corrupt("accumulator"))?,
            score_milli: row.score_milli,
            scored_on: Day(row.scored_on),
            grade: Grade::from_number(row.grade).ok_or(Corrupt("grade"))?,
            above_mql: marks.above_mql,
            above_cooled: marks.above_cooled,
            waiting: marks.waiting,
        };
        Ok(Self {
            id: row.id,
            uid: row.uid,
            version: row.version,
            identity_version: row.identity_version,
            departures: row.departures,
            merged_into: row.merged_into,
            account_id: row.account_id,
            rules: Arc::clone(rules),
            state: State {
                standing,
                identified: marks.identified,
                out_by_person: marks.out_by_person,
                out_by_event: marks.out_by_event,
                lead: None,
            },
            touches: decode_touches(&row.touch)?,
            last_seen: row.last_seen,
            has_lead: marks.has_lead,
            has_profile: marks.has_profile,
            is_new: false,
            is_changed: false,
        })
    }

    /// As it is to be written.
    #[must_use]
    pub fn to_row(&self) -> PersonRow {
        let standing = &self.state.standing;
        PersonRow {
            id: self.id,
            uid: self.uid,
            version: self.version.wrapping_add(1),
            identity_version: self.identity_version,
            departures: self.departures,
            merged_into: self.merged_into,
            account_id: self.account_id,
            model_no: self.rules.model_no,
            flags: Marks::of(self).pack(),
            score_milli: standing.score_milli,
            grade: i16::from(standing.grade.number()),
            scored_on: standing.scored_on.0,
            last_seen: self.last_seen,
            acc: standing.acc.to_bytes(),
            touch: encode_touches(&self.touches),
        }
    }
}

/// How somebody can be reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contacts {
    /// In the order in which they were linked.
    pub emails: Vec<String>,
    /// Likewise.
    pub phones: Vec<String>,
}

/// What was loaded beside the rows.
#[derive(Debug, Default)]
pub struct Details {
    /// Of those who have one.
    pub profiles: HashMap<PersonId, Profile>,
    /// Of those who are identified.
    pub contacts: HashMap<PersonId, Contacts>,
    /// Of those who have or had one, the oldest first.
    pub leads: HashMap<PersonId, Vec<LeadRow>>,
}

impl Details {
    /// What fit and disqualification may read of a person, and the company.
    #[must_use]
    pub fn known(&self, person: PersonId) -> (Known, Option<Account>) {
        let none = Profile::default();
        let profile = self.profiles.get(&person).unwrap_or(&none);
        let emails = self.contacts.get(&person).map_or_else(Vec::new, |contacts| contacts.emails.clone());
        let account = account_of(profile, main_email(&emails));
        let values = |map: &std::collections::BTreeMap<String, crate::domain::person::Written<String>>| {
            map.iter().map(|(name, written)| (name.clone(), written.value.clone())).collect()
        };
        let known = Known {
            emails,
            traits: values(&profile.traits),
            account_domain: account.as_ref().map(|account| account.domain.clone()).filter(|domain| !domain.is_empty()),
            account_traits: values(&profile.account_traits),
        };
        (known, account)
    }

    /// Files what `store::identifier::contacts` read.
    pub fn add_contacts(&mut self, rows: Vec<(PersonId, IdentifierKind, String)>) {
        for (person, kind, value) in rows {
            let contacts = self.contacts.entry(person).or_default();
            match kind {
                IdentifierKind::Email => contacts.emails.push(value),
                IdentifierKind::Phone => contacts.phones.push(value),
                IdentifierKind::User | IdentifierKind::Anonymous => {}
            }
        }
    }

    /// Files leads.
    pub fn add_leads(&mut self, rows: Vec<LeadRow>) {
        for lead in rows {
            self.leads.entry(lead.person).or_default().push(lead);
        }
    }

    /// The lead that decisions are about: the open one, else the newest of the closed that did not go on elsewhere.
    #[must_use]
    pub fn current_lead(&self, person: PersonId) -> Option<LeadState> {
        let leads = self.leads.get(&person)?;
        let own = |lead: &&LeadRow| !matches!(lead.stage, Stage::Merged | Stage::Erased);
        let current = leads.iter().find(|lead| lead.stage.is_open()).or_else(|| leads.iter().rfind(own))?;
        Some(LeadState { lead_id: current.lead_id, stage: current.stage, stage_before: current.stage_before })
    }
}
