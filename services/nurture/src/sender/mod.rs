//! The senders of mails: claims what is due, decides again, goes to the relay, and keeps what became of it. A mail is never
//! sent twice: between the mark `sending` and the relay's last word nobody else touches it, and if that word never comes it
//! stays `uncertain`.

pub mod brake;
mod claim;
pub mod compose;
mod deliver;
mod lost;
mod settle;
pub mod wake;

pub use deliver::LAST_LOOK;

use std::sync::Arc;
use std::time::Duration;

use leadflow_platform::health::Health;
use leadflow_platform::identity_key::IdentityKey;
use leadflow_platform::outage::Outage;
use leadflow_platform::outbox::PublisherHandle;
use leadflow_platform::pg::{Database, PgError};
use leadflow_platform::run::Tasks;
use leadflow_platform::timers::{self, Next};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use self::wake::Wakers;
use crate::config::NurtureConfig;
use crate::journeys::Journeys;
use crate::mail::LinkSigner;
use crate::smtp::Relay;
use crate::store;

/// Looks at the ledger at least so often.
const INTERVAL: Duration = Duration::from_secs(5);
/// When whoever holds what is due is asked again.
const BUSY_PAUSE: Duration = Duration::from_millis(100);

/// The senders of one process.
#[derive(Clone)]
pub struct Sender {
    shared: Arc<Shared>,
}

struct Shared {
    database: Database,
    incarnation: i32,
    config: Arc<NurtureConfig>,
    identity_key: Arc<IdentityKey>,
    journeys: Arc<Journeys>,
    relay: Relay,
    outage: Outage,
    signer: LinkSigner,
    publisher: PublisherHandle,
    wakers: Wakers,
    /// Mails under way at a time.
    turns: Arc<Semaphore>,
    tasks: Tasks,
    /// The drain begins: nothing new is claimed.
    stop: CancellationToken,
}

/// What a sender is made of.
pub struct SenderParts {
    /// Schema `nurture`.
    pub database: Database,
    /// Of the deployment.
    pub incarnation: i32,
    /// Who writes, and how often.
    pub config: Arc<NurtureConfig>,
    /// For hashes and links.
    pub identity_key: Arc<IdentityKey>,
    /// Templates.
    pub journeys: Arc<Journeys>,
    /// The way out.
    pub relay: Relay,
    /// Woken after each commit.
    pub publisher: PublisherHandle,
    /// Wakes us; we wake the timers.
    pub wakers: Wakers,
}

impl Sender {
    /// Not running yet.
    #[must_use]
    pub fn new(parts: SenderParts, tasks: &Tasks) -> Self {
        let pool_size = usize::try_from(parts.config.smtp.pool_size).unwrap_or(1);
        let signer = LinkSigner::new((*parts.identity_key).clone());
        let shared = Shared {
            database: parts.database,
            incarnation: parts.incarnation,
            config: parts.config,
            identity_key: parts.identity_key,
            journeys: parts.journeys,
            outage: Outage::of("relay", parts.relay.to_string(), "Mails wait"),
            relay: parts.relay,
            signer,
            publisher: parts.publisher,
            wakers: parts.wakers,
            turns: Arc::new(Semaphore::new(pool_size)),
            tasks: tasks.handle(),
            stop: tasks.stop_token(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Starts the loops of this process.
    pub fn start(self, tasks: &Tasks, health: &Health) {
        let (check, outage) = (health.register("relay"), self.shared.outage.clone());
        check.degraded_while(move || outage.describe());
        check.ready();
        self.start_brake(tasks, health);
        let database = self.shared.database.clone();
        let wake = Arc::clone(&self.shared.wakers.mails);
        let sender = self.clone();
        timers::poll_loop(tasks, health, &database, "mail_sender", INTERVAL, wake, move || {
            let sender = sender.clone();
            async move { sender.step().await }
        });
        let idle = Arc::new(tokio::sync::Notify::new());
        timers::poll_loop(tasks, health, &database, "lost_mails", INTERVAL, idle, move || {
            let sender = self.clone();
            async move { Ok(sender.find_lost().await?) }
        });
    }

    /// Bounces and complaints also come back by mail and by hooks, hours later: whoever reads them does not look.
    fn start_brake(&self, tasks: &Tasks, health: &Health) {
        let (sender, database) = (self.clone(), self.shared.database.clone());
        let idle = Arc::new(tokio::sync::Notify::new());
        timers::poll_loop(tasks, health, &database, "brakes", INTERVAL, idle, move || {
            let sender = sender.clone();
            async move {
                let mut tx = sender.shared.database.write_tx("brakes").await?;
                brake::look(&mut tx, &sender.shared.config.brakes).await?;
                tx.commit().await?;
                Ok(Next::Rest)
            }
        });
    }

    /// Claims as many mails as there are free turns, and lets each go its way in a task of its own.
    async fn step(&self) -> anyhow::Result<Next> {
        let shared = &self.shared;
        match store::due::next_message(shared.database.pool()).await? {
            None => return Ok(Next::Rest),
            Some(pause) if !pause.is_zero() => return Ok(Next::Within(pause)),
            Some(_) => {}
        }
        // At least one turn, then as many as are free anyway.
        let first = shared.stop.run_until_cancelled(Arc::clone(&shared.turns).acquire_owned()).await;
        let Some(Ok(first)) = first else { return Ok(Next::Rest) };
        let mut turns = vec![first];
        while let Ok(turn) = Arc::clone(&shared.turns).try_acquire_owned() {
            turns.push(turn);
        }
        let page = self.claim(turns.len()).await?;
        let (claimed, looked, paused) = (page.claimed, page.looked, page.paused);
        for mail in claimed {
            let Some(turn) = turns.pop() else { break };
            let sender = self.clone();
            shared.tasks.spawn("mail", async move {
                sender.deliver(mail).await;
                drop(turn);
                // A turn is free, and perhaps somebody waits for it.
                sender.shared.wakers.mails.notify_one();
                Ok(())
            });
        }
        Ok(match looked {
            // Until somebody resumes.
            _ if paused => Next::Rest,
            0 => Next::Within(BUSY_PAUSE),
            _ => Next::AtOnce,
        })
    }

    /// Of a claim, until DATA begins; renewed while the relay takes its time.
    fn lease(&self) -> Duration {
        self.shared.config.smtp.timeouts.claim.get()
    }

    fn transmit_lease(&self) -> Duration {
        self.shared.config.smtp.longest_transmit() + Duration::from_secs(30)
    }

    /// One that nobody else ever has: a claim of this process at this moment.
    fn new_lease_owner() -> Uuid {
        Uuid::now_v7()
    }
}

/// One database error more or less: the mail is due again.
fn log_failure(what: &str, message_id: Uuid, error: &PgError) {
    tracing::warn!(message.id = %message_id, "{what}: {error}");
}
