//! The door over real sockets: gateways move nothing, people do.

use std::net::SocketAddr;

use leadflow_nurture::domain::verdict::HONEYPOT;
use leadflow_nurture::mail::LinkKind;
use leadflow_platform::health::Health;
use leadflow_platform::run::Tasks;
use leadflow_platform::server::{Limits, bind, serve};
use uuid::Uuid;

use crate::support::*;

/// The routes of the door on a port.
pub struct Open {
    pub address: SocketAddr,
    pub client: reqwest::Client,
    _tasks: Tasks,
}

pub async fn open(world: &World) -> Open {
    let (tasks, health) = (Tasks::new(), Health::new());
    let listener = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = listener.local_addr();
    let router = leadflow_platform::http::layers(leadflow_nurture::door::router(world.door.clone()));
    serve(&tasks, "public", listener, router, Limits::default());
    let _ = health;
    let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    Open { address, client, _tasks: tasks }
}

impl Open {
    pub fn url(&self, world: &World, path: &str, kind: LinkKind, message_id: Uuid, number: u16) -> String {
        format!("http://{}/{path}/{}", self.address, world.door.signer.sign(kind, message_id, number))
    }
}

pub async fn message_of(world: &World, n: u128) -> Uuid {
    sqlx::query_scalar("select message_id from message where lead_id = $1 order by queued_at limit 1")
        .bind(lead_id(n))
        .fetch_one(world.database.pool())
        .await
        .unwrap()
}

