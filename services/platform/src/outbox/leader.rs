//! The publisher while it holds the lock: brings rows to the broker in the order of their ids and deletes what was
//! acknowledged. All its memory is a [`Window`]; whatever goes wrong, its successor starts with an empty one.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use rdkafka::error::KafkaError;
use tokio_util::sync::CancellationToken;

use super::counts::{Metrics, TopicCounts};
use super::publisher::Publisher;
use super::sender::{Report, SendFailure, Sender};
use super::store::Session;
use super::window::{Sent, Window};
use super::{LATE_COMMITS, MOVING_FLOOR};
use crate::outage::Outage;
use crate::pg::{PgError, timed_out};
use crate::producer::Pace;

/// Rows of one poll.
const BATCH_ROWS: usize = 1000;
/// Bytes of one poll.
const BATCH_BYTES: usize = 4 * 1024 * 1024;
/// Rows under way; the next poll waits for acknowledgements.
const MAX_IN_FLIGHT: usize = 8000;
/// Bytes under way.
const MAX_IN_FLIGHT_BYTES: usize = 32 * 1024 * 1024;
/// The net under the wake-ups.
const TICK: Duration = Duration::from_millis(100);
/// How often the floor takes a step.
const FLOOR_STEP: Duration = Duration::from_millis(500);
/// Acknowledged rows rest this long, so that one delete serves many, unless a whole batch is there.
const DELETE_AFTER: Duration = Duration::from_millis(20);
/// Between two producers that both failed at once.
const LONGEST_REST: Duration = Duration::from_secs(5);
/// Rows without an acknowledgement for so long mean that the broker does not work.
const UNACKNOWLEDGED: Duration = Duration::from_secs(10);
/// Longest wait for the answer to a statement.
const STATEMENT: Duration = Duration::from_secs(20);
/// How long the end of the process waits for acknowledgements.
const LAST_REPORTS: Duration = Duration::from_secs(3);

/// The publisher while it holds the lock.
pub(super) struct Leader<'a> {
    publisher: &'a Publisher,
    session: Session,
    sender: Sender,
    window: Window,
    metrics: Metrics,
    batch_rows: usize,
    floor_step: Instant,
    last_delete: Instant,
    /// The last poll was cut off, or nothing was polled since a wake-up.
    more: bool,
    made: Instant,
    pace: Pace,
    /// Rows are to wait for company from now on, as soon as nothing is under way.
    changes_sender: bool,
    /// Producers that were replaced since the last acknowledgement.
    replaced: u32,
    /// No poll before, after a producer that failed.
    rest_until: Instant,
    /// The last acknowledgement, or the last moment at which none was waited for.
    acknowledged: Instant,
    broker: Outage,
}

impl<'a> Leader<'a> {
    pub(super) fn new(publisher: &'a Publisher, session: Session) -> anyhow::Result<Self> {
        Ok(Self {
            publisher,
            session,
            sender: Sender::new(&publisher.kafka).context("make the outbox's producer")?,
            window: Window::new(),
            metrics: Metrics::new(publisher.database.schema()),
            batch_rows: BATCH_ROWS,
            floor_step: Instant::now(),
            last_delete: Instant::now(),
            more: true,
            made: Instant::now(),
            pace: Pace::default(),
            changes_sender: false,
            replaced: 0,
            rest_until: Instant::now(),
            acknowledged: Instant::now(),
            broker: publisher.kafka.outage(),
        })
    }

    pub(super) async fn publish(mut self, stop: &CancellationToken) -> anyhow::Result<()> {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut reports = Vec::new();
        loop {
            let has_room = self.has_room();
            let delete_at = tokio::time::Instant::from_std(self.last_delete + DELETE_AFTER);
            tokio::select! {
                () = stop.cancelled() => return self.finish().await,
                () = std::future::ready(()), if self.more && has_room => {}
                () = self.sender.reports(&mut reports) => {}
                () = self.publisher.handle.woken() => self.more = true,
                () = tokio::time::sleep_until(delete_at), if self.window.acknowledged() > 0 => {}
                _ = tick.tick() => self.more = true,
            }
            self.sender.reports_now(&mut reports);
            self.settle(&mut reports)?;
            if self.more && self.has_room() {
                self.poll().await?;
            }
            self.delete_if_due().await?;
            self.step_floor_if_due().await?;
        }
    }

    /// False while what is under way has to go first.
    fn has_room(&self) -> bool {
        self.window.in_flight() < MAX_IN_FLIGHT
            && self.window.in_flight_bytes() < MAX_IN_FLIGHT_BYTES
            && (!self.changes_sender || self.window.in_flight() == 0)
            && self.rest_until <= Instant::now()
    }

    /// In a backlog rows wait for company, in quiet times they do not. The two producers change places only while nothing is
    /// under way: going into a backlog waits for that, coming out of it does not.
    fn choose_sender(&mut self, rows: usize) {
        let gather = self.pace.note(self.made.elapsed(), rows as u64) || self.more;
        self.changes_sender = gather && !self.sender.gathers();
        if self.window.in_flight() == 0 && gather != self.sender.gathers() {
            self.sender.set_gathers(gather);
            self.changes_sender = false;
        }
    }

