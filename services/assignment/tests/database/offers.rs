//! Answers to offers, and what happens without one.

use leadflow_assignment::domain::lead::Stage;
use leadflow_assignment::grpc::command::Command;
use leadflow_assignment::store::rep::Rep;
use leadflow_proto::assignment::v1::{AssignmentEvent, Outcome};

use crate::support::*;

async fn world(members: &[(&str, i32)]) -> World {
    let world = World::new().await;
    let names: Vec<&str> = members.iter().map(|(name, _)| *name).collect();
    world.reps(&names).await;
    world.pool(members, 600).await;
    world
}

fn outcome(stage: Stage) -> Command {
    let reason = if matches!(stage, Stage::Recycled | Stage::Lost) { "no_budget" } else { "" };
    let outcome = Outcome { stage: stage.name().to_owned(), reason: reason.to_owned(), ..Outcome::default() };
    Command::Outcome(outcome, stage)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_accepted_lead_is_owned_touched_and_won() {
    let world = world(&[("ana", 1)]).await;
    world.deliver(vec![opened(1), hand_raised(1)]).await;
    let accepted = world.command(1, "ana", Command::Accept).await.unwrap();
    assert_eq!((fact(&accepted), accepted.sequence), ("accepted", 2));
    assert_eq!(accepted.lead.as_ref().unwrap().stage, "sal");
    assert_eq!(accepted.lead.as_ref().unwrap().email, "person1@acme1.example", "the reply has the contact");
    world.pass(30).await;
    let touched = world.command(1, "ana", Command::Touch("phone".to_owned(), None)).await.unwrap();
    let first = touched.assignment.as_ref().unwrap().first_touch_at.unwrap();
    assert_eq!(first.seconds, at(NOW).as_second() + 30);
    world.pass(30).await;
    let again = world.command(1, "ana", Command::Touch("email".to_owned(), None)).await.unwrap();
    assert_eq!(again.assignment.unwrap().first_touch_at.unwrap(), first, "the first one counts");
    let sql = world.command(1, "ana", outcome(Stage::Sql)).await.unwrap();
    assert_eq!((sql.lead.unwrap().stage, sql.assignment.unwrap().state), ("sql".to_owned(), 2));
    let won = world.command(1, "ana", outcome(Stage::Won)).await.unwrap();
    assert_eq!((won.lead.unwrap().stage, won.assignment.unwrap().state), ("won".to_owned(), 6));
    let story = world.story(1).await;
    assert_eq!(
        story,
        ["1 offered ana", "2 accepted ana", "3 touched ana", "4 touched ana", "5 outcome ana", "6 outcome ana"]
    );
    assert_eq!(world.count("select open_count::bigint from rep where rep_id = 'ana'").await, 0);
    world.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_reply_is_the_very_event_of_the_outbox() {
    let world = world(&[("ana", 1)]).await;
    world.deliver(vec![opened(1), qualified(1)]).await;
    let reply = world.command(1, "ana", Command::Accept).await.unwrap();
    assert_eq!(world.told().await.pop().unwrap(), reply);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offer_that_is_declined_or_runs_out_passes_on_and_comes_back_in_the_next_round() {
    let world = world(&[("ana", 1), ("ben", 1), ("cem", 1)]).await;
    world.deliver(vec![opened(1), qualified(1)]).await;
    let mut asked = vec![rep_of(&world.told().await[0]).to_owned()];
    world.command(1, &asked[0], Command::Decline("no_time".to_owned())).await.unwrap();
    world.plan().await;
    asked.push(rep_of(&world.told().await.pop().unwrap()).to_owned());
    world.pass(599).await;
    world.tick().await;
    assert_eq!(world.told().await.len(), 3, "not before its time");
    world.pass(1).await;
    world.tick().await;
    let told = world.told().await;
    assert_eq!(told.iter().map(fact).collect::<Vec<_>>(), ["offered", "declined", "offered", "expired", "offered"]);
    asked.push(rep_of(&told[4]).to_owned());
    asked.sort_unstable();
    assert_eq!(asked, ["ana", "ben", "cem"], "each was asked once");
    world.pass(600).await;
    world.tick().await;
    assert_eq!(world.told().await.len(), 6, "everybody was asked: a pause");
    world.pass(59).await;
    world.tick().await;
    assert_eq!(world.told().await.len(), 6);
    world.pass(1).await;
    world.tick().await;
    assert_eq!(fact(world.told().await.last().unwrap()), "offered", "the second round");
    world.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decline_with_a_valid_reason_is_a_credit_and_another_is_not() {
    for (reason, credited) in [("junk", true), ("no_time", false)] {
        let world = world(&[("ana", 1), ("ben", 1)]).await;
        world.deliver(vec![opened(1), qualified(1)]).await;
        let first = rep_of(&world.told().await[0]).to_owned();
        world.command(1, &first, Command::Decline(reason.to_owned())).await.unwrap();
        world.plan().await;
        let (ledger, _) = world.ledger().await;
        let owed = ledger.entitled_micro()[first.as_str()] - ledger.accounts[&first].received * 1_000_000;
        // The lead went on to the only other one, which shares nothing out.
        assert_eq!(owed, if credited { 0 } else { -500_000 }, "{reason}");
        assert_eq!(ledger.accounts[&first].credit_micro, if credited { 500_000 } else { 0 }, "{reason}");
        world.check().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offer_cut_by_closing_time_is_no_fault_of_the_rep() {
    let world = World::new().await;
    world.reps(&["ben"]).await;
    // Closes one minute after the hand-raise: 11:01 in Berlin.
    world.rep(Rep { rep_id: "ana".to_owned(), schedule: vec![2, 540, 661], ..rep() }).await;
    world.pool(&[("ana", 9), ("ben", 1)], 600).await;
    world.deliver(vec![opened(1), hand_raised(1)]).await;
    let offer = world.told().await.pop().unwrap();
    assert_eq!((rep_of(&offer), fact(&offer)), ("ana", "offered"));
    assert_eq!(offer.assignment.unwrap().respond_by.unwrap().seconds, at("2026-11-24T10:01:00Z").as_second());
    world.pass(60).await;
    world.tick().await;
    assert_eq!(world.story(1).await, ["1 offered ana", "2 expired ana", "3 offered ben"]);
    let (ledger, _) = world.ledger().await;
    let owed = |rep_id: &str| ledger.entitled_micro()[rep_id] - ledger.accounts[rep_id].received * 1_000_000;
    assert_eq!((owed("ana"), owed("ben")), (0, 0));
    world.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_without_offers_assigns_at_once_and_the_owner_keeps_the_account() {
    let world = World::new().await;
    world.reps(&["ana", "ben", "cem"]).await;
    world.pool(&[("ana", 1), ("ben", 1), ("cem", 1)], 0).await;
    world.deliver(vec![opened(1), qualified(1)]).await;
    let assigned = world.told().await.pop().unwrap();
    assert_eq!((fact(&assigned), assigned.lead.as_ref().unwrap().stage.as_str()), ("assigned", "sal"));
    let owner = rep_of(&assigned).to_owned();
    let of_the_same_account = |n: u128| {
        let mut events = vec![opened(n), qualified(n)];
        events.iter_mut().for_each(|event| event.lead.as_mut().unwrap().account_domain = "acme1.example".to_owned());
        events
    };
    for n in 2..6 {
        world.deliver(of_the_same_account(n)).await;
        let event: AssignmentEvent = world.told().await.pop().unwrap();
        assert_eq!(rep_of(&event), owner);
        assert_eq!(event.assignment.unwrap().reasons[0].text, "already owns this account");
    }
    world.desk.set_presence(&owner, false).await.unwrap();
    world.deliver(of_the_same_account(6)).await;
    assert_ne!(rep_of(&world.told().await.pop().unwrap()), owner, "an owner who is away leaves it to the pool");
    world.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_are_idempotent_and_refuse_what_has_moved_on() {
    let world = world(&[("ana", 1), ("ben", 1)]).await;
    world.deliver(vec![opened(1), qualified(1)]).await;
    let rep_id = rep_of(&world.told().await[0]).to_owned();
    let other = if rep_id == "ana" { "ben" } else { "ana" };
    let refused = |error: leadflow_platform::error::ApiError| error.reason;
    assert_eq!(world.command(1, other, Command::Accept).await.map_err(refused), Err("NOT_FOUND"), "never his");
    assert_eq!(world.command(9, &rep_id, Command::Accept).await.map_err(refused), Err("NOT_FOUND"));
    let mut order = world.order(1, &rep_id);
    order.if_sequence = 7;
    let error = world.desk.carry_out(order.clone(), Command::Accept).await.unwrap_err();
    assert_eq!((error.reason, error.metadata["sequence"].as_str()), ("SEQUENCE_MOVED", "1"));
    assert_eq!((error.metadata["state"].as_str(), error.metadata["rep_id"].as_str()), ("offered", rep_id.as_str()));
    order.if_sequence = 1;
    let first = world.desk.carry_out(order.clone(), Command::Accept).await.unwrap();
    assert_eq!(world.desk.carry_out(order.clone(), Command::Accept).await.unwrap(), first, "the first reply again");
    order.request_hash = [2; 32];
    let reused = world.desk.carry_out(order, Command::Accept).await.map_err(refused);
    assert_eq!(reused.unwrap_err(), "IDEMPOTENCY_KEY_REUSED");
    assert_eq!(world.command(1, &rep_id, Command::Accept).await.map_err(refused), Err("NOT_OFFERED"));
    assert_eq!(world.command(1, &rep_id, outcome(Stage::Sal)).await.map_err(refused), Err("STAGE_UNCHANGED"));
    assert_eq!(world.told().await.len(), 2);
    world.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crm_record_is_linked_once_and_stays_in_every_later_event() {
    use leadflow_proto::assignment::v1::ExternalId;
    let world = world(&[("ana", 1)]).await;
    world.deliver(vec![opened(1), qualified(1)]).await;
    let record = ExternalId { system: "hubspot".to_owned(), r#type: "contact".to_owned(), id: "8123".to_owned() };
    let first = world.desk.carry_out(world.order(1, "ana"), Command::Link(record.clone())).await.unwrap();
    let again = world.desk.carry_out(world.order(1, "ana"), Command::Link(record.clone())).await.unwrap();
    assert_eq!((first.created, again.created), (true, false));
    assert_eq!(first.event, again.event, "nothing new to tell");
    world.deliver(vec![later(1, 3, "mql")]).await;
    let accepted = world.command(1, "ana", Command::Accept).await.unwrap();
    assert_eq!(accepted.lead.unwrap().external_ids, [record]);
    assert_eq!(world.story(1).await, ["1 offered ana", "2 updated ana", "3 accepted ana"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deactivated_rep_gets_nothing_more_and_his_offers_pass_on() {
    let world = world(&[("ana", 1), ("ben", 1)]).await;
    let leads = (1..=6).flat_map(|n| [opened(n), qualified(n)]).collect();
    world.deliver(leads).await;
    let kept = world.told().await.iter().position(|event| rep_of(event) == "ana").unwrap() as u128 + 1;
    world.command(kept, "ana", Command::Accept).await.unwrap();
    world.desk.deactivate("ana").await.unwrap();
    world.plan().await;
    let open = "select count(*) from assignment where rep_id = 'ana' and state in (1, 2)";
    assert_eq!(world.count(open).await, 1, "what she accepted stays");
    assert_eq!(world.count("select count(*) from assignment where rep_id = 'ben' and state = 1").await, 5);
    assert_eq!(world.count("select count(*) from assignment where rep_id = 'ana' and state = 5").await, 2);
    world.check().await;
}
