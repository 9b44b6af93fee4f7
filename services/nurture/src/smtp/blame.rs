//! Whose fault a permanent refusal is: only a mailbox that does not exist is a reason never to write to it again. Codes
//! first (RFC 3463 and its registry), then the words that servers use without codes. Pure.

/// Whose fault a permanent refusal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Blame {
    /// The mailbox does not exist, or takes nothing ever again: a hard bounce.
    Recipient,
    /// Us: our address, our reputation, our content, somebody's policy.
    Sender,
    /// It does not say.
    Unknown,
}

/// Words of refusals for which the sender is the reason. They win over those below: "sender verify failed: no such user" is
/// about the sender.
const SENDER: [&str; 23] = [
    "spam",
    "unsolicited",
    "bulk",
    "blocked",
    "blacklist",
    "blocklist",
    "block list",
    "denylist",
    "listed",
    "reputation",
    "policy",
    "denied",
    "not authorized",
    "not authorised",
    "unauthenticated",
    "authentication",
    "relay",
    "spf",
    "dkim",
    "dmarc",
    "sender",
    "content",
    "virus",
];

/// Words of refusals for which the recipient is the reason.
const RECIPIENT: [&str; 27] = [
    "user unknown",
    "unknown user",
    "unknown recipient",
    "recipient unknown",
    "unknown address",
    "unknown mailbox",
    "mailbox unknown",
    "no such user",
    "no such recipient",
    "no such mailbox",
    "no such address",
    "no such person",
    "no mailbox here",
    "user not found",
    "recipient not found",
    "mailbox not found",
    "address not found",
    "does not exist",
    "doesn't exist",
    "invalid recipient",
    "invalid mailbox",
    "not a valid mailbox",
    "account disabled",
    "account is disabled",
    "account has been disabled",
    "mailbox disabled",
    "this user doesn't have",
];

/// Whose fault it is, from code and text of a 5xx reply. A code that is no 5xx blames nobody.
///
/// Careful with [`Blame::Recipient`]: it silences an address for ever. So a full mailbox (5.2.2), a moved or unreachable host
/// and every policy stay out of it.
#[must_use]
pub fn classify(code: u16, text: &str) -> Blame {
    if !(500..600).contains(&code) {
        return Blame::Unknown;
    }
    let text = text.to_lowercase();
    match enhanced(&text) {
        // Bad mailbox, bad domain, bad syntax, moved away, null MX, disabled for good; Exchange: the domain does not exist.
        Some((1, 1 | 2 | 3 | 6 | 10) | (2, 1) | (4, 310)) => return Blame::Recipient,
        // Our address, our protocol, our content, policy.
        Some((1, 7 | 8) | (5..=7, _)) => return Blame::Sender,
        Some((2, 2)) => return Blame::Unknown,
        _ => {}
    }
    if SENDER.iter().any(|words| text.contains(words)) {
        // Exchange Online says "Recipient address rejected: Access denied" with 5.4.1 for somebody it does not know.
        let unknown_at_exchange = enhanced(&text) == Some((4, 1)) && text.contains("recipient address rejected");
        return if unknown_at_exchange { Blame::Recipient } else { Blame::Sender };
    }
    if RECIPIENT.iter().any(|words| text.contains(words)) {
        return Blame::Recipient;
    }
    match code {
        // Wrong order or syntax of commands, authentication wanted.
        500..=504 | 530..=538 | 555 => Blame::Sender,
        _ => Blame::Unknown,
    }
}

/// Words of refusals that are about what stands in a mail.
const CONTENT: [&str; 6] = ["spam", "unsolicited", "content", "virus", "malware", "5.6."];

/// Whether a permanent refusal is about this mail itself. To say the same thing again would make it worse; every other reason
/// on our side may be gone tomorrow: "sending suspended", "quota exceeded".
#[must_use]
pub(crate) fn is_about_the_mail(text: &str) -> bool {
    let text = text.to_lowercase();
    CONTENT.iter().any(|words| text.contains(words))
}

/// Whether a word belongs to the texts that are looked for: a name that is such a word must not be masked.
pub(super) fn is_word_of_replies(word: &str) -> bool {
    let word = word.to_lowercase();
    SENDER.iter().chain(&RECIPIENT).any(|words| words.split(' ').any(|one| one == word))
}

