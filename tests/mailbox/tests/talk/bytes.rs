//! Any bytes: the mailbox answers or closes, and serves the next client.

use leadflow_mailbox::Script;
use proptest::prelude::*;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::{Client, mailbox};

/// Lines that come near to commands, with bytes that do not belong there.
fn conversation() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let words = prop::sample::select(vec![
        "EHLO c.test\r\n",
        "HELO\r\n",
        "MAIL FROM:<us@example.test>\r\n",
        "MAIL FROM:<\"",
        "RCPT TO:<ada@example.test>\r\n",
        "RCPT TO:<@a,@b:c@d>\r\n",
        "DATA\r\n",
        "\r\n.\r\n",
        ".\r\n",
        "\n.\n",
        "\r.\r",
        "RSET\r\n",
        "BDAT 10 LAST\r\n",
        "AUTH PLAIN ",
        "AUTH LOGIN\r\n",
        "SIZE=-1",
        "NOOP",
        "\r\n",
        "QUIT\n",
        "STARTTLS\r\n",
        "VRFY \u{0}\r\n",
        "XCLIENT é\r\n",
    ]);
    let piece = prop_oneof![
        3 => words.prop_map(|word| word.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..200),
        1 => (any::<u8>(), 0..20_000_usize).prop_map(|(byte, count)| vec![byte; count]),
    ];
    prop::collection::vec(piece, 0..30)
}

#[test]
fn no_bytes_bring_it_down() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (_folder, mailbox) = runtime.block_on(mailbox(Script::default()));
    let address = mailbox.address;
    proptest!(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() }, |(pieces in conversation())| {
        runtime.block_on(async {
            let mut stream = TcpStream::connect(address).await.unwrap();
            for piece in pieces {
                if stream.write_all(&piece).await.is_err() {
                    break;
                }
            }
            let _ = stream.shutdown().await;
            let mut answers = Vec::new();
            let _ = stream.read_to_end(&mut answers).await;
            // A session that panicked would have said nothing, not even its greeting.
            assert!(answers.is_empty() || answers.starts_with(b"220 "), "{:?}", String::from_utf8_lossy(&answers));
        });
    });
    runtime.block_on(async {
        let mut client = Client::new(&mailbox).await;
        client.begin("last@example.test").await;
        client.send(b"Subject: still here\r\n\r\n.\r\n").await;
        assert!(client.reply().await.starts_with("250"));
    });
    assert_eq!(mailbox.panicked(), 0, "sessions that panicked");
    mailbox.mails().expect("every line and file can be read");
}
