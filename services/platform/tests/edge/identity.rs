//! Normalisation and keyed hashes: what is frozen at the first release. The vectors were computed apart from this code, with
//! Python's hmac (HKDF of RFC 5869 without salt, one block):
//!
//! ```text
//! prk = hmac.new(bytes(32), bytes(range(32)), sha256).digest()
//! key = lambda info: hmac.new(prk, info + b"\x01", sha256).digest()
//! h = lambda info, kind, v: hmac.new(key(info), kind + b"\0" + v.encode(), sha256).hexdigest()[:32]
//! ```

use leadflow_platform::identifier::{
    IdentifierError, email_domain, is_junk, normalise_email, normalise_id, normalise_phone,
};
use leadflow_platform::identity_key::{IdentityKey, IdentityKeyError, Purpose, record_key};
use proptest::prelude::*;

use crate::support::{Folder, mode};

fn key() -> IdentityKey {
    IdentityKey::from_secret(std::array::from_fn(|index| u8::try_from(index).expect("below 32")))
}

#[test]
fn golden_vectors_of_keyed_hashes() {
    let key = key();
    let hash = |purpose, kind, value| key.hash(purpose, kind, value).to_string();
    assert_eq!(hash(Purpose::Topic, "email", "jane.doe@example.com"), "cfa842c7d643a50e5291b46714aada5a");
    assert_eq!(hash(Purpose::Identifier, "email", "jane.doe@example.com"), "9740801aa7d9ceea5f278b709b3dc9d2");
    assert_eq!(hash(Purpose::Suppression, "email", "jane.doe@example.com"), "6ee96db20c93e1600a9ecd712f075e29");
    assert_eq!(hash(Purpose::Link, "email", "jane.doe@example.com"), "d003058015523f8940b2ea24efae61f1");
    assert_eq!(hash(Purpose::Identifier, "user", "jane.doe@example.com"), "c179d14f0e0112e58f67aa8dfe66e5c8");
    assert_eq!(hash(Purpose::Identifier, "email", "zoë@xn--bcher-kva.example"), "e6bf3c0d87152b866af976d268d680ff");
    assert_eq!(hash(Purpose::Identifier, "phone", "+4930901820"), "0eb3d32dafdecb6bcca696a69ada7442");
    let check: String = key.check_value().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(check, "8c42b42c25d3812cfa27b5185adb1bb2");
}

#[test]
fn the_record_key_prefers_the_browser_then_the_address() {
    let key = key();
    let of = |anonymous, email, user, phone| record_key(&key, anonymous, email, user, phone);
    let browser = of(Some("a-1"), Some("jane.doe@example.com"), Some("u-1"), None);
    assert_eq!(browser.as_deref(), Some("967db067dbd664a49f3f8b69b59e0ba1"));
    assert_eq!(of(Some("a-1"), None, None, None), browser);
    let address = of(None, Some("jane.doe@example.com"), Some("u-1"), None);
    assert_eq!(address.as_deref(), Some("cfa842c7d643a50e5291b46714aada5a"));
    assert_ne!(of(None, None, Some("u-1"), None), of(None, None, None, Some("u-1")));
    assert_eq!(of(None, None, None, None), None);
    assert_eq!(of(Some(""), None, None, None), None);
}

#[test]
fn the_key_file_is_made_once_and_read_back() {
    let folder = Folder::new();
    let path = folder.path("identity.key");
    let made = IdentityKey::generate();
    made.write_new(&path).expect("written");
    assert_eq!(mode(&path), 0o600);
    assert_eq!(IdentityKey::load(&path).expect("read").check_value(), made.check_value());
    assert_ne!(IdentityKey::generate().check_value(), made.check_value());
    assert!(matches!(IdentityKey::generate().write_new(&path), Err(IdentityKeyError::Write { .. })));
    assert_eq!(IdentityKey::load(&path).expect("unchanged").check_value(), made.check_value());
    for text in ["", "abc", &"0".repeat(63), &"g".repeat(64), &"é".repeat(32)] {
        let path = folder.write("bad.key", text);
        assert!(matches!(IdentityKey::load(&path), Err(IdentityKeyError::Form { .. })), "{text:?}");
    }
    assert!(matches!(IdentityKey::load(&folder.path("none")), Err(IdentityKeyError::Read { .. })));
    assert_eq!(format!("{made:?}"), "IdentityKey(secret)");
}

