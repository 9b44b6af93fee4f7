//! Encryption, passwords, addresses that SMTP cannot say, and the probe.

use leadflow_mailbox::{Auth, Config, Fault, Mailbox, Script, Tls};
use leadflow_nurture::smtp::{Phase, Relay, SmtpConfig};

use crate::support::{Folder, US, config, mail, mailbox, mailbox_with, relay, send, short};

fn only() -> Auth {
    Auth::Only { user: "ada@sender.test".to_owned(), password: "p/w:%é".to_owned() }
}

async fn encrypted(tls: Tls) -> (Folder, Mailbox) {
    mailbox_with(|config: &mut Config| (config.tls, config.auth) = (tls, only())).await
}

/// With the mailbox's certificate as the authority.
fn to(mailbox: &Mailbox, scheme: &str, user: &str) -> SmtpConfig {
    let ca_file = mailbox.certificate().map(|pem| {
        let path = mailbox.folder.join("ca.pem");
        std::fs::write(&path, pem).unwrap();
        path
    });
    let url = format!("{scheme}://{user}@localhost:{}", mailbox.address.port());
    SmtpConfig { url: url.into(), ca_file, ..config(mailbox) }
}

const GOOD: &str = "ada%40sender.test:p%2Fw:%25%C3%A9";

#[tokio::test]
async fn both_ways_of_encryption_carry_mails_with_a_password() {
    for (tls, scheme) in [(Tls::StartTls, "smtp"), (Tls::Implicit, "smtps")] {
        let (_folder, mailbox) = encrypted(tls).await;
        let relay = Relay::new(&to(&mailbox, scheme, GOOD)).unwrap();
        relay.probe().await.unwrap();
        for number in 0..3 {
            let outcome = send(&relay, "ada@example.test", &mail(&number.to_string())).await;
            assert_eq!(short(&outcome), "sent", "{scheme}: {outcome:?}");
        }
        assert_eq!((mailbox.mails().unwrap().len(), mailbox.connections()), (3, 2), "{scheme}");
    }
}

#[tokio::test]
async fn nothing_is_said_to_a_relay_that_cannot_be_trusted() {
    // No STARTTLS: somebody may have taken it out.
    let (_folder, plain) = mailbox_with(|config| config.auth = only()).await;
    let outcome = send(&Relay::new(&to(&plain, "smtp", GOOD)).unwrap(), "ada@example.test", &mail("1")).await;
    assert_eq!(short(&outcome), "transient tls -");
    // A certificate of nobody that we know.
    for (tls, scheme, phase) in [(Tls::StartTls, "smtp", "tls"), (Tls::Implicit, "smtps", "connect")] {
        let (_folder, mailbox) = encrypted(tls).await;
        let relay = Relay::new(&SmtpConfig { ca_file: None, ..to(&mailbox, scheme, GOOD) }).unwrap();
        assert_eq!(short(&send(&relay, "ada@example.test", &mail("1")).await), format!("transient {phase} -"));
        assert!(mailbox.log().unwrap().is_empty());
    }
    assert!(plain.log().unwrap().is_empty());
}

#[tokio::test]
async fn a_wrong_password_is_no_fault_of_the_mail() {
    let (_folder, mailbox) = encrypted(Tls::StartTls).await;
    let relay = Relay::new(&to(&mailbox, "smtp", "ada%40sender.test:wrong")).unwrap();
    assert_eq!(short(&send(&relay, "ada@example.test", &mail("1")).await), "transient auth 535");
    assert_eq!(relay.probe().await.unwrap_err().phase(), Phase::Auth);
    // Nor is a relay that offers no AUTH at all.
    let (_folder, open) = crate::support::mailbox(Script::default()).await;
    let relay = Relay::new(&to(&open, "smtp+plain", GOOD)).unwrap();
    assert_eq!(short(&send(&relay, "ada@example.test", &mail("1")).await), "transient auth -");
}

#[tokio::test]
async fn addresses_that_cannot_be_said_are_refused_before_a_connection() {
    let (_folder, mailbox) = mailbox(Script::default()).await;
    let relay = relay(&mailbox);
    for to in
        ["", "ada", "@example.test", "ada@", "a b@example.test", "ada@example.test>\r\nDATA", "ada@ex\nample.test"]
    {
        assert_eq!(short(&send(&relay, to, &mail("1")).await), "permanent rcpt -", "{to:?}");
        let refusal = relay.open(to, "ada@example.test").await.unwrap_err();
        assert_eq!(refusal.phase(), Phase::Mail, "{to:?}");
    }
    assert_eq!(mailbox.connections(), 0);
}

#[tokio::test]
async fn other_letters_than_ascii_need_a_relay_that_knows_them() {
    let (_folder, old) = mailbox(Script::default()).await;
    let to_old = relay(&old);
    assert_eq!(short(&send(&to_old, "jürgen@example.test", &mail("1")).await), "permanent rcpt -");
    assert_eq!(to_old.open("jürgen@example.test", "ada@example.test").await.unwrap_err().phase(), Phase::Mail);
    assert_eq!(short(&send(&to_old, "ada@example.test", &mail("2")).await), "sent");
    assert_eq!(old.connections(), 1, "the connection was not to blame");

    let (_folder, modern) = mailbox_with(|config| config.extensions.smtp_utf8 = true).await;
    assert_eq!(short(&send(&relay(&modern), "jürgen@example.test", &mail("1")).await), "sent");
    assert_eq!(modern.mails().unwrap()[0].entry.to, ["jürgen@example.test"]);
}

#[tokio::test]
async fn a_probe_sends_nothing_and_names_the_phase() {
    let (_folder, mailbox) = mailbox(Script::once(Fault::TurnAwayAtGreeting)).await;
    let relay = relay(&mailbox);
    let refusal = relay.probe().await.unwrap_err();
    assert_eq!((refusal.phase(), refusal.code()), (Phase::Greeting, Some(421)));
    relay.probe().await.unwrap();
    assert!(mailbox.mails().unwrap().is_empty());

    // Nobody listens: the port was free a moment ago.
    let unused = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let nobody = Relay::new(&SmtpConfig { url: format!("smtp+plain://{unused}").into(), ..config(&mailbox) }).unwrap();
    assert_eq!(nobody.probe().await.unwrap_err().phase(), Phase::Connect);
    assert_eq!(
        nobody.open(US, "ada@example.test").await.unwrap_err().to_string(),
        "not sent for now, no reply at connect"
    );
}
