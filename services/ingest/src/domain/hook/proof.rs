//! Whether a delivery is from whom it says: a shared secret (Basic auth or a header of one's own), SendGrid's ECDSA signature
//! over timestamp and raw body, Mailgun's HMAC over timestamp and token. All comparisons take constant time; `now` is given.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use ring::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::super::limits;

/// How the sender proves who it is. Several secrets at a time, so that they can be changed without a gap.
#[derive(Clone)]
pub enum Proof {
    /// Basic auth; SHA-256 of each "user:password".
    Basic(Vec<[u8; 32]>),
    /// A header of one's own, by its lower-case name; SHA-256 of each value.
    Header(Box<str>, Vec<[u8; 32]>),
    /// ECDSA on P-256 with SHA-256, ASN.1, over timestamp and raw body; uncompressed points.
    Ecdsa(Vec<[u8; 65]>),
    /// HMAC-SHA256 over timestamp and token, both in the body.
    Mailgun(Vec<Hmac<Sha256>>),
}

impl fmt::Debug for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Basic(_) => "Basic(secret)",
            Self::Header(..) => "Header(secret)",
            Self::Ecdsa(_) => "Ecdsa",
            Self::Mailgun(_) => "Mailgun(secret)",
        })
    }
}

/// Why a delivery is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disbelief {
    /// There is no proof at all.
    Missing,
    /// There is one, and it is wrong.
    Wrong,
    /// It is right, and more than five minutes old or ahead.
    Stale,
}

/// What the headers show; empty where there is none.
#[derive(Clone, Copy, Debug, Default)]
pub struct Shown<'a> {
    /// `Authorization`.
    pub authorization: &'a str,
    /// The header of one's own.
    pub header: &'a str,
    /// `X-Twilio-Email-Event-Webhook-Signature`.
    pub signature: &'a str,
    /// `X-Twilio-Email-Event-Webhook-Timestamp`.
    pub timestamp: &'a str,
}

/// What Mailgun writes into the body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stamp {
    /// Seconds since 1970.
    pub timestamp: String,
    /// Fifty random characters.
    pub token: String,
    /// HMAC-SHA256 of both, hexadecimal.
    pub signature: String,
}

/// Secrets shorter than this could be guessed.
const SHORTEST: usize = 16;
/// What stands before the point in a P-256 public key (SubjectPublicKeyInfo, RFC 5480).
const SPKI_P256: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

