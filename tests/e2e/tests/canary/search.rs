//! Whether a text holds a word: as it is, in either case, percent-encoded, hexadecimal, or anywhere inside of base64.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};

use crate::people::{ADDRESS, PHONE, WORD};

/// What is looked for.
#[derive(Debug, Default)]
pub(crate) struct Needles {
    /// In small letters, whatever the text's are.
    any_case: Vec<String>,
    /// As they are.
    exact: Vec<String>,
}

impl Needles {
    /// Every word of the canaries.
    pub(crate) fn of_all() -> Self {
        let mut needles = Self::default();
        for word in [WORD, PHONE, ADDRESS] {
            needles.add(word);
        }
        needles
    }

    fn add(&mut self, word: &str) {
        let upper = word.to_uppercase();
        let title = format!("{}{}", &upper[..1], &word[1..]);
        for spelled in [word, &upper, &title] {
            self.any_case.push(hexadecimal(spelled));
            for padding in 0..3 {
                self.exact.extend(inside_base64(spelled, padding));
            }
        }
        // Percent-encoding leaves letters and digits; whoever encodes those too writes hexadecimal with signs between.
        self.any_case.push(word.to_lowercase());
        self.any_case.push(word.bytes().map(|byte| format!("%{byte:02x}")).collect());
        self.any_case.sort();
        self.any_case.dedup();
        self.exact.sort();
        self.exact.dedup();
    }
}

fn hexadecimal(word: &str) -> String {
    word.bytes().map(|byte| format!("{byte:02x}")).collect()
}

/// The characters of base64 that this word alone decides when so many bytes (0 to 2, of a group of three) stand before it.
fn inside_base64(word: &str, before: usize) -> [String; 2] {
    let bytes: Vec<u8> = std::iter::repeat_n(0, before).chain(word.bytes()).collect();
    let from = [0, 2, 3][before];
    let until = bytes.len() * 8 / 6;
    [STANDARD.encode(&bytes)[from..until].to_owned(), URL_SAFE.encode(&bytes)[from..until].to_owned()]
}

/// Lines of the text that hold one of them, shortened.
pub(crate) fn sightings(needles: &Needles, text: &str) -> Vec<String> {
    let is_in = |line: &&str| {
        let small = line.to_lowercase();
        needles.any_case.iter().any(|needle| small.contains(needle.as_str()))
            || needles.exact.iter().any(|needle| line.contains(needle.as_str()))
    };
    text.lines().filter(is_in).take(20).map(|line| line.chars().take(1500).collect()).collect()
}

#[test]
fn the_search_finds_what_was_planted() {
    let needles = Needles::of_all();
    let email = "zaunkoenig.c4n4ry.through@c4n4ry-werke.example";
    let mut planted = vec![
        email.to_owned(),
        email.to_uppercase(),
        format!("{{\"message\":\"to {email}\"}}"),
        "path=/c/C4n4ry%20Werke".to_owned(),
        "%63%34%6E%34%72%79".to_owned(),
        "+493090182777".to_owned(),
        "tel%3A%2B493090182777".to_owned(),
        "from 203.0.113.77:4711".to_owned(),
        format!("bytea \\x{}", hexadecimal(email)),
        format!("bytea \\x{}", hexadecimal(email).to_uppercase()),
    ];
    for before in ["", "a", "ab", "abc", "To: <"] {
        for word in [email, "C4n4ry Werke", "+493090182777", "203.0.113.77"] {
            let text = format!("{before}{word}, and more");
            planted.extend([STANDARD.encode(&text), URL_SAFE.encode(&text)]);
        }
    }
    for text in planted {
        assert_eq!(sightings(&needles, &format!("before\n{text}\nafter")), std::slice::from_ref(&text), "{text}");
    }
    let innocent = "canary 203.0.113.7 30901827 c4n4 seller@seller.example YzRu";
    assert_eq!(sightings(&needles, innocent), [""; 0]);
}
