//! Ask `domain::decide` about one person, and make the rows in memory what it answered.

use leadflow_proto::qualification::v1::{LeadReason, LeadSnapshot, lead_event::Fact as ProtoFact};

use uuid::Uuid;

use crate::domain::decide::{Decision, DecisionKind, Fact, Finding, LeadState, QualifiedBy, Question, Trigger, decide};
use crate::domain::event::EngagementEvent;
use crate::domain::identity::{OrderKey, PersonId};
use crate::domain::lifecycle::Stage;
use crate::domain::person::Profile;
use crate::domain::rules::{Emission, Model, RuleNo};
use crate::domain::score::{Explanation, explain};
use crate::store::lead::LeadRow;
use crate::wire::decision::{encode_answer, encode_question};
use crate::wire::lead_event as wire;
use crate::wire::lines::fit_reasons;

use super::snapshot::changed_fields;
use super::{Cause, Work};

/// One question.
#[derive(Clone, Debug)]
pub struct Asked<'a> {
    /// About whom.
    pub person: PersonId,
    /// Why.
    pub trigger: Trigger<'a>,
    /// What lead events name.
    pub cause: Cause,
    /// Whether what is known of the person may be another than before.
    pub is_known_anew: bool,
}

/// One answer that is to be told or kept.
#[derive(Debug)]
pub(crate) struct Moment {
    pub(super) person: PersonId,
    pub(super) cause: Cause,
    /// Rules that its event met, with the event's key.
    pub(super) hits: Vec<(RuleNo, OrderKey)>,
    /// None if it is told, but was no decision.
    pub(super) kind: Option<DecisionKind>,
    pub(super) input: Vec<u8>,
    pub(super) outcome: Vec<u8>,
    pub(super) rules: String,
    pub(super) told: Vec<Told>,
    /// Of the state after it; explains also what has no lead.
    pub(super) explanation: Explanation,
    pub(super) fit: Vec<LeadReason>,
}

/// What is to be told of a lead, with the lead after it, but for its reasons.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) lead: Option<LeadState>,
    pub(super) what: What,
    pub(super) snapshot: Option<Box<LeadSnapshot>>,
}

/// A fact that needs the decision's id still, or one that is ready.
#[derive(Debug)]
pub(super) enum What {
    Found(Fact),
    Ready(ProtoFact),
}

impl Work {
    /// Takes in what an event says about its person beside the score, then asks what follows.
    pub fn ask_of_event(&mut self, id: PersonId, event: &EngagementEvent, cause: Cause, is_known_anew: bool) {
        let may_tell = Profile::is_told_by(event);
        let before = (may_tell && self.has_open_lead(id)).then(|| self.visible(id));
        let is_told = may_tell && self.details.profiles.entry(id).or_default().apply(event);
        if is_told {
            self.told.insert(id);
        }
        let Some(person) = self.people.get_mut(&id) else { return };
        person.touches.apply(event);
        person.last_seen = person.last_seen.max(event.occurred_at);
        let asked =
            Asked { person: id, trigger: Trigger::Event(event), cause, is_known_anew: is_told || is_known_anew };
        if let Some(out) = person.rules.model.disqualified_by_event(event) {
            self.details.profiles.entry(id).or_default().note_out(out.reason, event.order_key());
            self.told.insert(id);
        }
        let fields = before.map(|before| changed_fields(&before, &self.visible(id))).unwrap_or_default();
        self.ask(&asked, fields);
    }

