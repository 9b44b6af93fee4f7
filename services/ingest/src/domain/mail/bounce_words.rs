//! The words of mail systems: how the subject of a bounce begins, what its text says, where the copy of our mail begins, and
//! where the address that failed stands.

use std::sync::LazyLock;

use regex::{Regex, RegexBuilder};

/// How subjects of bounces and delays begin. Lower case.
const SUBJECTS: [&str; 44] = [
    "undeliver",
    "undelivered",
    "unzustellbar",
    "nicht zustellbar",
    "non remis",
    "non distribuable",
    "no se puede entregar",
    "no entregado",
    "non recapitabile",
    "onbestelbaar",
    "olevererbart",
    "oläsbart",
    "não é possível entregar",
    "não entregue",
    "nie można dostarczyć",
    "niedostarczon",
    "недоставленное",
    "недоставлено",
    "ваше сообщение не доставлено",
    "mail delivery fail",
    "mail delivery problem",
    "mail delivery error",
    "mail delivery warning",
    "mail delivery system",
    "mail error",
    "mail system error",
    "mail failed",
    "mail not delivered",
    "mail could not be delivered",
    "email delivery failure",
    "message delivery failure",
    "message status - undeliverable",
    "delivery status notification",
    "delivery notification",
    "delivery report",
    "delivery fail",
    "delivery unsuccessful",
    "failure notice",
    "failure delivery",
    "failed mail",
    "returned mail",
    "permanent delivery failure",
    "non-delivery",
    "nondeliverable",
];

/// Also ones that say it further on. Lower case.
const WITHIN_SUBJECT: [&str; 14] = [
    "could not be delivered",
    "non delivery report",
    "delivery failure",
    "undelivered mail",
    "undeliverable",
    "user unknown",
    "has not yet been delivered",
    "delayed mail",
    "message delayed",
    "automatically rejected mail",
    "processing error",
    "was not delivered",
    "delivery has failed",
    "delivery failed",
];

/// What people write before a subject when they answer or hand on.
static BY_PEOPLE: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^\s*(re|aw|sv|antw|odp|rif|ref|res|fw|fwd|wg|tr|vs|i|enc|rv)(\[\d+\])?\s*:"));

/// Whether a subject, lower case, is one of a bounce or delay.
#[must_use]
pub(super) fn is_subject(subject: &str) -> bool {
    let subject = subject.trim().trim_start_matches("[postmaster]").trim();
    if BY_PEOPLE.is_match(subject) {
        return false;
    }
    let delayed = subject.starts_with("warning: message") && subject.contains("delayed");
    delayed
        || SUBJECTS.iter().any(|begin| subject.starts_with(begin))
        || WITHIN_SUBJECT.iter().any(|part| subject.contains(part))
}

/// What the text of a bounce or delay says. Matched against lower case with single spaces.
static WORDS: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        &[
            r"could ?n(o|')t be delivered",
            r"cannot be delivered",
            r"can ?not deliver",
            r"could not deliver",
            r"undeliverable",
            r"was not delivered",
            r"not be delivered",
            r"wasn't able to deliver",
            r"was not able to deliver",
            r"unable to deliver",
            r"unable to send",
            r"undelivered",
            r"not delivered to",
            r"did not (receive|reach)",
            r"del(i|e)very to the following (recipient|address)",
            r"delivery (has )?failed",
            r"delivery (failure|failed|problem|error)",
            r"delivery status notification",
            r"returned to sender",
            r"returning (it|the message|your)",
            r"your returned mail",
            r"failed (addresses|recipients)",
            r"(addresses|address|recipients|recipient)(\(e?s\))? (had|has|have|failed)",
            r"had (permanent )?(fatal|transient|delivery) ",
            r"permanent(ly)? (error|fail)",
            r"failed permanently",
            r"user('s)? mailbox is full",
            r"mailbox (is )?(full|unavailable)",
            r"over ?quota",
            r"no such user",
            r"user unknown",
            r"unknown user",
            r"mail system was unable",
            r"qmail-send program",
            r"problems? (with|in) delivering",
            r"delivery problems",
            r"message has been delayed",
            r"delayed",
            r"not yet been delivered",
            r"will be retried",
            r"could not be reached",
            r"returned for the following",
            r"invalid final delivery userid",
            r"returned mail follows",
            r"error description:",
            r"returned without being",
            r"rejected",
            r"did not arrive",
            r"unzustellbar",
            r"nicht zugestellt",
            r"nicht ausgeliefert",
            r"konnte nicht",
            r"n'a pas pu être",
            r"no se (ha podido|pudo) entregar",
            r"non è stato possibile",
            r"kon niet worden",
            r"nie (mogła|mógł|może|została) ",
            r"não (pôde|foi) ",
            r"не (может быть|удалось|доставлено)",
            r"unknown or illegal",
            r"host unknown",
            r"permanent fatal errors",
            r"message could not",
            r"returned because",
            r"not listed in",
        ]
        .join("|"),
    )
});

