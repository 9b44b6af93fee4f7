//! Webhooks out: one signed POST to a stranger's address, and the pure rules around it: when to try again, when an endpoint
//! is dead, which addresses are nobody's business. By the Standard Webhooks specification 1.0
//! (<https://www.standardwebhooks.com>).
//!
//! It keeps nothing: what was sent, what is due and which endpoint is disabled are rows of the service that sends. A sender
//! does this for a row that is due:
//!
//! 1. take a [`Turn`] of the row's endpoint ([`PerEndpoint::try_take`]); none free: leave the row, take another one;
//! 2. [`Endpoint::parse`], [`WebhookClient::deliver`] with the id that stays the same over all attempts;
//! 3. [`Delivery::Delivered`]: done. [`Delivery::Retry`]: due again after [`next_delay`], given up at `None`; the endpoint is
//!    disabled once [`endpoint_is_dead`]. [`Delivery::Disabled`], [`Delivery::Refused`]: over.
//!
//! It is at least once: a cut connection leaves open whether the other side took it, and the id is there to tell.
//! Errors and `Debug` texts name scheme, host and port of an endpoint, never path, query, body or secret: paths and queries
//! of webhooks often are secrets themselves.

mod address;
mod client;
mod config;
mod delivery;
mod endpoint;
mod network;
mod per_endpoint;
mod resolver;
mod schedule;
mod signature;

pub use address::{NotPublic, RANGES, Range, is_public};
pub use client::WebhookClient;
pub use config::{Limits, WebhookConfig};
pub use delivery::{Delivery, Failure};
pub use endpoint::{Endpoint, Refusal};
pub use network::{Network, NetworkError};
pub use per_endpoint::{PerEndpoint, Turn};
pub use resolver::SystemNames;
pub use schedule::{DEAD_AFTER, LONGEST_RETRY_AFTER, SCHEDULE, delay, endpoint_is_dead, next_delay, parse_retry_after};
pub use signature::{Secret, SecretError};
