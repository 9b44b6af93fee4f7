//! The fields of a lead that conditions and dates may name.

use std::collections::BTreeSet;

use super::condition::ConditionSource;
use super::source::{ExitSource, JourneySource};

const LEAD_FIELDS: [&str; 17] = [
    "lead.stage",
    "lead.grade",
    "lead.score",
    "lead.product_line",
    "lead.hand_raised",
    "lead.disqualified_reason",
    "account.domain",
    "owner.known",
    "contact.known",
    "contact.phone_known",
    "contact.company",
    "contact.locale",
    "contact.time_zone",
    "contact.country",
    "touch.first_source",
    "touch.last_kind",
    "touch.last_source",
];
pub(super) const LEAD_FIELDS_TEXT: &str = "lead.stage, lead.grade, lead.score, lead.product_line, lead.hand_raised, \
     lead.disqualified_reason, account.domain, owner.known, contact.known, contact.phone_known, contact.company, \
     contact.locale, contact.time_zone, contact.country, touch.first_source, touch.last_kind, touch.last_source, \
     consent.<purpose>, traits.<name>";

pub(super) fn is_lead_field(field: &str) -> bool {
    LEAD_FIELDS.contains(&field) || field.starts_with("traits.") || field.starts_with("consent.")
}

pub(super) fn unknown_field(field: &str) -> String {
    format!("the field {field:?} is not known here; there are: {LEAD_FIELDS_TEXT}, event.<property>")
}

/// Every field of a lead that the journey looks at.
pub(super) fn fields(source: &JourneySource) -> BTreeSet<String> {
    let mut fields = BTreeSet::new();
    let mut add = |condition: &ConditionSource| fields.extend(condition.fields().map(str::to_owned));
    source.entry.segment.iter().for_each(&mut add);
    for exit in &source.exit {
        if let ExitSource::When(condition) = exit {
            add(condition);
        }
    }
    for step in &source.steps {
        step.branch.iter().flatten().filter_map(|way| way.when.as_ref()).for_each(&mut add);
    }
    for step in &source.steps {
        let date = step.wait.as_ref().and_then(|wait| wait.until_date.as_ref());
        fields.extend(date.map(|date| date.field.clone()).filter(|field| !field.starts_with("event.")));
    }
    fields
}
