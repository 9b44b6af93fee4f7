//! Keys: their text, their file, what they allow, and how fast a revoked one is dead.

use std::path::Path;
use std::time::Duration;

use http::{HeaderMap, HeaderValue};
use jiff::{Timestamp, ToSpan as _};
use leadflow_platform::access::{self, Access, EditError, KeyText, NewKey, Scope};
use leadflow_platform::clock::wall_now;
use leadflow_platform::error::Code;
use leadflow_platform::run::Tasks;
use proptest::prelude::*;

use crate::support::{Folder, PATIENCE, mode};

fn key(name: &str, scopes: &[Scope]) -> NewKey {
    NewKey { name: name.to_owned(), scopes: scopes.to_vec(), ..NewKey::default() }
}

fn create(path: &Path, new: NewKey) -> String {
    let (text, entry) = access::create(path, new, wall_now()).expect("a key");
    assert_eq!(text.sha256_hex(), entry.sha256);
    text.as_str().to_owned()
}

fn reason(access: &Access, key: &str, now: Timestamp) -> &'static str {
    let error = access.authenticate(key, now).expect_err("refused");
    assert_eq!(error.code, Code::Unauthenticated);
    error.reason
}

#[test]
fn a_key_that_was_made_is_known_and_the_file_does_not_tell_it() {
    let folder = Folder::new();
    let path = folder.path("keys.yaml");
    let text = create(&path, key("website", &[Scope::Publish]));
    assert_eq!(mode(&path), 0o600);
    let file = std::fs::read_to_string(&path).expect("a file");
    assert!(file.starts_with("# API keys") && !file.contains(&text) && file.contains(&text[..9]), "{file}");
    let access = Access::load(&path).expect("keys");
    let grant = access.authenticate(&text, wall_now()).expect("known");
    assert_eq!((grant.name.as_str(), grant.source(), &*grant.prefix), ("website", "website", &text[..9]));
    assert!(grant.may_publish_as("website") && !grant.may_publish_as("crm"));
    assert_eq!(reason(&access, KeyText::generate().as_str(), wall_now()), "API_KEY_INVALID");
    for nonsense in ["", "lf_", "Bearer", &text[..51], &format!("{text}0"), "lf_\u{0}", &"x".repeat(100_000)] {
        assert_eq!(reason(&access, nonsense, wall_now()), "API_KEY_INVALID");
    }
}

proptest! {
    #[test]
    fn every_single_wrong_character_fails_by_the_checksum(at in 0_usize..52, with in "[0-9A-Za-z_]") {
        let text = KeyText::generate();
        let mut wrong = text.as_str().to_owned();
        wrong.replace_range(at..=at, &with);
        prop_assert_eq!(KeyText::parse(&wrong).is_ok(), wrong == text.as_str());
    }

    #[test]
    fn parsing_a_key_or_a_header_is_total(text in "\\PC{0,60}") {
        prop_assert!(KeyText::parse(&text).is_err());
        let _ = access::presented_key(Some(&text));
        let _ = access::presented_key(Some(&format!("Basic {text}")));
    }
}

#[test]
fn scopes_reps_and_origins() {
    let folder = Folder::new();
    let path = folder.path("keys.yaml");
    let crm = NewKey { reps: vec!["rep-7".into()], ..key("crm", &[Scope::ReadAssignments, Scope::ActForRep]) };
    let crm = create(&path, crm);
    let desk = create(&path, NewKey { reps: vec!["*".into()], ..key("desk", &[Scope::ActForRep]) });
    let site = NewKey {
        browser: true,
        origins: vec!["https://www.example.com/".into()],
        sources: vec!["web".into(), "blog".into()],
        ..key("site", &[Scope::Publish])
    };
    let site = create(&path, site);
    let access = Access::load(&path).expect("keys");
    let grant = |key: &str| access.authenticate(key, wall_now()).expect("known");

    grant(&crm).require(Scope::ReadAssignments).expect("allowed");
    let error = grant(&crm).require(Scope::Admin).expect_err("refused");
    assert_eq!((error.code, error.reason), (Code::PermissionDenied, "SCOPE_MISSING"));
    assert_eq!(error.metadata["scope"], "admin");
    grant(&crm).may_act_for("rep-7").expect("its own rep");
    assert_eq!(grant(&crm).may_act_for("rep-8").expect_err("somebody else's").reason, "REP_NOT_ALLOWED");
    assert_eq!(grant(&site).may_act_for("rep-7").expect_err("no scope").reason, "SCOPE_MISSING");
    grant(&desk).may_act_for("rep-8").expect("all reps");

    let site = grant(&site);
    assert_eq!(site.source(), "web");
    assert!(site.may_publish_as("blog") && !site.may_publish_as("site"));
    assert!(site.allows_origin(Some("https://www.example.com")) && site.allows_origin(Some("HTTPS://WWW.example.com")));
    for origin in [None, Some("null"), Some("http://www.example.com"), Some("https://www.example.com.evil.test")] {
        assert!(!site.allows_origin(origin), "{origin:?}");
    }
    assert!(grant(&crm).allows_origin(None) && !grant(&crm).allows_origin(Some("https://www.example.com")));
}

