//! Calls of endpoints: a ledger like that of mails, but at least once, as Standard Webhooks have it: the receiver drops
//! repeats by `webhook-id`. One call an endpoint at a time, so that a slow one delays nobody else.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use leadflow_platform::clock::wall_now;
use leadflow_platform::health::Health;
use leadflow_platform::pg::{Database, PgError};
use leadflow_platform::run::Tasks;
use leadflow_platform::timers::{self, Next};
use leadflow_platform::webhook::{
    Delivery, Endpoint, Limits, PerEndpoint, Secret, WebhookClient, endpoint_is_dead, next_delay,
};
use uuid::Uuid;

use crate::config::{NurtureConfig, WebhookEndpoint};
use crate::sender::wake::Wakers;
use crate::store;
use crate::store::webhook::{Call, Settled};

const INTERVAL: Duration = Duration::from_secs(5);
const QUEUED: i16 = 1;
const DELIVERED: i16 = 2;
const FAILED: i16 = 3;
const REFUSED: i16 = 4;

/// The caller of one process.
#[derive(Clone)]
pub struct Caller {
    database: Database,
    client: WebhookClient,
    endpoints: Arc<BTreeMap<String, Endpoint>>,
    per_endpoint: PerEndpoint,
    wakers: Wakers,
    tasks: Arc<Tasks>,
}

impl Caller {
    /// Not running yet.
    ///
    /// # Errors
    /// If an endpoint cannot be called as it is configured, or a secret cannot be read.
    pub fn new(database: &Database, config: &NurtureConfig, wakers: Wakers, tasks: &Tasks) -> anyhow::Result<Self> {
        let client = WebhookClient::new(config.webhook_client.clone())?;
        let mut endpoints = BTreeMap::new();
        for (name, source) in &config.webhooks {
            let endpoint = endpoint(source).with_context(|| format!("nurture.webhooks.{name}"))?;
            config.webhook_client.permits(&endpoint).with_context(|| format!("nurture.webhooks.{name}"))?;
            endpoints.insert(name.clone(), endpoint);
        }
        Ok(Self {
            database: database.clone(),
            client,
            endpoints: Arc::new(endpoints),
            per_endpoint: PerEndpoint::new(1),
            wakers,
            tasks: Arc::new(tasks.handle()),
        })
    }

