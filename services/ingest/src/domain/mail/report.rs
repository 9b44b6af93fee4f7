//! Bounces, delivery reports and complaints: what happened to a mail of ours, and whose it was. Here which form a report has
//! and the mail that it is about; the forms have files of their own: RFC 3464 in `delivery_status`, complaints (RFC 5965) in
//! `feedback`, and the many that mail systems write as they like in `wild_bounce`.

use mail_parser::Message;

use super::super::kind::Kind;
use super::entity::{Leaf, Mail};
use super::{MailboxRules, addresses, bounce_class, clean, delivery_status, feedback, machine, wild_bounce};

/// What a report says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Report {
    /// What happened; `None` for a delay.
    pub(super) kind: Option<Kind>,
    /// Whom our mail was sent to; empty if the report does not say.
    pub(super) recipient: String,
    /// RFC 3463.
    pub(super) status_code: String,
    /// What the other side said, for whoever has no code.
    pub(super) diagnostic: String,
    /// Our Message-ID.
    pub(super) message_id: String,
    /// The report names the address as we had written it, not the one behind it.
    pub(super) as_written: bool,
}

impl Report {
    /// "hard" or "soft" of a bounce; empty for everything else.
    #[must_use]
    pub(super) fn bounce_class(&self) -> &'static str {
        if self.kind == Some(Kind::EmailBounced) { bounce_class::of(&self.status_code, &self.diagnostic) } else { "" }
    }
}

/// Reads a report; `None` if the mail is none.
#[must_use]
pub(super) fn read(mail: &Mail<'_>, from: &str, mailbox: &MailboxRules) -> Option<Report> {
    let by_system = machine::is_mail_system(&mail.headers, from);
    let has_status = mail.leaves.iter().any(|leaf| delivery_status::TYPES.contains(&leaf.media_type.as_str()));
    let mut report = match mail.report_type.as_deref() {
        Some("feedback-report") => feedback::read(mail)?,
        Some("delivery-status") => {
            delivery_status::read(mail).unwrap_or_else(|| wild_bounce::read_status(mail, from, mailbox))
        }
        // A person who forwards a report is no mail system.
        _ if has_status && (by_system || mail.report_type.is_some()) => {
            delivery_status::read(mail).unwrap_or_else(|| wild_bounce::read_status(mail, from, mailbox))
        }
        _ => wild_bounce::read(mail, from, mailbox)?,
    };
    fill_in(&mut report, mail, mailbox);
    Some(report)
}

/// What the mail that came along says: our Message-ID, and to whom we had sent it.
fn fill_in(report: &mut Report, mail: &Mail<'_>, mailbox: &MailboxRules) {
    let Some(original) = original_mail(mail) else { return };
    if let Some(message_id) = original.message_id().map(clean).filter(|id| !id.is_empty()) {
        report.message_id = message_id;
    }
    let sent_to = addresses(original.to());
    // Our mails have one recipient each. Of one that was forwarded the report names the address behind, which is nobody's.
    if let [only] = sent_to.as_slice()
        && !report.as_written
        && mailbox.is_ours(&report.message_id)
    {
        report.recipient.clone_from(only);
    } else if report.recipient.is_empty() {
        report.recipient = sent_to.into_iter().next().unwrap_or_default();
    }
}

/// The mail that the report is about: its header fields came along.
fn original_mail(mail: &Mail<'_>) -> Option<Message<'static>> {
    let types = ["message/rfc822", "message/global", "text/rfc822-headers", "message/global-headers"];
    mail.leaves.iter().find(|leaf| types.contains(&leaf.media_type.as_str())).and_then(Leaf::fields)
}

/// `name: value` lines, in the order in which they stand.
pub(super) type Fields = Vec<(String, String)>;

/// The `name: value` lines of a report part, in groups that blank lines part; folded lines are joined.
pub(super) fn groups(text: &str) -> Vec<Fields> {
    let mut groups: Vec<Fields> = vec![Vec::new()];
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

/// The first value of that name; empty if there is none.
pub(super) fn value<'a>(group: &'a [(String, String)], name: &str) -> &'a str {
    group.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
}

/// "rfc822; somebody@example.com".
pub(super) fn typed_address(value: &str) -> String {
    super::address(value.rsplit(';').next().unwrap_or_default())
}

/// The text of the first leaf of one of those types; empty if there is none.
pub(super) fn part_text(mail: &Mail<'_>, types: &[&str]) -> String {
    let part = mail.leaves.iter().find(|leaf| types.contains(&leaf.media_type.as_str()));
    part.map(Leaf::text).unwrap_or_default()
}
