//! Values as text: what a person wrote into a form is put where people read, and must be nothing but text there.

/// Control characters, and those that turn the direction of the text around them.
pub(crate) fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
        || matches!(c, '\u{fdd0}'..='\u{fdef}' | '\u{e0000}'..='\u{e007f}')
}

/// A value for running text: without invisible characters, and with the scheme of addresses left out, since mail programs
/// make links of `https://...` wherever it stands, and a value is no link of ours.
pub(crate) fn as_text(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for c in value.chars().filter(|c| matches!(c, '\n' | '\t') || !is_invisible(*c)) {
        text.push(c);
        if text.ends_with("://") {
            text.truncate(text.len() - "://".len());
            let is_scheme = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
            text.truncate(text.trim_end_matches(is_scheme).len());
        }
    }
    text
}

/// One line for a header: control characters and white space become single spaces. A text that looks like an encoded word
/// (RFC 2047) is broken up, or mail programs would show something else than was written.
pub(crate) fn as_line(text: &str) -> String {
    let spaced: String = text.chars().map(|c| if is_invisible(c) { ' ' } else { c }).collect();
    let line = spaced.split_whitespace().collect::<Vec<_>>().join(" ");
    line.replace("=?", "= ?")
}

/// Text inside HTML: in running text and between double quotes.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            _ => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_nothing_but_text() {
        for (value, expected) in [
            ("Jörg ❤\u{fe0f}", "Jörg ❤\u{fe0f}"),
            ("a\0b\u{8}c\u{202e}d\u{200b}e", "abcde"),
            ("two\nlines\tand", "two\nlines\tand"),
            ("win at https://evil.example/x now", "win at evil.example/x now"),
            ("HTTP://evil.example", "evil.example"),
            ("hthttps://tps://evil.example", "evil.example"),
            ("ht\u{200b}tps://evil.example", "evil.example"),
            (": // ://", ": // "),
            ("ü://x", "üx"),
        ] {
            assert_eq!(as_text(value), expected, "{value:?}");
        }
    }

    #[test]
    fn a_header_is_one_line() {
        for (text, expected) in [
            ("Hello\r\nBcc: x@evil.example", "Hello Bcc: x@evil.example"),
            ("  a \t b\u{2028}c\0d\u{85}e ", "a b c d e"),
            ("=?utf-8?q?boo?=", "= ?utf-8?q?boo?="),
            ("\r\n", ""),
        ] {
            assert_eq!(as_line(text), expected, "{text:?}");
        }
    }

    #[test]
    fn an_escaped_text_holds_no_markup() {
        assert_eq!(escape("<a href='x' title=\"y\">&"), "&lt;a href=&#39;x&#39; title=&quot;y&quot;&gt;&amp;");
    }
}
