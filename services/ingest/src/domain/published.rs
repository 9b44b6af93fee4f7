//! From an event of the gRPC door to an engagement. Its fields are said outright, so an address or number that is none is
//! refused with the field's name instead of being left out.

use std::borrow::Cow;
use std::sync::Arc;

use jiff::Timestamp;

use super::engagement::{self, Context, Engagement, set_event_id};
use super::flatten::Fields;
use super::kind::{Kind, Sender};
use super::reject::{Reason, Reject};
use super::rules::{NameRule, SourceRules};
use super::time::Times;
use super::{bot, contact, context, limits};

/// `leadflow.ingest.v1.Event` without its protobuf types.
#[derive(Clone, Debug, Default)]
pub struct Published<'a> {
    /// Required.
    pub message_id: &'a str,
    /// The sender's name for it, or our word for a kind.
    pub name: &'a str,
    /// A browser.
    pub anonymous_id: &'a str,
    /// The customer's id of the person.
    pub user_id: &'a str,
    /// Address.
    pub email: &'a str,
    /// Number.
    pub phone: &'a str,
    /// Of an alias.
    pub previous_id: &'a str,
    /// Of a group.
    pub group_id: &'a str,
    /// The sender's own time.
    pub occurred_at: Option<Timestamp>,
    /// When it was sent, by the sender's clock.
    pub sent_at: Option<Timestamp>,
    /// Flat.
    pub properties: Fields<'a>,
    /// Flat.
    pub traits: Fields<'a>,
    /// "page.url", "userAgent" ...
    pub context: Vec<(&'a str, &'a str)>,
    /// By purpose.
    pub consent: Vec<(&'a str, bool)>,
    /// Smoke-test traffic.
    pub test: bool,
    /// From an import.
    pub historical: bool,
    /// What the person wrote.
    pub text: &'a str,
}

/// Maps an event.
///
/// # Errors
/// `MISSING_FIELD`, `MISSING_IDENTIFIER`, `INVALID_IDENTIFIER`, `TOO_LONG`, `TOO_MANY_FIELDS`, `NUL_CHARACTER`,
/// `TIMESTAMP_IN_FUTURE`, `INVALID_TIMESTAMP`; the pointer is the field's name in the proto.
pub fn engagement<'a>(
    event: Published<'a>,
    received_at: Timestamp,
    sender: Sender,
    rules: &'a SourceRules,
) -> Result<Engagement<'a>, Reject> {
    check(&event)?;
    let times = Times::of(event.occurred_at, event.sent_at, received_at)
        .map_err(|reject| Reject { pointer: "occurred_at".into(), ..reject })?;
    let rule = rule_of(event.name, sender, rules);
    let mut mapped = Engagement::new(rule.kind, times);
    mapped.name = Cow::Borrowed(event.name);
    mapped.test = event.test || rules.test;
    mapped.historical = event.historical;
    read_ids(&mut mapped, &event, rules)?;
    mapped.text = Cow::Borrowed(event.text);
    mapped.properties = event.properties;
    mapped.traits = event.traits;
    mapped.consent = event.consent.iter().map(|(purpose, given)| (Arc::from(*purpose), *given)).collect();
    let ip = read_context(&mut mapped.context, &event.context);
    if rule.kind == Kind::Group {
        contact::prefix_company(&mut mapped.traits);
    }
    // What the fields said outright is not overwritten by what stands among traits and properties.
    let said = mapped.identifiers.clone();
    let words = mapped.text.clone();
    contact::take(&mut mapped, &rule, rules);
    let who = &mut mapped.identifiers;
    for (field, said) in [(&mut who.email, said.email), (&mut who.phone, said.phone)] {
        if !said.is_empty() {
            *field = said;
        }
    }
    if !words.is_empty() {
        mapped.text = words;
    }
    if !mapped.identifiers.name_somebody() {
        let message = "send anonymous_id, user_id, email or phone";
        return Err(Reject::new(Reason::MissingIdentifier, "user_id", message));
    }
    contact::rename_traits(&mut mapped.traits, rules);
    mapped.bot_reason = bot::reason(&mapped.context.user_agent);
    mapped.origin = contact::origin(&mapped, &ip);
    mapped.tidy();
    set_event_id(&mut mapped, &rules.namespace, event.message_id);
    Ok(mapped)
}

