//! Forms in every encoding, with and without a key, and where the browser goes afterwards.

use leadflow_platform::topics::Topic;
use leadflow_proto::engagement::v1::EngagementKind;
use serde_json::json;

use crate::door::{Door, PAGE, answer};

const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

#[tokio::test]
async fn urlencoded_multipart_and_json_mean_the_same() {
    let door = Door::open().await;
    let url = format!("{}/v1/forms/demo", door.url);
    let fields =
        [("name", "Ada L"), ("email", "Ada@Example.test"), ("message", "Call me"), ("newsletter", "on"), ("fax", "")];
    let post = || door.client.post(&url).header("origin", PAGE).header("user-agent", FIREFOX);
    let encoded: String = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let urlencoded = post().header("content-type", "application/x-www-form-urlencoded").body(encoded);
    let mut parts = String::new();
    for (name, value) in fields {
        parts.push_str(&format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"));
    }
    parts.push_str("--b\r\nContent-Disposition: form-data; name=\"cv\"; filename=\"cv.pdf\"\r\nContent-Type: application/pdf\r\n\r\n%PDF\0\r\n--b--\r\n");
    let multipart = post().header("content-type", "multipart/form-data; boundary=b").body(parts);
    for request in [urlencoded, multipart] {
        let response = request.send().await.unwrap();
        assert_eq!(
            (response.status().as_u16(), &response.headers()["location"]),
            (303, &"https://www.acme.test/thanks".parse().unwrap())
        );
    }
    let as_json = post().json(
        &json!({"name": "Ada L", "email": "Ada@Example.test", "message": "Call me", "newsletter": true, "fax": null}),
    );
    assert_eq!(answer(as_json.send().await.unwrap()).await, (200, json!({"success": true})));
    let events = door.events(Topic::Engagement, 3).await;
    for event in &events {
        assert_eq!((event.kind, event.source.as_str()), (EngagementKind::DemoRequest as i32, "web"));
        assert_eq!(
            (event.email.as_str(), event.text.as_str(), event.bot_reason.as_str()),
            ("ada@example.test", "Call me", "")
        );
        assert_eq!((event.traits["name"].as_str(), event.consent["marketing_email"]), ("Ada L", true));
    }
    assert_eq!(
        events.iter().filter(|event| event.properties.get("cv").is_some_and(|name| name == "cv.pdf")).count(),
        1
    );
}

#[tokio::test]
async fn the_page_that_follows_is_the_configured_one_whatever_the_post_says() {
    let door = Door::open().await;
    let body = "email=a%40b.test&redirect=https%3A%2F%2Fevil.test&thank_you=%2F%2Fevil.test&_next=https://evil.test";
    let request = door.client.post(format!("{}/v1/forms/demo?next=https://evil.test", door.url));
    let request = request
        .header("content-type", "application/x-www-form-urlencoded")
        .header("referer", "https://evil.test/")
        .body(body);
    assert_eq!(request.send().await.unwrap().headers()["location"], "https://www.acme.test/thanks");
}

#[tokio::test]
async fn a_token_makes_a_second_click_harmless() {
    let door = Door::open().await;
    for _ in 0..2 {
        let request = door.client.post(format!("{}/v1/forms/demo", door.url));
        let request =
            request.header("content-type", "application/x-www-form-urlencoded").body("email=a%40b.test&message_id=t-1");
        assert_eq!(request.send().await.unwrap().status(), 303);
    }
    let events = door.events(Topic::Engagement, 2).await;
    assert_eq!(events[0].event_id, events[1].event_id);
    assert_eq!(events[0].week, events[1].week);
}

#[tokio::test]
async fn who_may_post_and_what_is_refused() {
    let door = Door::open().await;
    let form = |name: &str, body: &'static str| {
        let request = door.client.post(format!("{}/v1/forms/{name}", door.url));
        request.header("content-type", "application/x-www-form-urlencoded").body(body)
    };
    let table = [
        (form("demo", "email=a%40b.test").header("origin", "https://evil.test"), 403, "ORIGIN_NOT_ALLOWED", ""),
        (form("demo", "email=a%40b.test").header("origin", "null"), 403, "ORIGIN_NOT_ALLOWED", ""),
        (form("demo", "email=nobody").header("origin", PAGE), 400, "INVALID_IDENTIFIER", "email"),
        (form("demo", "name=x"), 400, "MISSING_IDENTIFIER", "email"),
        (form("booth", "email=a%40b.test"), 401, "API_KEY_MISSING", ""),
        (form("booth", "email=a%40b.test").basic_auth(&door.keys.app, Some("")), 403, "SOURCE_NOT_ALLOWED", ""),
        (form("booth", "email=a%40b.test").basic_auth(&door.keys.reader, Some("")), 403, "SCOPE_MISSING", ""),
        (
            door.client
                .post(format!("{}/v1/forms/demo", door.url))
                .header("content-type", "multipart/form-data")
                .body("x"),
            400,
            "INVALID_FORM",
            "",
        ),
        (
            door.client.post(format!("{}/v1/forms/demo", door.url)).header("content-type", "text/csv").body("x"),
            415,
            "UNSUPPORTED_MEDIA_TYPE",
            "",
        ),
    ];
    for (request, status, code, field) in table {
        let (got, problem) = answer(request.send().await.unwrap()).await;
        assert_eq!((got, problem["code"].as_str().unwrap_or_default()), (status, code), "{problem}");
        assert_eq!(problem["errors"][0]["pointer"].as_str().unwrap_or_default(), field);
    }
    let booth = form("booth", "email=a%40b.test").basic_auth(&door.keys.server, Some("")).send().await.unwrap();
    assert_eq!((booth.status().as_u16(), &booth.headers()["location"]), (303, &"/thanks".parse().unwrap()));
    let rejected = door.rejected(3).await;
    assert!(rejected.iter().all(|one| one.door == "form.demo" && one.source == "web"));
}