#[test]
fn a_browser_key_may_only_publish_and_only_from_somewhere() {
    let folder = Folder::new();
    let path = folder.path("keys.yaml");
    let admin = NewKey { browser: true, origins: vec!["*".into()], ..key("a", &[Scope::Publish, Scope::Admin]) };
    let nowhere = NewKey { browser: true, ..key("b", &[Scope::Publish]) };
    for (new, expected) in [(admin, "scope publish only"), (nowhere, "needs `origins`"), (key("c", &[]), "length")] {
        let error = access::create(&path, new, wall_now()).expect_err("refused").to_string();
        assert!(error.contains(expected), "{error}");
    }
    assert!(!path.exists(), "nothing of it was written");
}

#[test]
fn a_key_comes_as_bearer_or_as_basic_user() {
    let folder = Folder::new();
    let path = folder.path("keys.yaml");
    let text = create(&path, key("website", &[Scope::Publish]));
    let access = Access::load(&path).expect("keys");
    let from = |value: &str| {
        let mut headers = HeaderMap::new();
        headers.insert("authorization", HeaderValue::from_str(value).expect("a header"));
        access.from_headers(&headers, wall_now()).map(|grant| grant.name.clone()).map_err(|error| error.reason)
    };
    let basic = |text: &str| base64_of(text.as_bytes());
    for value in [
        format!("Bearer {text}"),
        format!("bearer   {text} "),
        format!("Basic {}", basic(&format!("{text}:"))),
        format!("Basic {}", basic(&text)),
        format!("basic {}", basic(&format!("{text}:ignored")).trim_end_matches('=')),
    ] {
        assert_eq!(from(&value).as_deref(), Ok("website"), "{value}");
    }
    for value in ["Basic", "Basic !!", "Digest x", "Bearer", "Basic Og==", &text] {
        assert_eq!(from(value), Err("API_KEY_INVALID"), "{value}");
    }
    let missing = access.from_headers(&HeaderMap::new(), wall_now()).expect_err("refused");
    assert_eq!((missing.code, missing.reason), (Code::Unauthenticated, "API_KEY_MISSING"));
}

