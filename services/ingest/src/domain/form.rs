//! From the fields of a form to an engagement. A form may be mended by the one who fills it: an address or number that is
//! none is refused with the field's name.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::engagement::{self, Engagement, set_event_id};
use super::kind::{Kind, Sender};
use super::reject::{Reason, Reject};
use super::rules::SourceRules;
use super::time::Times;
use super::{bot, context, limits};

/// What a field of a form is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// The person's address.
    Email,
    /// The person's number.
    Phone,
    /// The customer's id of the person.
    UserId,
    /// The browser, as the website's tracking knows it.
    AnonymousId,
    /// What the person wrote.
    Text,
    /// Address of the page with the form.
    PageUrl,
    /// Its title.
    PageTitle,
    /// Where the visitor came from.
    Referrer,
    /// BCP 47.
    Locale,
    /// IANA name.
    TimeZone,
    /// Says something about the person.
    Trait(Box<str>),
    /// Says something about the act.
    Property(Box<str>),
    /// A checkbox: consent for that purpose.
    Consent(Arc<str>),
    /// Not kept.
    Ignore,
}

impl Target {
    /// Reads the words of the sources file.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "email" => Self::Email,
            "phone" => Self::Phone,
            "user_id" => Self::UserId,
            "anonymous_id" => Self::AnonymousId,
            "text" => Self::Text,
            "page_url" => Self::PageUrl,
            "page_title" => Self::PageTitle,
            "referrer" => Self::Referrer,
            "locale" => Self::Locale,
            "time_zone" => Self::TimeZone,
            "ignore" => Self::Ignore,
            other => match other.split_once('.')? {
                (_, "") => return None,
                ("traits", name) => Self::Trait(name.into()),
                ("properties", name) => Self::Property(name.into()),
                ("consent", purpose) => Self::Consent(purpose.into()),
                _ => return None,
            },
        })
    }

    /// What a field of that usual name is.
    fn usual(name: &str) -> Self {
        match name {
            "email" | "e-mail" | "mail" | "email_address" => Self::Email,
            "phone" | "tel" | "telephone" | "telefon" | "mobile" | "phone_number" => Self::Phone,
            "message" | "comment" | "comments" | "nachricht" | "text" | "question" => Self::Text,
            "anonymous_id" | "anonymousId" | "ajs_anonymous_id" => Self::AnonymousId,
            "page_url" => Self::PageUrl,
            "page_title" => Self::PageTitle,
            "referrer" => Self::Referrer,
            "locale" | "language" => Self::Locale,
            "time_zone" | "timezone" => Self::TimeZone,
            "name" | "fullName" | "full_name" | "firstName" | "first_name" | "firstname" | "given_name"
            | "lastName" | "last_name" | "lastname" | "family_name" | "company" | "companyName" | "company_name"
            | "organization" | "industry" | "employees" | "country" | "city" | "title" | "jobTitle" | "job_title"
            | "position" => Self::Trait(name.into()),
            _ => Self::Property(name.into()),
        }
    }
}

/// One form.
#[derive(Clone, Debug)]
pub struct FormRules {
    /// Its name in the path; becomes the event's name and its property `form`.
    pub name: Box<str>,
    /// What sending it means.
    pub kind: Kind,
    /// The field that people do not see.
    pub honeypot: Option<Box<str>>,
    /// The field with the token.
    pub token: Box<str>,
    /// Fields whose names are not usual.
    pub fields: HashMap<Box<str>, Target>,
}

/// What the door knows about a post.
#[derive(Clone, Copy, Debug)]
pub struct Post<'a> {
    /// When it came in.
    pub received_at: Timestamp,
    /// The HTTP header; believed only from a page, which is posted by the person's own browser.
    pub user_agent: &'a str,
    /// The HTTP header, for a page that says nothing about itself.
    pub referer: &'a str,
    /// A page, or a program: the header of a program ("curl", "python-requests") says nothing about the person.
    pub sender: Sender,
}

/// The fields of a post in order; of two with one name both are kept, joined by a comma.
pub type Posted<'a> = Vec<(Cow<'a, str>, Cow<'a, str>)>;

