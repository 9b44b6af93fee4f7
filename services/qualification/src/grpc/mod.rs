//! gRPC of qualification: questions about leads and people, and the commands of operators and marketers.

mod admin;
mod decisions;
mod find;
mod leads;
mod person;
mod present;
mod timeline;

use std::sync::Arc;

use leadflow_platform::error::ApiError;
use leadflow_platform::identity_key::IdentityKey;
use leadflow_platform::pg::Database;
use uuid::Uuid;

use crate::models::Models;

pub use admin::Admin;
pub use leads::Leads;

/// What the services share.
#[derive(Clone)]
pub struct Backend {
    /// The role's schema.
    pub database: Database,
    /// For looking identifiers up.
    pub identity_key: Arc<IdentityKey>,
    /// Compiled models.
    pub models: Arc<Models>,
    /// Of the deployment.
    pub incarnation: i32,
}

fn uuid(field: &str, text: &str) -> Result<Uuid, ApiError> {
    Uuid::parse_str(text).map_err(|_| ApiError::invalid(field, "is no UUID"))
}

/// `default` unless told, at most 1000.
fn page_size(asked: i32, default: i64) -> Result<i64, ApiError> {
    match asked {
        0 => Ok(default),
        1..=1000 => Ok(i64::from(asked)),
        _ => Err(ApiError::invalid("page_size", format!("takes 1 to 1000, or 0 for {default}"))),
    }
}
