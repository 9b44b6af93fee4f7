//! HTML as a sequence of tags and texts, with the bytes they stand in, by the tokenizer of the HTML standard. What Outlook
//! alone reads (conditional comments) is looked into as well, since people click there too.

use std::ops::Range;

use html5gum::emitters::callback::{CallbackEmitter, CallbackEvent};
use html5gum::{Span, Tokenizer};

/// An attribute of a start tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Attribute {
    /// In small letters.
    pub(crate) name: String,
    /// Decoded.
    pub(crate) value: String,
    /// From the name to the closing quote.
    pub(crate) place: Range<usize>,
    /// Between the quotes, if it has any.
    pub(crate) quoted: Option<Range<usize>>,
}

/// A start tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tag {
    /// In small letters.
    pub(crate) name: String,
    /// As they stand.
    pub(crate) attributes: Vec<Attribute>,
    /// From `<` to `>`.
    pub(crate) place: Range<usize>,
    /// Ends with `/>`.
    pub(crate) closed: bool,
}

impl Tag {
    /// The value of an attribute.
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|attribute| attribute.name == name).map(|attribute| attribute.value.as_str())
    }

    /// No end tag follows.
    pub(crate) fn is_void(&self) -> bool {
        const VOID: [&str; 14] = [
            "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track",
            "wbr",
        ];
        self.closed || VOID.contains(&self.name.as_str())
    }
}

/// A piece of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    /// `<name ...>`
    Start(Tag),
    /// `</name>`, and the byte after it.
    End(usize),
    /// Text, decoded, and its bytes.
    Text(String, Range<usize>),
    /// What only Outlook reads.
    Outlook(Vec<Token>),
    /// Comments, doctypes.
    Other,
}

/// Every piece of a document.
pub(crate) fn tokens(html: &str) -> Vec<Token> {
    tokens_from(html, 0)
}

/// Every piece, those that only Outlook reads in their place.
pub(crate) fn flat(tokens: &[Token]) -> Vec<&Token> {
    let mut all = Vec::with_capacity(tokens.len());
    for token in tokens {
        match token {
            Token::Outlook(inner) => all.extend(flat(inner)),
            token => all.push(token),
        }
    }
    all
}

fn tokens_from(html: &str, offset: usize) -> Vec<Token> {
    let mut open: Option<Tag> = None;
    let mut callback = move |event: CallbackEvent<'_>, span: Span<usize>| -> Option<Token> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        match event {
            CallbackEvent::OpenStartTag { name } => {
                let place = span.start + offset..span.start + offset;
                open = Some(Tag { name: text(name), attributes: Vec::new(), place, closed: false });
                None
            }
            CallbackEvent::AttributeName { name } => {
                let attribute = attribute(text(name), html, span.start, offset);
                open.as_mut()?.attributes.push(attribute);
                None
            }
            CallbackEvent::AttributeValue { value } => {
                open.as_mut()?.attributes.last_mut()?.value.push_str(&text(value));
                None
            }
            CallbackEvent::CloseStartTag { self_closing } => {
                let mut tag = open.take()?;
                tag.place.end = span.end + offset;
                tag.closed = self_closing;
                Some(Token::Start(tag))
            }
            CallbackEvent::EndTag { .. } => Some(Token::End(span.end + offset)),
            CallbackEvent::String { value } => Some(Token::Text(text(value), span.start + offset..span.end + offset)),
            CallbackEvent::Comment { .. } => Some(conditional(html, span, offset).unwrap_or(Token::Other)),
            CallbackEvent::Doctype { .. } => Some(Token::Other),
            CallbackEvent::Error(_) => None,
        }
    };
    let mut emitter = CallbackEmitter::new(&mut callback);
    emitter.naively_switch_states(true);
    Tokenizer::new_with_emitter(html, emitter).map(|token| token.unwrap_or_else(|never| match never {})).collect()
}

/// What stands between `<!--[if ...]>` and `<![endif]-->`.
fn conditional(html: &str, span: Span<usize>, offset: usize) -> Option<Token> {
    let comment = html.get(span.start..span.end)?;
    let start = comment.strip_prefix("<!--[if").and_then(|rest| rest.find("]>")).map(|at| "<!--[if".len() + at + 2)?;
    let end = comment.rfind("<![endif]").filter(|end| *end > start)?;
    Some(Token::Outlook(tokens_from(&comment[start..end], offset + span.start + start)))
}

