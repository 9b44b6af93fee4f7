//! What is wrong with a rules file, said so that its author can mend it without asking.

use std::fmt;

/// One fault or doubt in a scoring model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// A fault stops the publishing, a warning does not.
    pub severity: Severity,
    /// Where: `rules[3].when.all[0].field`; empty for the file as a whole.
    pub path: String,
    /// What is wrong.
    pub problem: String,
    /// What to do about it.
    pub remedy: String,
}

/// How bad it is. Faults sort first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The model cannot be used.
    Fault,
    /// The model can be used, but probably does not do what its author wants.
    Warning,
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Fault => "fault",
            Severity::Warning => "warning",
        };
        let place = if self.path.is_empty() { "the file" } else { &self.path };
        write!(out, "{severity}: {place}: {}; {}", self.problem, self.remedy)
    }
}

/// Collects findings on the way through a file.
#[derive(Debug, Default)]
pub(super) struct Findings(Vec<Finding>);

impl Findings {
    pub(super) fn fault(&mut self, path: impl Into<String>, problem: impl Into<String>, remedy: impl Into<String>) {
        self.push(Severity::Fault, path.into(), problem.into(), remedy.into());
    }

    pub(super) fn warning(&mut self, path: impl Into<String>, problem: impl Into<String>, remedy: impl Into<String>) {
        self.push(Severity::Warning, path.into(), problem.into(), remedy.into());
    }

    /// Takes over what another walk found.
    pub(super) fn append(&mut self, other: Self) {
        for Finding { severity, path, problem, remedy } in other.0 {
            self.push(severity, path, problem, remedy);
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

    /// A file can be wrong in as many places as it has bytes; its author reads the first ones.
    fn push(&mut self, severity: Severity, path: String, problem: String, remedy: String) {
        const MOST: usize = 200;
        if self.0.len() < MOST {
            self.0.push(Finding { severity, path, problem, remedy });
        }
    }
}

/// `; did you mean "x"?` for the nearest of the known words, or the list of them if there are few, or nothing.
pub(super) fn nearest(word: &str, known: &[&str]) -> String {
    let distance = |other: &&&str| strsim::damerau_levenshtein(&word.to_lowercase(), &other.to_lowercase());
    match known.iter().min_by_key(distance) {
        Some(best) if distance(&best) <= 1 + word.chars().count() / 4 => format!("did you mean `{best}`?"),
        Some(_) if known.len() <= 30 => format!("use one of: {}", known.join(", ")),
        _ => "remove it".to_owned(),
    }
}
