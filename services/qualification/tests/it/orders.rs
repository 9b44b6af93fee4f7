//! The same facts in every order, in copies and in other batches make the same persons; folding the timeline anew makes them
//! again. What is compared is what depends on the set of facts alone: identifiers, links, who is whom, accumulator, traits,
//! touches, account, out or not, score and grade of one day. Stages, leads and decisions are facts about what was known then.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use leadflow_platform::testing::clock;
use leadflow_proto::engagement::v1::{EngagementContext, EngagementEvent};
use leadflow_qualification::domain::day::Day;
use leadflow_qualification::domain::event::{EventKind, UNDATED_WEEK};
use leadflow_qualification::store::partition::monday;
use leadflow_qualification::wire::to_proto_time;
use rand::seq::{IndexedRandom as _, SliceRandom as _};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use crate::bed::Bed;

/// Random histories in one run; `LEADFLOW_HISTORIES` for more.
const HISTORIES: usize = 500;

/// What is left of a person when numbers that depend on the order of arrival are taken away.
pub type Person = (Vec<String>, String, String, String);

#[derive(Debug, PartialEq, Eq)]
pub struct Picture {
    /// By identifier: everything of its person.
    pub persons: BTreeMap<String, Person>,
    /// By identifier: its plain text, and when it was erased.
    texts: BTreeMap<String, String>,
    /// By pair: the earliest event.
    links: BTreeMap<(String, String), String>,
    /// By identifier: whose it is by the earliest link.
    parents: BTreeMap<String, String>,
}

pub async fn picture(bed: &Bed) -> Picture {
    let pool = bed.database().pool();
    let persons: Vec<(String, Vec<String>, String, String, String)> = sqlx::query_as(
        "with who as (select person_id, array_agg(kind || ':' || value_hash order by kind, value_hash) ids \
           from identifier group by person_id) \
         select i.kind || ':' || i.value_hash, w.ids, \
           encode(p.acc, 'hex') || ' ' || encode(p.touch, 'hex') || ' ' || p.last_seen, \
           p.score_milli || ' ' || p.grade || ' ' || p.scored_on || ' ' || (p.flags & 1) || ' ' || (p.flags >> 8) || ' ' \
             || coalesce(p.account_id::text, '-') || ' ' || p.model_no, \
           coalesce(encode(r.profile, 'hex'), '') \
         from identifier i join person p using (person_id) join who w using (person_id) \
         left join person_profile r using (person_id)",
    )
    .fetch_all(pool)
    .await
    .expect("persons");
    let links: Vec<(String, String, String)> = sqlx::query_as(
        "select w.kind || ':' || w.value_hash, s.kind || ':' || s.value_hash, \
           l.occurred_at || ' ' || l.event_id \
         from link l join identifier w on w.identifier_id = l.weak_id join identifier s on s.identifier_id = l.strong_id \
         where w.kind <> s.kind",
    )
    .fetch_all(pool)
    .await
    .expect("links");
    let parents: Vec<(String, String)> = sqlx::query_as(
        "select w.kind || ':' || w.value_hash, \
           s.kind || ':' || s.value_hash || ' ' || w.linked_at || ' ' || w.linked_by \
         from identifier w join identifier s on s.identifier_id = w.parent_id",
    )
    .fetch_all(pool)
    .await
    .expect("parents");
    let texts: Vec<(String, String)> = sqlx::query_as(
        "select kind || ':' || value_hash, coalesce(value, '') || ' ' || coalesce(erased_at::text, '') from identifier",
    )
    .fetch_all(pool)
    .await
    .expect("texts");
    Picture {
        texts: texts.into_iter().collect(),
        persons: persons.into_iter().map(|(id, ids, acc, score, profile)| (id, (ids, acc, score, profile))).collect(),
        links: links.into_iter().map(|(weak, strong, event)| ((weak, strong), event)).collect(),
        parents: parents.into_iter().collect(),
    }
}

