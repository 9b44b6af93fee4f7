//! The thread that talks to the broker: joins the group, serves its callbacks, tells Kafka what PostgreSQL has committed
//! (for lag tools only, it is never read), claims again what a lane had to give up, and closes the consumer, which blocks.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rdkafka::TopicPartitionList;
use rdkafka::config::FromClientConfigAndContext as _;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message as _;
use rdkafka::topic_partition_list::Offset;

use super::assignment::{Assignment, Held};
use super::context::{Broken, GroupContext};
use super::settings::client_config;
use super::shared::{Key, Shared, Wish, locked};
use super::store;
use crate::causes::causes;
use crate::health::Progress;
use crate::kafka::Reports;

const POLL: Duration = Duration::from_millis(100);
const COMMIT_EVERY: Duration = Duration::from_secs(1);
const LOOK_AT_STOPPED_EVERY: Duration = Duration::from_secs(2);
const REBUILD_PAUSE: Duration = Duration::from_secs(1);
/// Partitions that a process may come to own; bounds what librdkafka prefetches.
const PARTITIONS_PER_TOPIC: usize = 8;

type GroupConsumer = BaseConsumer<GroupContext>;

/// Reads until the stop token is cancelled. A fatal error of the client makes a new one; what cannot be mended ends the
/// process.
pub(crate) fn run(shared: &Arc<Shared>, progress: &Progress) -> anyhow::Result<()> {
    progress.busy(true);
    while !shared.stop.is_cancelled() {
        let consumer = build(shared)?;
        let ended = serve(shared, &consumer, progress);
        close(shared, consumer);
        match ended {
            Ok(()) => break,
            Err(Broken::Process(error)) => return Err(error),
            Err(Broken::Client(error)) => {
                let error = causes(&error);
                tracing::warn!(consumer = shared.consumer, error, "the client is beyond repair; making a new one");
                std::thread::sleep(REBUILD_PAUSE);
            }
        }
    }
    Ok(())
}

fn build(shared: &Arc<Shared>) -> anyhow::Result<Arc<GroupConsumer>> {
    let group = shared.kafka.group(shared.consumer);
    let config = client_config(&shared.kafka, &group, shared.routes.len() * PARTITIONS_PER_TOPIC);
    let context = GroupContext {
        shared: Arc::clone(shared),
        consumer: OnceLock::new(),
        assignment: Mutex::default(),
        failure: Mutex::default(),
        reports: Reports::new(shared.consumer, &shared.kafka),
    };
    let consumer = GroupConsumer::from_config_and_context(&config, context).context("make the Kafka consumer")?;
    let consumer = Arc::new(consumer);
    let weak = Arc::downgrade(&consumer);
    // Set once, right here.
    let _ = consumer.context().consumer.set(weak);
    let topics: Vec<&str> = shared.routes.iter().map(|route| &*route.name).collect();
    consumer.subscribe(&topics).context("subscribe")?;
    Ok(consumer)
}

/// Until the drain is done.
fn serve(shared: &Shared, consumer: &Arc<GroupConsumer>, progress: &Progress) -> Result<(), Broken> {
    let context = Arc::clone(consumer.context());
    let mut committed = Instant::now();
    let mut looked = Instant::now();
    // The lanes finish what they have in flight before the group is left.
    while !shared.stop.is_cancelled() || shared.lanes_running.load(Ordering::Acquire) > 0 {
        progress.beat();
        match consumer.poll(POLL) {
            None => {}
            Some(Ok(message)) => stray(&context, message.topic(), message.partition()),
            Some(Err(error)) if is_fatal(&error) => return Err(Broken::Client(error.into())),
            // Named by the client context already; librdkafka goes on by itself.
            Some(Err(error)) => tracing::debug!(%error, "poll"),
        }
        if let Some(broken) = locked(&context.failure).take() {
            return Err(broken);
        }
        if shared.stop.is_cancelled() {
            continue;
        }
        serve_requests(&context, consumer)?;
        if committed.elapsed() >= COMMIT_EVERY {
            committed = Instant::now();
            commit_notes(shared, consumer);
        }
        if looked.elapsed() >= LOOK_AT_STOPPED_EVERY {
            looked = Instant::now();
            look_at_stopped(&context);
            look_at_moved(&context);
        }
    }
    commit_notes(shared, consumer);
    Ok(())
}

/// Every partition has a queue of its own. A record that comes here would be missing there.
fn stray(context: &GroupContext, topic: &str, partition: i32) {
    let Some(key) = context.shared.key(topic, partition) else { return };
    tracing::warn!(topic, partition, "a record outside of its queue; claiming the partition again");
    context.shared.lane_of(key).remove(key);
    let mut assignment = locked(&context.assignment);
    if assignment.is_running(key) {
        assignment.set(key, Held::Waiting(Instant::now()));
    }
}

