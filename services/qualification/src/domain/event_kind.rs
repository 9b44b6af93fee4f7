//! The kinds of events: the words of the public protos, as a type of the domain. Which source's name means which kind is
//! for ingest to say.

use schemars::JsonSchema;
use serde::Deserialize;

/// What happened, in the words every rule uses: those of `EngagementKind` in the public protos, with the same numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum EventKind {
    /// A page of the website was seen.
    PageView = 1,
    /// A form was sent.
    Form = 2,
    /// Asked for a demo.
    DemoRequest = 3,
    /// Asked to be called.
    CallbackRequest = 4,
    /// Wrote in the chat.
    Chat = 5,
    /// Signed up for an event.
    EventRegistered = 6,
    /// Was at the event.
    EventAttended = 7,
    /// A mail came in.
    EmailIn = 8,
    /// One of our mails was opened.
    EmailOpened = 9,
    /// A link in one of our mails was clicked.
    EmailClicked = 10,
    /// One of our mails was answered.
    EmailReplied = 11,
    /// One of our mails could not be delivered.
    EmailBounced = 12,
    /// One of our mails was reported as spam.
    EmailComplained = 13,
    /// One of our mails was delivered.
    EmailDelivered = 14,
    /// Wants no more marketing mail.
    Unsubscribed = 15,
    /// Gave or withdrew consent.
    Consent = 16,
    /// Used the product.
    Product = 17,
    /// Said who they are.
    Identify = 18,
    /// Said which company they belong to.
    Group = 19,
    /// Two ids are the same person.
    Alias = 20,
    /// Anything a source's mapping does not name.
    Custom = 21,
}

impl EventKind {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 21] = [
        Self::PageView,
        Self::Form,
        Self::DemoRequest,
        Self::CallbackRequest,
        Self::Chat,
        Self::EventRegistered,
        Self::EventAttended,
        Self::EmailIn,
        Self::EmailOpened,
        Self::EmailClicked,
        Self::EmailReplied,
        Self::EmailBounced,
        Self::EmailComplained,
        Self::EmailDelivered,
        Self::Unsubscribed,
        Self::Consent,
        Self::Product,
        Self::Identify,
        Self::Group,
        Self::Alias,
        Self::Custom,
    ];

    /// The word used in rules, on the wire and in explanations.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PageView => "page_view",
            Self::Form => "form",
            Self::DemoRequest => "demo_request",
            Self::CallbackRequest => "callback_request",
            Self::Chat => "chat",
            Self::EventRegistered => "event_registered",
            Self::EventAttended => "event_attended",
            Self::EmailIn => "email_in",
            Self::EmailOpened => "email_opened",
            Self::EmailClicked => "email_clicked",
            Self::EmailReplied => "email_replied",
            Self::EmailBounced => "email_bounced",
            Self::EmailComplained => "email_complained",
            Self::EmailDelivered => "email_delivered",
            Self::Unsubscribed => "unsubscribed",
            Self::Consent => "consent",
            Self::Product => "product",
            Self::Identify => "identify",
            Self::Group => "group",
            Self::Alias => "alias",
            Self::Custom => "custom",
        }
    }

    /// 1 to 21: the number in the public protos and in the timeline.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The kind with this number, or none.
    #[must_use]
    pub fn from_number(number: i32) -> Option<Self> {
        let index = usize::try_from(number.checked_sub(1)?).ok()?;
        Self::ALL.get(index).copied()
    }

    /// The kind with this word, or none.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

#[cfg(test)]
mod tests {
    use leadflow_proto::engagement::v1::EngagementKind;

    use super::*;

    #[test]
    fn kinds_have_the_words_and_numbers_of_the_public_protos() {
        for kind in EventKind::ALL {
            let public = EngagementKind::try_from(i32::from(kind.number())).expect("a public kind");
            assert_eq!(public.as_str_name(), format!("ENGAGEMENT_KIND_{}", kind.as_str().to_uppercase()));
            assert_eq!(EventKind::from_number(i32::from(kind.number())), Some(kind));
            assert_eq!(EventKind::from_word(kind.as_str()), Some(kind));
        }
        assert!(EngagementKind::try_from(22).is_err(), "a kind was added to the protos and is missing here");
        for number in [0, -1, 22, i32::MIN, i32::MAX] {
            assert_eq!(EventKind::from_number(number), None);
        }
    }
}
