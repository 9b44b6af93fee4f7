//! What is logged, at the noisiest level: no address, no password, no mail.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use leadflow_mailbox::{Auth, Fault, Script};
use leadflow_nurture::smtp::{Relay, SmtpConfig};
use tracing_subscriber::fmt::MakeWriter;

use crate::support::{config, mailbox_with, send, timeouts};

#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<u8>>>);

impl Write for Heard {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Heard {
    type Writer = Heard;

    fn make_writer(&'a self) -> Heard {
        self.clone()
    }
}

#[tokio::test]
async fn no_log_line_holds_an_address_a_password_or_a_mail() {
    let heard = Heard::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(heard.clone())
        .with_ansi(false)
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    tracing::info!("listening");
    for fault in
        [None, Some(Fault::RcptNever), Some(Fault::EndLater), Some(Fault::HangAtData), Some(Fault::HangAtGreeting)]
    {
        let script = fault.map_or_else(Script::default, Script::once);
        let (_folder, mailbox) = mailbox_with(|config| (config.script, config.auth) = (script, Auth::AcceptAny)).await;
        let url = format!("smtp+plain://canaryuser:canarypassword@{}", mailbox.address);
        let relay = Relay::new(&SmtpConfig { url: url.into(), timeouts: timeouts(0.3), ..config(&mailbox) }).unwrap();
        let outcome = send(&relay, "canary@example.test", b"Subject: canarysubject\r\n\r\ncanarybody\r\n").await;
        tracing::info!("{}", outcome.map_or_else(|refusal| refusal.to_string(), |verdict| verdict.to_string()));
        tracing::info!("{relay:?}");
    }
    let bytes = heard.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let text = String::from_utf8_lossy(&bytes);
    assert!(text.contains("listening") && text.contains("not sent"), "the log was heard");
    // "\0canaryuser\0canarypassword" in base64 begins so.
    for word in ["canary", "AGNhbmFyeXVzZXI", "example.test>"] {
        assert!(!text.contains(word), "{word} is in the log:\n{text}");
    }
}
