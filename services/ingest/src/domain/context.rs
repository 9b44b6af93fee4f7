//! The `context` object of a Segment-compatible call: page, campaign, user agent, consent, traits. Its fields are facts
//! about the circumstances: one of the wrong type is left out, it does not cost the event.

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::value::RawValue;

use super::engagement::Context;
use super::json::{self, Json};
use super::limits;
use super::reject::Reject;
use super::rules::SourceRules;

/// What was read of `context`.
#[derive(Debug, Default)]
pub struct Read<'a> {
    /// The circumstances.
    pub context: Context<'a>,
    /// `context.traits`, an object.
    pub traits: Option<&'a str>,
    /// By purpose, in the order of the categories.
    pub consent: Vec<(Arc<str>, bool)>,
    /// Address of the person's machine.
    pub ip: Cow<'a, str>,
}

/// Reads the object `raw`.
///
/// # Errors
/// `INVALID_JSON` or `NUL_CHARACTER`, which spoil the event wherever they stand.
pub fn read<'a>(raw: &'a str, rules: &SourceRules) -> Result<Read<'a>, Reject> {
    let mut read = Read::default();
    json::members(raw, |key, value| {
        let context = &mut read.context;
        match key.as_ref() {
            "userAgent" => context.user_agent = text(value, "/context/userAgent")?,
            "locale" => context.locale = text(value, "/context/locale")?,
            "timezone" => context.time_zone = text(value, "/context/timezone")?,
            "ip" => read.ip = text(value, "/context/ip")?,
            "page" => page(value, context)?,
            "campaign" => campaign(value, context)?,
            "location" => context.country = country(value)?,
            "referrer" => referrer(value, context)?,
            "traits" => read.traits = object(value),
            "consent" => consent(value, rules, &mut read.consent)?,
            _ => {}
        }
        Ok(())
    })
    .map_err(|reject| if reject.pointer.is_empty() { reject.under("/context") } else { reject })?;
    derive(&mut read.context);
    Ok(read)
}

/// The text of a string or number, cut to what the topic takes; empty for anything else.
fn text<'a>(value: &'a RawValue, pointer: &str) -> Result<Cow<'a, str>, Reject> {
    Ok(match Json::of(value, || pointer.to_owned())? {
        Json::Text(Cow::Borrowed(text)) => Cow::Borrowed(limits::prefix(text, limits::EVENT_BYTES)),
        Json::Text(text) => text,
        Json::Number(text) => Cow::Borrowed(text),
        _ => Cow::Borrowed(""),
    })
}

fn object(value: &RawValue) -> Option<&str> {
    Some(value.get()).filter(|raw| raw.starts_with('{'))
}

fn page<'a>(value: &'a RawValue, context: &mut Context<'a>) -> Result<(), Reject> {
    let Some(raw) = object(value) else { return Ok(()) };
    json::members(raw, |key, value| {
        match key.as_ref() {
            "url" => context.page_url = text(value, "/context/page/url")?,
            "path" => context.page_path = text(value, "/context/page/path")?,
            "title" => context.page_title = text(value, "/context/page/title")?,
            "referrer" => context.referrer = text(value, "/context/page/referrer")?,
            _ => {}
        }
        Ok(())
    })
}

fn campaign<'a>(value: &'a RawValue, context: &mut Context<'a>) -> Result<(), Reject> {
    let Some(raw) = object(value) else { return Ok(()) };
    json::members(raw, |key, value| {
        let field = match key.as_ref() {
            "source" => &mut context.campaign_source,
            "medium" => &mut context.campaign_medium,
            "name" => &mut context.campaign_name,
            "term" => &mut context.campaign_term,
            "content" => &mut context.campaign_content,
            _ => return Ok(()),
        };
        *field = text(value, "/context/campaign")?;
        Ok(())
    })
}

fn country<'a>(value: &'a RawValue) -> Result<Cow<'a, str>, Reject> {
    let mut country = Cow::Borrowed("");
    if let Some(raw) = object(value) {
        json::members(raw, |key, value| {
            if key == "country" || key == "countryCode" {
                let found = text(value, "/context/location/country")?;
                if is_country(&found) {
                    country = found;
                }
            }
            Ok(())
        })?;
    }
    Ok(country)
}

