//! Schema migrations: the spine's own (versions 1 to 99) and the service's (from 100) as one sequence per schema, applied
//! at start under an advisory lock and by `leadflow migrate`.

use std::collections::BTreeMap;
use std::time::Duration;

use sqlx::PgConnection;
use sqlx::migrate::{MigrateError as DriverError, Migration, Migrator};

use crate::pg::{Database, PgError};

/// The spine's migrations.
static SPINE: Migrator = sqlx::migrate!("./migrations");
/// First version number of a service.
const FIRST_SERVICE_VERSION: i64 = 100;
/// Where sqlx notes what it applied; in each schema by its search path.
const NOTES: &str = "_sqlx_migrations";
/// Namespace of the advisory lock ("mig"); the second number is the hash of the schema.
const LOCK_SPACE: i32 = 0x6d_69_67;
/// Longest wait for another process that migrates the same schema.
const LOCK_PATIENCE: Duration = Duration::from_secs(300);

/// The migrations of one schema.
#[derive(Debug)]
pub struct Migrations {
    migrator: Migrator,
}

/// One migration and whether the database has it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Status {
    /// Number of the file.
    pub version: i64,
    /// Name of the file.
    pub description: String,
    /// Whether it was applied.
    pub state: State,
}

/// Where a migration stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// In the database, byte-equal to this binary's.
    Applied,
    /// To be applied.
    Pending,
    /// In the database with another content: somebody edited a merged file.
    Changed,
    /// In the database, unknown to this binary: the binary is older.
    Newer,
}

/// Why a schema could not be migrated.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// Two files claim one version, or one is in the other's range: a defect of this binary.
    #[error("migration {0} of the service: numbers from {FIRST_SERVICE_VERSION} up, each once")]
    Version(i64),
    /// The database could not be reached or a statement failed outside of a migration.
    #[error(transparent)]
    Pg(#[from] PgError),
    /// Another process has held the lock for five minutes.
    #[error("another process has been migrating schema {0} for five minutes: see pg_locks for who it is")]
    Locked(&'static str),
    /// The migration itself failed, or does not fit what was applied before.
    #[error("schema {schema}: {source}")]
    Apply {
        /// Which schema.
        schema: &'static str,
        /// The driver's error, with the version.
        #[source]
        source: DriverError,
    },
}

impl Migrations {
    /// The spine's migrations and the service's, `sqlx::migrate!("./migrations")` of its crate.
    ///
    /// # Errors
    /// [`MigrateError::Version`] if the service uses a number below 100 or one twice.
    pub fn new(service: &Migrator) -> Result<Self, MigrateError> {
        let mut by_version: BTreeMap<i64, Migration> = BTreeMap::new();
        for migration in SPINE.iter() {
            by_version.insert(migration.version, migration.clone());
        }
        for migration in service.iter() {
            let taken = by_version.insert(migration.version, migration.clone()).is_some();
            if taken || migration.version < FIRST_SERVICE_VERSION {
                return Err(MigrateError::Version(migration.version));
            }
        }
        let mut migrator = Migrator::with_migrations(by_version.into_values().collect());
        // The lock is ours: sqlx locks the whole database, and several schemas may share one.
        migrator.set_locking(false);
        // During a rolling update an old replica may start after the new one has migrated: only expanding migrations are
        // allowed, so it goes on.
        migrator.set_ignore_missing(true);
        Ok(Self { migrator })
    }

    /// The spine alone, for a schema without tables of its own.
    ///
    /// # Panics
    /// Never: the spine's own numbers are below 100.
    #[must_use]
    pub fn spine_only() -> Self {
        Self::new(&Migrator::DEFAULT).expect("no service migration")
    }

    /// A short name of exactly these migrations: hex of a hash over their checksums.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        use sha2::{Digest as _, Sha256};
        let mut hash = Sha256::new();
        for migration in self.migrator.iter() {
            hash.update(migration.version.to_be_bytes());
            hash.update(&*migration.checksum);
        }
        hash.finalize().iter().take(6).fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
    }

    /// Applies what is missing; returns the versions that were applied. Several processes may call it at once.
    ///
    /// # Errors
    /// [`MigrateError`]. A failed migration is rolled back as a whole; earlier ones stay.
    pub async fn up(&self, database: &Database) -> Result<Vec<i64>, MigrateError> {
        let pending = |status: &Status| (status.state == State::Pending).then_some(status.version);
        if let Ok(all) = self.status(database).await
            && all.iter().all(|status| matches!(status.state, State::Applied | State::Newer))
        {
            return Ok(Vec::new());
        }
        // A migration may take long (an index over a large table); waiting for a lock may not, it would stop the service.
        let mut connection =
            database.own_connection("migrate", &[("statement_timeout", "0"), ("lock_timeout", "5s")]).await?;
        lock(&mut connection, database.schema()).await?;
        let before: Vec<i64> = self.status(database).await?.iter().filter_map(pending).collect();
        self.migrator
            .run_direct(None, &mut connection, false)
            .await
            .map_err(|source| MigrateError::Apply { schema: database.schema(), source })?;
        // Closing the session releases the lock.
        sqlx::Connection::close(connection).await.map_err(PgError::from)?;
        for version in &before {
            tracing::info!(schema = database.schema(), version, "migration applied");
        }
        Ok(before)
    }

    /// Every migration that this binary or the database knows, by version.
    ///
    /// # Errors
    /// [`MigrateError::Pg`].
    pub async fn status(&self, database: &Database) -> Result<Vec<Status>, MigrateError> {
        let known: bool = sqlx::query_scalar("select to_regclass($1) is not null")
            .bind(NOTES)
            .fetch_one(database.pool())
            .await
            .map_err(PgError::from)?;
        let applied: Vec<(i64, String, Vec<u8>)> = if known {
            sqlx::query_as("select version, description, checksum from _sqlx_migrations where success order by version")
                .fetch_all(database.pool())
                .await
                .map_err(PgError::from)?
        } else {
            Vec::new()
        };
        Ok(compare(&self.migrator, applied))
    }
}

