//! What people see of a mail's HTML: text and links that stand neither in the head nor in a hidden element nor where only
//! Outlook reads.

use std::ops::Range;

use super::html::{Tag, Token, tokens};

/// What is seen.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Visible {
    /// Text without white space, so that line breaks and tags inside do not matter.
    pub(crate) text: String,
    /// Addresses.
    pub(crate) links: Vec<String>,
    /// Hidden elements, whole.
    pub(crate) hidden: Vec<Range<usize>>,
}

/// Looks at a document.
pub(crate) fn visible(html: &str) -> Visible {
    let mut visible = Visible::default();
    // Where a hidden element starts, and how many elements are open in it, itself included.
    let mut hidden: Option<(usize, usize)> = None;
    for token in tokens(html) {
        match (&token, hidden) {
            (Token::Start(tag), None) if is_hidden(tag) && !tag.is_void() => hidden = Some((tag.place.start, 1)),
            (Token::Start(tag), None) if !is_hidden(tag) && tag.name != "link" => {
                visible.links.extend(tag.attribute("href").map(str::to_owned));
            }
            (Token::Start(tag), Some((start, open))) if !tag.is_void() => hidden = Some((start, open + 1)),
            (Token::End(end), Some((start, 1))) => {
                visible.hidden.push(start..*end);
                hidden = None;
            }
            (Token::End(_), Some((start, open))) => hidden = Some((start, open - 1)),
            (Token::Text(text, _), None) => visible.text.push_str(&squeezed(text)),
            _ => {}
        }
    }
    visible
}

/// A white-space-free text, for comparison with [`Visible::text`].
pub(crate) fn squeezed(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}

fn is_hidden(tag: &Tag) -> bool {
    let style: String = tag.attribute("style").unwrap_or_default().to_ascii_lowercase();
    let style: String = style.chars().filter(|c| !c.is_whitespace()).collect();
    tag.attribute("hidden").is_some()
        || style.contains("display:none")
        || style.contains("visibility:hidden")
        || matches!(tag.name.as_str(), "head" | "style" | "script" | "title" | "template" | "noscript")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_hidden_is_not_seen() {
        let html = concat!(
            "<html><head><title>no</title><link href='https://font.example'></head><body>",
            "<div style='Display: none'>no<br><b>no</b><a href='https://no.example'>no</a></div><p hidden>no</p>",
            "<p>Main Street\n<b>1</b> &amp; more <a href='https://yes.example/?a&amp;b'>yes</a><img src=x></p>",
            "<!-- <a href='https://no.example'>no</a> --><!--[if mso]><a href='https://no.example'>no</a><![endif]-->",
            "<a style='display:none' href='https://no.example'>no</a></body></html>",
        );
        let seen = visible(html);
        assert_eq!(seen.text, "MainStreet1&moreyes");
        assert_eq!(seen.links, ["https://yes.example/?a&b"]);
        assert_eq!(seen.hidden.len(), 4);
        assert!(html[seen.hidden[1].clone()].ends_with("</div>"));
        assert_eq!(squeezed(" Main Street\r\n1 "), "MainStreet1");
    }
}
