//! Which events stand behind the lines of an explanation: read from the timeline when something is told, in the weeks in
//! which something counted. The 20 newest per line, of at most 200 per identifier and week; how many there are in all is in
//! the accumulator. An event whose sender's clock was weeks off stands in another week and is counted, but not named.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use leadflow_platform::pg::PgError;
use leadflow_proto::engagement::v1 as engagement;
use prost::Message as _;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::domain::day::Day;
use crate::domain::event::EngagementEvent;
use crate::domain::identity::{IdentifierId, OrderKey, PersonId};
use crate::domain::rules::{Hits, RuleNo};
use crate::people::Person;
use crate::store;
use crate::store::partition::monday;
use crate::store::timeline::Entry;
use crate::wire::engagement_event::from_proto;
use crate::wire::lines::MOST_EVENT_IDS;

use super::Work;
use super::answer::Moment;

/// Most looks into the timeline for one person.
const MOST_PAIRS: usize = 400;

/// Events by person and rule, the newest first.
#[derive(Debug, Default)]
pub(crate) struct Evidence {
    events: HashMap<(PersonId, RuleNo), Vec<OrderKey>>,
}

impl Evidence {
    /// Reads what stands behind these answers.
    pub(super) async fn of(connection: &mut PgConnection, work: &Work, moments: &[Moment]) -> Result<Self, PgError> {
        // An act that is only told names itself; a person without points has no lines to explain.
        let is_explained = |moment: &&Moment| moment.kind.is_some() && !moment.explanation.lines.is_empty();
        let persons: BTreeSet<PersonId> = moments.iter().filter(is_explained).map(|moment| moment.person).collect();
        let mut evidence = Self::read(connection, work, &persons.into_iter().collect::<Vec<_>>()).await?;
        // Whatever was left out: the act that the answer is about is named.
        for moment in moments {
            for (rule, key) in &moment.hits {
                let events = evidence.events.entry((moment.person, *rule)).or_default();
                if let Err(place) = events.binary_search_by(|had| key.cmp(had)) {
                    events.insert(place, *key);
                }
            }
        }
        Ok(evidence)
    }

    /// Reads what stands behind the points of these persons, who are in `work`.
    pub(crate) async fn read(
        connection: &mut PgConnection,
        work: &Work,
        persons: &[PersonId],
    ) -> Result<Self, PgError> {
        if persons.is_empty() {
            return Ok(Self::default());
        }
        let owner: HashMap<IdentifierId, PersonId> = store::identifier::members(connection, persons)
            .await?
            .into_iter()
            .map(|member| (member.known.node.id, member.known.person))
            .collect();
        let entries = store::timeline::evidence(connection, &pairs(work, &owner)).await?;
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
    pub(crate) fn newest(
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

/// Where to look: every identifier of a person in every week in which something of that person counts, the newest weeks of
/// those who have very many identifiers.
fn pairs(work: &Work, owner: &HashMap<IdentifierId, PersonId>) -> Vec<(IdentifierId, i32)> {
    let mut by_person: BTreeMap<PersonId, Vec<IdentifierId>> = BTreeMap::new();
    for (id, person) in owner {
        by_person.entry(*person).or_default().push(*id);
    }
    let mut pairs = Vec::new();
    for (person, mut ids) in by_person {
        let Some(person) = work.people.get(&person) else { continue };
        ids.sort_unstable();
        let weeks = weeks_of_newest(person, work.today);
        let most = (MOST_PAIRS / ids.len()).max(2);
        let weeks = weeks.into_iter().rev().take(most);
        pairs.extend(weeks.flat_map(|week| ids.iter().map(move |id| (*id, week))));
    }
    pairs
}

/// The weeks in which the newest acts of each rule stand.
fn weeks_of_newest(person: &Person, today: Day) -> BTreeSet<i32> {
    let first = person.rules.model.first_counting_day(today);
    let mut weeks = BTreeSet::new();
    for days in person.state.standing.acc.entries().chunk_by(|one, other| one.rule == other.rule) {
        let mut acts = 0;
        for entry in days.iter().rev().take_while(|entry| entry.day >= first) {
            weeks.insert(monday(entry.day).0);
            acts += entry.count;
            if acts >= MOST_EVENT_IDS as u64 {
                break;
            }
        }
    }
    weeks
}

/// The event of a timeline row; none if this binary cannot read it.
pub(crate) fn read_event(data: &[u8]) -> Option<EngagementEvent> {
    from_proto(engagement::EngagementEvent::decode(data).ok()?).ok()
}
