//! Delivery status notifications of RFC 3464, and what programs send in their place.

use super::super::kind::Kind;
use super::bounce_class;
use super::entity::Mail;
use super::report::{Fields, Report, groups, part_text, typed_address, value};

/// Media types of the part that programs read.
pub(super) const TYPES: [&str; 2] = ["message/delivery-status", "message/global-delivery-status"];

/// Reads the status. `None` if no group is about a recipient: what stands in the text counts then.
///
/// Our mails have one recipient each: of several groups the first failure counts, else the first.
#[must_use]
pub(super) fn read(mail: &Mail<'_>) -> Option<Report> {
    let groups = groups(&part_text(mail, &TYPES));
    let recipients: Vec<&Fields> = groups.iter().filter(|group| is_about_a_recipient(group)).collect();
    let failed = recipients.iter().find(|group| value(group, "action").eq_ignore_ascii_case("failed"));
    let group = failed.or(recipients.first())?;
    let status_code = bounce_class::status_in(value(group, "status"));
    // "Action" has a comment now and then: "failed (user unknown)". One program writes it into the group of the message.
    let action = [value(group, "action"), groups.first().map_or("", |group| value(group, "action"))];
    let action = action.into_iter().find(|action| !action.is_empty()).unwrap_or_default().to_ascii_lowercase();
    let kind = match action.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default() {
        "delayed" => None,
        "delivered" | "relayed" | "expanded" => Some(Kind::EmailDelivered),
        "" if status_code.starts_with('2') => Some(Kind::EmailDelivered),
        _ => Some(Kind::EmailBounced),
    };
    let named = |name: &str| Some(typed_address(value(group, name))).filter(|address| !address.is_empty());
    let original = named("original-recipient").or_else(|| named("x-original-recipient"));
    let as_written = original.is_some();
    let recipient = original.or_else(|| named("final-recipient")).or_else(|| named("x-actual-recipient"));
    let diagnostic = value(group, "diagnostic-code").to_owned();
    Some(Report {
        kind,
        recipient: recipient.unwrap_or_default(),
        status_code: exact(status_code, &diagnostic),
        diagnostic,
        as_written,
        ..Report::default()
    })
}

fn is_about_a_recipient(group: &Fields) -> bool {
    let names = ["final-recipient", "original-recipient", "x-actual-recipient"];
    names.iter().any(|name| !value(group, name).is_empty())
        || (!value(group, "action").is_empty() && value(group, "reporting-mta").is_empty())
}

/// "5.0.0" says nothing that the other side's own words may not say better.
fn exact(status_code: String, diagnostic: &str) -> String {
    if !status_code.is_empty() && !status_code.ends_with(".0.0") {
        return status_code;
    }
    let said = bounce_class::status_in(diagnostic);
    let same_class = status_code.is_empty() || said.as_bytes().first() == status_code.as_bytes().first();
    if !said.is_empty() && same_class { said } else { status_code }
}
