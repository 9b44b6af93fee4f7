//! What is wrong with a configuration, in words that say where and what to type.

use std::fmt;

use super::Source;

/// Everything found wrong at once.
#[derive(Clone, Debug)]
pub struct ConfigError {
    problems: Vec<Problem>,
}

/// One thing that is wrong.
#[derive(Clone, Debug)]
pub struct Problem {
    /// "server.listen"; empty for the whole.
    pub path: String,
    /// Where the value came from, if it was given at all.
    pub source: Option<Source>,
    /// What is wrong, and what would be right.
    pub message: String,
    /// The line of the file, secrets masked.
    pub snippet: Option<String>,
}

impl ConfigError {
    pub(super) fn new(problems: Vec<Problem>) -> Self {
        Self { problems }
    }

    pub(super) fn one(name: impl fmt::Display, message: impl fmt::Display) -> Self {
        let message = format!("{name} {message}");
        Self { problems: vec![Problem { path: String::new(), source: None, message, snippet: None }] }
    }

    /// The problems, in the order of the file.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

impl std::error::Error for ConfigError {}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(source) = &self.source {
            write!(f, "{source}: ")?;
        }
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)?;
        if let Some(snippet) = &self.snippet {
            write!(f, "\n{snippet}")?;
        }
        Ok(())
    }
}

/// One line with its number, secrets masked.
pub(super) fn snippet(text: &str, line: u64) -> Option<String> {
    let index = usize::try_from(line).ok()?.checked_sub(1)?;
    let content = text.lines().nth(index)?;
    Some(format!("{line:>6} | {}", super::print::masked_line(content)))
}
