//! `LeadEvent` from what the domain found: the whole lead after a fact, and the fact.

use std::collections::BTreeMap;

use jiff::Timestamp;
use leadflow_proto::qualification::v1 as proto;
use leadflow_proto::qualification::v1::lead_event::Fact as ProtoFact;
use uuid::Uuid;

use crate::domain::decide::Fact;
use crate::domain::event::{EngagementEvent, EventKind};
use crate::domain::lifecycle::Owner;
use crate::domain::person::{Account, Profile, Touch};
use crate::domain::rules::mail_domain::address_kind;

use super::to_proto_time;

/// Most bytes of what a person wrote.
const MOST_TEXT: usize = 2048;

/// How to reach somebody, and what is known beside.
#[must_use]
pub fn contact(emails: &[String], phones: &[String], profile: &Profile) -> proto::Contact {
    let value = |name: &str| profile.trait_value(name).to_owned();
    proto::Contact {
        email: main_email(emails).unwrap_or_default().to_owned(),
        phone_e164: phones.last().cloned().unwrap_or_default(),
        given_name: value("given_name"),
        family_name: value("family_name"),
        name: full_name(profile),
        company: value("company"),
        locale: value("locale"),
        time_zone: value("time_zone"),
        country: value("country"),
    }
}

/// The address that says most about a person: the one that `PersonFacts::main_email` names.
#[must_use]
pub fn main_email(emails: &[String]) -> Option<&str> {
    emails.iter().map(String::as_str).min_by_key(|email| (address_kind(email), *email))
}

