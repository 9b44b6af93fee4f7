//! A lead's snapshot as the flat fields that conditions of journeys look at.

use std::collections::{BTreeMap, BTreeSet};

use leadflow_proto::qualification::v1::LeadSnapshot;

use crate::domain::facts::LeadFacts;

/// Every field of a lead. None of them says who the person is, but for traits that the scoring model emits.
#[must_use]
pub fn fields(lead: &LeadSnapshot) -> BTreeMap<String, String> {
    let mut fields = BTreeMap::new();
    let mut put = |name: &str, value: String| {
        if !value.is_empty() {
            fields.insert(name.to_owned(), value);
        }
    };
    put("lead.stage", lead.stage.clone());
    put("lead.grade", lead.fit_grade.clone());
    put("lead.score", points(lead.engagement_milli_points));
    put("lead.product_line", lead.product_line.clone());
    put("lead.hand_raised", lead.hand_raise.is_some().to_string());
    put("lead.disqualified_reason", lead.disqualified_reason.clone());
    put("account.domain", lead.account_domain.clone());
    put("owner.known", lead.owner.is_some().to_string());
    let contact = lead.contact.clone().unwrap_or_default();
    put("contact.known", (!contact.email.is_empty()).to_string());
    put("contact.phone_known", (!contact.phone_e164.is_empty()).to_string());
    put("contact.company", contact.company);
    put("contact.locale", contact.locale);
    put("contact.time_zone", contact.time_zone);
    put("contact.country", contact.country);
    if let Some(touch) = &lead.first_touch {
        put("touch.first_source", touch.source.clone());
    }
    if let Some(touch) = &lead.last_touch {
        put("touch.last_source", touch.source.clone());
        put("touch.last_kind", touch.kind.clone());
    }
    for (name, value) in &lead.traits {
        put(&format!("traits.{name}"), value.clone());
    }
    for consent in &lead.consents {
        put(&format!("consent.{}", consent.purpose), consent.given.to_string());
    }
    fields
}

/// What a decision may know: the fields that the journey names.
#[must_use]
pub fn facts(lead_id: uuid::Uuid, lead: &LeadSnapshot, time_zone: &str, wanted: &BTreeSet<String>) -> LeadFacts {
    let mut fields = fields(lead);
    fields.retain(|name, _| wanted.contains(name));
    LeadFacts {
        lead_id: lead_id.as_bytes().to_vec(),
        fields,
        stage: lead.stage.clone(),
        time_zone: time_zone.to_owned(),
        owned: lead.owner.is_some(),
    }
}

/// Points with as many decimals as there are: "42", "3.5".
fn points(milli: i32) -> String {
    let text = format!("{}{}.{:03}", if milli < 0 { "-" } else { "" }, (milli / 1000).abs(), (milli % 1000).abs());
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::points;

    #[test]
    fn points_are_written_as_people_do() {
        for (milli, text) in
            [(0, "0"), (42_000, "42"), (3_500, "3.5"), (-500, "-0.5"), (-12_250, "-12.25"), (1, "0.001")]
        {
            assert_eq!(points(milli), text);
        }
    }
}
