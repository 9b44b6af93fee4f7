//! What comes back to their mails, as a relay hands it in: a bounce, a complaint, an answer. Each says whose it is.

use leadflow_proto::nurture::v1::ExplainLeadRequest;

use crate::people::{ADDRESS, Person, WORD};
use crate::story::Story;

impl Story<'_> {
    async fn hands_in(&self, mailbox: &str, mime: String) {
        let request = self.client.post(format!("{}/v1/email/{mailbox}", self.line.ingest));
        let request = request.basic_auth(&self.line.write_key, Some("")).header("content-type", "message/rfc822");
        let answer = request.body(mime.replace('\n', "\r\n")).send().await.expect("an answer");
        assert_eq!(answer.status(), 200);
    }

    pub(crate) async fn bounces(&self, person: Person) {
        let message_id = self.until_mail(person, "hello", "sent").await;
        let email = person.normal();
        self.hands_in(
            "bounces",
            format!(
                "From: MAILER-DAEMON@mx.{WORD}.example\nTo: hello@seller.example\nSubject: Undeliverable: {WORD}\n\
                 MIME-Version: 1.0\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\n\n\
                 --b\nContent-Type: text/plain\n\n<{email}>: unknown\n\
                 --b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.{WORD}.example\n\n\
                 Final-Recipient: rfc822; {email}\nAction: failed\nStatus: 5.1.1\n\
                 Diagnostic-Code: smtp; 550 5.1.1 <{email}>: unknown user\n\
                 --b\nContent-Type: text/rfc822-headers\n\nFrom: hello@seller.example\nTo: {email}\n\
                 Message-ID: <{message_id}@mail.seller.example>\n\n--b--\n"
            ),
        )
        .await;
        self.until_suppressed(person, "hard_bounce").await;
    }

    pub(crate) async fn complains(&self, person: Person) {
        let message_id = self.until_mail(person, "hello", "sent").await;
        let email = person.normal();
        self.hands_in(
            "bounces",
            format!(
                "From: feedback@mx.{WORD}.example\nTo: hello@seller.example\nSubject: FW: {WORD}\nMIME-Version: 1.0\n\
                 Content-Type: multipart/report; report-type=feedback-report; boundary=b\n\n\
                 --b\nContent-Type: text/plain\n\nA complaint of {email}\n\
                 --b\nContent-Type: message/feedback-report\n\nFeedback-Type: abuse\nUser-Agent: {WORD}/1\nVersion: 1\n\
                 Original-Rcpt-To: {email}\nSource-IP: {ADDRESS}\n\
                 --b\nContent-Type: message/rfc822\n\nFrom: hello@seller.example\nTo: {email}\nSubject: {WORD}\n\
                 Message-ID: <{message_id}@mail.seller.example>\n\n{WORD}\n--b--\n"
            ),
        )
        .await;
        self.until_suppressed(person, "complaint").await;
    }

    pub(crate) async fn answers(&self, person: Person) {
        let message_id = self.until_mail(person, "hello", "sent").await;
        let lead_id = self.lead_of(person).await;
        let email = person.email();
        self.hands_in(
            "sales",
            format!(
                "From: C4n4ry <{email}>\nTo: hello@seller.example\nSubject: Re: {WORD}\n\
                 Message-ID: <{WORD}.1@c4n4ry-werke.example>\nIn-Reply-To: <{message_id}@mail.seller.example>\n\
                 Content-Type: text/plain; charset=utf-8\n\nPlease call {WORD}.\n"
            ),
        )
        .await;
        self.until("the end of the journey", async || {
            let request = ExplainLeadRequest { lead_id: lead_id.clone(), replay: true };
            let decisions = self.nurture.clone().explain_lead(request).await.ok()?.into_inner().decisions;
            decisions.iter().any(|one| one.kind == "exit").then_some(())
        })
        .await;
    }
}
