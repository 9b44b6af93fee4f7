//! The address of a link, put together of what the template says and of values. A value never decides where the link leads:
//! scheme and host are written in the template or come from the deployment, and a value is encoded inside path or query.

use std::fmt;

use super::values::is_invisible;

/// A piece of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UrlPiece<'a> {
    /// Written in the template.
    Written(&'a str),
    /// Put in.
    Value(&'a str),
    /// Put in, and it leads where the template or the deployment says ([`super::home::Homes`]): it may stand at the start.
    Home(&'a str),
}

/// What an attribute's address is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UrlUse {
    /// A person follows it.
    Link,
    /// A mail program loads it: an image, a font.
    Resource,
}

impl UrlUse {
    fn allows(self, scheme: &str) -> bool {
        match self {
            UrlUse::Link => matches!(scheme, "https" | "http" | "mailto" | "tel"),
            UrlUse::Resource => matches!(scheme, "https" | "http" | "cid"),
        }
    }
}

/// Why an address may not stand in a mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkFault {
    /// It has no scheme.
    NoScheme,
    /// It has one that mails do not use.
    Scheme(String),
    /// It has no host.
    NoHost,
    /// A value would choose the host, or be the address.
    Host,
    /// It has a name before the host.
    Userinfo,
    /// It holds a space, a control character, a backslash, a quote or an angle bracket.
    Character,
    /// A value would step out of its folder by `..`.
    Path,
}

impl fmt::Display for LinkFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoScheme => f.write_str("has no scheme; write the whole address, from https:// on"),
            Self::Scheme(scheme) => write!(f, "is a {scheme}: address; use https, http, mailto or tel (https, http or cid for images)"),
            Self::NoHost => f.write_str("has no host"),
            Self::Host => f.write_str(
                "lets a value choose where it leads; write scheme and host into the template (https://www.example.com/...) and put values behind them",
            ),
            Self::Userinfo => f.write_str("has an @ before the host, which hides where it leads; leave it out"),
            Self::Character => f.write_str("holds a space or a character that addresses may not hold; write %20 for a space"),
            Self::Path => f.write_str("steps out of its folder by . or .. in a value"),
        }
    }
}

/// Where in an address the next character goes.
enum Spot<'a> {
    Start,
    /// Neither a known scheme nor nothing.
    Opaque,
    Host(&'a str),
    Path,
    Query,
    Mailbox,
    Number,
}

/// Puts an address together.
///
/// # Errors
/// [`LinkFault`] if it may not stand in a mail.
pub(crate) fn join(pieces: &[UrlPiece<'_>], usage: UrlUse) -> Result<String, LinkFault> {
    let mut url = String::new();
    let mut has_value_in_path = false;
    for piece in pieces {
        match piece {
            UrlPiece::Written(text) => url.push_str(if url.is_empty() { text.trim_start() } else { text }),
            UrlPiece::Home(value) if url.is_empty() => url.push_str(value.trim()),
            UrlPiece::Value(value) | UrlPiece::Home(value) => {
                has_value_in_path |= matches!(spot(&url), Spot::Host(_) | Spot::Path);
                let encoded = fit(value.trim(), spot(&url))?;
                url.push_str(&encoded);
            }
        }
    }
    url.truncate(url.trim_end().len());
    check(&url, usage)?;
    if has_value_in_path && steps_out(&url) {
        return Err(LinkFault::Path);
    }
    Ok(url)
}

/// An address as it is written, without values.
///
/// # Errors
/// As [`join`].
pub(crate) fn check(url: &str, usage: UrlUse) -> Result<(), LinkFault> {
    let scheme = scheme(url).ok_or(LinkFault::NoScheme)?;
    if !usage.allows(&scheme) {
        return Err(LinkFault::Scheme(scheme));
    }
    let forbidden =
        |c: char| c.is_whitespace() || is_invisible(c) || matches!(c, '\\' | '<' | '>' | '"' | '`' | '{' | '}');
    if url.chars().any(forbidden) {
        return Err(LinkFault::Character);
    }
    let rest = &url[scheme.len() + 1..];
    if !matches!(scheme.as_str(), "https" | "http") {
        return if rest.is_empty() { Err(LinkFault::NoHost) } else { Ok(()) };
    }
    let authority = rest.strip_prefix("//").ok_or(LinkFault::NoHost)?;
    let authority = &authority[..authority.find(['/', '?', '#']).unwrap_or(authority.len())];
    if authority.contains('@') {
        return Err(LinkFault::Userinfo);
    }
    let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
    let is_host = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '[' | ']' | ':');
    if host.is_empty() || !host.chars().all(is_host) { Err(LinkFault::NoHost) } else { Ok(()) }
}

/// The scheme in small letters; `None` if there is none.
fn scheme(url: &str) -> Option<String> {
    let scheme = url.split_once(':')?.0;
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.len() <= 20
        && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'));
    is_scheme.then(|| scheme.to_ascii_lowercase())
}

fn spot(url: &str) -> Spot<'_> {
    if url.is_empty() {
        return Spot::Start;
    }
    let Some(scheme) = scheme(url) else { return Spot::Opaque };
    let rest = &url[scheme.len() + 1..];
    let asked = rest.contains('?');
    match scheme.as_str() {
        "mailto" if asked => Spot::Query,
        "mailto" | "cid" => Spot::Mailbox,
        "tel" => Spot::Number,
        "http" | "https" => match rest.strip_prefix("//") {
            None => Spot::Opaque,
            Some(rest) => match rest.find(['/', '?', '#']) {
                None => Spot::Host(rest),
                Some(_) if asked || rest.contains('#') => Spot::Query,
                Some(_) => Spot::Path,
            },
        },
        _ => Spot::Opaque,
    }
}

/// A value, so that it stays in its place.
fn fit(value: &str, spot: Spot<'_>) -> Result<String, LinkFault> {
    match spot {
        _ if value.is_empty() => Ok(String::new()),
        Spot::Start => Err(LinkFault::Host),
        Spot::Opaque => Err(LinkFault::NoScheme),
        Spot::Host(host) if !host.is_empty() && value.starts_with(['/', '?', '#']) => {
            Ok(encode(value, b"-._~:/?#[]@!$&'()*+,;=%"))
        }
        Spot::Host(_) => Err(LinkFault::Host),
        Spot::Path | Spot::Query => Ok(encode(value, b"-._~")),
        Spot::Mailbox => Ok(encode(value, b"-._~@+")),
        Spot::Number => Ok(encode(&value.replace(' ', ""), b"-.+()")),
    }
}

/// Percent-encodes all but letters, digits and `kept`; a percent sign is kept only before two hexadecimal digits.
fn encode(value: &str, kept: &[u8]) -> String {
    let bytes = value.as_bytes();
    let mut encoded = String::with_capacity(value.len());
    for (at, byte) in bytes.iter().enumerate() {
        let is_escape = || bytes.get(at + 1..at + 3).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        if byte.is_ascii_alphanumeric() || (kept.contains(byte) && (*byte != b'%' || is_escape())) {
            encoded.push(char::from(*byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// Whether a segment of the path is `.` or `..`, as browsers read them.
fn steps_out(url: &str) -> bool {
    let path = url.split(['?', '#']).next().unwrap_or_default().to_ascii_lowercase().replace("%2e", ".");
    path.split(['/', '\\']).any(|segment| matches!(segment, "." | ".."))
}

#[cfg(test)]
#[path = "url_tests.rs"]
mod tests;
