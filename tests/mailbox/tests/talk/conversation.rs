//! Ordinary conversations, in and out of order, and what is in the folder afterwards.

use leadflow_mailbox::{Auth, Config, Limits, Mailbox, Outcome, Phase, Script, read_log};

use crate::support::{Client, Folder, mailbox};

#[tokio::test]
async fn a_mail_is_kept_byte_for_byte_with_its_line() {
    let (_folder, mailbox) = mailbox(Script::default()).await;
    let mut client = Client::new(&mailbox).await;
    client.begin("ada@example.test").await;
    let body = "..first\r\nMessage-ID: <1.a@leadflow.test>\r\nSubject: =?utf-8?q?Caf=C3=A9?=\r\n\r\n..\r\nend\r\n.\r\n";
    client.send(body.as_bytes()).await;
    let reply = client.reply().await;
    assert!(reply.starts_with("250 2.0.0 kept as 000001-"), "{reply}");
    client.begin("bob@example.test").await;
    client.send(b"Message-ID: <2.b@leadflow.test>\r\nSubject: two\r\n\r\n\r\n.\r\n").await;
    assert!(client.reply().await.starts_with("250"));

    let mails = mailbox.mails().unwrap();
    assert_eq!(mails.len(), 2);
    let first = "..first\r\nMessage-ID: <1.a@leadflow.test>\r\nSubject: =?utf-8?q?Caf=C3=A9?=\r\n\r\n.\r\nend\r\n";
    assert_eq!(String::from_utf8_lossy(&mails[0].bytes), first.replacen("..", ".", 1));
    let entry = &mails[1].entry;
    assert_eq!((entry.from.as_str(), &entry.to[..]), ("us@example.test", &["bob@example.test".to_owned()][..]));
    assert_eq!(entry.message_id.as_deref(), Some("2.b@leadflow.test"));
    assert_eq!(entry.subject.as_deref(), Some("two"));
    assert_eq!((entry.verdict, entry.phase, entry.code), (Outcome::Kept, Phase::End, Some(250)));
    assert!(entry.complete && entry.kept && entry.fault.is_none());
    assert_eq!(mailbox.connections(), 1);
}

#[tokio::test]
async fn a_pipelined_group_is_answered_in_order() {
    let (_folder, mailbox) = mailbox(Script::default()).await;
    let mut client = Client::new(&mailbox).await;
    client
        .send(b"MAIL FROM:<>\r\nRCPT TO:<ada@example.test>\r\nDATA\r\nSubject: one\r\n\r\n.\r\nNOOP\r\nQUIT\r\n")
        .await;
    for code in ["250", "250", "354", "250", "250", "221", ""] {
        let reply = client.reply().await;
        assert!(reply.starts_with(code), "{reply:?} is not {code}");
    }
    assert_eq!(mailbox.mails().unwrap()[0].bytes, b"Subject: one\r\n\r\n");
}

#[tokio::test]
async fn an_empty_message_ends_at_its_first_dot() {
    let (_folder, mailbox) = mailbox(Script::default()).await;
    let mut client = Client::new(&mailbox).await;
    client.begin("ada@example.test").await;
    client.send(b".\r\n").await;
    assert!(client.reply().await.starts_with("250"));
    assert_eq!(mailbox.mails().unwrap()[0].bytes, b"");
}

#[tokio::test]
async fn commands_out_of_order_and_unknown_ones_have_their_codes() {
    let (_folder, mailbox) = mailbox(Script::default()).await;
    let mut client = Client::silent(&mailbox).await;
    assert!(client.reply().await.starts_with("220"));
    client.talk(&[("MAIL FROM:<us@example.test>", "503"), ("HELO client.test", "250"), ("DATA", "503")]).await;
    client.talk(&[("RCPT TO:<ada@example.test>", "503"), ("MAIL FROM:us", "501"), ("XYZZY", "502")]).await;
    client
        .talk(&[("MAIL FROM:<us@example.test> SIZE=99999999", "552"), ("STARTTLS", "502"), ("AUTH PLAIN AA==", "504")])
        .await;
    client
        .talk(&[("MAIL FROM:<us@example.test>", "250"), ("MAIL FROM:<us@example.test>", "503"), ("DATA", "554")])
        .await;
    client.talk(&[("RSET", "250"), ("VRFY ada", "252"), ("HELP", "214"), ("NOOP", "250")]).await;
    client.say(&"x".repeat(20_000)).await;
    assert!(client.reply().await.starts_with("500"));
    client.talk(&[("QUIT", "221")]).await;
    assert_eq!(client.reply().await, "");
}

#[tokio::test]
async fn a_client_without_sense_is_sent_away() {
    let (_folder, mailbox) = mailbox(Script::default()).await;
    let mut client = Client::new(&mailbox).await;
    client.send(&b"WHAT\r\n".repeat(60)).await;
    let mut last = String::new();
    loop {
        match client.reply().await {
            reply if reply.is_empty() => break,
            reply => last = reply,
        }
    }
    assert!(last.starts_with("421"), "{last:?}");
}

