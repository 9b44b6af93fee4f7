//! Golden tests of journeys: events and a clock in, decisions out, no server. What marketers run before they publish
//! (`leadflow test FILE`), on the very functions that the role runs.

mod run;
mod source;

use std::path::Path;

pub use run::run;
pub use source::{Case, GoldenFile, LeadSource, Moment};

use crate::domain::journey::Finding;

/// What came of one case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Its name.
    pub name: String,
    /// As the file expects it.
    pub expected: Vec<String>,
    /// As it was.
    pub got: Vec<String>,
}

impl Report {
    /// Whether all lines are the expected ones.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.expected == self.got
    }

    /// Both columns, line by line, marked where they differ first.
    #[must_use]
    pub fn difference(&self) -> String {
        let mut text = String::new();
        for number in 0..self.expected.len().max(self.got.len()) {
            match (self.expected.get(number), self.got.get(number)) {
                (Some(expected), Some(got)) if expected == got => text += &format!("    {got}\n"),
                (expected, got) => {
                    if let Some(expected) = expected {
                        text += &format!("  - {expected}\n");
                    }
                    if let Some(got) = got {
                        text += &format!("  + {got}\n");
                    }
                }
            }
        }
        text
    }
}

/// Reads a golden file and the journeys that it names, and runs every case.
///
/// # Errors
/// Everything that is wrong with one of the files.
pub fn test(path: &Path, read: impl Fn(&Path) -> std::io::Result<Vec<u8>>) -> Result<Vec<Report>, Vec<Finding>> {
    let wrong = |place: String, message: String| vec![Finding::error(place, message)];
    let bytes = read(path).map_err(|error| wrong(path.display().to_string(), error.to_string()))?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let file: GoldenFile = crate::yaml::read(&text).map_err(|error| wrong(path.display().to_string(), error))?;
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    let journey_path = folder.join(&file.journey);
    let body = crate::bundle::bundle(&journey_path, &read)
        .map_err(|error| wrong(journey_path.display().to_string(), error))?;
    let (compiled, _) = crate::journeys::read(&body, 1)?;
    let run_case = |case: &Case| -> Result<Report, Vec<Finding>> {
        let got = run(&compiled.journey, &file.manners, case)
            .map_err(|message| wrong(format!("cases.{}", case.name), message))?;
        Ok(Report { name: case.name.clone(), expected: case.expect.clone(), got })
    };
    file.cases.iter().map(run_case).collect()
}
