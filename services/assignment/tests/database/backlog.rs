//! A backlog over fifty weighted reps with caps: fair to the bound, nobody over his cap, in few transactions.

use leadflow_assignment::store::rep::Rep;

use crate::support::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_backlog_is_shared_out_within_the_bound_and_the_caps() {
    let world = World::new().await;
    let names: Vec<String> = (0..50).map(|n| format!("rep-{n:02}")).collect();
    for name in &names {
        world.rep(Rep { rep_id: name.clone(), max_open: 200, max_day: 200, ..rep() }).await;
    }
    let members: Vec<(&str, i32)> =
        names.iter().enumerate().map(|(n, name)| (name.as_str(), n as i32 % 7 + 1)).collect();
    world.pool(&members, 600).await;
    sqlx::query("delete from presence").execute(world.database.pool()).await.unwrap();
    let leads = 2_000_u128;
    for batch in (1..=leads).collect::<Vec<_>>().chunks(250) {
        world.deliver(batch.iter().flat_map(|n| [opened(*n), qualified(*n)]).collect()).await;
    }
    assert_eq!(world.told().await.len(), 0);
    let until = "insert into presence (rep_id, until) select rep_id, clock() + interval '1 day' from rep";
    sqlx::query(until).execute(world.database.pool()).await.unwrap();
    world.desk.planner.wake_all();
    let began = std::time::Instant::now();
    world.plan().await;
    println!("{leads} leads over 50 reps planned in {:?}", began.elapsed());
    assert_eq!(world.count("select count(*) from assignment where state = 1").await, leads as i64);
    // Entitled by weight, in all and at every moment on the way.
    let total: i64 = members.iter().map(|(_, weight)| i64::from(*weight)).sum();
    let bound = 2 * members.len() as i64 - 2;
    let mut received = std::collections::HashMap::<String, i64>::new();
    for (number, event) in world.told().await.iter().enumerate() {
        *received.entry(rep_of(event).to_owned()).or_default() += 1;
        for (rep_id, weight) in &members {
            let off = received.get(*rep_id).copied().unwrap_or(0) * total - (number as i64 + 1) * i64::from(*weight);
            assert!(
                off.abs() * bound <= total * (bound - 1),
                "{rep_id} is {off}/{total} off after {} leads",
                number + 1
            );
        }
    }
    let (ledger, _) = world.ledger().await;
    assert_eq!((ledger.leads, ledger.stretch_no), (leads as i64, 1), "one stretch");
    world.check().await;
}
