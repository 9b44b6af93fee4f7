//! A migrated database for one test: cloned from a template, dropped at the end.

use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context as _;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};

use super::{clean_up, required, unique};
use crate::migrate::Migrations;
use crate::pg::{Database, PgConfig};

const ADMIN_URL: &str = "LEADFLOW_TEST_DATABASE_ADMIN_URL";
/// One process at a time makes roles and templates ("tst").
const LOCK: i64 = 0x74_73_74;
const PASSWORD: &str = "leadflow";

/// A database of a test's own, with the schema of one service, migrated.
#[derive(Debug)]
pub struct TestDatabase {
    name: String,
    schema: &'static str,
    admin_url: String,
    database: Database,
}

impl TestDatabase {
    /// Clones the template of these migrations (made once per content) and connects as the owner of the schema.
    ///
    /// # Panics
    /// If the server is not there: the message says how to start it.
    pub async fn new(schema: &'static str, migrations: &Migrations) -> Self {
        Self::try_new(schema, migrations).await.expect("a test database")
    }

    async fn try_new(schema: &'static str, migrations: &Migrations) -> anyhow::Result<Self> {
        let admin_url = required(ADMIN_URL);
        let template = template(&admin_url, schema, migrations).await?;
        let name = format!("leadflow_test_{schema}_{}", unique());
        let mut admin = PgConnection::connect(&admin_url).await.context("connect as administrator")?;
        admin
            .execute(AssertSqlSafe(format!("create database {name} template {template}")))
            .await
            .context("clone the template")?;
        admin.close().await?;
        let config = config(&admin_url, schema, &name)?;
        let database = Database::connect(&config, schema, "test").await?;
        Ok(Self { name, schema, admin_url, database })
    }

    /// The database as the service sees it.
    #[must_use]
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// Another pool on the same database, as another process would have it.
    ///
    /// # Panics
    /// If the server is gone.
    pub async fn connect(&self, application: &str) -> Database {
        Database::connect(&self.config(), self.schema, application).await.expect("a second pool")
    }

    /// Section `database` of a role that uses this database.
    ///
    /// # Panics
    /// Never: the same was parsed when the database was made.
    #[must_use]
    pub fn config(&self) -> PgConfig {
        config(&self.admin_url, self.schema, &self.name).expect("parsed before")
    }

    /// A superuser's connection to this database: to look into `pg_locks`, or to end a session.
    ///
    /// # Panics
    /// If the server is gone.
    pub async fn administrator(&self) -> PgConnection {
        let url = with_database(&self.admin_url, &self.name).expect("parsed before");
        PgConnection::connect(url.as_str()).await.expect("a superuser's connection")
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        if std::thread::panicking() && std::env::var_os("LEADFLOW_TEST_KEEP").is_some() {
            eprintln!("kept database {} (LEADFLOW_TEST_KEEP)", self.name);
            return;
        }
        clean_up(&self.name, || async {
            let mut admin = PgConnection::connect(&self.admin_url).await?;
            admin.execute(AssertSqlSafe(format!("drop database if exists {} with (force)", self.name))).await?;
            Ok(())
        });
    }
}

fn role(schema: &str) -> String {
    format!("leadflow_test_{schema}")
}

fn with_database(admin_url: &str, name: &str) -> anyhow::Result<String> {
    let (base, _) = admin_url.rsplit_once('/').with_context(|| format!("{ADMIN_URL} has no database"))?;
    Ok(format!("{base}/{name}"))
}

fn config(admin_url: &str, schema: &str, name: &str) -> anyhow::Result<PgConfig> {
    let options: sqlx::postgres::PgConnectOptions = admin_url.parse().with_context(|| format!("read {ADMIN_URL}"))?;
    let url = format!("postgres://{}:{PASSWORD}@{}:{}/{name}", role(schema), options.get_host(), options.get_port());
    Ok(PgConfig { url: url.into(), pool_size: 20 })
}

/// Makes the template of exactly these migrations if it is not there yet; returns its name.
async fn template(admin_url: &str, schema: &'static str, migrations: &Migrations) -> anyhow::Result<String> {
    let name = format!("leadflow_template_{schema}_{}", migrations.fingerprint());
    let mut admin = PgConnection::connect(admin_url).await.context("connect as administrator")?;
    // Held by the session: released when the connection closes, also after a panic.
    sqlx::query("select pg_advisory_lock($1)").bind(LOCK).execute(&mut admin).await?;
    let done: bool = sqlx::query_scalar("select exists (select from pg_database where datname = $1 and datistemplate)")
        .bind(&name)
        .fetch_one(&mut admin)
        .await?;
    static SWEPT: AtomicBool = AtomicBool::new(false);
    if !SWEPT.swap(true, Ordering::Relaxed) {
        drop_left_overs(&mut admin).await?;
    }
    if !done {
        make_template(&mut admin, admin_url, schema, migrations, &name).await?;
    }
    admin.close().await?;
    Ok(name)
}

async fn make_template(
    admin: &mut PgConnection,
    admin_url: &str,
    schema: &'static str,
    migrations: &Migrations,
    name: &str,
) -> anyhow::Result<()> {
    let role = role(schema);
    let known: bool = sqlx::query_scalar("select exists (select from pg_roles where rolname = $1)")
        .bind(&role)
        .fetch_one(&mut *admin)
        .await?;
    if !known {
        admin.execute(AssertSqlSafe(format!("create role {role} login password '{PASSWORD}'"))).await?;
    }
    // A half-made template of a killed run.
    admin.execute(AssertSqlSafe(format!("drop database if exists {name} with (force)"))).await?;
    admin.execute(AssertSqlSafe(format!("create database {name}"))).await?;
    let mut inside = PgConnection::connect(&with_database(admin_url, name)?).await?;
    inside.execute(AssertSqlSafe(format!("create schema {schema} authorization {role}"))).await?;
    inside.close().await?;
    let database = Database::connect(&config(admin_url, schema, name)?, schema, "template").await?;
    migrations.up(&database).await?;
    database.pool().close().await;
    admin.execute(AssertSqlSafe(format!("alter database {name} is_template true"))).await?;
    Ok(())
}

/// Databases that killed runs left behind, older than two hours by the time in their names.
async fn drop_left_overs(admin: &mut PgConnection) -> anyhow::Result<()> {
    let names: Vec<String> =
        sqlx::query_scalar("select datname::text from pg_database where datname like 'leadflow_test_%'")
            .fetch_all(&mut *admin)
            .await?;
    let oldest = crate::clock::wall_now().as_millisecond() - 2 * 3600 * 1000;
    for name in names {
        let made = name.rsplit('_').nth(2).and_then(|text| i64::from_str_radix(text, 16).ok());
        if made.is_some_and(|made| made < oldest) {
            admin.execute(AssertSqlSafe(format!("drop database if exists {name} with (force)"))).await?;
        }
    }
    Ok(())
}
