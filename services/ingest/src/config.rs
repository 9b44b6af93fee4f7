//! Section `ingest` of the configuration.

use std::net::SocketAddr;
use std::path::PathBuf;

use leadflow_platform::server::{ServerConfig, TlsConfig};

/// The front door.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize, garde::Validate, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IngestConfig {
    /// Public address: HTTP and gRPC together.
    #[garde(skip)]
    #[schemars(with = "String")]
    pub listen: SocketAddr,
    /// Health and metrics; the public port + 1000 on the same address if not given.
    #[serde(default)]
    #[garde(skip)]
    #[schemars(with = "Option<String>")]
    pub ops_listen: Option<SocketAddr>,
    /// Sources, mappings, forms and mailboxes; read again when it changes.
    #[garde(skip)]
    pub sources_file: PathBuf,
    /// Connections at a time; one more is closed at once.
    #[serde(default = "default_max_connections")]
    #[garde(range(min = 1, max = 1_000_000))]
    pub max_connections: usize,
    /// Certificate and key; none: plain text, for a proxy in front that ends TLS.
    #[serde(default)]
    #[garde(dive)]
    pub tls: Option<TlsConfig>,
    /// How web pages reach this door (`https://events.example.com`), told to analytics.js; absent: as they asked for it.
    #[serde(default)]
    #[garde(inner(url))]
    pub public_url: Option<String>,
    /// Events a second that one key may send; twice as many at once.
    #[serde(default = "default_events_per_second")]
    #[garde(range(min = 2_500, max = 100_000_000))]
    pub events_per_second: u32,
    /// Posts a second of one public form; ten times as many at once.
    #[serde(default = "default_form_posts_per_second")]
    #[garde(range(min = 1, max = 1_000_000))]
    pub form_posts_per_second: u32,
    /// Memory for bodies over 64 KiB, all requests together, in MiB.
    #[serde(default = "default_body_memory_mib")]
    #[garde(range(min = 64, max = 65_536))]
    pub body_memory_mib: u32,
}

const fn default_max_connections() -> usize {
    4096
}

const fn default_events_per_second() -> u32 {
    100_000
}

const fn default_form_posts_per_second() -> u32 {
    20
}

const fn default_body_memory_mib() -> u32 {
    256
}

impl IngestConfig {
    /// Everything at its default.
    #[must_use]
    pub fn new(listen: SocketAddr, sources_file: PathBuf) -> Self {
        Self {
            listen,
            ops_listen: None,
            sources_file,
            max_connections: default_max_connections(),
            tls: None,
            public_url: None,
            events_per_second: default_events_per_second(),
            form_posts_per_second: default_form_posts_per_second(),
            body_memory_mib: default_body_memory_mib(),
        }
    }

    /// As the platform's servers want it.
    #[must_use]
    pub fn server(&self) -> ServerConfig {
        ServerConfig {
            listen: self.listen,
            ops_listen: self.ops_listen,
            max_connections: self.max_connections,
            tls: self.tls.clone(),
        }
    }
}