fn base64_of(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

#[test]
fn keys_end_by_time_and_by_hand() {
    let folder = Folder::new();
    let path = folder.path("keys.yaml");
    let now = wall_now();
    let hour = NewKey { expires_at: Some(now + 1.hour()), ..key("visitor", &[Scope::ReadAssignments]) };
    let (hour, old) = (create(&path, hour), create(&path, key("crm", &[Scope::ReadAssignments])));
    let access = Access::load(&path).expect("keys");
    assert!(access.authenticate(&hour, now + 59.minutes()).is_ok());
    assert_eq!(reason(&access, &hour, now + 1.hour()), "API_KEY_EXPIRED");

    let taken = access::create(&path, key("crm", &[Scope::Admin]), now);
    assert!(matches!(taken, Err(EditError::NameTaken(name)) if name == "crm"));
    let revoked = access::revoke(&path, "crm", now).expect("revoked");
    assert_eq!((revoked.revoked_at, &*revoked.prefix), (Some(now), &old[..9]));
    assert!(matches!(access::revoke(&path, &old[..9], now), Err(EditError::AlreadyRevoked(_))));
    assert!(matches!(access::revoke(&path, "nobody", now), Err(EditError::NoSuchKey(_))));
    // The name is free for the successor, the entry of the old one stays.
    let new = create(&path, key("crm", &[Scope::ReadAssignments]));
    let access = Access::load(&path).expect("keys");
    assert_eq!(reason(&access, &old, now + 1.second()), "API_KEY_REVOKED");
    assert!(access.authenticate(&new, now).is_ok());
    let names: Vec<_> = access::list(&path).expect("keys").into_iter().map(|key| key.name).collect();
    assert_eq!(names, ["visitor", "crm", "crm"]);
    access::revoke(&path, "crm", now).expect("the successor, not the one that was revoked before");
}

/// Waits until the watcher has seen the file; time only against hanging.
async fn until(what: &str, mut is: impl FnMut() -> bool) {
    let wait = async {
        while !is() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("{what}"));
}

#[tokio::test]
async fn a_watched_file_adds_and_revokes_and_a_bad_one_changes_nothing() {
    let folder = Folder::new();
    let path = folder.path("keys.yaml");
    let first = create(&path, key("first", &[Scope::Publish]));
    let access = Access::load(&path).expect("keys");
    let grant = access.authenticate(&first, wall_now()).expect("known");
    let tasks = Tasks::new();
    access.watch_every(&tasks, Duration::from_millis(10));

    let second = create(&path, key("second", &[Scope::Publish]));
    until("the new key is known", || access.authenticate(&second, wall_now()).is_ok()).await;

    let good = std::fs::read_to_string(&path).expect("a file");
    for bad in ["", "keys: [", "keys:\n  - nam: x\n", &good.replace("sha256: ", "sha256: x"), "\u{0}"] {
        std::fs::write(&path, bad).expect("written");
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(access.authenticate(&first, wall_now()).is_ok(), "{bad:?}");
    }
    std::fs::remove_file(&path).expect("removed");
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(access.authenticate(&first, wall_now()).is_ok(), "a missing file is no order to forget");
    std::fs::write(&path, &good).expect("written");

    access.recheck(&grant, wall_now()).expect("still valid");
    access::revoke(&path, "first", wall_now()).expect("revoked");
    until("the revoked key is dead", || access.authenticate(&first, wall_now()).is_err()).await;
    assert_eq!(access.recheck(&grant, wall_now()).expect_err("a stream ends too").reason, "API_KEY_REVOKED");
    assert!(access.authenticate(&second, wall_now()).is_ok());
    tasks.run_until(std::future::ready(()), PATIENCE).await.expect("a clean end");
}

#[test]
fn editors_at_the_same_time_lose_nothing() {
    let folder = Folder::new();
    let path = folder.path("keys.yaml");
    std::fs::write(folder.path("keys.yaml.new"), "left behind by a killed editor").expect("written");
    std::thread::scope(|scope| {
        for editor in 0..8 {
            let path = &path;
            scope.spawn(move || {
                for number in 0..10 {
                    create(path, key(&format!("key-{editor}-{number}"), &[Scope::Publish]));
                    // Whoever reads meanwhile reads a whole file.
                    Access::load(path).expect("a whole file");
                }
            });
        }
    });
    assert_eq!(access::list(&path).expect("keys").len(), 80);
}

#[test]
fn a_link_is_followed_and_stays_a_link() {
    let folder = Folder::new();
    let (real, link) = (folder.path("real.yaml"), folder.path("keys.yaml"));
    create(&real, key("first", &[Scope::Publish]));
    std::os::unix::fs::symlink(&real, &link).expect("a link");
    create(&link, key("second", &[Scope::Publish]));
    assert!(std::fs::symlink_metadata(&link).expect("a link").is_symlink());
    assert_eq!(access::list(&real).expect("keys").len(), 2);
}

#[test]
fn a_missing_or_bad_file_at_start_says_what_to_do() {
    let folder = Folder::new();
    let missing = format!("{:#}", Access::load(&folder.path("none.yaml")).expect_err("refused"));
    assert!(missing.contains("`leadflow key create` makes one"), "{missing}");
    let twice =
        "keys:\n- {name: a, prefix: lf_abcdef, sha256: SHA, scopes: [publish]}\n".replace("SHA", &"a".repeat(64));
    let path = folder.write("twice.yaml", &format!("{twice}{}", twice.trim_start_matches("keys:\n")));
    let error = format!("{:#}", Access::load(&path).expect_err("refused"));
    assert!(error.contains("two keys are named \"a\""), "{error}");
    let path = folder.write("scope.yaml", &twice.replace("publish", "everything"));
    let error = format!("{:#}", Access::load(&path).expect_err("refused"));
    assert!(
        error.contains("scope.yaml:2: keys[0].scopes[0]: unknown variant `everything`, expected one of"),
        "{error}"
    );
}
