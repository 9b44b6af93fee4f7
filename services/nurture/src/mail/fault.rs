//! What is wrong with a template or with one of its mails, in the words of whoever wrote it. Names the template, the part
//! and the line, and says what to do. Never holds a value of a person: a link is named as it is written.

use std::fmt;

use super::url::LinkFault;

/// Which piece of a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// The subject.
    Subject,
    /// The preheader.
    Preheader,
    /// The body.
    Mjml,
    /// The plain text part.
    Text,
}

impl Part {
    /// The key in the file: subject, preheader, mjml, text.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Part::Subject => "subject",
            Part::Preheader => "preheader",
            Part::Mjml => "mjml",
            Part::Text => "text",
        }
    }
}

/// Where in a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Name of the template.
    pub template: String,
    /// Piece of it.
    pub part: Part,
    /// Line of that piece, from 1, if it is known.
    pub line: Option<usize>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "template {}, {}", self.template, self.part.name())?;
        self.line.map_or(Ok(()), |line| write!(f, " line {line}"))
    }
}

/// Why a template cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// Not the template language.
    #[error("{at}: {reason}")]
    Syntax {
        /// Where.
        at: Place,
        /// What was expected.
        reason: String,
    },
    /// A statement that mails have no use for.
    #[error(
        "{at}: {{% {statement} %}} is not for mails; use if, for, with and {{% set name = value %}}, and write text where it stands"
    )]
    Statement {
        /// Where.
        at: Place,
        /// Its first word.
        statement: String,
    },
    /// Too large.
    #[error("{at}: has {bytes} bytes, at most {most} may be")]
    TooLarge {
        /// Where.
        at: Place,
        /// So many.
        bytes: usize,
        /// The limit.
        most: usize,
    },
    /// Nothing in it.
    #[error("{at}: is empty")]
    Empty {
        /// Where.
        at: Place,
    },
}

/// Why no mail can be made of a template for one person.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// A name that is not known.
    #[error("{at}: {expression} is not known here; {remedy}")]
    Unknown {
        /// Where.
        at: Place,
        /// As it is written.
        expression: String,
        /// The nearest known name, the names that are known, or a fallback.
        remedy: String,
    },
    /// A name that is known, without a value for this person.
    #[error(
        "{at}: {expression} has no value for this person; give a fallback: {{{{ {expression} | default('...') }}}}"
    )]
    NoValue {
        /// Where.
        at: Place,
        /// As it is written.
        expression: String,
    },
    /// The template works too long: a loop in a loop, most likely.
    #[error("{at}: does too much work; loops may run over short lists only")]
    OutOfFuel {
        /// Where.
        at: Place,
    },
    /// Another fault of the template language.
    #[error("{at}: {reason}")]
    Template {
        /// Where.
        at: Place,
        /// What.
        reason: String,
    },
    /// The body is not MJML.
    #[error("{at}: {reason}")]
    Mjml {
        /// Where.
        at: Place,
        /// What is wrong and what to do.
        reason: String,
    },
    /// A value stands where none may.
    #[error(
        "{at}: {expression} stands in {spot}; values may stand in text, alt, title and aria-label, in href and in src"
    )]
    Spot {
        /// Where.
        at: Place,
        /// As it is written.
        expression: String,
        /// The attribute or element.
        spot: String,
    },
    /// A link that leads elsewhere than it may.
    #[error("{at}: link \"{link}\" {fault}")]
    Link {
        /// Where.
        at: Place,
        /// As it is written, with `{{ }}` for values.
        link: String,
        /// What is wrong.
        fault: LinkFault,
    },
    /// A link that the plain text part has and the body has not.
    #[error("{at}: link \"{link}\" stands in the text and not in the body; both parts carry the same links")]
    LinkOnlyInText {
        /// Where.
        at: Place,
        /// As it is written.
        link: String,
    },
    /// Too many links.
    #[error("{at}: has {count} different links, at most {most} may be")]
    TooManyLinks {
        /// Where.
        at: Place,
        /// So many.
        count: usize,
        /// The limit.
        most: usize,
    },
    /// Marketing without a way out.
    #[error(
        "{at}: a marketing mail needs a visible link to {{{{ links.unsubscribe }}}}, on every path through the template"
    )]
    MissingUnsubscribe {
        /// Where it is missing.
        at: Place,
    },
    /// Marketing without a sender.
    #[error(
        "{at}: a marketing mail needs {{{{ sender.postal_address }}}} in visible text, on every path through the template"
    )]
    MissingPostalAddress {
        /// Where it is missing.
        at: Place,
    },
    /// Nothing in it, or too much.
    #[error("{at}: has {bytes} bytes, and may have from 1 to {most}")]
    Length {
        /// Where.
        at: Place,
        /// So many.
        bytes: usize,
        /// The limit.
        most: usize,
    },
}

impl RenderError {
    /// Where.
    #[must_use]
    pub fn at(&self) -> &Place {
        match self {
            Self::Unknown { at, .. }
            | Self::NoValue { at, .. }
            | Self::OutOfFuel { at }
            | Self::Template { at, .. }
            | Self::Mjml { at, .. }
            | Self::Spot { at, .. }
            | Self::Link { at, .. }
            | Self::LinkOnlyInText { at, .. }
            | Self::TooManyLinks { at, .. }
            | Self::MissingUnsubscribe { at }
            | Self::MissingPostalAddress { at }
            | Self::Length { at, .. } => at,
        }
    }

    /// The message without the place.
    #[must_use]
    pub fn reason(&self) -> String {
        let whole = self.to_string();
        whole.strip_prefix(&format!("{}: ", self.at())).map_or(whole.clone(), str::to_owned)
    }

    /// A short stable word for ledgers and metrics.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unknown { .. } => "unknown_name",
            Self::NoValue { .. } => "no_value",
            Self::OutOfFuel { .. } => "out_of_fuel",
            Self::Template { .. } => "template",
            Self::Mjml { .. } => "mjml",
            Self::Spot { .. } => "value_spot",
            Self::Link { .. } => "link",
            Self::LinkOnlyInText { .. } => "link_only_in_text",
            Self::TooManyLinks { .. } => "too_many_links",
            Self::MissingUnsubscribe { .. } => "missing_unsubscribe",
            Self::MissingPostalAddress { .. } => "missing_postal_address",
            Self::Length { .. } => "length",
        }
    }
}
