//! Table `contact`: the lock root of everything that goes to one address.

use std::collections::BTreeSet;

use leadflow_platform::pg::PgError;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, PgConnection, Row as _};

use super::column;

/// One address, or one lead without an address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contact {
    /// Keyed hash.
    pub email_hash: Vec<u8>,
    /// Normalised; none: there is none, or it was erased.
    pub email: Option<String>,
    /// IANA name; empty: not known.
    pub time_zone: String,
    /// BCP 47.
    pub locale: String,
    /// ISO 3166-1 alpha-2.
    pub country: String,
}

const COLUMNS: &str = "email_hash, email, time_zone, locale, country";

fn from_row(row: &PgRow) -> Result<Contact, sqlx::Error> {
    Ok(Contact {
        email_hash: row.try_get("email_hash")?,
        email: row.try_get("email")?,
        time_zone: row.try_get("time_zone")?,
        locale: row.try_get("locale")?,
        country: row.try_get("country")?,
    })
}

/// Locks these contacts in the order of their hashes, and makes those that are not there. Waits for whoever has them.
///
/// # Errors
/// As the database says.
pub async fn lock(connection: &mut PgConnection, hashes: &BTreeSet<Vec<u8>>) -> Result<Vec<Contact>, PgError> {
    let hashes: Vec<&[u8]> = hashes.iter().map(Vec::as_slice).collect();
    sqlx::query(
        "insert into contact (email_hash) select h from unnest($1::bytea[]) as n (h)
         where not exists (select from contact c where c.email_hash = h) order by h on conflict do nothing",
    )
    .bind(&hashes)
    .execute(&mut *connection)
    .await?;
    let sql = format!("select {COLUMNS} from contact where email_hash = any($1) order by email_hash for no key update");
    let rows = sqlx::query(AssertSqlSafe(sql)).bind(&hashes).fetch_all(connection).await?;
    Ok(rows.iter().map(from_row).collect::<Result<_, _>>()?)
}

/// Locks those of these contacts that nobody has, in the order of their hashes.
///
/// # Errors
/// As the database says.
pub async fn lock_free(connection: &mut PgConnection, hashes: &BTreeSet<Vec<u8>>) -> Result<Vec<Contact>, PgError> {
    let hashes: Vec<&[u8]> = hashes.iter().map(Vec::as_slice).collect();
    let sql = format!(
        "select {COLUMNS} from contact where email_hash = any($1) order by email_hash for no key update skip locked"
    );
    let rows = sqlx::query(AssertSqlSafe(sql)).bind(&hashes).fetch_all(connection).await?;
    Ok(rows.iter().map(from_row).collect::<Result<_, _>>()?)
}

/// Without a lock.
///
/// # Errors
/// As the database says.
pub async fn load(connection: &mut PgConnection, email_hash: &[u8]) -> Result<Option<Contact>, PgError> {
    let sql = format!("select {COLUMNS} from contact where email_hash = $1");
    let row = sqlx::query(AssertSqlSafe(sql)).bind(email_hash).fetch_optional(connection).await?;
    Ok(row.as_ref().map(from_row).transpose()?)
}

/// Writes whole contacts; their locks are held.
///
/// # Errors
/// As the database says.
pub async fn save(connection: &mut PgConnection, contacts: &[&Contact]) -> Result<(), PgError> {
    if contacts.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "update contact c set email = n.email, time_zone = n.time_zone, locale = n.locale, country = n.country
         from unnest($1::bytea[], $2::text[], $3::text[], $4::text[], $5::text[])
             as n (email_hash, email, time_zone, locale, country)
         where c.email_hash = n.email_hash",
    )
    .bind(column(contacts, |contact| contact.email_hash.as_slice()))
    .bind(column(contacts, |contact| contact.email.as_deref()))
    .bind(column(contacts, |contact| contact.time_zone.as_str()))
    .bind(column(contacts, |contact| contact.locale.as_str()))
    .bind(column(contacts, |contact| contact.country.as_str()))
    .execute(connection)
    .await?;
    Ok(())
}
