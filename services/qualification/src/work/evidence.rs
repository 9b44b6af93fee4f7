//! Which events stand behind the lines of an explanation: read from the timeline when something is told. The 20 newest per
//! line, of at most 200 of the newest weeks per identifier; how many there are in all is in the accumulator.

use std::collections::{BTreeSet, HashMap};

use leadflow_platform::pg::PgError;
use leadflow_proto::engagement::v1 as engagement;
use prost::Message as _;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::domain::event::EngagementEvent;
use crate::domain::identity::{IdentifierId, OrderKey, PersonId};
use crate::domain::rules::{Hits, RuleNo};
use crate::store;
use crate::store::partition::monday;
use crate::store::timeline::Entry;
use crate::wire::engagement_event::from_proto;
use crate::wire::lines::MOST_EVENT_IDS;

use super::Work;
use super::answer::Moment;

/// Events by person and rule, the newest first.
#[derive(Debug, Default)]
pub(super) struct Evidence {
    events: HashMap<(PersonId, RuleNo), Vec<OrderKey>>,
}

impl Evidence {
    /// Reads what stands behind these answers.
    pub(super) async fn read(connection: &mut PgConnection, work: &Work, moments: &[Moment]) -> Result<Self, PgError> {
        // A person without points has no lines to explain.
        let persons: BTreeSet<PersonId> =
            moments.iter().filter(|moment| !moment.explanation.lines.is_empty()).map(|moment| moment.person).collect();
        if persons.is_empty() {
            return Ok(Self::default());
        }
        let persons: Vec<PersonId> = persons.into_iter().collect();
        let owner: HashMap<IdentifierId, PersonId> = store::identifier::members(connection, &persons)
            .await?
            .into_iter()
            .map(|known| (known.node.id, known.person))
            .collect();
        let longest = work.people.values().map(|person| person.rules.model.horizon_days()).max().unwrap_or_default();
        let first_week = monday(work.today.plus(-longest)).0;
        let mut ids: Vec<IdentifierId> = owner.keys().copied().collect();
        ids.sort_unstable();
        let entries = store::timeline::evidence(connection, &ids, first_week).await?;
        Ok(Self::sort(work, &owner, entries))
    }

    fn sort(work: &Work, owner: &HashMap<IdentifierId, PersonId>, entries: Vec<Entry>) -> Self {
        let mut evidence = Self::default();
        let mut hits = Hits::default();
        for entry in entries {
            let Some(id) = owner.get(&entry.identifier) else { continue };
            let (Some(person), Some(event)) = (work.people.get(id), read_event(&entry.data)) else { continue };
            person.rules.model.evaluate(&event, &mut hits);
            for rule in &hits.scoring {
                evidence.events.entry((*id, *rule)).or_default().push(event.order_key());
            }
        }
        for events in evidence.events.values_mut() {
            events.sort_unstable_by(|one, other| other.cmp(one));
        }
        evidence
    }

    /// The newest events of a person that met a rule, without those that came after place `before` of the batch.
    pub(super) fn newest(
        &self,
        person: PersonId,
        rule: RuleNo,
        before: Option<usize>,
        places: &HashMap<Uuid, usize>,
    ) -> Vec<Uuid> {
        let came_before = |id: &Uuid| match (before, places.get(id)) {
            (Some(before), Some(place)) => *place <= before,
            _ => true,
        };
        let events = self.events.get(&(person, rule)).into_iter().flatten();
        events.map(|(_, id)| *id).filter(came_before).take(MOST_EVENT_IDS).collect()
    }
}

/// The event of a timeline row; none if this binary cannot read it.
pub(crate) fn read_event(data: &[u8]) -> Option<EngagementEvent> {
    from_proto(engagement::EngagementEvent::decode(data).ok()?).ok()
}
