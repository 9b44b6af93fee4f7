//! The plain text part: written by the marketer, or made of what is seen of the HTML. Either way it carries exactly the
//! links of the HTML: one that it lacks is put at its end, one that only it has is refused or no longer an address.

use super::edits::Edits;
use super::fault::{Part, Place, RenderError};
use super::fill::is_inside;
use super::html::{Token, tokens};
use super::markers::{Cut, Marked};
use super::url::{UrlPiece, UrlUse, join};
use super::values::as_text;
use super::visible::Visible;

/// Made of the HTML.
///
/// # Errors
/// [`RenderError::Template`] if the HTML cannot be written as text.
pub(crate) fn from_html(template: &str, html: &str, seen: &Visible, links: &[String]) -> Result<String, RenderError> {
    let at = || Place { template: template.to_owned(), part: Part::Mjml, line: None };
    let lines = as_lines(&readable(html, seen)).map_err(|reason| RenderError::Template { at: at(), reason })?;
    let mut text = String::new();
    let mut carried = Vec::new();
    for piece in runs(&lines) {
        match piece {
            Run::Other(other) => text.push_str(other),
            Run::Address(run) => match known(run, None, links) {
                Some((url, rest)) => {
                    text.push_str(&url);
                    text.push_str(rest);
                    carried.push(url);
                }
                None => text.push_str(&if is_web(run) { as_text(run) } else { run.to_owned() }),
            },
        }
    }
    Ok(finish(&text, &carried, links))
}

/// Without what is hidden, and without links that lead to other places of the same mail.
fn readable(html: &str, seen: &Visible) -> String {
    let mut edits = Edits::default();
    for range in &seen.hidden {
        edits.replace(range.clone(), "");
    }
    let shown = edits.apply(html).text;
    let mut edits = Edits::default();
    for token in tokens(&shown) {
        let Token::Start(tag) = token else { continue };
        for attribute in
            tag.attributes.into_iter().filter(|attribute| attribute.name == "href" && is_inside(&attribute.value))
        {
            edits.replace(attribute.place, "");
        }
    }
    // Where a text or a button ends, a paragraph ends.
    let shown = edits.apply(&shown).text;
    shown.replace("</div></td>", "</div><br /><br /></td>").replace("</table></td>", "</table><br /><br /></td>")
}

/// Written by the marketer, with marks for values.
///
/// # Errors
/// [`RenderError::LinkOnlyInText`].
pub(crate) fn from_template(
    template: &str,
    marked: &Marked,
    source: &str,
    links: &[String],
) -> Result<String, RenderError> {
    let mut text = String::new();
    let mut carried = Vec::new();
    let mut position = 0;
    for piece in runs(&marked.text) {
        match piece {
            Run::Other(other) => {
                for cut in marked.cut(other) {
                    match cut {
                        Cut::Text(written) => text.push_str(written),
                        Cut::Mark(number) => {
                            match links.iter().find(|link| **link == marked.values[number].value.trim()) {
                                Some(link) => {
                                    text.push_str(link);
                                    carried.push(link.clone());
                                }
                                None => text.push_str(&as_text(&marked.values[number].value)),
                            }
                        }
                    }
                }
                position += other.len();
            }
            Run::Address(run) => {
                match known(run, Some(marked), links) {
                    Some((url, rest)) => {
                        text.push_str(&url);
                        text.push_str(rest);
                        carried.push(url);
                    }
                    None if is_web(run) => {
                        let line = Some(super::engine::line_at(source, marked.origin(position)));
                        let at = Place { template: template.to_owned(), part: Part::Text, line };
                        return Err(RenderError::LinkOnlyInText { at, link: marked.as_written(run) });
                    }
                    None => text.push_str(&marked.cut(run).iter().map(|cut| plain(cut, marked)).collect::<String>()),
                }
                position += run.len();
            }
        }
    }
    Ok(finish(&text, &carried, links))
}

fn plain(cut: &Cut<'_>, marked: &Marked) -> String {
    match cut {
        Cut::Text(text) => (*text).to_owned(),
        Cut::Mark(number) => as_text(&marked.values[*number].value),
    }
}

