//! The deployment that is measured: a stand with PostgreSQL set up as for a server, one process of each role (or one with
//! all), and a superuser's connection for looking at rows. It measures nothing itself.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use leadflow_stand::{Plan, RoleProcess, Stand};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Row as _};

use crate::Settings;
use crate::cpu::{Counted, Usage};

/// Place of each role among the processes of the stand.
pub(crate) const INGEST: usize = 0;
/// See [`INGEST`].
pub(crate) const QUALIFICATION: usize = 1;
/// See [`INGEST`].
pub(crate) const ASSIGNMENT: usize = 2;
/// Where every role plays in one process.
pub(crate) const ALL_IN_ONE: usize = 0;
/// Where nurture plays alone.
pub(crate) const NURTURE: usize = 0;

const APART: [RoleProcess; 3] = [
    RoleProcess { role: "ingest", name: "ingest" },
    RoleProcess { role: "qualification", name: "qualification" },
    RoleProcess { role: "assignment", name: "assignment" },
];
const TOGETHER: [RoleProcess; 1] = [RoleProcess { role: "all", name: "all" }];
const ALONE: [RoleProcess; 1] = [RoleProcess { role: "nurture", name: "nurture" }];

/// Which processes there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cast {
    /// One each for ingest, qualification and assignment.
    Apart,
    /// All four roles in one.
    Together,
    /// Nurture alone.
    Nurture,
}

