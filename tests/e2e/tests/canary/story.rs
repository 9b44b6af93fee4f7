//! What happens to the canaries: forms, mails that go out, fail, and of which nobody knows; clicks, the preference page, a
//! confirmation, a stop, an answer, a bounce, a complaint; calls of endpoints; requests that are refused; and an erasure.

use std::time::Duration;

use leadflow_e2e::Line;
use leadflow_mailbox::Mail;
use leadflow_platform::record::Record;
use leadflow_platform::testing::clock;
use leadflow_platform::topics::Topic;
use leadflow_proto::nurture::v1::nurture_service_client::NurtureServiceClient;
use leadflow_proto::nurture::v1::{
    ExportPersonRequest, GetPreferencesRequest, ListMessagesRequest, export_person_request, get_preferences_request,
};
use leadflow_proto::qualification::v1::lead_service_client::LeadServiceClient;
use leadflow_proto::qualification::v1::qualification_admin_service_client::QualificationAdminServiceClient;
use leadflow_proto::qualification::v1::{ErasePersonRequest, GetLeadRequest, erase_person_request, get_lead_request};
use leadflow_simulator::setup::Authorized;

use crate::endpoints::Endpoints;
use crate::people::{
    ADDRESS, ALL_THROUGH, BOUNCED, COMPLAINED, EVERYBODY, PROGRAM, Person, REFUSED, STOPPED, UNCERTAIN, UNWANTED, WORD,
};

const PATIENCE: Duration = Duration::from_secs(120);

/// A journey that says everything that it knows of a person, everywhere it can.
const JOURNEY: &str = r#"name: birds
title: Birds
entry: { event: { kind: form } }
exit: [mql, replied]
steps:
  - id: hello
    email: { template: hello, topic: news }
  - id: company
    branch:
      - { when: { all: [{ field: contact.company, contains: [C4n4ry] }] }, then: crm }
    otherwise: done
  - id: crm
    webhook: { endpoint: crm }
  - id: broken
    webhook: { endpoint: broken }
  - id: nowhere
    webhook: { endpoint: nowhere }
  - id: call
    task: { text_key: call_now, due: 1d }
  - id: lacking
    email: { template: lacking }
  - id: told
    event: { name: Bird Told }
  - id: stay
    wait: { event: { kind: email_replied }, timeout: 30d }
    otherwise: done
  - id: done
    end: {}
templates:
  hello:
    subject: "{{ contact.name }}, about {{ event.topic }}"
    preheader: "For {{ contact.company }}"
    mjml: |
      <mjml><mj-body><mj-section><mj-column>
      <mj-text>Hello {{ contact.given_name | default("there") }} ({{ contact.email }})</mj-text>
      <mj-button href="https://www.seller.example/for/{{ contact.company }}?mail={{ contact.email }}">Read on</mj-button>
      <mj-text><a href="{{ links.confirm }}">Confirm</a> <a href="{{ links.preferences }}">Topics</a></mj-text>
      <mj-text>{{ sender.postal_address }} <a href="{{ links.unsubscribe }}">Unsubscribe</a></mj-text>
      </mj-column></mj-section></mj-body></mjml>
  lacking:
    subject: "{{ contact.name }}: {{ traits.never_told }}"
    mjml: |
      <mjml><mj-body><mj-section><mj-column><mj-text>{{ contact.email }} {{ sender.postal_address }}
      <a href="{{ links.unsubscribe }}">Unsubscribe</a></mj-text></mj-column></mj-section></mj-body></mjml>
"#;

/// Everything that stands on the topic `nurture` afterwards, as text.
pub(crate) async fn play() -> String {
    let endpoints = Endpoints::start().await;
    let line = Line::open_with(endpoints.otherwise()).await.expect("a line");
    line.publish_journey_text(JOURNEY.as_bytes().to_vec()).await.expect("published");
    let story = Story::new(&line).await;
    for person in EVERYBODY {
        story.fills_the_form(person).await;
    }
    for (person, state) in
        [(ALL_THROUGH, "sent"), (REFUSED, "failed"), (UNCERTAIN, "uncertain"), (UNWANTED, "failed"), (STOPPED, "sent")]
    {
        story.until_mail(person, "hello", state).await;
    }
    story.until_mail(ALL_THROUGH, "lacking", "skipped").await;
    story.until("calls of all endpoints", async || (endpoints.called() >= 2 * 5).then_some(())).await;
    story.everything_at_the_door(ALL_THROUGH).await;
    story.stops(STOPPED).await;
    story.bounces(BOUNCED).await;
    story.complains(COMPLAINED).await;
    story.refused().await;
    story.asks(ALL_THROUGH).await;
    story.answers(ALL_THROUGH).await;
    for person in EVERYBODY {
        story.is_erased(person).await;
    }
    let told = |records: &[Record]| {
        let has = |kind: &str| records.iter().any(|one| text(one).contains(kind));
        ["link_clicked", "message_uncertain", "message_skipped", "exited"]
            .iter()
            .all(|kind| has(&format!("leadflow.nurture.{kind}.v1")))
    };
    let records = line.kafka.records_until(Topic::Nurture, told).await;
    line.close().await.expect("a clean end");
    records.iter().map(text).collect()
}

