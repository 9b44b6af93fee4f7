//! What happened, in the words that rules use, and what each word means at a door.

/// The kinds of `leadflow.engagement.v1.EngagementKind`, without UNSPECIFIED.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
#[repr(i32)]
pub enum Kind {
    /// A page or screen was seen.
    PageView = 1,
    /// A form was sent.
    Form = 2,
    /// A demo was asked for.
    DemoRequest = 3,
    /// A call was asked for.
    CallbackRequest = 4,
    /// A chat was begun.
    Chat = 5,
    /// Signed up for an event.
    EventRegistered = 6,
    /// Was at an event.
    EventAttended = 7,
    /// A mail came in.
    EmailIn = 8,
    /// A mail of ours was opened.
    EmailOpened = 9,
    /// A link of a mail of ours was followed.
    EmailClicked = 10,
    /// A mail of ours was answered.
    EmailReplied = 11,
    /// A mail of ours could not be delivered.
    EmailBounced = 12,
    /// A mail of ours was reported as spam.
    EmailComplained = 13,
    /// A mail of ours was delivered.
    EmailDelivered = 14,
    /// No more marketing mail.
    Unsubscribed = 15,
    /// Consent was given or withdrawn.
    Consent = 16,
    /// Something was done in the product.
    Product = 17,
    /// Traits of a person.
    Identify = 18,
    /// The company of a person.
    Group = 19,
    /// Two ids are one person's.
    Alias = 20,
    /// Anything else, under its own name.
    Custom = 21,
}

impl Kind {
    /// Every kind.
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

    /// "demo_request".
    #[must_use]
    pub const fn name(self) -> &'static str {
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

    /// The kind of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// CloudEvents type of the record: "leadflow.engagement.demo_request.v1".
    #[must_use]
    pub const fn cloud_event_type(self) -> &'static str {
        match self {
            Self::PageView => "leadflow.engagement.page_view.v1",
            Self::Form => "leadflow.engagement.form.v1",
            Self::DemoRequest => "leadflow.engagement.demo_request.v1",
            Self::CallbackRequest => "leadflow.engagement.callback_request.v1",
            Self::Chat => "leadflow.engagement.chat.v1",
            Self::EventRegistered => "leadflow.engagement.event_registered.v1",
            Self::EventAttended => "leadflow.engagement.event_attended.v1",
            Self::EmailIn => "leadflow.engagement.email_in.v1",
            Self::EmailOpened => "leadflow.engagement.email_opened.v1",
            Self::EmailClicked => "leadflow.engagement.email_clicked.v1",
            Self::EmailReplied => "leadflow.engagement.email_replied.v1",
            Self::EmailBounced => "leadflow.engagement.email_bounced.v1",
            Self::EmailComplained => "leadflow.engagement.email_complained.v1",
            Self::EmailDelivered => "leadflow.engagement.email_delivered.v1",
            Self::Unsubscribed => "leadflow.engagement.unsubscribed.v1",
            Self::Consent => "leadflow.engagement.consent.v1",
            Self::Product => "leadflow.engagement.product.v1",
            Self::Identify => "leadflow.engagement.identify.v1",
            Self::Group => "leadflow.engagement.group.v1",
            Self::Alias => "leadflow.engagement.alias.v1",
            Self::Custom => "leadflow.engagement.custom.v1",
        }
    }

    /// Whether the act consists of giving one's own contact data, so that an `email`, `phone` or `message` among its
    /// properties is the person's own and not somebody else's ("Colleague Invited").
    #[must_use]
    pub const fn gives_contact(self) -> bool {
        matches!(
            self,
            Self::Form
                | Self::DemoRequest
                | Self::CallbackRequest
                | Self::Chat
                | Self::EventRegistered
                | Self::EventAttended
        )
    }

    /// Whether a sender may use the kind's own name without a mapping. What suppresses mail or says that somebody answered
    /// is not believed from a key that stands in a web page.
    #[must_use]
    pub const fn may_be_named_by(self, sender: Sender) -> bool {
        match self {
            Self::Identify | Self::Group | Self::Alias | Self::EmailIn => false,
            Self::EmailOpened
            | Self::EmailClicked
            | Self::EmailReplied
            | Self::EmailBounced
            | Self::EmailComplained
            | Self::EmailDelivered
            | Self::Unsubscribed => matches!(sender, Sender::Server),
            _ => true,
        }
    }
}

/// Who speaks: a server that keeps its key, or a web page whose key everybody can read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    /// Holds a secret key.
    Server,
    /// Holds a browser key, or none.
    Browser,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_types_belong_together() {
        for kind in Kind::ALL {
            assert_eq!(Kind::from_name(kind.name()), Some(kind));
            assert_eq!(kind.cloud_event_type(), format!("leadflow.engagement.{}.v1", kind.name()));
            let json = serde_json::to_string(&kind).unwrap();
            assert_eq!(json, format!("\"{}\"", kind.name()));
        }
        assert_eq!(Kind::from_name("Demo Requested"), None);
    }

    #[test]
    fn a_web_page_cannot_bounce_anybody() {
        assert!(!Kind::EmailBounced.may_be_named_by(Sender::Browser));
        assert!(Kind::EmailBounced.may_be_named_by(Sender::Server));
        assert!(Kind::DemoRequest.may_be_named_by(Sender::Browser));
    }
}
