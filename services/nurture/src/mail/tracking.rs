//! Links that count: every web link of a mail leads through our door, a pixel tells (unreliably) that the mail was opened,
//! and a link that no person sees tells scanners from people. Both parts are changed alike.

use uuid::Uuid;

use super::edits::Edits;
use super::html::{Attribute, Tag, Token, flat, tokens};
use super::links::{HONEYPOT, LinkKind, LinkSigner};
use super::plain_text::{Run, known, runs};
use super::template::{MOST_LINKS, Rendered};
use super::values::escape;

/// A mail's parts with links through our door.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tracked {
    /// The HTML part.
    pub html: String,
    /// The plain text part.
    pub text: String,
    /// What is behind the numbers of its tokens; to be stored before the mail leaves.
    pub destinations: Vec<Destination>,
}

/// Where a link leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// From 1.
    pub number: u16,
    /// An `https:` or `http:` address.
    pub url: String,
}

/// Why links cannot be counted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrackError {
    /// Too many to number.
    #[error("the mail has {count} different links, at most {MOST_LINKS} may be")]
    TooManyLinks {
        /// So many.
        count: usize,
    },
}

/// Leads links through `door` (`https://mail.example`, a folder behind it may be given).
///
/// Left as they are: links to our own door (unsubscribe, preferences, confirm), `mailto:` and `tel:`, and addresses of which
/// at least one link is marked `data-leadflow-track="no"`.
///
/// # Errors
/// [`TrackError::TooManyLinks`].
pub fn track(mail: &Rendered, door: &str, signer: &LinkSigner, message_id: Uuid) -> Result<Tracked, TrackError> {
    let door = door.trim_end_matches('/');
    let tokens = tokens(&mail.html);
    let tokens = flat(&tokens);
    let destinations = destinations(&tokens, door)?;
    let through = |url: &str| {
        let destination = destinations.iter().find(|destination| destination.url == url)?;
        Some(format!("{door}/c/{}", signer.sign(LinkKind::Click, message_id, destination.number)))
    };
    let mut edits = Edits::default();
    for (_, attribute) in links(&tokens) {
        if let Some(url) = through(&attribute.value) {
            edits.replace(attribute.place.clone(), format!("href=\"{}\"", escape(&url)));
        }
    }
    let end = mail.html.rfind("</body>").unwrap_or(mail.html.len());
    edits.replace(end..end, marks(door, signer, message_id));
    let html = edits.apply(&mail.html).text;
    let urls: Vec<String> = destinations.iter().map(|destination| destination.url.clone()).collect();
    let text = runs(&mail.text).into_iter().map(|run| in_text(run, &urls, &through)).collect();
    Ok(Tracked { html, text, destinations })
}

/// Tags that people follow, with their addresses.
fn links<'a>(tokens: &'a [&'a Token]) -> impl Iterator<Item = (&'a Tag, &'a Attribute)> {
    tokens.iter().filter_map(|token| match token {
        Token::Start(tag) if tag.name != "link" => {
            tag.attributes.iter().find(|attribute| attribute.name == "href").map(|attribute| (tag, attribute))
        }
        _ => None,
    })
}

fn destinations(tokens: &[&Token], door: &str) -> Result<Vec<Destination>, TrackError> {
    let is_untracked = |tag: &Tag| tag.attribute("data-leadflow-track") == Some("no");
    let left: Vec<&str> =
        links(tokens).filter(|(tag, _)| is_untracked(tag)).map(|(_, attribute)| attribute.value.as_str()).collect();
    let mut urls: Vec<&str> = Vec::new();
    for (_, attribute) in links(tokens) {
        let url = attribute.value.as_str();
        if is_web(url) && !is_at(door, url) && !left.contains(&url) && !urls.contains(&url) {
            urls.push(url);
        }
    }
    if urls.len() > MOST_LINKS {
        return Err(TrackError::TooManyLinks { count: urls.len() });
    }
    Ok((1..).zip(urls).map(|(number, url)| Destination { number, url: url.to_owned() }).collect())
}

fn is_web(url: &str) -> bool {
    let scheme = url.split(':').next().unwrap_or_default();
    scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http")
}

fn is_at(door: &str, url: &str) -> bool {
    url.strip_prefix(door).is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?', '#']))
}

/// A piece of the plain text, through the door if it is a link that counts.
fn in_text(run: Run<'_>, urls: &[String], through: &impl Fn(&str) -> Option<String>) -> String {
    match run {
        Run::Other(text) => text.to_owned(),
        Run::Address(run) => {
            let tracked = known(run, None, urls).and_then(|(url, rest)| Some(format!("{}{rest}", through(&url)?)));
            tracked.unwrap_or_else(|| run.to_owned())
        }
    }
}

/// The link that only scanners follow, and the pixel.
fn marks(door: &str, signer: &LinkSigner, message_id: Uuid) -> String {
    let trap = escape(&format!("{door}/c/{}", signer.sign(LinkKind::Click, message_id, HONEYPOT)));
    let pixel = escape(&format!("{door}/o/{}.gif", signer.sign(LinkKind::Open, message_id, 0)));
    let hidden =
        "display:none;font-size:0;line-height:0;max-height:0;max-width:0;opacity:0;overflow:hidden;mso-hide:all;";
    format!(
        "<a href=\"{trap}\" style=\"{hidden}\" rel=\"nofollow\" tabindex=\"-1\" aria-hidden=\"true\"></a>\
         <img src=\"{pixel}\" width=\"1\" height=\"1\" alt=\"\" style=\"display:block;border:0;width:1px;height:1px;\" />"
    )
}