/// Maps a post.
///
/// # Errors
/// `HONEYPOT`, `MISSING_IDENTIFIER`, `INVALID_IDENTIFIER`, `TOO_MANY_FIELDS`, `NUL_CHARACTER`; the pointer is the field's
/// name.
pub fn engagement<'a>(
    posted: Posted<'a>,
    form: &'a FormRules,
    post: &Post<'a>,
    rules: &'a SourceRules,
) -> Result<Engagement<'a>, Reject> {
    if posted.len() > limits::FIELDS {
        return Err(Reject::new(Reason::TooManyFields, "", "a form has at most 512 fields"));
    }
    let filled = |name: &str| posted.iter().any(|(key, value)| key == name && !value.trim().is_empty());
    if form.honeypot.as_deref().is_some_and(filled) {
        return Err(Reject::new(Reason::Honeypot, "", "the field that people do not see was filled"));
    }
    let times = Times::of(None, None, post.received_at)?;
    let mut event = Engagement::new(form.kind, times);
    event.name = Cow::Borrowed(&form.name);
    event.test = rules.test;
    event.properties.push((Cow::Borrowed("form"), Cow::Borrowed(&form.name)));
    let mut token = Cow::Borrowed("");
    for (key, value) in posted {
        check(&key, &value)?;
        if key == *form.token {
            token = value;
        } else if form.honeypot.as_deref() != Some(&*key) && !value.trim().is_empty() {
            let target = form.fields.get(key.as_ref()).cloned().unwrap_or_else(|| Target::usual(&key));
            put(&mut event, &target, value, rules)
                .map_err(|reject| Reject { pointer: key.into_owned().into(), ..reject })?;
        }
    }
    if !event.identifiers.name_somebody() {
        let message = "the form needs an e-mail address or a phone number";
        return Err(Reject { reason: Reason::MissingIdentifier, pointer: "email".into(), message: message.into() });
    }
    finish(&mut event, post);
    set_event_id(&mut event, &rules.namespace, &token);
    Ok(event)
}

fn check(key: &str, value: &str) -> Result<(), Reject> {
    if key.len() > limits::NAME_BYTES {
        return Err(Reject::new(Reason::TooManyFields, "", "the name of a field has at most 256 bytes"));
    }
    if key.contains('\0') || value.contains('\0') {
        let pointer = key.replace('\0', "").into();
        return Err(Reject { reason: Reason::NulCharacter, pointer, message: "U+0000 cannot be kept".into() });
    }
    if value.len() > limits::TEXT_BYTES {
        let pointer = key.to_owned().into();
        return Err(Reject { reason: Reason::TooLong, pointer, message: "at most 64 KiB".into() });
    }
    Ok(())
}

fn put<'a>(
    event: &mut Engagement<'a>,
    target: &Target,
    value: Cow<'a, str>,
    rules: &SourceRules,
) -> Result<(), Reject> {
    match target {
        Target::Email => event.identifiers.email = engagement::email(&value, "")?,
        Target::Phone => event.identifiers.phone = engagement::phone(&value, rules.region.as_deref(), "")?,
        Target::UserId => event.identifiers.user_id = engagement::id(&value, "")?,
        Target::AnonymousId => event.identifiers.anonymous_id = engagement::id(&value, "")?,
        Target::Text if event.text.is_empty() => event.text = value,
        Target::Text => event.text = Cow::Owned(format!("{}\n{value}", event.text)),
        Target::PageUrl => event.context.page_url = value,
        Target::PageTitle => event.context.page_title = value,
        Target::Referrer => event.context.referrer = value,
        Target::Locale => event.context.locale = value,
        Target::TimeZone => event.context.time_zone = value,
        Target::Trait(name) => event.traits.push((Cow::Owned(rules.trait_name(name).to_owned()), value)),
        Target::Property(name) => match event.properties.iter_mut().find(|(key, _)| *key == **name) {
            Some((_, before)) => *before = Cow::Owned(format!("{before},{value}")),
            None => event.properties.push((Cow::Owned(name.to_string()), value)),
        },
        Target::Consent(purpose) => event.consent.push((Arc::clone(purpose), is_yes(&value))),
        Target::Ignore => {}
    }
    Ok(())
}

/// What a ticked checkbox sends.
fn is_yes(value: &str) -> bool {
    matches!(value.trim().to_ascii_lowercase().as_str(), "on" | "true" | "yes" | "1" | "ja" | "y" | "checked")
}

fn finish<'a>(event: &mut Engagement<'a>, post: &Post<'a>) {
    if event.context.page_url.is_empty() {
        event.context.page_url = Cow::Borrowed(post.referer);
    }
    if post.sender == Sender::Browser {
        event.context.user_agent = Cow::Borrowed(post.user_agent);
        event.bot_reason = bot::reason(post.user_agent);
    }
    context::derive(&mut event.context);
    if let Some((_, domain)) = event.identifiers.email.rsplit_once('@') {
        event.origin = Cow::Owned(domain.to_owned());
    }
    event.tidy();
}
