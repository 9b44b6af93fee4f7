//! What is kept of a refusal is read by people, so no key is kept: neither one of ours, wherever it stands, nor the value of
//! anything that is called `writeKey`, whoever's key that is. The bytes keep their number and their order.
//!
//! What was refused is often broken, so nothing here is parsed: JSON, forms and query strings are told by their punctuation.

use std::ops::Range;

use leadflow_platform::access::key_look_alikes;

/// In lower case, as senders spell them.
const NAMES: [&[u8]; 2] = [b"writekey", b"write_key"];
/// Between the name of a part of a multipart form and its value stand a few headers.
const PART_HEADERS: usize = 1024;

/// The same bytes with stars in the place of keys.
pub(super) fn masked(raw: &[u8]) -> Vec<u8> {
    let readable = Readable::of(raw);
    let mut hidden = key_look_alikes(&readable.bytes);
    hidden.extend(write_keys(&readable.bytes));
    let mut masked = raw.to_vec();
    for range in hidden {
        masked[readable.starts[range.start]..readable.starts[range.end]].fill(b'*');
    }
    masked
}

/// The bytes with letters, digits and underscores as themselves, however they were escaped.
struct Readable {
    bytes: Vec<u8>,
    /// Where each stood, and the end.
    starts: Vec<usize>,
}

impl Readable {
    fn of(raw: &[u8]) -> Self {
        let mut readable = Self { bytes: Vec::with_capacity(raw.len()), starts: Vec::with_capacity(raw.len() + 1) };
        let mut at = 0;
        while at < raw.len() {
            let (byte, length) = escaped(&raw[at..]).unwrap_or((raw[at], 1));
            readable.bytes.push(byte);
            readable.starts.push(at);
            at += length;
        }
        readable.starts.push(at);
        readable
    }
}

/// A letter, digit or underscore as `\u006c` or `%6c`, and how many bytes that takes.
fn escaped(raw: &[u8]) -> Option<(u8, usize)> {
    let (digits, length) = match raw {
        [b'%', digits @ ..] => (digits.get(..2)?, 3),
        [b'\\', b'u', b'0', b'0', digits @ ..] => (digits.get(..2)?, 6),
        _ => return None,
    };
    let byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    (byte.is_ascii_alphanumeric() || byte == b'_').then_some((byte, length))
}

fn write_keys(bytes: &[u8]) -> Vec<Range<usize>> {
    let lower = bytes.to_ascii_lowercase();
    let named = NAMES.iter().flat_map(|name| memchr::memmem::find_iter(&lower, name).map(|at| at + name.len()));
    named.filter_map(|end_of_name| value_after(bytes, end_of_name)).collect()
}

/// The value of the field whose name ends at `at`; none if the name goes on, or nothing follows that gives it a value.
fn value_after(bytes: &[u8], at: usize) -> Option<Range<usize>> {
    let after_quotes = skip(bytes, at, b"\"'\\");
    if bytes[after_quotes..].starts_with(b"\r\n") && after_quotes > at {
        return part_after(bytes, after_quotes);
    }
    let sign = skip(bytes, after_quotes, b" \t\r\n");
    if !matches!(bytes.get(sign), Some(b':' | b'=')) {
        return None;
    }
    let start = skip(bytes, sign + 1, b" \t\r\n");
    let quote = skip(bytes, start, b"\\");
    let end = match bytes.get(quote)? {
        b'"' | b'\'' => return Some(quote + 1..end_of_text(bytes, quote, quote > start)),
        b'[' | b'{' => until(bytes, start, b"]}"),
        _ => until(bytes, start, b",}]&;# \t\r\n\"'"),
    };
    Some(start..end)
}

/// `quote`: of the quotation mark at the beginning. Inside of a text in a text every mark has a backslash before it, the last
/// one too.
fn end_of_text(bytes: &[u8], quote: usize, nested: bool) -> usize {
    let mark = bytes[quote];
    let mut at = quote + 1;
    while at < bytes.len() && bytes[at] != mark {
        at += if bytes[at] == b'\\' && !nested { 2 } else { 1 };
    }
    let end = at.min(bytes.len());
    let of_the_mark = bytes[quote + 1..end].iter().rev().take_while(|byte| nested && **byte == b'\\').count();
    end - of_the_mark
}

/// `at`: of the line break after the name.
fn part_after(bytes: &[u8], at: usize) -> Option<Range<usize>> {
    let headers = &bytes[at..bytes.len().min(at + PART_HEADERS)];
    let start = at + memchr::memmem::find(headers, b"\r\n\r\n")? + 4;
    Some(start..until(bytes, start, b"\r\n"))
}

