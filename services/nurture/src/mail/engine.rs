//! The template language, as mails use it: every name must be known, work is bounded, and nothing decides by itself how a
//! value is escaped, since only the finished HTML tells where a value stands (see [`super::fill`]).

use minijinja::value::Value;
use minijinja::{AutoEscape, Environment, Error, ErrorKind, Output, OutputSpanKind, State, UndefinedBehavior};

use super::fault::{Part, Place, RenderError, TemplateError};
use super::suggest;

/// Work that one part may cause: about one per instruction and per 64 bytes written.
const FUEL: u64 = 100_000;

/// A template part, written out: its text, and what stood where in the source.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) text: String,
    pub(crate) pieces: Vec<Piece>,
}

/// A range of the text and where it comes from.
#[derive(Debug)]
pub(crate) struct Piece {
    /// In the text.
    pub(crate) range: std::ops::Range<usize>,
    /// Start in the source.
    pub(crate) source: usize,
    /// The expression that it is the value of; `None`: written in the template.
    pub(crate) expression: Option<String>,
}

/// An environment without templates.
pub(crate) fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_debug(true);
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_formatter(write_value);
    environment.add_filter("default", fallback);
    environment.add_filter("d", fallback);
    for filter in ["safe", "escape", "e", "tojson", "pprint", "attr"] {
        environment.remove_filter(filter);
    }
    environment.remove_global("debug");
    environment
}

/// Reads a part.
///
/// # Errors
/// [`TemplateError::Syntax`].
pub(crate) fn add(
    environment: &mut Environment<'static>,
    template: &str,
    part: Part,
    source: &str,
) -> Result<(), TemplateError> {
    environment.add_template_owned(part.name(), source.to_owned()).map_err(|error| TemplateError::Syntax {
        at: Place { template: template.to_owned(), part, line: error.line() },
        reason: error.detail().map_or_else(|| error.kind().to_string(), str::to_owned),
    })
}

/// Writes a part out for one context.
///
/// # Errors
/// [`RenderError`] of the template language.
pub(crate) fn write(
    environment: &Environment<'static>,
    template: &str,
    part: Part,
    context: &serde_json::Value,
) -> Result<Written, RenderError> {
    let compiled = environment.get_template(part.name()).expect("a part is written only if it was added");
    let source = compiled.source();
    let (text, spans) = compiled
        .render_with_spans(value_of(context))
        .map_err(|error| translate(&error, source, template, part, context))?;
    let pieces = spans
        .iter()
        .map(|span| {
            let is_value = span.kind() != OutputSpanKind::Raw;
            let expression = is_value.then(|| source.get(span.source_range()).unwrap_or_default().trim().to_owned());
            Piece { range: span.output_range(), source: span.source_range().start, expression }
        })
        .collect();
    Ok(Written { text, pieces })
}

/// Line of a byte of the source, from 1.
pub(crate) fn line_at(source: &str, position: usize) -> usize {
    1 + source.bytes().take(position).filter(|byte| *byte == b'\n').count()
}

pub(super) fn value_of(json: &serde_json::Value) -> Value {
    match json {
        serde_json::Value::Null => Value::from(()),
        serde_json::Value::Bool(truth) => Value::from(*truth),
        serde_json::Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(number), _) => Value::from(number),
            (None, Some(number)) => Value::from(number),
            (None, None) => Value::from(number.as_f64().unwrap_or_default()),
        },
        serde_json::Value::String(text) => Value::from(text.as_str()),
        serde_json::Value::Array(items) => Value::from(items.iter().map(value_of).collect::<Vec<Value>>()),
        serde_json::Value::Object(fields) => {
            Value::from_pairs(fields.iter().map(|(name, field)| (name.as_str(), value_of(field))))
        }
    }
}

/// A name without a value is no text: "Dear none" is worse than no mail.
fn write_value(out: &mut Output<'_>, _: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    if value.is_none() {
        return Err(Error::new(ErrorKind::UndefinedError, NO_VALUE));
    }
    if value.is_undefined() {
        return Ok(());
    }
    write!(out, "{value}").map_err(Error::from)
}

const NO_VALUE: &str = "no value";

/// The filter `default`: also for what is known and empty, since forms send empty fields.
fn fallback(value: &Value, other: Option<Value>) -> Value {
    let is_blank = value.as_str().is_some_and(|text| text.trim().is_empty());
    if value.is_undefined() || value.is_none() || is_blank {
        other.unwrap_or_else(|| Value::from(""))
    } else {
        value.clone()
    }
}

fn translate(error: &Error, source: &str, template: &str, part: Part, context: &serde_json::Value) -> RenderError {
    let at = Place { template: template.to_owned(), part, line: error.line() };
    if error.kind() == ErrorKind::OutOfFuel {
        return RenderError::OutOfFuel { at };
    }
    let detail = error.detail().unwrap_or_default();
    let written = error.range().and_then(|range| source.get(range)).unwrap_or("a name").trim();
    match undefined_name(detail) {
        None if detail == NO_VALUE => RenderError::NoValue { at, expression: suggest::first_name(written).to_owned() },
        None if error.kind() != ErrorKind::UndefinedError => {
            let reason =
                if detail.is_empty() { error.kind().to_string() } else { format!("{}: {detail}", error.kind()) };
            RenderError::Template { at, reason }
        }
        name => {
            let expression = name.unwrap_or_else(|| suggest::first_name(written)).to_owned();
            if suggest::is_known(&expression, context) {
                return RenderError::NoValue { at, expression };
            }
            RenderError::Unknown { at, remedy: suggest::remedy(&expression, context), expression }
        }
    }
}

/// The library tells which name it was in the detail: "`traits.x` is undefined".
fn undefined_name(detail: &str) -> Option<&str> {
    let before = &detail[..detail.find("` is undefined")?];
    before.rsplit('`').next()
}
