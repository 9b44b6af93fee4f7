//! Bounces that mail systems write as they like: Exim, qmail, old Postfix and Sendmail, Exchange, Domino, GroupWise, IMail,
//! MDaemon, Yahoo, AOL and many that nobody knows the name of. A mail system says that it is one, or says so in words that
//! people do not begin a mail with; whose mail it was stands above the copy of our mail, or in the copy.

use super::super::kind::Kind;
use super::super::limits;
use super::bounce_words as words;
use super::entity::{Leaf, Mail, field, fields};
use super::report::Report;
use super::{MailboxRules, address, addresses, bounce_class, clean, machine};

/// Of the text this much is looked at: a bounce says what it has to say at the beginning.
const TEXT_BYTES: usize = 64 * 1024;
/// Lines in which a mail system has said that it could not deliver.
const FIRST_LINES: usize = 40;

/// Reads a bounce; `None` if the mail is none.
#[must_use]
pub(super) fn read(mail: &Mail<'_>, from: &str, mailbox: &MailboxRules) -> Option<Report> {
    let subject = subject(mail);
    let may_be = words::is_subject(&subject) || machine::is_mail_system(&mail.headers, from);
    // The text of most mails need not be looked at.
    if !may_be && failed_recipients(mail).is_none() {
        return None;
    }
    let said = Said::of(mail);
    said.evidence(mail, from).is_bounce().then(|| said.report(&Own::of(mail, from, mailbox)))
}

/// Reads a mail that says of itself that it is a delivery status, and has none that programs could read.
#[must_use]
pub(super) fn read_status(mail: &Mail<'_>, from: &str, mailbox: &MailboxRules) -> Report {
    Said::of(mail).report(&Own::of(mail, from, mailbox))
}

/// Lower case.
fn subject(mail: &Mail<'_>) -> String {
    mail.headers.subject().map(clean).unwrap_or_default().to_lowercase()
}

/// What a mail says.
#[derive(Debug)]
struct Said {
    /// Lower case.
    subject: String,
    text: String,
    /// First lines of the text, lower case, as one line.
    beginning: String,
    failed: Option<String>,
}

impl Said {
    fn of(mail: &Mail<'_>) -> Self {
        let text = text(mail);
        let (said, _) = words::split_copy(&text);
        let lines = said.lines().map(str::trim).filter(|line| !line.is_empty()).take(FIRST_LINES);
        let beginning = lines.collect::<Vec<_>>().join(" ").to_lowercase();
        Self { subject: subject(mail), beginning, failed: failed_recipients(mail), text }
    }

    fn evidence(&self, mail: &Mail<'_>, from: &str) -> Evidence {
        Evidence {
            system: machine::is_mail_system(&mail.headers, from),
            daemon: machine::is_mailer_daemon(from),
            subject: words::is_subject(&self.subject),
            words: words::are_in(&self.beginning),
            named: self.failed.is_some(),
            answers: !field(&mail.headers, "In-Reply-To").is_empty() && !machine::has_null_path(&mail.headers),
        }
    }

    fn report(&self, own: &Own) -> Report {
        let (said, copy) = words::split_copy(&self.text);
        let recipient = self
            .failed
            .clone()
            .or_else(|| recipient(said, own))
            .or_else(|| recipient_of_copy(copy))
            .unwrap_or_default();
        let delayed = words::is_delay(&self.subject, &self.beginning);
        Report {
            kind: (!delayed).then_some(Kind::EmailBounced),
            recipient,
            status_code: bounce_class::status_in(said),
            diagnostic: said.to_owned(),
            message_id: message_id_of_copy(copy),
            as_written: false,
        }
    }
}

/// What speaks for a bounce.
#[derive(Clone, Copy, Debug)]
struct Evidence {
    /// The sender says that it is a mail system.
    system: bool,
    /// Its address is MAILER-DAEMON, under which nobody writes anything else.
    daemon: bool,
    /// The subject is one of a bounce.
    subject: bool,
    /// The text begins with the words of one.
    words: bool,
    /// Exim's header field names the address.
    named: bool,
    /// It is in a thread, as people's mails are.
    answers: bool,
}

