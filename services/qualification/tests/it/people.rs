//! Who is whom: anonymous history follows the person, two people on one browser stay two, late links, merges, limits.

use leadflow_platform::consumer::Outcome;
use leadflow_proto::engagement::v1::EngagementEvent;

use crate::bed::{Bed, Events, texts};

fn user(mut event: EngagementEvent, user: &str) -> EngagementEvent {
    event.user_id = user.into();
    event
}

/// Score of the person of this browser, in milli-points.
async fn scores(bed: &Bed) -> Vec<(String, i32)> {
    sqlx::query_as(
        "select string_agg(coalesce(i.value, 'browser'), ' ' order by i.kind, i.value), p.score_milli from person p \
         join identifier i using (person_id) group by p.person_id, p.score_milli order by 1",
    )
    .fetch_all(bed.database().pool())
    .await
    .expect("scores")
}

#[tokio::test]
async fn anonymous_history_follows_the_person_and_points_move_without_doubling() {
    let bed = Bed::new().await;
    let make = Events { now: bed.now().await };
    bed.apply(&[make.page("p1", "b-1", "/pricing", 30)]).await;
    bed.apply(&[make.page("p2", "b-2", "/pricing", 29)]).await;
    // Both browsers turn out to be of one address; the second after that address is known.
    bed.apply(&[make.identify("i1", "b-1", "kim@acme.example", 20)]).await;
    bed.apply(&[make.identify("i2", "b-2", "kim@acme.example", 19)]).await;
    assert_eq!(scores(&bed).await, [("kim@acme.example browser browser".to_owned(), 11_000)]);
    assert_eq!(bed.count("select count(*) from person where merged_into is not null").await, 1);
    assert_eq!(bed.told().await, ["opened"]);
    assert_eq!(bed.count("select count(*) from decision where kind = 7").await, 2);
}

#[tokio::test]
async fn two_people_on_one_browser_stay_two() {
    let bed = Bed::new().await;
    let make = Events { now: bed.now().await };
    bed.apply(&[
        user(make.page("p1", "b-1", "/pricing", 30), "ada"),
        user(make.page("p2", "b-1", "/pricing", 20), "ben"),
        make.page("p3", "b-1", "/pricing", 10),
    ])
    .await;
    assert_eq!(scores(&bed).await, [("ada browser".to_owned(), 11_000), ("ben".to_owned(), 5_500)]);
    let refused: Vec<String> = sqlx::query_scalar("select reason from link where state = 2")
        .fetch_all(bed.database().pool())
        .await
        .expect("links");
    assert_eq!(refused, ["browser_of_another_person"]);
}

#[tokio::test]
async fn an_earlier_link_that_comes_late_moves_the_history_once_it_is_folded_anew() {
    let bed = Bed::new().await;
    let make = Events { now: bed.now().await };
    bed.apply(&[make.page("p1", "b-1", "/pricing", 60), user(make.page("p2", "b-1", "/pricing", 30), "ben")]).await;
    assert_eq!(scores(&bed).await, [("ben browser".to_owned(), 11_000)]);
    bed.apply(&[user(make.page("p0", "b-1", "/pricing", 90), "ada")]).await;
    assert_eq!(bed.count("select count(*) from recompute").await, 2);
    bed.drain().await;
    assert_eq!(scores(&bed).await, [("ada browser".to_owned(), 11_000), ("ben".to_owned(), 5_500)]);
    assert_eq!(bed.count("select count(*) from recompute").await, 0);
    assert_eq!(bed.count("select count(*) from link where state = 3 and reason = 'earlier_link'").await, 1);
}

#[tokio::test]
async fn open_leads_of_persons_who_become_one_are_merged_and_the_farther_one_stays() {
    let bed = Bed::new().await;
    let make = Events { now: bed.now().await };
    let mut by_mail = make.act("m1", "email_in", 50);
    by_mail.email = "kim@acme.example".into();
    bed.apply(&[by_mail]).await;
    bed.apply(&[user(make.demo("d1", "b-1", "", 40), "kim")]).await;
    assert_eq!(bed.told().await, ["opened", "opened", "engaged", "qualified"]);
    // Address and user id in one event: they are one person, and the mql goes on.
    let mut both = user(make.act("i1", "identify", 5), "kim");
    both.email = "kim@acme.example".into();
    bed.apply(&[both]).await;
    // With the address comes another fit grade, told of the one that goes on.
    assert_eq!(bed.told().await[4..], ["merged", "profile_changed"]);
    let stages: Vec<(i16, bool)> = sqlx::query_as("select stage, closed_at is null from lead order by stage")
        .fetch_all(bed.database().pool())
        .await
        .expect("leads");
    assert_eq!(stages, [(2, true), (9, false)]);
    assert_eq!(bed.count("select count(distinct person_id) from lead").await, 1);
    let merged = &bed.lead_events().await[4];
    assert_eq!((merged.sequence, merged.lead.as_ref().expect("a snapshot").stage.as_str()), (2, "merged"));
    bed.assert_replays_equal().await;
}

