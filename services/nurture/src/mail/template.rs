//! A mail's template: read once, written out for each person. Pure: the same context gives the same bytes.

use minijinja::Environment;

use super::engine::{self, Written};
use super::fault::{Part, Place, RenderError, TemplateError};
use super::fill::fill;
use super::home::Homes;
use super::markers::{mark, prefix_for};
use super::mjml;
use super::plain_text;
use super::source::TemplateSource;
use super::statements;
use super::values::{as_line, as_text, escape};
use super::visible::{Visible, squeezed, visible};

/// Bytes that the source of a body may have.
pub const LARGEST_SOURCE: usize = 200 * 1024;

/// Bytes that the HTML of a mail may have.
pub const LARGEST_HTML: usize = 1024 * 1024;

/// Bytes that a subject or preheader may have when it is written out.
pub const LONGEST_LINE: usize = 900;

/// Different links that a mail may have.
pub const MOST_LINKS: usize = 200;

/// Whether a mail needs consent, a way out and a postal address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailKind {
    /// It does.
    Marketing,
    /// It answers what the person asked for.
    Transactional,
}

/// A mail's content for one person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// One line, never empty.
    pub subject: String,
    /// One line. Stands in the HTML already.
    pub preheader: Option<String>,
    /// The HTML part.
    pub html: String,
    /// The plain text part. Has the links of the HTML and no others.
    pub text: String,
    /// Where people can go, each once, in the order of the HTML.
    pub links: Vec<String>,
}

/// A template that could be read.
#[derive(Clone, Debug)]
pub struct Template {
    pub(super) name: String,
    pub(super) source: TemplateSource,
    pub(super) environment: Environment<'static>,
    prefix: String,
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// [`TemplateError`] with template, part and line.
    pub fn compile(name: &str, source: &TemplateSource) -> Result<Self, TemplateError> {
        let mut environment = engine::environment();
        for (part, text) in parts(source) {
            let at = || Place { template: name.to_owned(), part, line: None };
            if text.len() > LARGEST_SOURCE {
                return Err(TemplateError::TooLarge { at: at(), bytes: text.len(), most: LARGEST_SOURCE });
            }
            if text.trim().is_empty() && part != Part::Preheader {
                return Err(TemplateError::Empty { at: at() });
            }
            if let Some((statement, position)) = statements::unwanted(text) {
                let line = Some(engine::line_at(text, position));
                return Err(TemplateError::Statement { at: Place { line, ..at() }, statement: statement.to_owned() });
            }
            engine::add(&mut environment, name, part, text)?;
        }
        let prefix = prefix_for(&parts(source).map(|(_, text)| text).collect::<Vec<_>>().concat());
        Ok(Self { name: name.to_owned(), source: source.clone(), environment, prefix })
    }

    /// The name it was read under.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Writes it out for one person. The context is a [`super::MailContext`] as JSON.
    ///
    /// # Errors
    /// [`RenderError`]: nothing of a mail that has one may be sent.
    pub fn render(&self, context: &serde_json::Value, kind: MailKind) -> Result<Rendered, RenderError> {
        let subject = self.line(Part::Subject, context)?;
        if subject.is_empty() {
            return Err(RenderError::Length { at: self.place(Part::Subject), bytes: 0, most: LONGEST_LINE });
        }
        let preheader = match &self.source.preheader {
            Some(_) => Some(self.line(Part::Preheader, context)?).filter(|line| !line.is_empty()),
            None => None,
        };
        let (mut html, links) = self.html(context)?;
        if let Some(preheader) = &preheader {
            html = with_preheader(&html, preheader);
        }
        if html.len() > LARGEST_HTML {
            return Err(RenderError::Length { at: self.place(Part::Mjml), bytes: html.len(), most: LARGEST_HTML });
        }
        if links.len() > MOST_LINKS {
            let at = self.place(Part::Mjml);
            return Err(RenderError::TooManyLinks { at, count: links.len(), most: MOST_LINKS });
        }
        let seen = visible(&html);
        let text = match &self.source.text {
            None => plain_text::from_html(&self.name, &html, &seen, &links)?,
            Some(source) => self.own_text(source, &links, context)?,
        };
        let rendered = Rendered { subject, preheader, html, text, links };
        if kind == MailKind::Marketing {
            self.check_marketing(&rendered, &seen, context)?;
        }
        Ok(rendered)
    }

