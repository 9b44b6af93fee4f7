//! Double opt-in with the sample journey, over real sockets: a form that gives no consent, a mail, a page, a button, a proof.

use std::time::Duration;

use leadflow_e2e::Line;
use leadflow_platform::topics::Topic;
use leadflow_proto::nurture::v1::nurture_service_client::NurtureServiceClient;
use leadflow_proto::nurture::v1::{
    Enrollment, ExportPersonRequest, GetPreferencesRequest, GetPreferencesResponse, ListEnrollmentsRequest,
    export_person_request, get_preferences_request,
};
use leadflow_simulator::setup::Authorized;

const EMAIL: &str = "kim@acme.example";

async fn eventually<T>(what: &str, look: impl AsyncFn() -> Option<T>) -> T {
    let waited = tokio::time::timeout(Duration::from_secs(60), async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    waited.await.unwrap_or_else(|_| panic!("{what}: not within a minute"))
}

async fn wishes(nurture: &NurtureServiceClient<Authorized>) -> GetPreferencesResponse {
    let key = Some(get_preferences_request::Key::Email(EMAIL.to_owned()));
    nurture.clone().get_preferences(GetPreferencesRequest { key }).await.expect("wishes").into_inner()
}

async fn enrollments(nurture: &NurtureServiceClient<Authorized>, lead_id: &str) -> Vec<Enrollment> {
    let request = ListEnrollmentsRequest { lead_id: lead_id.to_owned(), ..Default::default() };
    nurture.clone().list_enrollments(request).await.expect("enrolments").into_inner().enrollments
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_form_asks_a_mail_asks_back_and_only_the_button_is_a_yes() {
    let line = Line::open().await.expect("a line");
    line.publish_journey("double-opt-in.yaml").await.expect("published");
    let nurture = NurtureServiceClient::new(line.channel(&line.nurture).await.expect("a channel"));
    let client =
        reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().expect("a client");

    let form = [("email", EMAIL), ("name", "Kim Sample"), ("message_id", "signed-up")];
    let answer = client.post(format!("{}/v1/forms/newsletter", line.ingest)).form(&form).send().await;
    assert_eq!(answer.expect("an answer").status(), 303);
    let mail = eventually("the question", async || line.mailbox.mails().expect("a mailbox").pop()).await;
    assert_eq!(mail.entry.to, [EMAIL]);
    let parsed = mail_parser::MessageParser::default().parse(&mail.bytes).expect("a mail");
    let text = parsed.body_text(0).expect("a text");
    let link = regex::Regex::new(r"http://\S+/d/[\w-]+").expect("a pattern").find(&text).expect("the link").as_str();

    let records = line.kafka.records_until(Topic::Nurture, |records| !records.is_empty()).await;
    // The key of its facts is the lead.
    let lead_id = String::from_utf8(records[0].key.clone()).expect("an id");

    // Whoever only looks has said nothing.
    let page = client.get(link).send().await.expect("an answer");
    assert_eq!(page.status(), 200);
    assert!(page.text().await.expect("a page").contains("<button"));
    assert!(wishes(&nurture).await.preferences.is_empty(), "nor did the form");
    assert_eq!(enrollments(&nurture, &lead_id).await[0].state, "active");

    assert_eq!(client.post(link).body("action=confirm").send().await.expect("an answer").status(), 200);
    let said = wishes(&nurture).await.preferences;
    let [yes] = said.as_slice() else { panic!("{said:?}") };
    assert_eq!((yes.purpose.as_str(), yes.given, yes.source.as_str()), ("marketing_email", true, "double_opt_in"));
    let ended = eventually("the end", async || {
        enrollments(&nurture, &lead_id).await.into_iter().find(|one| !one.end_reason.is_empty())
    })
    .await;
    assert_eq!(ended.end_reason, "goal:consent");

    let key = Some(export_person_request::Key::Email(EMAIL.to_owned()));
    let document = nurture.clone().export_person(ExportPersonRequest { key }).await.expect("a copy").into_inner();
    let document: serde_json::Value = serde_json::from_slice(&document.document).expect("JSON");
    let proof = &document["consent_proofs"][0];
    assert_eq!(
        (proof["text_version"].as_str(), proof["address"].as_str()),
        (Some("journey/double-opt-in@1/ask"), Some(EMAIL))
    );
    assert!(proof["asked_at"].as_str() < proof["confirmed_at"].as_str(), "{proof}");
    line.close().await.expect("a clean end");
}
