//! The send ledger: never twice, never after a reason, and honest about what nobody knows.

use leadflow_mailbox::{Fault, Script};

use crate::support::*;

#[tokio::test(flavor = "multi_thread")]
async fn whatever_the_relay_does_nothing_arrives_twice_and_every_word_of_the_ledger_is_true() {
    let world = World::with(Script { hang_seconds: 2.0, ..Script::faults(7) }, "").await;
    let steps = "  - id: hello\n    email: { template: hello }";
    world.publish(&journey("entry: { stage: [open] }", steps)).await;
    world.deliver((1..=150).map(opened).collect()).await;
    world.start_sender();
    world.start_sender();
    // Through every pause between attempts.
    for _ in 0..12 {
        world.mails_rest().await;
        world.pass(17).await;
    }
    world.settle().await;
    let mails = world.arrived_mails();
    let mut seen = std::collections::BTreeMap::new();
    for n in 1..=150 {
        let ledger = world.ledger(n).await;
        let state = ledger[0].trim_start_matches("hello 1 ").to_owned();
        let arrived = mails.get(&email(n)).map_or(0, Vec::len);
        let word = state.split('(').next().unwrap().to_owned();
        let possible = match word.as_str() {
            "sent" => arrived == 1,
            "failed" => arrived == 0,
            "uncertain" => arrived <= 1,
            _ => false,
        };
        assert!(possible, "{n}: {state} with {arrived} at the relay");
        *seen.entry(word).or_insert(0) += 1;
    }
    assert!(seen["sent"] > 75, "{seen:?}");
    assert!(seen.contains_key("uncertain"), "faults that leave it open were among them: {seen:?}");
}

