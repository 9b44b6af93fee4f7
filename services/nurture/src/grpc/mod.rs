//! gRPC: questions about people and their mails, and the commands of marketers and operators.

mod admin;
mod explain;
mod export;
mod preview;
mod publish;
mod questions;
mod send_test;

use std::sync::Arc;

use leadflow_platform::error::ApiError;
use leadflow_platform::identity_key::IdentityKey;
use leadflow_platform::outbox::PublisherHandle;
use leadflow_platform::pg::Database;
use uuid::Uuid;

pub use admin::Admin;
pub use questions::Questions;

use crate::config::NurtureConfig;
use crate::journeys::Journeys;
use crate::mail::LinkSigner;
use crate::sender::wake::Wakers;
use crate::smtp::Relay;

/// What both services need.
#[derive(Clone)]
pub struct Desk {
    /// Schema `nurture`.
    pub database: Database,
    /// Of the deployment.
    pub incarnation: i32,
    /// Who writes; endpoints.
    pub config: Arc<NurtureConfig>,
    /// For hashes of addresses.
    pub identity_key: Arc<IdentityKey>,
    /// Compiled versions.
    pub journeys: Arc<Journeys>,
    /// Woken after commits.
    pub publisher: PublisherHandle,
    /// Woken after commits.
    pub wakers: Wakers,
    /// For tests of a mail.
    pub relay: Relay,
    /// Signs links of tests.
    pub signer: LinkSigner,
}

fn uuid(field: &str, text: &str) -> Result<Uuid, ApiError> {
    Uuid::parse_str(text).map_err(|_| ApiError::invalid(field, "is no UUID"))
}

fn page_size(field: &str, size: i32, usual: i64) -> Result<i64, ApiError> {
    match size {
        0 => Ok(usual),
        1..=1000 => Ok(i64::from(size)),
        _ => Err(ApiError::invalid(field, "takes 1 to 1000, or 0 for the usual size")),
    }
}

fn after(token: &str) -> Result<Uuid, ApiError> {
    if token.is_empty() { Ok(Uuid::nil()) } else { uuid("page_token", token) }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}
