//! The sources file is followed: a good change is in effect within seconds, a bad one changes nothing.

use std::time::Duration;

use leadflow_platform::topics::Topic;
use leadflow_proto::engagement::v1::EngagementKind;

use crate::door::Door;
use crate::lines::Lines;

/// Sends until the kind of what comes out is the wanted one.
async fn becomes(door: &Door, kind: EngagementKind) -> bool {
    for attempt in 0..100 {
        let body =
            serde_json::json!({"event": "Tour Booked", "userId": "u", "messageId": format!("{kind:?}-{attempt}")});
        assert_eq!(door.send("/v1/track", body.to_string()).await.0, 200);
        let kafka = door.kafka.as_ref().unwrap();
        let records = kafka.records_until(Topic::Engagement, |records| !records.is_empty()).await;
        let ours = format!(
            "leadflow.engagement.{}.v1",
            kind.as_str_name().trim_start_matches("ENGAGEMENT_KIND_").to_lowercase()
        );
        let seen = |record: &leadflow_platform::record::Record| record.headers.get("ce_type") == Some(ours.as_bytes());
        if records.iter().any(seen) {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    false
}

#[tokio::test]
async fn a_good_file_takes_effect_and_a_bad_one_changes_nothing() {
    let door = Door::open().await;
    assert!(becomes(&door, EngagementKind::Custom).await);
    let file = door.folder.join("sources.yaml");
    std::fs::write(&file, "sources: { web: { names: { Tour Booked: callback_request } } }").unwrap();
    assert!(becomes(&door, EngagementKind::CallbackRequest).await);
    std::fs::write(&file, "sources: { web: { names: { Tour Booked: nonsense } } }").unwrap();
    tokio::time::sleep(Duration::from_secs(5)).await;
    let body = r#"{"event":"Tour Booked","userId":"u","messageId":"after-the-bad-file"}"#;
    assert_eq!(door.send("/v1/track", body).await.0, 200);
    let kafka = door.kafka.as_ref().unwrap();
    let records = kafka.records(Topic::Engagement).await;
    let custom = records
        .iter()
        .filter(|record| record.headers.iter().any(|(_, value)| value == b"leadflow.engagement.custom.v1"))
        .count();
    let before = records.len();
    assert!(custom < before, "the mapping of the good file is gone");
    let last = records.iter().max_by_key(|record| record.appended_at).unwrap();
    assert!(last.headers.iter().any(|(_, value)| value == b"leadflow.engagement.callback_request.v1"));
}

#[tokio::test]
async fn a_key_whose_source_is_gone_is_named_once() {
    let (lines, _listening) = Lines::listen();
    let door = Door::open().await;
    let named = async |number: usize| {
        let wait = async {
            while lines.with("has no source").len() != number {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(30), wait).await;
        assert!(waited.is_ok(), "{:?}", lines.with(""));
    };
    named(0).await;
    std::fs::write(door.folder.join("sources.yaml"), "sources: { web: {} }").unwrap();
    named(1).await;
    let line = lines.with("has no source").remove(0);
    assert!(line.contains("\"app\"") && line.contains("leadflow key revoke app"), "{line}");
    // The keys of `web`, two of which publish. The one that reads is none of them.
    std::fs::write(door.folder.join("sources.yaml"), "sources: { app: {} }").unwrap();
    named(3).await;
    let body = r#"{"event":"Demo Requested","userId":"u","messageId":"m"}"#;
    assert_eq!(door.send("/v1/track", body).await.0, 200, "refusing would lose it");
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(lines.with("has no source").len(), 3, "once each");
}
