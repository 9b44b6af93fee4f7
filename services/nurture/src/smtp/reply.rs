//! What a relay said, made fit to be kept: without control characters, without addresses, short. And what lettre reports,
//! sorted into the two cases that matter: a complete reply, or none.

use lettre::transport::smtp::Error;
use lettre::transport::smtp::response::Response;

use super::blame::is_word_of_replies;

/// Longest text that is kept of a reply, in bytes.
const MOST_BYTES: usize = 512;
const MASK: &str = "***";

/// A command that did not succeed.
#[derive(Debug)]
pub(super) enum Failure {
    /// A complete negative reply, or a positive one that does not fit the command.
    Reply {
        code: u16,
        /// As the relay said it: not fit to be kept.
        text: String,
    },
    /// None.
    Broken(Broken),
}

/// Why there is no complete reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Broken {
    /// The time of the phase is over.
    TimedOut,
    /// Closed, reset, or something that is no reply: lettre does not tell these apart.
    Cut,
}

impl Failure {
    /// Of the reply, if there was one.
    pub(super) fn code(&self) -> Option<u16> {
        match self {
            Failure::Reply { code, .. } => Some(*code),
            Failure::Broken(_) => None,
        }
    }
}

impl Broken {
    /// "timed out", before "waiting for ...".
    pub(super) fn words(self) -> &'static str {
        match self {
            Broken::TimedOut => "timed out",
            Broken::Cut => "cut off",
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error.status() {
            Some(code) => {
                let text = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
                Failure::Reply { code: code.into(), text }
            }
            None => Failure::Broken(Broken::Cut),
        }
    }
}

/// The lines of a reply as one.
pub(super) fn joined(response: &Response) -> String {
    response.message().collect::<Vec<_>>().join(" ")
}

/// A reply's text, fit to be kept. `people` are the addresses that were told to the relay: it may repeat one without its
/// domain. Whatever else has an @ is masked too.
pub(super) fn presentable(text: &str, people: &[&str]) -> String {
    let printable: String = text.chars().map(|c| if disturbs(c) { ' ' } else { c }).collect();
    let mut masked = mask_addresses(&printable);
    for person in people {
        let local = person.rsplit_once('@').map_or(*person, |(local, _)| local);
        if local.len() >= 3 && !is_word_of_replies(local) {
            masked = mask_word(&masked, local);
        }
    }
    let mut end = masked.len().min(MOST_BYTES);
    while !masked.is_char_boundary(end) {
        end -= 1;
    }
    masked.truncate(end);
    masked.trim().to_owned()
}

/// Control characters, and those that turn the direction of text.
fn disturbs(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Every run of characters that holds an @, or an encoded one, becomes a mask.
fn mask_addresses(text: &str) -> String {
    let separates =
        |c: char| c.is_whitespace() || matches!(c, '<' | '>' | '(' | ')' | '[' | ']' | ',' | ';' | ':' | '"' | '\'');
    let mut masked = String::with_capacity(text.len());
    for piece in text.split_inclusive(separates) {
        let (word, end) = match piece.chars().next_back() {
            Some(last) if separates(last) => piece.split_at(piece.len() - last.len_utf8()),
            _ => (piece, ""),
        };
        let address = word.contains(['@', '\u{ff20}']) || word.to_ascii_lowercase().contains("%40");
        masked.push_str(if address { MASK } else { word });
        masked.push_str(end);
    }
    masked
}

/// Every occurrence of `word` that is not part of a longer one, in any case of its letters.
fn mask_word(text: &str, word: &str) -> String {
    let joins = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '-'));
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    let mut before = None;
    while let Some(first) = rest.chars().next() {
        let found = rest.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
        if found && !joins(before) && !joins(rest[word.len()..].chars().next()) {
            masked.push_str(MASK);
            before = word.chars().next_back();
            rest = &rest[word.len()..];
        } else {
            masked.push(first);
            before = Some(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    masked
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::blame::{Blame, classify};
    use super::*;

    const US: &str = "news@example.test";

    #[test]
    fn addresses_are_masked_and_the_rest_stays() {
        for (text, to, expected) in [
            ("2.0.0 Ok: queued as 4F2", "ada@example.test", "2.0.0 Ok: queued as 4F2"),
            ("5.1.1 <ada@example.test>: User unknown", "ada@example.test", "5.1.1 <***>: User unknown"),
            ("5.1.1 user ada.byron (Ada.Byron) unknown", "ada.byron@example.test", "5.1.1 user *** (***) unknown"),
            ("adam and ada-b are not ada", "ada@example.test", "adam and ada-b are not ***"),
            ("from news=example.test@relay and ada%40example.test", "ada@example.test", "from *** and ***"),
            ("No such user \"ada\"; other@else.test", "ada@example.test", "No such user \"***\"; ***"),
            ("5.1.1 user unknown", "user@example.test", "5.1.1 user unknown"),
            ("a\r\nb\u{0}c\u{202e}d\té", "ada@example.test", "a  b c d é"),
            ("", "ada@example.test", ""),
        ] {
            assert_eq!(presentable(text, &[US, to]), expected, "{text:?}");
        }
    }

    #[test]
    fn a_masked_text_still_tells_whose_fault_it_is() {
        for local in ["user", "unknown", "mailbox", "spam", "no", "ada"] {
            let text = format!("<{local}@example.test>: user unknown");
            let kept = presentable(&text, &[US, &format!("{local}@example.test")]);
            assert_eq!(classify(550, &kept), Blame::Recipient, "{kept}");
        }
    }

    #[test]
    fn long_texts_are_cut_between_characters_and_after_masking() {
        let kept = presentable(&"é".repeat(600), &[]);
        assert_eq!(kept, "é".repeat(256));
        let split = format!("{}ada@example.test", "x ".repeat(254));
        assert!(!presentable(&split, &[]).contains("ada"), "an address is not cut into something that is none");
    }

    proptest! {
        #[test]
        fn nothing_disturbing_is_left_of_any_text(text in ".{0,700}", local in "[a-z]{4,12}") {
            let person = format!("{local}@example.test");
            let kept = presentable(&format!("{text} <{person}> {local} {text}"), &[&person]);
            prop_assert!(kept.len() <= MOST_BYTES);
            prop_assert!(!kept.chars().any(disturbs));
            prop_assert!(!kept.contains('@'));
            let word = format!(" {local} ");
            prop_assert!(!kept.contains(&word) || is_word_of_replies(&local));
        }
    }
}
