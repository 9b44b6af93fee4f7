//! Persons became one: of their open leads one goes on, the others close as merged before their person changes, and all
//! that belonged to those who ended belongs to who goes on.

use leadflow_platform::outbox::OutboxRow;
use leadflow_platform::pg::PgError;
use leadflow_proto::qualification::v1::{LeadMerged, ProfileChanged, lead_event::Fact};
use sqlx::PgConnection;
use std::collections::BTreeMap;

use crate::domain::decide::LeadState;
use crate::domain::identity::PersonId;
use crate::domain::lifecycle::{Rival, Stage, surviving};
use crate::store;
use crate::store::lead::LeadRow;

use super::{Cause, Work};

impl Work {
    /// Everything that follows from `merged` beside points and touches. `cause` is what lead events name.
    ///
    /// # Errors
    /// [`PgError`].
    pub async fn merge_leads(
        &mut self,
        connection: &mut PgConnection,
        cause: &Cause,
    ) -> Result<Vec<OutboxRow>, PgError> {
        if self.merged.is_empty() {
            return Ok(Vec::new());
        }
        let mut outbox = Vec::new();
        let mut into: BTreeMap<PersonId, Vec<PersonId>> = BTreeMap::new();
        for (from, to) in &self.merged {
            into.entry(*to).or_default().push(*from);
        }
        for (id, others) in into {
            self.merge_profiles(id, &others);
            let moved = self.move_leads(id, &others);
            self.close_rivals(id, &moved, cause, &mut outbox);
            self.to_review.insert(id);
        }
        store::decision::move_to(connection, &self.merged).await?;
        store::review::hand_over(connection, &self.merged, self.now).await?;
        let ended: Vec<PersonId> = self.merged.iter().map(|(from, _)| *from).collect();
        store::profile::delete(connection, &ended).await?;
        Ok(outbox)
    }

    fn merge_profiles(&mut self, id: PersonId, others: &[PersonId]) {
        for other in others {
            if let Some(profile) = self.details.profiles.remove(other) {
                self.details.profiles.entry(id).or_default().merge(&profile);
                self.told.insert(id);
            }
        }
    }

    /// Gives the leads that have another person now.
    fn move_leads(&mut self, id: PersonId, others: &[PersonId]) -> Vec<uuid::Uuid> {
        let mut moved = Vec::new();
        for other in others {
            for mut lead in self.details.leads.remove(other).unwrap_or_default() {
                lead.person = id;
                moved.push(lead.lead_id);
                self.touched_leads.insert(lead.lead_id);
                self.details.leads.entry(id).or_default().push(lead);
            }
        }
        if let Some(leads) = self.details.leads.get_mut(&id) {
            leads.sort_by_key(|lead| (lead.opened_at, lead.lead_id));
        }
        moved
    }

    fn close_rivals(&mut self, id: PersonId, moved: &[uuid::Uuid], cause: &Cause, outbox: &mut Vec<OutboxRow>) {
        let mut lines: BTreeMap<String, Vec<Rival>> = BTreeMap::new();
        for lead in self.details.leads.get(&id).into_iter().flatten().filter(|lead| lead.stage.is_open()) {
            let rival = Rival { lead_id: lead.lead_id, stage: lead.stage, opened_at: lead.opened_at };
            lines.entry(lead.product_line.clone()).or_default().push(rival);
        }
        for rivals in lines.into_values() {
            let Some(survivor) = surviving(&rivals) else { continue };
            for rival in &rivals {
                let is_survivor = rival.lead_id == survivor.lead_id;
                if is_survivor && !moved.contains(&rival.lead_id) {
                    continue;
                }
                let fact = if is_survivor {
                    Fact::ProfileChanged(ProfileChanged { fields: vec!["person_id".to_owned()] })
                } else {
                    self.close_as_merged(id, rival);
                    Fact::Merged(LeadMerged { into_lead_id: survivor.lead_id.to_string() })
                };
                let stage = if is_survivor { rival.stage } else { Stage::Merged };
                let state = LeadState { lead_id: rival.lead_id, stage, stage_before: rival.stage };
                let snapshot = self.snapshot(id, state);
                outbox.extend(self.emit(id, rival.lead_id, snapshot, fact, cause));
            }
        }
    }

    fn close_as_merged(&mut self, id: PersonId, rival: &Rival) {
        let now = self.now;
        let row = |leads: &mut Vec<LeadRow>| {
            if let Some(row) = leads.iter_mut().find(|row| row.lead_id == rival.lead_id) {
                (row.stage, row.closed_at) = (Stage::Merged, Some(now));
            }
        };
        if let Some(leads) = self.details.leads.get_mut(&id) {
            row(leads);
        }
        self.touched_leads.insert(rival.lead_id);
    }
}
