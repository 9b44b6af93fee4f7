//! Erase, then replay everything: nobody comes back; what is new is a new person.

use leadflow_platform::consumer::Outcome;
use leadflow_platform::identity_key::Purpose;
use leadflow_platform::outbox;
use leadflow_platform::testing::clock;
use leadflow_proto::qualification::v1::lead_event::Fact;
use leadflow_qualification::domain::identity::{IdentifierKind, PersonId};
use leadflow_qualification::erase::{Erased, Eraser, erase};
use leadflow_qualification::handler::TOMBSTONES;
use leadflow_qualification::replay::{Replay, replay};
use leadflow_qualification::store;

use crate::bed::{Bed, Events, texts};

async fn erase_person(bed: &Bed, email: &str) -> Erased {
    erase_by(bed, IdentifierKind::Email, email).await
}

/// Whose this identifier is: found by its hash, as the command does.
pub async fn erase_by(bed: &Bed, kind: IdentifierKind, value: &str) -> Erased {
    let hash = bed.key.hash(Purpose::Identifier, kind.as_str(), value);
    let person: i64 = sqlx::query_scalar("select person_id from identifier where value_hash = $1")
        .bind(uuid::Uuid::from_bytes(hash.0))
        .fetch_one(bed.database().pool())
        .await
        .expect("known");
    let mut tx = bed.database().write_tx("erase").await.expect("a transaction");
    let eraser = Eraser { models: &bed.models, identity_key: &bed.key, incarnation: 1 };
    let erased = erase(&mut tx, eraser, PersonId(person), "request-1").await.expect("erased").expect("there");
    outbox::append(&mut tx, &erased.outbox).await.expect("appended");
    tx.commit().await.expect("committed");
    erased
}

/// Every table that may hold something personal, as text.
async fn everything(bed: &Bed) -> String {
    let mut all = String::new();
    for table in ["identifier", "link", "person", "person_profile", "timeline", "lead", "decision"] {
        let query = format!("select coalesce(string_agg(t::text, E'\\n'), '') from {table} t");
        let rows: String =
            sqlx::query_scalar(sqlx::AssertSqlSafe(query)).fetch_one(bed.database().pool()).await.expect("rows");
        all.push_str(&rows);
    }
    all
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn nobody_comes_back_by_a_replay_and_the_new_is_new() {
    let bed = Bed::new().await;
    let make = Events { now: bed.now().await };
    let mut demo = make.demo("d1", "b-1", "kim@acme.example", 20);
    demo.traits = texts([("given_name", "Kimberly")]);
    let other = make.demo("d2", "b-2", "lee@acme.example", 20);
    let all = [make.page("p1", "b-1", "/pricing", 30), demo, other, make.page("p2", "b-1", "/pricing", 10)];
    bed.apply(&all).await;
    let before = everything(&bed).await;
    assert!(before.contains("kim@acme.example") && before.contains(&hex("Kimberly")));

    let erased = erase_person(&bed, "kim@acme.example").await;
    assert_eq!((erased.timeline_entries, erased.lead_ids.len()), (3, 1));
    let last = bed.lead_events().await.pop().expect("told");
    assert!(matches!(&last.fact, Some(Fact::Erased(fact)) if fact.request_id == "request-1"));
    assert!(last.lead.is_none());
    let after = everything(&bed).await;
    for trace in ["kim@acme.example", "Kimberly", "b-1"] {
        assert!(!after.contains(trace) && !after.contains(&hex(trace)), "{trace} is still there");
    }
    assert!(after.contains("lee@acme.example"));

    let ignored = Outcome::Ignored("erased");
    assert_eq!(bed.apply(&all).await, [ignored.clone(), ignored.clone(), Outcome::Duplicate, ignored]);
    assert_eq!(bed.count("select count(*) from timeline").await, 1);

    // What happens later under the same address is a new person's.
    clock::shift(bed.database(), 3600).await.expect("a clock");
    let later = Events { now: bed.now().await };
    assert_eq!(bed.apply(&[later.demo("d3", "b-1", "kim@acme.example", 0)]).await, [Outcome::Applied]);
    let told = bed.lead_events().await;
    let new = told.last().and_then(|event| event.lead.as_ref()).expect("a snapshot");
    assert_ne!(new.person_id, erased.person_uid.to_string());
    let contact = new.contact.as_ref().expect("a contact");
    assert_eq!((contact.email.as_str(), contact.given_name.as_str()), ("kim@acme.example", ""));
    assert_eq!(new.reasons.iter().map(|line| line.event_count).sum::<i32>(), 1);
}

#[tokio::test]
async fn red_without_tombstones_a_replay_brings_the_erased_back() {
    let bed = Bed::new().await;
    bed.database().switches().turn_off(TOMBSTONES);
    let make = Events { now: bed.now().await };
    let all = [make.page("p1", "b-1", "/pricing", 30), make.demo("d1", "b-1", "kim@acme.example", 20)];
    bed.apply(&all).await;
    erase_person(&bed, "kim@acme.example").await;
    assert_eq!(bed.count("select count(*) from timeline").await, 0);
    assert_eq!(bed.apply(&all).await, [Outcome::Applied, Outcome::Applied]);
    assert_eq!(bed.count("select count(*) from timeline").await, 2);
}

#[tokio::test]
async fn decisions_keep_their_numbers_and_say_erased_on_replay() {
    let bed = Bed::new().await;
    let make = Events { now: bed.now().await };
    bed.apply(&[make.demo("d1", "b-1", "kim@acme.example", 20)]).await;
    bed.assert_replays_equal().await;
    let erased = erase_person(&bed, "kim@acme.example").await;
    let mut connection = bed.database().pool().acquire().await.expect("a connection");
    let rows = store::decision::page(&mut connection, uuid::Uuid::nil(), 100).await.expect("decisions");
    assert_eq!(rows.len(), 2);
    for row in rows {
        assert_eq!(replay(&mut connection, &bed.models, &row).await.expect("replayed"), Replay::Erased);
        assert_eq!(row.digest.len(), 32);
    }
    assert_eq!(erased.lead_ids.len(), 1);
}

#[tokio::test]
async fn an_address_that_two_people_gave_goes_out_of_the_events_of_the_other() {
    let bed = Bed::new().await;
    let make = Events { now: bed.now().await };
    let mut own = make.demo("d1", "b-1", "kim@acme.example", 30);
    own.user_id = "kim".into();
    let mut others = make.demo("d2", "b-2", "kim@acme.example", 20);
    others.user_id = "lee".into();
    bed.apply(&[own, others]).await;
    let erased = erase_person(&bed, "kim@acme.example").await;
    assert_eq!(erased.timeline_entries, 1);
    let after = everything(&bed).await;
    assert!(!after.contains("kim@acme.example") && !after.contains(&hex("kim@acme.example")));
    assert!(after.contains(&hex("lee")), "the act of the other stays");
}
