//! Two thousand mails at once through a pool of eight, with faults of every kind: what is called sent is at the sink, what
//! is called not sent is not, and nothing is there twice.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use leadflow_mailbox::{Entry, Fault, Script};
use leadflow_nurture::smtp::{Refusal, Relay, SmtpConfig, Verdict};
use tokio::task::JoinSet;

use crate::support::{config, mail, mailbox, send};

const MAILS: usize = 2000;
const SENDERS: usize = 32;
const ATTEMPTS: usize = 6;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum End {
    Sent,
    Failed,
    GivenUp,
    Uncertain,
}

/// As the service does it: again after what is transient, never after anything else.
async fn deliver(relay: &Relay, number: usize) -> End {
    let (to, bytes) = (format!("person{number}@domain{}.test", number % 7), mail(&format!("{number}.m@sender.test")));
    for _ in 0..ATTEMPTS {
        match send(relay, &to, &bytes).await {
            Ok(Verdict::Sent { .. }) => return End::Sent,
            Ok(Verdict::Permanent { .. }) | Err(Refusal::Permanent { .. }) => return End::Failed,
            Ok(Verdict::Uncertain { .. }) => return End::Uncertain,
            Ok(Verdict::Transient { .. }) | Err(Refusal::Transient { .. }) => {}
        }
    }
    End::GivenUp
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_is_called_sent_is_there_and_nothing_is_there_twice() {
    // Hangs end by themselves, so that no timeout has to be short and none strikes a healthy reply.
    let script = Script { hang_seconds: 0.1, permanent_share: 0.03, ..Script::faults(20_260_801) };
    let (_folder, mailbox) = mailbox(script).await;
    let relay = Relay::new(&SmtpConfig { pool_size: 8, max_per_connection: 50, ..config(&mailbox) }).unwrap();
    let next = Arc::new(AtomicUsize::new(0));
    let mut senders = JoinSet::new();
    for _ in 0..SENDERS {
        let (relay, next) = (relay.clone(), Arc::clone(&next));
        senders.spawn(async move {
            let mut ends = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= MAILS {
                    return ends;
                }
                ends.push((number, deliver(&relay, number).await));
            }
        });
    }
    let ends: BTreeMap<usize, End> = senders.join_all().await.into_iter().flatten().collect();
    assert_eq!(ends.len(), MAILS);

    let log = mailbox.log().unwrap();
    let by_id = |number: usize| -> Vec<&Entry> {
        let id = format!("{number}.m@sender.test");
        log.iter().filter(|entry| entry.message_id.as_deref() == Some(&id)).collect()
    };
    let mut counts: BTreeMap<End, usize> = BTreeMap::new();
    for (&number, &end) in &ends {
        *counts.entry(end).or_default() += 1;
        let kept = by_id(number).iter().filter(|entry| entry.kept).count();
        match end {
            End::Sent => assert_eq!(kept, 1, "{number} is called sent"),
            End::Failed | End::GivenUp => assert_eq!(kept, 0, "{number} is called not sent: {end:?}"),
            End::Uncertain => assert!(kept <= 1, "{number} is there {kept} times"),
        }
        if end == End::Uncertain {
            let to = format!("person{number}@domain{}.test", number % 7);
            let cause =
                log.iter().any(|entry| entry.to.contains(&to) && entry.fault.is_some_and(Fault::leaves_uncertain));
            assert!(cause, "{number} is uncertain without a cut or silence in the log");
        }
    }
    let played: std::collections::BTreeSet<Fault> = log.iter().filter_map(|entry| entry.fault).collect();
    assert_eq!(played.len(), Fault::ALL.len(), "every kind was played");
    assert!(
        counts[&End::Sent] > MAILS * 7 / 10 && counts[&End::Uncertain] > 50 && counts[&End::Failed] > 50,
        "{counts:?}"
    );
    println!("{counts:?} over {} connections, {} attempts", mailbox.connections(), log.len());
}