/// An attribute that starts at a byte, as the HTML standard reads quotes.
fn attribute(name: String, html: &str, start: usize, offset: usize) -> Attribute {
    const ENDS: [char; 7] = ['>', '/', ' ', '\t', '\n', '\r', '\x0c'];
    let rest = &html[start..];
    let name_end = rest.find(|c| c == '=' || ENDS.contains(&c)).unwrap_or(rest.len());
    let value = rest[name_end..].trim_start().strip_prefix('=').map(str::trim_start);
    let (end, quoted) = match value {
        None => (name_end, None),
        Some(value) => {
            let value_start = rest.len() - value.len();
            match value.chars().next() {
                Some(quote @ ('"' | '\'')) => {
                    let length = value[1..].find(quote).unwrap_or(value.len() - 1);
                    let end = (value_start + length + 2).min(rest.len());
                    (end, Some(start + offset + value_start + 1..start + offset + value_start + 1 + length))
                }
                _ => (value_start + value.find(|c| c != '/' && ENDS.contains(&c)).unwrap_or(value.len()), None),
            }
        }
    };
    Attribute { name, value: String::new(), place: start + offset..start + offset + end, quoted }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(html: &str) -> Vec<(String, String)> {
        let mut found = Vec::new();
        for token in flat(&tokens(html)) {
            match token {
                Token::Start(tag) => {
                    found.push((format!("<{}>", tag.name), html[tag.place.clone()].to_owned()));
                    for attribute in &tag.attributes {
                        let name = format!("{}={}", attribute.name, attribute.value);
                        found.push((name, html[attribute.place.clone()].to_owned()));
                    }
                }
                Token::Text(text, place) => found.push((text.clone(), html[place.clone()].to_owned())),
                _ => {}
            }
        }
        found
    }

    #[test]
    fn everything_is_found_where_it_stands() {
        let html = concat!(
            "<!doctype html>\n<P Class=x title='a \"b' alt=\"&lt;ä&amp;\" hidden >Grüße &nbsp;&amp; &copy; x</p>",
            "<a href=\"https://x.example/?a=1&b=2&amp;copy=3\" data-a=\"&\">é</a>",
            "<!--[if mso]><v:roundrect href=\"https://y.example/\" /><b>ü</b><![endif]--><!-- <i>no</i> -->",
            "<!--[if !mso]><!--><i>yes</i><!--<![endif]--><style>a > b { content: \"<x>\" }</style><title>a &lt; <b></title>",
        );
        let expected = [
            ("<p>", "<P Class=x title='a \"b' alt=\"&lt;ä&amp;\" hidden >"),
            ("class=x", "Class=x"),
            ("title=a \"b", "title='a \"b'"),
            ("alt=<ä&", "alt=\"&lt;ä&amp;\""),
            ("hidden=", "hidden"),
            ("Grüße \u{a0}& © x", "Grüße &nbsp;&amp; &copy; x"),
            ("<a>", "<a href=\"https://x.example/?a=1&b=2&amp;copy=3\" data-a=\"&\">"),
            ("href=https://x.example/?a=1&b=2&copy=3", "href=\"https://x.example/?a=1&b=2&amp;copy=3\""),
            ("data-a=&", "data-a=\"&\""),
            ("é", "é"),
            ("<v:roundrect>", "<v:roundrect href=\"https://y.example/\" />"),
            ("href=https://y.example/", "href=\"https://y.example/\""),
            ("<b>", "<b>"),
            ("ü", "ü"),
            ("<i>", "<i>"),
            ("yes", "yes"),
            ("<style>", "<style>"),
            ("a > b { content: \"<x>\" }", "a > b { content: \"<x>\" }"),
            ("<title>", "<title>"),
            ("a < <b>", "a &lt; <b>"),
        ];
        let found = all(html);
        let trimmed: Vec<(&str, &str)> = found
            .iter()
            .filter(|(name, _)| name != "\n")
            .map(|(name, place)| (name.as_str(), place.as_str()))
            .collect();
        assert_eq!(trimmed, expected);
    }

    #[test]
    fn broken_html_is_read_to_its_end() {
        for html in [
            "<a href=\"x",
            "<a href=x",
            "<",
            "</",
            "<!--[if mso]>",
            "<!--[if mso]><a href='x'",
            "<a b='",
            "&",
            "<a =x>",
            "\0",
        ] {
            let _ = all(html);
        }
    }
}
