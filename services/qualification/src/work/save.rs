//! The end of a transaction's work: one statement per table, of what changed.

use leadflow_platform::pg::PgError;
use sha2::{Digest as _, Sha256};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::domain::day::Day;
use crate::domain::decide::DecisionKind;
use crate::domain::identity::{IdentifierId, PersonId};
use crate::domain::person::Profile;
use crate::domain::score::next_crossing;
use crate::people::Person;
use crate::store;
use crate::store::decision::DecisionRow;
use crate::store::lead::LeadRow;
use crate::wire::link_decision;

use super::{Diligence, TORN, Ties, Work};

impl Work {
    /// Writes everything.
    ///
    /// # Errors
    /// [`PgError`].
    pub async fn save(&mut self, connection: &mut PgConnection) -> Result<(), PgError> {
        self.save_profiles(connection).await?;
        self.save_people(connection).await?;
        let leads: Vec<&LeadRow> =
            self.details.leads.values().flatten().filter(|lead| self.touched_leads.contains(&lead.lead_id)).collect();
        store::lead::save(connection, &leads).await?;
        for ties in std::mem::take(&mut self.ties) {
            let row = self.link_decision(&ties);
            self.decisions.push(row);
        }
        if !self.decisions.is_empty() {
            store::decision::insert(connection, &self.decisions).await?;
        }
        let reviews: Vec<(PersonId, Option<Day>)> =
            self.to_review.iter().filter_map(|id| Some((*id, self.next_review(self.people.get(id)?)))).collect();
        if !reviews.is_empty() {
            store::review::schedule(connection, &reviews).await?;
        }
        if !self.torn.is_empty() {
            let torn: Vec<PersonId> = self.torn.iter().copied().collect();
            store::review::note_recompute(connection, &torn, TORN, self.now).await?;
        }
        Ok(())
    }

    async fn save_profiles(&mut self, connection: &mut PgConnection) -> Result<(), PgError> {
        let mut profiles: Vec<(PersonId, &Profile)> =
            self.told.iter().filter_map(|id| Some((*id, self.details.profiles.get(id)?))).collect();
        profiles.sort_unstable_by_key(|(id, _)| *id);
        if profiles.is_empty() {
            return Ok(());
        }
        store::profile::save(connection, &profiles).await?;
        for id in profiles.iter().map(|(id, _)| id) {
            if let Some(person) = self.people.get_mut(id) {
                (person.has_profile, person.is_changed) = (true, true);
            }
        }
        Ok(())
    }

    async fn save_people(&mut self, connection: &mut PgConnection) -> Result<(), PgError> {
        let mut changed: Vec<&Person> = self.people.values().filter(|person| person.is_changed).collect();
        changed.sort_unstable_by_key(|person| person.id);
        let rows = |is_new: bool| -> Vec<_> {
            let part = changed.iter().filter(|person| person.is_new == is_new);
            part.map(|person| person.to_row()).collect()
        };
        let (new, old) = (rows(true), rows(false));
        if !new.is_empty() {
            store::person::insert(connection, &new).await?;
        }
        if !old.is_empty() {
            store::person::update(connection, &old).await?;
        }
        Ok(())
    }

    /// No later than the next day on which decay alone crosses a threshold: only leads have somebody who waits for it.
    fn next_review(&self, person: &Person) -> Option<Day> {
        let lead = self.details.current_lead(person.id).map(|lead| lead.stage);
        // Of a quiet person no lead was loaded; it has one.
        let is_open = lead.map_or(person.has_lead, crate::domain::lifecycle::Stage::is_open);
        if !is_open {
            return None;
        }
        if self.diligence == Diligence::Quick && may_rise(person, self.today) {
            return Some(self.today.plus(1));
        }
        let (model, standing) = (&person.rules.model, &person.state.standing);
        let thresholds = [model.mql_threshold(standing.grade), model.cooled_threshold()];
        let crossings = thresholds.into_iter().flatten().filter_map(|threshold| {
            next_crossing(model, &standing.acc, self.today, threshold).map(|crossing| crossing.day)
        });
        crossings.min()
    }

    fn link_decision(&self, ties: &Ties) -> DecisionRow {
        let input = link_decision::encode_question(&ties.nodes, &ties.claims);
        let outcome = link_decision::encode_answer(&ties.tied);
        let digest = Sha256::new_with_prefix(&input).chain_update(&outcome).finalize().to_vec();
        let strong = ties.claims.first().map_or(IdentifierId(0), |claim| claim.strong);
        let groups = ties.tied.persons.groups.iter().zip(&ties.persons);
        let person =
            groups.clone().find(|(group, _)| group.members.contains(&strong)).map_or(PersonId(0), |(_, id)| *id);
        let mut inputs: Vec<Uuid> = ties.claims.iter().map(|claim| claim.key.1).collect();
        inputs.sort_unstable();
        inputs.dedup();
        DecisionRow {
            decision_id: Uuid::new_v5(&inputs.first().copied().unwrap_or_default(), &digest),
            person,
            lead_id: None,
            kind: DecisionKind::Link,
            at: self.now,
            rules: String::new(),
            input: Some(input),
            inputs,
            lines: Vec::new(),
            outcome,
            digest,
        }
    }
}

/// Whether the score of somebody can be higher on a later day without anything happening: a penalty fades, or an act comes
/// to count because an earlier one leaves the horizon.
pub(crate) fn may_rise(person: &Person, today: Day) -> bool {
    let model = &person.rules.model;
    let first = model.first_counting_day(today);
    let mut last_once = None;
    person.state.standing.acc.entries().iter().filter(|entry| entry.day >= first).any(|entry| {
        let Some(rule) = model.find_rule(entry.rule) else { return false };
        let is_repeated = rule.once && last_once == Some(entry.rule);
        last_once = rule.once.then_some(entry.rule);
        rule.points < 0 || is_repeated
    })
}
