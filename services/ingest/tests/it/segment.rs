//! The Segment-compatible door: every call, both forms of authentication, the odd content types, and what stands on the
//! topic afterwards.

use leadflow_platform::topics::Topic;
use leadflow_proto::engagement::v1::EngagementKind;
use serde_json::json;

use crate::door::{Door, PAGE, answer, gzip};

#[tokio::test]
async fn every_call_by_its_long_and_short_path_is_on_the_topic_with_its_kind() {
    let door = Door::open().await;
    let table = [
        ("identify", "i", json!({"traits": {"email": "ada@example.test"}}), EngagementKind::Identify),
        ("track", "t", json!({"event": "Demo Requested"}), EngagementKind::DemoRequest),
        ("page", "p", json!({"name": "Pricing"}), EngagementKind::PageView),
        ("screen", "s", json!({"name": "Home"}), EngagementKind::PageView),
        ("group", "g", json!({"groupId": "g-1"}), EngagementKind::Group),
        ("alias", "a", json!({"previousId": "anon"}), EngagementKind::Alias),
    ];
    for (long, short, body, _) in &table {
        for path in [long, short] {
            let mut body = body.clone();
            body["userId"] = json!("u-1");
            body["messageId"] = json!(format!("m-{path}"));
            assert_eq!(door.send(&format!("/v1/{path}"), body.to_string()).await, (200, json!({"success": true})));
        }
    }
    let events = door.events(Topic::Engagement, 12).await;
    for (_, _, _, kind) in table {
        assert!(events.iter().filter(|event| event.kind == kind as i32).count() >= 2, "{kind:?}");
    }
    assert!(events.iter().all(|event| event.source == "web" && event.user_id == "u-1" && !event.event_id.is_empty()));
}

#[tokio::test]
async fn the_key_comes_as_basic_bearer_or_in_the_body() {
    let door = Door::open().await;
    let url = format!("{}/v1/track", door.url);
    let body = |id: &str| json!({"event": "x", "userId": "u", "messageId": id});
    let basic = door.client.post(&url).basic_auth(&door.keys.server, Some("")).json(&body("1"));
    let bearer = door.client.post(&url).bearer_auth(&door.keys.server).json(&body("2"));
    let mut with_key = body("3");
    with_key["writeKey"] = json!(door.keys.server);
    // As analytics.js and sendBeacon do: no headers of one's own, JSON as text.
    let in_body = door.client.post(&url).header("content-type", "text/plain").body(with_key.to_string());
    let batch = json!({"writeKey": door.keys.server, "batch": [{"type": "track", "event": "x", "userId": "u", "messageId": "4"}]});
    let in_batch = door.client.post(format!("{}/v1/b", door.url)).body(batch.to_string());
    for request in [basic, bearer, in_body, in_batch] {
        assert_eq!(answer(request.send().await.unwrap()).await, (200, json!({"success": true})));
    }
    door.events(Topic::Engagement, 4).await;
}

#[tokio::test]
async fn rudderstacks_gzip_with_the_content_type_of_a_form_is_json() {
    let door = Door::open().await;
    let batch = json!({"batch": [{"type": "track", "event": "x", "userId": "u", "messageId": "r-1", "originalTimestamp": "2026-01-05T10:00:00.000Z", "sentAt": "2026-01-05T10:00:01.000Z"}], "sentAt": "2026-01-05T10:00:01.000Z"});
    let request = door.client.post(format!("{}/v1/batch", door.url)).basic_auth(&door.keys.app, Some(""));
    let request = request
        .header("content-type", "application/x-www-form-urlencoded")
        .header("content-encoding", "gzip")
        .body(gzip(batch.to_string().as_bytes()));
    assert_eq!(answer(request.send().await.unwrap()).await, (200, json!({"success": true})));
    let event = door.events(Topic::Engagement, 1).await.remove(0);
    // The clock of the sender was off: the event happened a second before it was received.
    let (occurred, received) = (event.occurred_at.unwrap(), event.received_at.unwrap());
    let between = (received.seconds - occurred.seconds) * 1000 + i64::from(received.nanos - occurred.nanos) / 1_000_000;
    assert_eq!((between, event.source.as_str()), (1000, "app"));
}

#[tokio::test]
async fn a_rudderstack_source_may_send_four_mebibytes_and_another_half_of_one() {
    let door = Door::open().await;
    let event = |n: usize| json!({"type": "track", "event": "x", "userId": "u", "messageId": format!("b-{n}"), "properties": {"pad": "x".repeat(3000)}});
    let batch = json!({"batch": (0..300).map(event).collect::<Vec<_>>()}).to_string();
    assert!(batch.len() > 900_000);
    let post = |key: &str| {
        door.client
            .post(format!("{}/v1/batch", door.url))
            .basic_auth(key, Some(""))
            .header("content-type", "application/json")
            .body(batch.clone())
    };
    assert_eq!(answer(post(&door.keys.app).send().await.unwrap()).await.0, 200);
    assert_eq!(answer(post(&door.keys.server).send().await.unwrap()).await.0, 413);
    door.events(Topic::Engagement, 300).await;
}

