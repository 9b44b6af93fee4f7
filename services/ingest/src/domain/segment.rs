//! From a Segment-compatible call to an engagement: which kind its name means at this source, whose it is, when it was,
//! what is kept. Pure: the door gives the time and what the key says about the sender.

use std::borrow::Cow;

use jiff::Timestamp;

use super::engagement::{self, Engagement, set_event_id};
use super::json;
use super::kind::{Kind, Sender};
use super::message::{self, Call, Message};
use super::reject::{Reason, Reject};
use super::rules::{NameRule, SourceRules};
use super::time::Times;
use super::{bot, contact, context, flatten, limits};

/// What the door knows about a request, the same for all its events.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The wall clock when the body had come in.
    pub received_at: Timestamp,
    /// `sentAt` of a batch, for events that have none of their own.
    pub sent_at: Option<Timestamp>,
    /// Who holds the key.
    pub sender: Sender,
    /// The HTTP header, believed only from a browser.
    pub user_agent: &'a str,
    /// From the import path.
    pub historical: bool,
}

/// Reads and maps one event.
///
/// # Errors
/// The reason why it cannot be taken; its pointer begins at the event.
pub fn engagement<'a>(
    raw: &'a str,
    call: Option<Call>,
    request: &Request<'a>,
    rules: &'a SourceRules,
) -> Result<Engagement<'a>, Reject> {
    from_message(read(raw)?, call, request, rules)
}

/// Reads and maps one event of a batch, whose context it takes if it has none of its own.
///
/// # Errors
/// As [`engagement()`].
pub fn in_batch<'a>(
    raw: &'a str,
    context: Option<&'a str>,
    request: &Request<'a>,
    rules: &'a SourceRules,
) -> Result<Engagement<'a>, Reject> {
    let mut message = read(raw)?;
    message.context = message.context.or(context);
    from_message(message, None, request, rules)
}

/// Reads one call within the limits of an event.
///
/// # Errors
/// `EVENT_TOO_LARGE`, `JSON_TOO_DEEP` and those of [`message::read`].
pub fn read(raw: &str) -> Result<Message<'_>, Reject> {
    if raw.len() > limits::EVENT_BYTES {
        return Err(Reject::new(Reason::EventTooLarge, "", "an event has at most 32 KiB: send less"));
    }
    json::check_depth(raw)?;
    message::read(raw)
}

/// Maps one event that was read already.
///
/// # Errors
/// As [`engagement()`].
pub fn from_message<'a>(
    message: Message<'a>,
    call: Option<Call>,
    request: &Request<'a>,
    rules: &'a SourceRules,
) -> Result<Engagement<'a>, Reject> {
    let missing = || Reject::new(Reason::MissingField, "/type", "say which call it is: identify, track, page ...");
    let call = call.or(message.call).ok_or_else(missing)?;
    let times = Times::of(message.original, message.sent_at.or(request.sent_at), request.received_at)
        .map_err(|reject| reject.under("/timestamp"))?;
    let name = name_of(call, &message)?;
    let rule = rule_of(call, &name, request.sender, rules);
    let mut event = Engagement::new(rule.kind, times);
    event.name = name;
    event.historical = request.historical;
    event.test = rules.test;
    read_ids(&mut event, call, &message)?;

    let read = message.context.map(|raw| context::read(raw, rules)).transpose()?.unwrap_or_default();
    event.context = read.context;
    event.consent = read.consent;
    if let Some(raw) = message.properties {
        flatten::flatten(raw, "/properties", &mut event.properties)?;
    }
    // The event's own traits come last, because the last of two equal names is kept.
    let mut traits = Vec::new();
    if let Some(raw) = read.traits {
        flatten::flatten(raw, "/context/traits", &mut traits)?;
    }
    let of_person = traits.len();
    if let Some(raw) = message.traits {
        flatten::flatten(raw, "/traits", &mut traits)?;
    }
    if call == Call::Group {
        contact::prefix_company(&mut traits[of_person..]);
    }
    event.traits = traits;

    page_facts(&mut event, call);
    contact::take(&mut event, &rule, rules);
    contact::rename_traits(&mut event.traits, rules);
    mark_bot(&mut event, request);
    event.origin = contact::origin(&event, &read.ip);
    event.tidy();
    set_event_id(&mut event, &rules.namespace, &message.message_id);
    Ok(event)
}

fn name_of<'a>(call: Call, message: &Message<'a>) -> Result<Cow<'a, str>, Reject> {
    match call {
        Call::Track if message.event.trim().is_empty() => {
            Err(Reject::new(Reason::MissingField, "/event", "a track call needs the name of the event"))
        }
        Call::Track => Ok(message.event.clone()),
        Call::Page | Call::Screen if message.name.is_empty() => Ok(message.category.clone()),
        Call::Page | Call::Screen => Ok(message.name.clone()),
        Call::Identify | Call::Group | Call::Alias => Ok(Cow::Borrowed("")),
    }
}

fn rule_of(call: Call, name: &str, sender: Sender, rules: &SourceRules) -> NameRule {
    match call {
        Call::Track => rules.rule_of(name, sender),
        Call::Page | Call::Screen => rules.names.get(name).cloned().unwrap_or(NameRule::plain(Kind::PageView)),
        Call::Identify => NameRule::plain(Kind::Identify),
        Call::Group => NameRule::plain(Kind::Group),
        Call::Alias => NameRule::plain(Kind::Alias),
    }
}

fn read_ids(event: &mut Engagement<'_>, call: Call, message: &Message<'_>) -> Result<(), Reject> {
    let who = &mut event.identifiers;
    who.user_id = engagement::id(&message.user_id, "/userId")?;
    who.anonymous_id = engagement::id(&message.anonymous_id, "/anonymousId")?;
    if who.user_id.is_empty() && who.anonymous_id.is_empty() {
        return Err(Reject::new(Reason::MissingIdentifier, "/userId", "send userId or anonymousId"));
    }
    if call == Call::Alias {
        who.previous_id = engagement::id(&message.previous_id, "/previousId")?;
        if who.previous_id.is_empty() {
            return Err(Reject::new(Reason::MissingField, "/previousId", "an alias call needs the id to be linked"));
        }
    }
    if call == Call::Group {
        who.group_id = engagement::id(&message.group_id, "/groupId")?;
        if who.group_id.is_empty() {
            return Err(Reject::new(Reason::MissingField, "/groupId", "a group call needs the id of the company"));
        }
    }
    Ok(())
}

/// A page call says the same things in its properties, and there they are newer than in the context.
fn page_facts(event: &mut Engagement<'_>, call: Call) {
    if call != Call::Page {
        return;
    }
    for (key, value) in &event.properties {
        let field = match key.as_ref() {
            "url" => &mut event.context.page_url,
            "path" => &mut event.context.page_path,
            "title" => &mut event.context.page_title,
            "referrer" => &mut event.context.referrer,
            _ => continue,
        };
        *field = value.clone();
    }
    context::derive(&mut event.context);
}

fn mark_bot<'a>(event: &mut Engagement<'a>, request: &Request<'a>) {
    if event.context.user_agent.is_empty() && request.sender == Sender::Browser {
        event.context.user_agent = Cow::Borrowed(request.user_agent);
    }
    event.bot_reason = bot::reason(&event.context.user_agent);
}
