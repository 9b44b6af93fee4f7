//! Connections are used again, only when they may be, and never more of them than allowed; rates; taking back.

use std::time::{Duration, Instant};

use leadflow_mailbox::{Fault, Limits, Outcome, Phase, Script};
use leadflow_nurture::smtp::{Relay, SmtpConfig};

use crate::support::{US, config, mail, mailbox, mailbox_with, relay, send, short, timeouts};

#[tokio::test]
async fn one_connection_carries_many_mails_until_it_has_had_enough() {
    let (_folder, mailbox) = mailbox(Script::default()).await;
    let relay = Relay::new(&SmtpConfig { max_per_connection: 4, ..config(&mailbox) }).unwrap();
    for number in 0..10 {
        assert_eq!(short(&send(&relay, "ada@example.test", &mail(&number.to_string())).await), "sent");
    }
    assert_eq!((mailbox.mails().unwrap().len(), mailbox.connections()), (10, 3));
}

#[tokio::test]
async fn a_refused_mail_does_not_cost_the_connection() {
    for fault in
        [Fault::MailLater, Fault::RcptNever, Fault::RcptLater, Fault::DataNever, Fault::EndLater, Fault::EndNever]
    {
        let (_folder, mailbox) = mailbox(Script::once(fault)).await;
        let relay = relay(&mailbox);
        assert_ne!(short(&send(&relay, "ada@example.test", &mail("1")).await), "sent");
        assert_eq!(short(&send(&relay, "bob@example.test", &mail("2")).await), "sent", "{fault:?}");
        assert_eq!(mailbox.connections(), 1, "{fault:?}");
    }
}

#[tokio::test]
async fn what_was_not_heard_to_its_end_is_not_used_again() {
    for fault in [Fault::HangAtRcpt, Fault::HangAtData, Fault::HangAfterBody, Fault::KeepThenHang, Fault::LeaveAtEnd] {
        let (_folder, mailbox) = mailbox(Script::once(fault)).await;
        let relay = Relay::new(&SmtpConfig { timeouts: timeouts(0.3), ..config(&mailbox) }).unwrap();
        assert_ne!(short(&send(&relay, "ada@example.test", &mail("1")).await), "sent");
        assert_eq!(short(&send(&relay, "bob@example.test", &mail("2")).await), "sent", "{fault:?}");
        assert_eq!(mailbox.connections(), 2, "{fault:?}");
    }
}

#[tokio::test]
async fn a_mail_is_taken_back_and_the_connection_stays() {
    let (_folder, mailbox) = mailbox(Script::default()).await;
    let relay = relay(&mailbox);
    relay.open(US, "ada@example.test").await.unwrap().abandon().await;
    assert_eq!(short(&send(&relay, "bob@example.test", &mail("2")).await), "sent");
    let log = mailbox.log().unwrap();
    let told: Vec<_> = log.iter().map(|entry| (entry.verdict, entry.phase, entry.to.join(" "))).collect();
    let expected = [
        (Outcome::Abandoned, Phase::Rcpt, "ada@example.test".to_owned()),
        (Outcome::Kept, Phase::End, "bob@example.test".to_owned()),
    ];
    assert_eq!(told, expected);
    assert_eq!(mailbox.connections(), 1);
}

#[tokio::test]
async fn whoever_is_dropped_in_the_middle_takes_the_connection_along() {
    let (_folder, mailbox) = mailbox(Script::once(Fault::KeepThenHang)).await;
    let relay = Relay::new(&SmtpConfig { pool_size: 1, ..config(&mailbox) }).unwrap();
    let ready = relay.open(US, "ada@example.test").await.unwrap();
    let bytes = mail("1");
    let sending = ready.transmit(&bytes);
    // The mailbox keeps the mail and says nothing: the future would wait for a minute.
    tokio::select! {
        verdict = sending => panic!("{verdict}"),
        () = kept(&mailbox, 1) => {}
    }
    drop(relay.open(US, "bob@example.test").await.unwrap());
    assert_eq!(short(&send(&relay, "cyd@example.test", &mail("3")).await), "sent");
    assert_eq!((mailbox.mails().unwrap().len(), mailbox.connections()), (2, 3));
}

async fn kept(mailbox: &leadflow_mailbox::Mailbox, count: usize) {
    while mailbox.mails().unwrap().len() < count {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn there_are_no_more_connections_than_the_pool_has() {
    let (_folder, mailbox) = mailbox(Script::default()).await;
    let mut config = SmtpConfig { pool_size: 2, ..config(&mailbox) };
    config.timeouts.pool = 0.1.try_into().unwrap();
    let relay = Relay::new(&config).unwrap();
    let first = relay.open(US, "ada@example.test").await.unwrap();
    let second = relay.open(US, "bob@example.test").await.unwrap();
    assert_eq!(short(&send(&relay, "cyd@example.test", &mail("3")).await), "transient pool -");
    assert_eq!(mailbox.connections(), 2);
    first.abandon().await;
    assert_eq!(short(&send(&relay, "cyd@example.test", &mail("3")).await), "sent");
    assert_eq!(second.transmit(&mail("2")).await.to_string(), "sent");
    assert_eq!(mailbox.connections(), 2);
}

#[tokio::test]
async fn connections_that_the_relay_closed_are_replaced() {
    let limits = Limits { idle: Duration::from_millis(50), ..Limits::default() };
    let (_folder, mailbox) = mailbox_with(|config| config.limits = limits).await;
    let relay = relay(&mailbox);
    let (a, b) = (relay.open(US, "ada@example.test").await.unwrap(), relay.open(US, "bob@example.test").await.unwrap());
    // One is sent away while it waits for DATA, which is a reply; the other was in the pool.
    b.abandon().await;
    while !mailbox.log().unwrap().iter().any(|entry| entry.code == Some(421)) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(a.transmit(&mail("1")).await.to_string(), "not sent for now, reply 421");
    assert!(mailbox.mails().unwrap().is_empty());
    let mut sent = 0;
    while sent < 3 {
        sent += usize::from(short(&send(&relay, "cyd@example.test", &mail("3")).await) == "sent");
    }
    assert_eq!(mailbox.mails().unwrap().len(), 3);
}

#[tokio::test]
async fn rested_connections_are_closed_on_demand() {
    let (_folder, mailbox) = mailbox(Script::default()).await;
    let relay = relay(&mailbox);
    for (rested, connections) in [(Duration::from_secs(600), 1), (Duration::ZERO, 2)] {
        assert_eq!(short(&send(&relay, "ada@example.test", &mail("1")).await), "sent");
        relay.close_idle(rested).await;
        assert_eq!(short(&send(&relay, "ada@example.test", &mail("2")).await), "sent");
        assert_eq!(mailbox.connections(), connections);
    }
}

#[tokio::test]
async fn a_domain_has_its_rate() {
    let (_folder, mailbox) = mailbox(Script::default()).await;
    let relay = Relay::new(&SmtpConfig { per_domain_per_minute: Some(1), ..config(&mailbox) }).unwrap();
    let now = Instant::now();
    assert_eq!(relay.admit("example.test", false, now), Ok(()));
    assert_eq!(relay.admit("other.test", false, now), Ok(()));
    let wait = relay.admit("EXAMPLE.test", false, now).unwrap_err();
    assert_eq!(relay.admit("example.test", true, now + wait), Ok(()));
    assert_eq!(mailbox.connections(), 0, "the relay hears nothing of the ones too many");
}
