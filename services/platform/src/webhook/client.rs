//! The sender: one attempt of one message. It follows nothing, asks no proxy, keeps nothing of an answer but its status, and
//! connects to no address that the configuration does not permit. It writes no log: whoever keeps the message tells what
//! became of it.

use std::sync::Arc;

use anyhow::Context as _;
use bytes::Bytes;
use http::{HeaderValue, header};
use jiff::Timestamp;
use reqwest::dns::Resolve;
use reqwest::{Certificate, Client, Response, redirect};

use super::config::{Limits, WebhookConfig};
use super::delivery::{self, Delivery};
use super::endpoint::{Endpoint, Refusal};
use super::resolver::{Permitted, SystemNames};
use super::signature;
use crate::clock;

const USER_AGENT: &str = concat!("leadflow/", env!("CARGO_PKG_VERSION"));
/// Unused connections per endpoint.
const IDLE_CONNECTIONS: usize = 4;

/// Sends webhooks. One per process; a clone shares its connections.
#[derive(Clone)]
pub struct WebhookClient {
    client: Client,
    config: Arc<WebhookConfig>,
    limits: Limits,
}

impl std::fmt::Debug for WebhookClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WebhookClient")
            .field("config", &self.config)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

impl WebhookClient {
    /// With the usual limits and the system's resolver.
    ///
    /// # Errors
    /// If no TLS provider was installed, if `authorities_file` cannot be read, or if neither it nor the system holds a
    /// certificate to trust.
    pub fn new(config: WebhookConfig) -> anyhow::Result<Self> {
        Self::with(config, Limits::default(), Arc::new(SystemNames))
    }

    /// With other limits and another resolver, whose answers are filtered like those of any.
    ///
    /// # Errors
    /// As [`WebhookClient::new`].
    pub fn with(config: WebhookConfig, limits: Limits, names: Arc<dyn Resolve>) -> anyhow::Result<Self> {
        // The client would panic without one.
        let provider = rustls::crypto::CryptoProvider::get_default();
        provider.context("no TLS provider was installed; the binary does that before anything else")?;
        let config = Arc::new(config);
        let client = Client::builder()
            .user_agent(USER_AGENT)
            .https_only(!config.allow_http)
            .redirect(redirect::Policy::none())
            .referer(false)
            .no_proxy()
            // A body that is not read need not be unpacked; one that unpacks to a terabyte is never met.
            .no_gzip()
            .no_brotli()
            .no_zstd()
            .no_deflate()
            .connect_timeout(limits.connect)
            .timeout(limits.total)
            .pool_idle_timeout(limits.idle)
            .pool_max_idle_per_host(IDLE_CONNECTIONS)
            .tls_certs_merge(authorities(&config)?)
            .dns_resolver(Permitted { config: Arc::clone(&config), names })
            .build()
            .context("could not prepare TLS for webhooks (are certificates of authorities installed?)")?;
        Ok(Self { client, config, limits })
    }

    /// One attempt: POSTs `body` as it is, signed. `id` is the message's and stays the same over all attempts; `at` is the
    /// time of this attempt, which receivers compare with their clock. Takes at most [`Limits::total`], whatever the other
    /// side does. Dropping the future ends the attempt, sent or not.
    pub async fn deliver(
        &self,
        endpoint: &Endpoint,
        id: &str,
        at: Timestamp,
        body: Bytes,
        content_type: &str,
    ) -> Delivery {
        self.attempt(endpoint, id, at, body, content_type).await.unwrap_or_else(|reason| Delivery::Refused { reason })
    }

    async fn attempt(
        &self,
        endpoint: &Endpoint,
        id: &str,
        at: Timestamp,
        body: Bytes,
        content_type: &str,
    ) -> Result<Delivery, Refusal> {
        self.config.permits(endpoint)?;
        let content_type = HeaderValue::from_str(content_type).map_err(|_| Refusal::ContentType)?;
        let headers = signature::headers(&endpoint.secrets, id, at, &body)?;
        // Also of an empty body, which the client would leave out: some servers insist on it (411).
        let length = HeaderValue::from(body.len());
        let request = self.client.post(endpoint.url.clone()).headers(headers).header(header::CONTENT_LENGTH, length);
        match request.header(header::CONTENT_TYPE, content_type).body(body).send().await {
            Ok(answer) => {
                let verdict = delivery::of_answer(answer.status(), answer.headers(), clock::wall_now());
                self.drain(answer).await;
                Ok(verdict)
            }
            Err(error) => Ok(delivery::of_error(&error)),
        }
    }

    /// Reads a short body to its end, so that the connection can be used again. A long or slow one is dropped, and its
    /// connection with it. What comes changes nothing.
    async fn drain(&self, mut answer: Response) {
        let read = async {
            let mut bytes = 0;
            while let Ok(Some(chunk)) = answer.chunk().await {
                bytes += chunk.len();
                if bytes > self.limits.answer_bytes {
                    break;
                }
            }
        };
        let _too_slow = tokio::time::timeout(self.limits.drain, read).await;
    }
}

fn authorities(config: &WebhookConfig) -> anyhow::Result<Vec<Certificate>> {
    let Some(path) = &config.authorities_file else { return Ok(Vec::new()) };
    let pem = std::fs::read(path).with_context(|| format!("could not read {}", path.display()))?;
    let found = Certificate::from_pem_bundle(&pem).with_context(|| format!("{} is not PEM", path.display()))?;
    anyhow::ensure!(!found.is_empty(), "{} holds no certificate", path.display());
    Ok(found)
}