    /// Asks, and takes the answer in. `fields`: what changed of what others see of the lead; told if nothing else is.
    pub fn ask(&mut self, asked: &Asked<'_>, fields: Vec<&'static str>) {
        let id = asked.person;
        let lead = self.details.current_lead(id);
        let (known, account) = asked.is_known_anew.then(|| self.details.known(id)).unzip();
        let Some(person) = self.people.get_mut(&id) else { return };
        let rules = std::sync::Arc::clone(&person.rules);
        person.state.lead = lead;
        person.is_changed = true;
        if asked.is_known_anew {
            person.account_id = account.flatten().map(|account| account.account_id);
        }
        let question = Question {
            state: &person.state,
            known: known.as_ref(),
            trigger: asked.trigger,
            // One event may be an act of two persons, if a sender gives one id twice: their leads are two all the same.
            cause: Uuid::new_v5(&person.uid, asked.cause.id.as_bytes()),
            now: self.now,
        };
        let decision = decide(&question, &rules.model);
        let kind = DecisionKind::of_findings(&decision.findings);
        if decision.findings.is_empty() && (fields.is_empty() || !is_open(decision.state.lead)) {
            person.state = decision.state;
            self.to_review.insert(id);
            return;
        }
        let explanation = explain(&rules.model, &decision.state.standing.acc, self.today);
        let input = kind.map(|_| kept_input(&question, &rules.model, rules.model_no)).unwrap_or_default();
        let outcome = kind.map(|_| encode_answer(&decision, &explanation)).unwrap_or_default();
        let Decision { state, findings } = decision;
        person.state = state;
        self.to_review.insert(id);
        let fit = kind.map(|_| fit_reasons(&self.details.known(id).0.ask(|facts| rules.model.fit(facts))));
        self.carry(id, &findings, asked);
        let told = self.told_of(id, findings, asked, &rules.model, fields);
        self.moments.push(Moment {
            person: id,
            cause: asked.cause.clone(),
            hits: hits_of(asked.trigger, &rules.model),
            kind,
            input,
            outcome,
            rules: rules.label.clone(),
            told,
            explanation,
            fit: fit.unwrap_or_default(),
        });
    }

    /// What was found out elsewhere: to be told with the leads as they are now, and kept if it was a decision (kind, input,
    /// outcome).
    pub fn note(
        &mut self,
        id: PersonId,
        cause: Cause,
        kept: Option<(DecisionKind, Vec<u8>, Vec<u8>)>,
        facts: Vec<(LeadState, ProtoFact)>,
    ) {
        let Some(person) = self.people.get(&id) else { return };
        let explanation = explain(&person.rules.model, &person.state.standing.acc, self.today);
        let told = |(lead, fact)| Told {
            lead: Some(lead),
            what: What::Ready(fact),
            snapshot: self.snapshot(id, lead).map(Box::new),
        };
        let told = facts.into_iter().map(told).collect();
        let (kind, input, outcome) =
            kept.map_or_else(Default::default, |(kind, input, outcome)| (Some(kind), input, outcome));
        let rules = person.rules.label.clone();
        self.moments.push(Moment {
            person: id,
            cause,
            hits: Vec::new(),
            kind,
            input,
            outcome,
            rules,
            told,
            explanation,
            fit: Vec::new(),
        });
    }

    /// Makes the lead rows what the findings say.
    fn carry(&mut self, id: PersonId, findings: &[Finding], asked: &Asked<'_>) {
        let event = match asked.trigger {
            Trigger::Event(event) => Some(event),
            Trigger::Clock => None,
        };
        for finding in findings {
            let Some(lead) = finding.lead else { continue };
            let leads = self.details.leads.entry(id).or_default();
            if finding.fact == Fact::Opened && !leads.iter().any(|row| row.lead_id == lead.lead_id) {
                leads.push(new_lead(id, lead, self.now, event.is_some_and(|event| event.test)));
            }
            let Some(row) = leads.iter_mut().find(|row| row.lead_id == lead.lead_id) else { continue };
            (row.stage, row.stage_before) = (lead.stage, lead.stage_before);
            row.closed_at = if lead.stage.is_open() { None } else { row.closed_at.or(Some(self.now)) };
            let is_hand = matches!(finding.fact, Fact::HandRaised | Fact::Qualified { by: QualifiedBy::HandRaise });
            if let Some(event) = event.filter(|_| is_hand) {
                // The newest by occurrence stays, whatever comes late.
                let newer = wire::hand_raise(event);
                let time = |hand: &leadflow_proto::qualification::v1::HandRaise| {
                    hand.occurred_at.as_ref().map(|at| (at.seconds, at.nanos))
                };
                if row.hand_raise.as_ref().is_none_or(|had| time(had) <= time(&newer)) {
                    row.hand_raise = Some(newer);
                }
            }
            self.touched_leads.insert(lead.lead_id);
        }
        if let Some(person) = self.people.get_mut(&id) {
            person.has_lead |= person.state.lead.is_some();
        }
    }

