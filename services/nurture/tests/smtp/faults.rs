//! Each fault has its outcome, and no outcome but the uncertain one leaves open whether the mail is at the sink.

use leadflow_mailbox::{Fault, Script};
use leadflow_nurture::smtp::{Blame, Relay, SmtpConfig};

use crate::support::{config, mail, mailbox, send, short, timeouts};

fn expected(fault: Fault) -> &'static str {
    match fault {
        Fault::RefuseConnection | Fault::HangAtGreeting => "transient greeting -",
        Fault::TurnAwayAtGreeting => "transient greeting 421",
        Fault::HangAtEhlo => "transient ehlo -",
        Fault::MailLater => "transient mail 451",
        Fault::MailNever => "permanent mail 550",
        Fault::HangAtMail => "transient mail -",
        Fault::RcptLater => "transient rcpt 450",
        Fault::RcptNever => "permanent rcpt 550",
        Fault::LeaveAtRcpt => "transient rcpt 421",
        Fault::HangAtRcpt => "transient rcpt -",
        Fault::DataLater | Fault::EndLater => "transient 451",
        Fault::LeaveAtEnd => "transient 421",
        Fault::DataNever | Fault::EndNever => "permanent 554",
        Fault::HangAtData
        | Fault::CutInBody
        | Fault::HangInBody
        | Fault::HangAfterBody
        | Fault::CutAfterBody
        | Fault::KeepThenCut
        | Fault::KeepThenHang => "uncertain",
        Fault::PartialRecipients | Fault::KeepAndDrip | Fault::KeepThenLeave => "sent",
    }
}

fn hangs(fault: Fault) -> bool {
    format!("{fault:?}").contains("Hang")
}

#[tokio::test]
async fn each_fault_has_its_outcome_and_the_next_mail_goes() {
    for fault in Fault::ALL {
        let (_folder, mailbox) = mailbox(Script::once(fault)).await;
        // Only those that wait for a timeout are given little time.
        let times = timeouts(if hangs(fault) { 0.3 } else { 60.0 });
        let relay = Relay::new(&SmtpConfig { timeouts: times, ..config(&mailbox) }).unwrap();
        let outcome = send(&relay, "ada@example.test", &mail("first")).await;
        assert_eq!(short(&outcome), expected(fault), "{fault:?}: {outcome:?}");
        let kept = mailbox.mails().unwrap().len();
        assert_eq!(kept, usize::from(fault.keeps()), "{fault:?}");
        assert_eq!(short(&outcome) == "uncertain", fault.leaves_uncertain(), "{fault:?}");
        assert!(short(&outcome) != "sent" || kept == 1, "{fault:?}");

        // Whatever happened to that connection, another mail is not disturbed by it.
        let next = send(&relay, "bob@example.test", &mail("second")).await;
        assert_eq!(short(&next), "sent", "after {fault:?}: {next:?}");
    }
}

#[tokio::test]
async fn refusals_say_whose_fault_it_is_and_nobodys_address() {
    for (fault, blame) in [
        (Fault::RcptNever, Blame::Recipient),
        (Fault::MailNever, Blame::Sender),
        (Fault::RcptLater, Blame::Unknown),
        (Fault::HangAtRcpt, Blame::Unknown),
    ] {
        let (_folder, mailbox) = mailbox(Script::once(fault)).await;
        let relay = Relay::new(&SmtpConfig { timeouts: timeouts(0.3), ..config(&mailbox) }).unwrap();
        let refusal = send(&relay, "ada@example.test", &mail("m")).await.unwrap_err();
        assert_eq!(refusal.blame(), blame, "{refusal:?}");
        let all = format!("{refusal} {refusal:?} {}", refusal.text());
        assert!(!all.contains("ada") && !all.contains("news"), "{all}");
    }
    let (_folder, mailbox) = mailbox(Script::once(Fault::EndNever)).await;
    let verdict = send(&crate::support::relay(&mailbox), "ada@example.test", &mail("m")).await.unwrap();
    assert_eq!(verdict.blame(), Blame::Sender);
    assert_eq!(verdict.to_string(), "not sent, reply 554");
}
