//! Compiled scoring models by number. A model is immutable, so what was compiled once stays.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use leadflow_platform::pg::{FailureKind, PgError};
use sqlx::PgConnection;

use crate::domain::decide::Known;
use crate::domain::rules::{DisqualificationReason, Grade, Model, compile};
use crate::store;

/// A model with its number.
#[derive(Debug)]
pub struct Rules {
    /// Number of the published version.
    pub model_no: i32,
    /// The compiled model.
    pub model: Model,
    /// "scoring/default@7"
    pub label: String,
    /// Fit of somebody of whom nothing is known.
    pub nobodys_grade: Grade,
    /// Why such a one is out, if the model says so.
    pub nobody_is_out: Option<DisqualificationReason>,
}

impl Rules {
    fn new(model_no: i32, model: Model) -> Self {
        let nothing = Known::default();
        Self {
            model_no,
            label: format!("scoring/{}@{model_no}", model.name()),
            nobodys_grade: nothing.ask(|facts| model.fit(facts)).grade,
            nobody_is_out: nothing.ask(|facts| model.disqualified_by_person(facts)).map(|out| out.reason),
            model,
        }
    }
}

/// What this process has compiled so far.
#[derive(Debug, Default)]
pub struct Models {
    compiled: RwLock<HashMap<i32, Arc<Rules>>>,
}

/// A published model that this binary cannot read: it was published through a newer one.
#[derive(Debug, thiserror::Error)]
#[error("scoring model {0} is not readable by this binary: update it")]
struct Unreadable(i32);

impl Models {
    /// The active model; none before the first was published.
    ///
    /// # Errors
    /// [`PgError`].
    pub async fn active(&self, connection: &mut PgConnection) -> Result<Option<Arc<Rules>>, PgError> {
        match store::model::active(connection).await? {
            Some(model_no) => self.get(connection, model_no).await.map(Some),
            None => Ok(None),
        }
    }

    /// The model of that number.
    ///
    /// # Errors
    /// [`PgError`]; of the transient kind if the model cannot be read by this binary: another one may.
    pub async fn get(&self, connection: &mut PgConnection, model_no: i32) -> Result<Arc<Rules>, PgError> {
        if let Some(rules) = self.compiled.read().unwrap_or_else(PoisonError::into_inner).get(&model_no) {
            return Ok(Arc::clone(rules));
        }
        let unreadable = || PgError {
            what: "compile a scoring model",
            kind: FailureKind::Transient,
            source: sqlx::Error::Decode(Box::new(Unreadable(model_no))),
        };
        let body = store::model::body(connection, model_no).await?.ok_or_else(unreadable)?;
        let model = compile(&body).map_err(|_| unreadable())?;
        let rules = Arc::new(Rules::new(model_no, model));
        self.compiled.write().unwrap_or_else(PoisonError::into_inner).insert(model_no, Arc::clone(&rules));
        Ok(rules)
    }
}
