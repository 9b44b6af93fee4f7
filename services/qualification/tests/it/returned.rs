//! Who comes back after an erasure is a new person of whom everything is known that the new acts say: how to reach them, what
//! the address means to lists and fit. Old acts say nothing any more, however often they come.

use leadflow_platform::consumer::Outcome;
use leadflow_platform::testing::clock;
use leadflow_proto::engagement::v1::EngagementEvent;
use leadflow_proto::qualification::v1::LeadSnapshot;
use leadflow_qualification::domain::identity::IdentifierKind;

use crate::bed::{Bed, Events};
use crate::erasure::erase_by;

const RIVAL: &str = "kim@rival-metrics.example";
const ORDINARY: &str = "lee@acme.example";
const PHONE: &str = "+14155550142";

/// An hour later.
async fn later(bed: &Bed) -> Events {
    clock::shift(bed.database(), 3600).await.expect("a clock");
    Events { now: bed.now().await }
}

/// Asks for a demo with a user id, an address and a phone number.
fn demo(make: &Events, name: &str, user: &str, email: &str) -> EngagementEvent {
    let mut event = make.demo(name, &format!("browser of {user}"), email, 0);
    (event.user_id, event.phone) = (user.into(), PHONE.into());
    event
}

async fn erase(bed: &Bed, email: &str) {
    erase_by(bed, IdentifierKind::Email, email).await;
}

/// What is known in plain text.
async fn values(bed: &Bed) -> Vec<String> {
    sqlx::query_scalar("select value from identifier where value is not null order by kind, value")
        .fetch_all(bed.database().pool())
        .await
        .expect("values")
}

/// Every row that an event can change, as text.
async fn rows(bed: &Bed) -> Vec<String> {
    let sql = "select 'i' || i::text from identifier i union all select 'l' || l::text from link l \
         union all select 'p' || p::text from person p union all select 'f' || f::text from person_profile f \
         union all select 't' || t::text from timeline t union all select 'e' || e::text from lead e \
         union all select 'd' || d::text from decision d order by 1";
    sqlx::query_scalar(sql).fetch_all(bed.database().pool()).await.expect("rows")
}

async fn last_snapshot(bed: &Bed) -> LeadSnapshot {
    bed.lead_events().await.pop().and_then(|event| event.lead).expect("a snapshot")
}

fn erased(count: usize) -> Vec<Outcome> {
    vec![Outcome::Ignored("erased"); count]
}

#[tokio::test]
async fn a_competitor_who_was_erased_and_comes_back_is_a_competitor_still() {
    let bed = Bed::new().await;
    let make = Events { now: bed.now().await };
    let disqualified = "select count(*) from person where (flags >> 8) <> 0 and merged_into is null";
    let mut all = vec![demo(&make, "d1", "kim", RIVAL)];
    bed.apply(&all).await;
    assert_eq!((bed.count("select count(*) from lead").await, bed.count(disqualified).await), (0, 1));
    for round in 0..3 {
        erase(&bed, RIVAL).await;
        assert!(values(&bed).await.is_empty(), "round {round}");
        assert_eq!(bed.apply(&all).await, erased(all.len()), "round {round}");
        let make = later(&bed).await;
        let again = demo(&make, &format!("again {round}"), "kim", RIVAL);
        assert_eq!(bed.apply(std::slice::from_ref(&again)).await, [Outcome::Applied]);
        all.push(again);
        assert_eq!(values(&bed).await, ["kim", RIVAL, PHONE], "round {round}");
        assert_eq!((bed.count("select count(*) from lead").await, bed.count(disqualified).await), (0, 1));
    }
    assert!(bed.told().await.is_empty(), "no rep hears of a competitor");
}

#[tokio::test]
async fn who_comes_back_can_be_reached_and_fits_as_before() {
    let bed = Bed::new().await;
    let make = Events { now: bed.now().await };
    let first = demo(&make, "d1", "lee", ORDINARY);
    bed.apply(std::slice::from_ref(&first)).await;
    let before = last_snapshot(&bed).await;
    assert_eq!(before.fit_grade, "C");
    erase(&bed, ORDINARY).await;

    let make = later(&bed).await;
    let second = demo(&make, "d2", "lee", ORDINARY);
    bed.apply(std::slice::from_ref(&second)).await;
    let after = last_snapshot(&bed).await;
    assert_ne!(after.person_id, before.person_id);
    assert_eq!((&after.contact, &after.fit_grade), (&before.contact, &before.fit_grade));
    assert_eq!((&after.account_domain, &after.account_id), (&before.account_domain, &before.account_id));

    // The topic from its beginning: nothing of it is new, and nothing of it is undone.
    let there = rows(&bed).await;
    let both = [first, second];
    assert_eq!(bed.apply(&both).await, [Outcome::Ignored("erased"), Outcome::Duplicate]);
    assert_eq!(rows(&bed).await, there);

    erase(&bed, ORDINARY).await;
    assert!(values(&bed).await.is_empty());
    let gone = rows(&bed).await;
    assert_eq!(bed.apply(&both).await, erased(2));
    assert_eq!(rows(&bed).await, gone);
    assert_eq!(bed.told().await.iter().filter(|kind| *kind == "erased").count(), 2);
}

