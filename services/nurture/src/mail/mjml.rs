//! MJML to HTML by mrml, with its quirks kept out: attributes are rewritten so that its quoting (that of Rust's debug
//! output) changes nothing, unknown `mj-` elements are refused instead of passed on, depth is bounded since it recurses,
//! and no font is loaded from a third party unless the template names it.

use std::borrow::Cow;

use mrml::prelude::parser::Error;
use mrml::prelude::render::RenderOptions;

use super::edits::{Edited, Edits};
use super::html::{Tag, Token, flat, tokens};
use super::suggest::nearest;

/// Elements inside elements.
const DEEPEST: usize = 100;

/// Every element that MJML has.
const ELEMENTS: [&str; 33] = [
    "mjml",
    "mj-accordion",
    "mj-accordion-element",
    "mj-accordion-text",
    "mj-accordion-title",
    "mj-all",
    "mj-attributes",
    "mj-body",
    "mj-breakpoint",
    "mj-button",
    "mj-carousel",
    "mj-carousel-image",
    "mj-class",
    "mj-column",
    "mj-divider",
    "mj-font",
    "mj-group",
    "mj-head",
    "mj-hero",
    "mj-image",
    "mj-navbar",
    "mj-navbar-link",
    "mj-preview",
    "mj-raw",
    "mj-section",
    "mj-social",
    "mj-social-element",
    "mj-spacer",
    "mj-style",
    "mj-table",
    "mj-text",
    "mj-title",
    "mj-wrapper",
];

/// A fault and the byte of the MJML it stands at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MjmlFault {
    pub(crate) position: Option<usize>,
    pub(crate) reason: String,
}

/// HTML of an MJML text.
///
/// # Errors
/// [`MjmlFault`] with what is wrong and what to do.
pub(crate) fn to_html(mjml: &str) -> Result<String, MjmlFault> {
    let tokens = tokens(mjml);
    let tags = flat(&tokens);
    check_elements(&tags)?;
    let safe = without_quirks(mjml, &tags);
    // The reader has panicked over bytes inside of a character: a mail that cannot be made must not end the service.
    let parsed = std::panic::catch_unwind(|| mrml::parse(&safe.text))
        .map_err(|_| MjmlFault {
            position: None,
            reason: "cannot be read; write &gt; for > and &lt; for <".to_owned(),
        })?
        .map_err(|error| explain(&error, &safe))?;
    let options = RenderOptions {
        disable_comments: true,
        social_icon_origin: None::<Cow<'static, str>>,
        fonts: Default::default(),
    };
    parsed.element.render(&options).map_err(|error| MjmlFault { position: None, reason: error.to_string() })
}

/// Elements that are not MJML's, with their byte. For sources, whatever branch they stand in.
pub(crate) fn unknown_elements(tokens: &[&Token]) -> Vec<MjmlFault> {
    let is_unknown = |tag: &&Tag| tag.name.starts_with("mj") && !ELEMENTS.contains(&tag.name.as_str());
    starts(tokens).filter(is_unknown).map(unknown_element).collect()
}

