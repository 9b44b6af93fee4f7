//! Compiled versions of journeys, kept for the life of the process: a version never changes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use leadflow_platform::pg::PgError;
use sqlx::PgConnection;

use crate::domain::journey::source::JourneySource;
use crate::domain::journey::{Finding, Journey, compile};
use crate::mail::{Known, MailKind, Template};
use crate::{store, yaml};

/// A version, ready to run.
#[derive(Debug)]
pub struct Compiled {
    /// Steps, entry, exits.
    pub journey: Journey,
    /// Mails by name.
    pub templates: BTreeMap<String, Template>,
    /// Its number; 0: not published.
    pub version: i32,
}

impl Compiled {
    /// "journey/warm-up@3"
    #[must_use]
    pub fn rules(&self) -> String {
        format!("journey/{}@{}", self.journey.journey_id, self.version)
    }
}

/// A journey that people may enter.
#[derive(Clone, Debug)]
pub struct Active {
    /// The version that is active.
    pub compiled: Arc<Compiled>,
    /// It stands still.
    pub paused: bool,
}

/// Reads and checks a file.
///
/// # Errors
/// Everything that is wrong with it.
pub fn read(body: &[u8], version: i32) -> Result<(Compiled, Vec<Finding>), Vec<Finding>> {
    let text = std::str::from_utf8(body).map_err(|_| vec![Finding::error("file", "is no UTF-8 text")])?;
    let source: JourneySource = yaml::read(text).map_err(|error| vec![Finding::error("file", error)])?;
    let compiled = compile(&source);
    let mut findings = Vec::new();
    let mut templates = BTreeMap::new();
    for (name, template) in &source.templates {
        match Template::compile(name, template) {
            Ok(template) => {
                let marketing = source.purpose != "transactional";
                findings.extend(template_findings(name, &template, marketing));
                templates.insert(name.clone(), template);
            }
            Err(error) => findings.push(Finding::error(format!("templates.{name}"), error.to_string())),
        }
    }
    match compiled {
        Ok((journey, warnings)) if findings.iter().all(|finding| finding.warning) => {
            findings.extend(warnings);
            Ok((Compiled { journey, templates, version }, findings))
        }
        Ok((_, warnings)) => {
            findings.extend(warnings);
            Err(findings)
        }
        Err(more) => {
            findings.extend(more);
            Err(findings)
        }
    }
}

fn template_findings(name: &str, template: &Template, marketing: bool) -> Vec<Finding> {
    let kind = if marketing { MailKind::Marketing } else { MailKind::Transactional };
    let problems = template.check(&Known { kind, traits: None, event: None });
    let find = |problem: crate::mail::Problem| {
        let line = problem.line.map(|line| format!(", line {line}")).unwrap_or_default();
        Finding {
            place: format!("templates.{name}.{}{line}", problem.part.name()),
            message: problem.message,
            warning: problem.warning,
        }
    };
    problems.into_iter().map(find).collect()
}

/// The cache.
#[derive(Debug, Default)]
pub struct Journeys {
    compiled: Mutex<BTreeMap<(String, i32), Arc<Compiled>>>,
}

impl Journeys {
    /// A version; none: nobody published it, or this program cannot run it (and says so).
    ///
    /// # Errors
    /// As the database says.
    pub async fn get(
        &self,
        connection: &mut PgConnection,
        journey_id: &str,
        version: i32,
    ) -> Result<Option<Arc<Compiled>>, PgError> {
        let key = (journey_id.to_owned(), version);
        if let Some(compiled) = self.cached().get(&key) {
            return Ok(Some(Arc::clone(compiled)));
        }
        let Some(row) = store::journey::load(connection, journey_id, version).await? else { return Ok(None) };
        match read(&row.body, version) {
            Ok((compiled, _)) => {
                let compiled = Arc::new(compiled);
                self.cached().insert(key, Arc::clone(&compiled));
                Ok(Some(compiled))
            }
            Err(findings) => {
                let first = findings.first().map(ToString::to_string).unwrap_or_default();
                tracing::error!(
                    journey.id = journey_id,
                    version,
                    "this program cannot run a journey that was published: {first}"
                );
                Ok(None)
            }
        }
    }

    /// Journeys that people may enter.
    ///
    /// # Errors
    /// As the database says.
    pub async fn active(&self, connection: &mut PgConnection) -> Result<Vec<Active>, PgError> {
        let mut active = Vec::new();
        for (journey_id, version, paused) in store::journey::active(&mut *connection).await? {
            if let Some(compiled) = self.get(connection, &journey_id, version).await? {
                active.push(Active { compiled, paused });
            }
        }
        Ok(active)
    }

    /// Every version that these name.
    ///
    /// # Errors
    /// As the database says.
    pub async fn all<'a>(
        &self,
        connection: &mut PgConnection,
        names: impl Iterator<Item = (&'a str, i32)>,
    ) -> Result<BTreeMap<(String, i32), Arc<Compiled>>, PgError> {
        let mut found = BTreeMap::new();
        for (journey_id, version) in names {
            let key = (journey_id.to_owned(), version);
            if found.contains_key(&key) {
                continue;
            }
            if let Some(compiled) = self.get(connection, journey_id, version).await? {
                found.insert(key, compiled);
            }
        }
        Ok(found)
    }

    fn cached(&self) -> std::sync::MutexGuard<'_, BTreeMap<(String, i32), Arc<Compiled>>> {
        // A map of finished values: nothing in it can be half-done.
        self.compiled.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
