//! PostgreSQL: the pool of a role with the session settings that are part of the fence, connections of a role's own, and
//! the check that a schema was made with this deployment's identity key. Transactions that write are in `pg/write_tx.rs`.

mod away;
mod error;
mod mechanism;
mod write_tx;

use std::str::FromStr as _;
use std::time::Duration;

use secrecy::ExposeSecret as _;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions as _, Connection as _, PgConnection, PgPool};

use crate::outage::Outage;

pub(crate) use away::is_disconnected;
pub(crate) use error::timed_out;
pub use error::{FailureKind, PgError};
#[cfg(feature = "testing")]
pub use mechanism::Switches;
pub use mechanism::{Mechanism, SPAWNED_BEGIN};
pub use write_tx::WriteTx;

/// How long a caller waits for a connection of the pool, connecting and a server that is just starting included.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// A pooled connection that rested longer than this is pinged before it is handed out.
const TRUSTED_IDLE: Duration = Duration::from_secs(1);
/// Connections live this long, so that a changed password, setting or DNS entry arrives.
const MAX_LIFETIME: Duration = Duration::from_secs(30 * 60);

/// Settings of every session of a role. They are part of the fence: a process that is frozen inside a transaction holds
/// its row locks until the server ends the session.
///
/// The last five are about plans. A role looks rows up by their keys and by nothing else, and its prepared statements keep
/// the plan of their first executions for the life of the connection: one that was made while a table was small or had
/// never been analysed must not be a scan for ever.
const SESSION_SETTINGS: [(&str, &str); 10] = [
    ("default_transaction_isolation", "read committed"),
    ("idle_in_transaction_session_timeout", "5s"),
    ("lock_timeout", "5s"),
    ("statement_timeout", "15s"),
    ("timezone", "UTC"),
    ("enable_seqscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
    ("jit", "off"),
    // A look at sixty rows waited six milliseconds for helpers that had nothing to do.
    ("max_parallel_workers_per_gather", "0"),
];

/// Section `database` of a stateful role.
#[derive(Clone, Debug, serde::Deserialize, garde::Validate, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PgConfig {
    /// `postgres://role:password@host:port/database`
    #[garde(skip)]
    #[schemars(with = "String")]
    pub url: secrecy::SecretString,
    /// Connections of the pool.
    #[serde(default = "default_pool_size")]
    #[garde(range(min = 2, max = 200))]
    pub pool_size: u32,
}

const fn default_pool_size() -> u32 {
    10
}

/// The database of one role: its schema, its pool. Cheap to clone; all clones share the pool.
#[derive(Clone)]
pub struct Database {
    pool: PgPool,
    options: PgConnectOptions,
    schema: &'static str,
    application: std::sync::Arc<str>,
    outage: Outage,
    #[cfg(feature = "testing")]
    switches: std::sync::Arc<Switches>,
}

/// Why a role may not use its schema with its identity key.
#[derive(Debug, thiserror::Error)]
pub enum IdentityMismatch {
    /// The schema belongs to another key.
    #[error(
        "schema {0} was made with another identity key: every keyed hash in it would name somebody else. Give this role the \
         key of this deployment, or an empty database"
    )]
    OtherKey(&'static str),
    /// The database could not be asked.
    #[error(transparent)]
    Pg(#[from] PgError),
}

impl std::fmt::Debug for Database {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Not the options: they hold the password.
        formatter
            .debug_struct("Database")
            .field("schema", &self.schema)
            .field("application", &self.application)
            .finish()
    }
}

impl Database {
    /// Opens the pool and one connection of it. A server that refuses connections or is just starting is waited for,
    /// up to five seconds. `schema` and its owner, the role of `config.url`, are made by the set-up, not here.
    ///
    /// # Errors
    /// [`PgError`] if the URL cannot be read, the server cannot be reached, or the schema does not exist.
    pub async fn connect(config: &PgConfig, schema: &'static str, application: &str) -> Result<Self, PgError> {
        let options = PgConnectOptions::from_str(config.url.expose_secret())
            .map_err(|source| PgError::new("read the database URL", source))?
            .application_name(application)
            .statement_cache_capacity(256)
            .options(SESSION_SETTINGS)
            .options([("search_path", schema)])
            .log_statements(tracing::log::LevelFilter::Trace)
            .log_slow_statements(tracing::log::LevelFilter::Warn, Duration::from_secs(2));
        let pool = PgPoolOptions::new()
            .max_connections(config.pool_size)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .max_lifetime(MAX_LIFETIME)
            .test_before_acquire(false)
            .before_acquire(|connection, resting| {
                Box::pin(async move {
                    if resting.idle_for > TRUSTED_IDLE {
                        tokio::time::timeout(Duration::from_secs(2), connection.ping())
                            .await
                            .map_err(|_| timed_out("ping").source)??;
                    }
                    Ok(true)
                })
            })
            .connect_with(options.clone())
            .await;
        let pool = match pool {
            Ok(pool) => pool,
            Err(source) => return Err(PgError::new("connect to the database", away::why(&options, source).await)),
        };
        let database = Self {
            pool,
            outage: away::outage_of(&options, schema),
            options,
            schema,
            application: application.into(),
            #[cfg(feature = "testing")]
            switches: std::sync::Arc::default(),
        };
        database.check_schema().await?;
        Ok(database)
    }