impl Proof {
    /// Basic auth from a secret file: one "user:password" a line.
    ///
    /// # Errors
    /// What the file must hold.
    pub fn basic(secret: &str) -> Result<Self, &'static str> {
        let lines = lines(secret, "must hold user:password, at least 16 characters, one a line")?;
        if lines.iter().any(|line| !line.contains(':')) {
            return Err("must hold user:password, at least 16 characters, one a line");
        }
        Ok(Self::Basic(lines.iter().map(|line| Sha256::digest(line).into()).collect()))
    }

    /// A header from a secret file: one value a line.
    ///
    /// # Errors
    /// As [`Proof::basic`].
    pub fn header(name: &str, secret: &str) -> Result<Self, &'static str> {
        let lines = lines(secret, "must hold the header's value, at least 16 characters, one a line")?;
        Ok(Self::Header(name.into(), lines.iter().map(|line| Sha256::digest(line).into()).collect()))
    }

    /// SendGrid's verification key from a file: base64, one a line.
    ///
    /// # Errors
    /// As [`Proof::basic`].
    pub fn ecdsa(key: &str) -> Result<Self, &'static str> {
        let wrong = "must hold the verification key as SendGrid shows it: base64 of a P-256 public key, one a line";
        let point = |line: &&str| {
            let der = STANDARD.decode(line).ok()?;
            der.strip_prefix(&SPKI_P256)?.try_into().ok().filter(|point: &[u8; 65]| point[0] == 4)
        };
        lines(key, wrong)?.iter().map(|line| point(line).ok_or(wrong)).collect::<Result<_, _>>().map(Self::Ecdsa)
    }

    /// Mailgun's HTTP webhook signing key from a file, one a line.
    ///
    /// # Errors
    /// As [`Proof::basic`].
    pub fn mailgun(secret: &str) -> Result<Self, &'static str> {
        let wrong = "must hold Mailgun's HTTP webhook signing key, one a line";
        let key = |line: &&str| Hmac::new_from_slice(line.as_bytes()).map_err(|_| wrong);
        lines(secret, wrong)?.iter().map(key).collect::<Result<_, _>>().map(Self::Mailgun)
    }

    /// What can be said before the body is read: all of it for shared secrets, whether it is worth while for signatures.
    ///
    /// # Errors
    /// [`Disbelief`].
    pub fn before_body(&self, shown: &Shown<'_>, now: i64) -> Result<(), Disbelief> {
        match self {
            Self::Basic(accepted) => {
                let value = shown.authorization.split_once(' ').filter(|(word, _)| word.eq_ignore_ascii_case("basic"));
                let (_, encoded) = value.ok_or(Disbelief::Missing)?;
                let secret = STANDARD.decode(encoded.trim()).map_err(|_| Disbelief::Wrong)?;
                is_one_of(accepted, &secret)
            }
            Self::Header(_, _) if shown.header.is_empty() => Err(Disbelief::Missing),
            Self::Header(_, accepted) => is_one_of(accepted, shown.header.as_bytes()),
            Self::Ecdsa(_) if shown.signature.is_empty() || shown.timestamp.is_empty() => Err(Disbelief::Missing),
            Self::Ecdsa(_) => is_fresh(shown.timestamp, now),
            Self::Mailgun(_) => Ok(()),
        }
    }

    /// The signature over the raw body; nothing more to say for the other proofs.
    ///
    /// # Errors
    /// [`Disbelief::Wrong`].
    pub fn of_body(&self, shown: &Shown<'_>, body: &[u8]) -> Result<(), Disbelief> {
        let Self::Ecdsa(keys) = self else { return Ok(()) };
        let signature = STANDARD.decode(shown.signature.trim()).map_err(|_| Disbelief::Wrong)?;
        let signed = [shown.timestamp.as_bytes(), body].concat();
        let fits =
            |key: &[u8; 65]| UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, key).verify(&signed, &signature).is_ok();
        if keys.iter().any(fits) { Ok(()) } else { Err(Disbelief::Wrong) }
    }

    /// Mailgun's stamp in the body; nothing more to say for the other proofs.
    ///
    /// # Errors
    /// [`Disbelief`]. The stamp does not cover the body: whoever asks keeps tokens from coming twice with two bodies.
    pub fn of_stamp(&self, stamp: Option<&Stamp>, now: i64) -> Result<(), Disbelief> {
        let Self::Mailgun(keys) = self else { return Ok(()) };
        let stamp = stamp.filter(|stamp| !stamp.signature.is_empty() && !stamp.token.is_empty());
        let stamp = stamp.ok_or(Disbelief::Missing)?;
        let signature = from_hex(&stamp.signature).ok_or(Disbelief::Wrong)?;
        let fits = |key: &Hmac<Sha256>| {
            let mut mac = key.clone();
            mac.update(stamp.timestamp.as_bytes());
            mac.update(stamp.token.as_bytes());
            mac.verify_slice(&signature).is_ok()
        };
        if !keys.iter().any(fits) {
            return Err(Disbelief::Wrong);
        }
        is_fresh(&stamp.timestamp, now)
    }
}

fn lines<'a>(secret: &'a str, wrong: &'static str) -> Result<Vec<&'a str>, &'static str> {
    let lines: Vec<&str> = secret.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    if lines.is_empty() || lines.iter().any(|line| line.len() < SHORTEST) {
        return Err(wrong);
    }
    Ok(lines)
}

fn is_one_of(accepted: &[[u8; 32]], shown: &[u8]) -> Result<(), Disbelief> {
    let digest: [u8; 32] = Sha256::digest(shown).into();
    // Every secret is compared to its end, whichever fits.
    let found = accepted.iter().fold(subtle::Choice::from(0), |found, one| found | one.ct_eq(&digest));
    if bool::from(found) { Ok(()) } else { Err(Disbelief::Wrong) }
}

fn is_fresh(timestamp: &str, now: i64) -> Result<(), Disbelief> {
    let at: i64 = timestamp.trim().parse().map_err(|_| Disbelief::Wrong)?;
    if now.abs_diff(at) > limits::HOOK_SKEW_SECONDS { Err(Disbelief::Stale) } else { Ok(()) }
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let bytes = text.as_bytes();
    if bytes.len() != 64 {
        return None;
    }
    bytes.chunks_exact(2).map(|pair| Some(digit(&pair[0])? << 4 | digit(&pair[1])?)).collect()
}