#[test]
fn addresses_that_are_one_person() {
    for (text, expected) in [
        ("jane.doe@example.com", "jane.doe@example.com"),
        ("  Jane.Doe@EXAMPLE.com\r\n", "jane.doe@example.com"),
        ("jane.doe+news@example.com", "jane.doe+news@example.com"),
        ("j.a.n.e@example.com", "j.a.n.e@example.com"),
        ("o'brien&co/x=1@example.co.uk", "o'brien&co/x=1@example.co.uk"),
        ("jane@Bücher.example", "jane@xn--bcher-kva.example"),
        ("jane@xn--bcher-kva.example", "jane@xn--bcher-kva.example"),
        // NFD and NFC of the same name.
        ("zoe\u{308}@example.com", "zoë@example.com"),
        ("ZOË@example.com", "zoë@example.com"),
        // The ideographic full stop separates labels (UTS 46).
        ("jane@example\u{3002}com", "jane@example.com"),
        ("jane@example.com.", "jane@example.com"),
    ] {
        assert_eq!(normalise_email(text).as_deref(), Ok(expected), "{text:?}");
    }
    assert_eq!(email_domain("jane@xn--bcher-kva.example"), "xn--bcher-kva.example");
}

#[test]
fn texts_that_are_no_address() {
    let long_local = format!("{}@example.com", "x".repeat(65));
    let long_domain = format!("jane@{}.com", vec!["x".repeat(60); 5].join("."));
    let long_all = format!("{}@{}.com", "x".repeat(64), vec!["y".repeat(60); 4].join("."));
    let huge = "x".repeat(1_000_000);
    for (text, expected) in [
        ("", IdentifierError::Empty),
        (" \t ", IdentifierError::Empty),
        ("jane", IdentifierError::NoAtSign),
        ("@example.com", IdentifierError::NoAtSign),
        ("jane@", IdentifierError::NoAtSign),
        ("jane@doe@example.com", IdentifierError::NoAtSign),
        ("jane doe@example.com", IdentifierError::LocalPart),
        ("\"jane doe\"@example.com", IdentifierError::LocalPart),
        ("Jane <jane@example.com>", IdentifierError::LocalPart),
        ("jane,joe@example.com", IdentifierError::LocalPart),
        ("ja\u{200b}ne@example.com", IdentifierError::LocalPart),
        ("ja\u{202e}ne@example.com", IdentifierError::LocalPart),
        ("ja\u{0}ne@example.com", IdentifierError::ControlCharacter),
        ("jane@exa\nmple.com", IdentifierError::ControlCharacter),
        ("jane@localhost", IdentifierError::Domain),
        ("jane@192.168.0.1", IdentifierError::Domain),
        ("jane@[192.168.0.1]", IdentifierError::Domain),
        ("jane@example..com", IdentifierError::Domain),
        ("jane@.example.com", IdentifierError::Domain),
        ("jane@-example.com", IdentifierError::Domain),
        ("jane@exa_mple.com", IdentifierError::Domain),
        ("jane@example.com>", IdentifierError::Domain),
        ("jane@exa mple.com", IdentifierError::Domain),
        ("jane@xn--a.example", IdentifierError::Domain),
        (&long_local, IdentifierError::TooLong(64)),
        (&long_domain, IdentifierError::TooLong(253)),
        (&long_all, IdentifierError::TooLong(254)),
        (&huge, IdentifierError::TooLong(254)),
    ] {
        let shown: String = text.chars().take(80).collect();
        assert_eq!(normalise_email(text), Err(expected), "{shown:?}");
    }
}

