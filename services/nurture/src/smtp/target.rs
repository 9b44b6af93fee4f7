//! Where the relay is and how it is spoken to, parsed from its URL.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use http::Uri;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, CertificateStore, TlsParameters};

/// Why a relay cannot be set up. The texts never repeat the URL: it holds a password.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Not a URL of a relay.
    #[error("smtp.url {0}")]
    Url(&'static str),
    /// The file of the authority cannot be read.
    #[error("smtp.ca_file {path} could not be read")]
    CaFile {
        /// As it was given.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file holds no certificate that can be used, or the host has no name that a certificate could hold.
    #[error("TLS to the relay cannot be set up: {0}")]
    Tls(#[from] lettre::transport::smtp::Error),
}

/// A relay.
#[derive(Clone)]
pub(super) struct Target {
    pub(super) security: Security,
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) credentials: Option<Credentials>,
}

/// How a connection is encrypted.
#[derive(Clone)]
pub(super) enum Security {
    /// Not at all.
    Plain,
    /// After EHLO, or not at all and then nothing is sent.
    StartTls(TlsParameters),
    /// From the first byte.
    Implicit(TlsParameters),
}

impl Target {
    pub(super) fn parse(url: &str, ca_file: Option<&Path>) -> Result<Self, ConfigError> {
        let uri: Uri = url.parse().map_err(|_| {
            ConfigError::Url(
                "is no URL; special characters of name and password are percent-encoded: %40 for @, %2F for /",
            )
        })?;
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            return Err(ConfigError::Url("has something behind host and port"));
        }
        let authority = uri.authority().ok_or(ConfigError::Url("names no host"))?;
        let host = authority.host();
        // What is no number is no port, and the usual one would hide that.
        let port = match authority.as_str().rsplit_once(host).map(|(_, rest)| rest.strip_prefix(':')) {
            Some(Some(port)) => {
                Some(port.parse::<u16>().map_err(|_| ConfigError::Url("has no port behind its colon"))?)
            }
            _ => None,
        };
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        if host.is_empty() {
            return Err(ConfigError::Url("names no host"));
        }
        let tls = || tls_parameters(&host, ca_file);
        let (security, usual_port) = match uri.scheme_str() {
            Some("smtp") => (Security::StartTls(tls()?), 587),
            Some("smtps") => (Security::Implicit(tls()?), 465),
            Some("smtp+plain") => (Security::Plain, 25),
            _ => return Err(ConfigError::Url("begins with none of smtp://, smtps:// and smtp+plain://")),
        };
        let credentials = credentials(authority.as_str())?;
        if matches!(security, Security::Plain) && credentials.is_some() && !is_near(&host) {
            return Err(ConfigError::Url(
                "would send its password in the clear over a public network; write smtp:// (STARTTLS) or smtps://, or name a relay \
                 at a loopback or private address",
            ));
        }
        Ok(Self { security, host, port: port.unwrap_or(usual_port), credentials })
    }
}

/// At a loopback or private address, or by a name that only a network of one's own knows (`relay`, `relay.internal`).
fn is_near(host: &str) -> bool {
    const OWN: [&str; 5] = ["localhost", "local", "internal", "svc", "lan"];
    match host.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => address.is_loopback() || address.is_private() || address.is_link_local(),
        Ok(IpAddr::V6(address)) => {
            address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local()
        }
        Err(_) => host.rsplit_once('.').is_none_or(|(_, last)| OWN.iter().any(|own| own.eq_ignore_ascii_case(last))),
    }
}

fn tls_parameters(host: &str, ca_file: Option<&Path>) -> Result<TlsParameters, ConfigError> {
    let builder = TlsParameters::builder(host.to_owned());
    let Some(path) = ca_file else {
        return Ok(builder.certificate_store(CertificateStore::WebpkiRoots).build_rustls()?);
    };
    let pem = std::fs::read(path).map_err(|source| ConfigError::CaFile { path: path.to_owned(), source })?;
    let authority = Certificate::from_pem(&pem)?;
    Ok(builder.certificate_store(CertificateStore::None).add_root_certificate(authority).build_rustls()?)
}

fn credentials(authority: &str) -> Result<Option<Credentials>, ConfigError> {
    let Some((pair, _)) = authority.rsplit_once('@') else { return Ok(None) };
    let (user, password) = pair.split_once(':').ok_or(ConfigError::Url("names a user without a password"))?;
    let decode = |text| percent_decoded(text).ok_or(ConfigError::Url("has a % that encodes nothing"));
    Ok(Some(Credentials::new(decode(user)?, decode(password)?)))
}

