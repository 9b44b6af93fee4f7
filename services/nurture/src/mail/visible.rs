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
    let classes = hiding_classes(html);
    let is_hidden = |tag: &Tag| is_hidden(tag) || has_one_of(tag, &classes);
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

/// Classes that the style sheets of the document hide, on every screen: what is asked of the screen (`@media`) is not read.
/// Those of MJML itself (`mj-...`) open what they hide: accordions, menus.
fn hiding_classes(html: &str) -> Vec<String> {
    let mut classes = Vec::new();
    let mut in_style = false;
    for token in tokens(html) {
        match token {
            Token::Start(tag) => in_style = tag.name == "style",
            Token::Text(sheet, _) if in_style => classes.extend(hiding_classes_of(&sheet)),
            _ => {}
        }
    }
    classes
}

fn hiding_classes_of(sheet: &str) -> Vec<String> {
    let mut classes = Vec::new();
    let sheet = without_comments(sheet);
    let mut rest = sheet.as_str();
    while let Some(open) = rest.find('{') {
        let selectors = rest[..open].rsplit(['}', ';']).next().unwrap_or_default().trim().to_owned();
        let end = block_end(&rest[open..]) + open;
        let block = rest[open..end].to_ascii_lowercase();
        if !selectors.starts_with('@') && hides(&block) {
            let last = selectors.split(',').filter_map(|selector| selector.split([' ', '>', '+', '~']).next_back());
            // Of `p.a.b:hover` the first class will do.
            let class =
                last.filter_map(|last| last.split([':', '[', '#']).next()?.split('.').nth(1).map(str::to_owned));
            classes.extend(class.filter(|class| !class.is_empty() && !class.starts_with("mj-")));
        }
        rest = &rest[end..];
    }
    classes
}

fn without_comments(sheet: &str) -> String {
    let pieces = sheet.split("/*").enumerate();
    pieces
        .filter_map(|(at, piece)| if at == 0 { Some(piece) } else { piece.split_once("*/").map(|cut| cut.1) })
        .collect()
}

/// Behind the brace that closes the first one.
fn block_end(text: &str) -> usize {
    let mut open = 0_usize;
    for (at, c) in text.char_indices() {
        match c {
            '{' => open += 1,
            '}' if open <= 1 => return at + 1,
            '}' => open -= 1,
            _ => {}
        }
    }
    text.len()
}

fn has_one_of(tag: &Tag, classes: &[String]) -> bool {
    let own = tag.attribute("class").unwrap_or_default();
    own.split_ascii_whitespace().any(|own| classes.iter().any(|class| class == own))
}

fn hides(style: &str) -> bool {
    let style: String = style.chars().filter(|c| !c.is_whitespace()).collect();
    style.contains("display:none") || style.contains("visibility:hidden")
}

fn is_hidden(tag: &Tag) -> bool {
    tag.attribute("hidden").is_some()
        || hides(&tag.attribute("style").unwrap_or_default().to_ascii_lowercase())
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

    #[test]
    fn what_a_class_hides_is_not_seen() {
        let html = concat!(
            "<html><head><style>.h{display:none} /* .c{display:none} */ td.a, .b > p.g:hover { color: red; Visibility : hidden }\n",
            ".x .y{display:none!important}@media (max-width:480px){.m{display:none}}.mj-menu{display:none}.s{display:block}",
            "</style></head><body>",
            "<p class='h'>no</p><p class='big a'>no</p><p class='g'>no</p><p class='y'>no</p>",
            "<p class='m'>m</p><p class='mj-menu'>j</p><p class='s x b c hh'>s</p></body></html>",
        );
        assert_eq!(visible(html).text, "mjs");
    }
}
