//! Decay fires rules: persons whose score crosses a threshold today by time alone are looked at and decided about, at bulk
//! priority.

use std::sync::Arc;
use std::time::Duration;

use leadflow_platform::consumer::HandlerError;
use leadflow_platform::health::Health;
use leadflow_platform::outbox;
use leadflow_platform::pg::WriteTx;
use leadflow_platform::run::Tasks;
use leadflow_platform::timers::{Next, poll_loop};
use tokio::sync::Notify;
use uuid::Uuid;

use super::Workers;
use super::failed::is_lasting;
use crate::domain::day::Day;
use crate::domain::decide::Trigger;
use crate::domain::identity::PersonId;
use crate::people::Person;
use crate::store;
use crate::store::review::Chore;
use crate::work::{Asked, Cause, Diligence, Work};

const EVERY: Duration = Duration::from_secs(30);
/// Persons in one transaction.
const PAGE: i64 = 100;

pub(super) fn start(workers: &Workers, tasks: &Tasks, health: &Health) {
    let own = workers.clone();
    poll_loop(tasks, health, &workers.database, "review", EVERY, Arc::new(Notify::new()), move || {
        let own = own.clone();
        async move { own.review_page().await }
    });
}

impl Workers {
    /// Reviews who is due.
    ///
    /// # Errors
    /// If the database says so.
    pub async fn review_page(&self) -> anyhow::Result<Next> {
        let mut connection = self.database.pool().acquire().await?;
        let today = Day::of(self.database.now().await?);
        let due = store::review::due(&mut connection, today, PAGE).await?;
        drop(connection);
        if due.is_empty() {
            return Ok(Next::Rest);
        }
        match self.review_together(&due, today).await {
            Err(error) if is_lasting(&error) => self.review_one_by_one(&due, today).await?,
            done => done?,
        }
        Ok(Next::AtOnce)
    }

    /// Finds who makes the page fail.
    async fn review_one_by_one(&self, due: &[PersonId], today: Day) -> Result<(), HandlerError> {
        for person in due {
            match self.review_together(&[*person], today).await {
                Err(error) if is_lasting(&error) => self.put_off(Chore::Review, *person, &error).await?,
                done => done?,
            }
        }
        Ok(())
    }

    async fn review_together(&self, due: &[PersonId], today: Day) -> Result<(), HandlerError> {
        let mut tx = self.database.write_tx("review").await?;
        let told = self.review(&mut tx, due, today).await?;
        tx.commit().await?;
        if told {
            self.publisher.wake();
        }
        Ok(())
    }

    async fn review(&self, tx: &mut WriteTx, due: &[PersonId], today: Day) -> Result<bool, HandlerError> {
        let mut sorted = due.to_vec();
        sorted.sort_unstable();
        let mut work = Work::new(tx.now(), self.incarnation);
        work.diligence = Diligence::Exact;
        let connection = tx.connection();
        for row in store::person::lock(connection, &sorted).await? {
            let rules = self.models.get(connection, row.model_no).await?;
            let person = Person::from_row(row, &rules).map_err(store::corrupt)?;
            work.people.insert(person.id, person);
        }
        work.load(connection, sorted.iter().copied()).await?;
        // Who became one with another, or was erased meanwhile, is looked at no more.
        store::review::forget_reviews(connection, &sorted).await?;
        for id in &sorted {
            let Some(person) = work.people.get(id).filter(|person| person.merged_into.is_none()) else { continue };
            let name = format!("review:{}:{}", today.0, person.version);
            let cause = Cause { topic: "review", id: Uuid::new_v5(&person.uid, name.as_bytes()), trace: None };
            work.ask(&Asked { person: *id, trigger: Trigger::Clock, cause, is_known_anew: false }, Vec::new());
        }
        let rows = work.tell(connection).await?;
        work.save(connection).await?;
        outbox::append(tx, &rows).await?;
        Ok(!rows.is_empty())
    }
}
