//! Line ends of a message on the wire. SMTP knows CRLF alone: a bare CR or LF is a line end to some servers and none to
//! others, and what lies between both readings has been used to smuggle mails (RFC 5321 section 2.3.8). Pure.

/// The message with every line end as CRLF, without the last one: lettre writes CRLF, dot, CRLF behind what it is given, and
/// doubles the dots that begin a line.
pub(super) fn canonical(bytes: &[u8]) -> Vec<u8> {
    let mut lines = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(end) = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n')) {
        lines.extend_from_slice(&rest[..end]);
        lines.extend_from_slice(b"\r\n");
        rest = &rest[end..];
        rest = rest.strip_prefix(b"\r\n").unwrap_or(&rest[1..]);
    }
    lines.extend_from_slice(rest);
    if lines.ends_with(b"\r\n") {
        lines.truncate(lines.len() - 2);
    }
    lines
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn line_ends() {
        for (bytes, expected) in [
            ("", ""),
            ("\r\n", ""),
            ("a", "a"),
            ("a\r\n", "a"),
            ("a\r\n\r\n", "a\r\n"),
            ("a\nb\rc\r\nd", "a\r\nb\r\nc\r\nd"),
            ("\n.\n", "\r\n."),
            ("\r.\r", "\r\n."),
            ("\r\r\n\n", "\r\n\r\n"),
            (".\r\n..\r\n.", ".\r\n..\r\n."),
        ] {
            assert_eq!(String::from_utf8(canonical(bytes.as_bytes())).unwrap(), expected, "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn no_bare_line_end_is_left_and_nothing_else_changes(bytes in prop::collection::vec(prop::sample::select(b"ab.\r\n".to_vec()), 0..40)) {
            let lines = canonical(&bytes);
            let text = String::from_utf8(lines.clone()).unwrap();
            prop_assert!(!text.replace("\r\n", "").contains(['\r', '\n']));
            let visible = |bytes: &[u8]| bytes.iter().copied().filter(|b| !matches!(b, b'\r' | b'\n')).collect::<Vec<_>>();
            prop_assert_eq!(visible(&lines), visible(&bytes));
            // What was right already stays as it is.
            let right = [&lines[..], b"\r\n"].concat();
            prop_assert_eq!(canonical(&right), lines);
        }
    }
}
