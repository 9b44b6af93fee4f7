//! Migrations against a real PostgreSQL: together, twice at once, and when somebody edited a merged file.

use leadflow_platform::identity_key::IdentityKey;
use leadflow_platform::migrate::{MigrateError, Migrations, State};
use leadflow_platform::pg::Database;
use leadflow_platform::testing::TestDatabase;
use sqlx::SqlSafeStr as _;
use sqlx::migrate::{Migration, MigrationType, Migrator};

fn service(version: i64, sql: &'static str) -> Migrations {
    let migration = Migration::new(version, "own".into(), MigrationType::Simple, sql.into_sql_str(), false);
    Migrations::new(&Migrator::with_migrations(vec![migration])).expect("a valid number")
}

#[tokio::test]
async fn the_spine_and_the_service_are_one_sequence() {
    let migrations = service(100, "create table thing (thing_id int primary key)");
    let test = TestDatabase::new("spine", &migrations).await;
    let status = migrations.status(test.database()).await.expect("a status");
    let states: Vec<_> = status.iter().map(|status| (status.version, status.state)).collect();
    assert_eq!(states, [(1, State::Applied), (100, State::Applied)]);
    let tables: Vec<String> =
        sqlx::query_scalar("select tablename::text from pg_tables where schemaname = 'spine' order by 1")
            .fetch_all(test.database().pool())
            .await
            .expect("tables");
    let expected = [
        "_sqlx_migrations",
        "command",
        "identity_check",
        "incarnation",
        "kafka_offset",
        "kafka_offset_history",
        "outbox",
        "thing",
    ];
    assert_eq!(tables, expected);
    assert_eq!(test.database().incarnation().await.expect("a number"), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_processes_that_start_at_once_migrate_once() {
    let test = TestDatabase::new("spine", &Migrations::spine_only()).await;
    let migrations = service(100, "select pg_sleep(0.2); create table thing (thing_id int primary key)");
    let database = test.database();
    let (a, b, c, d) = tokio::join!(
        migrations.up(database),
        migrations.up(database),
        migrations.up(database),
        migrations.up(database)
    );
    let mut applied: Vec<Vec<i64>> = [a, b, c, d].into_iter().map(|result| result.expect("migrated")).collect();
    applied.sort();
    assert_eq!(applied, [vec![], vec![], vec![], vec![100]]);
}

#[tokio::test]
async fn a_failed_migration_leaves_nothing_and_an_edited_one_is_refused() {
    let test = TestDatabase::new("spine", &Migrations::spine_only()).await;
    let broken = service(100, "create table thing (thing_id int primary key); select 1 / 0");
    let error = broken.up(test.database()).await.expect_err("a division by zero");
    assert!(matches!(error, MigrateError::Apply { schema: "spine", .. }), "{error}");
    let there: bool = sqlx::query_scalar("select to_regclass('thing') is not null")
        .fetch_one(test.database().pool())
        .await
        .expect("an answer");
    assert!(!there, "half a migration stayed");

    service(100, "create table thing (thing_id int primary key)").up(test.database()).await.expect("mended");
    let edited = service(100, "create table thing (thing_id bigint primary key)");
    let states: Vec<_> =
        edited.status(test.database()).await.expect("a status").iter().map(|status| status.state).collect();
    assert_eq!(states, [State::Applied, State::Changed]);
    let error = edited.up(test.database()).await.expect_err("edited").to_string();
    assert!(error.contains("100"), "{error}");

    // An older binary beside a newer schema goes on.
    assert_eq!(Migrations::spine_only().up(test.database()).await.expect("fine"), Vec::<i64>::new());
}

#[tokio::test]
async fn a_role_with_another_identity_key_is_refused() {
    let test = TestDatabase::new("spine", &Migrations::spine_only()).await;
    let (key, other) = (IdentityKey::from_secret([1; 32]), IdentityKey::from_secret([2; 32]));
    test.database().check_identity_key(&key).await.expect("the first one is kept");
    test.database().check_identity_key(&key).await.expect("the same again");
    let error = test.database().check_identity_key(&other).await.expect_err("another key").to_string();
    assert!(error.starts_with("schema spine was made with another identity key"), "{error}");
    test.database().check_identity_key(&key).await.expect("still the first one");
}

#[tokio::test]
async fn a_schema_that_nobody_made_is_named() {
    let test = TestDatabase::new("spine", &Migrations::spine_only()).await;
    let error = Database::connect(&test.config(), "nowhere", "test").await.expect_err("no such schema").to_string();
    assert!(error.contains("schema \"nowhere\" does not exist"), "{error}");
    assert!(!error.contains("leadflow@"), "a password in {error}");
}