impl Evidence {
    fn is_bounce(self) -> bool {
        if self.named || self.daemon {
            return true;
        }
        if self.system {
            return self.subject || self.words;
        }
        self.subject && self.words && !self.answers
    }
}

fn text(mail: &Mail<'_>) -> String {
    let of = |media_type: &str| {
        let leaves = mail.leaves.iter().filter(|leaf| leaf.media_type == media_type && !leaf.attached);
        leaves.take(4).map(Leaf::text).collect::<Vec<_>>().join("\n")
    };
    let plain = of("text/plain");
    let text = if plain.trim().is_empty() { of("text/html") } else { plain };
    limits::prefix(&text, TEXT_BYTES).replace("\r\n", "\n").replace('\0', "")
}

fn failed_recipients(mail: &Mail<'_>) -> Option<String> {
    let named = fields(&mail.headers, "X-Failed-Recipients");
    named.iter().flat_map(|text| text.split(',')).map(address).find(|address| !address.is_empty())
}

/// Addresses that are not the one that failed: the mail system's, and ours, to which it wrote.
#[derive(Debug)]
struct Own {
    /// Lower case.
    addresses: Vec<String>,
    /// Of our Message-IDs and reply addresses.
    domains: Vec<String>,
}

impl Own {
    fn of(mail: &Mail<'_>, from: &str, mailbox: &MailboxRules) -> Self {
        let headers = &mail.headers;
        let mut own: Vec<String> = addresses(headers.to()).into_iter().chain(addresses(headers.from())).collect();
        own.push(from.to_owned());
        for name in ["Return-Path", "Delivered-To", "X-Original-To", "Sender"] {
            own.extend(fields(headers, name).iter().map(|text| address(text)));
        }
        let domains = mailbox.our_message_ids.iter().chain(&mailbox.reply_domains);
        Self {
            addresses: own.iter().filter(|one| !one.is_empty()).map(|one| one.to_lowercase()).collect(),
            domains: domains.map(|domain| format!(".{domain}")).collect(),
        }
    }

    /// Also of "seller.example", if our Message-IDs end with "mail.seller.example".
    fn has(&self, address: &str) -> bool {
        let domain = address.rsplit('@').next().unwrap_or_default();
        self.addresses.iter().any(|one| one == address)
            || self.domains.iter().any(|ours| ours.ends_with(&format!(".{domain}")))
    }
}

/// The address that failed: below the words for it, else anywhere; there the one that stands where mail systems put it, else
/// the first that is nobody else's.
fn recipient(said: &str, own: &Own) -> Option<String> {
    let announced = said.match_indices('\n').map(|(at, _)| at + 1).find(|at| {
        let before = said[..*at].lines().next_back().unwrap_or_default();
        words::announces_recipients(before)
    });
    announced.and_then(|at| recipient_in(&said[at..], own)).or_else(|| recipient_in(said, own))
}

fn recipient_in(said: &str, own: &Own) -> Option<String> {
    let mut first = None;
    for line in said.lines() {
        let found = words::addresses_in(line).find(|one| is_candidate(one, own));
        let Some(found) = found else { continue };
        if words::names_recipient(line, &found) {
            return Some(found);
        }
        first = first.or(Some(found));
    }
    first
}

fn is_candidate(address: &str, own: &Own) -> bool {
    let lower = address.to_lowercase();
    let local = lower.split('@').next().unwrap_or_default();
    !machine::is_daemon(&lower)
        && !matches!(local, "abuse" | "helpdesk" | "support" | "hostmaster" | "webmaster" | "postbox")
        && !own.has(&lower)
}

fn copy_field(copy: &str, name: &str) -> Option<String> {
    let lines = copy.lines().map(|line| line.trim_start_matches(['>', ' ', '\t', '|']));
    let found = lines.filter_map(|line| line.split_once(':')).find(|(key, _)| key.trim().eq_ignore_ascii_case(name))?;
    Some(found.1.trim().to_owned())
}

fn recipient_of_copy(copy: &str) -> Option<String> {
    words::addresses_in(&copy_field(copy, "To")?).next()
}

fn message_id_of_copy(copy: &str) -> String {
    let id = copy_field(copy, "Message-ID").unwrap_or_default();
    clean(id.trim_start_matches('<').trim_end_matches('>'))
}
