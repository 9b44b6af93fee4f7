//! What is wrong with a rules file, said so that its author can mend it without asking.

use std::fmt;

use serde::Serialize;

/// One fault or doubt in a scoring model. Its text is place, problem and remedy, without the severity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// A fault stops the publishing, a warning does not.
    pub severity: Severity,
    /// Line of the file, from 1; none if it is about the file as a whole.
    pub line: Option<u64>,
    /// Where: `rules[3].when.all[0].field`; empty for the file as a whole.
    pub path: String,
    /// What is wrong.
    pub problem: String,
    /// What to do about it.
    pub remedy: String,
}

/// How bad it is. Faults sort first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The model cannot be used.
    Fault,
    /// The model can be used, but probably does not do what its author wants.
    Warning,
}

impl Finding {
    /// Whether it stops the publishing.
    #[must_use]
    pub const fn is_fault(&self) -> bool {
        matches!(self.severity, Severity::Fault)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.line, self.path.as_str()) {
            (None, "") => write!(out, "the file")?,
            (None, path) => write!(out, "{path}")?,
            (Some(line), "") => write!(out, "line {line}")?,
            (Some(line), path) => write!(out, "line {line}, {path}")?,
        }
        write!(out, ": {}; {}", self.problem, self.remedy)
    }
}

/// Collects findings on the way through a file.
#[derive(Debug, Default)]
pub(super) struct Findings(Vec<Finding>);

impl Findings {
    pub(super) fn fault(&mut self, path: impl Into<String>, problem: impl Into<String>, remedy: impl Into<String>) {
        self.push(Severity::Fault, None, path.into(), problem.into(), remedy.into());
    }

    /// A fault at a line, of a file that has no paths because it is no YAML.
    pub(super) fn fault_at(&mut self, line: Option<u64>, problem: impl Into<String>, remedy: impl Into<String>) {
        self.push(Severity::Fault, line, String::new(), problem.into(), remedy.into());
    }

    pub(super) fn warning(&mut self, path: impl Into<String>, problem: impl Into<String>, remedy: impl Into<String>) {
        self.push(Severity::Warning, None, path.into(), problem.into(), remedy.into());
    }

    /// Takes over what another walk found.
    pub(super) fn append(&mut self, mut other: Self) {
        self.0.append(&mut other.0);
        self.0.truncate(MOST);
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Asks `line_of` for the line of every path.
    pub(super) fn set_lines(&mut self, line_of: impl Fn(&str) -> Option<u64>) {
        for finding in self.0.iter_mut().filter(|finding| !finding.path.is_empty()) {
            finding.line = line_of(&finding.path);
        }
    }

    pub(super) fn has_faults(&self) -> bool {
        self.0.iter().any(|finding| finding.severity == Severity::Fault)
    }

    /// Faults only, in the order of the file.
    pub(super) fn into_faults(mut self) -> Vec<Finding> {
        self.0.retain(|finding| finding.severity == Severity::Fault);
        self.0
    }

    /// Faults first, each in the order of the file.
    pub(super) fn into_sorted(mut self) -> Vec<Finding> {
        self.0.sort_by_key(|finding| finding.severity);
        self.0
    }

    fn push(&mut self, severity: Severity, line: Option<u64>, path: String, problem: String, remedy: String) {
        if self.0.len() < MOST {
            self.0.push(Finding { severity, line, path, problem, remedy });
        }
    }
}

/// A file can be wrong in as many places as it has bytes; its author reads the first ones.
const MOST: usize = 200;

/// `did you mean "x"?` for the nearest of the known words, or the list of them if there are few, or nothing.
pub(super) fn nearest(word: &str, known: &[&str]) -> String {
    let distance = |other: &&&str| strsim::damerau_levenshtein(&word.to_lowercase(), &other.to_lowercase());
    match known.iter().min_by_key(distance) {
        Some(best) if distance(&best) <= 1 + word.chars().count() / 4 => format!("did you mean `{best}`?"),
        Some(_) if known.len() <= 30 => format!("use one of: {}", known.join(", ")),
        _ => "remove it".to_owned(),
    }
}