fn compare(migrator: &Migrator, applied: Vec<(i64, String, Vec<u8>)>) -> Vec<Status> {
    let mut all: BTreeMap<i64, Status> = BTreeMap::new();
    for migration in migrator.iter() {
        let description = migration.description.to_string();
        all.insert(migration.version, Status { version: migration.version, description, state: State::Pending });
    }
    for (version, description, checksum) in applied {
        let state = match migrator.iter().find(|migration| migration.version == version) {
            Some(migration) if *migration.checksum == *checksum => State::Applied,
            Some(_) => State::Changed,
            None => State::Newer,
        };
        all.insert(version, Status { version, description, state });
    }
    all.into_values().collect()
}

async fn lock(connection: &mut PgConnection, schema: &'static str) -> Result<(), MigrateError> {
    let started = tokio::time::Instant::now();
    loop {
        // Tried again and again instead of waited for: a waiting session would run into lock_timeout.
        let locked: bool = sqlx::query_scalar("select pg_try_advisory_lock($1, hashtext($2))")
            .bind(LOCK_SPACE)
            .bind(schema)
            .fetch_one(&mut *connection)
            .await
            .map_err(PgError::from)?;
        if locked {
            return Ok(());
        }
        if started.elapsed() > LOCK_PATIENCE {
            return Err(MigrateError::Locked(schema));
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// The notes table has to be known to sqlx by the same name as above.
#[cfg(test)]
mod tests {
    use super::*;

    fn service(version: i64) -> Migrator {
        use sqlx::SqlSafeStr as _;
        let kind = sqlx::migrate::MigrationType::Simple;
        Migrator::with_migrations(vec![Migration::new(version, "own".into(), kind, "select 1".into_sql_str(), false)])
    }

    #[test]
    fn a_service_may_not_use_the_spines_numbers() {
        assert!(matches!(Migrations::new(&service(1)), Err(MigrateError::Version(1))));
        assert!(matches!(Migrations::new(&service(99)), Err(MigrateError::Version(99))));
        assert!(Migrations::new(&service(100)).is_ok());
    }

    #[test]
    fn states_are_told_apart() {
        let migrations = Migrations::new(&service(100)).expect("a valid number");
        let own = migrations.migrator.iter().find(|m| m.version == 100).expect("there").checksum.to_vec();
        let states =
            |applied| compare(&migrations.migrator, applied).iter().map(|s| (s.version, s.state)).collect::<Vec<_>>();
        assert_eq!(states(vec![]), [(1, State::Pending), (100, State::Pending)]);
        assert_eq!(
            states(vec![(1, "spine".into(), vec![1]), (100, "own".into(), own), (101, "later".into(), vec![])]),
            [(1, State::Changed), (100, State::Applied), (101, State::Newer)]
        );
    }

    #[test]
    fn the_fingerprint_follows_the_content() {
        assert_ne!(
            Migrations::spine_only().fingerprint(),
            Migrations::new(&service(100)).expect("valid").fingerprint()
        );
    }
}