/// Section `nurture`: mails may always go out, and there is no relay to take one.
const NURTURE_SETTINGS: &str = "quiet_hours: null
frequency_cap: null
sender: { name: Seller, email: hello@seller.example, postal_address: \"Seller, 1 Sample Street, 12345 Sampletown\" }
smtp: { url: \"smtp+plain://127.0.0.1:9\" }";

/// For a server; fsync, synchronous commits and compression of the log are as deploy/local has them.
const POSTGRESQL: [&str; 2] = ["shared_buffers = '2GB'", "max_wal_size = '8GB'"];
const COUNT_STATEMENTS: [&str; 2] = ["shared_preload_libraries = 'pg_stat_statements'", "track_io_timing = on"];

/// A stand and a look into its database.
pub(crate) struct Deployment {
    /// The processes and their addresses.
    pub(crate) stand: Stand,
    /// Processes beside it whose time is counted.
    pub(crate) beside: Vec<Counted>,
    database: PgConnection,
}

impl Deployment {
    /// From nothing; no role runs, a model is published if qualification is to play.
    ///
    /// # Errors
    /// Whatever did not come up; what did is stopped again.
    pub(crate) async fn build(settings: &Settings, cast: Cast) -> anyhow::Result<Self> {
        let processes = match cast {
            Cast::Apart => APART.to_vec(),
            Cast::Together => TOGETHER.to_vec(),
            Cast::Nurture => ALONE.to_vec(),
        };
        let (binary, folder) = (settings.binary.clone(), settings.folder.clone());
        let plan = Plan { binary, folder, base_port: 18_600, processes };
        let mut stand = match cast {
            Cast::Apart => Stand::build(plan).await?,
            Cast::Together | Cast::Nurture => Stand::build_with_nurture(plan, NURTURE_SETTINGS).await?,
        };
        match set_up(&mut stand, settings.statements).await {
            Ok(database) => Ok(Self { stand, beside: Vec::new(), database }),
            Err(error) => {
                stand.tear_down().await;
                Err(error)
            }
        }
    }

    /// Starts these and waits until they are ready. The first time qualification plays, it gets the sample model.
    ///
    /// # Errors
    /// What is not ready in time.
    pub(crate) async fn start(&mut self, processes: &[usize]) -> anyhow::Result<()> {
        self.stand.start(processes)?;
        let plays = |process: &usize| matches!(self.stand.roles()[*process].role, "qualification" | "all");
        if processes.iter().any(plays) {
            self.stand.publish_model("deploy/config/scoring.yaml").await?;
        }
        self.stand.wait_ready(processes, Duration::from_secs(60)).await
    }

    /// SIGTERM, and an end in order.
    ///
    /// # Errors
    /// If it did not end with code 0 within 25 s.
    pub(crate) async fn stop(&mut self, process: usize) -> anyhow::Result<()> {
        let name = self.stand.roles()[process].name;
        let ended = self.stand.processes[process].terminate(Duration::from_secs(25)).await;
        anyhow::ensure!(ended, "{name} did not end with code 0 within 25 s of SIGTERM");
        Ok(())
    }

    /// Number of a process that runs.
    ///
    /// # Errors
    /// If it does not.
    pub(crate) fn pid(&self, process: usize) -> anyhow::Result<i32> {
        let pid = self.stand.processes[process].pid().context("a process ended by itself; see its log")?;
        Ok(pid.as_raw())
    }

    /// CPU time up to now of every role that runs, of PostgreSQL, of the broker, and of the generator: this process.
    ///
    /// # Errors
    /// If one of them is gone.
    pub(crate) fn usage(&self) -> anyhow::Result<Usage> {
        let roles = self.stand.roles().iter().zip(&self.stand.processes);
        let running = |(role, process): (&RoleProcess, &leadflow_stand::Process)| {
            Some(Counted { name: role.name, pid: process.pid()?.as_raw(), with_children: false })
        };
        let mut counted: Vec<Counted> = roles.filter_map(running).collect();
        let own = i32::try_from(std::process::id())?;
        counted.push(Counted { name: "postgresql", pid: self.service_pid("postgres")?, with_children: true });
        counted.push(Counted { name: "broker", pid: self.service_pid("kafka")?, with_children: false });
        counted.push(Counted { name: "generator", pid: own, with_children: false });
        counted.extend(self.beside.iter().cloned());
        Usage::read(&counted)
    }

    /// `deploy/local` notes the number of each service, and when it was born.
    fn service_pid(&self, name: &str) -> anyhow::Result<i32> {
        let path = self.stand.folder().join("pid").join(name);
        let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok(text.split_whitespace().next().unwrap_or_default().parse()?)
    }

    /// One number out of the database, as its superuser sees it.
    ///
    /// # Errors
    /// As the database says.
    pub(crate) async fn number(&mut self, sql: &'static str) -> anyhow::Result<i64> {
        sqlx::query_scalar(sql).fetch_one(&mut self.database).await.with_context(|| format!("cannot ask: {sql}"))
    }

    /// One statement of the superuser.
    ///
    /// # Errors
    /// As the database says.
    pub(crate) async fn execute(&mut self, sql: &'static str) -> anyhow::Result<()> {
        sqlx::query(sql).execute(&mut self.database).await.with_context(|| format!("cannot do: {sql}"))?;
        Ok(())
    }

    /// Rows out of the database, for these ids.
    ///
    /// # Errors
    /// As the database says.
    pub(crate) async fn rows<T>(&mut self, sql: &'static str, ids: &[String]) -> anyhow::Result<Vec<T>>
    where
        T: for<'r> sqlx::FromRow<'r, sqlx::postgres::PgRow> + Send + Unpin,
    {
        sqlx::query_as(sql).bind(ids).fetch_all(&mut self.database).await.with_context(|| format!("cannot ask: {sql}"))
    }

    /// Until the number is at least this.
    ///
    /// # Errors
    /// With the last number, if it takes longer than `within`.
    pub(crate) async fn wait_for(&mut self, sql: &'static str, least: i64, within: Duration) -> anyhow::Result<()> {
        let deadline = tokio::time::Instant::now() + within;
        loop {
            let number = self.number(sql).await?;
            if number >= least {
                return Ok(());
            }
            let late = tokio::time::Instant::now() >= deadline;
            anyhow::ensure!(!late, "{number} instead of {least} after {} s: {sql}", within.as_secs());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// What PostgreSQL spent its time on, if it was told to count.
    ///
    /// # Errors
    /// As the database says.
    pub(crate) async fn print_dearest_statements(&mut self) -> anyhow::Result<()> {
        let sql = "select calls, rows, round(total_exec_time)::bigint as ms, \
            round((100 * total_exec_time / sum(total_exec_time) over ())::numeric, 1)::text as share, \
            left(regexp_replace(query, '\\s+', ' ', 'g'), 150) as query \
            from pg_stat_statements order by total_exec_time desc limit 14";
        println!("{:>10} {:>10} {:>8} {:>5} %  statement", "calls", "rows", "ms", "");
        for row in sqlx::query(sql).fetch_all(&mut self.database).await? {
            let (calls, rows, ms): (i64, i64, i64) = (row.try_get("calls")?, row.try_get("rows")?, row.try_get("ms")?);
            let (share, query): (String, String) = (row.try_get("share")?, row.try_get("query")?);
            println!("{calls:>10} {rows:>10} {ms:>8} {share:>5} %  {query}");
        }
        Ok(())
    }

    /// Stops everything, and deletes the data where nobody needs to look into it.
    ///
    /// # Errors
    /// With what did not end in order.
    pub(crate) async fn end(mut self, remove: bool) -> anyhow::Result<()> {
        self.database.close().await.ok();
        let late = self.stand.tear_down().await;
        anyhow::ensure!(late.is_empty(), "{}", late.join("; "));
        if remove { self.stand.script("remove").await } else { Ok(()) }
    }
}

async fn set_up(stand: &mut Stand, statements: bool) -> anyhow::Result<PgConnection> {
    for process in 0..stand.roles().len() {
        lift_rate_limit(&stand.config(process))?;
    }
    let mut database = connect(stand).await?;
    let counted = if statements { &COUNT_STATEMENTS[..] } else { &[] };
    for setting in POSTGRESQL.iter().chain(counted) {
        let statement = format!("alter system set {setting}");
        sqlx::query(AssertSqlSafe(statement)).execute(&mut database).await?;
    }
    // shared_buffers wants a new start; an immediate one loses nothing, it only recovers.
    database.close().await.ok();
    stand.script("postgres-stop-immediate").await?;
    stand.script("postgres-start").await?;
    let mut database = connect(stand).await?;
    if statements {
        sqlx::query("create extension pg_stat_statements").execute(&mut database).await?;
    }
    Ok(database)
}

/// The limit of events a second is checked as ever, but it is not what is measured: one key sends everything here.
fn lift_rate_limit(config: &Path) -> anyhow::Result<()> {
    let text = std::fs::read_to_string(config)?;
    Ok(std::fs::write(config, text.replacen("ingest:\n", "ingest:\n  events_per_second: 100000000\n", 1))?)
}

async fn connect(stand: &Stand) -> anyhow::Result<PgConnection> {
    let admin = stand.service("DATABASE_ADMIN_URL");
    let server = admin.strip_suffix("/postgres").context("DATABASE_ADMIN_URL names another database than postgres")?;
    Ok(PgConnection::connect(&format!("{server}/leadflow")).await?)
}
