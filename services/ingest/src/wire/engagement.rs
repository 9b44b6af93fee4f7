//! An engagement as the bytes of `leadflow.engagement.v1.EngagementEvent`.

use jiff::Timestamp;
use uuid::Uuid;

use super::protobuf::Writer;
use crate::domain::engagement::{Engagement, MailFacts};
use crate::domain::flatten::Fields;

/// What the domain does not know: the source, and what needs the identity key.
#[derive(Clone, Copy, Debug)]
pub struct Envelope<'a> {
    /// Its id on the timeline.
    pub event_id: Uuid,
    /// Id of the source.
    pub source: &'a str,
    /// 32 bits of the keyed hash of where it came from; 0 if unknown.
    pub origin_hash: i32,
}

/// The record's value.
#[must_use]
pub fn encode(event: &Engagement<'_>, envelope: &Envelope<'_>) -> Vec<u8> {
    let mut out = Vec::with_capacity(1024);
    let mut write = Writer::new(&mut out);
    let who = &event.identifiers;
    write.text(1, envelope.event_id.hyphenated().encode_lower(&mut Uuid::encode_buffer()));
    write.number(2, i64::from(event.kind as i32));
    write.text(3, &event.name);
    write.text(4, envelope.source);
    write.text(5, &who.anonymous_id);
    write.text(6, &who.user_id);
    write.text(7, &who.email);
    write.text(8, &who.phone);
    write.text(9, &who.previous_id);
    write.text(10, &who.group_id);
    timestamp(&mut write, 11, event.times.occurred_at);
    timestamp(&mut write, 12, event.times.received_at);
    write.number(13, i64::from(event.times.week));
    fields(&mut write, 14, &event.properties);
    fields(&mut write, 15, &event.traits);
    for (purpose, given) in &event.consent {
        write.message(16, |entry| {
            entry.text(1, purpose);
            entry.number(2, i64::from(*given));
        });
    }
    let context = event.context.in_order();
    if context.iter().any(|text| !text.is_empty()) {
        write.message(17, |inner| {
            for (number, text) in (1..).zip(context) {
                inner.text(number, text);
            }
        });
    }
    write.text(18, event.bot_reason);
    write.number(19, i64::from(event.historical));
    write.number(20, i64::from(event.test));
    write.text(21, &event.text);
    if let Some(facts) = &event.mail {
        write.message(22, |inner| mail(inner, facts));
    }
    write.number(23, i64::from(envelope.origin_hash));
    out
}

fn timestamp(write: &mut Writer<'_>, field: u32, at: Timestamp) {
    // jiff's fraction has the sign of the second; protobuf wants it positive.
    let nanos = at.as_nanosecond();
    write.message(field, |inner| {
        inner.number(1, nanos.div_euclid(1_000_000_000) as i64);
        inner.number(2, nanos.rem_euclid(1_000_000_000) as i64);
    });
}

fn fields(write: &mut Writer<'_>, field: u32, fields: &Fields<'_>) {
    for (key, value) in fields {
        write.message(field, |entry| {
            entry.text(1, key);
            entry.text(2, value);
        });
    }
}

