//! A mailbox of the test's own and a relay that points to it.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use leadflow_mailbox::{Config, Mailbox, Script};
use leadflow_nurture::smtp::{Refusal, Relay, Seconds, SmtpConfig, SmtpTimeouts, Verdict};

pub const US: &str = "news@sender.test";

/// Removed at the end.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("nurture-smtp-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        Self(std::env::temp_dir().join(name))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub async fn mailbox(script: Script) -> (Folder, Mailbox) {
    mailbox_with(|config| config.script = script).await
}

pub async fn mailbox_with(change: impl FnOnce(&mut Config)) -> (Folder, Mailbox) {
    let folder = Folder::new();
    let mut config = Config::new(&folder.0);
    change(&mut config);
    (folder, Mailbox::start(config).await.unwrap())
}

/// One time for every phase, in seconds.
pub fn timeouts(seconds: f64) -> SmtpTimeouts {
    let time = Seconds::try_from(seconds).unwrap();
    SmtpTimeouts {
        claim: time,
        pool: time,
        connect: time,
        greeting: time,
        command: time,
        data: time,
        body: time,
        final_reply: time,
    }
}

/// In the clear, with far more time than anything takes.
pub fn config(mailbox: &Mailbox) -> SmtpConfig {
    SmtpConfig {
        timeouts: timeouts(60.0),
        helo_name: Some("sender.test".to_owned()),
        ..SmtpConfig::new(format!("smtp+plain://{}", mailbox.address).into())
    }
}

pub fn relay(mailbox: &Mailbox) -> Relay {
    Relay::new(&config(mailbox)).unwrap()
}

/// A mail with this Message-ID.
pub fn mail(id: &str) -> Vec<u8> {
    format!("Message-ID: <{id}>\r\nSubject: {id}\r\n\r\nHello\r\n").into_bytes()
}

/// Opens and transmits once.
pub async fn send(relay: &Relay, to: &str, bytes: &[u8]) -> Result<Verdict, Refusal> {
    Ok(relay.open(US, to).await?.transmit(bytes).await)
}

/// "sent", "uncertain", "transient 451", "permanent rcpt 550": what decides, in few words.
pub fn short(outcome: &Result<Verdict, Refusal>) -> String {
    let code = |code: &Option<u16>| code.map_or_else(|| "-".to_owned(), |code| code.to_string());
    match outcome {
        Ok(Verdict::Sent { .. }) => "sent".to_owned(),
        Ok(Verdict::Uncertain { .. }) => "uncertain".to_owned(),
        Ok(Verdict::Transient { code, .. }) => format!("transient {code}"),
        Ok(Verdict::Permanent { code, .. }) => format!("permanent {code}"),
        Err(refusal @ Refusal::Transient { .. }) => {
            format!("transient {} {}", refusal.phase().name(), code(&refusal.code()))
        }
        Err(refusal @ Refusal::Permanent { .. }) => {
            format!("permanent {} {}", refusal.phase().name(), code(&refusal.code()))
        }
    }
}