async fn sent(n: u128) -> (World, Open) {
    let world = World::new().await;
    world.publish(&two_mails()).await;
    world.start_sender();
    // As a consumer has them at a time.
    for first in (1..=n).step_by(500) {
        world.deliver((first..=n.min(first + 499)).map(opened).collect()).await;
    }
    world.settle().await;
    let door = open(&world).await;
    (world, door)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_click_of_a_person_leads_on_and_counts_after_a_minute() {
    let (world, door) = sent(1).await;
    let message_id = message_of(&world, 1).await;
    let answer = door.client.get(door.url(&world, "c", LinkKind::Click, message_id, 1)).send().await.unwrap();
    assert_eq!(answer.status(), 302);
    assert_eq!(answer.headers()["location"], "https://www.seller.example/guide?for=teams");
    assert_eq!(answer.headers()["referrer-policy"], "no-referrer");
    world.door.judge().await.unwrap();
    assert!(world.acts().await.is_empty(), "not yet");
    world.pass(1).await;
    world.door.judge().await.unwrap();
    let acts = world.acts().await;
    assert_eq!(acts.len(), 1);
    assert_eq!(
        (acts[0].email.as_str(), acts[0].properties["link"].as_str()),
        (email(1).as_str(), "https://www.seller.example/guide")
    );
    assert_eq!(world.count("select count(*) from message where clicked_at is not null").await, 1);
    assert!(world.story(1).await.contains(&"link_clicked hello".to_owned()));
    // The same link again is no second click.
    door.client.get(door.url(&world, "c", LinkKind::Click, message_id, 1)).send().await.unwrap();
    world.pass(1).await;
    world.door.judge().await.unwrap();
    assert_eq!(world.acts().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_follows_every_link_moves_nothing() {
    // LEADFLOW_GATEWAY=10000 is the long form.
    let mails: u128 = std::env::var("LEADFLOW_GATEWAY").ok().and_then(|text| text.parse().ok()).unwrap_or(100);
    let (world, door) = sent(mails).await;
    for n in 1..=mails {
        let message_id = message_of(&world, n).await;
        for number in [1, 2, HONEYPOT as u16] {
            let url = door.url(&world, "c", LinkKind::Click, message_id, number);
            door.client.head(&url).send().await.unwrap();
            door.client.get(&url).header("user-agent", format!("another {number}")).send().await.unwrap();
        }
        for (path, kind) in [("u", LinkKind::Unsubscribe), ("p", LinkKind::Preferences), ("d", LinkKind::Confirm)] {
            let url = door.url(&world, path, kind, message_id, 0);
            assert_eq!(door.client.head(&url).send().await.unwrap().status(), 200);
            let page = door.client.get(&url).send().await.unwrap();
            assert!(page.text().await.unwrap().contains("<button"), "a page with a button");
        }
        door.client.get(door.url(&world, "o", LinkKind::Open, message_id, 0) + ".gif").send().await.unwrap();
    }
    // Some of them read it an hour later.
    world.pass(1).await;
    let people: Vec<u128> = (1..=mails).filter(|n| n % 10 == 7).collect();
    for n in &people {
        let message_id = message_of(&world, *n).await;
        door.client.get(door.url(&world, "c", LinkKind::Click, message_id, 2)).send().await.unwrap();
    }
    world.pass(1).await;
    while world.door.judge().await.unwrap() == leadflow_platform::timers::Next::AtOnce {}
    let acts = world.acts().await;
    let clicks: std::collections::BTreeSet<String> = acts.iter().map(|act| act.email.clone()).collect();
    assert_eq!(
        (acts.len(), clicks),
        (people.len(), people.iter().map(|n| email(*n)).collect()),
        "people and nobody else"
    );
    let ended = world.count("select count(*) from enrollment where state = 3").await;
    assert_eq!(ended, 0, "no journey moved");
    assert_eq!(world.count("select count(*) from suppression").await, 0);
    assert_eq!(world.count("select count(*) from consent_proof").await, 0);
    assert_eq!(world.count("select count(*) from link_hit where verdict = 0").await, 0);
}

/// Whoever has a token may send it as often as he likes: neither the table nor the judge feel it.
#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_is_hammered_takes_nobody_elses_click() {
    let (world, door) = sent(2).await;
    let (hammered, other) = (message_of(&world, 1).await, message_of(&world, 2).await);
    for _ in 0..150 {
        let answer = door.client.get(door.url(&world, "c", LinkKind::Click, hammered, 1)).send().await.unwrap();
        assert_eq!(answer.status(), 302, "it still leads on");
    }
    assert_eq!(world.count("select count(*) from link_hit").await, 100);
    world.pass(1).await;
    while world.door.judge().await.unwrap() == leadflow_platform::timers::Next::AtOnce {}
    // As if that had gone on for days.
    let more = "insert into link_hit (message_id, link_no, at, method, visitor, verdict)
        select message_id, 1, at - n * interval '1 minute', 'GET', visitor, 3 from link_hit, generate_series(1, 19) n";
    sqlx::query(more).execute(world.database.pool()).await.unwrap();
    world.pass(1).await;
    let answer = door.client.get(door.url(&world, "c", LinkKind::Click, hammered, 1)).send().await.unwrap();
    assert_eq!(answer.status(), 302);
    assert_eq!(world.count("select count(*) from link_hit").await, 2000);
    door.client.get(door.url(&world, "c", LinkKind::Click, other, 1)).send().await.unwrap();
    world.pass(1).await;
    while world.door.judge().await.unwrap() == leadflow_platform::timers::Next::AtOnce {}
    let clicked: Vec<String> = world.acts().await.into_iter().map(|act| act.email).collect();
    assert_eq!(clicked, [email(1), email(2)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_that_nobody_made_lead_nowhere() {
    let (world, door) = sent(1).await;
    let message_id = message_of(&world, 1).await;
    let mut tries = vec![
        format!("http://{}/c/nonsense", door.address),
        format!("http://{}/c/https%3A%2F%2Fevil.example", door.address),
        // A token of another kind.
        door.url(&world, "c", LinkKind::Unsubscribe, message_id, 0),
        door.url(&world, "u", LinkKind::Click, message_id, 1),
        // A link that the mail does not have; a mail that there is not.
        door.url(&world, "c", LinkKind::Click, message_id, 99),
        door.url(&world, "c", LinkKind::Click, Uuid::from_u128(1), 1),
    ];
    tries.push(format!("{}x", door.url(&world, "c", LinkKind::Click, message_id, 1)));
    for url in tries {
        let answer = door.client.get(&url).send().await.unwrap();
        assert_eq!(answer.status(), 404, "{url}");
        assert!(!answer.headers().contains_key("location"), "{url}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_confirmation_is_a_post_leaves_a_proof_and_lifts_an_older_unsubscribe() {
    let (world, door) = sent(1).await;
    let message_id = message_of(&world, 1).await;
    let stop = door.url(&world, "u", LinkKind::Unsubscribe, message_id, 0);
    assert_eq!(door.client.post(&stop).body("List-Unsubscribe=One-Click").send().await.unwrap().status(), 200);
    assert_eq!(world.count("select count(*) from suppression where reason = 'unsubscribed'").await, 1);
    world.pass(1).await;
    let confirm = door.url(&world, "d", LinkKind::Confirm, message_id, 0);
    assert_eq!(door.client.get(&confirm).send().await.unwrap().status(), 200);
    assert_eq!(world.count("select count(*) from suppression").await, 1, "looking changes nothing");
    assert_eq!(door.client.post(&confirm).body("action=confirm").send().await.unwrap().status(), 200);
    assert_eq!(world.count("select count(*) from suppression").await, 0);
    assert_eq!(world.count("select count(*) from consent where given and source = 'double_opt_in'").await, 1);
    assert_eq!(
        world.count("select count(*) from consent_proof where address is not null and asked_at < confirmed_at").await,
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn topics_are_turned_off_one_by_one() {
    let world = World::with(leadflow_mailbox::Script::default(), "topics: { events: Events, news: News }\n").await;
    let steps = "  - id: hello\n    email: { template: hello, topic: news }\n  - id: again\n    email: { template: again, topic: events }";
    world.publish(&journey("entry: { stage: [open] }", steps)).await;
    world.publish(&two_mails().replace("name: warm-up", "name: first")).await;
    world.start_sender();
    // A mail from another journey, in which he finds the page.
    world.deliver(vec![opened(1)]).await;
    world.mails_rest().await;
    let message_id = message_of(&world, 1).await;
    let door = open(&world).await;
    let url = door.url(&world, "p", LinkKind::Preferences, message_id, 0);
    let page = door.client.get(&url).send().await.unwrap().text().await.unwrap();
    assert!(page.contains("Events") && page.contains("News") && page.matches("checked").count() == 2, "{page}");
    let form = [("action", "topics"), ("topic", "news"), ("topic", "nonsense")];
    let answer = door.client.post(&url).form(&form).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.text().await.unwrap().matches("checked").count(), 1);
    world.settle().await;
    assert!(world.ledger(1).await.contains(&"again 1 skipped(topic_off)".to_owned()), "{:?}", world.ledger(1).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_understood_is_answered_with_a_page_that_names_the_sender_once() {
    let changed = |config: &mut leadflow_nurture::NurtureConfig| {
        config.sender.postal_address = "Seller, 1 Sample Street".to_owned();
    };
    let world = World::configured(leadflow_mailbox::Script::default(), "", changed).await;
    world.publish(&two_mails()).await;
    world.start_sender();
    world.deliver(vec![opened(1)]).await;
    world.settle().await;
    let door = open(&world).await;
    let url = door.url(&world, "p", LinkKind::Preferences, message_of(&world, 1).await, 0);
    for body in ["action=zzz", "", "%%%"] {
        let answer = door.client.post(&url).body(body).send().await.unwrap();
        assert_eq!(answer.status(), 400);
        assert_eq!(answer.headers()["content-type"], "text/html; charset=utf-8");
        let page = answer.text().await.unwrap();
        assert!(page.contains("Nothing was changed") && page.contains(">Seller, 1 Sample Street<"), "{page}");
    }
}

/// Whoever asks from the internet says nothing about himself; a proxy of one's own says who asks.
#[tokio::test(flavor = "multi_thread")]
async fn a_visitor_cannot_choose_who_he_is() {
    for (trusted, visitors) in [("[]", 1), ("[127.0.0.1]", 2)] {
        let more = format!("trusted_proxies: {trusted}\n");
        let world = World::with(leadflow_mailbox::Script::default(), &more).await;
        world.publish(&two_mails()).await;
        world.start_sender();
        world.deliver(vec![opened(1)]).await;
        world.settle().await;
        let door = open(&world).await;
        let url = door.url(&world, "c", LinkKind::Click, message_of(&world, 1).await, 1);
        for address in ["192.0.2.1", "192.0.2.2"] {
            let answer = door.client.get(&url).header("x-forwarded-for", address).send().await.unwrap();
            assert_eq!(answer.status(), 302);
        }
        assert_eq!(world.count("select count(distinct visitor) from link_hit").await, visitors, "{trusted}");
    }
}