/// The libraries that backends and plug-ins post with; each is a bot to the usual lists.
const PROGRAMS: [&str; 13] = [
    "curl/8.5.0",
    "Wget/1.21.4",
    "python-requests/2.32.3",
    "Python-urllib/3.13",
    "analytics-python/2.3.3",
    "axios/1.7.9",
    "node-fetch/1.0 (+https://github.com/bitinn/node-fetch)",
    "okhttp/4.12.0",
    "Java/21.0.5",
    "Apache-HttpClient/5.4 (Java/21)",
    "GuzzleHttp/7",
    "WordPress/6.7; https://shop.example",
    "Go-http-client/2.0",
];

#[tokio::test]
async fn what_a_program_calls_itself_says_nothing_about_the_person() {
    let door = Door::open().await;
    let url = format!("{}/v1/forms/demo", door.url);
    for (number, agent) in PROGRAMS.iter().enumerate() {
        let encoded: String = form_urlencoded::Serializer::new(String::new())
            .extend_pairs([("email", "a@formco.example"), ("message_id", &format!("program-{number}"))])
            .finish();
        let request = door.client.post(&url).header("user-agent", *agent);
        let request = request.header("content-type", "application/x-www-form-urlencoded").body(encoded);
        assert_eq!(request.send().await.unwrap().status(), 303, "{agent}");
        // With a key, the same.
        let booth = door.post("/v1/forms/booth").header("user-agent", *agent);
        let booth = booth.json(&json!({"email": "a@formco.example", "message_id": format!("booth-{number}")}));
        assert_eq!(booth.send().await.unwrap().status(), 200, "{agent}");
    }
    for event in door.events(Topic::Engagement, 2 * PROGRAMS.len()).await {
        let agent = event.context.unwrap_or_default().user_agent;
        assert_eq!((event.bot_reason.as_str(), agent.as_str()), ("", ""), "{}", event.name);
    }
}

#[tokio::test]
async fn a_browser_is_asked_who_it_is() {
    let door = Door::open().await;
    let headless = FIREFOX.replace("Firefox", "HeadlessChrome");
    let table = [
        (FIREFOX, ""),
        (headless.as_str(), "headless"),
        ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "crawler"),
        // A page is what it says, and a page does not post with this.
        ("curl/8.5.0", "crawler"),
    ];
    for (number, (agent, _)) in table.iter().enumerate() {
        let request = door.client.post(format!("{}/v1/forms/demo", door.url)).header("origin", PAGE);
        let fields = json!({"email": "a@formco.example", "message_id": format!("page-{number}"), "number": number});
        let response = request.header("user-agent", *agent).json(&fields).send().await.unwrap();
        assert_eq!(response.status(), 200);
    }
    for event in door.events(Topic::Engagement, table.len()).await {
        let (agent, reason) = table[event.properties["number"].parse::<usize>().unwrap()];
        assert_eq!(event.bot_reason, reason, "{agent}");
        assert_eq!(event.context.unwrap().user_agent, agent);
    }
}

#[tokio::test]
async fn whoever_fills_the_trap_is_thanked_and_not_taken() {
    let door = Door::open().await;
    let request = door.client.post(format!("{}/v1/forms/demo", door.url));
    let request = request.header("content-type", "application/x-www-form-urlencoded").body("email=a%40b.test&fax=123");
    assert_eq!(request.send().await.unwrap().status(), 303);
    assert_eq!(door.rejected(1).await[0].code, "HONEYPOT");
    door.events(Topic::Engagement, 0).await;
}

#[tokio::test]
async fn a_public_form_has_a_rate_of_its_own() {
    let door = Door::open_with(|config| config.form_posts_per_second = 1).await;
    let post = || door.client.post(format!("{}/v1/forms/demo", door.url)).json(&json!({"email": "a@b.test"})).send();
    let responses = futures::future::join_all((0..60).map(|_| post())).await;
    let limited = responses.into_iter().map(Result::unwrap).filter(|response| response.status() == 429);
    let limited: Vec<_> = limited.collect();
    assert!(!limited.is_empty(), "sixty at once, ten are allowed");
    assert!(limited.iter().all(|response| response.headers().contains_key("retry-after")));
}