/// Key, headers and value; protobuf carries texts as they are.
fn text(record: &Record) -> String {
    let headers: String =
        record.headers.iter().map(|(name, value)| format!("{name}={} ", String::from_utf8_lossy(value))).collect();
    format!("{} {headers}{}\n", String::from_utf8_lossy(&record.key), String::from_utf8_lossy(&record.value))
}

/// As the person's browser sends it, behind a proxy of ours.
fn by_browser(request: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
    let program = reqwest::header::HeaderValue::from_bytes(PROGRAM.as_bytes()).expect("a header");
    request
        .header("x-forwarded-for", format!("{ADDRESS}, 10.0.0.1"))
        .header("x-real-ip", ADDRESS)
        .header("referer", format!("https://www.seller.example/for/{WORD}?q={WORD}"))
        .header("user-agent", program)
}

/// The line, as seen from outside.
pub(crate) struct Story<'a> {
    pub(crate) line: &'a Line,
    pub(crate) client: reqwest::Client,
    pub(crate) nurture: NurtureServiceClient<Authorized>,
    leads: LeadServiceClient<Authorized>,
    admin: QualificationAdminServiceClient<Authorized>,
}

impl<'a> Story<'a> {
    async fn new(line: &'a Line) -> Self {
        // Every call has a connection of its own: one that rested may be closed by the door at the moment of the next call.
        let client = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0);
        let client = client.redirect(reqwest::redirect::Policy::none()).build();
        let channel = async |url| line.channel(url).await.expect("a channel");
        Self {
            line,
            client: client.expect("a client"),
            nurture: NurtureServiceClient::new(channel(&line.nurture).await),
            leads: LeadServiceClient::new(channel(&line.qualification).await),
            admin: QualificationAdminServiceClient::new(channel(&line.qualification).await),
        }
    }

    pub(crate) async fn until<T>(&self, what: &str, look: impl AsyncFn() -> Option<T>) -> T {
        let waited = tokio::time::timeout(PATIENCE, async {
            loop {
                if let Some(found) = look().await {
                    return found;
                }
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        });
        waited.await.unwrap_or_else(|_| panic!("{what}: not within two minutes"))
    }

    async fn fills_the_form(&self, person: Person) {
        let request = self.client.post(format!("{}/v1/forms/contact", self.line.ingest)).form(&person.form());
        let answer = by_browser(request).header("origin", "https://www.seller.example").send().await;
        assert_eq!(answer.expect("an answer").status(), 303);
    }

    pub(crate) async fn lead_of(&self, person: Person) -> String {
        self.until("a lead", async || {
            let key = Some(get_lead_request::Key::Email(person.normal()));
            Some(self.leads.clone().get_lead(GetLeadRequest { key }).await.ok()?.into_inner().lead?.lead_id)
        })
        .await
    }

    pub(crate) async fn until_mail(&self, person: Person, step: &str, state: &str) -> String {
        let lead_id = self.lead_of(person).await;
        self.until(&format!("{person:?}: {step} {state}"), async || {
            let request = ListMessagesRequest { lead_id: lead_id.clone(), ..ListMessagesRequest::default() };
            let messages = self.nurture.clone().list_messages(request).await.ok()?.into_inner().messages;
            Some(messages.into_iter().find(|one| one.step == step && one.state == state)?.message_id)
        })
        .await
    }

    pub(crate) async fn until_suppressed(&self, person: Person, reason: &str) {
        self.until(&format!("{person:?}: {reason}"), async || {
            let key = Some(get_preferences_request::Key::Email(person.normal()));
            let wishes = self.nurture.clone().get_preferences(GetPreferencesRequest { key }).await.ok()?.into_inner();
            (wishes.suppressed == reason).then_some(())
        })
        .await;
    }

    fn mail_to(&self, person: Person) -> Mail {
        let mails = self.line.mailbox.mails().expect("the mailbox can be read");
        mails.into_iter().find(|mail| mail.entry.to == [person.normal()]).expect("a mail")
    }

    /// Links of the mail through our door, by the letter of their path.
    fn links(&self, mail: &Mail) -> Vec<(String, String)> {
        let parsed = mail_parser::MessageParser::default().parse(&mail.bytes).expect("a mail");
        let html = parsed.body_html(0).expect("HTML").into_owned();
        assert!(html.to_lowercase().contains(WORD), "the mail says it");
        let pattern = regex::Regex::new("(?:href|src)=\"(http://127[^\"]+/([cdopu])/[^\"]+)\"").expect("a pattern");
        pattern.captures_iter(&html).map(|found| (found[2].to_owned(), found[1].to_owned())).collect()
    }

    fn link(&self, mail: &Mail, path: &str) -> String {
        let links = self.links(mail);
        links.iter().find(|(letter, _)| letter == path).unwrap_or_else(|| panic!("{path}: {links:?}")).1.clone()
    }

    async fn get(&self, url: &str, expected: u16) {
        let request = self.client.get(url).query(&[("utm_term", WORD)]).header("cookie", format!("who={WORD}"));
        let answer = by_browser(request).send().await.expect("an answer");
        assert_eq!(answer.status(), expected);
    }

    async fn post(&self, url: &str, form: &[(&str, &str)], expected: u16) {
        let answer = by_browser(self.client.post(url).form(form)).send().await.expect("an answer");
        assert_eq!(answer.status(), expected);
    }

    async fn everything_at_the_door(&self, person: Person) {
        let mail = self.mail_to(person);
        for (path, status) in [("o", 200), ("c", 302), ("p", 200), ("d", 200), ("u", 200)] {
            self.get(&self.link(&mail, path), status).await;
        }
        self.post(&self.link(&mail, "p"), &[("action", "topics"), ("topic", WORD)], 200).await;
        self.post(&self.link(&mail, "d"), &[("action", "confirm"), ("why", WORD)], 200).await;
        // A click counts a minute later.
        clock::shift(self.line.nurture_database(), 90).await.expect("a clock");
        let clicked =
            |records: &[Record]| records.iter().any(|one| text(one).contains("leadflow.nurture.link_clicked.v1"));
        self.line.kafka.records_until(Topic::Nurture, clicked).await;
    }

    async fn stops(&self, person: Person) {
        self.post(&self.link(&self.mail_to(person), "u"), &[("List-Unsubscribe", "One-Click")], 200).await;
        self.until_suppressed(person, "unsubscribed").await;
    }

    /// What the door and the calls have to say no to.
    async fn refused(&self) {
        let token = self.link(&self.mail_to(ALL_THROUGH), "c").rsplit('/').next().expect("a token").to_owned();
        for path in ["c", "u", "p", "d"] {
            for name in [WORD.to_owned(), ALL_THROUGH.email(), format!("{token}{WORD}"), "C4n4ry%20Werke".to_owned()] {
                let url = format!("{}/{path}/{name}", self.line.nurture);
                self.get(&url, 404).await;
                if path != "c" {
                    self.post(&url, &[("action", WORD), (WORD, WORD)], 404).await;
                }
            }
        }
        let preferences = self.link(&self.mail_to(ALL_THROUGH), "p");
        self.post(&preferences, &[("action", WORD)], 400).await;
        let large = self.client.post(&preferences).form(&[("action", "topics"), ("topic", &WORD.repeat(20_000))]);
        // Sometimes the door is shut before all of it has been said.
        assert!(large.send().await.map_or(true, |answer| answer.status() == 413));
        self.get(&format!("{}/{WORD}/{}", self.line.nurture, ALL_THROUGH.email()), 404).await;
        self.post(&self.link(&self.mail_to(ALL_THROUGH), "c"), &[(WORD, WORD)], 405).await;

        let mut nurture = self.nurture.clone();
        for word in [WORD, "C4n4ry Zaunkönig", "c4n4ry@", "nobody@c4n4ry.example"] {
            let key = Some(get_preferences_request::Key::Email(word.to_owned()));
            // Of an address that nobody has nothing is known, which is no error.
            let _ = nurture.get_preferences(GetPreferencesRequest { key }).await;
            let key = Some(export_person_request::Key::Email(word.to_owned()));
            nurture.export_person(ExportPersonRequest { key }).await.expect_err("nobody");
            let request = ListMessagesRequest { lead_id: word.to_owned(), page_token: word.to_owned(), page_size: 1 };
            nurture.list_messages(request).await.expect_err("no id");
        }
        let wrong = format!("name: {WORD}\ntitle: [{WORD}\n");
        assert!(self.line.publish_journey_text(wrong.into_bytes()).await.is_err());
        let mut foreign = NurtureServiceClient::new(
            leadflow_simulator::setup::connect(&self.line.nurture, WORD).await.expect("a channel"),
        );
        let key = Some(get_preferences_request::Key::Email(ALL_THROUGH.email()));
        foreign.get_preferences(GetPreferencesRequest { key }).await.expect_err("no key");
    }

    /// What is shown to whoever may see it.
    async fn asks(&self, person: Person) {
        let mut nurture = self.nurture.clone();
        let key = Some(export_person_request::Key::Email(person.email()));
        let document = nurture.export_person(ExportPersonRequest { key }).await.expect("a document").into_inner();
        let document = String::from_utf8(document.document).expect("JSON");
        assert!(document.to_lowercase().contains(WORD), "the export has it");
    }

    async fn is_erased(&self, person: Person) {
        let key = Some(erase_person_request::Key::Email(person.email()));
        let request = ErasePersonRequest { key, request_id: format!("erase-{person:?}") };
        let lead_id = self.lead_of(person).await;
        self.admin.clone().erase_person(request).await.expect("erased");
        self.until("nurture has heard of it", async || {
            let key = Some(export_person_request::Key::LeadId(lead_id.clone()));
            let document = self.nurture.clone().export_person(ExportPersonRequest { key }).await.ok()?.into_inner();
            (!String::from_utf8_lossy(&document.document).to_lowercase().contains(WORD)).then_some(())
        })
        .await;
    }
}
