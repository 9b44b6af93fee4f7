//! What is sent: the simulator's load as HTTP requests or as events of the gRPC door, and people who raise a hand once.
//! Everything is made before a clock starts.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use leadflow_proto::ingest::v1::Event;
use leadflow_simulator::load::{Load, Touch};
use leadflow_stand::Stand;
use serde_json::{Value, json};

/// People who raise a hand have numbers from here on; the population of the load lies below.
const RAISERS_FROM: u32 = 10_000_000;

/// The visitors' clock.
#[expect(clippy::disallowed_methods, reason = "the senders live outside: their wall clock is the visitors' clock")]
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}

/// Makes requests to the first replica of ingest.
pub(crate) struct Requests {
    head: String,
}

impl Requests {
    /// With the key as Segment's libraries send it.
    pub(crate) fn to(stand: &Stand) -> Self {
        let key = STANDARD.encode(format!("{}:", stand.write_key()));
        let host = authority(stand);
        Self { head: format!("host: {host}\r\nauthorization: Basic {key}\r\ncontent-type: application/json\r\n") }
    }

    /// `POST /v1/{method}`, ready to be written to a connection.
    pub(crate) fn post(&self, method: &str, body: &Value) -> Vec<u8> {
        let body = body.to_string();
        format!("POST /v1/{method} HTTP/1.1\r\n{}content-length: {}\r\n\r\n{body}", self.head, body.len()).into_bytes()
    }
}

/// Host and port of the first replica of ingest.
pub(crate) fn authority(stand: &Stand) -> String {
    let url = stand.urls("ingest").into_iter().next().unwrap_or_default();
    url.trim_start_matches("http://").to_owned()
}

/// A touch of the load in the words of the gRPC door.
pub(crate) fn event(touch: &Touch) -> Event {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let body = &touch.body;
    let name = if touch.method == "track" { text(&body["event"]) } else { touch.method.to_owned() };
    let at: Option<Timestamp> = text(&body["timestamp"]).parse().ok();
    let path = text(&body["properties"]["path"]);
    Event {
        message_id: touch.message_id.clone(),
        r#type: name,
        anonymous_id: text(&body["anonymousId"]),
        email: text(&body["traits"]["email"]),
        occurred_at: at.map(timestamp),
        properties: serde_json::from_value(body["properties"].clone()).ok(),
        traits: serde_json::from_value(body["traits"].clone()).ok(),
        context: if path.is_empty() { Default::default() } else { [("page.path".to_owned(), path)].into() },
        ..Default::default()
    }
}

/// Address of the n-th person who raises a hand.
pub(crate) fn raiser_email(seed: u64, number: u32) -> String {
    Load::email(seed, RAISERS_FROM + number)
}

/// How that person's browser became known.
pub(crate) fn raiser_identified(seed: u64, number: u32, at: Timestamp) -> Event {
    let traits = json!({ "firstName": format!("R{number}"), "title": "Head of Sales", "company": format!("Company {}", number % 997) });
    Event {
        message_id: format!("raiser-{seed}-{number}-identify"),
        r#type: "identify".to_owned(),
        anonymous_id: Load::anonymous_id(seed, RAISERS_FROM + number),
        email: raiser_email(seed, number),
        occurred_at: Some(timestamp(at)),
        traits: serde_json::from_value(traits).ok(),
        ..Default::default()
    }
}

/// The raised hand as a page would send it; the person is known by the browser.
pub(crate) fn raise_by_browser(seed: u64, number: u32) -> Value {
    json!({
        "messageId": format!("raiser-{seed}-{number}-raise"),
        "anonymousId": Load::anonymous_id(seed, RAISERS_FROM + number),
        "event": "Demo Requested",
        "properties": { "message": "Could you show us the reporting part this week?" },
    })
}

/// The raised hand of somebody who left an address with it, through the gRPC door.
pub(crate) fn raise_with_address(seed: u64, number: u32, at: Timestamp) -> Event {
    let properties = json!({ "message": "Could you show us the reporting part this week?" });
    Event {
        message_id: format!("raiser-{seed}-{number}-raise"),
        r#type: "Demo Requested".to_owned(),
        properties: serde_json::from_value(properties).ok(),
        ..raiser_identified(seed, number, at)
    }
}

fn timestamp(at: Timestamp) -> pbjson_types::Timestamp {
    pbjson_types::Timestamp { seconds: at.as_second(), nanos: at.subsec_nanosecond() }
}
