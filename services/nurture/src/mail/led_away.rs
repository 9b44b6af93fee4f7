//! Addresses of a template as they are written, in every branch: those of which a value would decide where they lead. A mail
//! that is written out tells it only of the branches that it took.

use minijinja::Environment;

use super::engine;
use super::fill::{ADDRESSES, usage_of};
use super::home::Homes;
use super::html::{Token, flat, tokens};
use super::statements::{Kind, blanked, segments};
use super::url::{LinkFault, UrlPiece, join};

/// An address with this fault.
pub(super) struct LedAway {
    /// Byte of the source.
    pub(super) position: usize,
    /// As it is written.
    pub(super) link: String,
}

/// Looks at the body, with a made-up person whose values lead nowhere that the template says.
pub(super) fn led_away(source: &str, environment: &Environment<'_>, context: &serde_json::Value) -> Vec<LedAway> {
    let homes = Homes::new(source, context);
    let values = engine::value_of(context);
    let value_of = |expression: &str| {
        let value = environment.compile_expression(expression).ok()?.eval(&values).ok()?;
        // Of loops and of what the template sets: not known here.
        (!value.is_undefined() && !value.is_none()).then(|| value.to_string())
    };
    let blank = blanked(source);
    let mut found = Vec::new();
    for token in flat(&tokens(&blank)) {
        let Token::Start(tag) = token else { continue };
        for attribute in tag.attributes.iter().filter(|attribute| ADDRESSES.contains(&attribute.name.as_str())) {
            let Some(quoted) = attribute.quoted.clone() else { continue };
            let written = &source[quoted.clone()];
            let pieces = pieces(written, &value_of);
            let pieces: Vec<UrlPiece<'_>> = pieces.iter().map(|piece| piece.of_url(&homes)).collect();
            if join(&pieces, usage_of(tag, attribute)) == Err(LinkFault::Host) {
                found.push(LedAway { position: quoted.start, link: written.trim().to_owned() });
            }
        }
    }
    found
}

/// A piece of an attribute.
enum Piece<'a> {
    Written(&'a str),
    Value(String),
}

impl Piece<'_> {
    fn of_url(&self, homes: &Homes<'_>) -> UrlPiece<'_> {
        match self {
            Piece::Written(text) => UrlPiece::Written(text),
            Piece::Value(value) if homes.may_lead(value) => UrlPiece::Home(value),
            Piece::Value(value) => UrlPiece::Value(value),
        }
    }
}

/// Without statements and comments, and without values that are not known.
fn pieces<'a>(written: &'a str, value_of: &dyn Fn(&str) -> Option<String>) -> Vec<Piece<'a>> {
    let mut pieces = Vec::new();
    let mut from = 0;
    for (kind, range) in segments(written) {
        pieces.push(Piece::Written(&written[from..range.start]));
        from = range.end;
        if kind == Kind::Expression {
            let inner = written[range].trim_start_matches("{{").trim_end_matches("}}").trim_matches(['-', '+']);
            pieces.extend(value_of(inner.trim()).map(Piece::Value));
        }
    }
    pieces.push(Piece::Written(&written[from..]));
    pieces
}
