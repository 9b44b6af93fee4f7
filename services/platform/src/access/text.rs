//! The text of a key: `lf_`, 43 digits of base 62 that hold 256 random bits, 6 digits of checksum. The checksum makes a
//! typing error or a guess fail without a look-up, and lets secret scanners find keys in places where they should not be.

use std::ops::Range;

use rand::Rng as _;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

pub(super) const START: &str = "lf_";
/// Digits after `lf_` that are stored and shown to recognise a key by.
pub(super) const PREFIX_DIGITS: usize = 6;
const RANDOM_DIGITS: usize = 43;
const CHECKSUM_DIGITS: usize = 6;
/// So many letters and digits after `lf_` are a key, or were one before somebody mistyped or cut it.
const TELLING_DIGITS: usize = 20;
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The text of a key whose form is right. Whether it is known is another question.
#[derive(Clone)]
pub struct KeyText(SecretString);

impl std::fmt::Debug for KeyText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KeyText({}...)", self.prefix())
    }
}

/// The text is not a key: wrong length, wrong characters or wrong checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is not a key: expected lf_ and 49 letters and digits")]
pub struct KeyTextError;

impl KeyText {
    /// A new key.
    #[must_use]
    pub fn generate() -> Self {
        let mut random = [0; 32];
        rand::rng().fill_bytes(&mut random);
        let body = base62(random);
        let check = checksum(&body);
        Self(SecretString::from(format!("{START}{body}{check}")))
    }

    /// Checks form and checksum.
    ///
    /// # Errors
    /// [`KeyTextError`].
    pub fn parse(text: &str) -> Result<Self, KeyTextError> {
        let digits = text.strip_prefix(START).ok_or(KeyTextError)?;
        let right_form =
            digits.len() == RANDOM_DIGITS + CHECKSUM_DIGITS && digits.bytes().all(|b| b.is_ascii_alphanumeric());
        if !right_form {
            return Err(KeyTextError);
        }
        let (body, check) = digits.split_at(RANDOM_DIGITS);
        if checksum(body) == check { Ok(Self(SecretString::from(text))) } else { Err(KeyTextError) }
    }

    /// The secret itself. Show it once.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.expose_secret()
    }

    /// "lf_3fGh8k": no secret.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.as_str()[..START.len() + PREFIX_DIGITS]
    }

    /// SHA-256 of the text, as the keys file holds it.
    #[must_use]
    pub fn sha256_hex(&self) -> String {
        Sha256::digest(self.as_str()).iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Where in `bytes` a key stands, or what looks like one: whatever the checksum says, since a key with a typing error is
/// nearly a key. At the end of `bytes`, where one may be cut, whatever is longer than the prefix that is no secret.
#[must_use]
pub fn key_look_alikes(bytes: &[u8]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(at) = bytes[from..].windows(START.len()).position(|window| window == START.as_bytes()) {
        let start = from + at;
        let digits = bytes[start + START.len()..].iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
        let end = start + START.len() + digits;
        if digits >= TELLING_DIGITS || (end == bytes.len() && digits > PREFIX_DIGITS) {
            found.push(start..end);
        }
        // The digits may end in the `lf` of the next one.
        from = end - START.len() + 1;
    }
    found
}

/// 256 bits as 43 digits, most significant first: 62^43 is a little more than 2^256.
fn base62(mut number: [u8; 32]) -> String {
    let mut digits = [0_u8; RANDOM_DIGITS];
    for digit in digits.iter_mut().rev() {
        let mut remainder = 0_usize;
        for byte in &mut number {
            let value = remainder * 256 + usize::from(*byte);
            *byte = u8::try_from(value / 62).expect("the remainder is below 62, so the quotient is below 256");
            remainder = value % 62;
        }
        *digit = DIGITS[remainder];
    }
    digits.iter().copied().map(char::from).collect()
}

/// The first 32 bits of SHA-256 of the body, as 6 digits.
fn checksum(body: &str) -> String {
    let digest = Sha256::digest(body);
    let mut number = u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]);
    let mut digits = [0_u8; CHECKSUM_DIGITS];
    for digit in digits.iter_mut().rev() {
        *digit = DIGITS[(number % 62) as usize];
        number /= 62;
    }
    digits.iter().copied().map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_wherever_they_stand() {
        let key = KeyText::generate();
        let key = key.as_str();
        let text = format!("{key} x={key}&lf_short {key}{key} {}", &key[..30]);
        let found: Vec<&str> = key_look_alikes(text.as_bytes()).into_iter().map(|range| &text[range]).collect();
        // Of two without anything between, the first has two letters of the second.
        assert_eq!(found, [key, key, &format!("{key}lf"), key, &key[..30]]);
    }

    #[test]
    fn a_key_that_is_cut_by_the_end_is_one() {
        let key = KeyText::generate();
        for length in 0..key.as_str().len() {
            let cut = &key.as_str()[..length];
            assert_eq!(key_look_alikes(cut.as_bytes()).is_empty(), length <= START.len() + PREFIX_DIGITS, "{length}");
        }
    }
}
