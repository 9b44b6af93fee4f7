//! The door of the mails: links, the picture, unsubscribe, preferences, confirmation. Whoever has a mail has its tokens, and
//! nothing else is asked. What somebody says here is committed before the answer; only POST changes anything but the list of
//! hits, because gateways follow every link.

mod addressee;
mod click;
mod confirm;
pub mod judge;
mod page;
mod preferences;
mod proxies;
mod stop;

pub use self::proxies::Proxies;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{ConnectInfo, FromRef};
use axum::http::{HeaderMap, header};
use axum::routing::get;
use leadflow_platform::http::{RequestLimits, limited};
use leadflow_platform::identity_key::{IdentityKey, Purpose};
use leadflow_platform::outbox::PublisherHandle;
use leadflow_platform::pg::Database;

use crate::config::NurtureConfig;
use crate::journeys::Journeys;
use crate::mail::LinkSigner;

/// What the routes share.
#[derive(Clone)]
pub struct Door {
    /// Schema `nurture`.
    pub database: Database,
    /// Of the deployment.
    pub incarnation: i32,
    /// Who writes, topics.
    pub config: Arc<NurtureConfig>,
    /// For tokens and visitors.
    pub identity_key: Arc<IdentityKey>,
    /// For exits.
    pub journeys: Arc<Journeys>,
    /// Woken after each commit.
    pub publisher: PublisherHandle,
    /// Opens tokens.
    pub signer: LinkSigner,
}

/// The routes, to be merged with the others of the role.
pub fn router(door: Door) -> Router {
    let routes = Router::new()
        .route("/c/{token}", get(click::click))
        .route("/o/{token}", get(click::picture))
        .route("/u/{token}", get(stop::page).post(stop::stop))
        .route("/p/{token}", get(preferences::page).post(preferences::save))
        .route("/d/{token}", get(confirm::page).post(confirm::confirm))
        .with_state(door);
    // A form of a page, or the eleven bytes of a mail program.
    limited(routes, RequestLimits { body_bytes: 64 << 10, ..RequestLimits::SINGLE })
}

/// Who asks: as a keyed hash, enough to tell one visitor from another.
#[derive(Clone, Debug)]
struct Visitor(Vec<u8>);

impl Door {
    fn visitor(&self, peer: Option<&ConnectInfo<SocketAddr>>, headers: &HeaderMap) -> Visitor {
        let text = |name: header::HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("");
        let proxies = &self.config.trusted_proxies;
        let address = peer.map_or_else(String::new, |peer| proxies.visitor(peer.0.ip(), headers).to_string());
        let text = format!("{address}\n{}", text(header::USER_AGENT));
        Visitor(self.identity_key.hash(Purpose::Link, "visitor", &text).0.to_vec())
    }
}

impl FromRef<Door> for Database {
    fn from_ref(door: &Door) -> Self {
        door.database.clone()
    }
}
