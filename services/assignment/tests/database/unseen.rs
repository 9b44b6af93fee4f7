//! The broker is away: what is offered lies in the outbox, nobody can see it, and not to answer says nothing of a rep.

use leadflow_assignment::grpc::command::Command;
use leadflow_assignment::planner::expiry::UNSEEN_OFFERS_STAY;
use leadflow_assignment::store::rep::Rep;
use leadflow_proto::assignment::v1::AssignmentEvent;

use crate::support::*;

/// One lead, offered to one of three, who may be asked for ten minutes.
async fn offered() -> World {
    let world = World::new().await;
    world.reps(&["ana", "ben", "cem"]).await;
    world.pool(&[("ana", 1), ("ben", 1), ("cem", 1)], 600).await;
    world.deliver(vec![opened(1), qualified(1)]).await;
    world
}

/// Fact, whether it is still the same offer of the same rep, and seconds until he has to answer.
fn shown(event: &AssignmentEvent, offer: &AssignmentEvent) -> (String, bool, i64) {
    let (now, then) = (event.assignment.as_ref().unwrap(), offer.assignment.as_ref().unwrap());
    let seconds = now.respond_by.as_ref().unwrap().seconds - event.occurred_at.as_ref().unwrap().seconds;
    let unchanged = (&now.assignment_id, &now.rep_id, now.state, &now.reasons, &now.assigned_at)
        == (&then.assignment_id, &then.rep_id, then.state, &then.reasons, &then.assigned_at);
    (fact(event).to_owned(), unchanged, seconds)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offer_that_nobody_could_see_begins_anew_until_it_is_published() {
    let world = offered().await;
    let before = world.ledger().await;
    let offer = world.told().await.pop().unwrap();
    for renewal in 1..=3 {
        world.pass(599).await;
        world.tick_without_broker().await;
        assert_eq!(world.told().await.len(), renewal, "not before its time");
        world.pass(1).await;
        world.tick_without_broker().await;
        let told = world.told().await;
        assert_eq!((told.len(), shown(told.last().unwrap(), &offer)), (renewal + 1, ("updated".to_owned(), true, 600)));
        let due = "select count(*) from lead l join assignment a using (lead_id) \
             where l.state = 2 and a.state = 1 and l.wake_at = a.respond_by and a.respond_by = clock() + interval '600 s'";
        assert_eq!(world.count(due).await, 1, "the rows say what was told");
    }
    assert_eq!(world.count("select count(*) from lead where asked <> '' or timer_attempt <> 0").await, 0);
    assert_eq!(world.ledger().await, before, "nobody has received anything");
    assert_eq!(world.count("select count(*) from decision where kind = 10").await, 3);
    world.check().await;

    // The broker is back: from here on the clock counts.
    world.publish().await;
    world.pass(600).await;
    world.tick_without_broker().await;
    let facts: Vec<String> = world.told().await.iter().map(|event| fact(event).to_owned()).collect();
    assert_eq!(facts, ["offered", "updated", "updated", "updated", "expired", "offered"]);
    assert_ne!(rep_of(&world.told().await[5]), rep_of(&offer));
    world.check().await;
}

/// The switch: one after another is asked, gets the blame and the share, and nobody has heard of it.
#[tokio::test(flavor = "multi_thread")]
async fn red_without_it_offers_pass_on_that_were_never_published() {
    let world = offered().await;
    world.database.switches().turn_off(UNSEEN_OFFERS_STAY);
    for _ in 0..2 {
        world.pass(600).await;
        world.tick_without_broker().await;
    }
    let facts: Vec<String> = world.told().await.iter().map(|event| fact(event).to_owned()).collect();
    assert_eq!(facts, ["offered", "expired", "offered", "expired", "offered"]);
    assert_eq!(world.count("select count(*) from published").await, 0);
    assert_eq!(world.count("select count(*) from assignment where state = 4").await, 2);
}

/// A renewed offer can be taken in its new time; the rep may know of it from elsewhere.
#[tokio::test(flavor = "multi_thread")]
async fn a_renewed_offer_is_taken_in_its_new_time() {
    let world = offered().await;
    let rep_id = rep_of(&world.told().await[0]).to_owned();
    world.pass(600).await;
    let refused = world.command(1, &rep_id, Command::Accept).await.unwrap_err();
    assert_eq!(refused.reason, "OFFER_EXPIRED", "until the timer has looked");
    world.tick_without_broker().await;
    world.pass(599).await;
    let accepted = world.command(1, &rep_id, Command::Accept).await.unwrap();
    assert_eq!((fact(&accepted), accepted.sequence), ("accepted", 3));
    world.check().await;
}

/// Another fact about the lead that waits for the broker does not hold up an offer that was seen.
#[tokio::test(flavor = "multi_thread")]
async fn an_offer_that_was_seen_runs_out_whatever_else_is_not_published() {
    let world = offered().await;
    world.publish().await;
    let mut moved = later(1, 3, "mql");
    moved.lead.as_mut().unwrap().contact.as_mut().unwrap().phone_e164 = "+14155550100".to_owned();
    world.deliver(vec![moved]).await;
    assert_eq!(fact(world.told().await.last().unwrap()), "updated");
    world.pass(600).await;
    world.tick_without_broker().await;
    let facts: Vec<String> = world.told().await.iter().map(|event| fact(event).to_owned()).collect();
    assert_eq!(facts, ["offered", "updated", "expired", "offered"]);
    // The next one could not be seen.
    world.pass(600).await;
    world.tick_without_broker().await;
    assert_eq!(fact(world.told().await.last().unwrap()), "updated");
    world.check().await;
}

/// Of a page only those wait that nobody could see.
#[tokio::test(flavor = "multi_thread")]
async fn of_one_page_some_run_out_and_some_begin_anew() {
    let world = offered().await;
    world.publish().await;
    world.deliver((2..=4).flat_map(|n| [opened(n), qualified(n)]).collect()).await;
    world.pass(600).await;
    world.tick_without_broker().await;
    assert_eq!(world.story(1).await[1].split(' ').nth(1), Some("expired"));
    for n in 2..=4 {
        assert_eq!(world.story(n).await[1..].len(), 1);
        assert_eq!(world.story(n).await[1].split(' ').nth(1), Some("updated"), "lead {n}");
    }
    world.check().await;
}

/// Hours cut a renewed offer as they cut a new one. After them the rep has his time all the same, and it is no fault of his
/// to let it pass.
#[tokio::test(flavor = "multi_thread")]
async fn a_renewed_offer_knows_the_hours_of_its_rep() {
    let world = World::new().await;
    world.reps(&["ben"]).await;
    // Closes fifteen minutes after the offer: 11:15 in Berlin.
    world.rep(Rep { rep_id: "ana".to_owned(), schedule: vec![2, 540, 675], ..rep() }).await;
    world.pool(&[("ana", 9), ("ben", 1)], 600).await;
    world.deliver(vec![opened(1), qualified(1)]).await;
    let offer = world.told().await.pop().unwrap();
    assert_eq!(rep_of(&offer), "ana");
    for (pass, until_answer) in [(600, 300), (300, 600)] {
        world.pass(pass).await;
        world.tick_without_broker().await;
        let told = world.told().await.pop().unwrap();
        assert_eq!(shown(&told, &offer), ("updated".to_owned(), true, until_answer));
    }
    world.pass(600).await;
    world.tick().await;
    assert_eq!(world.story(1).await[3..], ["4 expired ana", "5 offered ben"]);
    let (ledger, _) = world.ledger().await;
    let owed = |rep_id: &str| ledger.entitled_micro()[rep_id] - ledger.accounts[rep_id].received * 1_000_000;
    assert_eq!((owed("ana"), owed("ben")), (0, 0), "taken out of the shares");
    world.check().await;
}
