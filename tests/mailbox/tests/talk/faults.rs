//! Each fault, seen by a client that says everything right: what it reads, and what the log says.

use leadflow_mailbox::{Entry, Fault, Outcome, Phase, Script};

use crate::support::{Client, mailbox};

/// What a client reads, reply by reply, until the mailbox closes or falls silent.
async fn attempt(client: &mut Client) -> String {
    let steps = [
        "",
        "EHLO c.test",
        "MAIL FROM:<us@example.test>",
        "RCPT TO:<ada@example.test>",
        "DATA",
        "Subject: s\r\n\r\nx\r\n.",
    ];
    let mut codes = Vec::new();
    for step in steps {
        if !step.is_empty() {
            client.say(step).await;
        }
        let reply = client.reply().await;
        codes.push(reply.get(..3).unwrap_or("---").to_owned());
        if !reply.starts_with(['2', '3']) {
            break;
        }
    }
    codes.join(" ")
}

/// (fault, codes read, outcome, phase, complete)
fn expected() -> Vec<(Fault, &'static str, Outcome, Phase)> {
    use Outcome::{Cut, Hung, Kept, Refused};
    use Phase::{Body, Data, Ehlo, End, Greeting, Mail, Rcpt};
    vec![
        (Fault::RefuseConnection, "---", Cut, Greeting),
        (Fault::HangAtGreeting, "---", Hung, Greeting),
        (Fault::TurnAwayAtGreeting, "421", Refused, Greeting),
        (Fault::HangAtEhlo, "220 ---", Hung, Ehlo),
        (Fault::MailLater, "220 250 451", Refused, Mail),
        (Fault::MailNever, "220 250 550", Refused, Mail),
        (Fault::HangAtMail, "220 250 ---", Hung, Mail),
        (Fault::RcptLater, "220 250 250 450", Refused, Rcpt),
        (Fault::RcptNever, "220 250 250 550", Refused, Rcpt),
        (Fault::LeaveAtRcpt, "220 250 250 421", Refused, Rcpt),
        (Fault::HangAtRcpt, "220 250 250 ---", Hung, Rcpt),
        (Fault::PartialRecipients, "220 250 250 250 354 250", Kept, End),
        (Fault::DataLater, "220 250 250 250 451", Refused, Data),
        (Fault::DataNever, "220 250 250 250 554", Refused, Data),
        (Fault::HangAtData, "220 250 250 250 ---", Hung, Data),
        (Fault::CutInBody, "220 250 250 250 354 ---", Cut, Body),
        (Fault::HangInBody, "220 250 250 250 354 ---", Hung, Data),
        (Fault::EndLater, "220 250 250 250 354 451", Refused, End),
        (Fault::EndNever, "220 250 250 250 354 554", Refused, End),
        (Fault::LeaveAtEnd, "220 250 250 250 354 421", Refused, End),
        (Fault::HangAfterBody, "220 250 250 250 354 ---", Hung, End),
        (Fault::CutAfterBody, "220 250 250 250 354 ---", Cut, End),
        (Fault::KeepThenCut, "220 250 250 250 354 ---", Kept, End),
        (Fault::KeepThenHang, "220 250 250 250 354 ---", Kept, End),
        (Fault::KeepAndDrip, "220 250 250 250 354 250", Kept, End),
        (Fault::KeepThenLeave, "220 250 250 250 354 250", Kept, End),
    ]
}

#[tokio::test]
async fn each_fault_is_played_and_logged_before_it_is_seen() {
    let table = expected();
    assert_eq!(table.iter().map(|row| row.0).collect::<Vec<_>>(), Fault::ALL, "one row for each fault");
    for (fault, codes, outcome, phase) in table {
        // A hang that ends soon, so that the client reads an end instead of nothing.
        let (_folder, mailbox) = mailbox(Script { hang_seconds: 0.05, ..Script::always(fault) }).await;
        let mut client = Client::silent(&mailbox).await;
        assert_eq!(attempt(&mut client).await, codes, "{fault:?}");
        let log = mailbox.log().unwrap();
        let [entry]: &[Entry] = &log[..] else { panic!("{fault:?}: {log:?}") };
        assert_eq!((entry.fault, entry.verdict, entry.phase), (Some(fault), outcome, phase), "{fault:?}");
        assert_eq!(entry.kept, fault.keeps(), "{fault:?}");
        assert_eq!(entry.complete, phase == Phase::End, "{fault:?}");
        assert_eq!(mailbox.mails().unwrap().len(), usize::from(fault.keeps()), "{fault:?}");
        let last = codes.rsplit(' ').next().and_then(|code| code.parse().ok());
        assert_eq!(entry.code, last, "{fault:?}");
    }
}

#[tokio::test]
async fn every_second_recipient_of_a_partial_mail_is_refused() {
    let (_folder, mailbox) = mailbox(Script::always(Fault::PartialRecipients)).await;
    let mut client = Client::new(&mailbox).await;
    client.talk(&[("MAIL FROM:<us@example.test>", "250"), ("RCPT TO:<a@example.test>", "250")]).await;
    client
        .talk(&[("RCPT TO:<b@example.test>", "550 5.1.1 <b@example.test>"), ("RCPT TO:<c@example.test>", "250")])
        .await;
    client.talk(&[("DATA", "354"), ("Subject: s\r\n\r\nx\r\n.", "250")]).await;
    let log = mailbox.log().unwrap();
    let told: Vec<_> = log.iter().map(|entry| (entry.to.join(" "), entry.verdict)).collect();
    let expected = [("b@example.test", Outcome::Refused), ("a@example.test c@example.test", Outcome::Kept)];
    assert_eq!(told, expected.map(|(to, verdict)| (to.to_owned(), verdict)));
}

#[tokio::test]
async fn a_fault_that_was_spent_comes_no_more_and_refused_mails_are_logged_once() {
    let (_folder, mailbox) = mailbox(Script::once(Fault::RcptNever)).await;
    let mut client = Client::new(&mailbox).await;
    client
        .talk(&[("MAIL FROM:<us@example.test>", "250"), ("RCPT TO:<ada@example.test>", "550"), ("RSET", "250")])
        .await;
    client.begin("ada@example.test").await;
    client.talk(&[("Subject: s\r\n\r\nx\r\n.", "250"), ("QUIT", "221")]).await;
    let log = mailbox.log().unwrap();
    let verdicts: Vec<_> = log.iter().map(|entry| entry.verdict).collect();
    assert_eq!(verdicts, [Outcome::Refused, Outcome::Kept]);
}