#[tokio::test]
async fn one_bad_event_does_not_cost_its_neighbours() {
    let door = Door::open().await;
    let batch = r#"{"batch":[{"type":"track","event":"a","userId":"u","messageId":"1"},{"type":"track","event":"b","messageId":"2"},
        {"type":"track","event":"\ud800","userId":"u"},7,{"type":"page","userId":"u","messageId":"5"}]}"#;
    let answer = json!({"success": true, "rejected": 3, "errors": [
        {"index": 1, "code": "MISSING_IDENTIFIER", "message": "/batch/1/userId: send userId or anonymousId"},
        {"index": 2, "code": "INVALID_JSON", "message": "/batch/2/event: half of a surrogate pair: send well-formed Unicode"},
        {"index": 3, "code": "NOT_AN_OBJECT", "message": "/batch/3: must be an object"},
    ]});
    assert_eq!(door.send("/v1/batch", batch).await, (200, answer));
    door.events(Topic::Engagement, 2).await;
    let mut rejected = door.rejected(3).await;
    rejected.sort_by(|left, right| left.field.cmp(&right.field));
    let seen: Vec<_> = rejected.iter().map(|one| (one.code.as_str(), one.field.as_str())).collect();
    assert_eq!(
        seen,
        [("MISSING_IDENTIFIER", "/batch/1/userId"), ("INVALID_JSON", "/batch/2/event"), ("NOT_AN_OBJECT", "/batch/3")]
    );
    assert_eq!(rejected[0].raw.as_slice(), br#"{"type":"track","event":"b","messageId":"2"}"#);
    assert!(rejected.iter().all(|one| one.source == "web" && one.door == "http.batch" && one.sha256.len() == 32));

    let (status, problem) = door.send("/v1/batch", r#"{"batch":[{"type":"track","event":"b"},{}]}"#).await;
    assert_eq!(
        (status, problem["code"].as_str(), problem["errors"].as_array().map(Vec::len)),
        (400, Some("MISSING_IDENTIFIER"), Some(2))
    );
    assert_eq!(door.send("/v1/batch", r#"{"batch":[]}"#).await.0, 200);
}

#[tokio::test]
async fn of_many_bad_events_a_hundred_are_explained_and_all_are_kept() {
    let door = Door::open().await;
    let mut events = vec![json!({"type": "track", "event": "b"}); 150];
    events.insert(20, json!({"type": "page", "userId": "u", "messageId": "good"}));
    let (status, answer) = door.send("/v1/batch", json!({ "batch": events }).to_string()).await;
    let errors = answer["errors"].as_array().unwrap();
    assert_eq!((status, &answer["rejected"], errors.len()), (200, &json!(150), 100));
    assert_eq!(
        (&errors[19]["index"], &errors[20]["index"], &errors[99]["index"]),
        (&json!(19), &json!(21), &json!(100))
    );
    door.rejected(150).await;
    door.events(Topic::Engagement, 1).await;
}

#[tokio::test]
async fn an_import_takes_the_bulk_topic_and_is_historical() {
    let door = Door::open().await;
    let batch = json!({"batch": [{"type": "track", "event": "Demo Requested", "userId": "u", "messageId": "h-1", "timestamp": "2025-01-01T00:00:00Z"}]});
    assert_eq!(door.send("/v1/import", batch.to_string()).await.0, 200);
    let event = door.events(Topic::EngagementBulk, 1).await.remove(0);
    assert!(event.historical && event.week == -719_162);
    door.events(Topic::Engagement, 0).await;
}

#[tokio::test]
async fn the_record_has_a_keyed_key_and_cloud_event_headers() {
    let door = Door::open().await;
    let body = json!({"event": "x", "anonymousId": "browser-1", "messageId": "m"});
    for _ in 0..2 {
        let request = door
            .post("/v1/track")
            .header("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
            .json(&body);
        assert_eq!(request.send().await.unwrap().status(), 200);
    }
    let kafka = door.kafka.as_ref().unwrap();
    let records = kafka.records_until(Topic::Engagement, |records| records.len() == 2).await;
    let header = |name: &str| {
        let found = records[0].headers.get(name).unwrap_or_else(|| panic!("{name}"));
        String::from_utf8(found.to_vec()).unwrap()
    };
    assert_eq!(header("ce_type"), "leadflow.engagement.custom.v1");
    assert_eq!(header("content-type"), "application/protobuf");
    assert!(header("traceparent").starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-"));
    assert_eq!(records[0].key.len(), 32);
    assert!(records[0].key.iter().all(u8::is_ascii_hexdigit));
    // The same message again: the same id, the same partition.
    assert_eq!(records[0].key, records[1].key);
    assert_eq!(records[0].position.partition, records[1].position.partition);
    let events = door.events(Topic::Engagement, 2).await;
    assert_eq!(events[0].event_id, events[1].event_id);
    assert_eq!(header("ce_id"), events[0].event_id);
}

#[tokio::test]
async fn a_browser_key_works_only_from_its_pages_and_a_servers_key_from_none() {
    let door = Door::open().await;
    let post = |key: &str, origin: Option<&str>| {
        let request = door.client.post(format!("{}/v1/t", door.url)).basic_auth(key, Some(""));
        let request = request.body(r#"{"event":"x","userId":"u"}"#);
        match origin {
            Some(origin) => request.header("origin", origin),
            None => request,
        }
    };
    let table = [
        (&door.keys.browser, Some(PAGE), 200, ""),
        (&door.keys.browser, Some("https://evil.test"), 403, "ORIGIN_NOT_ALLOWED"),
        (&door.keys.browser, None, 403, "ORIGIN_NOT_ALLOWED"),
        (&door.keys.server, None, 200, ""),
        (&door.keys.server, Some(PAGE), 403, "ORIGIN_NOT_ALLOWED"),
        (&door.keys.reader, None, 403, "SCOPE_MISSING"),
    ];
    for (key, origin, status, code) in table {
        let response = post(key, origin).send().await.unwrap();
        // The page's script must be able to read the answer.
        if origin.is_some() {
            assert_eq!(response.headers()["access-control-allow-origin"], "*");
        }
        let (got, body) = answer(response).await;
        assert_eq!((got, body["code"].as_str().unwrap_or_default()), (status, code), "{origin:?}");
    }
    door.rejected(0).await;
}

#[tokio::test]
async fn a_page_may_ask_first_and_gets_its_settings() {
    let door = Door::open().await;
    let preflight = door
        .client
        .request(reqwest::Method::OPTIONS, format!("{}/v1/t", door.url))
        .header("origin", PAGE)
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "authorization,content-type,x-retry-count")
        .send()
        .await
        .unwrap();
    assert_eq!(preflight.status(), 200);
    let allowed = preflight.headers()["access-control-allow-headers"].to_str().unwrap().to_owned();
    for header in ["authorization", "content-type", "x-retry-count"] {
        assert!(allowed.contains(header), "{allowed}");
    }
    let settings =
        |key: &str| door.client.get(format!("{}/v1/projects/{key}/settings", door.url)).header("origin", PAGE).send();
    let (status, body) = answer(settings(&door.keys.browser).await.unwrap()).await;
    let segment = &body["integrations"]["Segment.io"];
    let host = door.url.trim_start_matches("http://");
    assert_eq!((status, segment["apiKey"].as_str()), (200, Some(door.keys.browser.as_str())));
    assert_eq!(
        (segment["apiHost"].as_str(), segment["protocol"].as_str()),
        (Some(format!("{host}/v1").as_str()), Some("http"))
    );
    assert_eq!(body["metrics"]["sampleRate"], 0);
    assert_eq!(answer(settings("lf_unknown").await.unwrap()).await.0, 404);
    let rudder =
        door.client.get(format!("{}/sourceConfig/?writeKey={}", door.url, door.keys.app)).send().await.unwrap();
    assert_eq!(answer(rudder).await.1["source"]["enabled"], true);
}

#[tokio::test]
async fn the_document_names_every_path_and_each_is_there() {
    let door = Door::open().await;
    let document: serde_json::Value =
        door.client.get(format!("{}/openapi.json", door.url)).send().await.unwrap().json().await.unwrap();
    assert_eq!(document["openapi"], "3.1.0");
    let paths = document["paths"].as_object().unwrap();
    assert!(paths.len() >= 20, "{}", paths.len());
    for (path, methods) in paths {
        let real = path
            .replace("{form}", "demo")
            .replace("{mailbox}", "sales")
            .replace("{write_key}", "lf_none")
            .replace("{hook}", "postmark");
        for method in methods.as_object().unwrap().keys() {
            let method = reqwest::Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            let response = door.client.request(method.clone(), format!("{}{real}", door.url)).send().await.unwrap();
            let (status, body) = answer(response).await;
            assert!(status != 405 && body["code"] != "ROUTE_NOT_FOUND", "{method} {path}: {status} {body}");
            let documented = &methods[method.as_str().to_lowercase()]["responses"];
            assert!(
                documented.get(status.to_string()).is_some(),
                "{method} {path} answered {status}, which is not documented"
            );
        }
    }
}