    /// Reads and hands over one batch.
    async fn poll(&mut self) -> anyhow::Result<()> {
        if self.changes_sender {
            self.sender.set_gathers(true);
            self.changes_sender = false;
        }
        if !self.publisher.database.is_on(MOVING_FLOOR) {
            self.window.forget_what_was_seen();
        }
        let polled = bounded(self.session.poll(&self.window, self.batch_rows, BATCH_BYTES)).await?;
        let last = polled.rows.last().map_or(i64::MAX, |row| row.id);
        self.more = polled.cut_off;
        // Large rows: read fewer at a time, what the server sends in vain is thrown away.
        self.batch_rows = if polled.cut_off && polled.rows.len() < self.batch_rows {
            polled.rows.len().max(1)
        } else {
            (self.batch_rows * 2).min(BATCH_ROWS)
        };
        let rows = polled.rows.len();
        for row in polled.rows {
            if self.window.knows(row.id) {
                continue;
            }
            match self.sender.send(&row) {
                Ok(time_us) => self.window.sent(row.id, Sent { bytes: row.bytes(), time_us, topic: row.topic }),
                // Order: nothing behind this row may go before it.
                Err(failure @ SendFailure::Producer { .. }) => {
                    self.replace_sender(&failure.to_string())?;
                    return Ok(());
                }
                Err(failure) => return Err(failure.into()),
            }
        }
        self.window.polled_up_to(if polled.cut_off { last } else { i64::MAX });
        self.choose_sender(rows);
        if !self.publisher.database.is_on(LATE_COMMITS) {
            self.window.forget_holes();
        }
        Ok(())
    }

    /// Takes in what the broker said.
    fn settle(&mut self, reports: &mut Vec<Report>) -> anyhow::Result<()> {
        match self.count(reports) {
            None => Ok(()),
            Some(error) => self.replace_sender(&error.to_string()),
        }
    }

    /// Notes what was acknowledged; returns a failure if there was one.
    fn count(&mut self, reports: &mut Vec<Report>) -> Option<KafkaError> {
        let mut failure = None;
        let mut counts = TopicCounts::default();
        for report in reports.drain(..) {
            match report.error {
                None => {
                    counts.add(self.window.acknowledge(report.id));
                    self.replaced = 0;
                    self.acknowledged = Instant::now();
                }
                Some(error) => failure = Some(error),
            }
        }
        self.metrics.published(&counts);
        failure
    }

    /// After a failed delivery the old producer must not send anything more: a new one starts at the oldest row that was
    /// not acknowledged, at once the first time, then after growing pauses.
    fn replace_sender(&mut self, reason: &str) -> anyhow::Result<()> {
        let mut last_reports = Vec::new();
        self.sender.reports_now(&mut last_reports);
        self.count(&mut last_reports);
        self.sender = Sender::new(&self.publisher.kafka).context("make the outbox's producer")?;
        let given_back = self.window.give_back();
        let mut counts = TopicCounts::default();
        given_back.values().for_each(|sent| counts.add(Some(*sent)));
        self.metrics.repeats(&counts);
        self.more = true;
        if self.replaced > 0 {
            self.rest_until = Instant::now() + (TICK * 2_u32.pow(self.replaced.min(6))).min(LONGEST_REST);
        }
        self.replaced += 1;
        let rows = given_back.len();
        let schema = self.publisher.database.schema();
        tracing::warn!(schema, rows, "a delivery failed, {rows} rows of the outbox are sent again: {reason}");
        Ok(())
    }

    async fn delete_if_due(&mut self) -> Result<(), PgError> {
        let waiting = self.window.acknowledged();
        // A poll that can be made goes first: it makes somebody wait, the delete does not.
        let poll_is_next = self.more && self.has_room();
        let due = waiting > 0 && !poll_is_next && self.last_delete.elapsed() >= DELETE_AFTER;
        if waiting >= BATCH_ROWS || due {
            let ids = self.window.deletable(4 * BATCH_ROWS);
            bounded(self.session.delete(&ids)).await?;
            self.window.deleted(&ids);
            self.last_delete = Instant::now();
        }
        Ok(())
    }

    async fn step_floor_if_due(&mut self) -> Result<(), PgError> {
        if self.floor_step.elapsed() < FLOOR_STEP {
            return Ok(());
        }
        self.floor_step = Instant::now();
        self.publisher.alive();
        self.look_for_acknowledgements();
        self.metrics.oldest(self.window.oldest_time_us());
        if self.window.wants_candidate() {
            let last_id = bounded(self.session.last_id()).await?;
            if self.window.has_undecided(last_id) {
                let xid = bounded(self.session.draw_xid()).await?;
                self.window.propose(last_id, xid);
            }
        } else {
            let xmin = bounded(self.session.oldest_running()).await?;
            self.window.oldest_running(xmin);
            // The floor moves with the first poll after this.
            self.more = true;
        }
        Ok(())
    }

    /// A broker may be there and acknowledge nothing: too few replicas, a partition without a leader.
    fn look_for_acknowledgements(&mut self) {
        if self.window.in_flight() == 0 {
            self.acknowledged = Instant::now();
        } else if self.acknowledged.elapsed() > UNACKNOWLEDGED {
            self.broker.in_vain("it acknowledges no rows of the outbox");
        }
    }

    /// The process ends: waits a little for what is under way and deletes it, so that the next one repeats less.
    async fn finish(mut self) -> anyhow::Result<()> {
        let deadline = tokio::time::Instant::now() + LAST_REPORTS;
        let mut reports = Vec::new();
        while self.window.in_flight() > 0 {
            if tokio::time::timeout_at(deadline, self.sender.reports(&mut reports)).await.is_err() {
                break;
            }
            if reports.iter().any(|report| report.error.is_some()) {
                break;
            }
            self.settle(&mut reports)?;
        }
        let ids = self.window.deletable(usize::MAX);
        bounded(self.session.delete(&ids)).await?;
        self.session.close().await;
        Ok(())
    }
}

/// A statement that gets no answer means a new session.
pub(super) async fn bounded<T>(statement: impl Future<Output = Result<T, PgError>>) -> Result<T, PgError> {
    tokio::time::timeout(STATEMENT, statement).await.unwrap_or_else(|_| Err(timed_out("a statement of the outbox")))
}
