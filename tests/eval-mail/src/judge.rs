//! What the reader of mails takes a fixture for, and the sums.

use std::collections::BTreeMap;

use jiff::Timestamp;
use leadflow_ingest::domain::engagement::Engagement;
use leadflow_ingest::domain::kind::Kind;
use leadflow_ingest::domain::mail::{self, MailboxRules};
use leadflow_ingest::domain::reject::{Reason, Reject};
use leadflow_ingest::domain::rules::SourceRules;

use crate::fixture::{Class, Fixture};

/// Goal of the bounces.
const BOUNCES: f64 = 0.9;

/// What was made of one fixture.
#[derive(Debug)]
pub(crate) struct Verdict {
    /// What it was taken for.
    pub(crate) taken_for: Class,
    /// As its class says: the class, or the very words of a reply.
    pub(crate) right: bool,
    /// Seen to be a report, and refused because it names nobody.
    pub(crate) mute: bool,
    /// Whether the right recipient was named; `None` where nobody says who it is.
    pub(crate) recipient: Option<bool>,
    /// For people.
    pub(crate) why: String,
}

/// Reads a fixture as the e-mail door does.
pub(crate) fn judge(fixture: &Fixture) -> anyhow::Result<Verdict> {
    let mailbox = MailboxRules {
        name: "eval".into(),
        kind: Kind::EmailIn,
        our_message_ids: Vec::new(),
        reply_domains: Vec::new(),
    };
    let read = mail::engagement(&fixture.bytes()?, &mailbox, &SourceRules::new("eval"), Timestamp::UNIX_EPOCH);
    if let Some(expected) = &fixture.expected {
        return Ok(words(expected, &read));
    }
    let taken_for = class_of(&read);
    let named = read.as_ref().map(|event| event.identifiers.email.clone()).unwrap_or_default();
    let wanted: Vec<String> = fixture.recipients.iter().map(|one| one.to_lowercase()).collect();
    let recipient = (!wanted.is_empty() && fixture.class != Class::Ordinary).then(|| wanted.contains(&named));
    let why = match &read {
        Ok(event) => format!("taken for {}, {} {named}", event.name, event.bot_reason),
        Err(reject) => format!("refused, {}", reject.reason.code()),
    };
    // A mail that was refused for what it lacks is at least taken for nothing that it is not.
    // A report that names nobody is refused for that: that it is one was seen.
    let mute = matches!(&read, Err(reject) if reject.reason == Reason::UnknownRecipient);
    let right = taken_for == fixture.class
        || (mute && fixture.class == Class::Complaint)
        || (fixture.class == Class::Ordinary && !matches!(taken_for, Class::Bounce | Class::Delay | Class::Complaint));
    Ok(Verdict { taken_for, right, mute, recipient, why })
}

fn class_of(read: &Result<Engagement<'static>, Reject>) -> Class {
    match read {
        Ok(event) if event.kind == Kind::EmailBounced => Class::Bounce,
        Ok(event) if event.name == "email_delayed" => Class::Delay,
        Ok(event) if event.kind == Kind::EmailComplained => Class::Complaint,
        Ok(event) if event.bot_reason == "auto_reply" => Class::AutoReply,
        // It was seen that it is a report; whose it is nobody can tell.
        Err(reject) if reject.reason == Reason::UnknownRecipient => Class::Bounce,
        _ => Class::Ordinary,
    }
}

fn words(expected: &str, read: &Result<Engagement<'static>, Reject>) -> Verdict {
    let found = read.as_ref().map(|event| event.text.to_string()).unwrap_or_default();
    let plain = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let right = plain(&found) == plain(expected);
    Verdict {
        taken_for: Class::Reply,
        right,
        mute: false,
        recipient: None,
        why: format!("{:?} instead of {:?}", plain(&found), plain(expected)),
    }
}

/// The sums of one corpus, or of all.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sum {
    pub(crate) fixtures: usize,
    pub(crate) recognised: usize,
    /// Of these, refused because they name nobody.
    pub(crate) mute: usize,
    /// Of other classes, taken for this one.
    pub(crate) false_alarms: usize,
    /// Recognised, with the right recipient, of those of which it is known.
    pub(crate) recipients: (usize, usize),
}

/// All sums, by class and corpus.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) sums: BTreeMap<(Class, String), Sum>,
    /// What was not as it should be, for people.
    pub(crate) missed: Vec<String>,
    bounce_for_ordinary: usize,
}

impl Tally {
    pub(crate) fn add(&mut self, fixture: &Fixture, verdict: Verdict) {
        let sum = self.sums.entry((fixture.class, fixture.corpus.clone())).or_default();
        sum.fixtures += 1;
        sum.recognised += usize::from(verdict.right);
        sum.mute += usize::from(verdict.right && verdict.mute);
        if let Some(right) = verdict.recipient {
            sum.recipients.1 += 1;
            sum.recipients.0 += usize::from(right);
        }
        if !verdict.right || verdict.recipient == Some(false) {
            self.missed.push(format!("{:<14}{}: {}", fixture.class.name(), fixture.name(), verdict.why));
        }
        if !verdict.right && verdict.taken_for != fixture.class {
            self.sums.entry((verdict.taken_for, fixture.corpus.clone())).or_default().false_alarms += 1;
            let person = matches!(fixture.class, Class::Ordinary | Class::AutoReply);
            self.bounce_for_ordinary += usize::from(person && verdict.taken_for == Class::Bounce);
        }
    }

    /// Of all corpora.
    pub(crate) fn of(&self, class: Class) -> Sum {
        let of = self.sums.iter().filter(|((of, _), _)| *of == class).map(|(_, sum)| sum);
        of.fold(Sum::default(), |all, sum| Sum {
            fixtures: all.fixtures + sum.fixtures,
            recognised: all.recognised + sum.recognised,
            mute: all.mute + sum.mute,
            false_alarms: all.false_alarms + sum.false_alarms,
            recipients: (all.recipients.0 + sum.recipients.0, all.recipients.1 + sum.recipients.1),
        })
    }

    pub(crate) fn missed_goals(&self) -> Vec<String> {
        let mut missed = Vec::new();
        let bounces = self.of(Class::Bounce);
        if ratio(bounces.recognised, bounces.fixtures) < BOUNCES {
            missed.push(format!(
                "{} of {} bounces recognised, at least 0.9 are wanted",
                bounces.recognised, bounces.fixtures
            ));
        }
        if self.bounce_for_ordinary > 0 {
            missed.push(format!("{} mails that are none were taken for a bounce", self.bounce_for_ordinary));
        }
        missed
    }
}

/// 1 where there is nothing.
pub(crate) fn ratio(part: usize, whole: usize) -> f64 {
    if whole == 0 { 1.0 } else { part as f64 / whole as f64 }
}
