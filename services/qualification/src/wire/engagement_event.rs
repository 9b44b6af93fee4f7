//! `EngagementEvent` of the topic and of the timeline, to the domain's and back.

use leadflow_proto::engagement::v1 as proto;
use uuid::Uuid;

use crate::domain::event::{Attachment, Context, EmailFacts, EngagementEvent, EventKind, Identifiers};

use super::{from_proto_time, to_proto_time};

/// Why an event cannot be applied; a metric label. Counted as ignored, never a dead letter: the record is readable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused(pub &'static str);

/// Reads an event.
///
/// # Errors
/// [`Refused`] with the reason.
pub fn from_proto(message: proto::EngagementEvent) -> Result<EngagementEvent, Refused> {
    let event_id = Uuid::try_parse(&message.event_id).map_err(|_| Refused("event_id"))?;
    let kind = EventKind::from_number(message.kind).ok_or(Refused("unknown_kind"))?;
    let occurred_at = from_proto_time(message.occurred_at.as_ref()).ok_or(Refused("occurred_at"))?;
    let received_at = from_proto_time(message.received_at.as_ref()).ok_or(Refused("received_at"))?;
    let identifiers = Identifiers {
        anonymous_id: some(message.anonymous_id)?,
        user_id: some(message.user_id)?,
        email: some(message.email)?,
        phone: some(message.phone)?,
        previous_id: some(message.previous_id)?,
        group_id: some(message.group_id)?,
    };
    let anybody = [&identifiers.anonymous_id, &identifiers.user_id, &identifiers.email, &identifiers.phone];
    if anybody.iter().all(|id| id.is_none()) {
        return Err(Refused("no_identifier"));
    }
    Ok(EngagementEvent {
        event_id,
        kind,
        name: message.name,
        source: message.source,
        identifiers,
        occurred_at,
        received_at,
        week: message.week,
        properties: message.properties,
        traits: message.traits,
        consent: message.consent,
        context: message.context.map(context).unwrap_or_default(),
        bot_reason: Some(message.bot_reason).filter(|reason| !reason.is_empty()),
        historical: message.historical,
        test: message.test,
        text: message.text,
        email_facts: message.email_facts.map(email_facts),
        origin_hash: message.origin_hash,
    })
}

/// Writes an event.
#[must_use]
pub fn to_proto(event: &EngagementEvent) -> proto::EngagementEvent {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let ids = &event.identifiers;
    proto::EngagementEvent {
        event_id: event.event_id.to_string(),
        kind: i32::from(event.kind.number()),
        name: event.name.clone(),
        source: event.source.clone(),
        anonymous_id: text(&ids.anonymous_id),
        user_id: text(&ids.user_id),
        email: text(&ids.email),
        phone: text(&ids.phone),
        previous_id: text(&ids.previous_id),
        group_id: text(&ids.group_id),
        occurred_at: Some(to_proto_time(event.occurred_at)),
        received_at: Some(to_proto_time(event.received_at)),
        week: event.week,
        properties: event.properties.clone(),
        traits: event.traits.clone(),
        consent: event.consent.clone(),
        context: (event.context != Context::default()).then(|| to_context(&event.context)),
        bot_reason: event.bot_reason.clone().unwrap_or_default(),
        historical: event.historical,
        test: event.test,
        text: event.text.clone(),
        email_facts: event.email_facts.as_ref().map(to_email_facts),
        origin_hash: event.origin_hash,
    }
}

/// U+0000 is legal in protobuf and illegal in PostgreSQL's text.
fn some(text: String) -> Result<Option<String>, Refused> {
    if text.contains('\0') {
        return Err(Refused("nul_in_identifier"));
    }
    Ok(Some(text).filter(|text| !text.is_empty()))
}

fn context(message: proto::EngagementContext) -> Context {
    Context {
        page_url: message.page_url,
        page_path: message.page_path,
        page_title: message.page_title,
        referrer: message.referrer,
        locale: message.locale,
        time_zone: message.time_zone,
        country: message.country,
        user_agent: message.user_agent,
        campaign_source: message.campaign_source,
        campaign_medium: message.campaign_medium,
        campaign_name: message.campaign_name,
        campaign_term: message.campaign_term,
        campaign_content: message.campaign_content,
        click_id: message.click_id,
    }
}