#[tokio::test]
async fn limits_refuse_the_message_and_not_the_connection() {
    let folder = Folder::new();
    let limits = Limits { message: 2000, recipients: 2, ..Limits::default() };
    let mailbox = Mailbox::start(Config { limits, ..Config::new(&folder.0) }).await.unwrap();
    let mut client = Client::new(&mailbox).await;
    for (body, code) in
        [("x\r\n".repeat(1000), "552"), ("x".repeat(999) + "\r\n", "554"), ("x".repeat(998) + "\r\n", "250")]
    {
        client.begin("ada@example.test").await;
        client.send(format!("{body}.\r\n").as_bytes()).await;
        let reply = client.reply().await;
        assert!(reply.starts_with(code), "{reply:?} is not {code}");
    }
    client
        .talk(&[("MAIL FROM:<us@example.test>", "250"), ("RCPT TO:<a@b.test>", "250"), ("RCPT TO:<c@d.test>", "250")])
        .await;
    client.talk(&[("RCPT TO:<e@f.test>", "452")]).await;
    let log = mailbox.log().unwrap();
    assert_eq!(log.iter().map(|entry| entry.kept).collect::<Vec<_>>(), [false, false, true]);
    assert!(log.iter().all(|entry| entry.complete));
}

#[tokio::test]
async fn what_was_taken_back_or_left_is_logged() {
    let (_folder, mailbox) = mailbox(Script::default()).await;
    let mut client = Client::new(&mailbox).await;
    client
        .talk(&[("MAIL FROM:<us@example.test>", "250"), ("RCPT TO:<ada@example.test>", "250"), ("RSET", "250")])
        .await;
    client.begin("bob@example.test").await;
    client.send(b"Message-ID: <half@leadflow.test>\r\n\r\nhalf").await;
    drop(client);
    let log = loop {
        let log = mailbox.log().unwrap();
        if log.len() == 2 {
            break log;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!((log[0].verdict, log[0].phase), (Outcome::Abandoned, Phase::Rcpt));
    assert_eq!((log[1].verdict, log[1].phase, log[1].complete), (Outcome::Left, Phase::Body, false));
    assert_eq!(log[1].message_id.as_deref(), Some("half@leadflow.test"));
    assert!(mailbox.mails().unwrap().is_empty());
}

#[tokio::test]
async fn one_who_is_silent_is_sent_away() {
    let folder = Folder::new();
    let limits = Limits { idle: std::time::Duration::from_millis(50), ..Limits::default() };
    let mailbox = Mailbox::start(Config { limits, ..Config::new(&folder.0) }).await.unwrap();
    let mut client = Client::silent(&mailbox).await;
    assert!(client.reply().await.starts_with("220"));
    assert!(client.reply().await.starts_with("421"));
    assert_eq!(client.reply().await, "");
}

#[tokio::test]
async fn passwords_are_asked_for_when_told() {
    let folder = Folder::new();
    let auth = Auth::Only { user: "ada".to_owned(), password: "secret".to_owned() };
    let mailbox = Mailbox::start(Config { auth, ..Config::new(&folder.0) }).await.unwrap();
    let mut client = Client::new(&mailbox).await;
    client.talk(&[("MAIL FROM:<us@example.test>", "530"), ("AUTH PLAIN AGFkYQB3cm9uZw==", "535")]).await;
    client.talk(&[("AUTH LOGIN", "334 VXNlcm5hbWU6"), ("*", "501"), ("AUTH CRAM-MD5", "504")]).await;
    client.talk(&[("AUTH LOGIN", "334"), ("YWRh", "334 UGFzc3dvcmQ6"), ("c2VjcmV0", "235")]).await;
    client.talk(&[("MAIL FROM:<us@example.test>", "250")]).await;
    let mut other = Client::new(&mailbox).await;
    other.talk(&[("AUTH PLAIN", "334"), ("AGFkYQBzZWNyZXQ=", "235"), ("MAIL FROM:<us@example.test>", "250")]).await;
}

#[tokio::test]
async fn a_folder_is_continued_and_a_torn_line_forgotten() {
    let folder = Folder::new();
    for expected in ["000001-", "000002-"] {
        let mailbox = Mailbox::start(Config::new(&folder.0)).await.unwrap();
        let mut client = Client::new(&mailbox).await;
        client.begin("ada@example.test").await;
        client.send(b"Subject: again\r\n\r\n.\r\n").await;
        assert!(client.reply().await.contains(expected));
        drop(mailbox);
        let path = folder.0.join(leadflow_mailbox::LOG_FILE);
        let torn = std::fs::read_to_string(&path).unwrap() + "{\"at\":";
        std::fs::write(&path, torn).unwrap();
    }
    assert_eq!(read_log(&folder.0).unwrap().len(), 2);
}
