//! Puts values into the finished HTML, each as its spot demands: escaped in text and in attributes that are read out,
//! joined as an address in `href` and `src`, and refused anywhere else (styles, scripts, names of tags).

use super::edits::Edits;
use super::fault::{Part, Place, RenderError};
use super::home::Homes;
use super::html::{Attribute, Tag, Token, flat, tokens};
use super::markers::{Cut, Marked};
use super::url::{LinkFault, UrlPiece, UrlUse, join};
use super::values::{as_text, escape};

/// Attributes that people read or hear.
const READ: [&str; 6] = ["alt", "title", "aria-label", "lang", "dir", "summary"];

/// Attributes that are addresses.
pub(super) const ADDRESSES: [&str; 9] =
    ["href", "xlink:href", "src", "background", "poster", "action", "formaction", "cite", "longdesc"];

/// HTML of a mail.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Filled {
    /// The HTML.
    pub(crate) html: String,
    /// Where people can go, each once, in the order of the HTML.
    pub(crate) links: Vec<String>,
}

/// Puts the values into HTML that holds their marks.
///
/// # Errors
/// [`RenderError::Spot`] and [`RenderError::Link`].
pub(crate) fn fill(template: &str, html: &str, marked: &Marked, homes: &Homes<'_>) -> Result<Filled, RenderError> {
    let place = |line| Place { template: template.to_owned(), part: Part::Mjml, line };
    let mut filler =
        Filler { html, marked, homes, edits: Edits::default(), links: Vec::new(), filled: 0, place: &place };
    let tokens = tokens(html);
    let mut raw_text: Option<&str> = None;
    for token in flat(&tokens) {
        match token {
            Token::Start(tag) => {
                filler.tag(tag)?;
                raw_text = is_raw_text(&tag.name).then_some(tag.name.as_str());
            }
            Token::Text(_, range) => match raw_text {
                Some(name) => filler.refuse(&html[range.clone()], &format!("<{name}>"))?,
                None => filler.text(range.clone()),
            },
            Token::End(_) => raw_text = None,
            Token::Outlook(_) | Token::Other => {}
        }
    }
    if filler.filled < marked.count(html) {
        let name = marked.values.first().map_or_else(String::new, |marker| marker.expression.clone());
        let spot = "the name of a tag or attribute, or in a comment".to_owned();
        return Err(RenderError::Spot { at: place(None), expression: name, spot });
    }
    Ok(Filled { html: filler.edits.apply(html).text, links: filler.links })
}

/// Elements whose text is no text for people.
fn is_raw_text(name: &str) -> bool {
    matches!(name, "style" | "script" | "iframe" | "xmp" | "noembed" | "noframes" | "noscript" | "plaintext")
}

/// Leads to another place of the same mail; `mj-carousel` makes such links.
pub(crate) fn is_inside(url: &str) -> bool {
    let is_name =
        |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
    url.strip_prefix('#').is_some_and(is_name)
}

/// What the address in an attribute is for.
pub(super) fn usage_of(tag: &Tag, attribute: &Attribute) -> UrlUse {
    let is_link =
        tag.name != "link" && matches!(attribute.name.as_str(), "href" | "xlink:href" | "action" | "formaction");
    if is_link { UrlUse::Link } else { UrlUse::Resource }
}

struct Filler<'a> {
    html: &'a str,
    marked: &'a Marked,
    homes: &'a Homes<'a>,
    edits: Edits,
    links: Vec<String>,
    filled: usize,
    place: &'a dyn Fn(Option<usize>) -> Place,
}

impl Filler<'_> {
    fn text(&mut self, range: std::ops::Range<usize>) {
        let raw = &self.html[range.clone()];
        let count = self.marked.count(raw);
        if count > 0 {
            self.edits.replace(range, self.as_read(raw));
            self.filled += count;
        }
    }

    /// Raw HTML with values as escaped text.
    fn as_read(&self, raw: &str) -> String {
        let written = |cut: &Cut<'_>| match cut {
            Cut::Text(text) => (*text).to_owned(),
            Cut::Mark(number) => escape(&as_text(&self.marked.values[*number].value)),
        };
        self.marked.cut(raw).iter().map(written).collect()
    }

    fn tag(&mut self, tag: &Tag) -> Result<(), RenderError> {
        for attribute in &tag.attributes {
            let name = attribute.name.as_str();
            if ADDRESSES.contains(&name) {
                self.address(tag, attribute)?;
            } else if self.marked.count(&attribute.value) == 0 {
                self.refuse(name, "the name of an attribute")?;
            } else if READ.contains(&name) {
                self.read_attribute(attribute);
            } else {
                self.refuse(&attribute.value, &format!("the attribute {name} of <{}>", tag.name))?;
            }
        }
        self.refuse(&tag.name, "the name of a tag")
    }

    fn read_attribute(&mut self, attribute: &Attribute) {
        let raw = &self.html[attribute.place.clone()];
        if let Some(quoted) = attribute.quoted.clone() {
            self.edits.replace(quoted.clone(), self.as_read(&self.html[quoted]));
            self.filled += self.marked.count(raw);
        }
    }

    fn address(&mut self, tag: &Tag, attribute: &Attribute) -> Result<(), RenderError> {
        let usage = usage_of(tag, attribute);
        let is_link = usage == UrlUse::Link;
        if tag.name == "base" {
            return Err(self.link_fault(attribute, LinkFault::NoScheme));
        }
        if is_link && is_inside(&attribute.value) && self.marked.count(&attribute.value) == 0 {
            return Ok(());
        }
        let cuts = self.marked.cut(&attribute.value);
        let pieces: Vec<UrlPiece<'_>> = cuts
            .iter()
            .map(|cut| match cut {
                Cut::Text(text) => UrlPiece::Written(text),
                Cut::Mark(number) => match self.marked.values[*number].value.as_str() {
                    value if self.homes.may_lead(value) => UrlPiece::Home(value),
                    value => UrlPiece::Value(value),
                },
            })
            .collect();
        let url = join(&pieces, usage).map_err(|fault| self.link_fault(attribute, fault))?;
        self.filled += self.marked.count(&self.html[attribute.place.clone()]);
        self.edits.replace(attribute.place.clone(), format!("{}=\"{}\"", attribute.name, escape(&url)));
        if is_link && !self.links.contains(&url) {
            self.links.push(url);
        }
        Ok(())
    }

    fn link_fault(&self, attribute: &Attribute, fault: LinkFault) -> RenderError {
        let link = self.marked.as_written(&attribute.value);
        let line = self.marked.cut(&attribute.value).iter().find_map(|cut| match cut {
            Cut::Mark(number) => Some(self.marked.values[*number].line),
            Cut::Text(_) => None,
        });
        RenderError::Link { at: (self.place)(line), link, fault }
    }

    /// An error if a text that may hold no value does.
    fn refuse(&self, text: &str, spot: &str) -> Result<(), RenderError> {
        let mark = self.marked.cut(text).into_iter().find_map(|cut| match cut {
            Cut::Mark(number) => Some(&self.marked.values[number]),
            Cut::Text(_) => None,
        });
        mark.map_or(Ok(()), |marker| {
            let at = (self.place)(Some(marker.line));
            Err(RenderError::Spot { at, expression: marker.expression.clone(), spot: spot.to_owned() })
        })
    }
}
