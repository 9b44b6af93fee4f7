//! Whether a bounce is hard (the address is wrong, for good) or soft (it may work another day): by the RFC 3463 code, else
//! by the SMTP reply code, else by the words that mail servers use.

/// The address is wrong, for good.
pub(crate) const HARD: &str = "hard";
/// The mail did not arrive this time.
pub(crate) const SOFT: &str = "soft";

/// "hard" or "soft". `status_code` is of RFC 3463 or empty; `words` is what the report says. What nobody can tell is soft: an
/// address is not given up for a report that gives no reason.
#[must_use]
pub(crate) fn of(status_code: &str, words: &str) -> &'static str {
    // RFC 3463: a full mailbox "should be used as a persistent transient failure", whatever class was written.
    if status_code.ends_with(".2.2") {
        return SOFT;
    }
    match status_code.bytes().next() {
        Some(b'5') => return HARD,
        Some(b'4') => return SOFT,
        _ => {}
    }
    let words = words.to_lowercase();
    if contains(&words, &SOFT_WORDS) {
        return SOFT;
    }
    if contains(&words, &HARD_WORDS) {
        return HARD;
    }
    match smtp_code(&words) {
        Some(b'5') => HARD,
        _ => SOFT,
    }
}

fn contains(words: &str, known: &[&str]) -> bool {
    known.iter().any(|known| words.contains(known))
}

/// First digit of an SMTP reply code ("550 no such user", "smtp;550").
fn smtp_code(words: &str) -> Option<u8> {
    let is_code = |token: &&str| {
        let [class, subject, detail] = token.as_bytes() else { return false };
        matches!(class, b'4' | b'5') && matches!(subject, b'0'..=b'5' | b'7') && detail.is_ascii_digit()
    };
    let separate = |c: char| !c.is_ascii_alphanumeric() && c != '.';
    words.split(separate).find(is_code).and_then(|token| token.bytes().next())
}

/// The first RFC 3463 code of a failure in a text: "5.1.1", also out of "#5.1.1" and "550-5.1.1"; empty if there is none.
#[must_use]
pub(crate) fn status_in(text: &str) -> String {
    let separate = |c: char| !c.is_ascii_digit() && c != '.';
    let is_code = |token: &&str| {
        let numbers: Vec<&str> = token.trim_end_matches('.').split('.').collect();
        // Class, subject, detail: "Exim 4.92.3" is a version.
        let subjects = ["0", "1", "2", "3", "4", "5", "6", "7"];
        numbers.len() == 3
            && matches!(numbers[0], "2" | "4" | "5")
            && subjects.contains(&numbers[1])
            && (1..=3).contains(&numbers[2].len())
    };
    text.split(separate).find(is_code).map(|token| token.trim_end_matches('.').to_owned()).unwrap_or_default()
}

/// What servers say when it may work another day. Lower case.
const SOFT_WORDS: [&str; 25] = [
    "mailbox full",
    "mailbox is full",
    "mail box full",
    "over quota",
    "overquota",
    "quota exceeded",
    "exceeded storage",
    "exceeds quota",
    "disk quota",
    "insufficient",
    "not enough",
    "temporar",
    "try again later",
    "try later",
    "timed out",
    "timeout",
    "connection refused",
    "greylist",
    "graylist",
    "too busy",
    "deferred",
    "postfach voll",
    "boîte pleine",
    "buzón lleno",
    "casella piena",
];

/// What servers say when the address is wrong. Lower case.
const HARD_WORDS: [&str; 48] = [
    "user unknown",
    "unknown user",
    "no such user",
    "no such recipient",
    "unknown recipient",
    "recipient unknown",
    "no such address",
    "no such mailbox",
    "no such account",
    "does not exist",
    "doesn't exist",
    "doesn't have a",
    "mailbox not found",
    "not found",
    "not recognized",
    "not a valid",
    "not known",
    "unknown local",
    "invalid recipient",
    "invalid user",
    "invalid mailbox",
    "invalid address",
    "illegal user",
    "bad address",
    "bad destination",
    "address rejected",
    "address unknown",
    "unknown address",
    "unknown or illegal",
    "host unknown",
    "unknown host",
    "unrouteable",
    "unroutable",
    "account disabled",
    "has been disabled",
    "is disabled",
    "inactive",
    "no mailbox",
    "mailbox name not allowed",
    "not listed in",
    "no longer",
    "existiert nicht",
    "unbekannt",
    "n'existe pas",
    "no existe",
    "inesistente",
    "nie istnieje",
    "не существует",
];

#[cfg(test)]
mod tests {
    use super::{HARD, SOFT, of, status_in};

    #[test]
    fn the_code_decides_and_words_where_there_is_none() {
        let table = [
            ("5.1.1", "", HARD),
            ("4.4.1", "user unknown", SOFT),
            ("5.2.2", "", SOFT),
            ("", "550 no such user here", HARD),
            ("", "552 mailbox full", SOFT),
            ("", "smtp;554 rejected for policy reasons", HARD),
            ("", "451 come later", SOFT),
            ("", "Something went wrong", SOFT),
            ("", "User unknown. Check the address and try again.", HARD),
            ("", "The address <a@b.test> is not listed in the public Name & Address Book", HARD),
        ];
        for (code, words, expected) in table {
            assert_eq!(of(code, words), expected, "{code} {words}");
        }
    }

    #[test]
    fn codes_are_found_in_what_servers_write() {
        let table = [
            ("550-5.1.1 The account does not exist", "5.1.1"),
            ("user unknown (#5.1.1)", "5.1.1"),
            ("Status is 5.7.26.", "5.7.26"),
            ("smtp;550 no code", ""),
            ("from mx1 (192.0.2.25) 4.4.1", "4.4.1"),
            ("version 3.1.4, Exim 4.92.3", ""),
        ];
        for (text, expected) in table {
            assert_eq!(status_in(text), expected, "{text}");
        }
    }
}