fn mail(write: &mut Writer<'_>, facts: &MailFacts) {
    write.text(1, &facts.subject);
    write.text(2, &facts.message_id);
    write.text(3, &facts.in_reply_to);
    for reference in &facts.references {
        write.bytes(4, reference.as_bytes());
    }
    write.text(5, &facts.from);
    for recipient in &facts.to {
        write.bytes(6, recipient.as_bytes());
    }
    for attachment in &facts.attachments {
        write.message(7, |inner| {
            inner.text(1, &attachment.name);
            inner.text(2, &attachment.media_type);
            inner.number(3, attachment.size);
        });
    }
    write.text(8, &facts.original_recipient);
    write.text(9, &facts.status_code);
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use leadflow_proto::engagement::v1::EngagementEvent;
    use proptest::prelude::*;
    use prost::Message as _;

    use super::*;
    use crate::domain::engagement::Attachment;
    use crate::domain::kind::Kind;
    use crate::domain::time::Times;

    fn texts() -> impl Strategy<Value = Fields<'static>> {
        let pair = ("[a-z.]{0,12}", "\\PC{0,200}");
        proptest::collection::vec(pair.prop_map(|(key, value)| (Cow::Owned(key), Cow::Owned(value))), 0..12)
    }

    prop_compose! {
        fn events()(kind in 0..21_usize, words in proptest::collection::vec("\\PC{0,40}", 24), fields in (texts(), texts()),
            seconds in 0..4_000_000_000_i64, nanos in 0..1_000_000_000_i32, week in -719_162..30_000_i32,
            flags in any::<[bool; 5]>(), size in any::<i64>(), id in any::<u128>(), origin in any::<i32>())
            -> (Engagement<'static>, u128, i32) {
            let at = Timestamp::new(seconds, nanos).unwrap();
            let times = Times { occurred_at: at, received_at: Timestamp::UNIX_EPOCH, week, original: None };
            let mut event = Engagement::new(Kind::ALL[kind], times);
            let mut words = words.into_iter();
            let mut next = || words.next().unwrap_or_default();
            event.name = next().into();
            event.identifiers.anonymous_id = next();
            event.identifiers.email = next();
            event.identifiers.previous_id = next();
            (event.properties, event.traits) = fields;
            event.consent = vec![("marketing_email".into(), flags[0]), ("phone".into(), flags[1])];
            event.context.page_url = next().into();
            event.context.click_id = next().into();
            event.bot_reason = if flags[2] { "crawler" } else { "" };
            (event.historical, event.test) = (flags[3], flags[4]);
            event.text = next().repeat(40).into();
            if flags[0] {
                event.mail = Some(Box::new(MailFacts {
                    subject: next(), references: vec![next(), String::new()], to: vec![next()],
                    attachments: vec![Attachment { name: next(), media_type: next(), size }, Attachment::default()],
                    ..MailFacts::default()
                }));
            }
            event.tidy();
            (event, id, origin)
        }
    }

    proptest! {
        #[test]
        fn our_bytes_are_those_of_prost((event, id, origin) in events()) {
            let envelope = Envelope { event_id: Uuid::from_u128(id), source: "website", origin_hash: origin };
            let bytes = encode(&event, &envelope);
            let read = EngagementEvent::decode(bytes.as_slice()).unwrap();
            prop_assert_eq!(&read.encode_to_vec(), &bytes);
            prop_assert_eq!(read.event_id, envelope.event_id.to_string());
            prop_assert_eq!(read.kind, event.kind as i32);
            prop_assert_eq!(read.name, event.name.as_ref());
            prop_assert_eq!(read.week, event.times.week);
            prop_assert_eq!(read.origin_hash, origin);
            prop_assert_eq!(read.text, event.text.as_ref());
            prop_assert_eq!(read.properties.len(), event.properties.len());
            for (key, value) in &event.properties {
                prop_assert_eq!(&read.properties[key.as_ref()], value.as_ref());
            }
            let at = read.occurred_at.unwrap();
            prop_assert_eq!((at.seconds, at.nanos), (event.times.occurred_at.as_second(), event.times.occurred_at.subsec_nanosecond()));
            prop_assert_eq!(read.email_facts.map(|facts| facts.attachments.len()), event.mail.map(|facts| facts.attachments.len()));
        }
    }

    #[test]
    fn kinds_have_the_numbers_of_the_proto() {
        use leadflow_proto::engagement::v1::EngagementKind;
        for kind in Kind::ALL {
            let proto = EngagementKind::try_from(kind as i32).unwrap();
            assert_eq!(proto.as_str_name(), format!("ENGAGEMENT_KIND_{}", kind.name().to_ascii_uppercase()));
        }
    }
}
