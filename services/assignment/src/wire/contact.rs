//! The part of an event that says who the person is and how to reach them. It is kept apart (`lead_contact`, by version),
//! so that erasure removes it in one place; taken out and put back it gives the same bytes.
//!
//! Written by intake, put back by whoever publishes or delivers.

use leadflow_proto::assignment::v1::{AssignmentEvent, LeadSnapshot, assignment_event::Detail};
use prost::Message as _;

/// Takes the contact out of an event; what is left names nobody.
pub fn take(event: &mut AssignmentEvent) -> LeadSnapshot {
    if let Some(Detail::HandRaised(hand_raised)) = &mut event.detail {
        // The same words stand in the snapshot.
        hand_raised.text.clear();
    }
    event.lead.as_mut().map(take_from).unwrap_or_default()
}

/// Takes the contact out of a snapshot.
pub fn take_from(lead: &mut LeadSnapshot) -> LeadSnapshot {
    LeadSnapshot {
        email: std::mem::take(&mut lead.email),
        phone_e164: std::mem::take(&mut lead.phone_e164),
        given_name: std::mem::take(&mut lead.given_name),
        family_name: std::mem::take(&mut lead.family_name),
        name: std::mem::take(&mut lead.name),
        company: std::mem::take(&mut lead.company),
        company_domain: std::mem::take(&mut lead.company_domain),
        country: std::mem::take(&mut lead.country),
        locale: std::mem::take(&mut lead.locale),
        time_zone: std::mem::take(&mut lead.time_zone),
        hand_raise_text: std::mem::take(&mut lead.hand_raise_text),
        ..LeadSnapshot::default()
    }
}

/// Puts a contact into an event that has none. An event without a snapshot (`erased`) stays as it is.
pub fn put(event: &mut AssignmentEvent, contact: &LeadSnapshot) {
    let Some(lead) = &mut event.lead else { return };
    lead.email.clone_from(&contact.email);
    lead.phone_e164.clone_from(&contact.phone_e164);
    lead.given_name.clone_from(&contact.given_name);
    lead.family_name.clone_from(&contact.family_name);
    lead.name.clone_from(&contact.name);
    lead.company.clone_from(&contact.company);
    lead.company_domain.clone_from(&contact.company_domain);
    lead.country.clone_from(&contact.country);
    lead.locale.clone_from(&contact.locale);
    lead.time_zone.clone_from(&contact.time_zone);
    lead.hand_raise_text.clone_from(&contact.hand_raise_text);
    if let Some(Detail::HandRaised(hand_raised)) = &mut event.detail {
        hand_raised.text.clone_from(&contact.hand_raise_text);
    }
}

/// As stored in `lead_contact.contact`.
#[must_use]
pub fn to_bytes(contact: &LeadSnapshot) -> Vec<u8> {
    contact.encode_to_vec()
}

/// From `lead_contact.contact`. Bytes that nobody wrote read as no contact.
#[must_use]
pub fn from_bytes(bytes: &[u8]) -> LeadSnapshot {
    LeadSnapshot::decode(bytes).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use leadflow_proto::assignment::v1::HandRaised;

    use super::*;

    fn event() -> AssignmentEvent {
        let lead = LeadSnapshot {
            person_id: "0195".to_owned(),
            email: "mia@acme.example".to_owned(),
            phone_e164: "+4930123456".to_owned(),
            given_name: "Mia".to_owned(),
            family_name: "Fictional".to_owned(),
            name: "Mia Fictional".to_owned(),
            company: "Acme".to_owned(),
            company_domain: "acme.example".to_owned(),
            country: "DE".to_owned(),
            locale: "de-DE".to_owned(),
            time_zone: "Europe/Berlin".to_owned(),
            hand_raise_text: "please call".to_owned(),
            fit_grade: "A".to_owned(),
            source: "fair".to_owned(),
            ..LeadSnapshot::default()
        };
        let text = lead.hand_raise_text.clone();
        let detail = Detail::HandRaised(HandRaised { text, kind: "chat".to_owned(), ..HandRaised::default() });
        AssignmentEvent {
            lead_id: "x".to_owned(),
            lead: Some(lead),
            detail: Some(detail),
            ..AssignmentEvent::default()
        }
    }

    #[test]
    fn taken_out_and_put_back_gives_the_same_bytes() {
        let original = event();
        let mut without = original.clone();
        let contact = take(&mut without);
        let mut again = AssignmentEvent::decode(without.encode_to_vec().as_slice()).unwrap();
        put(&mut again, &from_bytes(&to_bytes(&contact)));
        assert_eq!(again.encode_to_vec(), original.encode_to_vec());
    }

    #[test]
    fn what_is_left_names_nobody() {
        let mut without = event();
        take(&mut without);
        let left = String::from_utf8_lossy(&without.encode_to_vec()).to_lowercase();
        for word in ["mia", "fictional", "acme", "+49", "berlin", "de-de", "please"] {
            assert!(!left.contains(word), "{word} is still in the event");
        }
        assert!(left.contains("fair"));
    }

    #[test]
    fn an_erased_event_takes_no_contact() {
        let mut erased = AssignmentEvent { lead_id: "x".to_owned(), ..AssignmentEvent::default() };
        put(&mut erased, &LeadSnapshot { email: "mia@acme.example".to_owned(), ..LeadSnapshot::default() });
        assert_eq!(erased.lead, None);
    }
}