/// Whether the beginning of a text, lower case, has the words of a bounce or delay.
#[must_use]
pub(super) fn are_in(beginning: &str) -> bool {
    WORDS.is_match(beginning)
}

static DELAY: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"not yet been delivered|will be retried|has been delayed|delayed mail|still being retried|delivery attempts will continue|delivery will be attempted|this is (just )?a warning|warning: message|has been postponed|advisory-only|\(delay\)|message delayed|you do not need to (resend|take)|no action is required",
    )
});
static FAILURE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"permanent|giving up|given up|i've given|will not be retried|\(failure\)|undeliverable|has failed|failed to deliver",
    )
});

/// Whether it says that delivery goes on.
#[must_use]
pub(super) fn is_delay(subject: &str, beginning: &str) -> bool {
    (DELAY.is_match(subject) || DELAY.is_match(beginning)) && !FAILURE.is_match(subject) && !FAILURE.is_match(beginning)
}

/// A line after which our own mail follows.
static COPY: LazyLock<Regex> = LazyLock::new(|| {
    pattern(&[
        r"^[\s>*=-]*(original message|old message|message text|returned mail|message headers?|original mail)\b.{0,40}(follows?|attached|below|:)",
        r"^[\s>*=-]*-{2,}\s*(original message|forwarded message|returned (message|mail)|unsent message|this is a copy|below (this|the next) line|header of the|the header|start of returned|the following is|enclosed is|message header)",
        r"^[\s>*=-]*-{3,}.{0,40}(copy of (the|your)|original) (message|mail|letter)",
        r"(this is|here is|below this line is|attached is|included is|following is) a? ?(copy|your returned)",
        r"^-{4,}\s*(return|message).{0,60}-{4,}\s*$",
        r"a copy of the original message", r"the header of the original message", r"end of transcript",
        r"^\s*(received|return-path|message-id|x-mailer|mime-version):\s",
    ].map(|one| format!("(?:{one})")).join("|"))
});

/// What the mail system says, and the copy of our mail below; the second is empty if none can be seen.
#[must_use]
pub(super) fn split_copy(text: &str) -> (&str, &str) {
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if at > 0 && COPY.is_match(line) {
            return text.split_at(at);
        }
        at += line.len();
    }
    (text, "")
}

static ADDRESS: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r#"[a-z0-9.!#$%&'*+/=?^_`{|}~\\-]+@[a-z0-9](?:[a-z0-9_-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)+"#)
});

/// The addresses of a line, in order. A line of header fields with ids has none.
pub(super) fn addresses_in(line: &str) -> impl Iterator<Item = String> + '_ {
    let ids = ["message-id", "references", "in-reply-to", "received", "x-", "http:", "https:"];
    let lower = line.trim_start().to_lowercase();
    let of_ids = ids.iter().any(|begin| lower.starts_with(begin));
    let found = ADDRESS.find_iter(if of_ids { "" } else { line });
    // "dda:SMTP=somebody@example.com" of X.400, "'somebody@example.com'".
    found.map(|found| {
        let address = found.as_str().trim_start_matches(['\'', '/']);
        address.rsplit('=').find(|part| part.contains('@')).unwrap_or(address).to_owned()
    })
}

/// What stands before the address that failed. Lower case.
static BEFORE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(rcpt to|recipients?|failed recipient|intended recipient|undeliverable address|error-for|user's mailbox is full|addressed to|undeliverable to|deliver(ed)? to|your message to|delivery to|failed address|mailbox full|user|to)\b[\s:<\[('\x22]*(smtp:|rfc822;\s*)?[\s<\[('\x22]*$",
    )
});

/// Whether the address stands where mail systems put the one that failed: alone on its line, in angle brackets with a colon,
/// or after the words for it.
#[must_use]
pub(super) fn names_recipient(line: &str, address: &str) -> bool {
    let Some((before, after)) = line.split_once(address) else { return false };
    let bare = |text: &str| text.trim().trim_matches(|c: char| "<>()[]*'\"-.,;:".contains(c)).trim().is_empty();
    if bare(before) && (bare(after) || after.trim_start().starts_with(['>', ':', ',', ';', '.', '('])) {
        return true;
    }
    BEFORE.is_match(&before.to_lowercase())
}

static ANNOUNCES: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"following (recipient|address|user|destination)|did not reach|failed (addresses|recipients)|(delivered|deliver your message|deliver message) to\b.{0,20}:?\s*$|addresses? (had|failed)|not delivered to|is your list of failed",
    )
});

/// Whether the addresses that failed stand below this line.
#[must_use]
pub(super) fn announces_recipients(line: &str) -> bool {
    ANNOUNCES.is_match(line)
}

fn pattern(text: &str) -> Regex {
    let built = RegexBuilder::new(text).case_insensitive(true).build();
    built.expect("the patterns of this file are valid, as its tests see")
}
