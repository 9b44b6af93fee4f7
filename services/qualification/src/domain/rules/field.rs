//! The fields that conditions name, and how each is read. Two kinds that never mix: a rule of engagement reads the event
//! only (so that what an act is worth depends on nothing that may change later), fit and disqualification read the
//! person.

use crate::domain::event::{Context, EmailFacts, EngagementEvent};

use super::finding::nearest;
use super::person::PersonField;

/// A field of an event. A missing field and an empty one are the same: an empty text.
#[derive(Clone, Debug)]
pub(super) enum EventField {
    /// Id of the source.
    Source,
    /// What the person wrote.
    Text,
    /// Why it is no human act.
    BotReason,
    /// `true` or `false`.
    Historical,
    /// One of the properties, by name.
    Property(Box<str>),
    /// One of the fields of the context.
    Context(&'static TextField<Context>),
    /// One of the header facts of a mail.
    Email(&'static TextField<EmailFacts>),
}

/// A text in a struct: its name, how to read it, how to write it.
pub(super) struct TextField<S: 'static> {
    /// As conditions name it.
    pub(super) name: &'static str,
    get: fn(&S) -> &str,
    get_mut: fn(&mut S) -> &mut String,
}

impl<S> std::fmt::Debug for TextField<S> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(self.name)
    }
}

impl<S> TextField<S> {
    /// Copies this field, and no other, from one struct to another.
    pub(super) fn copy(&self, from: &S, to: &mut S) {
        (self.get_mut)(to).push_str((self.get)(from));
    }
}

/// Every field of the context.
const CONTEXT: [TextField<Context>; 14] = [
    TextField { name: "page_url", get: |context| &context.page_url, get_mut: |context| &mut context.page_url },
    TextField { name: "page_path", get: |context| &context.page_path, get_mut: |context| &mut context.page_path },
    TextField { name: "page_title", get: |context| &context.page_title, get_mut: |context| &mut context.page_title },
    TextField { name: "referrer", get: |context| &context.referrer, get_mut: |context| &mut context.referrer },
    TextField { name: "locale", get: |context| &context.locale, get_mut: |context| &mut context.locale },
    TextField { name: "time_zone", get: |context| &context.time_zone, get_mut: |context| &mut context.time_zone },
    TextField { name: "country", get: |context| &context.country, get_mut: |context| &mut context.country },
    TextField { name: "user_agent", get: |context| &context.user_agent, get_mut: |context| &mut context.user_agent },
    TextField {
        name: "campaign_source",
        get: |context| &context.campaign_source,
        get_mut: |context| &mut context.campaign_source,
    },
    TextField {
        name: "campaign_medium",
        get: |context| &context.campaign_medium,
        get_mut: |context| &mut context.campaign_medium,
    },
    TextField {
        name: "campaign_name",
        get: |context| &context.campaign_name,
        get_mut: |context| &mut context.campaign_name,
    },
    TextField {
        name: "campaign_term",
        get: |context| &context.campaign_term,
        get_mut: |context| &mut context.campaign_term,
    },
    TextField {
        name: "campaign_content",
        get: |context| &context.campaign_content,
        get_mut: |context| &mut context.campaign_content,
    },
    TextField { name: "click_id", get: |context| &context.click_id, get_mut: |context| &mut context.click_id },
];

/// The header facts of a mail that are one text.
const EMAIL: [TextField<EmailFacts>; 6] = [
    TextField { name: "subject", get: |facts| &facts.subject, get_mut: |facts| &mut facts.subject },
    TextField { name: "message_id", get: |facts| &facts.message_id, get_mut: |facts| &mut facts.message_id },
    TextField { name: "in_reply_to", get: |facts| &facts.in_reply_to, get_mut: |facts| &mut facts.in_reply_to },
    TextField { name: "from", get: |facts| &facts.from, get_mut: |facts| &mut facts.from },
    TextField {
        name: "original_recipient",
        get: |facts| &facts.original_recipient,
        get_mut: |facts| &mut facts.original_recipient,
    },
    TextField { name: "status_code", get: |facts| &facts.status_code, get_mut: |facts| &mut facts.status_code },
];

/// What a condition on events may name, for messages.
const EVENT_FIELDS: [&str; 7] =
    ["source", "text", "bot_reason", "historical", "properties.<name>", "context.<field>", "email_facts.<field>"];

impl EventField {
    /// The field of that path.
    ///
    /// # Errors
    /// What to do instead.
    pub(super) fn parse(path: &str) -> Result<Self, String> {
        if let Some(name) = path.strip_prefix("properties.") {
            return if name.is_empty() {
                Err("name a property: `properties.plan`".to_owned())
            } else {
                Ok(Self::Property(name.into()))
            };
        }
        if let Some(name) = path.strip_prefix("context.") {
            return find(&CONTEXT, name).map(Self::Context);
        }
        if let Some(name) = path.strip_prefix("email_facts.") {
            return find(&EMAIL, name).map(Self::Email);
        }
        match path {
            "source" => Ok(Self::Source),
            "text" => Ok(Self::Text),
            "bot_reason" => Ok(Self::BotReason),
            "historical" => Ok(Self::Historical),
            "kind" | "name" => Err(format!("write `{path}` beside `all`, not as a condition")),
            _ if PersonField::is_person_path(path) => {
                Err("rules of engagement read the event only: who a person is belongs into a rule under `fit`"
                    .to_owned())
            }
            _ => Err(nearest(path, &EVENT_FIELDS)),
        }
    }

    /// Whether such a path names a field of an event.
    pub(super) fn is_event_path(path: &str) -> bool {
        path.starts_with("properties.")
            || path.starts_with("context.")
            || path.starts_with("email_facts.")
            || ["source", "text", "bot_reason", "historical", "kind", "name"].contains(&path)
    }

    /// What the event has there; empty if nothing.
    pub(super) fn read<'a>(&self, event: &'a EngagementEvent) -> &'a str {
        match self {
            Self::Source => &event.source,
            Self::Text => &event.text,
            Self::BotReason => event.bot_reason.as_deref().unwrap_or_default(),
            Self::Historical => {
                if event.historical {
                    "true"
                } else {
                    "false"
                }
            }
            Self::Property(name) => event.properties.get(&**name).map_or("", String::as_str),
            Self::Context(field) => (field.get)(&event.context),
            Self::Email(field) => event.email_facts.as_ref().map_or("", field.get),
        }
    }
}

fn find<S>(fields: &'static [TextField<S>], name: &str) -> Result<&'static TextField<S>, String> {
    let known: Vec<&str> = fields.iter().map(|field| field.name).collect();
    fields.iter().find(|field| field.name == name).ok_or_else(|| nearest(name, &known))
}
