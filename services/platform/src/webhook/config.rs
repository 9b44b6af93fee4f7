//! What an operator may set, the limits of an attempt, and what follows from both for one endpoint. Pure.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::address::{NotPublic, is_public};
use super::endpoint::{Endpoint, Refusal};
use super::network::Network;

/// Section `webhooks` of a role that sends some. The default is right for receivers on the internet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, garde::Validate, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WebhookConfig {
    /// Also to `http:`. Bodies can be read on the way then; for receivers in `allow_networks`.
    #[garde(skip)]
    pub allow_http: bool,
    /// Networks that are not public and may be called all the same: `10.20.0.0/16`. Whoever can set the URL of a webhook
    /// can then reach every port from 1024, 80 and 443 there.
    #[garde(length(max = 64))]
    pub allow_networks: Vec<Network>,
    /// PEM: certificates of authorities that are trusted besides those of the system.
    #[garde(skip)]
    pub authorities_file: Option<PathBuf>,
}

/// How long an attempt may take, and how much of an answer is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Looking the name up, connecting and TLS.
    pub connect: Duration,
    /// All of the attempt.
    pub total: Duration,
    /// For the body of an answer, after its headers have decided. Read only so that the connection can be used again.
    pub drain: Duration,
    /// Bytes of the body of an answer that are read at most.
    pub answer_bytes: usize,
    /// How long an unused connection is kept.
    pub idle: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            total: Duration::from_secs(20),
            drain: Duration::from_secs(2),
            answer_bytes: 64 * 1024,
            idle: Duration::from_secs(15),
        }
    }
}

impl WebhookConfig {
    /// Whether an endpoint may be called, as far as its URL tells: scheme, port, and its host if that is an address. What a
    /// name resolves to is looked at when it is connected to. For `check` commands and before each attempt.
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn permits(&self, endpoint: &Endpoint) -> Result<(), Refusal> {
        let url = &endpoint.url;
        if url.scheme() == "http" && !self.allow_http {
            return Err(Refusal::Scheme { given: "http".to_owned(), expected: "https" });
        }
        match url.port_or_known_default().unwrap_or_default() {
            80 | 443 | 1024.. => {}
            port => return Err(Refusal::Port(port)),
        }
        // `Url` has brought every notation of an address (127.1, 0x7f000001, full-width digits) into one of these two.
        let host = url.host_str().unwrap_or_default();
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        match host.parse() {
            Ok(address) => Ok(self.permits_address(address)?),
            Err(_) => Ok(()),
        }
    }

    /// Whether an address may be connected to: public, or in `allow_networks`.
    ///
    /// # Errors
    /// [`NotPublic`].
    pub fn permits_address(&self, address: IpAddr) -> Result<(), NotPublic> {
        is_public(address).or_else(|refused| {
            let allowed = self.allow_networks.iter().any(|network| network.contains(address));
            if allowed { Ok(()) } else { Err(refused) }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::webhook::Secret;

    fn code(config: &WebhookConfig, url: &str) -> &'static str {
        let endpoint =
            Endpoint::parse(url, vec![Secret::generate()]).unwrap_or_else(|refusal| panic!("{url}: {refusal}"));
        config.permits(&endpoint).map_or_else(|refusal| refusal.code(), |()| "permitted")
    }

    #[test]
    fn scheme_port_and_literal_address_decide() {
        let config = WebhookConfig::default();
        for (url, expected) in [
            ("https://hooks.customer.example/", "permitted"),
            ("https://hooks.customer.example:8443/", "permitted"),
            ("https://hooks.customer.example:80/", "permitted"),
            ("https://hooks.customer.example:1024/", "permitted"),
            ("https://hooks.customer.example:1023/", "port"),
            ("https://hooks.customer.example:25/", "port"),
            ("https://hooks.customer.example:0/", "port"),
            ("http://hooks.customer.example/", "scheme"),
            ("https://8.8.8.8/", "permitted"),
            ("https://[2606:4700:4700::1111]/", "permitted"),
            ("https://10.1.2.3/", "address"),
            ("https://169.254.169.254/latest/meta-data/", "address"),
            ("https://[::ffff:8.8.8.8]/", "address"),
            ("https://[fd00:ec2::254]/", "address"),
        ] {
            assert_eq!(code(&config, url), expected, "{url}");
        }
    }

    #[test]
    fn loopback_is_known_in_every_notation() {
        let config = WebhookConfig { allow_http: true, ..WebhookConfig::default() };
        for host in [
            "127.0.0.1",
            "127.1",
            "127.0.1",
            "2130706433",
            "0x7f000001",
            "0x7f.0.0.1",
            "0X7F.0x0.0x0.0x1",
            "017700000001",
            "0177.0.0.01",
            "127.0.0.1.",
            "%31%32%37.0.0.1",
            "１２７.０.０.１",
            "①②⑦.⓪.⓪.①",
            "127。0。0。1",
            "127.255.255.254",
            "0",
            "[::1]",
            "[0:0:0:0:0:0:0:1]",
            "[::127.0.0.1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[64:ff9b::7f00:1]",
            "[2002:7f00:1::]",
        ] {
            for scheme in ["http", "https"] {
                assert_eq!(code(&config, &format!("{scheme}://{host}:8080/")), "address", "{scheme}://{host}");
            }
        }
    }

    #[test]
    fn an_operator_opens_what_they_name_and_no_more() {
        let networks = ["10.20.0.0/16", "::1/128"].map(|text| text.parse().expect("a network"));
        let config = WebhookConfig { allow_networks: networks.to_vec(), ..WebhookConfig::default() };
        for (url, expected) in [
            ("https://10.20.255.255/", "permitted"),
            ("https://[::1]:9000/", "permitted"),
            ("https://10.21.0.0/", "address"),
            ("https://[::ffff:10.20.0.1]/", "address"),
            ("https://127.0.0.1/", "address"),
            ("https://10.20.0.1:22/", "port"),
            ("http://10.20.0.1/", "scheme"),
            ("https://8.8.8.8/", "permitted"),
        ] {
            assert_eq!(code(&config, url), expected, "{url}");
        }
    }

    #[test]
    fn a_configuration_is_read_strictly() {
        let path = std::path::Path::new("webhooks.yaml");
        let text = "allow_http: true\nallow_networks: [10.20.0.0/16, \"fd12::/16\"]\nauthorities_file: /etc/ca.pem\n";
        let config: WebhookConfig = crate::config::from_yaml(path, text).expect("a configuration");
        assert_eq!(
            config.allow_networks.iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["10.20.0.0/16", "fd12::/16"]
        );
        assert_eq!(crate::config::from_yaml::<WebhookConfig>(path, "{}").expect("defaults"), WebhookConfig::default());
        for (text, expected) in [
            ("allow_network: []", "did you mean `allow_networks`?"),
            ("allow_networks: [10.20.0.1/16]", "did you mean 10.20.0.0/16?"),
            ("allow_networks: [internal]", "`internal` is not a network"),
        ] {
            let error = crate::config::from_yaml::<WebhookConfig>(path, text).expect_err(text).to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
