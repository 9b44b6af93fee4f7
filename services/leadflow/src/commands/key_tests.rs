//! The keys file at the command line: spans, states, a file that was lost.

use super::*;

fn now() -> Timestamp {
    "2026-03-23T10:00:00Z".parse().expect("a time")
}

/// A folder of one test, deleted at its end.
struct Folder(std::path::PathBuf);

impl Folder {
    fn new(test: &str) -> Self {
        let path = std::env::temp_dir().join(format!("leadflow-{test}-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn create(name: &str) -> Create {
    Create {
        name: name.to_owned(),
        scope: vec![Scope::Admin],
        source: Vec::new(),
        rep: Vec::new(),
        browser: false,
        origin: Vec::new(),
        expires_in: None,
        new_file: false,
    }
}

#[test]
fn an_expiry_is_days_or_a_time_span() {
    assert_eq!(expiry("2d", now()).expect("valid").to_string(), "2026-03-25T10:00:00Z");
    assert_eq!(expiry("12h", now()).expect("valid").to_string(), "2026-03-23T22:00:00Z");
    assert!(expiry("soon", now()).is_err() && expiry("-1h", now()).is_err());
}

#[test]
fn a_key_that_expired_today_is_expired() {
    let folder = Folder::new("expired");
    let file = folder.0.join("keys.yaml");
    let (output, _) = Output::kept(false, false);
    let before = now().checked_sub(SignedDuration::from_secs(3600)).expect("a time");
    let short = Create { expires_in: Some("59m".to_owned()), ..create("short") };
    let (_, mut key) = short.make(&file, before, output).expect("made");
    assert_eq!(state(&key, now()), "expired 2026-03-23");
    key.expires_at = Some(now().checked_add(SignedDuration::from_secs(1)).expect("a time"));
    assert_eq!(state(&key, now()), "until 2026-03-23");
    key.revoked_at = Some(before);
    assert_eq!(state(&key, now()), "revoked 2026-03-23");
}

#[test]
fn a_keys_file_that_was_lost_is_not_begun_anew_unless_told() {
    let folder = Folder::new("lost");
    let file = folder.0.join("keys.yaml");
    let (output, kept) = Output::kept(false, false);
    create("first").make(&file, now(), output).expect("the first key of a deployment needs nothing else");
    let said = kept.lock().expect("no other").clone();
    assert!(said.contains("made anew, with this key alone"), "{said}");
    std::fs::remove_file(&file).expect("it was there");
    let refused = create("second").make(&file, now(), output).expect_err("the others would be locked out").to_string();
    assert!(refused.contains("from a backup") && refused.contains("--new-file"), "{refused}");
    assert!(!file.exists());
    assert!(require(&file).expect_err("it is gone").to_string().contains("from a backup"));
    Create { new_file: true, ..create("second") }.make(&file, now(), output).expect("told to");
    assert_eq!(access::list(&file).expect("a file").len(), 1);
}

#[test]
fn a_fault_of_the_new_key_names_no_line_that_was_never_written() {
    let folder = Folder::new("line");
    let file = folder.0.join("keys.yaml");
    let (output, _) = Output::kept(false, false);
    create("first").make(&file, now(), output).expect("made");
    let page = Create { browser: true, origin: vec!["*".to_owned()], ..create("page") };
    let said = page.make(&file, now(), output).expect_err("admin in a web page").to_string();
    assert!(said.starts_with("the key was not made: browser: a browser key is public"), "{said}");
    assert!(!said.contains("keys.yaml"), "{said}");
}
