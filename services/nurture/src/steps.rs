//! The timer of enrolments: what is due goes on. It begins at the contact and only reads the lead; whoever holds a contact
//! decides, the others pass on. A crash rolls back, and it is due again.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use leadflow_platform::health::Health;
use leadflow_platform::identity_key::IdentityKey;
use leadflow_platform::outbox::{self, PublisherHandle};
use leadflow_platform::pg::{Database, FailureKind, PgError};
use leadflow_platform::run::Tasks;
use leadflow_platform::timers::{self, ATTEMPTS, GivenUp, Next};
use uuid::Uuid;

use crate::change::{Change, Setting};
use crate::domain::state::{Trigger, Wake};
use crate::held;
use crate::journeys::Journeys;
use crate::sender::wake::Wakers;
use crate::store;
use crate::store::due::Due;

/// Enrolments of a look.
const LOOK: i64 = 1000;
/// Transactions that share a look, each with the contacts of its own: while one waits for the database, the other decides.
const LANES: usize = 2;
/// Looks at least so often.
const INTERVAL: Duration = Duration::from_secs(1);
/// When whoever holds what is due is asked again.
const BUSY_PAUSE: Duration = Duration::from_millis(10);
/// A root whose timer failed comes again after so long.
const PUSH_BACK: Duration = Duration::from_secs(30);

/// The timer of one process.
#[derive(Clone)]
pub struct Steps {
    database: Database,
    incarnation: i32,
    identity_key: Arc<IdentityKey>,
    journeys: Arc<Journeys>,
    default_zone: Arc<str>,
    publisher: PublisherHandle,
    wakers: Wakers,
}

impl Steps {
    /// Not running yet.
    #[must_use]
    pub fn new(
        database: &Database,
        incarnation: i32,
        identity_key: Arc<IdentityKey>,
        journeys: Arc<Journeys>,
        default_zone: &str,
        publisher: PublisherHandle,
        wakers: Wakers,
    ) -> Self {
        let default_zone = default_zone.into();
        Self { database: database.clone(), incarnation, identity_key, journeys, default_zone, publisher, wakers }
    }

    /// Starts the loop as a task.
    pub fn start(self, tasks: &Tasks, health: &Health) {
        let database = self.database.clone();
        let wake = Arc::clone(&self.wakers.steps);
        timers::poll_loop(tasks, health, &database, "journey_steps", INTERVAL, wake, move || {
            let steps = self.clone();
            async move { Ok(steps.step().await?) }
        });
    }

    /// Lets what is due go on, as much as a look sees.
    ///
    /// # Errors
    /// As the database says; nothing is lost, it is due again.
    pub async fn step(&self) -> Result<Next, PgError> {
        match store::due::next_enrollment(self.database.pool()).await? {
            None => return Ok(Next::Rest),
            Some(pause) if !pause.is_zero() => return Ok(Next::Within(pause)),
            Some(_) => {}
        }
        let due = self.look(LOOK).await?;
        if due.is_empty() {
            return Ok(Next::Rest);
        }
        let [left, right] = lanes(due);
        let (left, right) = tokio::join!(self.page(&left), self.page(&right));
        let mut taken = 0;
        let mut stands_in_the_way = false;
        for page in [left, right] {
            match page {
                Ok(count) => taken += count,
                Err(error) if error.kind == FailureKind::Data => {
                    tracing::warn!("a page of enrolments could not go on, one by one now: {error}");
                    stands_in_the_way = true;
                }
                Err(error) => return Err(error),
            }
        }
        if stands_in_the_way {
            self.one_by_one().await?;
        } else if taken == 0 {
            return Ok(Next::Within(BUSY_PAUSE));
        }
        Ok(Next::AtOnce)
    }

    async fn look(&self, limit: i64) -> Result<Due, PgError> {
        let now = self.database.now().await?;
        let mut connection = self.database.pool().acquire().await?;
        store::due::enrollments(&mut connection, now, limit).await
    }

