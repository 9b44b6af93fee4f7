//! Tables `consent`, `suppression` and `preference`: what somebody allows, and who is never written to. All under the lock
//! of the contact.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use jiff_sqlx::Timestamp as SqlTimestamp;
use leadflow_platform::pg::PgError;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{column, to_sql};

/// Consent that a stop withdraws and a confirmation gives, unless the journey of the mail has a purpose of its own.
pub const MARKETING: &str = "marketing_email";

/// What somebody said about a purpose.
#[derive(Clone, Debug, PartialEq)]
pub struct Consent {
    /// Whose.
    pub email_hash: Vec<u8>,
    /// "marketing_email".
    pub purpose: String,
    /// Or withdrawn.
    pub given: bool,
    /// When it was said.
    pub at: Timestamp,
    /// lead, one_click, preference_page, double_opt_in.
    pub source: String,
    /// The event that says it.
    pub event_id: Option<Uuid>,
}

/// Why nothing is sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Suppression {
    /// Whose.
    pub email_hash: Vec<u8>,
    /// unsubscribed, complaint, hard_bounce, erased.
    pub reason: String,
    /// Since when.
    pub at: Timestamp,
}

/// Everything that was said, by contact.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Wishes {
    /// By purpose.
    pub consents: BTreeMap<String, Consent>,
    /// The strongest reason.
    pub suppression: Option<Suppression>,
    /// Topics that were turned on or off.
    pub topics: BTreeMap<String, bool>,
}

/// What these contacts said.
///
/// # Errors
/// As the database says.
pub async fn load(connection: &mut PgConnection, hashes: &[&[u8]]) -> Result<HashMap<Vec<u8>, Wishes>, PgError> {
    let mut wishes: HashMap<Vec<u8>, Wishes> = HashMap::new();
    type Row = (Vec<u8>, String, bool, SqlTimestamp, String, Option<Uuid>);
    let rows: Vec<Row> = sqlx::query_as(
        "select email_hash, purpose, given, at, source, event_id from consent where email_hash = any($1)",
    )
    .bind(hashes)
    .fetch_all(&mut *connection)
    .await?;
    for (email_hash, purpose, given, at, source, event_id) in rows {
        let consent = Consent {
            email_hash: email_hash.clone(),
            purpose: purpose.clone(),
            given,
            at: at.to_jiff(),
            source,
            event_id,
        };
        wishes.entry(email_hash).or_default().consents.insert(purpose, consent);
    }
    let rows: Vec<(Vec<u8>, String, SqlTimestamp)> =
        sqlx::query_as("select email_hash, reason, at from suppression where email_hash = any($1)")
            .bind(hashes)
            .fetch_all(&mut *connection)
            .await?;
    for (email_hash, reason, at) in rows {
        let suppression = Suppression { email_hash: email_hash.clone(), reason, at: at.to_jiff() };
        wishes.entry(email_hash).or_default().suppression = Some(suppression);
    }
    let rows: Vec<(Vec<u8>, String, bool)> =
        sqlx::query_as("select email_hash, topic, wanted from preference where email_hash = any($1)")
            .bind(hashes)
            .fetch_all(connection)
            .await?;
    for (email_hash, topic, wanted) in rows {
        wishes.entry(email_hash).or_default().topics.insert(topic, wanted);
    }
    Ok(wishes)
}

/// Writes what was said; an older word never overwrites a newer one. Locks are held.
///
/// # Errors
/// As the database says.
pub async fn put_consents(connection: &mut PgConnection, consents: &[&Consent]) -> Result<(), PgError> {
    if consents.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "insert into consent (email_hash, purpose, given, at, source, event_id)
         select distinct on (email_hash, purpose) * from unnest($1::bytea[], $2::text[], $3::boolean[], $4::timestamptz[], $5::text[], $6::uuid[])
             as n (email_hash, purpose, given, at, source, event_id)
         order by email_hash, purpose, at desc, given
         on conflict (email_hash, purpose) do update
             set given = excluded.given, at = excluded.at, source = excluded.source, event_id = excluded.event_id
             where (consent.at, not consent.given) < (excluded.at, not excluded.given)",
    )
    .bind(column(consents, |one| one.email_hash.as_slice()))
    .bind(column(consents, |one| one.purpose.as_str()))
    .bind(column(consents, |one| one.given))
    .bind(column(consents, |one| to_sql(one.at)))
    .bind(column(consents, |one| one.source.as_str()))
    .bind(column(consents, |one| one.event_id))
    .execute(connection)
    .await?;
    Ok(())
}