fn starts<'a>(tokens: &'a [&'a Token]) -> impl Iterator<Item = &'a Tag> {
    tokens.iter().filter_map(|token| if let Token::Start(tag) = token { Some(tag) } else { None })
}

fn unknown_element(tag: &Tag) -> MjmlFault {
    let reason = if tag.name == "mj-include" {
        "<mj-include> is not for mails of a journey: write the whole body into the template".to_owned()
    } else {
        let names = ELEMENTS.map(str::to_owned);
        format!("<{}> is no MJML element; {}", tag.name, nearest(&tag.name, &names))
    };
    MjmlFault { position: Some(tag.place.start), reason }
}

fn check_elements(tokens: &[&Token]) -> Result<(), MjmlFault> {
    if let Some(fault) = unknown_elements(tokens).into_iter().next() {
        return Err(fault);
    }
    let mut depth = 0_usize;
    for token in tokens {
        match token {
            Token::Start(tag) if !tag.is_void() => depth += 1,
            Token::End(_) => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DEEPEST {
            return Err(MjmlFault { position: None, reason: format!("elements stand more than {DEEPEST} deep") });
        }
    }
    Ok(())
}

/// Attributes hold nothing but what Rust's debug output leaves as it is, and texts no `>` that the reader stumbles over.
fn without_quirks(mjml: &str, tokens: &[&Token]) -> Edited {
    let is_plain = |c: char| c.escape_debug().next() == Some(c) && !matches!(c, '\\' | '\'' | '`');
    let mut edits = Edits::default();
    for attribute in starts(tokens).flat_map(|tag| &tag.attributes) {
        let Some(quoted) = attribute.quoted.clone() else { continue };
        let value = &mjml[quoted.clone()];
        if value.chars().all(is_plain) {
            continue;
        }
        let quote = |c: char| if is_plain(c) { c.to_string() } else { format!("&#{};", u32::from(c)) };
        edits.replace(quoted, value.chars().map(quote).collect::<String>());
    }
    let mut is_style = false;
    for token in tokens {
        match token {
            Token::Start(tag) => is_style = tag.name.ends_with("style") || tag.name == "script",
            Token::End(_) => is_style = false,
            Token::Text(_, place) => {
                // htmlparser 0.2.1 looks two bytes back from `>` for `]]>`, and panics inside of a character.
                let stumbles = |at: &usize| !mjml.is_char_boundary(at.saturating_sub(2));
                let found = mjml[place.clone()].match_indices('>').map(|(at, _)| place.start + at).filter(stumbles);
                found.for_each(|at| edits.replace(at..at + 1, if is_style { "  >" } else { "&gt;" }));
            }
            _ => {}
        }
    }
    edits.apply(mjml)
}

fn explain(error: &Error, safe: &Edited) -> MjmlFault {
    let at = |position: &mrml::prelude::parser::Span| {
        let text = safe.text.get(position.start..position.end).unwrap_or_default();
        (Some(safe.origin(position.start)), text.chars().take(40).collect::<String>())
    };
    let (position, reason) = match error {
        Error::UnexpectedElement { position, .. } => {
            let (position, text) = at(position);
            let name = text.trim_start_matches('<');
            (
                position,
                format!(
                    "<{name}> may not stand here; mj-body holds mj-section, mj-section holds mj-column, mj-column the rest"
                ),
            )
        }
        Error::UnexpectedToken { position, .. } | Error::InvalidFormat { position, .. } => {
            let (position, text) = at(position);
            (position, format!("\"{text}\" may not stand here{}", remedy_for(&text)))
        }
        Error::MissingAttribute { name, position, .. } => (at(position).0, format!("the attribute {name} is missing")),
        Error::InvalidAttribute { position, .. } => {
            let (position, text) = at(position);
            (position, format!("{text} is no attribute that may stand here"))
        }
        Error::EndOfStream { .. } => {
            (Some(safe.origin(safe.text.len())), "ends too early; every element needs its end tag".to_owned())
        }
        Error::ParserError { source, .. } => {
            let position = source.pos();
            let before = safe.text.split_inclusive('\n').take((position.row as usize).saturating_sub(1)).map(str::len);
            (
                Some(safe.origin(before.sum())),
                format!("is not well-formed; write &lt; for <, and quote every attribute ({source})"),
            )
        }
        other => (None, other.to_string()),
    };
    MjmlFault { position, reason }
}

fn remedy_for(text: &str) -> &'static str {
    if text.starts_with("<![CDATA[") {
        "; leave <![CDATA[ and ]]> out and write &lt; for <"
    } else if text.starts_with("<!doctype") || text.starts_with("<!DOCTYPE") {
        "; the body starts with <mjml>"
    } else if text.starts_with("<!--[if") {
        "; conditional comments stand in mj-raw"
    } else {
        ""
    }
}