/// A piece of a plain text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Run<'a> {
    /// From a scheme to the next space, quote or angle bracket.
    Address(&'a str),
    /// What stands between.
    Other(&'a str),
}

/// Cuts a text at everything that mail programs may make a link of.
pub(crate) fn runs(text: &str) -> Vec<Run<'_>> {
    let mut found = Vec::new();
    let mut from = 0;
    for (colon, _) in text.match_indices(':') {
        let Some(start) = scheme_start(text, from, colon) else { continue };
        let ends = |c: char| c.is_whitespace() || matches!(c, '<' | '>' | '"');
        let end = text[colon..].find(ends).map_or(text.len(), |length| colon + length);
        if from < start {
            found.push(Run::Other(&text[from..start]));
        }
        found.push(Run::Address(&text[start..end]));
        from = end;
    }
    if from < text.len() {
        found.push(Run::Other(&text[from..]));
    }
    found
}

/// Where the scheme before a colon starts, if there is one.
fn scheme_start(text: &str, from: usize, colon: usize) -> Option<usize> {
    let before = text.get(from..colon)?.as_bytes();
    let is_web = text[colon..].starts_with("://");
    let schemes: &[&str] = if is_web { &["https", "http"] } else { &["mailto", "tel"] };
    let length = schemes.iter().map(|scheme| scheme.len()).zip(schemes).find_map(|(length, scheme)| {
        let tail = before.get(before.len().checked_sub(length)?..)?;
        tail.eq_ignore_ascii_case(scheme.as_bytes()).then_some(length)
    })?;
    let is_word_before = before[..before.len() - length].last().is_some_and(u8::is_ascii_alphanumeric);
    (is_web || !is_word_before).then(|| colon - length)
}

fn is_web(run: &str) -> bool {
    run.contains("://")
}

/// The longest known link that a run starts with, and what follows it: a full stop, a bracket.
pub(crate) fn known<'a>(run: &'a str, marked: Option<&Marked>, links: &[String]) -> Option<(String, &'a str)> {
    let mut end = run.len();
    loop {
        let url = address(&run[..end], marked);
        if let Some(url) = url.filter(|url| links.contains(url)) {
            return Some((url, &run[end..]));
        }
        let last = run[..end].chars().next_back()?;
        if last.is_alphanumeric() || matches!(last, '/' | '=' | '&' | '#' | '%') {
            return None;
        }
        end -= last.len_utf8();
    }
}

fn address(run: &str, marked: Option<&Marked>) -> Option<String> {
    let Some(marked) = marked else { return Some(run.to_owned()) };
    let cuts = marked.cut(run);
    let pieces: Vec<UrlPiece<'_>> = cuts
        .iter()
        .map(|cut| match cut {
            Cut::Text(text) => UrlPiece::Written(text),
            Cut::Mark(number) => UrlPiece::Value(&marked.values[*number].value),
        })
        .collect();
    join(&pieces, UrlUse::Link).ok()
}

/// Without trailing spaces and more than one empty line at a time; links that are missing stand at the end.
fn finish(text: &str, carried: &[String], links: &[String]) -> String {
    let mut finished = String::with_capacity(text.len());
    let mut empty = 0;
    for line in text.lines().map(str::trim_end) {
        empty = if line.is_empty() { empty + 1 } else { 0 };
        if empty <= 1 && !(line.is_empty() && finished.is_empty()) {
            finished.push_str(line);
            finished.push('\n');
        }
    }
    let missing: Vec<&String> = links.iter().filter(|link| !carried.contains(link)).collect();
    if !missing.is_empty() && !finished.is_empty() && !finished.ends_with("\n\n") {
        finished.push('\n');
    }
    for link in missing {
        finished.push_str(link);
        finished.push('\n');
    }
    finished.truncate(finished.trim_end().len());
    finished.push('\n');
    finished
}

/// Whether a text names an address as a whole.
pub(crate) fn carries(text: &str, address: &str) -> bool {
    let links = [address.to_owned()];
    runs(text).iter().any(|run| matches!(run, Run::Address(run) if known(run, None, &links).is_some()))
}

/// HTML as lines of text; links in square brackets with a number, and their addresses at the end.
fn as_lines(html: &str) -> Result<String, String> {
    html2text::config::plain_no_decorate()
        .raw_mode(true)
        .link_footnotes(true)
        .no_link_wrapping()
        .allow_width_overflow()
        .string_from_read(html.as_bytes(), WIDTH)
        .map_err(|error| format!("the body cannot be written as plain text: {error}"))
}

/// Columns of a plain text.
const WIDTH: usize = 76;