    /// Lets these go on, in one transaction. How many did: not those that somebody else holds, or was faster with.
    async fn page(&self, due: &Due) -> Result<usize, PgError> {
        if due.is_empty() {
            return Ok(0);
        }
        let mut tx = self.database.write_tx("journey_steps").await?;
        let now = tx.now();
        let contacts = store::contact::lock_free(tx.connection(), &store::due::contacts(due)).await?;
        let ids: Vec<Uuid> = due.iter().map(|(enrollment_id, _)| *enrollment_id).collect();
        let mut enrollments = store::enrollment::by_ids(tx.connection(), &ids).await?;
        // Again under the lock: somebody may have been faster.
        let locked: HashSet<&[u8]> = contacts.iter().map(|contact| contact.email_hash.as_slice()).collect();
        enrollments.retain(|one| one.wake_at.is_some_and(|at| at <= now) && locked.contains(one.email_hash.as_slice()));
        let versions = enrollments.iter().map(|one| (one.journey_id.as_str(), one.version));
        let compiled = self.journeys.all(tx.connection(), versions).await?;
        let lead_ids: Vec<Uuid> = enrollments.iter().map(|one| one.lead_id).collect();
        let told = store::told::load(tx.connection(), &lead_ids).await?;
        let mut held = held::hold(&mut tx, contacts, enrollments).await?;
        let setting = Setting {
            now,
            incarnation: self.incarnation,
            default_zone: &self.default_zone,
            identity_key: &self.identity_key,
        };
        let mut change = Change::new(setting, told);
        let mut late = Vec::new();
        for held in &mut held {
            for number in 0..held.enrollments.len() {
                let enrollment = &held.enrollments[number];
                late.extend(enrollment.wake_at);
                let key = (enrollment.journey_id.clone(), enrollment.version);
                match compiled.get(&key) {
                    Some(compiled) => change.advance(held, number, compiled, Trigger::Wake(Wake {}), false, None),
                    None => {
                        // A version that this program cannot run: another one may.
                        let enrollment = &mut held.enrollments[number];
                        enrollment.wake_at = now.checked_add(PUSH_BACK).ok();
                        change.touch(enrollment);
                    }
                }
            }
        }
        change.write(&mut tx).await?;
        outbox::append(&mut tx, &change.outbox).await?;
        self.wakers.note(change.has_mails(), change.has_calls());
        tx.commit().await?;
        self.publisher.wake();
        self.wakers.committed();
        late.iter().for_each(|due| timers::record_late("journey", *due, now));
        Ok(late.len())
    }

    /// Finds the enrolment that stands in the way; it is pushed back, and after five attempts given up.
    async fn one_by_one(&self) -> Result<(), PgError> {
        for _ in 0..LOOK {
            match self.page(&self.look(1).await?).await {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                Err(error) if error.kind == FailureKind::Data => self.push_back(&error).await?,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn push_back(&self, cause: &PgError) -> Result<(), PgError> {
        let mut tx = self.database.write_tx("journey_push_back").await?;
        let now = tx.now();
        let due = store::due::enrollments(tx.connection(), now, 1).await?;
        store::contact::lock_free(tx.connection(), &store::due::contacts(&due)).await?;
        let ids: Vec<Uuid> = due.iter().map(|(enrollment_id, _)| *enrollment_id).collect();
        for mut enrollment in store::enrollment::by_ids(tx.connection(), &ids).await? {
            enrollment.timer_attempt += 1;
            enrollment.wake_at = now.checked_add(PUSH_BACK).ok();
            if enrollment.timer_attempt >= ATTEMPTS {
                enrollment.wake_at = None;
                let (id, version) = (enrollment.enrollment_id, enrollment.version);
                tracing::error!(enrollment.id = %id, "an enrolment cannot go on after {ATTEMPTS} attempts: {cause}");
                let source = "/leadflow/nurture";
                let given_up = GivenUp { role: crate::ROLE, source, timer: "journey", root: id, version, cause, now };
                outbox::append(&mut tx, &[given_up.letter()]).await?;
            }
            store::enrollment::save(tx.connection(), &[&enrollment]).await?;
        }
        tx.commit().await?;
        self.publisher.wake();
        Ok(())
    }
}

/// Shares a look by the contacts.
fn lanes(due: Due) -> [Due; LANES] {
    let mut lanes: [Due; LANES] = Default::default();
    for one in due {
        let lane = usize::from(one.1.last().copied().unwrap_or(0)) % LANES;
        lanes[lane].push(one);
    }
    lanes
}
