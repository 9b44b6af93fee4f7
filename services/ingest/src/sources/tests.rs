//! The sample file is right, and what is wrong in a file is named by its place.

use std::path::Path;

use super::parse;
use crate::domain::kind::{Kind, Sender};

#[test]
fn the_sample_file_is_right_and_says_what_it_seems_to() {
    let sources = parse(Path::new("sources.yaml"), include_str!("../../../../deploy/config/sources.yaml")).unwrap();
    let web = sources.source("web");
    assert_eq!(web.rule_of("Trade Fair Attended", Sender::Browser).kind, Kind::EventAttended);
    assert_eq!(web.rule_of("Video Watched", Sender::Browser).kind, Kind::Custom);
    assert!(sources.source("app").rudderstack && sources.source("smoke-test").test);
    assert!(sources.form("callback").is_some_and(|form| form.public && form.rules.kind == Kind::CallbackRequest));
    assert!(sources.mailbox("sales").is_some_and(|mailbox| mailbox.source.is_none()));
    // A key may name a source that the file does not: its words then mean what they say.
    assert_eq!(sources.source("unheard-of").rule_of("demo_request", Sender::Server).kind, Kind::DemoRequest);
    assert!(sources.form("none").is_none() && sources.mailbox("none").is_none());
}

#[test]
fn what_is_wrong_is_named_by_its_place() {
    let form = |fields: &str| {
        format!("sources: {{ web: {{}} }}\nforms: {{ f: {{ source: web, kind: form, thank_you: /t, {fields} }} }}")
    };
    let table = [
        ("sources: { web: { names: { X: nonsense } } }".to_owned(), "nonsense"),
        ("sources: { web: { nams: {} } }".to_owned(), "nams"),
        ("sources: { Web: {} }".to_owned(), "sources.Web"),
        ("sources: { web: { region: de } }".to_owned(), "sources.web.region"),
        (
            "sources: { web: { names: { X: { kind: chat, email: context.email } } } }".to_owned(),
            "sources.web.names.X.email",
        ),
        (form("public: true"), "forms.f.origins"),
        (form("fields: { a: somewhere }"), "forms.f.fields.a"),
        (form("").replace("kind: form", "kind: page_view"), "forms.f.kind"),
        (form("").replace("source: web", "source: other"), "forms.f.source"),
        (form("").replace("thank_you: /t", "thank_you: //evil.test"), "forms.f.thank_you"),
        (form("").replace("thank_you: /t", "thank_you: 'javascript:alert(1)'"), "forms.f.thank_you"),
        ("mailboxes: { m: { source: other } }".to_owned(), "mailboxes.m.source"),
        ("mailboxes: { m: { kind: email_bounced } }".to_owned(), "mailboxes.m.kind"),
    ];
    for (text, place) in table {
        let error = format!("{:#}", parse(Path::new("sources.yaml"), &text).unwrap_err());
        assert!(error.contains(place), "{text}: {error}");
    }
}