/// Suppresses. A stronger reason replaces a weaker one: erased < unsubscribed < hard_bounce < complaint, because a new
/// consent lifts the first two only. Locks are held.
///
/// # Errors
/// As the database says.
pub async fn suppress(connection: &mut PgConnection, suppressions: &[&Suppression]) -> Result<(), PgError> {
    for one in suppressions {
        sqlx::query(
            "insert into suppression (email_hash, reason, at) values ($1, $2, $3)
             on conflict (email_hash) do update set reason = excluded.reason, at = excluded.at
                 where array_position(array['erased', 'unsubscribed', 'hard_bounce', 'complaint'], suppression.reason)
                     < array_position(array['erased', 'unsubscribed', 'hard_bounce', 'complaint'], excluded.reason)",
        )
        .bind(&one.email_hash)
        .bind(&one.reason)
        .bind(to_sql(one.at))
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

/// Lifts what a new consent may lift: `unsubscribed` and `erased`, if they are older. Locks are held.
///
/// # Errors
/// As the database says.
pub async fn lift(connection: &mut PgConnection, email_hash: &[u8], at: Timestamp) -> Result<(), PgError> {
    sqlx::query("delete from suppression where email_hash = $1 and reason in ('unsubscribed', 'erased') and at < $2")
        .bind(email_hash)
        .bind(to_sql(at))
        .execute(connection)
        .await?;
    Ok(())
}

/// A lead has another address: what its person said "no" to by our doors goes there too, unless something newer was said.
/// Whoever said stop a moment ago is not to be mailed at an address of which we hear only now. Locks of both are held.
///
/// # Errors
/// As the database says.
pub async fn carry(connection: &mut PgConnection, from: &[u8], to: &[u8]) -> Result<(), PgError> {
    for sql in [
        "insert into consent (email_hash, purpose, given, at, source, event_id)
         select $2, purpose, given, at, source, event_id from consent
         where email_hash = $1 and not given and source <> 'lead'
         on conflict (email_hash, purpose) do update
             set given = excluded.given, at = excluded.at, source = excluded.source, event_id = excluded.event_id
             where (consent.at, not consent.given) < (excluded.at, not excluded.given)",
        "insert into suppression (email_hash, reason, at)
         select $2, s.reason, s.at from suppression s
         where s.email_hash = $1 and s.reason = 'unsubscribed'
             and not exists (select from consent c
                 where c.email_hash = $2 and c.given and c.at > s.at
                     and (c.purpose = 'marketing_email' or c.source = 'double_opt_in'))
         on conflict do nothing",
        "insert into preference (email_hash, topic, wanted, at)
         select $2, topic, wanted, at from preference where email_hash = $1 and not wanted
         on conflict (email_hash, topic) do update set wanted = excluded.wanted, at = excluded.at
             where preference.at < excluded.at",
    ] {
        sqlx::query(sql).bind(from).bind(to).execute(&mut *connection).await?;
    }
    Ok(())
}

/// Topics of the preference page. The lock is held.
///
/// # Errors
/// As the database says.
pub async fn put_topics(
    connection: &mut PgConnection,
    email_hash: &[u8],
    topics: &[(String, bool)],
    at: Timestamp,
) -> Result<(), PgError> {
    sqlx::query(
        "insert into preference (email_hash, topic, wanted, at)
         select $1, topic, wanted, $4 from unnest($2::text[], $3::boolean[]) as n (topic, wanted)
         on conflict (email_hash, topic) do update set wanted = excluded.wanted, at = excluded.at",
    )
    .bind(email_hash)
    .bind(topics.iter().map(|(topic, _)| topic.as_str()).collect::<Vec<_>>())
    .bind(topics.iter().map(|(_, wanted)| *wanted).collect::<Vec<_>>())
    .bind(to_sql(at))
    .execute(connection)
    .await?;
    Ok(())
}
