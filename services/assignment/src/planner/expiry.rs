//! Offers that nobody answered; those that nobody could see begin anew. The lead's row is the root and its only lock: a rep
//! who accepts and the clock that expires meet there, and whoever comes second finds it decided. A crash rolls back, and the
//! offer is due again at once.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use leadflow_platform::health::Health;
use leadflow_platform::outbox::{self, PublisherHandle};
use leadflow_platform::pg::{Database, FailureKind, Mechanism, PgError};
use leadflow_platform::run::Tasks;
use leadflow_platform::timers::{self, ATTEMPTS, GivenUp, Next};
use leadflow_proto::assignment::v1::{Assignment, Declined};
use tokio::sync::Notify;

use super::{PlannerHandle, unseen};
use crate::change::Change;
use crate::domain::decision::{Expire, Question};
use crate::domain::lead::{AssignmentState, LeadState};
use crate::held::{Held, hold_locked};
use crate::store;
use crate::wire::event::{self, Happened};

/// Offers in one transaction.
const PAGE: i64 = 500;
const INTERVAL: Duration = Duration::from_secs(1);
/// Somebody else holds the leads that are due: he is done in about this time.
const BUSY_PAUSE: Duration = Duration::from_millis(20);
/// A lead whose timer failed is left alone for so long.
const PUSH_BACK: Duration = Duration::from_secs(30);

/// The timer meets answers at the lead's lock. A test turns it off to see one offer expire and be accepted.
pub const LEAD_IS_LOCKED: Mechanism = Mechanism("assignment.lead_is_locked");

/// An offer that the broker has not acknowledged does not expire. A test turns it off to see offers pass from one rep to the
/// next while the broker is away and nobody can see them.
pub const UNSEEN_OFFERS_STAY: Mechanism = Mechanism("assignment.unseen_offers_stay");

/// The timer of offers.
#[derive(Clone)]
pub struct Expiry {
    database: Database,
    incarnation: i32,
    publisher: PublisherHandle,
    planner: PlannerHandle,
}

impl Expiry {
    /// Wakes `publisher` and `planner` after each commit.
    #[must_use]
    pub fn new(database: &Database, incarnation: i32, publisher: PublisherHandle, planner: PlannerHandle) -> Self {
        Self { database: database.clone(), incarnation, publisher, planner }
    }

    /// Starts the loop as a task. Nobody wakes it: no offer is shorter than its interval.
    pub fn start(self, tasks: &Tasks, health: &Health) {
        let database = self.database.clone();
        timers::poll_loop(tasks, health, &database, "offer_expiry", INTERVAL, Arc::new(Notify::new()), move || {
            let expiry = self.clone();
            async move { Ok(expiry.step().await?) }
        });
    }

    /// Expires what is due.
    ///
    /// # Errors
    /// As the database says; nothing is lost, it is due again.
    pub async fn step(&self) -> Result<Next, PgError> {
        // A plain look first: a transaction every second, with nothing in it, would use up transaction ids.
        match store::queue::next_expiry(self.database.pool()).await? {
            None => return Ok(Next::Rest),
            Some(pause) if !pause.is_zero() => return Ok(Next::Within(pause)),
            Some(_) => {}
        }
        match self.expire_page(PAGE).await {
            Err(error) if error.kind == FailureKind::Data => {
                tracing::warn!("a page of offers could not expire, one by one now: {error}");
                self.one_by_one().await?;
            }
            Err(error) => return Err(error),
            // Whoever holds what is due decides it.
            Ok(0) => return Ok(Next::Within(BUSY_PAUSE)),
            Ok(_) => {}
        }
        Ok(Next::AtOnce)
    }

    async fn expire_page(&self, limit: i64) -> Result<i64, PgError> {
        let mut tx = self.database.write_tx("expire").await?;
        let now = tx.now();
        let leads =
            store::queue::lock_expired(tx.connection(), now, limit, self.database.is_on(LEAD_IS_LOCKED)).await?.leads;
        if leads.is_empty() {
            return Ok(0);
        }
        let expired = i64::try_from(leads.len()).unwrap_or(i64::MAX);
        let due: Vec<_> = leads.iter().filter_map(|lead| lead.wake_at).collect();
        let mut held = hold_locked(&mut tx, leads).await?;
        let unseen = match self.database.is_on(UNSEEN_OFFERS_STAY) {
            true => unseen::unseen(&mut tx, &held).await?,
            false => HashMap::new(),
        };
        let mut change = Change::new(now, self.incarnation);
        for held in &mut held {
            let question = unseen.get(&held.lead.lead_id).cloned().unwrap_or_default();
            expire(&mut change, held, question);
        }
        change.write(&mut tx, &held).await?;
        outbox::append(&mut tx, &change.outbox).await?;
        tx.commit().await?;
        due.into_iter().for_each(|due| timers::record_late("offer", due, now));
        self.publisher.wake();
        if change.wants_planning() {
            self.planner.wake_all();
        }
        Ok(expired)
    }

    /// Finds the offer that stands in the way; it is pushed back, and after five attempts given up.
    async fn one_by_one(&self) -> Result<(), PgError> {
        for _ in 0..PAGE {
            match self.expire_page(1).await {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                Err(error) if error.kind == FailureKind::Data => self.push_back(&error).await?,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn push_back(&self, cause: &PgError) -> Result<(), PgError> {
        let mut tx = self.database.write_tx("expire_push_back").await?;
        let now = tx.now();
        let leads = store::queue::lock_expired(tx.connection(), now, 1, true).await?.leads;
        for mut lead in leads {
            lead.timer_attempt += 1;
            lead.wake_at = now.checked_add(PUSH_BACK).ok();
            if lead.timer_attempt >= ATTEMPTS {
                lead.wake_at = None;
                tracing::error!(lead.id = %lead.lead_id, "an offer cannot expire after {ATTEMPTS} attempts: {cause}");
                let given_up = GivenUp {
                    role: crate::ROLE,
                    source: "/leadflow/assignment",
                    timer: "offer",
                    root: lead.lead_id,
                    version: lead.sequence,
                    cause,
                    now,
                };
                outbox::append(&mut tx, &[given_up.letter()]).await?;
            }
            store::lead::save(tx.connection(), &[&lead]).await?;
        }
        tx.commit().await?;
        self.publisher.wake();
        Ok(())
    }
}

fn expire(change: &mut Change, held: &mut Held, question: Expire) {
    let outcome = change.answer(held, Question::Expire(question), true, None);
    if outcome.is_refused() {
        // The index says offered and due; a row that says otherwise would come back forever.
        tracing::error!(lead.id = %held.lead.lead_id, refusal = outcome.refusal, "a due offer did not expire");
        held.lead.wake_at = None;
        held.touched = true;
        return;
    }
    if held.lead.state == LeadState::Offered {
        // Renewed: readers learn until when.
        let respond_by = held.lead.wake_at.map(event::timestamp);
        let told = held.assignment_as_told().map(|told| Assignment { respond_by, ..told });
        change.tell(held, told, Happened::Updated);
        return;
    }
    let reason = outcome.reasons.first().map(|line| line.text.clone()).unwrap_or_default();
    let declined = Declined { reason, expired: true };
    change.tell_moved(held, AssignmentState::Expired, Happened::Expired(declined));
}