    /// Names that journeys may use.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.endpoints.keys().map(String::as_str)
    }

    /// Starts the loop as a task.
    pub fn start(self, tasks: &Tasks, health: &Health) {
        let (database, wake) = (self.database.clone(), Arc::clone(&self.wakers.calls));
        timers::poll_loop(tasks, health, &database, "webhook_caller", INTERVAL, wake, move || {
            let caller = self.clone();
            async move { Ok(caller.step().await?) }
        });
    }

    /// Begins what is due: one call of each endpoint that has none under way. They go on in tasks of their own.
    ///
    /// # Errors
    /// As the database says; nothing is lost, it is due again.
    pub async fn step(&self) -> Result<Next, PgError> {
        let busy = self.per_endpoint.full();
        match store::webhook::next(self.database.pool(), &busy).await? {
            None => return Ok(Next::Rest),
            Some(seconds) if seconds > 0.0 => return Ok(Next::Within(Duration::from_secs_f64(seconds))),
            Some(_) => {}
        }
        let owner = Uuid::now_v7();
        let mut tx = self.database.write_tx("claim_calls").await?;
        let now = tx.now();
        let lease = Limits::default().total + Duration::from_secs(30);
        let calls = store::webhook::claim(tx.connection(), owner, &busy, now, lease).await?;
        tx.commit().await?;
        let found = !calls.is_empty();
        for call in calls {
            let Some(turn) = self.per_endpoint.try_take(&call.endpoint) else { continue };
            let caller = self.clone();
            self.tasks.spawn("webhook", async move {
                caller.call(owner, call).await;
                drop(turn);
                caller.wakers.calls.notify_one();
                Ok(())
            });
        }
        // Without a free endpoint the end of a call wakes us.
        Ok(if found { Next::AtOnce } else { Next::Rest })
    }

    async fn call(&self, owner: Uuid, call: Call) {
        let id = format!("msg_{}", call.webhook_call_id.simple());
        let outcome = match self.endpoints.get(&call.endpoint) {
            _ if call.disabled => Outcome::NotAsked("endpoint_disabled"),
            None => Outcome::NotAsked("endpoint_unknown"),
            Some(endpoint) => {
                let body = Bytes::from(call.body.clone());
                Outcome::Asked(self.client.deliver(endpoint, &id, wall_now(), body, "application/json").await)
            }
        };
        if let Err(error) = self.keep(owner, &call, outcome).await {
            tracing::warn!(webhook.endpoint = %call.endpoint, "what became of a call could not be kept; it is made again: {error}");
        }
    }

    async fn keep(&self, owner: Uuid, call: &Call, outcome: Outcome) -> Result<(), PgError> {
        let mut tx = self.database.write_tx("settle_call").await?;
        let now = tx.now();
        let (first, disabled) = store::webhook::endpoint(tx.connection(), &call.endpoint).await?;
        let settled = |state, reason: &str, not_before| Settled {
            webhook_call_id: call.webhook_call_id,
            owner,
            state,
            reason: reason.to_owned(),
            not_before,
        };
        let (settled, first_failure, dead) = match outcome {
            Outcome::NotAsked(reason) => (settled(REFUSED, reason, now), first, None),
            Outcome::Asked(Delivery::Delivered { .. }) => (settled(DELIVERED, "", now), None, None),
            Outcome::Asked(Delivery::Disabled) => (settled(FAILED, "gone", now), first, Some((now, "gone"))),
            Outcome::Asked(Delivery::Refused { reason }) => (settled(REFUSED, reason.code(), now), first, None),
            Outcome::Asked(Delivery::Retry { reason, after }) => {
                let since = first.unwrap_or(now);
                let dead = endpoint_is_dead(since, now).then_some((now, "silent"));
                let attempt = u16::try_from(call.attempt).unwrap_or(u16::MAX).saturating_add(1);
                let pause = next_delay(attempt, jitter(call), after).filter(|_| dead.is_none());
                let next = pause.and_then(|pause| now.checked_add(pause).ok());
                match next {
                    Some(at) => (settled(QUEUED, reason.code(), at), Some(since), dead),
                    None => (settled(FAILED, reason.code(), now), Some(since), dead),
                }
            }
        };
        // Once given up it stays so until somebody restarts us, whatever was under way.
        if store::webhook::settle(tx.connection(), &settled, now).await? && disabled.is_none() {
            if let Some((_, reason)) = dead {
                tracing::error!(webhook.endpoint = %call.endpoint, reason, "an endpoint is disabled: mend it, then restart this role");
            }
            store::webhook::note_endpoint(tx.connection(), &call.endpoint, first_failure, dead).await?;
        }
        tx.commit().await
    }

    /// At the start of a process: whoever was disabled gets another chance, since somebody has restarted us.
    ///
    /// # Errors
    /// As the database says.
    pub async fn enable_all(&self) -> Result<(), PgError> {
        let mut tx = self.database.write_tx("enable_endpoints").await?;
        for name in self.endpoints.keys() {
            store::webhook::note_endpoint(tx.connection(), name, None, None).await?;
        }
        tx.commit().await
    }
}

/// What came of a call.
enum Outcome {
    /// Nobody was asked, for this reason.
    NotAsked(&'static str),
    /// The endpoint was.
    Asked(Delivery),
}

/// The same for every attempt of a call, and another for every call.
fn jitter(call: &Call) -> u32 {
    call.webhook_call_id.as_fields().0
}

fn endpoint(source: &WebhookEndpoint) -> anyhow::Result<Endpoint> {
    let mut secrets = Vec::new();
    for path in &source.secret_files {
        let text = std::fs::read_to_string(path).with_context(|| format!("read the secret {}", path.display()))?;
        secrets.push(Secret::parse(text.trim()).with_context(|| format!("the secret in {}", path.display()))?);
    }
    Ok(Endpoint::parse(&source.url, secrets)?)
}
