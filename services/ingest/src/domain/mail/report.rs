//! Bounces, delivery reports and complaints: what happened to a mail of ours, and whose it was. RFC 3464 (delivery status),
//! RFC 5965 (feedback reports), and the two old forms that Exim and qmail write.

use mail_parser::Message;

use super::super::kind::Kind;
use super::entity::{Mail, field};
use super::{address, addresses, clean, machine};

/// What a report says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Report {
    /// What happened; `None` for a delay.
    pub(super) kind: Option<Kind>,
    /// Whom our mail was sent to; empty if the report does not say.
    pub(super) recipient: String,
    /// RFC 3463.
    pub(super) status_code: String,
    /// Our Message-ID.
    pub(super) message_id: String,
}

/// Reads a report; `None` if the mail is none.
#[must_use]
pub(super) fn read(mail: &Mail<'_>, from: &str) -> Option<Report> {
    let mut report = match mail.report_type.as_deref() {
        Some("delivery-status") => delivery_status(mail),
        Some("feedback-report") => feedback(mail)?,
        Some("disposition-notification") => return None,
        _ if machine::is_daemon(from) || mail.headers.return_address() == Some("") => old_bounce(mail, from)?,
        _ => return None,
    };
    if let Some(original) = original_mail(mail) {
        report.message_id = original.message_id().map(clean).unwrap_or_default();
        if report.recipient.is_empty() {
            report.recipient = addresses(original.to()).into_iter().next().unwrap_or_default();
        }
    }
    Some(report)
}

/// The mail that the report is about: its header fields came along.
fn original_mail(mail: &Mail<'_>) -> Option<Message<'static>> {
    let types = ["message/rfc822", "message/global", "text/rfc822-headers", "message/global-headers"];
    mail.leaves.iter().find(|leaf| types.contains(&leaf.media_type.as_str())).and_then(super::entity::Leaf::fields)
}

/// The `name: value` lines of a report part, in groups that blank lines part; folded lines are joined.
fn groups(text: &str) -> Vec<Vec<(String, String)>> {
    let mut groups: Vec<Vec<(String, String)>> = vec![Vec::new()];
    for line in text.lines() {
        if line.trim().is_empty() {
            groups.push(Vec::new());
        } else if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = groups.last_mut().and_then(|group| group.last_mut()) {
                value.push(' ');
                value.push_str(line.trim());
            }
        } else if let (Some(group), Some((name, value))) = (groups.last_mut(), line.split_once(':')) {
            group.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
    groups
}

fn value<'a>(group: &'a [(String, String)], name: &str) -> &'a str {
    group.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
}

/// "rfc822; somebody@example.com".
fn typed_address(text: &str) -> String {
    address(text.split_once(';').map_or(text, |(_, address)| address))
}

fn part_text(mail: &Mail<'_>, types: &[&str]) -> String {
    mail.leaves
        .iter()
        .find(|leaf| types.contains(&leaf.media_type.as_str()))
        .map(super::entity::Leaf::text)
        .unwrap_or_default()
}

/// Our mails have one recipient each: of several groups the first failure counts, else the first.
fn delivery_status(mail: &Mail<'_>) -> Report {
    let text = part_text(mail, &["message/delivery-status", "message/global-delivery-status"]);
    let groups = groups(&text);
    let recipients: Vec<_> = groups
        .iter()
        .filter(|group| !value(group, "action").is_empty() || !value(group, "final-recipient").is_empty())
        .collect();
    let failed = recipients.iter().find(|group| value(group, "action").eq_ignore_ascii_case("failed"));
    let Some(group) = failed.or(recipients.first()) else {
        return Report { kind: Some(Kind::EmailBounced), ..Report::default() };
    };
    let kind = match value(group, "action").to_ascii_lowercase().as_str() {
        "delayed" => None,
        "delivered" | "relayed" | "expanded" => Some(Kind::EmailDelivered),
        _ => Some(Kind::EmailBounced),
    };
    let original = typed_address(value(group, "original-recipient"));
    let recipient = if original.is_empty() { typed_address(value(group, "final-recipient")) } else { original };
    Report { kind, recipient, status_code: status(value(group, "status")), ..Report::default() }
}

/// `None` for a report that takes a complaint back.
fn feedback(mail: &Mail<'_>) -> Option<Report> {
    let text = part_text(mail, &["message/feedback-report"]);
    let groups = groups(&text);
    let fields: Vec<(String, String)> = groups.into_iter().flatten().collect();
    if value(&fields, "feedback-type").eq_ignore_ascii_case("not-spam") {
        return None;
    }
    let named = [value(&fields, "original-rcpt-to"), value(&fields, "removal-recipient")];
    let recipient = named.into_iter().map(typed_address).find(|address| !address.is_empty()).unwrap_or_default();
    Some(Report { kind: Some(Kind::EmailComplained), recipient, ..Report::default() })
}

/// Exim names the address in a field; qmail writes it alone on a line that ends with a colon. A daemon's mail that names
/// nobody is still a bounce; an empty return path alone is not.
fn old_bounce(mail: &Mail<'_>, from: &str) -> Option<Report> {
    let text =
        mail.leaves.iter().find(|leaf| leaf.is_body("text/plain")).map(super::entity::Leaf::text).unwrap_or_default();
    let failed = address(field(&mail.headers, "X-Failed-Recipients").split(',').next().unwrap_or_default());
    let qmail = || {
        let named = text.lines().take(100).find_map(|line| line.trim().strip_prefix('<')?.strip_suffix(">:"));
        named.map(address).unwrap_or_default()
    };
    let recipient = if failed.is_empty() { qmail() } else { failed };
    if recipient.is_empty() && !machine::is_daemon(from) {
        return None;
    }
    let status_code = text.split_whitespace().map(status).find(|code| !code.is_empty()).unwrap_or_default();
    Some(Report { kind: Some(Kind::EmailBounced), recipient, status_code, ..Report::default() })
}

/// "5.1.1", also out of "#5.1.1" and "5.1.1 (user unknown)"; empty if it is none.
fn status(text: &str) -> String {
    let token = text.split_whitespace().next().unwrap_or_default().trim_matches(|c: char| !c.is_ascii_digit());
    let numbers: Vec<_> = token.split('.').collect();
    let fits = |part: &&str| (1..=3).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    let is_code = numbers.len() == 3 && numbers.iter().all(fits) && matches!(numbers[0], "2" | "4" | "5");
    if is_code { token.to_owned() } else { String::new() }
}
