//! Table `consent_proof`: that somebody was asked, with which text, and said yes.

use jiff::Timestamp;
use jiff_sqlx::Timestamp as SqlTimestamp;
use leadflow_platform::pg::PgError;
use sqlx::PgConnection;

use super::to_sql;

/// A proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// Whose.
    pub email_hash: Vec<u8>,
    /// "marketing_email".
    pub purpose: String,
    /// Which text: "journey/welcome@3/ask".
    pub text_version: String,
    /// When the question left.
    pub asked_at: Timestamp,
    /// When the button was pressed.
    pub confirmed_at: Timestamp,
    /// To which address.
    pub address: Option<String>,
    /// The mail.
    pub source: String,
}

/// Whether this question was answered with yes before.
///
/// # Errors
/// As the database says.
pub async fn is_answered(connection: &mut PgConnection, proof: &Proof) -> Result<bool, PgError> {
    let found = sqlx::query_scalar(
        "select exists (select from consent_proof where email_hash = $1 and purpose = $2 and asked_at = $3)",
    )
    .bind(&proof.email_hash)
    .bind(&proof.purpose)
    .bind(to_sql(proof.asked_at))
    .fetch_one(connection)
    .await?;
    Ok(found)
}

/// Keeps it, beside earlier answers to the same question.
///
/// # Errors
/// As the database says.
pub async fn insert(connection: &mut PgConnection, proof: &Proof) -> Result<(), PgError> {
    sqlx::query(
        "insert into consent_proof (email_hash, purpose, text_version, asked_at, confirmed_at, address, source)
         values ($1, $2, $3, $4, $5, $6, $7) on conflict do nothing",
    )
    .bind(&proof.email_hash)
    .bind(&proof.purpose)
    .bind(&proof.text_version)
    .bind(to_sql(proof.asked_at))
    .bind(to_sql(proof.confirmed_at))
    .bind(proof.address.as_deref())
    .bind(&proof.source)
    .execute(connection)
    .await?;
    Ok(())
}

/// Of an address, oldest first.
///
/// # Errors
/// As the database says.
pub async fn of_contact(connection: &mut PgConnection, email_hash: &[u8]) -> Result<Vec<Proof>, PgError> {
    type Row = (String, String, SqlTimestamp, SqlTimestamp, Option<String>, String);
    let rows: Vec<Row> = sqlx::query_as(
        "select purpose, text_version, asked_at, confirmed_at, address, source from consent_proof
         where email_hash = $1 order by asked_at, confirmed_at",
    )
    .bind(email_hash)
    .fetch_all(connection)
    .await?;
    let read = |(purpose, text_version, asked_at, confirmed_at, address, source): Row| Proof {
        email_hash: email_hash.to_vec(),
        purpose,
        text_version,
        asked_at: asked_at.to_jiff(),
        confirmed_at: confirmed_at.to_jiff(),
        address,
        source,
    };
    Ok(rows.into_iter().map(read).collect())
}
