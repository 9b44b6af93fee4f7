//! Events of the `lead` topic in the words of nurture.

use std::collections::BTreeMap;

use jiff::Timestamp;
use leadflow_platform::identifier::normalise_email;
use leadflow_proto::qualification::v1::lead_event::Fact;
use leadflow_proto::qualification::v1::{LeadEngaged, LeadEvent, LeadSnapshot};
use uuid::Uuid;

use super::from_proto_time;
use crate::domain::exit::Happened;
use crate::domain::facts::ActFacts;

/// One event, read.
#[derive(Clone, Debug, PartialEq)]
pub struct LeadNews {
    /// Its id.
    pub event_id: Uuid,
    /// Whose.
    pub lead_id: Uuid,
    /// Of the deployment.
    pub incarnation: i32,
    /// Dense per lead.
    pub sequence: i32,
    /// When it was decided.
    pub occurred_at: Timestamp,
    /// Sample traffic.
    pub test: bool,
    /// The whole lead; none: it was erased.
    pub snapshot: Option<LeadSnapshot>,
    /// Normalised; none: it has none, or none that a mail could go to.
    pub email: Option<String>,
    /// For exits.
    pub happened: Happened,
    /// Enrols nobody.
    pub historical: bool,
    /// What becomes of the lead itself.
    pub fate: Fate,
    /// What was said of a mail of ours, or by its reader.
    pub report: Option<Report>,
}

/// What becomes of a lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It goes on.
    Goes,
    /// It is part of another one now.
    Merged,
    /// Forget it.
    Erased,
}

/// What came back to a mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// What it says.
    pub kind: ReportKind,
    /// Of our mail; none: it does not say which.
    pub message_id: Option<Uuid>,
    /// Of the reply address that it came to, not yet checked; empty: none.
    pub reply_token: String,
    /// When it happened.
    pub at: Timestamp,
}

impl Report {
    /// Somebody wants no more marketing mails.
    #[must_use]
    pub fn is_stop(&self) -> bool {
        self.kind == ReportKind::Unsubscribed
    }
}

/// The kinds of [`Report`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReportKind {
    /// The address is wrong, for good.
    HardBounce,
    /// It may work another day.
    SoftBounce,
    /// Called spam.
    Complaint,
    /// It arrived.
    Delivered,
    /// A person answered.
    Reply,
    /// A person followed a link.
    Click,
    /// No more marketing mails.
    Unsubscribed,
}

/// The event cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{0} is no {1}")]
pub struct Unreadable(&'static str, &'static str);

/// Reads an event.
///
/// # Errors
/// [`Unreadable`], with the field.
pub fn read(event: LeadEvent) -> Result<LeadNews, Unreadable> {
    let lead_id = Uuid::parse_str(&event.lead_id).map_err(|_| Unreadable("lead_id", "UUID"))?;
    let event_id = Uuid::parse_str(&event.event_id).map_err(|_| Unreadable("event_id", "UUID"))?;
    let occurred_at = event.occurred_at.as_ref().and_then(from_proto_time);
    let occurred_at = occurred_at.ok_or(Unreadable("occurred_at", "time"))?;
    let email = event.lead.as_ref().and_then(|lead| lead.contact.as_ref()).map(|contact| contact.email.as_str());
    let email = email.filter(|email| !email.is_empty()).and_then(|email| normalise_email(email).ok());
    let mut news = LeadNews {
        event_id,
        lead_id,
        incarnation: event.incarnation,
        sequence: event.sequence,
        occurred_at,
        test: event.test,
        snapshot: event.lead,
        email,
        happened: Happened::default(),
        historical: false,
        fate: Fate::Goes,
        report: None,
    };
    match event.fact {
        Some(Fact::Opened(opened)) => news.historical = opened.historical,
        Some(Fact::Engaged(engaged)) => engage(&mut news, &engaged),
        Some(Fact::Qualified(_)) => news.happened.qualified = true,
        Some(Fact::OwnerChanged(changed)) => news.happened.assigned = !changed.to_rep_id.is_empty(),
        Some(Fact::StageChanged(changed)) => {
            news.happened.assigned = matches!(changed.to_stage.as_str(), "sal" | "sql");
            news.happened.qualified = changed.to_stage == "mql";
        }
        Some(Fact::Merged(_)) => news.fate = Fate::Merged,
        Some(Fact::Erased(_)) => news.fate = Fate::Erased,
        _ => {}
    }
    if news.fate == Fate::Goes && news.snapshot.is_none() {
        return Err(Unreadable("lead", "snapshot"));
    }
    Ok(news)
}

fn engage(news: &mut LeadNews, engaged: &LeadEngaged) {
    news.historical = engaged.historical;
    let at = engaged.occurred_at.as_ref().and_then(from_proto_time).unwrap_or(news.occurred_at);
    news.report = report(engaged, at);
    // A machine's report that a mail bounced is no act of the person.
    if !engaged.bot_reason.is_empty() {
        return;
    }
    let properties: BTreeMap<String, String> =
        engaged.properties.iter().map(|(name, value)| (format!("properties.{name}"), value.clone())).collect();
    news.happened.act = Some(ActFacts {
        kind: engaged.kind.clone(),
        name: engaged.name.clone(),
        properties,
        event_id: Uuid::parse_str(&engaged.event_id).unwrap_or_default().as_bytes().to_vec(),
    });
}

fn report(engaged: &LeadEngaged, at: Timestamp) -> Option<Report> {
    let property = |name: &str| engaged.properties.get(name).map_or("", String::as_str);
    let kind = match engaged.kind.as_str() {
        "email_bounced" if property("bounce_class") == "hard" => ReportKind::HardBounce,
        // One that does not say how it is meant: the code of RFC 3463 does.
        "email_bounced" if property("bounce_class").is_empty() && property("status_code").starts_with("5.1.") => {
            ReportKind::HardBounce
        }
        "email_bounced" => ReportKind::SoftBounce,
        "email_complained" => ReportKind::Complaint,
        "email_delivered" => ReportKind::Delivered,
        "email_replied" if engaged.bot_reason.is_empty() => ReportKind::Reply,
        "email_clicked" if engaged.bot_reason.is_empty() => ReportKind::Click,
        "unsubscribed" => ReportKind::Unsubscribed,
        _ => return None,
    };
    let message_id = [property("message_id"), property("in_reply_to")].into_iter().find_map(message_id);
    Some(Report { kind, message_id, reply_token: property("reply_token").to_owned(), at })
}

/// Our Message-IDs are `<uuid@domain>`.
fn message_id(text: &str) -> Option<Uuid> {
    let local = text.trim().trim_start_matches('<').split('@').next()?;
    Uuid::try_parse(local).ok()
}