fn rule_of(name: &str, sender: Sender, rules: &SourceRules) -> NameRule {
    match Kind::from_name(name) {
        Some(kind @ (Kind::Identify | Kind::Group | Kind::Alias)) => NameRule::plain(kind),
        Some(Kind::EmailIn) if sender == Sender::Server => NameRule::plain(Kind::EmailIn),
        _ => rules.rule_of(name, sender),
    }
}

fn check(event: &Published<'_>) -> Result<(), Reject> {
    for (field, text) in [("message_id", event.message_id), ("type", event.name)] {
        if text.trim().is_empty() {
            return Err(Reject::new(Reason::MissingField, field, "is required"));
        }
        if text.len() > limits::NAME_BYTES {
            return Err(Reject::new(Reason::TooLong, field, "at most 256 bytes"));
        }
    }
    if event.text.len() > limits::TEXT_BYTES {
        return Err(Reject::new(Reason::TooLong, "text", "at most 64 KiB"));
    }
    if event.consent.len() > limits::FIELDS || event.context.len() > limits::FIELDS {
        return Err(Reject::new(Reason::TooManyFields, "", "at most 512 entries of consent and of context"));
    }
    let outright = [("message_id", event.message_id), ("type", event.name), ("text", event.text)];
    let context = event.context.iter().map(|(_, value)| ("context", *value));
    let consent = event.consent.iter().map(|(purpose, _)| ("consent", *purpose));
    for (field, text) in outright.into_iter().chain(context).chain(consent) {
        if text.contains('\0') {
            return Err(Reject::new(Reason::NulCharacter, field, "U+0000 cannot be kept: remove it"));
        }
    }
    Ok(())
}

fn read_ids(mapped: &mut Engagement<'_>, event: &Published<'_>, rules: &SourceRules) -> Result<(), Reject> {
    let who = &mut mapped.identifiers;
    who.anonymous_id = engagement::id(event.anonymous_id, "anonymous_id")?;
    who.user_id = engagement::id(event.user_id, "user_id")?;
    who.email = engagement::email(event.email, "email")?;
    who.phone = engagement::phone(event.phone, rules.region.as_deref(), "phone")?;
    if mapped.kind == Kind::Alias {
        who.previous_id = engagement::id(event.previous_id, "previous_id")?;
        if who.previous_id.is_empty() {
            return Err(Reject::new(Reason::MissingField, "previous_id", "an alias needs the id that is to be linked"));
        }
    }
    if mapped.kind == Kind::Group {
        who.group_id = engagement::id(event.group_id, "group_id")?;
        if who.group_id.is_empty() {
            return Err(Reject::new(Reason::MissingField, "group_id", "a group needs the id of the company"));
        }
    }
    Ok(())
}

/// Puts the entries where they belong and returns the address of the person's machine.
fn read_context<'a>(to: &mut Context<'a>, entries: &[(&'a str, &'a str)]) -> Cow<'a, str> {
    let mut ip = Cow::Borrowed("");
    for (key, value) in entries {
        let field = match *key {
            "page.url" => &mut to.page_url,
            "page.path" => &mut to.page_path,
            "page.title" => &mut to.page_title,
            "page.referrer" | "referrer" => &mut to.referrer,
            "locale" => &mut to.locale,
            "timezone" | "time_zone" => &mut to.time_zone,
            "country" if context::is_country(value) => &mut to.country,
            "userAgent" | "user_agent" => &mut to.user_agent,
            "campaign.source" => &mut to.campaign_source,
            "campaign.medium" => &mut to.campaign_medium,
            "campaign.name" => &mut to.campaign_name,
            "campaign.term" => &mut to.campaign_term,
            "campaign.content" => &mut to.campaign_content,
            "click_id" | "clickId" => &mut to.click_id,
            "ip" => &mut ip,
            _ => continue,
        };
        *field = Cow::Borrowed(value);
    }
    context::derive(to);
    ip
}
