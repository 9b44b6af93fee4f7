//! Several processes at once. What holds is asserted at the end; who wins is not.

use std::sync::Arc;

use leadflow_assignment::grpc::command::Command;
use leadflow_assignment::planner::expiry::LEAD_IS_LOCKED;
use leadflow_assignment::planner::{Planner, page};
use leadflow_assignment::store;
use leadflow_assignment::store::rep::Rep;
use leadflow_platform::outbox;
use leadflow_platform::testing::clock;
use tokio::task::JoinSet;

use crate::support::*;

const SETTINGS: page::Settings = page::Settings { incarnation: 1, limit: 10, locks_reps: true };

async fn planners(world: &World, count: usize) -> Vec<Planner> {
    let mut planners = Vec::new();
    for _ in 0..count {
        planners.push(world.another_planner().await);
    }
    planners
}

/// Eight processes see one free place; nobody knows of the others.
#[tokio::test(flavor = "multi_thread")]
async fn eight_planners_race_for_the_last_place() {
    let world = World::new().await;
    world.rep(Rep { rep_id: "ana".to_owned(), max_open: 1, ..rep() }).await;
    world.pool(&[("ana", 1)], 600).await;
    world.desk.set_presence("ana", false).await.unwrap();
    world.deliver((1..=8).flat_map(|n| [opened(n), qualified(n)]).collect()).await;
    world.desk.set_presence("ana", true).await.unwrap();
    let mut race = JoinSet::new();
    for planner in planners(&world, 8).await {
        race.spawn(async move { planner.step().await.map(|_| ()) });
    }
    while let Some(done) = race.join_next().await {
        done.unwrap().unwrap();
    }
    world.plan().await;
    assert_eq!(world.count("select count(*) from assignment").await, 1);
    assert_eq!(world.story(1).await, ["1 offered ana"], "the oldest");
    world.check().await;
}

/// The same without the pool's lock: two pools share the one rep, so that only the rep's lock is left to hold the cap.
#[tokio::test(flavor = "multi_thread")]
async fn planners_of_several_pools_share_one_rep_without_passing_his_cap() {
    let world = World::new().await;
    world.rep(Rep { rep_id: "ana".to_owned(), max_open: 3, ..rep() }).await;
    world.pool(&[("ana", 1)], 600).await;
    for pool_id in ["two", "three", "four"] {
        let pool = "insert into pool (pool_id, version, name, product_line, is_default, offer_timeout_ms, round_pause_ms, owner_match)
            values ($1, 1, '', $1, false, 600000, 60000, false)";
        sqlx::query(pool).bind(pool_id).execute(world.database.pool()).await.unwrap();
        let member = "insert into pool_member (pool_id, rep_id, weight) values ($1, 'ana', 1)";
        sqlx::query(member).bind(pool_id).execute(world.database.pool()).await.unwrap();
    }
    world.desk.set_presence("ana", false).await.unwrap();
    for (n, line) in (1..=20_u128).zip(["", "two", "three", "four"].into_iter().cycle()) {
        let mut events = vec![opened(n), qualified(n)];
        events.iter_mut().for_each(|event| event.lead.as_mut().unwrap().product_line = line.to_owned());
        world.deliver(events).await;
    }
    world.desk.set_presence("ana", true).await.unwrap();
    let mut race = JoinSet::new();
    for planner in planners(&world, 8).await {
        race.spawn(async move { planner.step().await.map(|_| ()) });
    }
    while let Some(done) = race.join_next().await {
        done.unwrap().unwrap();
    }
    assert_eq!(world.count("select count(*) from assignment where state = 1").await, 3);
    world.check().await;
}

