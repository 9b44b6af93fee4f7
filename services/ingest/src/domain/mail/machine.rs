//! Whether a person wrote a mail. Everything that answers by itself says so in its header (RFC 3834), or is known by what
//! the usual programs write.

use mail_parser::Message;

use super::entity::field;

/// What kind of machine wrote it: "auto_reply", "bulk", or empty for a person.
#[must_use]
pub(super) fn reason(headers: &Message<'_>, subject: &str, from: &str) -> &'static str {
    if is_auto_reply(headers, subject) {
        return "auto_reply";
    }
    let precedence = field(headers, "Precedence").to_ascii_lowercase();
    let is_list = ["List-Id", "List-Unsubscribe", "List-Post"].iter().any(|name| !field(headers, name).is_empty());
    if is_list || matches!(precedence.as_str(), "bulk" | "list" | "junk") {
        return "bulk";
    }
    if is_daemon(from) { "auto_reply" } else { "" }
}

fn is_auto_reply(headers: &Message<'_>, subject: &str) -> bool {
    let submitted = field(headers, "Auto-Submitted").to_ascii_lowercase();
    let submitted = submitted.split(';').next().unwrap_or_default().trim();
    if !submitted.is_empty() && submitted != "no" {
        return true;
    }
    let marks = ["X-Autoreply", "X-Autorespond", "X-Autoresponder", "X-Mail-Autoreply", "X-AutoReply-From"];
    if marks.iter().any(|name| !matches!(field(headers, name).to_ascii_lowercase().as_str(), "" | "no" | "false")) {
        return true;
    }
    let precedence = field(headers, "Precedence").to_ascii_lowercase();
    let preference = field(headers, "Preference").to_ascii_lowercase();
    if matches!(precedence.as_str(), "auto_reply" | "auto-reply") || preference == "auto_reply" {
        return true;
    }
    let subject = subject.trim().to_lowercase();
    SUBJECTS.iter().any(|begin| subject.starts_with(begin))
}

/// What Exchange, Gmail and others put before the subject of an absence note, in the languages of our customers.
const SUBJECTS: [&str; 12] = [
    "automatic reply:",
    "automatische antwort:",
    "auto:",
    "autoreply:",
    "auto-reply:",
    "out of office",
    "out of the office",
    "abwesenheitsnotiz",
    "abwesend:",
    "réponse automatique",
    "respuesta automática",
    "risposta automatica",
];

/// Whether the sender is the mail system itself, who is nobody.
#[must_use]
pub(super) fn is_daemon(from: &str) -> bool {
    let local = from.split('@').next().unwrap_or_default().to_ascii_lowercase();
    matches!(local.as_str(), "mailer-daemon" | "postmaster" | "mail-daemon" | "mailerdaemon")
}
