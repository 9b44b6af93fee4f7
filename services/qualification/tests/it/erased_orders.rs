//! Some people are erased; then everything comes again, with what they do later, in every order, in copies and on partitions
//! read at once. The same persons come of it as of the later acts alone, and of each erased identifier is known exactly what
//! a later act says.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use leadflow_platform::identity_key::Purpose;
use leadflow_platform::testing::clock;
use leadflow_proto::engagement::v1::EngagementEvent;
use leadflow_qualification::domain::day::Day;
use leadflow_qualification::domain::identity::IdentifierKind;
use leadflow_qualification::store;
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use uuid::Uuid;

use crate::bed::Bed;
use crate::erasure::erase_by;
use crate::orders::{apply_in_some_order, apply_split, assert_same, bed_at, history, picture};

/// Random histories in one run; `LEADFLOW_HISTORIES` for more.
const HISTORIES: usize = 60;
/// Between what was before and what is after: longer than most acts lie back.
const MEANWHILE: SignedDuration = SignedDuration::from_hours(40 * 24);

/// What happened before the erasure and after it; some of what comes after happened before, and came late.
struct Facts {
    before: Vec<EngagementEvent>,
    after: Vec<EngagementEvent>,
}

fn facts(histories: usize, now: Timestamp) -> Facts {
    let mut random = ChaCha8Rng::seed_from_u64(23);
    let before = (0..histories).flat_map(|number| history(&mut random, number, now)).collect();
    let mut after: Vec<EngagementEvent> =
        (0..histories).flat_map(|number| history(&mut random, number, now + MEANWHILE)).collect();
    for event in &mut after {
        event.event_id = Uuid::new_v5(&Uuid::max(), event.event_id.as_bytes()).to_string();
    }
    Facts { before, after }
}

/// Everything before, in some order; then every third address, and every fifth user id, is erased, and time passes.
async fn erased(histories: usize, facts: &Facts, seed: u64, now: Timestamp) -> Bed {
    let bed = bed_at(now).await;
    apply_in_some_order(&bed, &facts.before, seed).await;
    let addresses =
        (0..histories).step_by(3).map(|number| (IdentifierKind::Email, format!("p0@company{number}.example")));
    let users = (0..histories).step_by(5).map(|number| (IdentifierKind::User, format!("user-{number}-0")));
    for (kind, value) in addresses.chain(users) {
        if bed.count_value(&value).await > 0 {
            erase_by(&bed, kind, &value).await;
        }
    }
    bed.drain().await;
    clock::stop_at(bed.database(), now + MEANWHILE).await.expect("a clock");
    let mut tx = bed.database().write_tx("partitions").await.expect("a transaction");
    let today = Day::of(tx.now());
    store::partition::ensure(tx.connection(), today).await.expect("partitions");
    tx.commit().await.expect("committed");
    bed
}

/// Everybody on the same day, whoever acted when.
async fn fold_all_anew(bed: &Bed) {
    let all = "insert into recompute (person_id, reason, due_at) select person_id, 3, clock() from person \
         where merged_into is null on conflict (person_id) do nothing";
    sqlx::query(all).execute(bed.database().pool()).await.expect("noted");
    bed.drain().await;
}

/// Plain text by hash, of what these events name.
fn named(bed: &Bed, events: &[EngagementEvent], since: Timestamp) -> BTreeMap<Uuid, String> {
    let at = |time: &Option<pbjson_types::Timestamp>| time.as_ref().map_or(i64::MIN, |time| time.seconds);
    let later = events.iter().filter(|event| at(&event.occurred_at).min(at(&event.received_at)) > since.as_second());
    let mut named = BTreeMap::new();
    for event in later {
        let fields = [
            (IdentifierKind::User, &event.user_id),
            (IdentifierKind::Email, &event.email),
            (IdentifierKind::Phone, &event.phone),
        ];
        for (kind, value) in fields.into_iter().filter(|(_, value)| !value.is_empty() && *value != "null") {
            let hash = bed.key.hash(Purpose::Identifier, kind.as_str(), value);
            named.insert(Uuid::from_bytes(hash.0), value.clone());
        }
    }
    named
}

/// Of the erased, what is known and what is not.
async fn assert_known_is_what_was_named(bed: &Bed, facts: &Facts, erased_at: Timestamp) -> (usize, usize) {
    let named = named(bed, &facts.after, erased_at);
    let tombstones: Vec<(Uuid, Option<String>)> =
        sqlx::query_as("select value_hash, value from identifier where erased_at is not null and kind < 4")
            .fetch_all(bed.database().pool())
            .await
            .expect("tombstones");
    for (hash, value) in &tombstones {
        assert_eq!(value.as_ref(), named.get(hash), "{hash}");
    }
    let known = tombstones.iter().filter(|(_, value)| value.is_some()).count();
    (known, tombstones.len() - known)
}

#[tokio::test]
async fn the_erased_come_back_the_same_in_every_order_and_by_later_acts_alone() {
    let histories = std::env::var("LEADFLOW_HISTORIES").ok().and_then(|text| text.parse().ok()).unwrap_or(HISTORIES);
    let now = Bed::new().await.now().await;
    let facts = facts(histories, now);
    let everything: Vec<EngagementEvent> = facts.before.iter().chain(&facts.after).cloned().collect();

    let first = erased(histories, &facts, 0, now).await;
    apply_in_some_order(&first, &facts.after, 0).await;
    fold_all_anew(&first).await;
    let expected = picture(&first).await;
    let (known, unknown) = assert_known_is_what_was_named(&first, &facts, now).await;
    assert!(known > 10 && unknown > 10, "{known} {unknown}");
    for seed in 1..3 {
        let bed = erased(histories, &facts, seed, now).await;
        if seed == 2 {
            apply_split(&bed, &everything, seed).await;
        } else {
            apply_in_some_order(&bed, &everything, seed).await;
        }
        fold_all_anew(&bed).await;
        assert_same(&expected, &picture(&bed).await, &format!("order {seed}"));
        assert_known_is_what_was_named(&bed, &facts, now).await;
        // Once more from the beginning.
        let decisions = bed.count("select count(*) from decision").await;
        apply_in_some_order(&bed, &everything, 0).await;
        assert_same(&expected, &picture(&bed).await, &format!("again {seed}"));
        assert_eq!(bed.count("select count(*) from decision").await, decisions, "again {seed}");
    }
}

/// They go a second time, and nothing brings anybody back.
#[tokio::test]
async fn whoever_came_back_and_is_erased_again_stays_away() {
    let now = Bed::new().await.now().await;
    let facts = facts(20, now);
    let everything: Vec<EngagementEvent> = facts.before.iter().chain(&facts.after).cloned().collect();
    let bed = erased(20, &facts, 1, now).await;
    apply_in_some_order(&bed, &everything, 2).await;
    let came_back: Vec<(i16, String)> =
        sqlx::query_as("select kind, value from identifier where erased_at is not null and value is not null")
            .fetch_all(bed.database().pool())
            .await
            .expect("values");
    assert!(!came_back.is_empty());
    let mut gone = BTreeSet::new();
    for (kind, value) in came_back {
        if bed.count_value(&value).await > 0 {
            erase_by(&bed, IdentifierKind::from_number(kind).expect("a kind"), &value).await;
        }
        gone.insert(value);
    }
    bed.drain().await;
    fold_all_anew(&bed).await;
    let left = picture(&bed).await;
    apply_in_some_order(&bed, &everything, 3).await;
    assert_same(&left, &picture(&bed).await, "after the second erasure");
    for value in gone {
        assert_eq!(bed.count_value(&value).await, 0, "{value}");
    }
}
