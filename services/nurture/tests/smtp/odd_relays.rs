//! Relays that answer what no mailbox of ours would: wrong codes, too many replies, bytes that are no text, a refusal in the
//! middle of a message.

use std::net::SocketAddr;

use leadflow_nurture::smtp::{Relay, SmtpConfig, Verdict};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::support::{mail, send, short, timeouts};

const GREETING: &[u8] = b"220 odd.test\r\n";
const EHLO: &[u8] = b"250-odd.test\r\n250 8BITMIME\r\n";
const OK: &[u8] = b"250 2.0.0 ok\r\n";
const GO_ON: &[u8] = b"354 go on\r\n";

/// Answers each command with the next of these, a message after 354 too, then closes.
async fn odd(replies: Vec<&'static [u8]>) -> (JoinSet<()>, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        for (number, reply) in replies.iter().enumerate() {
            let after_data = number > 0 && replies[number - 1] == GO_ON;
            if number > 0 && !read_until(&mut stream, if after_data { b"\r\n.\r\n" } else { b"\r\n" }).await {
                return;
            }
            if stream.write_all(reply).await.is_err() {
                return;
            }
        }
        // Closed in order, so that the client reads all of it.
        let _ = stream.shutdown().await;
        let _ = stream.read_to_end(&mut Vec::new()).await;
    });
    (tasks, address)
}

async fn read_until(stream: &mut TcpStream, end: &[u8]) -> bool {
    let mut seen = Vec::new();
    while !seen.ends_with(end) {
        let mut byte = [0];
        match stream.read(&mut byte).await {
            Ok(1) => seen.push(byte[0]),
            _ => return false,
        }
    }
    true
}

fn relay(address: SocketAddr) -> Relay {
    let config = SmtpConfig::new(format!("smtp+plain://{address}").into());
    Relay::new(&SmtpConfig { timeouts: timeouts(60.0), helo_name: Some("sender.test".to_owned()), ..config }).unwrap()
}

#[tokio::test]
async fn odd_replies_have_their_outcome() {
    let table: Vec<(&str, Vec<&'static [u8]>, &str)> = vec![
        ("all is well", vec![GREETING, EHLO, OK, OK, GO_ON, OK], "sent"),
        (
            "a reply of many lines",
            vec![GREETING, EHLO, OK, OK, GO_ON, b"250-2.0.0 queued\r\n250 2.0.0 as 7\r\n"],
            "sent",
        ),
        ("no SMTP here", vec![b"554 5.3.2 no\r\n"], "transient greeting 554"),
        ("not even SMTP", vec![b"HTTP/1.1 400 Bad Request\r\n\r\n"], "transient greeting -"),
        ("EHLO unknown", vec![GREETING, b"502 5.5.1 what\r\n"], "transient ehlo 502"),
        ("354 to MAIL", vec![GREETING, EHLO, GO_ON], "transient mail 354"),
        ("354 to RCPT", vec![GREETING, EHLO, OK, GO_ON], "transient rcpt 354"),
        ("forwarded", vec![GREETING, EHLO, OK, b"251 2.1.5 elsewhere\r\n", GO_ON, OK], "sent"),
        ("a refusal that is no text", vec![GREETING, EHLO, OK, b"550 5.1.1 unbek\xe4nnt\r\n"], "transient rcpt -"),
        ("MAIL answered twice", vec![GREETING, EHLO, b"250 ok\r\n250 ok\r\n", OK, GO_ON], "transient 250"),
        ("250 to DATA", vec![GREETING, EHLO, OK, OK, OK], "transient 250"),
        ("421 to DATA", vec![GREETING, EHLO, OK, OK, b"421 4.3.2 bye\r\n"], "transient 421"),
        ("half a reply to DATA", vec![GREETING, EHLO, OK, OK, b"354"], "uncertain"),
        ("354 to the end", vec![GREETING, EHLO, OK, OK, GO_ON, GO_ON], "uncertain"),
        ("half a reply to the end", vec![GREETING, EHLO, OK, OK, GO_ON, b"250 2.0.0 ok"], "uncertain"),
        ("the last line is missing", vec![GREETING, EHLO, OK, OK, GO_ON, b"250-2.0.0 ok\r\n"], "uncertain"),
        ("no reply to the end", vec![GREETING, EHLO, OK, OK, GO_ON, b""], "uncertain"),
        ("a yes that is no text", vec![GREETING, EHLO, OK, OK, GO_ON, b"250 tr\xe8s bien\r\n"], "uncertain"),
        (
            "half of a no is no text",
            vec![GREETING, EHLO, OK, OK, GO_ON, b"554-n\xf6\r\n554 5.7.1 no\r\n"],
            "permanent 554",
        ),
    ];
    for (what, replies, expected) in table {
        let (_tasks, address) = odd(replies).await;
        let outcome = send(&relay(address), "ada@example.test", &mail("m")).await;
        assert_eq!(short(&outcome), expected, "{what}: {outcome:?}");
    }
}

#[tokio::test]
async fn a_refusal_in_the_middle_of_a_message_is_heard() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        for reply in [GREETING, EHLO, OK, OK, GO_ON] {
            stream.write_all(reply).await.unwrap();
            assert!(read_until(&mut stream, b"\r\n").await);
        }
        // Far from its end, and closed over what was not read: the client's next write fails.
        stream.write_all(b"552 5.3.4 message too large\r\n").await.unwrap();
    });
    let large = b"x\r\n".repeat(8 * 1024 * 1024);
    let outcome = send(&relay(address), "ada@example.test", &large).await;
    let Ok(Verdict::Permanent { code: 552, text }) = &outcome else { panic!("{outcome:?}") };
    assert_eq!(text, "5.3.4 message too large");
}

#[tokio::test]
async fn a_reply_of_the_relay_is_kept_short_and_without_the_address() {
    let long: &'static [u8] = Box::leak(
        (0..40)
            .map(|_| "550-5.1.1 <ada@example.test> ada unknown unknown unknown\r\n".to_owned())
            .collect::<String>()
            .into_boxed_str(),
    )
    .as_bytes();
    let whole: &'static [u8] = Box::leak([long, b"550 5.1.1 end\r\n"].concat().into_boxed_slice());
    let (_tasks, address) = odd(vec![GREETING, EHLO, OK, whole]).await;
    let refusal = send(&relay(address), "ada@example.test", &mail("m")).await.unwrap_err();
    assert!(refusal.text().starts_with("5.1.1 <***> *** unknown") && refusal.text().len() <= 512, "{refusal:?}");
    assert!(!refusal.text().contains("ada"));
}