fn skip(bytes: &[u8], at: usize, over: &[u8]) -> usize {
    at + bytes[at..].iter().take_while(|byte| over.contains(byte)).count()
}

fn until(bytes: &[u8], at: usize, ends: &[u8]) -> usize {
    at + bytes[at..].iter().take_while(|byte| !ends.contains(byte)).count()
}

#[cfg(test)]
mod tests {
    use leadflow_platform::access::KeyText;
    use proptest::prelude::*;

    use super::masked;

    fn text(raw: &str) -> String {
        String::from_utf8(masked(raw.as_bytes())).unwrap()
    }

    #[test]
    fn the_value_of_a_write_key_is_hidden_whatever_it_is_and_wherever_it_stands() {
        let table = [
            (r#"{"writeKey":"abc","event":5}"#, r#"{"writeKey":"***","event":5}"#),
            (r#"{"batch":[{"writeKey" : "abc"},{"WriteKey":"d"#, r#"{"batch":[{"writeKey" : "***"},{"WriteKey":"*"#),
            (r#"{"writeKey":"a\"b\\","x":1}"#, r#"{"writeKey":"******","x":1}"#),
            (r#"{"\u0077riteKey":"abc"}"#, r#"{"\u0077riteKey":"***"}"#),
            (r#"{"body":"{\"writeKey\":\"abc\"}"}"#, r#"{"body":"{\"writeKey\":\"***\"}"}"#),
            (r#"{"writeKey":123,"x":null}"#, r#"{"writeKey":***,"x":null}"#),
            (r#"{"writeKey":["abc","d"],"x":1}"#, r#"{"writeKey":**********],"x":1}"#),
            ("writeKey=abc&email=a%40b.test", "writeKey=***&email=a%40b.test"),
            ("email=a&write%4Bey=a%62c", "email=a&write%4Bey=*****"),
            ("https://x.test/p?write_key=abc#top", "https://x.test/p?write_key=***#top"),
            ("name=\"writeKey\"\r\n\r\nabc\r\n--b", "name=\"writeKey\"\r\n\r\n***\r\n--b"),
            ("name=\"writeKey\"\r\nA: b\r\n\r\nabc", "name=\"writeKey\"\r\nA: b\r\n\r\n***"),
        ];
        for (raw, kept) in table {
            assert_eq!(text(raw), kept);
        }
        for harmless in ["", "writeKey", r#"{"writeKeys":"many"}"#, "the writeKey is missing", r#"{"event":"100%"}"#] {
            assert_eq!(text(harmless), harmless);
        }
        assert_eq!(masked(b"{\"writeKey\":\"a\xffb"), b"{\"writeKey\":\"***");
    }

    #[test]
    fn our_keys_are_hidden_by_their_form() {
        let key = KeyText::generate();
        let stars = "*".repeat(key.as_str().len());
        let escaped: String = key.as_str().bytes().map(|byte| format!("\\u{byte:04x}")).collect();
        assert_eq!(text(&format!("From: x\r\n\r\n{} ", key.as_str())), format!("From: x\r\n\r\n{stars} "));
        assert_eq!(text(&format!("{{\"{escaped}\":1}}")), format!("{{\"{}\":1}}", "*".repeat(escaped.len())));
    }

    proptest! {
        #[test]
        fn no_key_gets_through(before in "\\PC{0,40}", after in "\\PC{0,40}", escape in proptest::collection::vec(0..3, 52)) {
            let key = KeyText::generate();
            let spelled: String = key.as_str().bytes().zip(escape).map(|(byte, how)| match how {
                0 => char::from(byte).to_string(),
                1 => format!("%{byte:02X}"),
                _ => format!("\\u{byte:04x}"),
            }).collect();
            let raw = format!("{before}{spelled}{after}");
            let kept = masked(raw.as_bytes());
            prop_assert_eq!(kept.len(), raw.len());
            let readable = super::Readable::of(&kept).bytes;
            prop_assert!(memchr::memmem::find(&readable, &key.as_str().as_bytes()[40..]).is_none(), "{raw}");
        }

        #[test]
        fn any_bytes_may_come(raw in proptest::collection::vec(any::<u8>(), 0..200), at in 0..200_usize) {
            let mut raw = raw;
            let at = at.min(raw.len());
            raw.splice(at..at, *b"writeKey");
            prop_assert_eq!(masked(&raw).len(), raw.len());
        }
    }
}