    /// What goes out of the findings, each with the lead after it.
    fn told_of(
        &self,
        id: PersonId,
        findings: Vec<Finding>,
        asked: &Asked<'_>,
        model: &Model,
        fields: Vec<&'static str>,
    ) -> Vec<Told> {
        let mut told: Vec<Told> = Vec::new();
        for finding in findings {
            let what = match (&finding.fact, asked.trigger) {
                (Fact::Engaged, Trigger::Event(event)) => What::Ready(wire::engaged(event, properties(model, event))),
                (Fact::Opened, Trigger::Event(event)) => What::Ready(wire::opened(event.historical)),
                (Fact::Graded { .. } | Fact::Crossed { .. } | Fact::Lifted { .. }, _) if !is_open(finding.lead) => {
                    continue;
                }
                (Fact::Disqualified { .. }, _) if finding.lead.is_none_or(|lead| lead.stage != Stage::Disqualified) => {
                    continue;
                }
                (Fact::HandRefused { .. } | Fact::Engaged, _) => continue,
                _ => What::Found(finding.fact),
            };
            let snapshot = finding.lead.and_then(|lead| self.snapshot(id, lead));
            told.push(Told { lead: finding.lead, what, snapshot: snapshot.map(Box::new) });
        }
        let lead = self.people.get(&id).and_then(|person| person.state.lead);
        if told.iter().all(|told| told.snapshot.is_none()) && !fields.is_empty() && is_open(lead) {
            let fields = fields.into_iter().map(str::to_owned).collect();
            let fact = ProtoFact::ProfileChanged(leadflow_proto::qualification::v1::ProfileChanged { fields });
            let snapshot = lead.and_then(|lead| self.snapshot(id, lead));
            told.push(Told { lead, what: What::Ready(fact), snapshot: snapshot.map(Box::new) });
        }
        told
    }

    fn has_open_lead(&self, id: PersonId) -> bool {
        is_open(self.details.current_lead(id))
    }
}

fn is_open(lead: Option<LeadState>) -> bool {
    lead.is_some_and(|lead| lead.stage.is_open())
}

/// The question as it is kept: the event without what no rule reads.
fn kept_input(question: &Question<'_>, model: &Model, model_no: i32) -> Vec<u8> {
    match question.trigger {
        Trigger::Event(event) => {
            let reduced = model.reduce(event);
            encode_question(&Question { trigger: Trigger::Event(&reduced), ..*question }, model_no)
        }
        Trigger::Clock => encode_question(question, model_no),
    }
}

fn hits_of(trigger: Trigger<'_>, model: &Model) -> Vec<(RuleNo, OrderKey)> {
    let Trigger::Event(event) = trigger else { return Vec::new() };
    let mut hits = crate::domain::rules::Hits::default();
    model.evaluate(event, &mut hits);
    hits.scoring.into_iter().map(|rule| (rule, event.order_key())).collect()
}

fn properties(model: &Model, event: &EngagementEvent) -> std::collections::BTreeMap<String, String> {
    let mut hits = crate::domain::rules::Hits::default();
    model.evaluate(event, &mut hits);
    match model.emission(event, hits.hand_raise.is_some()) {
        Emission::No => std::collections::BTreeMap::new(),
        Emission::WhileOpen(properties) | Emission::Always(properties) => properties,
    }
}

fn new_lead(person: PersonId, lead: LeadState, now: jiff::Timestamp, test: bool) -> LeadRow {
    LeadRow {
        lead_id: lead.lead_id,
        person,
        product_line: String::new(),
        stage: lead.stage,
        stage_before: lead.stage_before,
        owner: None,
        sequence: 0,
        incarnation: 0,
        hand_raise: None,
        test,
        opened_at: now,
        closed_at: None,
        updated_at: now,
        last_report: (0, 0),
    }
}