fn to_context(context: &Context) -> proto::EngagementContext {
    let context = context.clone();
    proto::EngagementContext {
        page_url: context.page_url,
        page_path: context.page_path,
        page_title: context.page_title,
        referrer: context.referrer,
        locale: context.locale,
        time_zone: context.time_zone,
        country: context.country,
        user_agent: context.user_agent,
        campaign_source: context.campaign_source,
        campaign_medium: context.campaign_medium,
        campaign_name: context.campaign_name,
        campaign_term: context.campaign_term,
        campaign_content: context.campaign_content,
        click_id: context.click_id,
    }
}

fn email_facts(message: proto::EmailFacts) -> EmailFacts {
    let attachment = |one: proto::Attachment| Attachment { name: one.name, media_type: one.r#type, size: one.size };
    EmailFacts {
        subject: message.subject,
        message_id: message.message_id,
        in_reply_to: message.in_reply_to,
        references: message.references,
        from: message.from,
        to: message.to,
        attachments: message.attachments.into_iter().map(attachment).collect(),
        original_recipient: message.original_recipient,
        status_code: message.status_code,
    }
}

fn to_email_facts(facts: &EmailFacts) -> proto::EmailFacts {
    let facts = facts.clone();
    let attachment = |one: Attachment| proto::Attachment { name: one.name, r#type: one.media_type, size: one.size };
    proto::EmailFacts {
        subject: facts.subject,
        message_id: facts.message_id,
        in_reply_to: facts.in_reply_to,
        references: facts.references,
        from: facts.from,
        to: facts.to,
        attachments: facts.attachments.into_iter().map(attachment).collect(),
        original_recipient: facts.original_recipient,
        status_code: facts.status_code,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full() -> proto::EngagementEvent {
        let json = serde_json::json!({
            "eventId": "0190163d-8694-739b-aea5-966c26f8ad91", "kind": "ENGAGEMENT_KIND_EMAIL_REPLIED", "name": "Reply",
            "source": "mail", "anonymousId": "a-1", "userId": "u-1", "email": "kim@acme.example", "phone": "+14155550100",
            "previousId": "a-0", "groupId": "acme", "occurredAt": "2026-11-24T09:00:00.123456Z",
            "receivedAt": "2026-11-24T09:00:01Z", "week": 20780, "properties": {"a": "b"}, "traits": {"company": "Acme"},
            "consent": {"marketing_email": false}, "context": {"pagePath": "/pricing", "clickId": "gclid:1"},
            "botReason": "auto_reply", "historical": true, "test": true, "text": "Please call",
            "emailFacts": {"subject": "Re: hello", "to": ["us@vendor.example"],
                "attachments": [{"name": "a.pdf", "type": "application/pdf", "size": "9"}]}, "originHash": -7
        });
        serde_json::from_value(json).expect("proto JSON")
    }

    #[test]
    fn an_event_survives_both_ways() {
        let message = full();
        let event = from_proto(message.clone()).expect("an event");
        assert_eq!(event.kind, EventKind::EmailReplied);
        assert_eq!(to_proto(&event), message);
    }

    #[test]
    fn what_cannot_be_applied_is_refused_by_name() {
        type Spoil = fn(&mut proto::EngagementEvent);
        let cases: [(&str, Spoil); 6] = [
            ("event_id", |event| event.event_id = "x".into()),
            ("unknown_kind", |event| event.kind = 99),
            ("occurred_at", |event| event.occurred_at = None),
            ("received_at", |event| event.received_at = None),
            ("nul_in_identifier", |event| event.email = "a\0@b.example".into()),
            ("no_identifier", |event| {
                (event.anonymous_id, event.user_id) = (String::new(), String::new());
                (event.email, event.phone) = (String::new(), String::new());
            }),
        ];
        for (reason, spoil) in cases {
            let mut message = full();
            spoil(&mut message);
            assert_eq!(from_proto(message), Err(Refused(reason)));
        }
    }
}