    fn html(&self, context: &serde_json::Value) -> Result<(String, Vec<String>), RenderError> {
        let source = &self.source.mjml;
        let written = engine::write(&self.environment, &self.name, Part::Mjml, context)?;
        let marked = mark(&written, source, &self.prefix);
        let html = mjml::to_html(&marked.text).map_err(|fault| {
            let line = fault.position.map(|position| engine::line_at(source, marked.origin(position)));
            RenderError::Mjml { at: Place { line, ..self.place(Part::Mjml) }, reason: marked.as_written(&fault.reason) }
        })?;
        let filled = fill(&self.name, &html, &marked, &Homes::new(source, context))?;
        Ok((filled.html, filled.links))
    }

    fn own_text(&self, source: &str, links: &[String], context: &serde_json::Value) -> Result<String, RenderError> {
        let written = engine::write(&self.environment, &self.name, Part::Text, context)?;
        plain_text::from_template(&self.name, &mark(&written, source, &self.prefix), source, links)
    }

    /// A subject or preheader: values are text, and there is no second line to write a header on.
    fn line(&self, part: Part, context: &serde_json::Value) -> Result<String, RenderError> {
        let Written { text, pieces } = engine::write(&self.environment, &self.name, part, context)?;
        let readable = |piece: &engine::Piece| {
            let text = &text[piece.range.clone()];
            if piece.expression.is_some() { as_text(&text.replace(['\r', '\n'], " ")) } else { text.to_owned() }
        };
        let line = as_line(&pieces.iter().map(readable).collect::<String>());
        if line.len() > LONGEST_LINE {
            return Err(RenderError::Length { at: self.place(part), bytes: line.len(), most: LONGEST_LINE });
        }
        Ok(line)
    }

    /// Way out and sender really stand there, whatever the template decided: in what is seen of the HTML, and in the text.
    fn check_marketing(&self, mail: &Rendered, seen: &Visible, context: &serde_json::Value) -> Result<(), RenderError> {
        let value = |path: &str| context.pointer(path).and_then(serde_json::Value::as_str).unwrap_or_default().trim();
        let text_part = if self.source.text.is_some() { Part::Text } else { Part::Mjml };
        let unsubscribe = value("/links/unsubscribe");
        if unsubscribe.is_empty() || !seen.links.iter().any(|link| link == unsubscribe) {
            return Err(RenderError::MissingUnsubscribe { at: self.place(Part::Mjml) });
        }
        if !plain_text::carries(&mail.text, unsubscribe) {
            return Err(RenderError::MissingUnsubscribe { at: self.place(text_part) });
        }
        let address = squeezed(&as_text(value("/sender/postal_address")));
        for (part, text) in [(Part::Mjml, &seen.text), (text_part, &squeezed(&mail.text))] {
            if address.is_empty() || !text.contains(&address) {
                return Err(RenderError::MissingPostalAddress { at: self.place(part) });
            }
        }
        Ok(())
    }

    pub(super) fn place(&self, part: Part) -> Place {
        Place { template: self.name.clone(), part, line: None }
    }
}

/// The parts that a template has.
pub(super) fn parts(source: &TemplateSource) -> impl Iterator<Item = (Part, &str)> {
    let optional = [(Part::Preheader, source.preheader.as_deref()), (Part::Text, source.text.as_deref())];
    [(Part::Subject, source.subject.as_str()), (Part::Mjml, source.mjml.as_str())]
        .into_iter()
        .chain(optional.into_iter().filter_map(|(part, text)| text.map(|text| (part, text))))
}

/// Shown beside the subject, hidden in the mail.
fn with_preheader(html: &str, preheader: &str) -> String {
    let body = html.find("<body").and_then(|at| html[at..].find('>').map(|end| at + end + 1)).unwrap_or(0);
    let style = "display:none;font-size:1px;color:#ffffff;line-height:1px;max-height:0px;max-width:0px;opacity:0;overflow:hidden;";
    format!("{}<div style=\"{style}\">{}</div>{}", &html[..body], escape(preheader), &html[body..])
}
