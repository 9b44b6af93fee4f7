//! Lead events twice, late, out of order, with gaps, in any split into batches: the same outcome.

use leadflow_assignment::handler::REPEATS_ARE_DROPPED;
use leadflow_platform::consumer::Outcome;
use leadflow_proto::qualification::v1 as lead;
use leadflow_proto::qualification::v1::lead_event::Fact;

use crate::support::*;

fn disqualified(n: u128, sequence: i32) -> lead::LeadEvent {
    let reason = "competitor".to_owned();
    event(n, sequence, "disqualified", Fact::Disqualified(lead::LeadDisqualified { reason, ..Default::default() }))
}

fn history(n: u128) -> Vec<lead::LeadEvent> {
    vec![
        opened(n),
        qualified(n),
        later(n, 3, "mql"),
        event(n, 4, "mql", Fact::HandRaised(lead::HandRaised { event_id: String::new() })),
        disqualified(n, 5),
    ]
}

async fn world() -> World {
    let world = World::new().await;
    world.reps(&["ana", "ben"]).await;
    world.pool(&[("ana", 1), ("ben", 2)], 600).await;
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn twice_changes_nothing() {
    let world = world().await;
    for event in history(1) {
        world.deliver(vec![event]).await;
    }
    let story = world.story(1).await;
    assert_eq!(story, ["1 offered ben", "2 updated ben", "3 withdrawn ben"]);
    for events in [history(1), history(1).into_iter().rev().collect(), vec![qualified(1)]] {
        let expected = vec![Outcome::Duplicate; events.len()];
        assert_eq!(world.deliver(events).await, expected);
    }
    assert_eq!(world.story(1).await, story);
    world.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn red_without_sequences_a_copy_is_told_again() {
    let world = world().await;
    world.database.switches().turn_off(REPEATS_ARE_DROPPED);
    let history = &history(1)[..4];
    world.deliver(history.to_vec()).await;
    let told = world.story(1).await.len();
    assert_eq!(world.deliver(vec![history[3].clone()]).await, [Outcome::Applied]);
    assert_eq!(world.story(1).await.len(), told + 1, "the rep hears of one raised hand twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn any_split_into_batches_tells_the_same() {
    let mut stories = Vec::new();
    for split in [1, 2, 3, 5] {
        let world = world().await;
        for batch in history(1).chunks(split) {
            world.deliver(batch.to_vec()).await;
            world.plan().await;
        }
        world.check().await;
        let last = world.told().await.pop();
        let told = last.map(|event| (event.r#type, event.lead, event.assignment.map(|a| a.state)));
        stories.push(told);
    }
    // One batch holds the whole history: the lead was over before anybody was asked, and nothing was told.
    assert_eq!(stories[0], stories[1]);
    assert_eq!(stories[1], stories[2]);
    assert!(stories[0].as_ref().unwrap().0.contains("withdrawn"));
    assert_eq!(stories[3], None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gap_is_applied_and_what_comes_late_is_a_copy() {
    let world = world().await;
    // The qualifying event never came; a later one carries the whole lead.
    assert_eq!(world.deliver(vec![later(1, 7, "mql")]).await, [Outcome::Applied]);
    assert_eq!(world.deliver(vec![qualified(1), opened(1)]).await, [Outcome::Duplicate, Outcome::Duplicate]);
    assert_eq!(world.story(1).await, ["1 offered ben"]);
    let codes: Vec<String> =
        world.told().await[0].assignment.as_ref().unwrap().reasons.iter().map(|reason| reason.code.clone()).collect();
    assert_eq!(codes, ["fair_turn", "hand_raise"], "learned late, with a hand-raise: goes first");
    world.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_we_caused_is_heard_but_no_news() {
    let world = world().await;
    world.deliver(vec![opened(1), qualified(1)]).await;
    let mut echo = later(1, 3, "mql");
    echo.cause = Some(lead::Cause { topic: "assignment".to_owned(), event_id: String::new() });
    assert_eq!(world.deliver(vec![echo.clone()]).await, [Outcome::Ignored("caused_by_us")]);
    assert_eq!(world.deliver(vec![echo]).await, [Outcome::Duplicate], "its sequence counts as heard");
    assert_eq!(world.story(1).await, ["1 offered ben"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_life_of_the_topic_begins_at_one() {
    let world = world().await;
    world.deliver(vec![opened(1), qualified(1), later(1, 3, "mql")]).await;
    let mut again = disqualified(1, 1);
    again.incarnation = 2;
    assert_eq!(world.deliver(vec![again]).await, [Outcome::Applied]);
    assert_eq!(world.story(1).await, ["1 offered ben", "2 withdrawn ben"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_contact_is_told_and_the_old_version_stays() {
    let world = world().await;
    world.deliver(vec![opened(1), qualified(1)]).await;
    let mut moved = later(1, 3, "mql");
    moved.lead.as_mut().unwrap().contact.as_mut().unwrap().phone_e164 = "+4930123456".to_owned();
    world.deliver(vec![moved.clone()]).await;
    moved.sequence = 4;
    world.deliver(vec![moved]).await;
    let told = world.told().await;
    assert_eq!(world.story(1).await, ["1 offered ben", "2 updated ben"], "the same contact again is no news");
    assert_eq!(told[0].lead.as_ref().unwrap().phone_e164, "");
    assert_eq!(told[1].lead.as_ref().unwrap().phone_e164, "+4930123456");
    assert_eq!(world.count("select count(*) from lead_contact").await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hand_raise_on_an_owned_lead_is_told_with_its_words() {
    use leadflow_proto::assignment::v1::assignment_event::Detail;
    let world = world().await;
    world.deliver(vec![opened(1), qualified(1)]).await;
    let mut asks = event(1, 3, "mql", Fact::HandRaised(lead::HandRaised { event_id: String::new() }));
    asks.lead.as_mut().unwrap().hand_raise.as_mut().unwrap().text = "call me today".to_owned();
    world.deliver(vec![asks]).await;
    let told = world.told().await;
    let Some(Detail::HandRaised(raised)) = &told[1].detail else { panic!("{:?}", told[1]) };
    assert_eq!((raised.text.as_str(), raised.kind.as_str()), ("call me today", "callback_request"));
    assert_eq!(told[1].lead.as_ref().unwrap().hand_raise_text, "call me today");
}

#[tokio::test(flavor = "multi_thread")]
async fn merged_ends_the_assignment_and_the_owner_goes_with_the_person() {
    let world = world().await;
    world.deliver(vec![opened(1), qualified(1), opened(2), qualified(2)]).await;
    let rep_id = rep_of(&world.told().await[0]).to_owned();
    world.command(1, &rep_id, leadflow_assignment::grpc::command::Command::Accept).await.unwrap();
    let into_lead_id = lead_id(2).to_string();
    world
        .deliver(vec![event(1, 3, "merged", Fact::Merged(lead::LeadMerged { into_lead_id: into_lead_id.clone() }))])
        .await;
    let last = world.told().await.pop().unwrap();
    assert_eq!((fact(&last), last.assignment.as_ref().unwrap().state), ("merged", 6));
    let person_of_two = "select count(*) from owner o join lead l on o.key_hash = l.person_key where l.lead_id = $1";
    let owned: i64 = sqlx::query_scalar(person_of_two).bind(lead_id(2)).fetch_one(world.database.pool()).await.unwrap();
    assert_eq!(owned, 1);
    assert_eq!(world.deliver(vec![later(1, 4, "mql")]).await, [Outcome::Ignored("closed")]);
    world.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn erased_leaves_numbers_and_nobody() {
    let world = world().await;
    world.deliver(vec![opened(1), qualified(1)]).await;
    let rep_id = rep_of(&world.told().await[0]).to_owned();
    let order = world.order(1, &rep_id);
    let reply = world.desk.carry_out(order.clone(), leadflow_assignment::grpc::command::Command::Accept).await.unwrap();
    assert_eq!(reply.event.unwrap().lead.unwrap().email, "person1@acme1.example");
    let mut erased = event(1, 3, "", Fact::Erased(lead::LeadErased { request_id: "r1".to_owned() }));
    erased.lead = None;
    world.deliver(vec![erased]).await;
    let last = world.told().await.pop().unwrap();
    assert_eq!((fact(&last), &last.lead, &last.assignment), ("erased", &None, &None));
    assert_eq!(world.count("select count(*) from lead_contact").await, 0);
    let again = world.desk.carry_out(order, leadflow_assignment::grpc::command::Command::Accept).await.unwrap();
    assert_eq!(again.event.unwrap().lead.unwrap().email, "", "not even in the reply that is kept for a day");
    assert_eq!(world.count("select count(*) from decision where input is not null").await, 0);
    let left =
        "select count(*) from lead where snapshot is not null or last_event is not null or person_key is not null";
    assert_eq!(world.count(left).await, 0);
    assert_eq!(world.count("select count(*) from assignment where state = 6").await, 1, "the ledger's rows stay");
    assert_eq!(world.deliver(vec![later(1, 4, "mql")]).await, [Outcome::Ignored("erased")]);
    world.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lifted_is_offered_again_and_recycled_only_when_qualified_anew() {
    use leadflow_assignment::domain::lead::Stage;
    use leadflow_assignment::grpc::command::Command;
    use leadflow_proto::assignment::v1::Outcome as OutcomeProto;
    let world = world().await;
    world.deliver(history(1)).await;
    world.deliver(vec![event(1, 6, "mql", Fact::DisqualificationLifted(Default::default()))]).await;
    assert_eq!(world.story(1).await.len(), 1, "one batch: nothing was told before");
    let rep_id = rep_of(&world.told().await[0]).to_owned();
    world.command(1, &rep_id, Command::Accept).await.unwrap();
    let recycled = OutcomeProto { stage: "recycled".to_owned(), reason: "no_budget".to_owned(), ..Default::default() };
    world.command(1, &rep_id, Command::Outcome(recycled, Stage::Recycled)).await.unwrap();
    // Qualification has not folded it yet, then it has.
    world.deliver(vec![later(1, 7, "sal"), later(1, 8, "mql"), later(1, 9, "recycled")]).await;
    assert_eq!(world.story(1).await.len(), 3, "{:?}", world.story(1).await);
    let by = "threshold".to_owned();
    world.deliver(vec![event(1, 10, "mql", Fact::Qualified(lead::LeadQualified { by, ..Default::default() }))]).await;
    let story = world.story(1).await;
    assert_eq!(story.last().unwrap(), &format!("4 offered {rep_id}"), "owner match");
    world.check().await;
}
