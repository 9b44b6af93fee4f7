//! The sample story of a run: who comes by, in which order, through which door. Deterministic by seed and run number.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::call::Call;
use crate::cast::{Casting, Person};

/// One touch of the story.
#[derive(Clone, Debug)]
pub struct Scene {
    /// After the start of the run.
    pub at: Duration,
    /// For the person who watches.
    pub title: String,
    /// What is sent.
    pub call: Call,
    /// Whether the door must refuse it.
    pub refused: bool,
    /// Who will answer the mail that this brings, if there is a mailbox to look into.
    pub reader: Option<Reader>,
}

/// Somebody who answers a mail.
#[derive(Clone, Debug)]
pub struct Reader {
    /// First name, for the one who watches.
    pub given_name: &'static str,
    /// First and last name.
    pub name: String,
    /// Address.
    pub email: String,
    /// Message-ID of the answer.
    pub answer_id: String,
}

/// Writes the story. `now` is the start of the run: older touches carry earlier timestamps.
#[must_use]
pub fn story(seed: u64, run_number: u64, now: Timestamp) -> Vec<Scene> {
    let mut writer = Writer {
        casting: Casting::new(seed, run_number),
        now,
        run_number,
        next: 0,
        at: Duration::ZERO,
        scenes: Vec::new(),
    };
    writer.asks_for_a_demo();
    writer.is_not_ready_yet();
    writer.warms_up_to_the_threshold();
    writer.calls_back_by_phone();
    writer.chats();
    writer.writes_a_mail();
    writer.shares_a_browser();
    writer.competitor_at_an_event();
    writer.own_staff();
    writer.crawler();
    writer.only_looks();
    writer.sends_nonsense();
    writer.asks_just_before_closing();
    writer.scenes
}

struct Writer {
    casting: Casting,
    now: Timestamp,
    run_number: u64,
    next: u32,
    at: Duration,
    scenes: Vec<Scene>,
}

impl Writer {
    fn scene(&mut self, title: impl Into<String>, call: Call) {
        self.scenes.push(Scene { at: self.at, title: title.into(), call, refused: false, reader: None });
        self.at += Duration::from_millis(120);
    }

    fn message_id(&mut self) -> String {
        self.next += 1;
        format!("sample-{}-{}", self.run_number, self.next)
    }

    /// A Segment message by a browser, `hours_ago` before the run.
    fn message(&mut self, person: &Person, hours_ago: i64, more: Value) -> Value {
        let at = self.now.saturating_sub(SignedDuration::from_hours(hours_ago)).unwrap_or(self.now);
        let mut message = json!({
            "messageId": self.message_id(),
            "anonymousId": person.anonymous_id,
            "timestamp": at.to_string(),
            "context": {
                "userAgent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
                "locale": if person.country == "DE" { "de-DE" } else { "en-US" },
                "timezone": person.time_zone,
                "campaign": { "source": "newsletter", "medium": "email", "name": "autumn-launch" },
            },
        });
        if let (Some(message), Value::Object(more)) = (message.as_object_mut(), more) {
            message.extend(more);
        }
        message
    }

    fn page(&mut self, person: &Person, hours_ago: i64, path: &str) -> Call {
        let properties = json!({ "path": path, "url": format!("https://www.seller.example{path}"), "title": path.trim_matches('/') });
        let body = self.message(person, hours_ago, json!({ "name": path.trim_matches('/'), "properties": properties }));
        Call::Segment { method: "page", body }
    }

    fn track(&mut self, person: &Person, hours_ago: i64, event: &str, properties: Value) -> Call {
        let body = self.message(person, hours_ago, json!({ "event": event, "properties": properties }));
        Call::Segment { method: "track", body }
    }

    fn identify(&mut self, person: &Person, hours_ago: i64) -> Call {
        let traits = json!({
            "email": person.email, "firstName": person.given_name, "lastName": person.family_name, "title": person.title,
            "company": { "name": person.company, "employees": person.employees }, "address": { "country": person.country },
        });
        let body = self.message(person, hours_ago, json!({ "traits": traits }));
        Call::Segment { method: "identify", body }
    }

