//! What is known of a person now: the lead as others see it, and today's score line by line with the events behind it.
//! Read without locks: a picture of a moment.

use std::collections::HashMap;

use jiff::Timestamp;
use leadflow_platform::error::ApiError;
use leadflow_proto::qualification::v1::{Lead, ScoreExplanation};
use sqlx::PgConnection;
use uuid::Uuid;

use super::Backend;
use crate::domain::decide::LeadState;
use crate::domain::identity::PersonId;
use crate::domain::score::explain;
use crate::people::Person;
use crate::store::lead::LeadRow;
use crate::store::{self, corrupt};
use crate::wire::lines::{fit_reasons, reasons};
use crate::wire::to_proto_time;
use crate::work::{Evidence, Work};

/// A person with all that was loaded of them.
pub(super) struct Present {
    work: Work,
    person: PersonId,
    evidence: Evidence,
}

impl Backend {
    /// Loads a person; follows merges.
    pub(super) async fn present(
        &self,
        connection: &mut PgConnection,
        person: PersonId,
        now: Timestamp,
    ) -> Result<Present, ApiError> {
        let person = store::person::follow(connection, person).await?.ok_or_else(|| ApiError::not_found("person"))?;
        let row =
            store::person::read(connection, &[person]).await?.pop().ok_or_else(|| ApiError::not_found("person"))?;
        let rules = self.models.get(connection, row.model_no).await?;
        let loaded = Person::from_row(row, &rules).map_err(corrupt)?;
        let mut work = Work::new(now, self.incarnation);
        work.people.insert(person, loaded);
        work.load(connection, [person]).await?;
        let evidence = Evidence::read(connection, &work, &[person]).await?;
        Ok(Present { work, person, evidence })
    }
}

impl Present {
    fn row(&self) -> Option<&Person> {
        self.work.people.get(&self.person)
    }

    /// Today's score; its lines add up to it.
    pub(super) fn score(&self) -> ScoreExplanation {
        let Some(person) = self.row() else { return ScoreExplanation::default() };
        let standing = &person.state.standing;
        let explanation = explain(&person.rules.model, &standing.acc, self.work.today);
        let (known, _) = self.work.details.known(self.person);
        ScoreExplanation {
            person_id: person.uid.to_string(),
            lead_id: self
                .work
                .details
                .current_lead(self.person)
                .map(|lead| lead.lead_id.to_string())
                .unwrap_or_default(),
            fit_grade: standing.grade.as_str().to_owned(),
            engagement_milli_points: explanation.score_milli,
            scored_on: explanation.day.0,
            rules: person.rules.label.clone(),
            reasons: reasons(&explanation, |rule| self.evidence.newest(self.person, rule, None, &HashMap::new())),
            fit_reasons: fit_reasons(&known.ask(|facts| person.rules.model.fit(facts))),
        }
    }

    /// One lead of the person; the current one without `lead_id`. Its score is today's.
    pub(super) fn lead(&self, lead_id: Option<Uuid>) -> Option<Lead> {
        let rows = self.work.details.leads.get(&self.person)?;
        let wanted = lead_id.or_else(|| self.work.details.current_lead(self.person).map(|lead| lead.lead_id))?;
        let row = rows.iter().find(|row| row.lead_id == wanted)?;
        Some(self.describe(row))
    }

    fn describe(&self, row: &LeadRow) -> Lead {
        let state = LeadState { lead_id: row.lead_id, stage: row.stage, stage_before: row.stage_before };
        let score = self.score();
        let snapshot = self.work.snapshot(self.person, state).map(|mut snapshot| {
            snapshot.engagement_milli_points = score.engagement_milli_points;
            snapshot.scored_on = score.scored_on;
            snapshot.reasons = score.reasons;
            snapshot
        });
        Lead {
            lead_id: row.lead_id.to_string(),
            sequence: row.sequence,
            incarnation: row.incarnation,
            snapshot,
            opened_at: Some(to_proto_time(row.opened_at)),
            closed_at: row.closed_at.map(to_proto_time),
        }
    }

    /// Row number, after merges.
    pub(super) fn person_id(&self) -> PersonId {
        self.person
    }
}
