//! The bytes of a message, as they arrive.

use std::sync::atomic::{AtomicUsize, Ordering};

use leadflow_mailbox::Script;
use leadflow_nurture::smtp::Verdict;
use proptest::prelude::*;

use crate::support::{mailbox, mailbox_with, relay, send, short};

/// What a mailbox has to have: every line end as CRLF, and one at the end.
fn as_it_arrives(bytes: &[u8]) -> Vec<u8> {
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    let mut lines = text.replace("\r\n", "\n").replace('\r', "\n").replace('\n', "\r\n");
    if !lines.ends_with("\r\n") {
        lines.push_str("\r\n");
    }
    lines.into_bytes()
}

#[tokio::test]
async fn dots_and_line_ends_arrive_byte_for_byte() {
    let table = [
        "Subject: x\r\n\r\nbody\r\n",
        "Subject: x\r\n\r\nbody",
        "Subject: x\r\n\r\nbody\r\n\r\n\r\n",
        ".",
        "..",
        ".\r\n",
        ".leading\r\n..two\r\n...\r\nthree.\r\n",
        "a\r\n.\r\nb\r\n",
        "a\r\n.\r\n",
        "a\r\n.",
        "\r\n.\r\n",
        "a\n.\nMAIL FROM:<evil@example.test>\n",
        "a\r.\rb",
        "a\n.\r\nb\r.\n",
        "\r\r\n\n\r",
        "",
    ];
    let (_folder, mailbox) = mailbox(Script::default()).await;
    let relay = relay(&mailbox);
    for text in table {
        let outcome = send(&relay, "ada@example.test", text.as_bytes()).await;
        assert_eq!(short(&outcome), "sent", "{text:?}: {outcome:?}");
    }
    let mails = mailbox.mails().unwrap();
    assert_eq!(mails.len(), table.len(), "no message was two");
    for (text, mail) in table.iter().zip(mails) {
        assert_eq!(String::from_utf8(mail.bytes).unwrap().into_bytes(), as_it_arrives(text.as_bytes()), "{text:?}");
    }
}

#[test]
fn any_mixture_of_dots_and_line_ends_arrives() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (_folder, mailbox) = runtime.block_on(mailbox(Script::default()));
    let relay = relay(&mailbox);
    let pieces = prop::sample::select(vec![".", "..", "\r", "\n", "\r\n", "\r\n.\r\n", "a", "Subject: b", "\t"]);
    let config = ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() };
    let sent = AtomicUsize::new(0);
    proptest!(config, |(pieces in prop::collection::vec(pieces, 0..30))| {
        let bytes = pieces.concat().into_bytes();
        let outcome = runtime.block_on(send(&relay, "ada@example.test", &bytes));
        prop_assert_eq!(short(&outcome), "sent");
        let sent = sent.fetch_add(1, Ordering::Relaxed) + 1;
        let mails = mailbox.mails().unwrap();
        prop_assert_eq!(mails.len(), sent);
        prop_assert_eq!(&mails.last().unwrap().bytes, &as_it_arrives(&bytes));
    });
    assert_eq!(mailbox.connections(), 2, "a hundred mails and then a new connection");
}

#[tokio::test]
async fn a_large_message_goes_in_pieces() {
    let (_folder, mailbox) = mailbox(Script::default()).await;
    let line = format!(".{}\r\n", "x".repeat(75));
    let bytes = line.repeat(60_000).into_bytes();
    assert_eq!(short(&send(&relay(&mailbox), "ada@example.test", &bytes).await), "sent");
    assert_eq!(mailbox.mails().unwrap()[0].bytes, bytes);
}

#[tokio::test]
async fn other_bytes_than_ascii_need_a_relay_that_takes_them() {
    let bytes = "Subject: é\r\n\r\né\r\n".as_bytes();
    let (_folder, modern) = mailbox(Script::default()).await;
    assert_eq!(short(&send(&relay(&modern), "ada@example.test", bytes).await), "sent");
    assert_eq!(modern.mails().unwrap()[0].bytes, bytes);

    let (_folder, old) = mailbox_with(|config| config.extensions.eight_bit_mime = false).await;
    let to_old = relay(&old);
    let verdict = send(&to_old, "ada@example.test", bytes).await;
    assert!(matches!(&verdict, Ok(Verdict::Permanent { code: 554, text }) if text.starts_with("5.6.3")), "{verdict:?}");
    assert_eq!(short(&send(&to_old, "ada@example.test", b"Subject: e\r\n").await), "sent");
    assert_eq!((old.mails().unwrap().len(), old.connections()), (1, 1));
}
