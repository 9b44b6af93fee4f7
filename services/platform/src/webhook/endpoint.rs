//! Whom a message goes to: a URL that is well formed, and the secrets that sign it. Whether it may be called at all depends
//! on the configuration: [`super::WebhookConfig::permits`]. Pure.

use std::fmt;

use reqwest::Url;

use super::address::NotPublic;
use super::signature::Secret;

const LONGEST_URL: usize = 2048;

/// A URL and its secrets. `Debug` and [`Endpoint::origin`] leave out path and query.
#[derive(Clone)]
pub struct Endpoint {
    pub(super) url: Url,
    pub(super) secrets: Vec<Secret>,
}

/// Why a message is not sent and another attempt would not help. Nobody was asked anything.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The text is no URL.
    #[error("not a URL: {0}")]
    Url(String),
    /// Longer than 2048 bytes.
    #[error("the URL has {0} bytes, 2048 are the most")]
    UrlLength(usize),
    /// A scheme that is not sent to.
    #[error("webhooks go to {expected}, not to {given}:")]
    Scheme {
        /// The scheme of the URL.
        given: String,
        /// "https", or "https or http".
        expected: &'static str,
    },
    /// User name or password in the URL: they end up in logs; the signature is there to tell who sends.
    #[error("the URL holds a user name or a password; receivers know the sender by the signature")]
    Credentials,
    /// A port where something else than a web server is expected.
    #[error("port {0} is not allowed: 80, 443 and those from 1024 are")]
    Port(u16),
    /// Written in the URL, or what its host resolves to.
    #[error(transparent)]
    Address(#[from] NotPublic),
    /// Nothing to sign with: unsigned messages are not sent.
    #[error("the endpoint has no secret")]
    NoSecret,
    /// The message's id.
    #[error("the webhook id must be 1 to 256 visible ASCII characters without a full stop")]
    Id,
    /// The message's content.
    #[error("the body is not UTF-8")]
    Body,
    /// The message's content type.
    #[error("the content type cannot stand in a header")]
    ContentType,
}

impl Refusal {
    /// One word for metrics and ledger rows; never changes.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Refusal::Url(_) | Refusal::UrlLength(_) => "url",
            Refusal::Scheme { .. } => "scheme",
            Refusal::Credentials => "credentials",
            Refusal::Port(_) => "port",
            Refusal::Address(_) => "address",
            Refusal::NoSecret => "no_secret",
            Refusal::Id | Refusal::Body | Refusal::ContentType => "message",
        }
    }
}

impl Endpoint {
    /// `secrets`: every one makes a signature, the newest first.
    ///
    /// # Errors
    /// [`Refusal`] if the text is no `https` or `http` URL, carries credentials, or there is no secret.
    pub fn parse(url: &str, secrets: Vec<Secret>) -> Result<Self, Refusal> {
        if url.len() > LONGEST_URL {
            return Err(Refusal::UrlLength(url.len()));
        }
        // The cause is one of a few sentences and holds nothing of the text.
        let mut url = Url::parse(url).map_err(|cause| Refusal::Url(cause.to_string()))?;
        if !matches!(url.scheme(), "https" | "http") {
            return Err(Refusal::Scheme { given: url.scheme().to_owned(), expected: "https" });
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Refusal::Credentials);
        }
        if secrets.is_empty() {
            return Err(Refusal::NoSecret);
        }
        url.set_fragment(None);
        Ok(Self { url, secrets })
    }

    /// `https://hooks.customer.example:8443`: all of the URL that may be shown.
    #[must_use]
    pub fn origin(&self) -> String {
        self.url.origin().ascii_serialization()
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({}, {} secrets)", self.origin(), self.secrets.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Result<Endpoint, Refusal> {
        Endpoint::parse(url, vec![Secret::generate()])
    }

    #[test]
    fn urls_that_are_none_or_not_for_this() {
        for (url, code) in [
            ("", "url"),
            ("hooks.customer.example", "url"),
            ("https://", "url"),
            ("https://customer.example:99999/", "url"),
            ("https://a b/", "url"),
            ("https://[::1%25eth0]/", "url"),
            ("https://1.2.3.4.5/", "url"),
            ("ftp://customer.example/", "scheme"),
            ("file:///etc/passwd", "scheme"),
            ("javascript:alert(1)", "scheme"),
            ("unix:/var/run/docker.sock", "scheme"),
            ("https://user@customer.example/", "credentials"),
            ("https://:password@customer.example/", "credentials"),
        ] {
            let refusal = parse(url).expect_err(url);
            assert_eq!(refusal.code(), code, "{url}: {refusal}");
        }
        let long = format!("https://customer.example/{}", "a".repeat(2048));
        assert_eq!(parse(&long).expect_err("too long"), Refusal::UrlLength(long.len()));
        assert_eq!(Endpoint::parse("https://a.example", vec![]).expect_err("unsigned"), Refusal::NoSecret);
    }

    #[test]
    fn only_the_origin_is_shown() {
        let endpoint = parse("HTTPS://Hooks.Customer.Example:8443/T0/S3CRET?token=S3CRET#x").expect("a URL");
        assert_eq!(endpoint.origin(), "https://hooks.customer.example:8443");
        assert_eq!(format!("{endpoint:?}"), "Endpoint(https://hooks.customer.example:8443, 1 secrets)");
        assert_eq!(endpoint.url.fragment(), None);
    }
}
