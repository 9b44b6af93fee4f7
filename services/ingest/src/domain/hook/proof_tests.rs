//! Who is believed: SendGrid's own published vector, Mailgun's stamp as Python makes it, shared secrets.

use super::proof::{Disbelief, Proof, Shown, Stamp};
use super::{Part, stamp_of_fields, stamp_of_json};

/// Published by SendGrid with its libraries.
const KEY: &str = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7dAfSmpqIM8kF9mN1flpVKS3GRqe62gw+2fNNRaINXvVpiglSI8eNEc6wEA3F+g==";
const SIGNATURE: &str =
    "MEUCIGHQVtGj+Y3LkG9fLcxf3qfI10QysgDWmMOVmxG0u6ZUAiEAyBiXDWzM+uOe5W0JuG+luQAbPIqHh89M15TluLtEZtM=";
const BODY: &str = "[{\"email\":\"hello@world.com\",\"event\":\"dropped\",\"reason\":\"Bounced Address\",\"sg_event_id\":\"ZHJvcC0xMDk5NDkxOS1MUnpYbF9OSFN0T0doUTRrb2ZTbV9BLTA\",\"sg_message_id\":\"LRzXl_NHStOGhQ4kofSm_A.filterdrecv-p3mdw1-756b745b58-kmzbl-18-5F5FC76C-9.0\",\"smtp-id\":\"<LRzXl_NHStOGhQ4kofSm_A@ismtpd0039p1iad1.sendgrid.net>\",\"timestamp\":1600112492}]\r\n";

#[test]
fn sendgrids_signature_is_over_the_time_and_the_bytes() {
    let proof = Proof::ecdsa(KEY).unwrap();
    let at = 1_600_112_502;
    let shown = Shown { signature: SIGNATURE, timestamp: "1600112502", ..Shown::default() };
    assert_eq!(proof.before_body(&shown, at + 300), Ok(()));
    assert_eq!(proof.before_body(&shown, at + 301), Err(Disbelief::Stale));
    assert_eq!(proof.before_body(&shown, at - 301), Err(Disbelief::Stale));
    assert_eq!(proof.before_body(&Shown::default(), at), Err(Disbelief::Missing));
    assert_eq!(proof.of_body(&shown, BODY.as_bytes()), Ok(()));
    assert_eq!(proof.of_body(&shown, BODY.trim_end().as_bytes()), Err(Disbelief::Wrong));
    assert_eq!(proof.of_body(&Shown { timestamp: "1600112503", ..shown }, BODY.as_bytes()), Err(Disbelief::Wrong));
    assert_eq!(proof.of_body(&Shown { signature: "AAAA", ..shown }, BODY.as_bytes()), Err(Disbelief::Wrong));
    // An older key beside the new one.
    let other = KEY.replace("83T4O", "83T4P");
    assert_eq!(Proof::ecdsa(&format!("{other}\n{KEY}\n")).unwrap().of_body(&shown, BODY.as_bytes()), Ok(()));
    for wrong in ["", "AAAA", "not base64 at all", &KEY[4..]] {
        assert!(Proof::ecdsa(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn mailguns_stamp_is_over_time_and_token() {
    let proof = Proof::mailgun("TEST_WEBHOOK_SIGNING_KEY").unwrap();
    // Computed with Python's hmac.
    let stamp = Stamp {
        timestamp: "1534108637".into(),
        token: "651869375b9df3c98fc15c4889b102119add1235c38fc92824".into(),
        signature: "2a75affe24846ead9e37e614a5e7643a04abf4d5b49b34d224ede9af23a00ccc".into(),
    };
    assert_eq!(proof.of_stamp(Some(&stamp), 1_534_108_637), Ok(()));
    assert_eq!(proof.of_stamp(Some(&stamp), 1_534_108_938), Err(Disbelief::Stale));
    assert_eq!(proof.of_stamp(None, 1_534_108_637), Err(Disbelief::Missing));
    let other = Stamp { token: "x".into(), ..stamp.clone() };
    assert_eq!(proof.of_stamp(Some(&other), 1_534_108_637), Err(Disbelief::Wrong));
    let json = format!(
        r#"{{"signature":{{"timestamp":1534108637,"token":"{}","signature":"{}"}}}}"#,
        stamp.token, stamp.signature
    );
    assert_eq!(stamp_of_json(&json), Some(stamp.clone()));
    let parts = [("timestamp", &stamp.timestamp), ("token", &stamp.token), ("signature", &stamp.signature)];
    let parts = parts.map(|(name, value)| Part { name: name.into(), bytes: value.clone().into(), ..Part::default() });
    assert_eq!(stamp_of_fields(&parts), Some(stamp));
    for none in ["", "{}", "[]", r#"{"signature":7}"#] {
        assert_eq!(proof.of_stamp(stamp_of_json(none).as_ref(), 0), Err(Disbelief::Missing), "{none}");
    }
}

#[test]
fn shared_secrets_are_compared_whole() {
    let basic = |secret: &str| {
        use base64::Engine as _;
        format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(secret))
    };
    let proof = Proof::basic("old:of-yesterday-long\npostmark:of-today-longer\n").unwrap();
    let of = |authorization: &str| proof.before_body(&Shown { authorization, ..Shown::default() }, 0);
    assert_eq!(of(&basic("postmark:of-today-longer")), Ok(()));
    assert_eq!(of(&basic("old:of-yesterday-long")), Ok(()));
    for wrong in ["postmark:of-today", "postmark:of-today-longer2", "postmark", ""] {
        assert_eq!(of(&basic(wrong)), Err(Disbelief::Wrong), "{wrong}");
    }
    assert_eq!((of(""), of("Bearer x")), (Err(Disbelief::Missing), Err(Disbelief::Missing)));
    let proof = Proof::header("x-hook-secret", "a-value-of-twenty-two\n").unwrap();
    let of = |header: &str| proof.before_body(&Shown { header, ..Shown::default() }, 0);
    assert_eq!(
        (of("a-value-of-twenty-two"), of("a-value"), of("")),
        (Ok(()), Err(Disbelief::Wrong), Err(Disbelief::Missing))
    );
    for weak in ["", "short:1", "no-colon-in-this-one-here"] {
        assert!(Proof::basic(weak).is_err(), "{weak}");
    }
    assert_eq!(format!("{proof:?}"), "Header(secret)");
}
