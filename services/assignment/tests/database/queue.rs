//! Leads that wait: who goes first, why they wait, and what wakes them.

use leadflow_assignment::grpc::command::Command;
use leadflow_assignment::store::rep::Rep;
use leadflow_platform::timers::Next;
use leadflow_proto::assignment::v1::Outcome;

use crate::support::*;

fn capped(rep_id: &str, max_open: i32) -> Rep {
    Rep { rep_id: rep_id.to_owned(), max_open, ..rep() }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_there_waits_with_every_reason_until_somebody_comes_back() {
    let world = World::new().await;
    world.reps(&["away"]).await;
    world.rep(Rep { rep_id: "home".to_owned(), schedule: vec![3, 540, 1020], ..rep() }).await;
    world.rep(capped("full", 1)).await;
    world.pool(&[("full", 1)], 600).await;
    world.deliver(vec![opened(1), qualified(1)]).await;
    sqlx::query(
        "insert into pool_member (pool_id, rep_id, weight) values ('default', 'away', 1), ('default', 'home', 1)",
    )
    .execute(world.database.pool())
    .await
    .unwrap();
    world.desk.set_presence("away", false).await.unwrap();
    world.deliver(vec![opened(2), qualified(2)]).await;
    assert_eq!(world.story(2).await, Vec::<String>::new());
    let (outcome,): (Vec<u8>,) = sqlx::query_as("select outcome from decision where lead_id = $1")
        .bind(lead_id(2))
        .fetch_one(world.database.pool())
        .await
        .unwrap();
    let outcome: leadflow_assignment::domain::decision::DecisionOutcome =
        prost::Message::decode(outcome.as_slice()).unwrap();
    let why: Vec<String> = outcome.rejected.iter().map(leadflow_assignment::domain::eligibility::text).collect();
    assert_eq!(why, ["away", "max_open (1 of 1)", "outside_schedule (opens 2026-11-25T08:00:00Z)"]);
    world.plan().await;
    assert_eq!(
        world.count("select count(*) from decision where lead_id <> all(array[]::uuid[])").await,
        2,
        "noted once"
    );
    let wakes: Option<jiff_sqlx::Timestamp> =
        sqlx::query_scalar("select wake_at from pool").fetch_one(world.database.pool()).await.unwrap();
    assert_eq!(wakes.unwrap().to_jiff(), at("2026-11-25T08:00:00Z"), "when home opens");
    world.desk.set_presence("away", true).await.unwrap();
    world.plan().await;
    assert_eq!(world.story(2).await, ["1 offered away"]);
    world.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_timer_of_a_pool_wakes_it_at_the_next_opening() {
    let world = World::new().await;
    world.rep(Rep { rep_id: "ana".to_owned(), schedule: vec![2, 720, 1020], ..rep() }).await;
    world.pool(&[("ana", 1)], 600).await;
    world.deliver(vec![opened(1), qualified(1)]).await;
    world.plan().await;
    assert!(matches!(world.planner.step().await.unwrap(), Next::Within(pause) if pause.as_secs() == 3600));
    world.pass(3599).await;
    world.plan().await;
    assert_eq!(world.told().await.len(), 0);
    world.pass(1).await;
    world.plan().await;
    assert_eq!(world.story(1).await, ["1 offered ana"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn hand_raises_first_then_the_oldest_when_capacity_returns() {
    let world = World::new().await;
    world.rep(capped("ana", 1)).await;
    world.pool(&[("ana", 1)], 600).await;
    for n in 1..=3 {
        world.deliver(vec![opened(n), qualified(n)]).await;
    }
    world.deliver(vec![opened(4), hand_raised(4)]).await;
    let mut order = Vec::new();
    for _ in 0..4 {
        let event = world.told().await.into_iter().rfind(|event| fact(event) == "offered").unwrap();
        let n = (1..=4).find(|n| lead_id(*n).to_string() == event.lead_id).unwrap();
        order.push(n);
        world.command(n, "ana", Command::Accept).await.unwrap();
        let outcome = Outcome { stage: "lost".to_owned(), reason: "no_budget".to_owned(), ..Outcome::default() };
        world
            .command(n, "ana", Command::Outcome(outcome, leadflow_assignment::domain::lead::Stage::Lost))
            .await
            .unwrap();
        world.plan().await;
    }
    assert_eq!(order, [1, 4, 2, 3]);
    world.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_ends_in_the_reps_own_zone() {
    let world = World::new().await;
    world.rep(Rep { rep_id: "ana".to_owned(), time_zone: "Asia/Tokyo".to_owned(), max_day: 2, ..rep() }).await;
    world.pool(&[("ana", 1)], 600).await;
    world.deliver((1..=5).flat_map(|n| [opened(n), qualified(n)]).collect()).await;
    assert_eq!(world.told().await.len(), 2);
    // 10:00Z is 19:00 in Tokyo; her day ends at 15:00Z. Offers run out meanwhile.
    world.pass(5 * 3600 - 1).await;
    world.tick().await;
    let offered =
        |told: &[leadflow_proto::assignment::v1::AssignmentEvent]| told.iter().filter(|e| fact(e) == "offered").count();
    assert_eq!(offered(&world.told().await), 2);
    world.pass(1).await;
    world.tick().await;
    assert_eq!(offered(&world.told().await), 4, "woken by the pool's timer");
    world.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn leads_wait_without_a_pool_until_one_is_made() {
    let world = World::new().await;
    world.reps(&["ana"]).await;
    world.deliver(vec![opened(1), qualified(1)]).await;
    world.plan().await;
    assert_eq!(world.count("select count(*) from lead where state = 1 and pool_id is null").await, 1);
    world.pool(&[("ana", 1)], 600).await;
    world.desk.planner.wake_all();
    world.plan().await;
    assert_eq!(world.story(1).await, ["1 offered ana"]);
    world.check().await;
}

/// Facts of odoo/odoo addons/crm/tests/test_crm_lead_assignment.py @0010edf3: who is opted out, archived or without capacity
/// gets nothing; who has two of two today gets nothing; what is won, lost or owned is never assigned again.
#[tokio::test(flavor = "multi_thread")]
async fn facts_of_lead_distribution_elsewhere() {
    let world = World::new().await;
    world.reps(&["optout", "archived", "free"]).await;
    world.rep(Rep { rep_id: "two-of-two".to_owned(), max_day: 2, ..rep() }).await;
    world.pool(&[("optout", 1), ("archived", 1), ("free", 1), ("two-of-two", 1)], 0).await;
    world.desk.set_presence("optout", false).await.unwrap();
    world.desk.deactivate("archived").await.unwrap();
    sqlx::query("update rep set day = '2026-11-24', day_count = 2 where rep_id = 'two-of-two'")
        .execute(world.database.pool())
        .await
        .unwrap();
    world.deliver((1..=20).flat_map(|n| [opened(n), qualified(n)]).collect()).await;
    let told = world.told().await;
    assert_eq!(told.len(), 20);
    assert!(told.iter().all(|event| rep_of(event) == "free"));
    let lost = Outcome { stage: "lost".to_owned(), reason: "no_budget".to_owned(), ..Outcome::default() };
    world.command(1, "free", Command::Outcome(lost, leadflow_assignment::domain::lead::Stage::Lost)).await.unwrap();
    world.deliver(vec![later(1, 3, "lost"), later(2, 3, "sal")]).await;
    world.plan().await;
    assert_eq!(world.told().await.len(), 21, "only the outcome");
    world.check().await;
}

/// Pages of two leads, one page a step: a queue whose first leads nobody may get is passed to its end.
#[tokio::test(flavor = "multi_thread")]
async fn leads_that_nobody_may_get_do_not_hold_up_the_rest() {
    let world = World::new().await;
    world.reps(&["ana", "ben"]).await;
    world.pool(&[("ana", 1), ("ben", 1)], 600).await;
    world.desk.set_presence("ben", false).await.unwrap();
    let mut planner = world.another_planner().await.with_pages(2, std::time::Duration::ZERO);
    world.deliver((1..=5).flat_map(|n| [opened(n), qualified(n)]).collect()).await;
    // Ana gives them all back: until the pause is over nobody may get them.
    for n in 1..=5 {
        world.command(n, "ana", Command::Decline("no_time".to_owned())).await.unwrap();
    }
    // Ben returns for those that he was not asked for; he is full after two.
    world.rep(capped("ben", 2)).await;
    for _ in 0..20 {
        planner.step().await.unwrap();
    }
    assert_eq!(world.count("select count(*) from assignment where rep_id = 'ben' and state = 1").await, 2);
    world.deliver((6..=9).flat_map(|n| [opened(n), qualified(n)]).collect()).await;
    planner = world.another_planner().await.with_pages(2, std::time::Duration::ZERO);
    for _ in 0..20 {
        planner.step().await.unwrap();
    }
    assert_eq!(world.count("select count(*) from assignment where rep_id = 'ana' and state = 1").await, 4);
    assert_eq!(
        world.count("select count(*) from lead where state = 1 and not noted").await,
        0,
        "each knows why it waits"
    );
    world.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lead_whose_timer_fails_is_pushed_back_and_given_up_after_five_attempts() {
    let world = World::new().await;
    world.reps(&["ana", "ben"]).await;
    world.pool(&[("ana", 1), ("ben", 1)], 600).await;
    world.deliver(vec![opened(1), qualified(1), opened(2), qualified(2)]).await;
    // A count that is wrong makes the row's own check refuse the expiry: a defect, of which one lead must not hold up others.
    sqlx::query("update rep set open_count = 0 where rep_id = 'ana'").execute(world.database.pool()).await.unwrap();
    world.pass(600).await;
    world.publish().await;
    // Until nothing is due: what a refused transaction held is free only when its connection has ended.
    let step = async || {
        for _ in 0..20 {
            while world.expiry.step().await.unwrap() == Next::AtOnce {}
            tokio::time::sleep(std::time::Duration::from_millis(25)).await;
        }
    };
    step().await;
    let facts = |told: Vec<leadflow_proto::assignment::v1::AssignmentEvent>| {
        told.iter().map(|event| format!("{} {}", fact(event), rep_of(event))).collect::<Vec<_>>()
    };
    assert_eq!(facts(world.told().await)[2..], ["expired ben"]);
    let letters = "select count(*) from outbox where topic = 7";
    for attempt in 1..5 {
        assert_eq!(world.count("select timer_attempt::bigint from lead where state = 2").await, attempt);
        assert_eq!(world.count(letters).await, 0);
        world.pass(31).await;
        step().await;
    }
    assert_eq!(world.count(letters).await, 1);
    assert_eq!(world.count("select count(*) from lead where state = 2 and wake_at is null").await, 1);
}
