//! A lead with what belongs to it, under the lock of its contact: what the consumer, the timers and the doors have in their
//! hands.

use std::collections::HashMap;

use leadflow_platform::pg::{PgError, WriteTx};
use leadflow_proto::qualification::v1::LeadSnapshot;
use prost::Message as _;
use uuid::Uuid;

use crate::domain::facts::LeadFacts;
use crate::domain::journey::Journey;
use crate::domain::window;
use crate::store;
use crate::store::contact::Contact;
use crate::store::enrollment::Enrollment;
use crate::store::lead::Lead;
use crate::wire::fields;

/// A lead with what belongs to it.
#[derive(Clone, Debug)]
pub struct Held {
    /// Its row.
    pub lead: Lead,
    /// Decoded from the row.
    pub snapshot: LeadSnapshot,
    /// How to reach the person.
    pub contact: Contact,
    /// Every enrolment that was loaded: all of the lead, or those that are due.
    pub enrollments: Vec<Enrollment>,
    /// The row must be written.
    pub touched: bool,
}

impl Held {
    /// From rows.
    #[must_use]
    pub fn new(lead: Lead, contact: Contact, enrollments: Vec<Enrollment>) -> Self {
        let snapshot = LeadSnapshot::decode(lead.snapshot.as_deref().unwrap_or_default()).unwrap_or_default();
        Self { lead, snapshot, contact, enrollments, touched: false }
    }

    /// What a decision may know of it.
    #[must_use]
    pub fn facts(&self, journey: &Journey, default_zone: &str) -> LeadFacts {
        let zone = zone_of(&self.contact, default_zone);
        let mut facts = fields::facts(self.lead.lead_id, &self.snapshot, zone, &journey.fields);
        facts.stage.clone_from(&self.lead.stage);
        facts
    }
}

/// The zone in which somebody lives: his own words, else his country's, else the deployment's.
#[must_use]
pub fn zone_of<'a>(contact: &'a Contact, default_zone: &'a str) -> &'a str {
    if window::zone(&contact.time_zone).is_some() {
        return &contact.time_zone;
    }
    crate::domain::country::zone(&contact.country).unwrap_or(default_zone)
}

/// Leads of these enrolments with their contacts, whose locks are held, for timers: no lock of the lead.
///
/// # Errors
/// As the database says.
pub async fn hold(
    tx: &mut WriteTx,
    contacts: Vec<Contact>,
    enrollments: Vec<Enrollment>,
) -> Result<Vec<Held>, PgError> {
    let mut lead_ids: Vec<Uuid> = enrollments.iter().map(|one| one.lead_id).collect();
    lead_ids.sort_unstable();
    lead_ids.dedup();
    let leads = store::lead::load(tx.connection(), &lead_ids).await?;
    let contacts: HashMap<&[u8], &Contact> =
        contacts.iter().map(|contact| (contact.email_hash.as_slice(), contact)).collect();
    let mut of_lead: HashMap<Uuid, Vec<Enrollment>> = HashMap::new();
    for enrollment in enrollments {
        of_lead.entry(enrollment.lead_id).or_default().push(enrollment);
    }
    let mut held = Vec::new();
    for lead in leads {
        let Some(contact) = contacts.get(lead.email_hash.as_slice()) else {
            // The address changed between the look and the lock: due again at once.
            continue;
        };
        let own = of_lead.remove(&lead.lead_id).unwrap_or_default();
        held.push(Held::new(lead, (*contact).clone(), own));
    }
    Ok(held)
}