/// One person or a few, with shared browsers, shared phones, aliases, junk, machines, imports and old acts.
pub fn history(random: &mut ChaCha8Rng, number: usize, now: Timestamp) -> Vec<EngagementEvent> {
    let crowd = random.random_bool(0.02);
    let (users, emails, phones, browsers) = if crowd { (1, 9, 7, 130) } else { (2, 3, 2, 3) };
    let pick = |random: &mut ChaCha8Rng, kind: &str, of: usize, chance: f64| {
        if !random.random_bool(chance) {
            return String::new();
        }
        match (kind, random.random_range(0..of)) {
            ("user", _) if random.random_bool(0.05) => "null".to_owned(),
            ("email", n) if n % 2 == 0 => format!("p{n}@company{number}.example"),
            ("email", n) => format!("p{n}.{number}@gmail.com"),
            ("phone", n) => format!("+1415{number:04}{n:03}"),
            (kind, n) => format!("{kind}-{number}-{n}"),
        }
    };
    let count = if crowd { 260 } else { random.random_range(3..18) };
    (0..count)
        .map(|nth| {
            // Undated events of long ago are not folded anew exactly: what they say of a person outlives their week.
            let undated = random.random_bool(0.05);
            let is_old = !undated && random.random_bool(0.1);
            let minutes = random.random_range(0..if is_old { 290_000 } else { 40_000 });
            let at = now - SignedDuration::from_mins(minutes);
            let kind = *EventKind::ALL.choose(random).expect("a kind");
            let mut event = EngagementEvent {
                event_id: uuid::Uuid::new_v5(&uuid::Uuid::nil(), format!("{number}/{nth}").as_bytes()).to_string(),
                kind: i32::from(kind.number()),
                source: "web".into(),
                user_id: pick(random, "user", users, 0.4),
                email: pick(random, "email", emails, 0.3),
                phone: pick(random, "phone", phones, 0.15),
                anonymous_id: pick(random, "browser", browsers, 0.7),
                occurred_at: Some(to_proto_time(at)),
                received_at: Some(to_proto_time(at)),
                week: if undated { UNDATED_WEEK } else { monday(Day::of(at)).0 },
                historical: random.random_bool(0.1),
                ..EngagementEvent::default()
            };
            decorate(random, &mut event, number);
            event
        })
        .collect()
}

fn decorate(random: &mut ChaCha8Rng, event: &mut EngagementEvent, number: usize) {
    if event.user_id.is_empty() && event.email.is_empty() && event.phone.is_empty() && event.anonymous_id.is_empty() {
        event.anonymous_id = format!("browser-{number}-0");
    }
    if random.random_bool(0.05) {
        event.bot_reason = "crawler".into();
    }
    if event.kind == i32::from(EventKind::Alias.number()) {
        event.previous_id = format!("browser-{number}-{}", random.random_range(0..3));
    }
    if event.kind == i32::from(EventKind::Group.number()) {
        event.group_id = format!("group-{}", random.random_range(0..2));
    }
    let path = *["/pricing", "/careers", "/blog", "/customers/x"].choose(random).expect("a path");
    event.context = Some(EngagementContext {
        page_path: path.into(),
        campaign_name: if random.random_bool(0.2) { "spring".into() } else { String::new() },
        country: if random.random_bool(0.2) { "DE".into() } else { String::new() },
        ..EngagementContext::default()
    });
    if random.random_bool(0.3) {
        let title = *["CTO", "Intern", "Head of Sales"].choose(random).expect("a title");
        event.traits.insert("title".into(), title.into());
        event.traits.insert("employees".into(), random.random_range(1..200).to_string());
    }
    if random.random_bool(0.1) {
        event.consent.insert("marketing_email".into(), random.random_bool(0.5));
    }
    if event.kind == i32::from(EventKind::Custom.number()) && random.random_bool(0.2) {
        event.name = "Do Not Contact".into();
    }
    if event.kind == i32::from(EventKind::Product.number()) {
        event.name = "Trial Started".into();
    }
}

