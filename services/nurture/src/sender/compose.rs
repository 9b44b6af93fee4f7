//! A claimed mail as bytes: template, links through our door, headers.

use std::collections::BTreeMap;

use jiff::Timestamp;
use leadflow_proto::qualification::v1::LeadSnapshot;
use serde_json::Value;
use uuid::Uuid;

use crate::config::NurtureConfig;
use crate::domain::journey::plan::Action;
use crate::journeys::Compiled;
use crate::mail::{
    Composed, ContactContext, JourneyContext, LeadContext, LinkKind, LinkSigner, LinksContext, MailContext, MailKind,
    Mailbox, Outgoing, OwnerContext, SenderContext, Unsubscribe, compose, track,
};

/// What a mail is made of.
#[derive(Clone, Copy, Debug)]
pub struct Letter<'a> {
    /// Key in the ledger.
    pub message_id: Uuid,
    /// The journey and its templates.
    pub compiled: &'a Compiled,
    /// Id of the step.
    pub step: &'a str,
    /// To whom.
    pub to: &'a str,
    /// Whose data fills it.
    pub lead: &'a LeadSnapshot,
    /// Of the event that entered him, "event.form".
    pub entry: &'a BTreeMap<String, String>,
    /// `Date`.
    pub date: Timestamp,
}

/// A mail, ready for a relay.
#[derive(Debug)]
pub struct Ready {
    /// Bytes and envelope.
    pub composed: Composed,
    /// Destinations by link number, the first is number 1.
    pub links: Vec<String>,
    /// For people.
    pub subject: String,
}

/// Why a mail cannot be written: the template does not fit this person.
#[derive(Debug, thiserror::Error)]
pub enum LetterError {
    /// The step is gone, or is no mail.
    #[error("step {0:?} is no mail of this journey")]
    Step(String),
    /// The template.
    #[error(transparent)]
    Render(#[from] crate::mail::RenderError),
    /// Its links.
    #[error(transparent)]
    Track(#[from] crate::mail::TrackError),
    /// Its headers.
    #[error(transparent)]
    Compose(#[from] crate::mail::ComposeError),
}

/// Writes it.
///
/// # Errors
/// [`LetterError`]; none of them says who the person is.
pub fn write(letter: &Letter<'_>, config: &NurtureConfig, signer: &LinkSigner) -> Result<Ready, LetterError> {
    let journey = &letter.compiled.journey;
    let wrong_step = || LetterError::Step(letter.step.to_owned());
    let number = journey.by_id.get(letter.step).ok_or_else(wrong_step)?;
    let Action::Mail { template, from_owner, .. } = &journey.steps[*number].action else { return Err(wrong_step()) };
    let template = letter.compiled.templates.get(template).ok_or_else(wrong_step)?;
    let kind = if journey.purpose == "transactional" { MailKind::Transactional } else { MailKind::Marketing };
    let owner = letter.lead.owner.as_ref().filter(|owner| *from_owner && !owner.email.is_empty());
    let from = match owner {
        Some(owner) => {
            Mailbox { name: Some(owner.name.clone()).filter(|name| !name.is_empty()), email: owner.email.clone() }
        }
        None => Mailbox { name: Some(config.sender.name.clone()), email: config.sender.email.clone() },
    };
    let link = |path: &str, kind| format!("{}/{path}/{}", config.public_url, signer.sign(kind, letter.message_id, 0));
    let unsubscribe_page = link("u", LinkKind::Unsubscribe);
    let pages = LinksContext {
        unsubscribe: Some(unsubscribe_page.clone()),
        preferences: Some(link("p", LinkKind::Preferences)),
        confirm: Some(link("d", LinkKind::Confirm)),
    };
    let context = context(letter, config, &from, pages);
    let rendered = template.render(&context.to_value(), kind)?;
    let tracked = track(&rendered, &config.public_url, signer, letter.message_id)?;
    let mut links = vec![String::new(); tracked.destinations.len()];
    for destination in tracked.destinations {
        if let Some(slot) = links.get_mut(usize::from(destination.number).wrapping_sub(1)) {
            *slot = destination.url;
        }
    }
    let reply_to = config
        .sender
        .reply_domain
        .as_ref()
        .map(|domain| Mailbox { name: from.name.clone(), email: signer.reply_address(letter.message_id, domain) });
    let unsubscribe = (kind == MailKind::Marketing)
        .then(|| Unsubscribe { one_click: unsubscribe_page, mailto: config.sender.unsubscribe_mailto.clone() });
    let mut composed = compose(&Outgoing {
        message_id: letter.message_id,
        message_id_domain: config.sender.message_id_domain().to_owned(),
        from,
        envelope_from: Some(config.sender.bounces.clone().unwrap_or_else(|| config.sender.email.clone())),
        reply_to,
        to: Mailbox { name: None, email: letter.to.to_owned() },
        subject: rendered.subject.clone(),
        html: tracked.html,
        text: tracked.text,
        kind,
        unsubscribe,
        feedback_id: Some(format!("{}:{}:{}:leadflow", letter.step, letter.compiled.version, journey.journey_id)),
        date: letter.date,
    })?;
    if let Some(provider) = config.sender.provider {
        let message_id = composed.message_id_header.trim_matches(['<', '>']);
        let lines = provider.header_lines(message_id).into_bytes();
        composed.bytes.splice(0..0, lines);
    }
    Ok(Ready { composed, links, subject: rendered.subject })
}

fn context(letter: &Letter<'_>, config: &NurtureConfig, from: &Mailbox, links: LinksContext) -> MailContext {
    let lead = letter.lead;
    let contact = lead.contact.clone().unwrap_or_default();
    let text = |text: &str| Value::String(text.to_owned());
    MailContext {
        contact: ContactContext {
            email: letter.to.to_owned(),
            given_name: Some(contact.given_name),
            family_name: Some(contact.family_name),
            name: Some(contact.name),
            company: Some(contact.company),
            locale: Some(contact.locale),
            country: Some(contact.country),
        },
        traits: lead.traits.iter().map(|(name, value)| (name.clone(), text(value))).collect(),
        lead: LeadContext {
            stage: lead.stage.clone(),
            grade: Some(lead.fit_grade.clone()),
            product_line: Some(lead.product_line.clone()),
        },
        owner: lead.owner.as_ref().map(|owner| OwnerContext { name: owner.name.clone(), email: owner.email.clone() }),
        sender: SenderContext {
            name: from.name.clone().unwrap_or_else(|| config.sender.name.clone()),
            email: from.email.clone(),
            postal_address: config.sender.postal_address.clone(),
        },
        links,
        event: letter
            .entry
            .iter()
            .filter_map(|(name, value)| Some((name.strip_prefix("event.")?.to_owned(), text(value))))
            .collect(),
        journey: JourneyContext { name: letter.compiled.journey.journey_id.clone() },
    }
}
