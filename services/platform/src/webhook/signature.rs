//! The three headers that let a receiver know who sent a message and when. HMAC-SHA256 itself is the `standardwebhooks`
//! crate's; here are the secrets, and the rule that a message has a signature for each of them.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderValue};
use jiff::Timestamp;
use rand::Rng as _;
use secrecy::{ExposeSecret as _, SecretSlice, SecretString};
use standardwebhooks::{HEADER_WEBHOOK_ID, HEADER_WEBHOOK_SIGNATURE, HEADER_WEBHOOK_TIMESTAMP, Webhook, WebhookError};

use super::endpoint::Refusal;

const PREFIX: &str = "whsec_";
/// By the specification: 192 to 512 bits.
const LENGTHS: std::ops::RangeInclusive<usize> = 24..=64;
const LONGEST_ID: usize = 256;

/// What sender and receiver share; one endpoint has one, or two while it is being replaced. Never shown by `Debug`.
#[derive(Clone)]
pub struct Secret(SecretSlice<u8>);

/// Why a text is no [`Secret`]. Says nothing of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// The beginning is missing.
    #[error("a webhook secret begins with whsec_; asymmetric keys (whsk_) are not supported")]
    Prefix,
    /// What follows is not base64.
    #[error("a webhook secret is whsec_ and base64 in the standard alphabet with its padding, without white space")]
    Base64,
    /// Too few bytes to be safe, or more than receivers take.
    #[error("a webhook secret has 24 to 64 bytes before base64, this one has {0}")]
    Length(usize),
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(whsec_***)")
    }
}

impl Secret {
    /// From `whsec_` and base64 of 24 to 64 bytes, as the specification writes secrets.
    ///
    /// # Errors
    /// [`SecretError`] for anything else.
    pub fn parse(text: &str) -> Result<Self, SecretError> {
        let encoded = text.strip_prefix(PREFIX).ok_or(SecretError::Prefix)?;
        let bytes = SecretSlice::from(STANDARD.decode(encoded).map_err(|_| SecretError::Base64)?);
        let length = bytes.expose_secret().len();
        if LENGTHS.contains(&length) { Ok(Self(bytes)) } else { Err(SecretError::Length(length)) }
    }

    /// A new one of 32 random bytes.
    #[must_use]
    pub fn generate() -> Self {
        let mut bytes = vec![0; 32];
        rand::rng().fill_bytes(&mut bytes);
        Self(SecretSlice::from(bytes))
    }

    /// The text that [`Secret::parse`] takes, to be shown to the receiver once.
    #[must_use]
    pub fn text(&self) -> SecretString {
        SecretString::from(format!("{PREFIX}{}", STANDARD.encode(self.0.expose_secret())))
    }

    /// `v1,` and base64 of HMAC-SHA256(secret, `id.seconds.body`).
    fn sign(&self, id: &str, seconds: i64, body: &[u8]) -> Result<String, WebhookError> {
        Webhook::from_bytes(self.0.expose_secret().to_vec())?.sign(id, seconds, body)
    }
}

/// `webhook-id`, `webhook-timestamp` (whole seconds) and `webhook-signature` (one per secret, separated by spaces) of one
/// attempt.
///
/// # Errors
/// [`Refusal::Id`] if the id could be taken for something else (empty, longer than 256, anything but visible ASCII, a full
/// stop, which separates what is signed); [`Refusal::Body`] if the body is not UTF-8, which receivers presume;
/// [`Refusal::NoSecret`].
pub(super) fn headers(secrets: &[Secret], id: &str, at: Timestamp, body: &[u8]) -> Result<HeaderMap, Refusal> {
    let id_is_clear = (1..=LONGEST_ID).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic() && b != b'.');
    if !id_is_clear {
        return Err(Refusal::Id);
    }
    if secrets.is_empty() {
        return Err(Refusal::NoSecret);
    }
    let seconds = at.as_second();
    let signatures: Vec<_> = secrets
        .iter()
        .map(|secret| secret.sign(id, seconds, body))
        .collect::<Result<_, _>>()
        .map_err(|_| Refusal::Body)?;
    let mut headers = HeaderMap::new();
    let texts = [
        (HEADER_WEBHOOK_ID, id.to_owned()),
        (HEADER_WEBHOOK_TIMESTAMP, seconds.to_string()),
        (HEADER_WEBHOOK_SIGNATURE, signatures.join(" ")),
    ];
    for (name, text) in texts {
        headers.insert(name, HeaderValue::try_from(text).expect("visible ASCII and spaces stand in any header"));
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Key, id, time and body of the example in the specification's own test suites, and its signature.
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const BODY: &[u8] = br#"{"test": 2432232314}"#;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).expect("in range")
    }

    #[test]
    fn the_signature_is_that_of_the_other_libraries() {
        let secret = Secret::parse(SECRET).expect("a secret");
        let headers = headers(&[secret], ID, at(1_614_265_330), BODY).expect("signed");
        assert_eq!(headers["webhook-id"], ID);
        assert_eq!(headers["webhook-timestamp"], "1614265330");
        assert_eq!(headers["webhook-signature"], "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_secret_is_parsed_or_refused_with_its_reason_and_never_shown() {
        for (text, expected) in [
            ("", SecretError::Prefix),
            ("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", SecretError::Prefix),
            ("whsk_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", SecretError::Prefix),
            ("WHSEC_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", SecretError::Prefix),
            ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS", SecretError::Base64),
            ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n", SecretError::Base64),
            ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa-_", SecretError::Base64),
            ("whsec_", SecretError::Length(0)),
            ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLQ==", SecretError::Length(22)),
        ] {
            assert_eq!(Secret::parse(text).expect_err(text), expected, "{text}");
        }
        let of_length = |length: usize| format!("whsec_{}", STANDARD.encode(vec![7; length]));
        for (length, fits) in [(23, false), (24, true), (64, true), (65, false)] {
            assert_eq!(Secret::parse(&of_length(length)).is_ok(), fits, "{length}");
        }
        assert_eq!(format!("{:?}", Secret::parse(SECRET).expect("a secret")), "Secret(whsec_***)");
        let generated = Secret::generate().text();
        assert_eq!(
            Secret::parse(generated.expose_secret()).expect("ours").text().expose_secret(),
            generated.expose_secret()
        );
        assert_ne!(Secret::generate().text().expose_secret(), generated.expose_secret());
    }

    #[test]
    fn what_cannot_be_signed_clearly_is_refused() {
        let secrets = [Secret::generate()];
        for id in ["", "a.b", "a b", "a\nb", "ä", &"a".repeat(257)] {
            assert_eq!(headers(&secrets, id, at(0), b"{}"), Err(Refusal::Id), "{id:?}");
        }
        assert_eq!(headers(&secrets, "a", at(0), b"\xff"), Err(Refusal::Body));
        assert_eq!(headers(&[], "a", at(0), b"{}"), Err(Refusal::NoSecret));
        assert!(headers(&secrets, &"a".repeat(256), at(0), b"").is_ok());
    }
}
