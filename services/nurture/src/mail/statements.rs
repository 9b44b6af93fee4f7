//! The template language seen from outside: where statements, expressions and comments stand in a source. For checks that
//! hold for every branch, and to refuse statements that mails have no use for.

use std::ops::Range;

/// What a piece of a source is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `{% ... %}`
    Statement,
    /// `{{ ... }}`
    Expression,
    /// `{# ... #}`
    Comment,
}

/// Statements that mails use. Others capture what they wrap, so that it comes out as a value and is escaped, or name other
/// templates, of which there are none.
const WANTED: [&str; 11] = ["if", "elif", "else", "endif", "for", "endfor", "with", "endwith", "set", "raw", "endraw"];

/// The first unwanted statement in a source, with its byte.
pub(crate) fn unwanted(source: &str) -> Option<(&str, usize)> {
    let statements = segments(source).into_iter().filter(|(kind, _)| *kind == Kind::Statement);
    statements.map(|(_, range)| (range.start, &source[range])).find_map(|(at, statement)| {
        let word = word(statement);
        let captures = word == "set" && !statement.contains('=');
        (captures || !WANTED.contains(&word)).then_some((word, at))
    })
}

/// The source with the template language's pieces blanked out, byte for byte, line for line.
pub(crate) fn blanked(source: &str) -> String {
    let mut blank = source.as_bytes().to_vec();
    for (_, range) in segments(source) {
        for byte in &mut blank[range] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
    }
    String::from_utf8(blank).expect("pieces start and end at ASCII characters")
}

/// Pieces of the template language, delimiters included.
pub(crate) fn segments(source: &str) -> Vec<(Kind, Range<usize>)> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some((kind, start)) = next(source, at) {
        let end = match kind {
            Kind::Comment => close(source, start, "#}"),
            Kind::Expression => close_unquoted(source, start, "}}"),
            Kind::Statement => close_unquoted(source, start, "%}"),
        };
        found.push((kind, start..end));
        at = end;
        if kind == Kind::Statement && word(&source[start..end]) == "raw" {
            at = source[end..].find("endraw").and_then(|raw| source[..end + raw].rfind("{%")).unwrap_or(source.len());
        }
    }
    found
}

/// The first word of a statement.
fn word(statement: &str) -> &str {
    let inner = statement.trim_start_matches("{%").trim_start_matches(['-', '+']).trim_start();
    &inner[..inner.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(inner.len())]
}

fn next(source: &str, from: usize) -> Option<(Kind, usize)> {
    [("{%", Kind::Statement), ("{{", Kind::Expression), ("{#", Kind::Comment)]
        .into_iter()
        .filter_map(|(open, kind)| source.get(from..)?.find(open).map(|at| (kind, from + at)))
        .min_by_key(|(_, at)| *at)
}

fn close(source: &str, start: usize, end: &str) -> usize {
    source[start..].find(end).map_or(source.len(), |at| start + at + end.len())
}

/// The end of a piece; an end inside of a string is none.
fn close_unquoted(source: &str, start: usize, end: &str) -> usize {
    let mut quote: Option<char> = None;
    let mut escaped = false;
    for (at, c) in source[start..].char_indices() {
        match quote {
            Some(_) if escaped => escaped = false,
            Some(_) if c == '\\' => escaped = true,
            Some(open) if c == open => quote = None,
            Some(_) => {}
            None if matches!(c, '"' | '\'') => quote = Some(c),
            None if source[start + at..].starts_with(end) => return start + at + end.len(),
            None => {}
        }
    }
    source.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_capture_is_unwanted() {
        for (source, expected) in [
            ("{% if a %}{% elif b %}{% else %}{% endif %}{% for a in b %}{% endfor %}{% set a = 1 %}", None),
            (
                "{% with a = 1 %}{% endwith %}{# {% macro x() %} #}{% raw %}{% macro x() %}{% endraw %}{{ '{% macro' }}",
                None,
            ),
            ("a{%- macro x() %}", Some(("macro", 1))),
            ("{% set x %}b{% endset %}", Some(("set", 0))),
            ("{%+ filter upper %}", Some(("filter", 0))),
            ("{% autoescape false %}", Some(("autoescape", 0))),
            ("{% include 'x' %}", Some(("include", 0))),
            ("{% raw %}{% endraw %}{% call x() %}", Some(("call", 21))),
        ] {
            assert_eq!(unwanted(source), expected, "{source}");
        }
    }

    #[test]
    fn blanks_keep_every_line() {
        let source = "<a>{{ \"}}ü\"\n}}</a>{# é\n#}{% if x < y %}<b>";
        let blank = blanked(source);
        assert_eq!(blank.len(), source.len());
        assert_eq!(blank.split_whitespace().collect::<Vec<_>>(), ["<a>", "</a>", "<b>"]);
        assert_eq!(blank.lines().count(), source.lines().count());
    }
}