/// Whether it has the form of ISO 3166-1 alpha-2.
#[must_use]
pub fn is_country(text: &str) -> bool {
    text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_uppercase())
}

/// analytics-next puts the advertiser's click id here: `{"id": "...", "type": "gclid"}`; older senders a URL.
fn referrer<'a>(value: &'a RawValue, context: &mut Context<'a>) -> Result<(), Reject> {
    let Some(raw) = object(value) else {
        if context.referrer.is_empty() {
            context.referrer = text(value, "/context/referrer")?;
        }
        return Ok(());
    };
    let (mut id, mut kind) = (Cow::Borrowed(""), Cow::Borrowed(""));
    json::members(raw, |key, value| {
        match key.as_ref() {
            "id" => id = text(value, "/context/referrer/id")?,
            "type" => kind = text(value, "/context/referrer/type")?,
            "url" if context.referrer.is_empty() => context.referrer = text(value, "/context/referrer/url")?,
            _ => {}
        }
        Ok(())
    })?;
    if !id.is_empty() {
        context.click_id = Cow::Owned(if kind.is_empty() { id.into_owned() } else { format!("{kind}:{id}") });
    }
    Ok(())
}

/// `consent.categoryPreferences`: `{"C0004": true}`. Categories that the source does not map mean nothing to us.
fn consent(value: &RawValue, rules: &SourceRules, out: &mut Vec<(Arc<str>, bool)>) -> Result<(), Reject> {
    let Some(raw) = object(value) else { return Ok(()) };
    json::members(raw, |key, value| match object(value) {
        Some(preferences) if key == "categoryPreferences" => json::members(preferences, |category, given| {
            if let (Some(purpose), Ok(given)) = (rules.consent.get(category.as_ref()), given.get().parse::<bool>()) {
                out.push((Arc::clone(purpose), given));
            }
            Ok(())
        }),
        _ => Ok(()),
    })
}

/// The advertisers' click ids.
const CLICK_IDS: [&str; 6] = ["gclid", "gbraid", "wbraid", "msclkid", "fbclid", "li_fat_id"];

/// Campaign and click id from the page's address, where the sender did not look there itself.
pub fn derive(context: &mut Context<'_>) {
    let Some((_, query)) = context.page_url.split_once('?') else { return };
    let wants_campaign = context.campaign_source.is_empty() && query.contains("utm_");
    let wants_click_id = context.click_id.is_empty() && CLICK_IDS.iter().any(|name| query.contains(name));
    if !wants_campaign && !wants_click_id {
        return;
    }
    let query = query.split('#').next().unwrap_or_default().to_owned();
    for (name, value) in form_urlencoded::parse(query.as_bytes()).filter(|(_, value)| !value.contains('\0')) {
        if wants_campaign {
            let field = match name.as_ref() {
                "utm_source" => &mut context.campaign_source,
                "utm_medium" => &mut context.campaign_medium,
                "utm_campaign" => &mut context.campaign_name,
                "utm_term" => &mut context.campaign_term,
                "utm_content" => &mut context.campaign_content,
                _ => &mut Cow::Borrowed(""),
            };
            *field = Cow::Owned(value.clone().into_owned());
        }
        if wants_click_id && context.click_id.is_empty() && CLICK_IDS.contains(&name.as_ref()) {
            context.click_id = Cow::Owned(format!("{name}:{value}"));
        }
    }
}

/// The network of an address, for reclassification: /24 of IPv4, /48 of IPv6; empty for anything else.
#[must_use]
pub fn network(ip: &str) -> String {
    match ip.parse() {
        Ok(std::net::IpAddr::V4(ip)) => {
            let [a, b, c, _] = ip.octets();
            format!("{a}.{b}.{c}.0/24")
        }
        Ok(std::net::IpAddr::V6(ip)) => {
            let [a, b, c, ..] = ip.segments();
            format!("{a:x}:{b:x}:{c:x}::/48")
        }
        Err(_) => String::new(),
    }
}
