//! Who is meant: by lead, by public id, or by an identifier, which is looked up by its keyed hash.

use leadflow_platform::error::ApiError;
use leadflow_platform::identifier::{normalise_email, normalise_id};
use leadflow_platform::identity_key::Purpose;
use sqlx::PgConnection;

use super::{Backend, uuid};
use crate::domain::identity::{IdentifierId, IdentifierKind, PersonId};
use crate::store;
use crate::store::identifier::IdentifierKey;

/// A key of a request, whichever message it came in.
#[derive(Clone, Debug)]
pub(crate) enum Who {
    /// Id of a lead.
    Lead(String),
    /// Public id of a person.
    Person(String),
    /// E-mail address.
    Email(String),
    /// Browser id.
    Anonymous(String),
    /// The customer's own id.
    User(String),
}

/// A person, and the identifier by which it was asked for, if it was.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found {
    /// Who.
    pub(crate) person: PersonId,
    /// By what.
    pub(crate) by: Option<IdentifierId>,
}

/// No key at all.
pub(crate) fn missing_key() -> ApiError {
    ApiError::invalid("key", "name a person: a lead_id, person_id, email, anonymous_id or user_id")
}

impl Backend {
    /// Finds the person.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for what is no key, `NOT_FOUND` for nobody and for the erased.
    pub(crate) async fn find(&self, connection: &mut PgConnection, who: &Who) -> Result<Found, ApiError> {
        let person = match who {
            Who::Lead(id) => {
                let found = store::lead::persons_of(connection, &[uuid("lead_id", id)?]).await?;
                found.first().map(|(_, person)| *person)
            }
            Who::Person(id) => store::person::find_by_uid(connection, uuid("person_id", id)?).await?,
            Who::Email(text) => {
                let email = normalise_email(text).map_err(|error| ApiError::invalid("email", error.to_string()))?;
                return self.by_identifier(connection, IdentifierKind::Email, &email).await;
            }
            Who::Anonymous(text) => {
                let id = normalise_id(text).map_err(|error| ApiError::invalid("anonymous_id", error.to_string()))?;
                return self.by_identifier(connection, IdentifierKind::Anonymous, &id).await;
            }
            Who::User(text) => {
                let id = normalise_id(text).map_err(|error| ApiError::invalid("user_id", error.to_string()))?;
                return self.by_identifier(connection, IdentifierKind::User, &id).await;
            }
        };
        let person = person.ok_or_else(|| ApiError::not_found("person"))?;
        Ok(Found { person, by: None })
    }

    async fn by_identifier(
        &self,
        connection: &mut PgConnection,
        kind: IdentifierKind,
        normalised: &str,
    ) -> Result<Found, ApiError> {
        let key = IdentifierKey { kind, hash: self.identity_key.hash(Purpose::Identifier, kind.as_str(), normalised) };
        let found = store::identifier::resolve(connection, &[key]).await?;
        let (_, known) = found.first().ok_or_else(|| ApiError::not_found("person"))?;
        Ok(Found { person: known.person, by: Some(known.node.id) })
    }
}