/// Each identifier of somebody who is erased comes back with the act that names it, not with another.
#[tokio::test]
async fn what_is_not_named_again_stays_unknown() {
    let bed = Bed::new().await;
    let make = Events { now: bed.now().await };
    let old = demo(&make, "d1", "lee", ORDINARY);
    bed.apply(std::slice::from_ref(&old)).await;
    erase(&bed, ORDINARY).await;
    let make = later(&bed).await;
    let mut by_phone = make.act("p", "form", 0);
    by_phone.phone = PHONE.into();
    let mut by_user = make.act("u", "product", 0);
    by_user.user_id = "lee".into();
    let mut by_mail = make.act("m", "email_in", 0);
    by_mail.email = ORDINARY.into();
    let mut known = Vec::new();
    for (event, value) in [(by_phone, PHONE), (by_user, "lee"), (by_mail, ORDINARY)] {
        bed.apply(&[old.clone(), event]).await;
        known.push(value);
        known.sort_by_key(|value| ["lee", ORDINARY, PHONE].iter().position(|of| of == value));
        assert_eq!(values(&bed).await, known);
    }
    assert_eq!(bed.count("select count(*) from link").await, 0, "nothing says that they are one");
    bed.apply(&[make.page("b", "browser of lee", "/pricing", 0)]).await;
    assert_eq!(bed.count("select count(*) from identifier where kind = 4 and value is not null").await, 0);
}

/// A machine ties nobody and nobody is asked because of it; what it names is known all the same, as of somebody new.
#[tokio::test]
async fn an_address_that_a_machine_names_first_is_known_when_its_person_acts() {
    let bed = Bed::new().await;
    let make = Events { now: bed.now().await };
    bed.apply(&[make.demo("d1", "b-1", RIVAL, 0)]).await;
    erase(&bed, RIVAL).await;
    let make = later(&bed).await;
    let mut machine = make.act("bot", "page_view", 0);
    (machine.user_id, machine.email, machine.bot_reason) = ("crawler-7".into(), RIVAL.into(), "crawler".into());
    bed.apply(&[machine]).await;
    bed.drain().await;
    assert_eq!(values(&bed).await, ["crawler-7", RIVAL]);
    bed.apply(&[make.demo("d2", "b-2", RIVAL, 0)]).await;
    assert_eq!(bed.count("select count(*) from lead").await, 0);
    bed.drain().await;
    assert_eq!(bed.count("select count(*) from lead").await, 0, "the slow path says the same");
}

/// An address goes to another person, by an act of an earlier time that comes late; its text goes with it.
#[tokio::test]
async fn an_address_that_comes_back_can_move() {
    let bed = Bed::new().await;
    let make = Events { now: bed.now().await };
    bed.apply(&[make.demo("d1", "b-1", ORDINARY, 0)]).await;
    erase(&bed, ORDINARY).await;
    clock::shift(bed.database(), 24 * 3600).await.expect("a clock");
    let make = Events { now: bed.now().await };
    let with = |name: &str, user: &str, minutes: i64| {
        let mut event = make.identify(name, "", ORDINARY, minutes);
        event.user_id = user.into();
        event
    };
    bed.apply(&[with("i2", "ben", 30)]).await;
    bed.apply(&[with("i1", "ada", 60)]).await;
    bed.drain().await;
    let whose = "select count(*) from identifier i join identifier u using (person_id) \
         where i.value = 'lee@acme.example' and u.value = 'ada'";
    assert_eq!(bed.count(whose).await, 1);
    assert_eq!(last_snapshot_of(&bed, "ada").await.contact.expect("a contact").email, ORDINARY);
}

async fn last_snapshot_of(bed: &Bed, user: &str) -> LeadSnapshot {
    let uid: uuid::Uuid =
        sqlx::query_scalar("select person_uid from person join identifier using (person_id) where value = $1")
            .bind(user)
            .fetch_one(bed.database().pool())
            .await
            .expect("a person");
    let mut snapshots = bed.lead_events().await.into_iter().filter_map(|event| event.lead);
    snapshots.rfind(|lead| lead.person_id == uid.to_string()).expect("a snapshot")
}

/// An address of two people: only its owner was erased. When the other gives it again, it is the other's.
#[tokio::test]
async fn an_address_of_the_erased_that_another_gives_is_the_others() {
    let bed = Bed::new().await;
    let make = Events { now: bed.now().await };
    let mut own = make.demo("d1", "b-1", ORDINARY, 30);
    own.user_id = "kim".into();
    let mut others = make.demo("d2", "b-2", "", 20);
    others.user_id = "ada".into();
    bed.apply(&[own, others]).await;
    erase(&bed, ORDINARY).await;
    let make = later(&bed).await;
    let mut gives = make.identify("i1", "b-2", ORDINARY, 0);
    gives.user_id = "ada".into();
    bed.apply(&[gives]).await;
    let told = last_snapshot_of(&bed, "ada").await;
    assert_eq!((told.contact.expect("a contact").email.as_str(), told.fit_grade.as_str()), (ORDINARY, "C"));
}
