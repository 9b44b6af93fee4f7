//! A lead with what belongs to it, under its lock: what intake, planner, timers and commands have in their hands.

use jiff::Timestamp;
use leadflow_platform::pg::{PgError, WriteTx};
use leadflow_proto::assignment::v1::{Assignment as AssignmentProto, AssignmentEvent, LeadSnapshot};
use prost::Message as _;
use uuid::Uuid;

use crate::domain::decision::{Current, LeadFacts};
use crate::store;
use crate::store::assignment::Assignment;
use crate::store::lead::Lead;
use crate::store::owner::{OwnedKind, OwnerKey};

/// A lead with what belongs to it, locked.
#[derive(Clone, Debug)]
pub struct Held {
    /// Its row.
    pub lead: Lead,
    /// Its active assignment.
    pub current: Option<Assignment>,
    /// How to reach the person.
    pub contact: LeadSnapshot,
    /// Whether the row must be written.
    pub touched: bool,
}

impl Held {
    /// What the rules may know. `rep_active` matters to an accept only.
    #[must_use]
    pub fn facts(&self, rep_active: bool) -> LeadFacts {
        LeadFacts {
            lead_id: self.lead.lead_id.as_bytes().to_vec(),
            state: i32::from(self.lead.state as i16),
            stage: i32::from(self.lead.stage as i16),
            priority: i32::from(self.lead.priority),
            round: self.lead.round,
            asked: self.lead.asked.clone(),
            current: self.current.as_ref().map(|current| Current {
                assignment_id: current.assignment_id.as_bytes().to_vec(),
                rep_id: current.rep_id.clone(),
                state: i32::from(current.state as i16),
                respond_by_us: current.respond_by.map_or(0, Timestamp::as_microsecond),
                schedule_cut: current.schedule_cut,
                shared: current.stretch_no.is_some(),
                rep_active,
            }),
        }
    }

    /// Who or what of it may have an owner.
    pub fn owner_keys(&self) -> impl Iterator<Item = OwnerKey> + '_ {
        let person = self.lead.person_key.iter().map(|hash| OwnerKey { kind: OwnedKind::Person, hash: hash.clone() });
        let account =
            self.lead.account_key.iter().map(|hash| OwnerKey { kind: OwnedKind::Account, hash: hash.clone() });
        person.chain(account)
    }

    /// The assignment as last told; of an active one that is the active one.
    #[must_use]
    pub fn assignment_as_told(&self) -> Option<AssignmentProto> {
        let bytes = self.lead.last_event.as_deref()?;
        AssignmentEvent::decode(bytes).ok()?.assignment
    }
}

/// Locks leads with what belongs to them; unknown ones are left out.
///
/// # Errors
/// As the database says.
pub async fn hold(tx: &mut WriteTx, lead_ids: &[Uuid]) -> Result<Vec<Held>, PgError> {
    let leads = store::lead::lock(tx.connection(), lead_ids).await?;
    hold_locked(tx, leads).await
}

/// The same for leads whose locks are held.
///
/// # Errors
/// As the database says.
pub async fn hold_locked(tx: &mut WriteTx, leads: Vec<Lead>) -> Result<Vec<Held>, PgError> {
    let assigned: Vec<Uuid> = leads.iter().filter(|lead| lead.state.is_assigned()).map(|lead| lead.lead_id).collect();
    let mut current = store::assignment::active(tx.connection(), &assigned).await?;
    let mut contacts = store::contact::load(tx.connection(), &leads).await?;
    let held = |lead: Lead| Held {
        current: current.remove(&lead.lead_id),
        contact: contacts.remove(&lead.lead_id).unwrap_or_default(),
        lead,
        touched: false,
    };
    Ok(leads.into_iter().map(held).collect())
}
