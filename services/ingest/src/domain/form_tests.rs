//! Tables of form posts: what their fields become and what is refused.

use std::collections::HashMap;

use super::engagement::Engagement;
use super::form::{FormRules, Post, Target, engagement};
use super::kind::{Kind, Sender};
use super::reject::{Reason, Reject};
use super::rules::SourceRules;
use super::time;

fn form() -> FormRules {
    FormRules {
        name: "callback".into(),
        kind: Kind::CallbackRequest,
        honeypot: Some("website".into()),
        token: "message_id".into(),
        fields: HashMap::from([
            ("newsletter".into(), Target::parse("consent.marketing_email").unwrap()),
            ("seats".into(), Target::parse("properties.team_size").unwrap()),
            ("secret".into(), Target::Ignore),
        ]),
    }
}

fn post<R>(fields: &[(&'static str, &'static str)], look: impl FnOnce(&Engagement<'_>) -> R) -> Result<R, Reject> {
    let (form, mut rules) = (form(), SourceRules::new("web"));
    rules.region = Some("DE".into());
    let posted = fields.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
    let post = Post {
        received_at: time::parse("2026-11-23T12:00:00Z").unwrap(),
        user_agent: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
        referer: "https://www.acme.test/contact?utm_source=ad",
        sender: Sender::Browser,
    };
    engagement(posted, &form, &post, &rules).map(|event| look(&event))
}

#[test]
fn fields_become_what_they_are() {
    let fields = [
        ("name", "Ada L"),
        ("phone", "030 90182000"),
        ("email", "Ada@Example.test"),
        ("company", "Acme"),
        ("message", "Call me"),
        ("newsletter", "on"),
        ("seats", "20"),
        ("secret", "x"),
        ("topic", "a"),
        ("topic", "b"),
        ("website", ""),
        ("message_id", "t-1"),
    ];
    post(&fields, |event| {
        assert_eq!(
            (event.kind, event.name.as_ref(), event.text.as_ref()),
            (Kind::CallbackRequest, "callback", "Call me")
        );
        assert_eq!(
            (event.identifiers.email.as_str(), event.identifiers.phone.as_str()),
            ("ada@example.test", "+493090182000")
        );
        assert_eq!(event.traits, [("company".into(), "Acme".into()), ("name".into(), "Ada L".into())]);
        let properties = [("form", "callback"), ("team_size", "20"), ("topic", "a,b")];
        assert_eq!(event.properties, properties.map(|(key, value)| (key.into(), value.into())));
        assert_eq!(event.consent, [("marketing_email".into(), true)]);
        assert_eq!((event.context.campaign_source.as_ref(), event.bot_reason), ("ad", ""));
        assert!(event.event_id.is_some());
    })
    .unwrap();
}

#[test]
fn the_token_makes_a_repeat_harmless_and_without_one_each_post_counts() {
    let id = |fields: &[(&'static str, &'static str)]| post(fields, |event| event.event_id).unwrap();
    let (first, again) = ([("email", "a@b.test"), ("message_id", "t")], [("email", "c@d.test"), ("message_id", "t")]);
    assert_eq!(id(&first), id(&again));
    assert_eq!(id(&[("email", "a@b.test")]), None);
}

#[test]
fn what_is_wrong_is_named_by_its_field() {
    type Case = (&'static [(&'static str, &'static str)], Reason, &'static str);
    let table: [Case; 5] = [
        (&[("name", "x")], Reason::MissingIdentifier, "email"),
        (&[("email", "not an address")], Reason::InvalidIdentifier, "email"),
        (&[("phone", "call me")], Reason::InvalidIdentifier, "phone"),
        (&[("email", "a@b.test"), ("website", "http://spam.test")], Reason::Honeypot, ""),
        (&[("email", "a@b.test"), ("note", "a\0b")], Reason::NulCharacter, "note"),
    ];
    for (fields, reason, pointer) in table {
        let reject = post(fields, |event| panic!("taken: {event:?}")).unwrap_err();
        assert_eq!((reject.reason, reject.pointer.as_ref()), (reason, pointer));
    }
}

#[test]
fn targets_are_words_of_the_sources_file() {
    for (text, expected) in
        [("email", true), ("traits.size", true), ("consent.", false), ("nothing", false), ("other.x", false)]
    {
        assert_eq!(Target::parse(text).is_some(), expected, "{text}");
    }
}
