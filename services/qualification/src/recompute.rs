//! The slow path, one mechanism for un-merging, late links, reclassified or erased events and new models: fold a person's
//! timeline anew, write it, and tell what is different. Who is whom is not folded here: links are decided where they come.
//!
//! What the timeline no longer has (it ends at the horizon) stays as it was: traits, consents, first touch.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use leadflow_platform::consumer::HandlerError;
use leadflow_platform::outbox::{self, OutboxRow};
use leadflow_platform::pg::Database;
use leadflow_proto::qualification::v1::{LeadUnmerged, lead_event::Fact};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::domain::decide::Trigger;
use crate::domain::event::{EngagementEvent, UNDATED_WEEK};
use crate::domain::identity::{IdentifierId, PersonId, present};
use crate::domain::person::{Profile, Touches};
use crate::domain::rules::{DisqualificationReason, Grade, Hits, Model};
use crate::domain::score::Accumulator;
use crate::models::{Models, Rules};
use crate::people::{NEVER, Person};
use crate::store;
use crate::store::partition::{WEEKS_BACK, monday};
use crate::store::review::Reason;
use crate::work::{Asked, Cause, Diligence, Work, read_event};

/// Events read at a time.
const PAGE: i64 = 1000;

/// What came of it.
#[derive(Debug)]
pub struct Recomputed {
    /// Whose it is, after merges.
    pub person: PersonId,
    /// Public id.
    pub person_uid: Uuid,
    /// Whether anything is different.
    pub changed: bool,
    /// Score of today.
    pub score_milli: i32,
    /// Fit.
    pub grade: Grade,
    /// To be appended in the same transaction.
    pub outbox: Vec<OutboxRow>,
}

/// Folds one person in a transaction of its own; none if there is no such person. The publisher is for the caller to wake.
///
/// # Errors
/// [`HandlerError`].
pub async fn run(
    database: &Database,
    models: &Models,
    incarnation: i32,
    person: PersonId,
    reason: Reason,
) -> Result<Option<Recomputed>, HandlerError> {
    let mut tx = database.write_tx("recompute").await?;
    let now = tx.now();
    let done = recompute(tx.connection(), models, incarnation, now, (person, reason)).await?;
    if let Some(done) = &done {
        outbox::append(&mut tx, &done.outbox).await?;
    }
    tx.commit().await?;
    Ok(done)
}

/// Folds what was noted, the oldest note first, at most `most` persons; gives how many.
///
/// # Errors
/// [`HandlerError`].
pub async fn drain(database: &Database, models: &Models, incarnation: i32, most: i64) -> Result<usize, HandlerError> {
    let mut connection = database.pool().acquire().await?;
    let pending = store::review::pending_recompute(&mut connection, most).await?;
    drop(connection);
    for (person, reason) in &pending {
        run(database, models, incarnation, *person, *reason).await?;
    }
    Ok(pending.len())
}

/// Inside a transaction.
///
/// # Errors
/// [`HandlerError`].
pub async fn recompute(
    connection: &mut PgConnection,
    models: &Models,
    incarnation: i32,
    now: Timestamp,
    (asked, reason): (PersonId, Reason),
) -> Result<Option<Recomputed>, HandlerError> {
    let Some(id) = store::person::follow(connection, asked).await? else { return Ok(None) };
    let Some(row) = store::person::lock(connection, &[id]).await?.into_iter().next() else { return Ok(None) };
    if row.merged_into.is_some() {
        return Err(HandlerError::Again("the person became one with another"));
    }
    let old_rules = models.get(connection, row.model_no).await?;
    let rules = models.active(connection).await?.unwrap_or_else(|| Arc::clone(&old_rules));
    let before = Person::from_row(row, &old_rules).map_err(store::corrupt)?;
    let mut work = Work::new(now, incarnation);
    work.diligence = Diligence::Exact;
    work.people.insert(id, before.clone());
    work.load(connection, [id]).await?;
    let old_profile = work.details.profiles.get(&id).cloned().unwrap_or_default();

    let folded = fold(connection, id, &rules, now, (&before, &old_profile)).await?;
    let had_events = folded.events > 0;
    let changed = folded.profile != old_profile
        || before.touches != folded.touches
        || before.state.standing.acc != folded.acc
        || before.state.out_by_event != folded.outs
        || before.rules.model_no != rules.model_no;
    put(&mut work, id, folded, &rules);
    let is_somebody = had_events || before.has_lead;
    if is_somebody {
        tell(&mut work, id, (&before, reason, changed));
    }
    let outbox = work.tell(connection).await?;
    work.save(connection).await?;
    store::review::forget_recompute(connection, &[asked, id]).await?;
    let after = &work.people[&id];
    Ok(Some(Recomputed {
        person: id,
        person_uid: after.uid,
        changed: changed || before.state.standing.score_milli != after.state.standing.score_milli,
        score_milli: after.state.standing.score_milli,
        grade: after.state.standing.grade,
        outbox,
    }))
}

/// What the timeline says.
struct Folded {
    acc: Accumulator,
    profile: Profile,
    touches: Touches,
    outs: BTreeSet<DisqualificationReason>,
    last_seen: Timestamp,
    events: usize,
    /// Whether a live human act is among them.
    has_live: bool,
}