    async fn check_schema(&self) -> Result<(), PgError> {
        let found: Option<String> = sqlx::query_scalar("select current_schema()::text")
            .fetch_one(&self.pool)
            .await
            .map_err(|source| PgError::new("ask for the schema", source))?;
        if found.as_deref() == Some(self.schema) {
            return Ok(());
        }
        let sentence = format!(
            "schema {:?} does not exist or role {:?} may not use it; the set-up makes both (create role, create schema \
             authorization)",
            self.schema,
            self.options.get_username()
        );
        Err(PgError::new("find the schema", sqlx::Error::Configuration(sentence.into())))
    }

    /// For plain reads outside of write transactions.
    #[must_use]
    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// Schema and database role of the service.
    #[must_use]
    pub fn schema(&self) -> &'static str {
        self.schema
    }

    /// A connection outside the pool, for whoever holds a session (locks, notifications). `part` is appended to the
    /// application name; `settings` override the session settings.
    ///
    /// # Errors
    /// [`PgError`] if there is no connection within five seconds.
    pub async fn own_connection(&self, part: &str, settings: &[(&str, &str)]) -> Result<PgConnection, PgError> {
        let options = self.own_options(part, settings);
        let connection = tokio::time::timeout(ACQUIRE_TIMEOUT, PgConnection::connect_with(&options))
            .await
            .map_err(|_| timed_out("connect to the database"))?
            .map_err(|source| PgError::new("connect to the database", source))?;
        self.outage.served();
        Ok(connection)
    }

    pub(crate) fn own_options(&self, part: &str, settings: &[(&str, &str)]) -> PgConnectOptions {
        let application = format!("{}/{part}", self.application);
        self.options.clone().application_name(&application).options(settings.iter().copied())
    }

    /// Raised only by a restore or a topic that was made anew; read once at the start of a role.
    ///
    /// # Errors
    /// [`PgError`].
    pub async fn incarnation(&self) -> Result<i32, PgError> {
        sqlx::query_scalar("select incarnation from incarnation")
            .fetch_one(&self.pool)
            .await
            .map_err(|source| PgError::new("read the incarnation", source))
    }

    /// The database clock, outside of a transaction.
    ///
    /// # Errors
    /// [`PgError`].
    pub async fn now(&self) -> Result<jiff::Timestamp, PgError> {
        sqlx::query_scalar::<_, jiff_sqlx::Timestamp>("select clock()")
            .fetch_one(&self.pool)
            .await
            .map(jiff_sqlx::Timestamp::to_jiff)
            .map_err(|source| PgError::new("read the database clock", source))
    }

    /// Stores the check value of the deployment's identity key, or compares it with the one stored before.
    ///
    /// # Errors
    /// [`IdentityMismatch::OtherKey`] if this schema was made with another key: the role must not start, because every
    /// hash would name somebody else.
    pub async fn check_identity_key(&self, key: &crate::identity_key::IdentityKey) -> Result<(), IdentityMismatch> {
        let mine = key.check_value();
        let failed = |source| PgError::new("check the identity key", source);
        sqlx::query("insert into identity_check (check_value) values ($1) on conflict do nothing")
            .bind(&mine[..])
            .execute(&self.pool)
            .await
            .map_err(failed)?;
        let stored: Vec<u8> =
            sqlx::query_scalar("select check_value from identity_check").fetch_one(&self.pool).await.map_err(failed)?;
        if stored == mine { Ok(()) } else { Err(IdentityMismatch::OtherKey(self.schema)) }
    }

    /// Whether a mechanism works; always true in a build without the feature `testing`.
    #[cfg(not(feature = "testing"))]
    #[must_use]
    pub const fn is_on(&self, _: Mechanism) -> bool {
        true
    }

    /// Whether a mechanism works, or a test turned it off.
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn is_on(&self, mechanism: Mechanism) -> bool {
        self.switches.is_on(mechanism)
    }

    /// Turns mechanisms off and on; shared by all clones of this value.
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn switches(&self) -> &Switches {
        &self.switches
    }
}
