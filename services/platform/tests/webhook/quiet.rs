//! Nothing of path, query, body, secret or answer gets into a verdict, an error or a log, whatever happens.

use std::io::Write;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use leadflow_platform::clock;
use leadflow_platform::webhook::{Delivery, Endpoint, Limits, Secret, SystemNames, WebhookConfig};
use secrecy::ExposeSecret as _;
use tracing_subscriber::fmt::MakeWriter;

use crate::support::{PATIENCE, Receiver, Script, client, client_with, config, impatient_client};

/// In every place where something private can be.
const CANARY: &str = "c4n4ry";

/// What was logged by anybody in this process.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("whole").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn nothing_private_is_told() {
    let log = Log::default();
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::DEBUG)
        .with_ansi(false)
        .with_writer(log.clone())
        .try_init()
        .expect("the only one of these tests that listens");
    tracing::debug!("the log is heard");

    let secret = Secret::generate();
    let private = secret.text().expose_secret().trim_start_matches("whsec_").to_owned();
    let body = Bytes::from(format!("{{\"email\":\"{CANARY}@customer.example\"}}"));
    let mut told = Vec::new();
    let head = format!("HTTP/1.1 200 {CANARY}\r\nx-private: {CANARY}\r\n");
    let scripts = [
        Script::AnswerAndClose(format!("{head}content-length: 6\r\n\r\n{CANARY}")),
        Script::AnswerAndClose(format!("{head}content-length: 600\r\n\r\n{CANARY}")),
        Script::AnswerAndClose(format!("HTTP/1.1 500 {CANARY}\r\n\r\n{CANARY}")),
        Script::AnswerAndClose(format!("HTTP/1.1 301 Moved\r\nlocation: http://127.0.0.1:1/{CANARY}\r\n\r\n")),
        Script::AnswerAndClose(format!("HTTP/1.1 429 Slow\r\nretry-after: {CANARY}\r\n\r\n")),
        Script::AnswerAndClose(format!("{CANARY} is no HTTP\r\n\r\n")),
        Script::AnswerAndClose(String::new()),
        Script::AnswerAndHang(head.clone()),
    ];
    let guarded = client_with(config(&[]), Limits::default(), Arc::new(SystemNames));
    for script in scripts {
        let receiver = Receiver::start(script).await;
        for scheme in ["http", "https"] {
            let url = format!("{scheme}://{}/{CANARY}?token={CANARY}#{CANARY}", receiver.address);
            let endpoint = Endpoint::parse(&url, vec![secret.clone()]).expect("an endpoint");
            for client in [&impatient_client(), &guarded] {
                let attempt = client.deliver(&endpoint, "msg_1", clock::wall_now(), body.clone(), "application/json");
                let delivery = tokio::time::timeout(PATIENCE, attempt).await.expect("an attempt ends");
                told.push(format!("{delivery:?} {endpoint:?} {client:?} {}", words(&delivery)));
            }
        }
    }
    for url in [format!("https://{CANARY}:{CANARY}@customer.example/"), format!("https://[{CANARY}]/?{CANARY}")] {
        let refusal = Endpoint::parse(&url, vec![secret.clone()]).expect_err("no URL for this");
        told.push(format!("{refusal:?} {refusal}"));
    }
    told.push(format!("{secret:?} {:?} {:?}", Secret::parse(&format!("whsec_{CANARY}")), WebhookConfig::default()));
    told.push(format!("{:?}", client()));

    let log = String::from_utf8(log.0.lock().expect("whole").clone()).expect("text");
    assert!(log.contains("the log is heard"), "else the next lines prove nothing");
    assert!(log.contains("connect"), "the libraries' lines are heard too: {log}");
    for text in told.iter().chain([&log]) {
        for private in [CANARY, private.as_str()] {
            let line = text.lines().find(|line| line.contains(private));
            assert!(line.is_none(), "told: {line:?}");
        }
    }
}

fn words(delivery: &Delivery) -> String {
    match delivery {
        Delivery::Retry { reason, .. } => format!("{reason} {}", reason.code()),
        Delivery::Refused { reason } => format!("{reason} {}", reason.code()),
        Delivery::Delivered { .. } | Delivery::Disabled => String::new(),
    }
}