    fn asks_for_a_demo(&mut self) {
        let ada = self.casting.person();
        for (hours, path) in [(30, "/"), (29, "/pricing"), (2, "/docs/api"), (1, "/pricing")] {
            let call = self.page(&ada, hours, path);
            self.scene(format!("a visitor reads {path}"), call);
        }
        let call = self.identify(&ada, 0);
        self.scene(
            format!("{} {} leaves an address: the visits before are theirs now", ada.given_name, ada.family_name),
            call,
        );
        let call = self.track(
            &ada,
            0,
            "Demo Requested",
            json!({ "message": "Could you show us the reporting part this week?" }),
        );
        self.scene(format!("{} asks for a demo", ada.given_name), call.clone());
        self.scene("the same click again, by a nervous browser: nothing changes", call);
    }

    /// Nobody a sales executive should call today: a journey writes, and the answer makes the difference.
    fn is_not_ready_yet(&mut self) {
        let hana = self.casting.person();
        let fields = vec![
            ("name", format!("{} {}", hana.given_name, hana.family_name)),
            ("email", hana.email.clone()),
            ("company", hana.company.to_owned()),
            ("newsletter", "yes".to_owned()),
            ("message_id", self.message_id()),
        ];
        let reader = Reader {
            given_name: hana.given_name,
            name: format!("{} {}", hana.given_name, hana.family_name),
            email: hana.email.clone(),
            answer_id: self.message_id(),
        };
        let title = format!("{} wants the newsletter, and nothing else", hana.given_name);
        self.scene(title, Call::Form { form: "contact", fields });
        if let Some(scene) = self.scenes.last_mut() {
            scene.reader = Some(reader);
        }
    }

    fn warms_up_to_the_threshold(&mut self) {
        let bruno = self.casting.person();
        let call = self.identify(&bruno, 72);
        self.scene(format!("{} {} of {} subscribes", bruno.given_name, bruno.family_name, bruno.company), call);
        for (hours, path) in [(71, "/pricing"), (48, "/customers"), (47, "/pricing"), (24, "/docs/security")] {
            let call = self.page(&bruno, hours, path);
            self.scene(format!("{} reads {path}", bruno.given_name), call);
        }
        for (hours, event) in
            [(46, "Webinar Registered"), (20, "Webinar Attended"), (3, "Whitepaper Downloaded"), (1, "Trial Started")]
        {
            let call = self.track(&bruno, hours, event, json!({ "topic": "Forecasting without spreadsheets" }));
            self.scene(format!("{}: {event}", bruno.given_name), call);
        }
    }

    fn calls_back_by_phone(&mut self) {
        let chiara = self.casting.person();
        let fields = vec![
            ("name", format!("{} {}", chiara.given_name, chiara.family_name)),
            ("phone", format!("+49 30 901820{:02}", self.run_number % 100)),
            ("company", chiara.company.to_owned()),
            ("message", "Please call me after lunch.".to_owned()),
            ("message_id", self.message_id()),
        ];
        self.scene(
            format!("{} leaves only a phone number and wants a call", chiara.given_name),
            Call::Form { form: "callback", fields },
        );
    }

    fn chats(&mut self) {
        let dmitri = self.casting.person();
        let call = self.page(&dmitri, 0, "/pricing");
        self.scene("a visitor reads /pricing", call);
        let call = self.track(&dmitri, 0, "Chat Started", json!({ "message": "Is there a plan for schools?" }));
        self.scene("the same visitor opens the chat, without a name", call);
    }

