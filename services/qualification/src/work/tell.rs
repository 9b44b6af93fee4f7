//! From answers to decision rows and lead events: dense sequences, stable ids, reasons with the events behind them.

use leadflow_platform::outbox::OutboxRow;
use leadflow_platform::pg::PgError;
use leadflow_platform::record::CloudEvent;
use leadflow_platform::topics::Topic;
use leadflow_proto::qualification::v1 as proto;
use leadflow_proto::qualification::v1::lead_event::Fact;
use prost::Message as _;
use sha2::{Digest as _, Sha256};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::domain::identity::PersonId;
use crate::store::decision::DecisionRow;
use crate::wire::lead_event::{envelope, found};
use crate::wire::lines::{encode_lines, reasons};
use crate::wire::to_proto_time;

use super::answer::{Moment, What};
use super::evidence::Evidence;
use super::{Cause, Work};

impl Work {
    /// Makes decision rows and lead events of all answers so far, in their order.
    ///
    /// # Errors
    /// [`PgError`].
    pub async fn tell(&mut self, connection: &mut PgConnection) -> Result<Vec<OutboxRow>, PgError> {
        let moments = std::mem::take(&mut self.moments);
        if moments.is_empty() {
            return Ok(Vec::new());
        }
        let evidence = Evidence::of(connection, self, &moments).await?;
        let mut outbox = Vec::new();
        for moment in moments {
            self.tell_moment(moment, &evidence, &mut outbox);
        }
        Ok(outbox)
    }

    fn tell_moment(&mut self, moment: Moment, evidence: &Evidence, outbox: &mut Vec<OutboxRow>) {
        let before = self.places.get(&moment.cause.id).copied();
        let lines = reasons(&moment.explanation, |rule| evidence.newest(moment.person, rule, before, &self.places));
        let decision_id = self.keep(&moment, &lines);
        let event_id = before.map(|_| moment.cause.id);
        for told in moment.told {
            let (Some(lead), Some(mut snapshot)) = (told.lead, told.snapshot) else { continue };
            let fact = match told.what {
                What::Ready(fact) => fact,
                What::Found(fact) => match found(&fact, decision_id, event_id) {
                    Some(fact) => fact,
                    None => continue,
                },
            };
            snapshot.reasons.clone_from(&lines);
            outbox.extend(self.emit(moment.person, lead.lead_id, Some(*snapshot), fact, &moment.cause));
        }
    }

    /// Makes the decision row, if it was a decision. Its id is made of its inputs.
    fn keep(&mut self, moment: &Moment, lines: &[proto::LeadReason]) -> Uuid {
        let Some(kind) = moment.kind else { return Uuid::nil() };
        let digest = Sha256::new_with_prefix(&moment.input).chain_update(&moment.outcome).finalize().to_vec();
        let person = self.people.get(&moment.person);
        let uid = person.map_or(Uuid::nil(), |person| person.uid);
        let standing = person.map(|person| &person.state.standing);
        let name = [uid.as_bytes().as_slice(), &kind.number().to_be_bytes(), &digest].concat();
        let decision_id = Uuid::new_v5(&moment.cause.id, &name);
        let lead_id = moment.told.iter().rev().find_map(|told| told.lead).map(|lead| lead.lead_id);
        let mut inputs: Vec<Uuid> = vec![moment.cause.id];
        inputs.extend(lines.iter().flat_map(|line| &line.event_ids).filter_map(|id| Uuid::try_parse(id).ok()));
        let mut seen = std::collections::HashSet::new();
        inputs.retain(|id| seen.insert(*id));
        let explained = proto::ScoreExplanation {
            person_id: uid.to_string(),
            lead_id: lead_id.map(|id| id.to_string()).unwrap_or_default(),
            fit_grade: standing.map(|standing| standing.grade.as_str().to_owned()).unwrap_or_default(),
            engagement_milli_points: moment.explanation.score_milli,
            scored_on: moment.explanation.day.0,
            rules: moment.rules.clone(),
            reasons: lines.to_vec(),
            fit_reasons: moment.fit.clone(),
        };
        self.decisions.push(DecisionRow {
            decision_id,
            person: moment.person,
            lead_id,
            kind,
            at: self.now,
            rules: moment.rules.clone(),
            input: Some(moment.input.clone()),
            inputs,
            lines: encode_lines(&explained),
            outcome: moment.outcome.clone(),
            digest,
        });
        decision_id
    }

    /// One lead event: the next number of its lead. None if the lead is not here.
    pub(crate) fn emit(
        &mut self,
        person: PersonId,
        lead_id: Uuid,
        snapshot: Option<proto::LeadSnapshot>,
        fact: Fact,
        cause: &Cause,
    ) -> Option<OutboxRow> {
        let row = self.details.leads.get_mut(&person)?.iter_mut().find(|row| row.lead_id == lead_id)?;
        // A restore begins new numbers under a new incarnation.
        row.sequence = if row.incarnation == self.incarnation { row.sequence + 1 } else { 1 };
        row.incarnation = self.incarnation;
        row.updated_at = self.now;
        self.touched_leads.insert(lead_id);
        let proto_cause = proto::Cause { topic: cause.topic.to_owned(), event_id: cause.id.to_string() };
        let mut event = envelope(lead_id, row.test, snapshot, proto_cause, fact);
        let name = format!("{}/{}/{}", cause.id, row.incarnation, row.sequence);
        event.event_id = Uuid::new_v5(&lead_id, name.as_bytes()).to_string();
        (event.sequence, event.incarnation) = (row.sequence, row.incarnation);
        event.occurred_at = Some(to_proto_time(self.now));
        Some(OutboxRow {
            topic: Topic::Lead,
            key: event.lead_id.clone().into_bytes(),
            event: CloudEvent {
                id: event.event_id.clone(),
                source: "/leadflow/qualification",
                kind: event.r#type.clone(),
                subject: event.lead_id.clone(),
                time: self.now,
                dataschema: "leadflow.qualification.v1.LeadEvent",
            },
            trace: cause.trace.clone(),
            payload: event.encode_to_vec(),
        })
    }
}
