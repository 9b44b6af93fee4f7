//! Complaints: feedback reports of RFC 5965. Reports about authentication (RFC 6591) are no complaint of anybody.

use super::super::kind::Kind;
use super::entity::Mail;
use super::report::{Report, groups, part_text, typed_address, value};

/// `None` for a report that is no complaint, or takes one back.
#[must_use]
pub(super) fn read(mail: &Mail<'_>) -> Option<Report> {
    let text = part_text(mail, &["message/feedback-report"]);
    let fields: Vec<(String, String)> = groups(&text).into_iter().flatten().collect();
    let kind = match value(&fields, "feedback-type").to_ascii_lowercase().as_str() {
        "not-spam" | "auth-failure" | "dmarc" => return None,
        "opt-out" | "opt-out-list" => Kind::Unsubscribed,
        _ => Kind::EmailComplained,
    };
    let named = ["original-rcpt-to", "removal-recipient", "redacted-address"];
    let named = named.into_iter().map(|name| typed_address(value(&fields, name)));
    let recipient =
        named.into_iter().find(|address| !address.is_empty() && !address.starts_with("redacted")).unwrap_or_default();
    Some(Report { kind: Some(kind), as_written: !recipient.is_empty(), recipient, ..Report::default() })
}