/// The facts in an order of their own, some twice, in batches of random sizes, with recomputes in between.
pub async fn apply_in_some_order(bed: &Bed, facts: &[EngagementEvent], seed: u64) {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut events: Vec<&EngagementEvent> = facts.iter().collect();
    let copies: Vec<&EngagementEvent> = facts.iter().filter(|_| random.random_bool(0.1)).collect();
    events.extend(copies);
    if seed > 0 {
        events.shuffle(&mut random);
    }
    let mut rest = events.as_slice();
    while !rest.is_empty() {
        let size = random.random_range(1..1500).min(rest.len());
        let (batch, later) = rest.split_at(size);
        bed.apply(&batch.iter().map(|event| (*event).clone()).collect::<Vec<_>>()).await;
        if random.random_bool(0.2) {
            bed.drain().await;
        }
        rest = later;
    }
    bed.drain().await;
}

/// The facts on four partitions, each read by a lane of its own, all at once; copies may lie on different ones.
pub async fn apply_split(bed: &Bed, facts: &[EngagementEvent], seed: u64) {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut partitions: Vec<Vec<EngagementEvent>> = vec![Vec::new(); 4];
    let mut events: Vec<&EngagementEvent> = facts.iter().collect();
    let copies: Vec<&EngagementEvent> = facts.iter().filter(|_| random.random_bool(0.1)).collect();
    events.extend(copies);
    events.shuffle(&mut random);
    for event in events {
        partitions[random.random_range(0..4)].push(event.clone());
    }
    let size = random.random_range(20..400);
    let lanes = partitions.iter().map(|partition| async move {
        for batch in partition.chunks(size) {
            bed.apply(batch).await;
        }
    });
    futures::future::join_all(lanes).await;
    bed.drain().await;
}

pub fn assert_same(one: &Picture, other: &Picture, what: &str) {
    // Who is whom first: all else follows from it.
    for (pair, event) in &one.links {
        assert_eq!(Some(event), other.links.get(pair), "{what}: link {pair:?}");
    }
    for (id, parent) in &one.parents {
        assert_eq!(Some(parent), other.parents.get(id), "{what}: parent of {id}");
    }
    for (id, person) in &one.persons {
        assert_eq!(Some(person), other.persons.get(id), "{what}: {id}");
    }
    assert_eq!(one.persons.len(), other.persons.len(), "{what}");
    assert_eq!(one.links, other.links, "{what}");
    assert_eq!(one.parents, other.parents, "{what}");
    assert_eq!(one.texts, other.texts, "{what}");
}

pub async fn bed_at(now: Timestamp) -> Bed {
    let bed = Bed::new().await;
    clock::stop_at(bed.database(), now).await.expect("a clock");
    bed
}

#[tokio::test]
async fn every_order_and_the_slow_path_make_the_same_persons() {
    let histories = std::env::var("LEADFLOW_HISTORIES").ok().and_then(|text| text.parse().ok()).unwrap_or(HISTORIES);
    let first = Bed::new().await;
    let now = first.now().await;
    clock::stop_at(first.database(), now).await.expect("a clock");
    let mut random = ChaCha8Rng::seed_from_u64(11);
    let facts: Vec<EngagementEvent> = (0..histories).flat_map(|number| history(&mut random, number, now)).collect();

    apply_in_some_order(&first, &facts, 0).await;
    let expected = picture(&first).await;
    assert!(expected.persons.len() > histories);
    for seed in 1..4 {
        let bed = bed_at(now).await;
        apply_in_some_order(&bed, &facts, seed).await;
        assert_same(&expected, &picture(&bed).await, &format!("order {seed}"));
        if seed == 1 {
            bed.assert_replays_equal().await;
        }
    }
    for seed in 4..6 {
        let bed = bed_at(now).await;
        apply_split(&bed, &facts, seed).await;
        assert_same(&expected, &picture(&bed).await, &format!("split {seed}"));
    }
    let all = "insert into recompute (person_id, reason, due_at) select person_id, 3, clock() from person where merged_into is null";
    sqlx::query(all).execute(first.database().pool()).await.expect("noted");
    first.drain().await;
    assert_same(&expected, &picture(&first).await, "slow path");
}
