//! The sample file is right, and what is wrong in a file is named by its place.

use std::path::{Path, PathBuf};

use super::parse;
use crate::domain::hook::Recipe;
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

const KEY: &str = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7dAfSmpqIM8kF9mN1flpVKS3GRqe62gw+2fNNRaINXvVpiglSI8eNEc6wEA3F+g==";

/// A folder with secret files, and the place of a sources file in it.
fn folder_with(secrets: &[(&str, &str)]) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("leadflow-sources-{}", uuid::Uuid::now_v7()));
    std::fs::create_dir_all(folder.join("secrets")).unwrap();
    for (name, secret) in secrets {
        std::fs::write(folder.join("secrets").join(name), secret).unwrap();
    }
    folder.join("sources.yaml")
}

#[test]
fn the_hooks_of_the_sample_file_are_right_once_their_secrets_are_there() {
    let sample = include_str!("../../../../deploy/config/sources.yaml");
    let uncovered = |line: &str| match line.strip_prefix('#') {
        Some(hook) if hook.starts_with("hooks:") || hook.starts_with("  ") => hook.to_owned(),
        _ => line.to_owned(),
    };
    let text = sample.lines().map(uncovered).collect::<Vec<_>>().join("\n");
    let secrets = [
        ("postmark", "postmark:a-long-password\n"),
        ("postmark-events", "a-long-value-of-a-header"),
        ("sendgrid-verification-key", KEY),
        ("mailgun-signing-key", "key-1234567890abcdef1234567890abcdef"),
    ];
    let path = folder_with(&secrets);
    let sources = parse(&path, &text).unwrap();
    for (name, recipe, takes_mail) in [
        ("postmark", Recipe::Postmark, true),
        ("postmark-events", Recipe::Postmark, false),
        ("sendgrid", Recipe::Sendgrid, false),
        ("mailgun", Recipe::Mailgun, true),
    ] {
        let hook = sources.hook(name).unwrap();
        assert_eq!(
            (hook.rules.recipe, hook.rules.mailbox.is_some(), &*hook.source.id),
            (recipe, takes_mail, "marketing-suite")
        );
    }
    assert_eq!(sources.secret_files().count(), 4);
    let error = format!("{:#}", parse(&folder_with(&secrets[1..]), &text).unwrap_err());
    assert!(error.contains("hooks.postmark.secret_file: could not read secrets/postmark"), "{error}");
}

#[test]
fn what_is_wrong_with_a_hook_is_named_and_never_the_secret() {
    let path = folder_with(&[
        ("basic", "user:a-long-password"),
        ("weak", "user:pw"),
        ("key", KEY),
        ("hmac", "0123456789abcdef"),
    ]);
    let table = [
        ("recipe: postmark, secret_file: secrets/basic", ""),
        ("recipe: sendgrid, secret_file: secrets/key", ""),
        ("recipe: sendgrid, secret_file: secrets/basic, proof: basic", ""),
        ("recipe: mailgun, secret_file: secrets/hmac", ""),
        ("recipe: postmark, secret_file: secrets/weak", "hooks.h.secret_file"),
        ("recipe: postmark, secret_file: secrets/none", "hooks.h.secret_file"),
        ("recipe: sendgrid, secret_file: secrets/basic", "hooks.h.secret_file"),
        ("recipe: postmark, secret_file: secrets/basic, proof: signature", "hooks.h.proof"),
        ("recipe: mailgun, secret_file: secrets/hmac, proof: basic", "hooks.h.proof"),
        ("recipe: postmark, secret_file: secrets/basic, proof: header", "hooks.h.header"),
        ("recipe: postmark, secret_file: secrets/basic, header: X-A", "hooks.h.header"),
        ("recipe: postmark, secret_file: secrets/basic, proof: header, header: 'a b'", "hooks.h.header"),
        ("recipe: postmark, secret_file: secrets/basic, mailbox: none", "hooks.h.mailbox"),
        ("recipe: postmark, secret_file: secrets/basic, secret: user:pw", "secret"),
        ("recipe: sparkpost, secret_file: secrets/basic", "sparkpost"),
    ];
    for (fields, place) in table {
        let text = format!("sources: {{ web: {{}} }}\nhooks: {{ h: {{ source: web, {fields} }} }}");
        match parse(&path, &text) {
            Ok(_) => assert_eq!(place, "", "{fields}"),
            Err(error) => {
                let error = format!("{error:#}");
                assert!(!place.is_empty() && error.contains(place), "{fields}: {error}");
                assert!(!error.contains("a-long-password"), "{error}");
            }
        }
    }
    let unknown =
        parse(&path, "hooks: { h: { source: web, recipe: postmark, secret_file: secrets/basic } }").unwrap_err();
    assert!(format!("{unknown:#}").contains("hooks.h.source"));
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
