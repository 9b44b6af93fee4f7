//! What a template may say of a person: the public contract between journeys and templates. A name is never taken away or
//! given another meaning; new ones may come.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

/// Everything that `{{ }}` knows.
///
/// A name without a value for this person (an optional one) stops the mail unless the template gives a fallback:
/// `{{ contact.given_name | default('there') }}`. The same holds for every name under `traits` and `event`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MailContext {
    /// `contact.email`, `contact.given_name`, ...: the person.
    pub contact: ContactContext,
    /// `traits.<name>`: what is known of the person, by the names the events gave.
    pub traits: BTreeMap<String, Value>,
    /// `lead.stage`, `lead.grade`, `lead.product_line`.
    pub lead: LeadContext,
    /// `owner.name`, `owner.email`: the sales executive who has the lead. `{% if owner %}` asks whether there is one.
    pub owner: Option<OwnerContext>,
    /// `sender.name`, `sender.email`, `sender.postal_address`: who the mail is from.
    pub sender: SenderContext,
    /// `links.unsubscribe`, `links.preferences`, `links.confirm`: pages of this mail.
    pub links: LinksContext,
    /// `event.<property>`: properties of the event by which the person entered; empty if none was needed.
    pub event: BTreeMap<String, Value>,
    /// `journey.name`.
    pub journey: JourneyContext,
}

/// The person.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ContactContext {
    /// Address that the mail goes to.
    pub email: String,
    /// "Jane".
    pub given_name: Option<String>,
    /// "Doe".
    pub family_name: Option<String>,
    /// "Jane Doe".
    pub name: Option<String>,
    /// "Example Ltd".
    pub company: Option<String>,
    /// "de-AT".
    pub locale: Option<String>,
    /// "AT".
    pub country: Option<String>,
}

/// The lead.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LeadContext {
    /// open, mql, ...
    pub stage: String,
    /// "B2".
    pub grade: Option<String>,
    /// What it is about.
    pub product_line: Option<String>,
}

/// The sales executive.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct OwnerContext {
    /// What people call them.
    pub name: String,
    /// Where they can be reached.
    pub email: String,
}

/// Who the mail is from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SenderContext {
    /// In the `From` header.
    pub name: String,
    /// In the `From` header.
    pub email: String,
    /// As on an envelope; every marketing mail shows it.
    pub postal_address: String,
}

/// Pages of this mail.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LinksContext {
    /// The page that ends marketing mails; in every marketing mail.
    pub unsubscribe: Option<String>,
    /// The page of topics.
    pub preferences: Option<String>,
    /// The page that confirms an address, in mails that ask for it.
    pub confirm: Option<String>,
}

/// The journey.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct JourneyContext {
    /// Its stable name.
    pub name: String,
}

impl MailContext {
    /// As JSON, for [`super::Template::render`]. Blank text is no value: forms send empty fields, and "Dear ," is no greeting.
    #[must_use]
    pub fn to_value(&self) -> Value {
        let mut value = serde_json::to_value(self).expect("a context has string keys and no failing serializers");
        for group in ["contact", "lead", "links"] {
            let fields = value[group].as_object_mut().into_iter().flatten();
            fields.filter(|(_, field)| is_blank(field)).for_each(|(_, field)| *field = Value::Null);
        }
        for group in ["traits", "event"] {
            if let Some(fields) = value[group].as_object_mut() {
                fields.retain(|_, field| !is_blank(field) && !field.is_null());
            }
        }
        value
    }
}

fn is_blank(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.trim().is_empty())
}
