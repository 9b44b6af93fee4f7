//! Normalisation of identifiers. Part of the identity key and frozen at the first release: another rule is another person.
//!
//! E-mail: trimmed, NFC, lower case, domain to ASCII by IDNA; no dot or plus folding, which is right for some providers and
//! merges strangers at others. Phone: E.164. User and anonymous id: trimmed, case kept. Total: any text gives a value or a
//! named error, and what was normalised once stays as it is.

use idna::AsciiDenyList;
use rlibphonenumber::{NumberLengthType, PhoneNumber, PhoneNumberFormat, Region};
use unicode_normalization::UnicodeNormalization as _;

/// Longest address (RFC 5321 section 4.5.3.1.3, less the angle brackets), in bytes.
pub const MAX_EMAIL_BYTES: usize = 254;
/// Longest local part (RFC 5321 section 4.5.3.1.1), in bytes.
pub const MAX_LOCAL_BYTES: usize = 64;
/// Longest domain name as text (RFC 1035), in bytes.
pub const MAX_DOMAIN_BYTES: usize = 253;
/// Longest user or anonymous id, in bytes.
pub const MAX_ID_BYTES: usize = 256;
/// Longest text that is tried as a phone number, in bytes.
const MAX_PHONE_BYTES: usize = 64;

/// Why a text is not an identifier. The messages say what would be right and never repeat the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentifierError {
    /// Nothing but white space.
    #[error("is empty")]
    Empty,
    /// Longer than the limit, in bytes.
    #[error("is longer than {0} bytes")]
    TooLong(usize),
    /// A control character, U+0000 among them.
    #[error("contains a control character")]
    ControlCharacter,
    /// Not one `@` with something on both sides.
    #[error("is not an e-mail address: expected one @ between a name and a domain")]
    NoAtSign,
    /// White space or a character that needs quoting, before the `@`.
    #[error("has a character before the @ that an e-mail address cannot have")]
    LocalPart,
    /// The domain is not a host name with a dot.
    #[error("has no valid domain: expected something like example.com after the @")]
    Domain,
    /// Not a phone number.
    #[error("is not a phone number: expected one with its country code, like +49 30 901820")]
    Phone,
    /// The region is not an ISO 3166 code.
    #[error("has an unknown region: expected two letters of ISO 3166, like DE")]
    Region,
}

/// The address under which a person is known: trimmed, NFC, lower case, domain in ASCII.
///
/// # Errors
/// [`IdentifierError`] if it is no address. Quoted local parts and address literals are refused: nobody has them.
pub fn normalise_email(text: &str) -> Result<String, IdentifierError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(IdentifierError::Empty);
    }
    // Normalisation may lengthen a text by a small factor, never without bound: cut the absurd off before the work.
    if text.len() > 4 * MAX_EMAIL_BYTES {
        return Err(IdentifierError::TooLong(MAX_EMAIL_BYTES));
    }
    if text.chars().any(char::is_control) {
        return Err(IdentifierError::ControlCharacter);
    }
    let lower: String = text.nfc().collect::<String>().to_lowercase().nfc().collect();
    let (local, domain) = lower.split_once('@').ok_or(IdentifierError::NoAtSign)?;
    if local.is_empty() || domain.is_empty() || domain.contains('@') {
        return Err(IdentifierError::NoAtSign);
    }
    if local.len() > MAX_LOCAL_BYTES {
        return Err(IdentifierError::TooLong(MAX_LOCAL_BYTES));
    }
    if local.chars().any(|c| !may_stand_in_local_part(c)) {
        return Err(IdentifierError::LocalPart);
    }
    let domain = normalise_domain(domain)?;
    let email = format!("{local}@{domain}");
    if email.len() > MAX_EMAIL_BYTES {
        return Err(IdentifierError::TooLong(MAX_EMAIL_BYTES));
    }
    Ok(email)
}

/// The domain of a normalised address; the whole text if there is no `@`.
#[must_use]
pub fn email_domain(email: &str) -> &str {
    email.rsplit_once('@').map_or(email, |(_, domain)| domain)
}