/// Subject and detail of the first "5.x.y" of a text (RFC 3463); an IP address is none.
fn enhanced(text: &str) -> Option<(u16, u16)> {
    let tokens = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '.'));
    tokens.filter_map(code_of).next()
}

fn code_of(token: &str) -> Option<(u16, u16)> {
    let mut parts = token.trim_end_matches('.').split('.');
    let (class, subject, detail) = (parts.next()?, parts.next()?, parts.next()?);
    if class != "5" || parts.next().is_some() || subject.len() > 3 || detail.len() > 3 {
        return None;
    }
    Some((subject.parse().ok()?, detail.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_of_the_mail_is_not_said_of_us() {
        for text in ["5.7.1 this looks like spam", "5.6.0 malformed", "5.7.1 message contains a virus"] {
            assert!(is_about_the_mail(text), "{text}");
        }
        for text in ["5.7.1 Message rejected: sending suspended for this account", "5.7.1 Relay access denied"] {
            assert!(!is_about_the_mail(text), "{text}");
            assert_eq!(classify(554, text), Blame::Sender, "{text}");
        }
    }

    #[test]
    fn replies_as_servers_give_them() {
        use Blame::{Recipient, Sender, Unknown};
        for (code, text, expected) in [
            (550, "5.1.1 <***>: Recipient address rejected: User unknown in virtual mailbox table", Recipient),
            (550, "5.1.1 The email account that you tried to reach does not exist.", Recipient),
            (550, "5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup", Recipient),
            (550, "5.1.2 The domain name is not known", Recipient),
            (550, "5.2.1 The email account that you tried to reach is disabled.", Recipient),
            (550, "5.4.1 Recipient address rejected: Access denied. AS(201806281)", Recipient),
            (554, "delivery error: dd This user doesn't have a yahoo.test account (***) [0]", Recipient),
            (550, "No such user here", Recipient),
            (550, "#5.1.0 Address rejected: no such user", Recipient),
            (553, "sorry, that domain: mailbox not found", Recipient),
            (552, "5.2.2 The email account that you tried to reach is over quota", Unknown),
            (550, "5.2.2 mailbox disabled, over quota", Unknown),
            (550, "Requested action not taken: mailbox unavailable", Unknown),
            (554, "5.0.0 Transaction failed", Unknown),
            (550, "5.4.4 Unable to route: host not found", Unknown),
            (550, "", Unknown),
            (550, "5.7.1 <***>: Recipient address rejected: Access denied", Sender),
            (550, "5.7.26 Unauthenticated email from example.test is not accepted due to DMARC policy", Sender),
            (554, "5.7.1 Service unavailable; Client host [5.1.1.4] blocked using a list", Sender),
            (550, "5.7.1 message rejected, user unknown or spam", Sender),
            (550, "5.1.8 Sender address rejected: Domain not found", Sender),
            (550, "Sender verify failed: no such user", Sender),
            (550, "JunkMail rejected: your host is listed at a block list", Sender),
            (550, "5.6.0 a line of the message is too long", Sender),
            (554, "relay access denied", Sender),
            (503, "bad sequence of commands", Sender),
            (530, "5.7.0 Must issue a STARTTLS command first", Sender),
            (535, "bad password", Sender),
            (450, "5.1.1 user unknown", Unknown),
            (250, "5.1.1 user unknown", Unknown),
        ] {
            assert_eq!(classify(code, text), expected, "{code} {text}");
        }
    }

    #[test]
    fn codes_are_found_and_addresses_of_hosts_are_not() {
        for (text, expected) in [
            ("5.1.1 x", Some((1, 1))),
            ("said (#5.7.26)", Some((7, 26))),
            ("see 5.1.1.4", None),
            ("5.1", None),
            ("4.2.2 full", None),
            ("5.1.1. then", Some((1, 1))),
            ("5.1234.1", None),
            ("é5.1.1", Some((1, 1))),
        ] {
            assert_eq!(enhanced(text), expected, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_has_an_answer(code: u16, text: String) {
            let blame = classify(code, &text);
            proptest::prop_assert!((500..600).contains(&code) || blame == Blame::Unknown);
        }
    }
}
