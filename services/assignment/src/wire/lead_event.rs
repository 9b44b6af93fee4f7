//! `LeadEvent` of qualification as what intake wants to know of it.

use leadflow_proto::assignment::v1::{HandRaised, LeadSnapshot, Reason};
use leadflow_proto::qualification::v1 as theirs;
use leadflow_proto::qualification::v1::lead_event::Fact as TheirFact;
use uuid::Uuid;

use super::contact;
use crate::domain::intake::{Fact, Heard};
use crate::domain::lead::Stage;

/// A lead event, read.
#[derive(Clone, Debug, PartialEq)]
pub struct LeadNews {
    /// Its id.
    pub event_id: Uuid,
    /// Record key.
    pub lead_id: Uuid,
    /// What intake decides on; `contact_differs` is still to be found out.
    pub heard: Heard,
    /// Sample traffic.
    pub test: bool,
    /// The whole lead; None: erased.
    pub whole: Option<Whole>,
    /// Of `merged`.
    pub into_lead_id: Option<Uuid>,
    /// Why the lead ends, in the fact's own word.
    pub end_reason: String,
    /// Of `erased`.
    pub request_id: String,
    /// The newest hand-raise.
    pub hand_raised: Option<HandRaised>,
}

/// A lead as qualification knows it, in our terms.
#[derive(Clone, Debug, PartialEq)]
pub struct Whole {
    /// Without contact, stage and external ids: those are ours.
    pub snapshot: LeadSnapshot,
    /// How to reach the person.
    pub contact: LeadSnapshot,
    /// Who it is.
    pub person_uid: Option<Uuid>,
    /// Which company, by domain; empty: none.
    pub account_domain: String,
    /// Where it is routed.
    pub product_line: String,
}

/// Why an event cannot be read: our own defect or qualification's, never a person's input.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("lead event: {0} is missing or no UUID")]
pub struct NoLeadEvent(&'static str);

/// Reads an event.
///
/// # Errors
/// [`NoLeadEvent`] without an id to put it under.
pub fn read(event: theirs::LeadEvent) -> Result<LeadNews, NoLeadEvent> {
    let event_id = event.event_id.parse().map_err(|_| NoLeadEvent("event_id"))?;
    let lead_id = event.lead_id.parse().map_err(|_| NoLeadEvent("lead_id"))?;
    let hand_raise = event.lead.as_ref().and_then(|lead| lead.hand_raise.clone());
    let stage = match &event.fact {
        Some(TheirFact::Erased(_)) => Some(Stage::Erased),
        _ => event.lead.as_ref().and_then(|lead| Stage::parse(&lead.stage)),
    };
    let heard = Heard {
        incarnation: event.incarnation,
        sequence: event.sequence,
        caused_by_us: event.cause.as_ref().is_some_and(|cause| cause.topic == "assignment"),
        fact: fact(event.fact.as_ref()),
        stage,
        has_hand_raise: hand_raise.is_some(),
        contact_differs: false,
    };
    Ok(LeadNews {
        event_id,
        lead_id,
        heard,
        test: event.test,
        into_lead_id: match &event.fact {
            Some(TheirFact::Merged(merged)) => merged.into_lead_id.parse().ok(),
            _ => None,
        },
        end_reason: match &event.fact {
            Some(TheirFact::Disqualified(fact)) if !fact.reason.is_empty() => format!("disqualified:{}", fact.reason),
            Some(TheirFact::Merged(_)) => "merged".to_owned(),
            Some(TheirFact::Erased(_)) => "erased".to_owned(),
            _ => "disqualified".to_owned(),
        },
        request_id: match &event.fact {
            Some(TheirFact::Erased(erased)) => erased.request_id.clone(),
            _ => String::new(),
        },
        hand_raised: hand_raise.map(|raised| HandRaised {
            event_id: raised.event_id,
            kind: raised.kind,
            // Put back from the contact, like every other word of the person.
            text: String::new(),
            occurred_at: raised.occurred_at,
        }),
        whole: event.lead.map(whole),
    })
}

fn fact(fact: Option<&TheirFact>) -> Fact {
    match fact {
        Some(TheirFact::Qualified(qualified)) if qualified.by == "hand_raise" => Fact::QualifiedByHandRaise,
        Some(TheirFact::Qualified(_)) => Fact::QualifiedByThreshold,
        Some(TheirFact::HandRaised(_)) => Fact::HandRaised,
        Some(TheirFact::Disqualified(_)) => Fact::Disqualified,
        Some(TheirFact::DisqualificationLifted(_)) => Fact::DisqualificationLifted,
        Some(TheirFact::Merged(_)) => Fact::Merged,
        Some(TheirFact::Erased(_)) => Fact::Erased,
        _ => Fact::Other,
    }
}

fn whole(lead: theirs::LeadSnapshot) -> Whole {
    let person = lead.contact.unwrap_or_default();
    let first_touch = lead.first_touch.unwrap_or_default();
    let raised = lead.hand_raise;
    let reason = |reason: theirs::LeadReason| Reason {
        code: reason.code,
        text: reason.text,
        milli_points: reason.milli_points,
        event_ids: reason.event_ids,
    };
    let mut snapshot = LeadSnapshot {
        person_id: lead.person_id.clone(),
        email: person.email,
        phone_e164: person.phone_e164,
        given_name: person.given_name,
        family_name: person.family_name,
        name: person.name,
        company: person.company,
        company_domain: lead.account_domain.clone(),
        country: person.country,
        locale: person.locale,
        time_zone: person.time_zone,
        hand_raise_text: raised.as_ref().map(|raised| raised.text.clone()).unwrap_or_default(),
        source: first_touch.source,
        campaign: first_touch.campaign,
        fit_grade: lead.fit_grade,
        engagement_milli_points: lead.engagement_milli_points,
        hand_raise: raised.is_some(),
        hand_raise_kind: raised.as_ref().map(|raised| raised.kind.clone()).unwrap_or_default(),
        hand_raised_at: raised.as_ref().and_then(|raised| raised.occurred_at),
        hand_raise_received_at: raised.and_then(|raised| raised.received_at),
        reasons: lead.reasons.into_iter().map(reason).collect(),
        product_line: lead.product_line.clone(),
        ..LeadSnapshot::default()
    };
    let contact = contact::take_from(&mut snapshot);
    Whole {
        snapshot,
        contact,
        person_uid: lead.person_id.parse().ok(),
        account_domain: lead.account_domain,
        product_line: lead.product_line,
    }
}
