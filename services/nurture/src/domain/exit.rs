//! What ends a journey from any step.

use super::facts::{ActFacts, LeadFacts};
use super::journey::Journey;
use super::journey::source::ExitSource;
use super::stage;

/// What a lead event says, as far as exits care.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Happened {
    /// A sales executive got it.
    #[prost(bool, tag = "1")]
    pub assigned: bool,
    /// It became qualified.
    #[prost(bool, tag = "2")]
    pub qualified: bool,
    /// What the person did.
    #[prost(message, optional, tag = "3")]
    pub act: Option<ActFacts>,
}

/// Why this ends, if it does. The first rule of the file that holds gives the reason; an end of the lead comes before all.
#[must_use]
pub fn exit(journey: &Journey, lead: &LeadFacts, happened: &Happened) -> Option<String> {
    if stage::is_closed(&lead.stage) {
        return Some(lead.stage.clone());
    }
    let kind = happened.act.as_ref().map_or("", |act| act.kind.as_str());
    journey.exits.iter().find_map(|exit| match exit {
        ExitSource::Assigned => happened.assigned.then(|| "assigned".to_owned()),
        ExitSource::Mql => happened.qualified.then(|| "mql".to_owned()),
        ExitSource::Replied => (kind == "email_replied").then(|| "replied".to_owned()),
        ExitSource::Unsubscribed => {
            (matches!(kind, "unsubscribed" | "email_complained")).then(|| "unsubscribed".to_owned())
        }
        ExitSource::Goal(event) => {
            let reached = happened.act.as_ref().is_some_and(|act| event.matches(act.act()));
            reached.then(|| format!("goal:{}", event.kind))
        }
        ExitSource::When(condition) => condition.holds(&lead.fields).then(|| "condition".to_owned()),
    })
}