fn full_name(profile: &Profile) -> String {
    let name = profile.trait_value("name");
    if !name.is_empty() {
        return name.to_owned();
    }
    let parts = [profile.trait_value("given_name"), profile.trait_value("family_name")];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Consents by purpose.
#[must_use]
pub fn consents(profile: &Profile) -> Vec<proto::Consent> {
    let consent = |(purpose, written): (&String, &crate::domain::person::Written<bool>)| proto::Consent {
        purpose: purpose.clone(),
        given: written.value,
        occurred_at: Some(to_proto_time(written.key.0)),
        event_id: written.key.1.to_string(),
    };
    profile.consents.iter().map(consent).collect()
}

/// The traits that the model names.
#[must_use]
pub fn emitted_traits(profile: &Profile, names: &[String]) -> BTreeMap<String, String> {
    let named = names.iter().filter_map(|name| Some((name.clone(), profile.traits.get(name)?.value.clone())));
    named.collect()
}

/// First or last touch.
#[must_use]
pub fn touch(touch: &Touch) -> proto::Touch {
    proto::Touch {
        event_id: touch.key.1.to_string(),
        kind: touch.kind.as_str().to_owned(),
        source: touch.source.clone(),
        campaign: touch.campaign.clone(),
        occurred_at: Some(to_proto_time(touch.key.0)),
    }
}

/// Id and domain of the company; empty texts of none.
#[must_use]
pub fn account(account: Option<&Account>) -> (String, String) {
    account.map_or_else(Default::default, |account| (account.account_id.to_string(), account.domain.clone()))
}

/// Who is responsible.
#[must_use]
pub fn owner(owner: &Owner) -> proto::Owner {
    let Owner { rep_id, name, email } = owner.clone();
    proto::Owner { rep_id, name, email }
}

/// A raised hand with what the person wrote.
#[must_use]
pub fn hand_raise(event: &EngagementEvent) -> proto::HandRaise {
    proto::HandRaise {
        event_id: event.event_id.to_string(),
        kind: event.kind.as_str().to_owned(),
        occurred_at: Some(to_proto_time(event.occurred_at)),
        received_at: Some(to_proto_time(event.received_at)),
        text: event.text[..event.text.floor_char_boundary(MOST_TEXT)].to_owned(),
    }
}

/// A lead began. `historical`: by an import, which enrols nobody.
#[must_use]
pub const fn opened(historical: bool) -> ProtoFact {
    ProtoFact::Opened(proto::LeadOpened { historical })
}

/// An act that is told, with the properties that the model names. Of what became of a mail always also which mail it was
/// and what was said of it: nurture keeps its ledger by that.
#[must_use]
pub fn engaged(event: &EngagementEvent, mut properties: BTreeMap<String, String>) -> ProtoFact {
    for (name, value) in mail_facts(event) {
        properties.entry(name.to_owned()).or_insert_with(|| value.to_owned());
    }
    ProtoFact::Engaged(proto::LeadEngaged {
        event_id: event.event_id.to_string(),
        kind: event.kind.as_str().to_owned(),
        name: event.name.clone(),
        occurred_at: Some(to_proto_time(event.occurred_at)),
        received_at: Some(to_proto_time(event.received_at)),
        properties,
        historical: event.historical,
        bot_reason: event.bot_reason.clone().unwrap_or_default(),
    })
}

/// Longer ones are none of ours.
const MOST_MAIL_FACT: usize = 256;

fn mail_facts(event: &EngagementEvent) -> impl Iterator<Item = (&'static str, &str)> {
    let is_mail = event.kind.as_str().starts_with("email_") || event.kind == EventKind::Unsubscribed;
    let facts = event.email_facts.as_ref().filter(|_| is_mail);
    let of_header = facts
        .into_iter()
        .flat_map(|facts| [("in_reply_to", facts.in_reply_to.as_str()), ("status_code", facts.status_code.as_str())]);
    let of_sender = ["message_id", "link", "bounce_class", "reply_token"].into_iter().filter(move |_| is_mail);
    let of_sender = of_sender.filter_map(|name| Some((name, event.properties.get(name)?.as_str())));
    of_header.chain(of_sender).filter(|(_, value)| !value.is_empty() && value.len() <= MOST_MAIL_FACT)
}

/// A finding of a decision, in the words of the topic; none of what is not told there. `event_id` of the act that it
/// stands on, if there is one.
#[must_use]
pub fn found(fact: &Fact, decision_id: Uuid, event_id: Option<Uuid>) -> Option<ProtoFact> {
    let decision_id = decision_id.to_string();
    Some(match fact {
        Fact::Engaged | Fact::HandRefused { .. } => return None,
        Fact::Opened => opened(false),
        Fact::Graded { .. } => {
            ProtoFact::ProfileChanged(proto::ProfileChanged { fields: vec!["fit_grade".to_owned()] })
        }
        Fact::Disqualified { reason, .. } => {
            ProtoFact::Disqualified(proto::LeadDisqualified { reason: reason.as_str().to_owned(), decision_id })
        }
        Fact::Lifted { reason } => {
            ProtoFact::DisqualificationLifted(proto::DisqualificationLifted { reason: reason.as_str().to_owned() })
        }
        Fact::Crossed { threshold, upwards } => {
            ProtoFact::ScoreCrossed(proto::ScoreCrossed { threshold_milli_points: *threshold, upwards: *upwards })
        }
        Fact::Cooled { threshold } => ProtoFact::Cooled(proto::LeadCooled { threshold_milli_points: *threshold }),
        Fact::Qualified { by } => {
            ProtoFact::Qualified(proto::LeadQualified { by: by.as_str().to_owned(), decision_id })
        }
        Fact::HandRaised => {
            ProtoFact::HandRaised(proto::HandRaised { event_id: event_id.map(|id| id.to_string()).unwrap_or_default() })
        }
    })
}

/// `ce_type` of a fact.
#[must_use]
pub const fn type_of(fact: &ProtoFact) -> &'static str {
    match fact {
        ProtoFact::Opened(_) => "leadflow.lead.opened.v1",
        ProtoFact::Engaged(_) => "leadflow.lead.engaged.v1",
        ProtoFact::ScoreCrossed(_) => "leadflow.lead.score_crossed.v1",
        ProtoFact::Qualified(_) => "leadflow.lead.qualified.v1",
        ProtoFact::Cooled(_) => "leadflow.lead.cooled.v1",
        ProtoFact::Disqualified(_) => "leadflow.lead.disqualified.v1",
        ProtoFact::DisqualificationLifted(_) => "leadflow.lead.disqualification_lifted.v1",
        ProtoFact::StageChanged(_) => "leadflow.lead.stage_changed.v1",
        ProtoFact::OwnerChanged(_) => "leadflow.lead.owner_changed.v1",
        ProtoFact::HandRaised(_) => "leadflow.lead.hand_raised.v1",
        ProtoFact::ProfileChanged(_) => "leadflow.lead.profile_changed.v1",
        ProtoFact::Merged(_) => "leadflow.lead.merged.v1",
        ProtoFact::Unmerged(_) => "leadflow.lead.unmerged.v1",
        ProtoFact::Erased(_) => "leadflow.lead.erased.v1",
    }
}

/// A `LeadEvent` but for its number, id and time, which the sequence of the lead gives.
#[must_use]
pub fn envelope(
    lead_id: Uuid,
    test: bool,
    lead: Option<proto::LeadSnapshot>,
    cause: proto::Cause,
    fact: ProtoFact,
) -> proto::LeadEvent {
    proto::LeadEvent {
        event_id: String::new(),
        lead_id: lead_id.to_string(),
        sequence: 0,
        incarnation: 0,
        occurred_at: None,
        r#type: type_of(&fact).to_owned(),
        test,
        lead,
        cause: Some(cause),
        fact: Some(fact),
    }
}

/// Wire form of a time, for callers that hold none of the other conversions.
#[must_use]
pub fn time(at: Timestamp) -> Option<pbjson_types::Timestamp> {
    Some(to_proto_time(at))
}