#[test]
fn phones_with_and_without_their_country() {
    for (text, region, expected) in [
        ("+49 30 901820", None, "+4930901820"),
        ("+49 (0)30 901820", None, "+4930901820"),
        ("030 / 90 18 20", Some("DE"), "+4930901820"),
        ("030 / 90 18 20", Some("de"), "+4930901820"),
        ("0049 30 901820", Some("DE"), "+4930901820"),
        ("(415) 555-2671", Some("US"), "+14155552671"),
        ("+44 20 7946 0958", Some("DE"), "+442079460958"),
    ] {
        assert_eq!(normalise_phone(text, region).as_deref(), Ok(expected), "{text:?}");
    }
    for (text, region, expected) in [
        ("", None, IdentifierError::Empty),
        ("030 901820", None, IdentifierError::Phone),
        ("12", Some("DE"), IdentifierError::Phone),
        ("call me", Some("DE"), IdentifierError::Phone),
        ("+999 123456", None, IdentifierError::Phone),
        ("030 901820", Some("Germany"), IdentifierError::Region),
        (&"1".repeat(65), Some("DE"), IdentifierError::TooLong(64)),
        ("+49 30\u{0} 901820", None, IdentifierError::ControlCharacter),
    ] {
        assert_eq!(normalise_phone(text, region), Err(expected), "{text:?}");
    }
}

#[test]
fn ids_keep_their_case_and_junk_is_nobody() {
    assert_eq!(normalise_id("  User-42 ").as_deref(), Ok("User-42"));
    assert_eq!(normalise_id(""), Err(IdentifierError::Empty));
    assert_eq!(normalise_id("a\u{0}b"), Err(IdentifierError::ControlCharacter));
    assert!(normalise_id(&"x".repeat(256)).is_ok());
    assert_eq!(normalise_id(&"x".repeat(257)), Err(IdentifierError::TooLong(256)));
    for id in [
        "",
        " ",
        "null",
        "NULL",
        "undefined",
        "Guest",
        "anonymous",
        "none",
        "nil",
        "n/a",
        "unknown",
        "0",
        "-1",
        "000000",
        "00000000-0000-0000-0000-000000000000",
        "-",
        "???",
        "{}",
        "[object Object]",
        "NaN",
        "test",
        "true",
    ] {
        assert!(is_junk(id), "{id:?}");
    }
    for id in ["7", "10", "a-1", "testuser", "nullsoft", "guest-42", "5f2c0000-0000-0000-0000-000000000000", "李"] {
        assert!(!is_junk(id), "{id:?}");
    }
}

proptest! {
    #[test]
    fn any_text_gives_a_value_or_an_error_and_a_value_stays(text in ".{0,80}", region in "[A-Za-z]{0,3}") {
        if let Ok(email) = normalise_email(&text) {
            prop_assert_eq!(normalise_email(&email), Ok(email.clone()));
        }
        if let Ok(phone) = normalise_phone(&text, Some(&region)) {
            prop_assert_eq!(normalise_phone(&phone, None), Ok(phone.clone()));
        }
        if let Ok(id) = normalise_id(&text) {
            prop_assert_eq!(normalise_id(&id), Ok(id.clone()));
        }
        let _ = is_junk(&text);
    }

    #[test]
    fn what_looks_like_an_address_is_total_and_stays(local in "\\PC{1,20}", domain in "[\\PC.]{1,30}", end in "[a-zé]{2,5}") {
        if let Ok(email) = normalise_email(&format!("{local}@{domain}.{end}")) {
            prop_assert_eq!(normalise_email(&email), Ok(email.clone()));
            prop_assert_eq!(normalise_email(&format!(" {email}\t")), Ok(email.clone()));
            prop_assert!(email.len() <= 254 && email_domain(&email).is_ascii());
        }
    }

    #[test]
    fn what_looks_like_a_phone_is_total_and_stays(text in "[+0-9 ()/.x-]{1,30}", region in "[A-Z]{2}") {
        if let Ok(phone) = normalise_phone(&text, Some(&region)) {
            prop_assert_eq!(normalise_phone(&phone, None), Ok(phone.clone()));
        }
    }
}