/// Two pools, one rep, one place: the second plan begins while the first has not committed.
async fn two_plans_at_once(settings: page::Settings) -> World {
    let world = World::new().await;
    world.rep(Rep { rep_id: "ana".to_owned(), max_open: 1, ..rep() }).await;
    world.pool(&[("ana", 1)], 600).await;
    let second = "insert into pool (pool_id, version, name, product_line, is_default, offer_timeout_ms, round_pause_ms, owner_match)
        values ('two', 1, '', 'two', false, 600000, 60000, false)";
    sqlx::query(second).execute(world.database.pool()).await.unwrap();
    let member = "insert into pool_member (pool_id, rep_id, weight) values ('two', 'ana', 1)";
    sqlx::query(member).execute(world.database.pool()).await.unwrap();
    world.desk.set_presence("ana", false).await.unwrap();
    let mut of_two = vec![opened(2), qualified(2)];
    of_two.iter_mut().for_each(|event| event.lead.as_mut().unwrap().product_line = "two".to_owned());
    world.deliver(vec![opened(1), qualified(1)].into_iter().chain(of_two).collect()).await;
    world.plan().await;
    world.desk.set_presence("ana", true).await.unwrap();
    let world = Arc::new(world);
    let mut first = world.database.write_tx("first").await.unwrap();
    let pool = store::pool::try_lock(first.connection(), "default").await.unwrap().unwrap();
    page::plan(&mut first, pool, settings, page::Look::Queue(None)).await.unwrap();
    let other = Arc::clone(&world);
    let mut second = JoinSet::new();
    second.spawn(async move {
        let mut tx = other.database.write_tx("second").await.unwrap();
        let pool = store::pool::try_lock(tx.connection(), "two").await.unwrap().unwrap();
        page::plan(&mut tx, pool, settings, page::Look::Queue(None)).await.unwrap();
        tx.commit().await.unwrap();
    });
    waits_for_a_lock(&world).await;
    first.commit().await.unwrap();
    second.join_next().await.unwrap().unwrap();
    drop(second);
    Arc::into_inner(world).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn capacity_is_read_under_the_reps_lock() {
    let world = two_plans_at_once(SETTINGS).await;
    assert_eq!(world.count("select count(*) from assignment").await, 1);
    world.check().await;
}

/// The switch: without the lock both see the free place.
#[tokio::test(flavor = "multi_thread")]
async fn capacity_read_without_the_lock_passes_the_cap() {
    let world = two_plans_at_once(page::Settings { locks_reps: false, ..SETTINGS }).await;
    assert_eq!(world.count("select count(*) from assignment where rep_id = 'ana' and state = 1").await, 2);
}

/// A planner that has read the rep as active holds his lock; the deactivation waits for it and then sees the offer.
#[tokio::test(flavor = "multi_thread")]
async fn no_lead_after_a_deactivation_committed() {
    let world = Arc::new(World::new().await);
    world.reps(&["ana"]).await;
    world.pool(&[("ana", 1)], 600).await;
    world.desk.set_presence("ana", false).await.unwrap();
    world.deliver(vec![opened(1), qualified(1)]).await;
    world.desk.set_presence("ana", true).await.unwrap();
    let mut tx = world.database.write_tx("test").await.unwrap();
    let pool = store::pool::try_lock(tx.connection(), "default").await.unwrap().unwrap();
    let page = page::plan(&mut tx, pool, SETTINGS, page::Look::Queue(None)).await.unwrap();
    assert_eq!(page.placed, 1);
    let other = Arc::clone(&world);
    let mut deactivation = JoinSet::new();
    deactivation.spawn(async move { other.desk.deactivate("ana").await });
    waits_for_a_lock(&world).await;
    outbox::append(&mut tx, &page.change.outbox).await.unwrap();
    tx.commit().await.unwrap();
    deactivation.join_next().await.unwrap().unwrap().unwrap();
    assert_eq!(world.story(1).await, ["1 offered ana", "2 withdrawn ana"]);
    world.plan().await;
    assert_eq!(world.story(1).await.len(), 2, "and nothing after it");
    let refused = world.command(1, "ana", Command::Accept).await.unwrap_err();
    assert_eq!(refused.reason, "NOT_OFFERED");
    world.check().await;
}

/// Until some session of this database waits for a lock.
async fn waits_for_a_lock(world: &World) {
    let mut admin = world.test.administrator().await;
    for _ in 0..500 {
        let sql =
            "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
        let waiting: i64 = sqlx::query_scalar(sql).fetch_one(&mut admin).await.unwrap();
        if waiting > 0 {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("nobody waits for a lock");
}

/// The clock and the rep want the same lead at the same moment: one of them has it, and both agree who.
#[tokio::test(flavor = "multi_thread")]
async fn the_timer_and_an_answer_meet_on_one_root() {
    let world = Arc::new(World::new().await);
    world.reps(&["ana"]).await;
    world.pool(&[("ana", 1)], 600).await;
    world.deliver((1..=40).flat_map(|n| [opened(n), qualified(n)]).collect()).await;
    world.publish().await;
    // Half of the answers begin before the offers are over, half after.
    let mut race = JoinSet::new();
    for n in 1..=40_u128 {
        let world = Arc::clone(&world);
        race.spawn(async move {
            if n == 20 {
                clock::shift(&world.database, 365 * 24 * 3600).await.unwrap();
            }
            let answer = if n % 2 == 0 { Command::Accept } else { Command::Decline("no_time".to_owned()) };
            let answered = world.command(n, "ana", answer).await.map(|event| fact(&event).to_owned());
            let expired = world.expiry.step().await;
            (n, answered.map_err(|error| error.reason), expired.map(|_| ()))
        });
    }
    let mut results = Vec::new();
    while let Some(done) = race.join_next().await {
        let (n, answered, expired) = done.unwrap();
        expired.unwrap();
        results.push((n, answered));
    }
    while world.expiry.step().await.unwrap() == leadflow_platform::timers::Next::AtOnce {}
    for (n, answered) in results {
        let story = world.story(n).await;
        let second = story[1].split(' ').nth(1).unwrap().to_owned();
        match answered {
            Ok(fact) => assert_eq!(fact, second, "lead {n}: {story:?}"),
            Err(reason) => assert!(
                second == "expired" && ["OFFER_EXPIRED", "NOT_OFFERED"].contains(&reason),
                "lead {n}: {reason} {story:?}"
            ),
        }
        assert_eq!(story.len(), 2, "one of the two, not both: {story:?}");
    }
    world.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn red_without_the_leads_lock_one_offer_is_accepted_and_expires() {
    let world = World::new().await;
    world.database.switches().turn_off(LEAD_IS_LOCKED);
    world.reps(&["ana"]).await;
    world.pool(&[("ana", 1)], 600).await;
    world.deliver(vec![opened(1), qualified(1)]).await;
    world.publish().await;
    // An answer takes a while to commit; meanwhile the offer runs out.
    let slow = "create function slow() returns trigger language plpgsql as $$ begin perform pg_sleep(1); return new; end $$; \
                create trigger slow before insert on decision for each row when (new.kind = 4) execute function slow()";
    sqlx::raw_sql(slow).execute(world.database.pool()).await.unwrap();
    let kind = leadflow_assignment::store::decision::kind_name(4);
    assert_eq!(kind, "accept");
    let answer = world.command(1, "ana", Command::Accept);
    let expiry = async {
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        clock::shift(&world.database, 3600).await.unwrap();
        world.expiry.step().await
    };
    let (answered, expired) = tokio::join!(answer, expiry);
    let both = (answered.is_ok(), expired.is_ok());
    let story = world.story(1).await;
    // Both believe that they were alone: two facts with one number, unless the database refuses the second.
    assert!(both == (true, true) && story.len() == 3 || both == (true, false), "{both:?} {story:?}");
    assert!(story.iter().filter(|fact| fact.starts_with("2 ")).count() == 2 || !both.1, "{story:?}");
}

/// Planners, timers, answers, presence and intake all at once, over reps with caps; a lead never has two owners and no cap
/// is passed at any moment.
#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn a_busy_hour_keeps_every_invariant() {
    let world = Arc::new(World::new().await);
    let names: Vec<String> = (0..6).map(|n| format!("rep-{n}")).collect();
    for (n, name) in names.iter().enumerate() {
        world.rep(Rep { rep_id: name.clone(), max_open: 2 + n as i32, ..rep() }).await;
    }
    let members: Vec<(&str, i32)> = names.iter().enumerate().map(|(n, name)| (name.as_str(), n as i32 + 1)).collect();
    world.pool(&members, 1).await;
    clock::reset(&world.database).await.unwrap();
    let until = "update presence set until = clock() + interval '1 day'";
    sqlx::query(until).execute(world.database.pool()).await.unwrap();
    // Nobody answers this one: an expiry does not depend on how fast the others are.
    world.deliver(vec![opened(UNANSWERED), qualified(UNANSWERED)]).await;
    world.plan().await;
    let mut hour = JoinSet::new();
    for planner in planners(&world, 3).await {
        hour.spawn(async move {
            for _ in 0..60 {
                planner.step().await.unwrap();
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        });
    }
    let intake = Arc::clone(&world);
    hour.spawn(async move {
        for n in 1..=150_u128 {
            intake.deliver(vec![opened(n), if n % 10 == 0 { hand_raised(n) } else { qualified(n) }]).await;
        }
    });
    for seed in 0..4_u128 {
        let world = Arc::clone(&world);
        let names = names.clone();
        hour.spawn(async move { answer_everything(&world, &names, seed).await });
    }
    while let Some(done) = hour.join_next().await {
        done.unwrap();
    }
    // What is still open runs out.
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    world.tick().await;
    world.check().await;
    let kinds: Vec<i16> = sqlx::query_scalar("select distinct kind from decision order by kind")
        .fetch_all(world.database.pool())
        .await
        .unwrap();
    let names: Vec<&str> = kinds.into_iter().map(leadflow_assignment::store::decision::kind_name).collect();
    for kind in ["offer", "wait", "accept", "decline", "expire", "outcome"] {
        assert!(names.contains(&kind), "a busy hour without {kind}: {names:?}");
    }
}

const UNANSWERED: u128 = 9999;

async fn answer_everything(world: &World, names: &[String], seed: u128) {
    use leadflow_proto::assignment::v1::Outcome;
    for step in 0..120_u128 {
        let some = "select lead_id::text, rep_id, state from assignment where state in (1, 2) and lead_id <> $2
             order by md5(assignment_id::text || $1) limit 1";
        let found: Option<(String, String, i16)> = sqlx::query_as(some)
            .bind(format!("{seed}/{step}"))
            .bind(lead_id(UNANSWERED))
            .fetch_optional(world.database.pool())
            .await
            .unwrap();
        let Some((lead_id, rep_id, state)) = found else {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            continue;
        };
        let recycled = Outcome { stage: "recycled".to_owned(), reason: "no_budget".to_owned(), ..Outcome::default() };
        let command = match (state, (step + seed) % 4) {
            (1, 0 | 1) => Command::Accept,
            (1, 2) => Command::Decline("junk".to_owned()),
            (1, _) => Command::Decline("no_time".to_owned()),
            (_, 0) => Command::Touch("phone".to_owned(), None),
            _ => Command::Outcome(recycled, leadflow_assignment::domain::lead::Stage::Recycled),
        };
        let order =
            leadflow_assignment::grpc::command::Order { lead_id: lead_id.parse().unwrap(), ..world.order(1, &rep_id) };
        if let Err(error) = world.desk.carry_out(order, command).await {
            let expected = ["NOT_OFFERED", "NOT_YOURS", "NOT_ACCEPTED", "OFFER_EXPIRED"];
            assert!(expected.contains(&error.reason), "{error}");
        }
        if step % 40 == 0 {
            let rep_id = &names[((step / 40 + seed) % 6) as usize];
            world.desk.set_presence(rep_id, step % 80 != 0).await.unwrap();
        }
        if step % 5 == 0 {
            world.publish().await;
            world.expiry.step().await.unwrap();
        }
    }
}