fn serve_requests(context: &GroupContext, consumer: &GroupConsumer) -> Result<(), Broken> {
    let requests = std::mem::take(&mut *locked(&context.shared.requests));
    for request in &requests {
        if !locked(&context.assignment).apply(request) {
            continue;
        }
        context.shared.lane_of(request.key).remove(request.key);
        locked(&context.shared.notes).remove(&request.key);
        if let Wish::Halt { reason } = &request.wish {
            locked(&context.shared.stopped).insert(request.key, reason.clone());
            let (topic, partition) = (context.shared.topic(request.key), request.key.partition);
            tracing::error!(
                consumer = context.shared.consumer,
                topic,
                partition,
                reason,
                "partition stopped; it waits for a human"
            );
            context.unassign(consumer, &[request.key]).map_err(Broken::Client)?;
        }
    }
    let due: Vec<Key> = locked(&context.assignment).due(Instant::now()).into_iter().collect();
    // What the group has taken is about to be revoked: another process owns it already.
    if due.is_empty() || consumer.assignment_lost() {
        return Ok(());
    }
    context.unassign(consumer, &due).map_err(Broken::Client)?;
    let claimed = match context.take_over(consumer, &due) {
        Ok(claimed) => claimed,
        Err(_) if context.shared.stop.is_cancelled() => return Ok(()),
        Err(error) => return Err(Broken::Process(error)),
    };
    context.install(consumer, claimed).map_err(Broken::Client)
}

/// An operator sets a stopped partition going by its row.
fn look_at_stopped(context: &GroupContext) {
    let stopped = locked(&context.assignment).stopped();
    if stopped.is_empty() {
        return;
    }
    let shared = &context.shared;
    let names = store::Partitions {
        topics: stopped.iter().map(|key| shared.topic(*key).to_owned()).collect(),
        partitions: stopped.iter().map(|key| key.partition).collect(),
    };
    let found = shared.runtime.block_on(async {
        let work = store::running_again(shared.database.pool(), shared.consumer, &names);
        tokio::time::timeout(Duration::from_secs(5), work).await
    });
    match found {
        Ok(Ok(rows)) => {
            for key in rows.iter().filter_map(|(topic, partition)| shared.key(topic, *partition)) {
                locked(&context.assignment).set(key, Held::Waiting(Instant::now()));
            }
        }
        Ok(Err(error)) => tracing::debug!(%error, "stopped partitions could not be looked at"),
        Err(_) => tracing::debug!("stopped partitions could not be looked at in time"),
    }
}

/// An operator has moved a partition (`offsets set`): without a record on it nobody else would tell us.
fn look_at_moved(context: &GroupContext) {
    let running = locked(&context.assignment).running();
    if running.is_empty() {
        return;
    }
    let shared = &context.shared;
    let names = store::Partitions {
        topics: running.iter().map(|(key, _)| shared.topic(*key).to_owned()).collect(),
        partitions: running.iter().map(|(key, _)| key.partition).collect(),
    };
    let epochs: Vec<i32> = running.iter().map(|(_, epoch)| *epoch).collect();
    let found = shared.runtime.block_on(async {
        let work = store::moved(shared.database.pool(), shared.consumer, &names, &epochs);
        tokio::time::timeout(Duration::from_secs(5), work).await
    });
    match found {
        Ok(Ok(rows)) => {
            for key in rows.iter().filter_map(|(topic, partition)| shared.key(topic, *partition)) {
                // As a batch would have asked that met the other epoch.
                let epoch = running.iter().find(|(of, _)| *of == key).map_or(0, |(_, epoch)| *epoch);
                shared.request(key, epoch, Wish::ClaimAgain { at: Instant::now() });
            }
        }
        Ok(Err(error)) => tracing::debug!(%error, "epochs could not be looked at"),
        Err(_) => tracing::debug!("epochs could not be looked at in time"),
    }
}

fn commit_notes(shared: &Shared, consumer: &GroupConsumer) {
    let notes: BTreeMap<Key, i64> = std::mem::take(&mut *locked(&shared.notes));
    if notes.is_empty() {
        return;
    }
    let mut list = TopicPartitionList::with_capacity(notes.len());
    for (key, offset) in notes {
        let added = list.add_partition_offset(shared.topic(key), key.partition, Offset::Offset(offset));
        debug_assert!(added.is_ok(), "offsets are never negative");
    }
    if let Err(error) = consumer.commit(&list, CommitMode::Async) {
        tracing::debug!(%error, "commit to Kafka");
    }
}

fn is_fatal(error: &KafkaError) -> bool {
    matches!(error, KafkaError::MessageConsumptionFatal(_))
        || error.rdkafka_error_code() == Some(RDKafkaErrorCode::Fatal)
}

/// Queues first: each holds the consumer alive. The drop leaves the group and blocks until it has.
fn close(shared: &Shared, consumer: Arc<GroupConsumer>) {
    for lane in &shared.lanes {
        lane.clear();
    }
    locked(&shared.requests).clear();
    locked(&shared.ends).clear();
    locked(&shared.stopped).clear();
    *locked(&consumer.context().assignment) = Assignment::default();
    while Arc::strong_count(&consumer) > 1 {
        std::thread::sleep(Duration::from_millis(1));
    }
    drop(consumer);
}