/// E.164 ("+4930901820"). `region` (ISO 3166, two letters) is where a number without country code is at home.
///
/// A number of a possible length is taken; whether it was given out is not asked, because those tables change with each
/// release of the library and the answer must not.
///
/// # Errors
/// [`IdentifierError`] if it is no phone number, or has no country code and no region was given.
pub fn normalise_phone(text: &str, region: Option<&str>) -> Result<String, IdentifierError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(IdentifierError::Empty);
    }
    if text.len() > MAX_PHONE_BYTES {
        return Err(IdentifierError::TooLong(MAX_PHONE_BYTES));
    }
    if text.chars().any(char::is_control) {
        return Err(IdentifierError::ControlCharacter);
    }
    let region = match region {
        Some(region) => Some(region.to_ascii_uppercase().parse::<Region>().map_err(|_| IdentifierError::Region)?),
        None => None,
    };
    let number = PhoneNumber::parse(text, region).map_err(|_| IdentifierError::Phone)?;
    // "Possible within a town only" has no international form.
    if number.is_possible_with_reason() != Ok(NumberLengthType::IsPossible) {
        return Err(IdentifierError::Phone);
    }
    Ok(number.format_as(PhoneNumberFormat::E164).into_owned())
}

/// A user or anonymous id: trimmed, case kept.
///
/// # Errors
/// [`IdentifierError`] if it is empty, too long or has a control character.
pub fn normalise_id(text: &str) -> Result<String, IdentifierError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(IdentifierError::Empty);
    }
    if text.len() > MAX_ID_BYTES {
        return Err(IdentifierError::TooLong(MAX_ID_BYTES));
    }
    if text.chars().any(char::is_control) {
        return Err(IdentifierError::ControlCharacter);
    }
    Ok(text.to_owned())
}

/// Ids that programs send when they do not know whom they talk about. Taken for a person, one of them would merge all the
/// visitors of a site. The list of PostHog (`posthog/models/person`, illegal ids), with what forms and spreadsheets add.
const JUNK: &[&str] = &[
    "-1",
    "[object object]",
    "admin",
    "anonymous",
    "anonymous_id",
    "anonymousid",
    "default",
    "distinct_id",
    "distinctid",
    "dummy",
    "email",
    "false",
    "foo",
    "guest",
    "id",
    "n/a",
    "na",
    "nan",
    "nil",
    "no",
    "none",
    "not_authenticated",
    "null",
    "test",
    "tbd",
    "true",
    "unbekannt",
    "undefined",
    "unknown",
    "user",
    "user_id",
    "userid",
    "visitor",
    "yes",
];

/// True for an id that stands for nobody: "null", "undefined", "guest", an all-zero UUID, nothing but zeros or punctuation.
#[must_use]
pub fn is_junk(id: &str) -> bool {
    let id = id.trim();
    // "0", "00000000-0000-0000-0000-000000000000", "-", "???", "{}"
    id.chars().all(|c| c == '0' || !c.is_alphanumeric()) || JUNK.iter().any(|junk| junk.eq_ignore_ascii_case(id))
}

/// The characters of HTML's e-mail field (WHATWG, "valid e-mail address") and, by RFC 6531, anything beyond ASCII that can
/// be seen.
fn may_stand_in_local_part(c: char) -> bool {
    match c {
        'a'..='z'
        | '0'..='9'
        | '.'
        | '!'
        | '#'
        | '$'
        | '%'
        | '&'
        | '\''
        | '*'
        | '+'
        | '/'
        | '='
        | '?'
        | '^'
        | '_'
        | '`'
        | '{'
        | '|'
        | '}'
        | '~'
        | '-' => true,
        c => !c.is_ascii() && !c.is_whitespace() && !c.is_control() && !is_invisible(c),
    }
}

/// Zero-width characters, marks of direction, and the byte order mark: two addresses that look alike would be two people.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

fn normalise_domain(domain: &str) -> Result<String, IdentifierError> {
    let domain = idna::domain_to_ascii_cow(domain.as_bytes(), AsciiDenyList::STD3)
        .map_err(|_| IdentifierError::Domain)?
        .into_owned();
    // A dot at the end names the same domain (RFC 1034 section 3.1).
    let domain = domain.strip_suffix('.').unwrap_or(&domain);
    if domain.len() > MAX_DOMAIN_BYTES {
        return Err(IdentifierError::TooLong(MAX_DOMAIN_BYTES));
    }
    let labels_are_host_names = domain.split('.').all(|label| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    });
    // A last label of digits is an address, not a name (RFC 3696 section 2).
    let last = domain.rsplit('.').next().unwrap_or_default();
    if labels_are_host_names && domain.contains('.') && !last.bytes().all(|b| b.is_ascii_digit()) {
        Ok(domain.to_owned())
    } else {
        Err(IdentifierError::Domain)
    }
}