/// RFC 3986 section 2.1; `None` if two hexadecimal digits are missing or the bytes are no UTF-8.
fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let [high, low, tail @ ..] = rest else { return None };
        let digit = |byte: u8| char::from(byte).to_digit(16);
        bytes.push(u8::try_from(digit(*high)? * 16 + digit(*low)?).ok()?);
        rest = tail;
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(url: &str) -> (&'static str, String, u16, bool) {
        let target = Target::parse(url, None).unwrap_or_else(|error| panic!("{url}: {error}"));
        let security = match target.security {
            Security::Plain => "plain",
            Security::StartTls(_) => "starttls",
            Security::Implicit(_) => "implicit",
        };
        (security, target.host, target.port, target.credentials.is_some())
    }

    #[test]
    fn urls_of_relays() {
        for (url, expected) in [
            ("smtp://mail.example.com", ("starttls", "mail.example.com", 587, false)),
            ("smtp://ada:secret@mail.example.com:2525/", ("starttls", "mail.example.com", 2525, true)),
            ("smtps://ada%40example.com:p%2Fw@mail.example.com", ("implicit", "mail.example.com", 465, true)),
            ("smtp+plain://127.0.0.1:1025", ("plain", "127.0.0.1", 1025, false)),
            ("smtp+plain://[::1]:1025", ("plain", "::1", 1025, false)),
            ("smtp+plain://relay", ("plain", "relay", 25, false)),
        ] {
            let (security, host, port, auth) = expected;
            assert_eq!(parsed(url), (security, host.to_owned(), port, auth), "{url}");
        }
        let decoded = Target::parse("smtp+plain://ada%40example.com:p%2Fw%25@relay", None).unwrap().credentials;
        assert_eq!(decoded, Some(Credentials::new("ada@example.com".to_owned(), "p/w%".to_owned())));
    }

    #[test]
    fn what_is_no_relay_is_refused_without_its_secret() {
        for url in [
            "",
            "mail.example.com",
            "http://mail.example.com",
            "smtp://",
            "smtp://user:sec/ret@mail.example.com",
            "smtp://sec%zzret:x@mail.example.com",
            "smtp://secret@mail.example.com",
            "smtp://mail.example.com/secret",
            "smtp://mail.example.com?tls=secret",
            "smtp+plain://mail.example.com:99999",
            "smtp+plain://mail.example.com:secret",
        ] {
            let error = Target::parse(url, None).err().unwrap_or_else(|| panic!("{url} was taken"));
            let text = format!("{error} {error:?}");
            assert!(!text.contains("secret") && !text.contains("sec"), "{url}: {text}");
        }
        let error = Target::parse("smtps://mail.example.com", Some(Path::new("missing.pem"))).err().unwrap();
        assert!(matches!(error, ConfigError::CaFile { .. }), "{error}");
    }

    #[test]
    fn a_password_goes_in_the_clear_over_a_network_of_ones_own_alone() {
        for host in
            ["127.0.0.1", "[::1]", "10.1.2.3", "192.168.1.1:2525", "[fd00::1]", "localhost", "relay", "relay.mail.svc"]
        {
            assert!(Target::parse(&format!("smtp+plain://ada:secret@{host}"), None).is_ok(), "{host}");
        }
        for host in
            ["relay.example", "relay.example:25", "203.0.113.7", "[2001:db8::1]", "11.0.0.1", "localhost.example"]
        {
            let error = Target::parse(&format!("smtp+plain://ada:secret@{host}"), None).err();
            let text = error.unwrap_or_else(|| panic!("{host} was taken")).to_string();
            assert!(
                text.starts_with("smtp.url would send") && text.contains("smtps://") && !text.contains("secret"),
                "{text}"
            );
            assert!(Target::parse(&format!("smtp+plain://{host}"), None).is_ok(), "without a password {host} will do");
        }
    }

    #[test]
    fn percent_decoding() {
        for (text, expected) in
            [("", Some("")), ("a+b", Some("a+b")), ("%41%c3%a9", Some("Aé")), ("%", None), ("%4", None), ("%ff", None)]
        {
            assert_eq!(percent_decoded(text).as_deref(), expected, "{text}");
        }
    }
}