    fn writes_a_mail(&mut self) {
        let elif = self.casting.person();
        let (name, email, id) =
            (format!("{} {}", elif.given_name, elif.family_name), elif.email.clone(), self.message_id());
        let date = self.now.strftime("%a, %d %b %Y %H:%M:%S +0000");
        let mime = format!(
            "From: {name} <{email}>\r\nTo: sales@seller.example\r\nSubject: Offer for 40 seats\r\nDate: {date}\r\nMessage-ID: <{id}@mail.example>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nHello,\r\nwe are 40 people and would like an offer until Friday.\r\n\r\nKind regards\r\n{name}\r\n"
        );
        self.scene(format!("{} writes to sales@", elif.given_name), Call::Mail { mailbox: "sales", mime });
        let id = self.message_id();
        let mime = format!(
            "From: {name} <{email}>\r\nTo: sales@seller.example\r\nSubject: Automatic reply: out of office\r\nDate: {date}\r\nMessage-ID: <{id}@mail.example>\r\nAuto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nI am away until Monday.\r\n"
        );
        self.scene("their mailbox answers by itself: noted, no points", Call::Mail { mailbox: "sales", mime });
    }

    fn shares_a_browser(&mut self) {
        let farid = self.casting.person();
        let mut greta = self.casting.person();
        greta.anonymous_id.clone_from(&farid.anonymous_id);
        let call = self.identify(&farid, 5);
        self.scene(format!("{} signs in on a shared computer", farid.given_name), call);
        let call = self.identify(&greta, 4);
        self.scene(format!("{} signs in on the same one: two people stay two", greta.given_name), call);
    }

    fn competitor_at_an_event(&mut self) {
        let rival = self.casting.person_at("Rival Metrics", "rival-metrics.example");
        let call = self.identify(&rival, 2);
        self.scene("somebody of a competitor signs up", call);
        let call = self.track(&rival, 1, "Trade Fair Attended", json!({ "topic": "Autumn fair" }));
        self.scene("the competitor visits the booth: disqualified, no rep is bothered", call);
    }

    fn own_staff(&mut self) {
        let colleague = self.casting.person_at("Seller", "seller.example");
        let call = self.identify(&colleague, 1);
        self.scene("one of our own staff tries the website", call);
        let call = self.track(&colleague, 0, "Demo Requested", json!({ "message": "test" }));
        self.scene("and the demo form: own staff, disqualified", call);
    }

    fn crawler(&mut self) {
        let bot = self.casting.person();
        for path in ["/", "/pricing"] {
            let Call::Segment { method, mut body } = self.page(&bot, 0, path) else { continue };
            body["context"]["userAgent"] =
                json!("Mozilla/5.0 (compatible; ExampleBot/2.1; +http://bot.example/info) Googlebot");
            self.scene(format!("a crawler reads {path}: noted, no points"), Call::Segment { method, body });
        }
    }

    fn only_looks(&mut self) {
        let hiro = self.casting.person();
        let call = self.identify(&hiro, 26);
        self.scene(format!("{} subscribes and looks around: not ready", hiro.given_name), call);
        let call = self.page(&hiro, 25, "/blog/autumn");
        self.scene(format!("{} reads /blog/autumn", hiro.given_name), call);
    }

    fn sends_nonsense(&mut self) {
        let body = json!({ "messageId": self.message_id(), "event": "Demo Requested", "properties": {} });
        let scene = Scene {
            at: self.at,
            title: "a call without userId and anonymousId: refused with the reason".to_owned(),
            call: Call::Segment { method: "track", body },
            refused: true,
            reader: None,
        };
        self.scenes.push(scene);
    }

    fn asks_just_before_closing(&mut self) {
        let ines = self.casting.person();
        let call = self.identify(&ines, 0);
        self.scene(format!("{} {} of {} signs in", ines.given_name, ines.family_name, ines.company), call);
        let call = self.track(&ines, 0, "Callback Requested", json!({ "message": "One question before we sign." }));
        self.scene(format!("{} asks for a call while one rep is about to close", ines.given_name), call);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_run_tells_the_same_story_and_the_next_one_another() {
        let now: Timestamp = "2026-03-23T10:00:00Z".parse().expect("a time");
        let tell = |run| story(7, run, now).iter().map(|scene| scene.call.curl()).collect::<Vec<_>>();
        assert_eq!(tell(1), tell(1));
        assert_ne!(tell(1), tell(2));
        assert!(story(7, 1, now).len() > 30);
    }
}
