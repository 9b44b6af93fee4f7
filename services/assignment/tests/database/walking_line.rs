//! A qualified lead becomes an offer on the outbox, with reasons, in the transaction that took it in.

use leadflow_platform::consumer::Outcome;
use leadflow_proto::assignment::v1::AssignmentState;

use crate::support::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_hand_raise_is_offered_in_the_transaction_that_took_it_in() {
    let world = World::new().await;
    world.reps(&["ana"]).await;
    world.pool(&[("ana", 1)], 600).await;
    let outcomes = world.deliver(vec![opened(1), hand_raised(1)]).await;
    assert_eq!(outcomes, [Outcome::Applied, Outcome::Applied]);
    let told = world.told().await;
    assert_eq!(told.len(), 1);
    let event = &told[0];
    assert_eq!((fact(event), event.sequence, event.incarnation), ("offered", 1, 1));
    let (lead, assignment) = (event.lead.as_ref().unwrap(), event.assignment.as_ref().unwrap());
    assert_eq!((lead.email.as_str(), lead.hand_raise_text.as_str()), ("person1@acme1.example", "please call number 1"));
    assert_eq!((lead.stage.as_str(), lead.reasons[0].code.as_str()), ("mql", "pricing"));
    assert_eq!((assignment.rep_id.as_str(), assignment.rep_email.as_str()), ("ana", "rep@sales.example"));
    assert_eq!(assignment.state(), AssignmentState::Offered);
    assert_eq!(assignment.respond_by.as_ref().unwrap().seconds, at(NOW).as_second() + 600);
    let codes: Vec<&str> = assignment.reasons.iter().map(|reason| reason.code.as_str()).collect();
    assert_eq!(codes, ["only_one", "hand_raise"]);
    let open: i32 = sqlx::query_scalar("select open_count from rep where rep_id = 'ana'")
        .fetch_one(world.database.pool())
        .await
        .unwrap();
    assert_eq!(open, 1);
}