#[tokio::test]
async fn junk_identifies_nobody_and_the_act_is_whose_it_is() {
    let bed = Bed::new().await;
    let make = Events { now: bed.now().await };
    let outcomes = bed
        .apply(&[
            user(make.demo("d1", "b-1", "kim@acme.example", 9), "null"),
            user(make.demo("d2", "b-2", "lee@acme.example", 8), "null"),
            user(make.page("p1", "", "/pricing", 7), "undefined"),
        ])
        .await;
    assert_eq!(outcomes, [Outcome::Applied, Outcome::Applied, Outcome::Applied]);
    assert_eq!(
        scores(&bed).await.iter().map(|(who, _)| who.as_str()).collect::<Vec<_>>(),
        ["kim@acme.example browser", "lee@acme.example browser", "null", "undefined"]
    );
    assert_eq!(bed.count("select count(*) from lead").await, 2);
    // The subject is what came: a copy is recognised under it.
    let again = bed.apply(&[user(make.demo("d1", "b-1", "kim@acme.example", 9), "null")]).await;
    assert_eq!(again, [Outcome::Duplicate]);
}

#[tokio::test]
async fn an_alias_ties_a_browser_and_only_suggests_two_known_users() {
    let bed = Bed::new().await;
    let make = Events { now: bed.now().await };
    bed.apply(&[make.page("p1", "b-1", "/pricing", 30), user(make.act("u1", "identify", 29), "old-id")]).await;
    let alias = |name: &str, previous: &str| {
        let mut event = user(make.act(name, "alias", 10), "kim");
        event.previous_id = previous.into();
        event
    };
    bed.apply(&[alias("a1", "b-1")]).await;
    bed.apply(&[alias("a2", "old-id")]).await;
    let who: Vec<String> = scores(&bed).await.into_iter().map(|(who, _)| who).collect();
    assert_eq!(who, ["kim browser browser", "old-id"]);
    assert_eq!(bed.count("select count(*) from link where reason = 'two_users'").await, 1);
}

#[tokio::test]
async fn limits_keep_what_came_first_in_whatever_order_it_comes() {
    let bed = Bed::new().await;
    let make = Events { now: bed.now().await };
    let mut events: Vec<EngagementEvent> = (0..8)
        .map(|n| {
            let mut event = user(make.act(&format!("i{n}"), "identify", 100 - n), "kim");
            event.email = format!("kim{n}@acme.example");
            event
        })
        .collect();
    events.reverse();
    for event in &events {
        bed.apply(std::slice::from_ref(event)).await;
    }
    bed.drain().await;
    let who: Vec<String> = scores(&bed).await.into_iter().map(|(who, _)| who).collect();
    let own = "kim kim0@acme.example kim1@acme.example kim2@acme.example kim3@acme.example kim4@acme.example";
    assert_eq!(who, [own, "kim5@acme.example", "kim6@acme.example", "kim7@acme.example"]);
    assert!(bed.apply(&[events[0].clone()]).await == [Outcome::Duplicate]);
    let _ = texts([]);
}

#[tokio::test]
async fn one_id_that_a_sender_gives_two_people_makes_two_leads() {
    let bed = Bed::new().await;
    let make = Events { now: bed.now().await };
    let (first, mut second) =
        (make.demo("same", "b-1", "kim@acme.example", 5), make.demo("same", "b-2", "lee@acme.example", 5));
    second.event_id.clone_from(&first.event_id);
    assert_eq!(bed.apply(&[first]).await, [Outcome::Applied]);
    assert_eq!(bed.apply(&[second]).await, [Outcome::Applied]);
    let told = bed.lead_events().await;
    let leads: std::collections::BTreeSet<&str> = told.iter().map(|event| event.lead_id.as_str()).collect();
    let ids: std::collections::BTreeSet<&str> = told.iter().map(|event| event.event_id.as_str()).collect();
    assert_eq!((leads.len(), ids.len()), (2, told.len()), "{told:?}");
    assert_eq!(bed.count("select count(distinct person_id) from lead where stage = 2").await, 2);
    bed.assert_replays_equal().await;
}
