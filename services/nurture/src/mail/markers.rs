//! Marks in the place of values. MJML never sees a value: it sees a short word, and the value is put in when the HTML is
//! made and shows where the word stands. So no quirk of an MJML reader can let a value out of its place.

use super::engine::{Piece, Written, line_at};

/// A text with marks.
#[derive(Debug)]
pub(crate) struct Marked {
    /// The text.
    pub(crate) text: String,
    /// By number.
    pub(crate) values: Vec<Marker>,
    /// What every mark starts with.
    pub(crate) prefix: String,
    /// Start of each piece in the text; start in the source; whether both run in step.
    origins: Vec<(usize, usize, bool)>,
}

/// A value that was taken out.
#[derive(Debug)]
pub(crate) struct Marker {
    /// The value.
    pub(crate) value: String,
    /// As it is written.
    pub(crate) expression: String,
    /// Line in the source.
    pub(crate) line: usize,
}

/// A piece of a text with marks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut<'a> {
    /// Between marks.
    Text(&'a str),
    /// A mark, by number.
    Mark(usize),
}

/// A prefix that no mark can be confused with, for a source.
pub(crate) fn prefix_for(source: &str) -> String {
    let mut prefix = "lfv".to_owned();
    while source.contains(&prefix) {
        prefix.push('q');
    }
    prefix
}

/// Takes the values out.
pub(crate) fn mark(written: &Written, source: &str, prefix: &str) -> Marked {
    let mut marked = Marked { text: String::new(), values: Vec::new(), prefix: prefix.to_owned(), origins: Vec::new() };
    for Piece { range, source: start, expression } in &written.pieces {
        let text = &written.text[range.clone()];
        marked.origins.push((marked.text.len(), *start, expression.is_none()));
        match expression {
            None => marked.text.push_str(text),
            Some(expression) => {
                marked.text.push_str(&format!("{prefix}{}z", marked.values.len()));
                let line = line_at(source, *start);
                marked.values.push(Marker { value: text.to_owned(), expression: expression.clone(), line });
            }
        }
    }
    marked
}

impl Marked {
    /// The byte of the source that a byte of the text comes from.
    pub(crate) fn origin(&self, position: usize) -> usize {
        let index = self.origins.partition_point(|(start, ..)| *start <= position);
        let Some((start, source, in_step)) = index.checked_sub(1).map(|index| self.origins[index]) else { return 0 };
        if in_step { source + (position - start) } else { source }
    }

    /// Cuts a text that may hold marks.
    pub(crate) fn cut<'a>(&self, text: &'a str) -> Vec<Cut<'a>> {
        let mut cuts = Vec::new();
        let mut rest = text;
        let mut from = 0;
        while let Some(at) = rest[from..].find(&self.prefix).map(|at| at + from) {
            let after = &rest[at + self.prefix.len()..];
            let digits = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
            match after[..digits].parse::<usize>().ok().filter(|number| *number < self.values.len()) {
                Some(number) if after[digits..].starts_with('z') => {
                    if at > 0 {
                        cuts.push(Cut::Text(&rest[..at]));
                    }
                    cuts.push(Cut::Mark(number));
                    rest = &after[digits + 1..];
                    from = 0;
                }
                _ => from = at + self.prefix.len(),
            }
        }
        if !rest.is_empty() {
            cuts.push(Cut::Text(rest));
        }
        cuts
    }

    /// How many marks a text holds.
    pub(crate) fn count(&self, text: &str) -> usize {
        self.cut(text).iter().filter(|cut| matches!(cut, Cut::Mark(_))).count()
    }

    /// A text as it is written in the template, with `{{ }}` for values: fit for messages.
    pub(crate) fn as_written(&self, text: &str) -> String {
        let written = |cut: &Cut<'_>| match cut {
            Cut::Text(text) => (*text).to_owned(),
            Cut::Mark(number) => format!("{{{{ {} }}}}", self.values[*number].expression),
        };
        self.cut(text).iter().map(written).collect()
    }
}
