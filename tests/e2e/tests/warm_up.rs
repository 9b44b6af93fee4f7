//! A lead that is not ready, over real sockets: a form, a mail, an answer, an offer; and one that says stop.

use std::time::Duration;

use leadflow_e2e::Line;
use leadflow_mailbox::Mail;
use leadflow_proto::assignment::v1::assignment_stream_service_client::AssignmentStreamServiceClient;
use leadflow_proto::assignment::v1::{AssignmentEvent, WatchAssignmentsRequest};
use leadflow_proto::nurture::v1::nurture_service_client::NurtureServiceClient;
use leadflow_proto::nurture::v1::{ExplainLeadRequest, GetPreferencesRequest, get_preferences_request};
use leadflow_proto::qualification::v1::lead_service_client::LeadServiceClient;
use leadflow_proto::qualification::v1::{GetLeadRequest, get_lead_request};
use leadflow_simulator::inbox;
use leadflow_simulator::story::Reader;

const PATIENCE: Duration = Duration::from_secs(60);

async fn eventually<T>(what: &str, look: impl AsyncFn() -> Option<T>) -> T {
    let waited = tokio::time::timeout(PATIENCE, async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    waited.await.unwrap_or_else(|_| panic!("{what}: not within a minute"))
}

fn mails_to(line: &Line, address: &str) -> Vec<Mail> {
    let mails = line.mailbox.mails().expect("the mailbox can be read");
    mails.into_iter().filter(|mail| mail.entry.to == [address]).collect()
}

async fn sign_up(line: &Line, client: &reqwest::Client, email: &str) {
    let form = [("email", email), ("name", "Kim Sample"), ("newsletter", "yes"), ("message_id", email)];
    let answer = client.post(format!("{}/v1/forms/contact", line.ingest)).form(&form).send().await.expect("an answer");
    assert_eq!(answer.status(), 303);
}

/// In the thread and with the mail quoted, as mail programs do.
async fn answers(line: &Line, client: &reqwest::Client) {
    let folder = line.mailbox.folder.clone();
    let arrived = inbox::wait_for(&folder, "kim@acme.example", PATIENCE).await.expect("a folder").expect("a mail");
    let reader = Reader {
        given_name: "Kim",
        name: "Kim Sample".to_owned(),
        email: "kim@acme.example".to_owned(),
        answer_id: "answer-1".to_owned(),
    };
    let leadflow_simulator::call::Call::Mail { mime, .. } =
        inbox::answer(&reader, &arrived, "2026-11-24T10:00:00Z".parse().expect("a time"))
    else {
        panic!("an answer is a mail")
    };
    let request = client.post(format!("{}/v1/email/sales", line.ingest)).basic_auth(&line.write_key, Some(""));
    let answer = request.header("content-type", "message/rfc822").body(mime).send().await.expect("an answer");
    assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap_or_default());
}

/// The button of the mail program: RFC 8058.
async fn presses_the_button(client: &reqwest::Client, stopper: &Mail) {
    let parsed = mail_parser::MessageParser::default().parse(&stopper.bytes).expect("a mail");
    let header = parsed.header_raw("List-Unsubscribe").expect("the header").to_owned();
    let url =
        regex::Regex::new("<(http[^>]+)>").expect("a pattern").captures(&header).expect("an address")[1].to_owned();
    assert_eq!(parsed.header_raw("List-Unsubscribe-Post").map(str::trim), Some("List-Unsubscribe=One-Click"));
    let answer = client.post(&url).body("List-Unsubscribe=One-Click").send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn who_is_not_ready_is_warmed_up_answers_and_is_offered() {
    let line = Line::open().await.expect("a line");
    line.publish_journey("warm-up.yaml").await.expect("published");
    let mut watch = AssignmentStreamServiceClient::new(line.channel(&line.assignment).await.expect("a channel"));
    let mut stream = watch.watch_assignments(WatchAssignmentsRequest::default()).await.expect("a stream").into_inner();
    let client =
        reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().expect("a client");

    sign_up(&line, &client, "kim@acme.example").await;
    sign_up(&line, &client, "lee@other.example").await;
    let mail = eventually("a mail", async || mails_to(&line, "kim@acme.example").pop()).await;
    let stopper = eventually("a mail", async || mails_to(&line, "lee@other.example").pop()).await;

    answers(&line, &client).await;
    presses_the_button(&client, &stopper).await;

    let offered: AssignmentEvent = tokio::time::timeout(PATIENCE, async {
        loop {
            let answer = stream.message().await.expect("a stream").expect("no end");
            let mut events = answer.items.into_iter().filter_map(|item| item.event);
            if let Some(event) = events.find(|event| event.r#type == "leadflow.assignment.offered.v1") {
                return event;
            }
        }
    })
    .await
    .expect("an offer within a minute");
    let lead = offered.lead.expect("a snapshot");
    assert_eq!(lead.email, "kim@acme.example");
    let said = lead.hand_raise_text;
    assert!(said.contains("Thursday morning") && !said.contains("Read the guide"), "only the new words: {said:?}");

    // Nurture knows why it ended, and says so the same way again.
    let mut nurture = NurtureServiceClient::new(line.channel(&line.nurture).await.expect("a channel"));
    let request = ExplainLeadRequest { lead_id: offered.lead_id.clone(), replay: true };
    let kinds = eventually("the exit", async || {
        let decisions = nurture.clone().explain_lead(request.clone()).await.expect("decisions").into_inner().decisions;
        assert!(decisions.iter().all(|one| one.replay_equal == Some(true)), "{decisions:?}");
        let exit = decisions.iter().find(|one| one.kind == "exit").map(|one| one.reasons.clone());
        exit.map(|reasons| (reasons, decisions.len()))
    })
    .await;
    assert!(kinds.0 == ["replied"] || kinds.0 == ["mql"], "{kinds:?}");

    // Who said stop: suppressed at once, and qualification hears of it.
    let key = get_preferences_request::Key::Email("lee@other.example".to_owned());
    let wishes = nurture.get_preferences(GetPreferencesRequest { key: Some(key) }).await.expect("wishes").into_inner();
    assert_eq!(wishes.suppressed, "unsubscribed");
    let leads = LeadServiceClient::new(line.channel(&line.qualification).await.expect("a channel"));
    eventually("the withdrawal in qualification", async || {
        let key = Some(get_lead_request::Key::Email("lee@other.example".to_owned()));
        let lead = leads.clone().get_lead(GetLeadRequest { key }).await.ok()?.into_inner().lead?.snapshot?;
        lead.consents.iter().any(|one| one.purpose == "marketing_email" && !one.given).then_some(())
    })
    .await;
    assert_eq!(mails_to(&line, "kim@acme.example").len(), 1);
    let text = String::from_utf8_lossy(&mail.bytes).into_owned();
    assert!(text.contains("Message-ID: <") && text.contains("@mail.seller.example>"), "{text}");
    line.close().await.expect("a clean end");
}