async fn fold(
    connection: &mut PgConnection,
    id: PersonId,
    rules: &Rules,
    now: Timestamp,
    (before, old_profile): (&Person, &Profile),
) -> Result<Folded, HandlerError> {
    let model = &rules.model;
    let today = crate::domain::day::Day::of(now);
    let first_day = model.first_counting_day(today);
    // All that the timeline has, also before the horizon of points: traits and touches know none.
    let first_week = monday(today).plus(-7 * (WEEKS_BACK + 1));
    let mut folded = Folded {
        acc: Accumulator::new(),
        profile: old_profile.clone(),
        touches: before.touches.clone(),
        outs: BTreeSet::new(),
        last_seen: NEVER,
        events: 0,
        has_live: false,
    };
    let start = Timestamp::from_second(i64::from(first_week.0) * 86_400).unwrap_or(Timestamp::MIN);
    folded.profile.keep_before(start);
    folded.touches.keep_before(start);
    let subjects: Vec<IdentifierId> =
        store::identifier::members(connection, &[id]).await?.iter().map(|member| member.known.node.id).collect();
    let mut hits = Hits::default();
    let few = store::timeline::of_subjects(connection, &subjects, first_week.0, PAGE).await?;
    if i64::try_from(few.len()).is_ok_and(|read| read <= PAGE) {
        few.iter().filter_map(|data| read_event(data)).for_each(|event| folded.add(&event, model, &mut hits));
    } else {
        drop(few);
        for subject in &subjects {
            for weeks in [(UNDATED_WEEK, UNDATED_WEEK), (first_week.0, i32::MAX)] {
                fold_pages(connection, *subject, weeks, &mut folded, (model, &mut hits)).await?;
            }
        }
    }
    for data in store::timeline::credited(connection, &subjects, first_week.0).await? {
        if let Some(event) = read_event(&data) {
            folded.add(&event, model, &mut hits);
        }
    }
    if folded.events == 0 {
        folded.last_seen = before.last_seen;
    }
    folded.acc.forget_before(first_day);
    folded.outs.extend(folded.profile.outs.keys().copied());
    Ok(folded)
}

/// Everything of one subject in these weeks, page by page.
async fn fold_pages(
    connection: &mut PgConnection,
    subject: IdentifierId,
    weeks: (i32, i32),
    folded: &mut Folded,
    (model, hits): (&Model, &mut Hits),
) -> Result<(), HandlerError> {
    let mut after = None;
    loop {
        let page = store::timeline::of_subject(connection, subject, weeks, after, PAGE).await?;
        page.iter().filter_map(|(_, _, data)| read_event(data)).for_each(|event| folded.add(&event, model, hits));
        match page.last() {
            Some((week, event_id, _)) if i64::try_from(page.len()).is_ok_and(|read| read == PAGE) => {
                after = Some((*week, *event_id));
            }
            _ => return Ok(()),
        }
    }
}

impl Folded {
    fn add(&mut self, event: &EngagementEvent, model: &Model, hits: &mut Hits) {
        // With nothing but junk it is nobody's act, as when it came.
        if present(event.kind, &event.identifiers).iter().all(|one| model.is_junk_identifier(one.value)) {
            return;
        }
        self.events += 1;
        self.has_live |= !event.historical && !event.is_bot();
        model.evaluate(event, hits);
        for rule in &hits.scoring {
            self.acc.add(*rule, event.day());
        }
        self.profile.apply(event);
        self.touches.apply(event);
        self.last_seen = self.last_seen.max(event.occurred_at);
        if let Some(out) = model.disqualified_by_event(event) {
            self.profile.note_out(out.reason, event.order_key());
        }
    }
}

fn put(work: &mut Work, id: PersonId, folded: Folded, rules: &Arc<Rules>) {
    if !folded.profile.is_empty() || work.details.profiles.contains_key(&id) {
        work.details.profiles.insert(id, folded.profile);
        work.write_profile(id);
    }
    if let Some(person) = work.people.get_mut(&id) {
        person.rules = Arc::clone(rules);
        person.touches = folded.touches;
        person.last_seen = folded.last_seen;
        person.state.out_by_event = folded.outs;
        person.state.standing.acc = folded.acc;
        // What came by imports alone waits for a live act, also when it is folded anew.
        person.state.standing.waiting |= !folded.has_live && !person.state.standing.above_mql;
        person.is_changed = true;
    }
}

/// Asks what follows, and tells what others see differently.
fn tell(work: &mut Work, id: PersonId, (before, reason, changed): (&Person, Reason, bool)) {
    let topic = match reason {
        Reason::Command => "command",
        Reason::Identity | Reason::Model | Reason::Reclassified => "recompute",
    };
    let name = format!("recompute:{}", before.version);
    let cause = Cause { topic, id: Uuid::new_v5(&before.uid, name.as_bytes()), trace: None };
    let fields = if changed { vec!["engagement"] } else { Vec::new() };
    let open = work.details.current_lead(id).filter(|lead| lead.stage.is_open());
    work.ask(&Asked { person: id, trigger: Trigger::Clock, cause: cause.clone(), is_known_anew: true }, fields);
    let still_open = work.details.current_lead(id).filter(|lead| lead.stage.is_open());
    if let (Reason::Identity, true, Some(_), Some(lead)) = (reason, changed, open, still_open) {
        let fact = Fact::Unmerged(LeadUnmerged { from_person_id: before.uid.to_string() });
        work.note(id, cause, None, vec![(lead, fact)]);
    }
}
