//! A lead as qualification tells of it when it is opened: for runs in which nurture plays alone.

use std::collections::HashMap;

use jiff::Timestamp;
use leadflow_proto::qualification::v1::lead_event::Fact;
use leadflow_proto::qualification::v1::{Consent, Contact, LeadEvent, LeadOpened, LeadSnapshot};
use uuid::Uuid;

/// An open lead that has allowed marketing mails.
#[derive(Clone, Debug)]
pub struct OpenLead {
    /// Every other id is made of it.
    pub lead_id: Uuid,
    /// "person7@acme7.example"
    pub email: String,
    /// "Person 7"
    pub name: String,
    /// IANA name.
    pub time_zone: String,
    /// When it was opened and the consent given.
    pub at: Timestamp,
    /// As the scoring model emits them.
    pub traits: HashMap<String, String>,
}

impl OpenLead {
    /// The value of its first record on topic `lead`; the key is the lead's id as text.
    #[must_use]
    pub fn event(self) -> LeadEvent {
        let at = Some(pbjson_types::Timestamp { seconds: self.at.as_second(), nanos: self.at.subsec_nanosecond() });
        let id = |name: &str| Uuid::new_v5(&self.lead_id, name.as_bytes()).to_string();
        let consent =
            Consent { purpose: "marketing_email".to_owned(), given: true, occurred_at: at, event_id: id("consent") };
        let (person_id, event_id) = (id("person"), id("opened"));
        let contact = Contact {
            email: self.email,
            given_name: self.name.clone(),
            name: self.name,
            time_zone: self.time_zone,
            ..Contact::default()
        };
        let lead = LeadSnapshot {
            person_id,
            stage: "open".to_owned(),
            fit_grade: "B".to_owned(),
            contact: Some(contact),
            traits: self.traits.into_iter().collect(),
            consents: vec![consent],
            ..LeadSnapshot::default()
        };
        LeadEvent {
            event_id,
            lead_id: self.lead_id.to_string(),
            sequence: 1,
            incarnation: 1,
            occurred_at: at,
            r#type: "leadflow.lead.opened.v1".to_owned(),
            lead: Some(lead),
            fact: Some(Fact::Opened(LeadOpened { historical: false })),
            ..LeadEvent::default()
        }
    }
}