/// Under load there is always a page of mails that are due; whoever is last in it by his number must not wait for ever.
#[tokio::test(flavor = "multi_thread")]
async fn in_a_backlog_the_oldest_mail_goes_first() {
    let world = World::new().await;
    world.publish(&two_mails()).await;
    world.deliver((1..=60).map(opened).collect()).await;
    // The higher its id, the longer it has been due.
    let aged = "update message m set not_before = m.not_before - make_interval(secs => n.rank)
        from (select message_id, row_number() over (order by message_id) as rank from message) n
        where n.message_id = m.message_id";
    sqlx::query(aged).execute(world.database.pool()).await.unwrap();
    let order = "select l.lead_id from message l order by l.not_before";
    let oldest: Vec<uuid::Uuid> = sqlx::query_scalar(order).fetch_all(world.database.pool()).await.unwrap();
    let expected: Vec<String> = oldest.iter().map(|id| email((1..=60).find(|n| lead_id(*n) == *id).unwrap())).collect();
    world.start_sender();
    world.mails_rest().await;
    let arrived: Vec<String> =
        world.mailbox.mails().unwrap().into_iter().map(|mail| mail.entry.to[0].clone()).collect();
    assert_eq!(arrived.len(), 60);
    for (place, address) in arrived.iter().enumerate() {
        let due = expected.iter().position(|other| other == address).unwrap();
        // Four go at a time, and one that is slow is overtaken by the next.
        assert!(due.abs_diff(place) < 20, "{address} was due as number {due} and went as number {place}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_whose_sender_died_in_data_is_uncertain_and_never_sent_again() {
    let world = World::new().await;
    world.publish(&two_mails()).await;
    world.deliver(vec![opened(1)]).await;
    // As a process leaves it that dies after the mark.
    let died = "update message set state = 2, sending_at = clock(), lease_owner = gen_random_uuid(), lease_until = clock() + interval '5 minutes'";
    sqlx::query(died).execute(world.database.pool()).await.unwrap();
    world.start_sender();
    world.tick().await;
    assert_eq!(world.ledger(1).await, ["hello 1 sending"]);
    world.pass(1).await;
    for _ in 0..200 {
        if world.ledger(1).await == ["hello 1 uncertain(lost)"] {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert_eq!(world.ledger(1).await, ["hello 1 uncertain(lost)"]);
    world.tick().await;
    world.pass(48).await;
    world.settle().await;
    assert_eq!(world.ledger(1).await, ["hello 1 uncertain(lost)", "again 1 sent"], "the journey goes on");
    assert_eq!(world.arrived_mails()[&email(1)].len(), 1);
    let last: (i64, i64) = sqlx::query_as("select count(*), count(settled_at) from message where state in (3, 5)")
        .fetch_one(world.database.pool())
        .await
        .unwrap();
    assert_eq!(last, (2, 2));
}

/// A receiver that lets us wait must not let everybody wait.
#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_hangs_before_data_holds_up_nobody() {
    let mut script = Script { hang_seconds: 60.0, ..Script::default() };
    script.pinned.insert(email(1), Fault::HangAtRcpt);
    let world = World::with(script, "").await;
    world.publish(&two_mails()).await;
    world.deliver(vec![opened(1)]).await;
    // As a process leaves it that is at it, or has just died: claimed for a while.
    let claimed = "update message set lease_owner = gen_random_uuid(), lease_until = clock() + interval '5 minutes'";
    sqlx::query(claimed).execute(world.database.pool()).await.unwrap();
    world.deliver((2..=5).map(opened).collect()).await;
    world.start_sender();
    for _ in 0..600 {
        if world.count("select count(*) from message where state = 3").await == 4 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(world.ledger(1).await, ["hello 1 queued"]);
    for n in 2..=5 {
        assert_eq!(world.ledger(n).await, ["hello 1 sent"]);
    }
    let next = leadflow_nurture::store::due::next_message(world.database.pool()).await.unwrap().unwrap();
    assert!(next > std::time::Duration::from_secs(60), "nothing may be claimed now, and the look says so: {next:?}");
    // Nor do hundred more to the same person.
    let more = "insert into message (message_id, lead_id, email_hash, journey_id, version, step, occurrence, queued_at, not_before)
        select gen_random_uuid(), lead_id, email_hash, journey_id, version, step, n, queued_at, not_before - interval '1 hour'
        from message, generate_series(2, 101) n where lead_id = $1";
    sqlx::query(more).bind(lead_id(1)).execute(world.database.pool()).await.unwrap();
    world.deliver(vec![opened(6)]).await;
    for _ in 0..200 {
        if world.ledger(6).await == ["hello 1 sent"] {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("the mails of one person stand in the way: {:?}", world.ledger(6).await);
}

/// Reports come back hours later, by mail and by hooks: whoever reads them only keeps them, and a timer looks.
#[tokio::test(flavor = "multi_thread")]
async fn bounces_and_complaints_stop_everything() {
    let brakes = "brakes: { complaints_per_thousand: 100, bounces_per_thousand: 300, from_messages: 10 }\n";
    for (kind, reason) in [("email_complained", "brake: complaints"), ("email_bounced", "brake: bounces")] {
        let world = World::with(Script::default(), brakes).await;
        world.publish(&two_mails()).await;
        world.deliver((1..=10).map(opened).collect()).await;
        world.start_sender();
        world.settle().await;
        let mut reports = Vec::new();
        for n in 1..=6 {
            let message_id = crate::door::message_of(&world, n).await.to_string();
            reports.push(engaged(n, 2, kind, &[("message_id", &message_id), ("bounce_class", "hard")]));
        }
        world.deliver(reports).await;
        for _ in 0..400 {
            if world.count("select count(*) from sending where paused").await == 1 {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        let stopped: String =
            sqlx::query_scalar("select reason from sending").fetch_one(world.database.pool()).await.unwrap();
        assert_eq!(stopped, reason);
    }
    // At the relay: the wave itself is stopped, not only what comes after it.
    let mut script = Script::default();
    script.pinned.extend((1..=60).map(|n| (email(n), Fault::RcptNever)));
    let world = World::with(script, brakes).await;
    world.publish(&two_mails()).await;
    world.deliver((1..=60).map(opened).collect()).await;
    world.start_sender();
    for _ in 0..400 {
        if world.count("select count(*) from sending where paused").await == 1 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let tried = world.count("select count(*) from message where state <> 1").await;
    assert!((10..30).contains(&tried), "{tried} were tried");
}

/// A relay that does not know us any more says nothing about the mails: they wait until it does.
#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_refuses_us_costs_no_mail() {
    let script = Script { share: 1.0, faults: vec![Fault::MailNever], ..Script::default() };
    let world = World::with(script, "").await;
    world.publish(&two_mails()).await;
    world.deliver(vec![opened(1)]).await;
    world.start_sender();
    world.settle().await;
    assert_eq!(world.ledger(1).await, ["hello 1 queued(relay_refuses)"]);
    assert_eq!(world.count("select count(*) from message where attempt = 1").await, 1);
}

/// Too many mails for their domain wait in line: no attempt is counted, and hardly any look is in vain.
#[tokio::test(flavor = "multi_thread")]
async fn the_rate_of_a_domain_counts_no_attempt() {
    let world = World::with(Script::default(), "  per_domain_per_minute: 6\n").await;
    world.publish(&two_mails()).await;
    let mut leads: Vec<_> = (1..=20).map(opened).collect();
    for (n, event) in leads.iter_mut().enumerate() {
        event.lead.as_mut().unwrap().contact.as_mut().unwrap().email = format!("person{n}@large.example");
    }
    world.deliver(leads).await;
    world.start_sender();
    for _ in 0..600 {
        if world.count("select count(*) from message where state = 1 and reason <> 'rate'").await == 0 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(world.count("select count(*) from message where state = 3").await, 1);
    assert_eq!(
        world.count("select count(*) from message where state = 1 and reason = 'rate' and attempt = 0").await,
        19
    );
    let places = world.count("select count(distinct date_trunc('second', not_before)) from message where state = 1");
    assert_eq!(places.await, 19, "each has a time of its own");
    assert_eq!(world.count("select count(*) from decision where kind = 'send'").await, 20);
}

/// Whoever looks for lost mails sees also those that somebody else is busy with: their leads' facts are numbered by him.
#[tokio::test(flavor = "multi_thread")]
async fn a_look_for_lost_mails_leaves_the_sequences_of_others_alone() {
    let world = World::new().await;
    world.publish(&two_mails()).await;
    world.deliver(vec![opened(1), opened(2)]).await;
    let died =
        "update message set state = 2, sending_at = clock(), lease_owner = gen_random_uuid(), lease_until = clock()";
    sqlx::query(died).execute(world.database.pool()).await.unwrap();
    // Somebody has the contact of the first and tells of it.
    let mut busy = world.database.pool().begin().await.unwrap();
    let lock =
        "select from contact where email_hash = (select email_hash from lead where lead_id = $1) for no key update";
    sqlx::query(lock).bind(lead_id(1)).execute(&mut *busy).await.unwrap();
    let told = "update lead_told set sequence = 7 where lead_id = $1";
    sqlx::query(told).bind(lead_id(1)).execute(&mut *busy).await.unwrap();
    world.start_sender();
    // The other one is settled meanwhile, unless the look waits for what it should not touch.
    for _ in 0..40 {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        if world.ledger(2).await == ["hello 1 uncertain(lost)"] {
            break;
        }
    }
    busy.commit().await.unwrap();
    for _ in 0..400 {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        if world.count("select count(*) from message where state = 5").await == 2 {
            break;
        }
    }
    let sequence: i32 = sqlx::query_scalar("select sequence from lead_told where lead_id = $1")
        .bind(lead_id(1))
        .fetch_one(world.database.pool())
        .await
        .unwrap();
    assert_eq!(sequence, 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_whose_sender_died_before_data_is_taken_over() {
    let world = World::new().await;
    world.publish(&two_mails()).await;
    world.deliver(vec![opened(1)]).await;
    let died = "update message set lease_owner = gen_random_uuid(), lease_until = clock() + interval '5 minutes'";
    sqlx::query(died).execute(world.database.pool()).await.unwrap();
    world.start_sender();
    world.pass(1).await;
    world.settle().await;
    assert_eq!(world.ledger(1).await, ["hello 1 sent"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_consent_or_an_address_nothing_is_sent() {
    let world = World::new().await;
    world.publish(&two_mails()).await;
    let mut silent = opened(1);
    silent.lead.as_mut().unwrap().consents.clear();
    let mut withdrawn = opened(2);
    withdrawn.lead.as_mut().unwrap().consents = vec![consent(false, "2026-11-01T00:00:00Z")];
    let mut nameless = opened(3);
    nameless.lead.as_mut().unwrap().contact.as_mut().unwrap().email.clear();
    world.deliver(vec![silent, withdrawn, nameless]).await;
    world.start_sender();
    world.settle().await;
    assert_eq!(world.ledger(1).await, ["hello 1 skipped(no_consent)"]);
    assert_eq!(world.ledger(2).await, ["hello 1 skipped(consent_withdrawn)"]);
    assert_eq!(world.ledger(3).await, ["hello 1 skipped(no_address)"]);
    assert!(world.arrived_mails().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cap_counts_over_all_journeys_and_puts_off() {
    let world = World::with(Script::default(), "frequency_cap: { messages: 2, days: 7 }\n").await;
    world.publish(&two_mails()).await;
    world.publish(&two_mails().replace("name: warm-up", "name: other")).await;
    world.start_sender();
    world.deliver(vec![opened(1)]).await;
    world.settle().await;
    assert_eq!(world.ledger(1).await, ["hello 1 sent", "hello 1 sent"], "one of each journey");
    world.pass(48).await;
    world.settle().await;
    assert_eq!(world.ledger(1).await[2..], ["again 1 queued(frequency_cap)", "again 1 queued(frequency_cap)"]);
    world.pass(5 * 24).await;
    world.settle().await;
    assert_eq!(world.ledger(1).await[2..], ["again 1 sent", "again 1 sent"]);
    assert_eq!(world.arrived_mails()[&email(1)].len(), 4);
    world.replay().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_word_never_beats_a_newer_one() {
    let world = World::new().await;
    world.publish(&two_mails()).await;
    world.deliver(vec![opened(1)]).await;
    // An older "yes" after a newer "no", and the other way round.
    let mut older = engaged(1, 2, "consent", &[]);
    older.lead.as_mut().unwrap().consents = vec![consent(false, "2026-11-20T00:00:00Z")];
    let mut oldest = engaged(1, 3, "consent", &[]);
    oldest.lead.as_mut().unwrap().consents = vec![consent(true, "2026-11-10T00:00:00Z")];
    world.deliver(vec![older, oldest]).await;
    world.start_sender();
    world.settle().await;
    assert_eq!(world.ledger(1).await, ["hello 1 skipped(consent_withdrawn)"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_knows_no_such_person_suppresses_the_address() {
    let script = Script { pinned: [(email(1), Fault::RcptNever)].into(), ..Script::default() };
    let world = World::with(script, "").await;
    world.publish(&two_mails()).await;
    world.deliver(vec![opened(1), opened(2)]).await;
    world.start_sender();
    world.settle().await;
    world.pass(48).await;
    world.settle().await;
    let ledger = world.ledger(1).await;
    assert!(ledger[0].starts_with("hello 1 failed"), "{ledger:?}");
    assert_eq!(world.ledger(2).await, ["hello 1 sent", "again 1 sent"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn paused_sending_stops_before_the_next_data() {
    let world = World::new().await;
    world.publish(&two_mails()).await;
    sqlx::query("update sending set paused = true, reason = 'test'").execute(world.database.pool()).await.unwrap();
    world.deliver(vec![opened(1)]).await;
    world.start_sender();
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    assert_eq!(world.ledger(1).await, ["hello 1 queued"]);
    sqlx::query("update sending set paused = false").execute(world.database.pool()).await.unwrap();
    world.settle().await;
    assert_eq!(world.ledger(1).await, ["hello 1 sent"]);
}
