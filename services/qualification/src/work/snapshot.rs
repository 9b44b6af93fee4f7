//! What others see of a lead: the snapshot that goes with every lead event, and which parts of it changed.

use std::collections::BTreeMap;

use leadflow_proto::qualification::v1::{Consent, Contact, LeadSnapshot};

use crate::domain::decide::LeadState;
use crate::domain::identity::PersonId;
use crate::domain::lifecycle::Stage;
use crate::domain::person::{Profile, account_of};
use crate::wire::lead_event as wire;
use crate::wire::to_proto_time;

use super::Work;

/// The parts of a snapshot that come from the profile.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Visible {
    contact: Contact,
    consents: Vec<Consent>,
    traits: BTreeMap<String, String>,
}

impl Work {
    pub(super) fn visible(&self, id: PersonId) -> Visible {
        let none = Profile::default();
        let profile = self.details.profiles.get(&id).unwrap_or(&none);
        let contacts = self.details.contacts.get(&id).cloned().unwrap_or_default();
        let names = self.people.get(&id).map_or(&[][..], |person| person.rules.model.emit_traits());
        Visible {
            contact: wire::contact(&contacts.emails, &contacts.phones, profile),
            consents: wire::consents(profile),
            traits: wire::emitted_traits(profile, names),
        }
    }

    /// The lead as it is now, in this stage, without reasons; none if its row is not here.
    pub(crate) fn snapshot(&self, id: PersonId, lead: LeadState) -> Option<LeadSnapshot> {
        let person = self.people.get(&id)?;
        let row = self.details.leads.get(&id)?.iter().find(|row| row.lead_id == lead.lead_id)?;
        let Visible { contact, consents, traits } = self.visible(id);
        let account = self.details.profiles.get(&id).map_or_else(
            || account_of(&Profile::default(), Some(&contact.email)),
            |profile| account_of(profile, Some(&contact.email)),
        );
        let (account_id, account_domain) = wire::account(account.as_ref());
        let standing = &person.state.standing;
        let (first, last) =
            person.touches.ends.as_ref().map(|(first, last)| (wire::touch(first), wire::touch(last))).unzip();
        let out = person.state.disqualified().filter(|_| lead.stage == Stage::Disqualified);
        Some(LeadSnapshot {
            person_id: person.uid.to_string(),
            stage: lead.stage.as_str().to_owned(),
            fit_grade: standing.grade.as_str().to_owned(),
            engagement_milli_points: standing.score_milli,
            scored_on: standing.scored_on.0,
            reasons: Vec::new(),
            hand_raise: row.hand_raise.clone(),
            contact: Some(contact),
            traits,
            consents,
            account_id,
            account_domain,
            first_touch: first,
            last_touch: last,
            owner: row.owner.as_ref().map(wire::owner),
            product_line: row.product_line.clone(),
            opened_at: Some(to_proto_time(row.opened_at)),
            disqualified_reason: out.map(|reason| reason.as_str().to_owned()).unwrap_or_default(),
            rules: person.rules.label.clone(),
        })
    }
}

/// Names of the fields that are not the same.
pub(super) fn changed_fields(before: &Visible, after: &Visible) -> Vec<&'static str> {
    let (old, new) = (&before.contact, &after.contact);
    let fields = [
        ("email", old.email != new.email),
        ("phone_e164", old.phone_e164 != new.phone_e164),
        ("given_name", old.given_name != new.given_name),
        ("family_name", old.family_name != new.family_name),
        ("name", old.name != new.name),
        ("company", old.company != new.company),
        ("locale", old.locale != new.locale),
        ("time_zone", old.time_zone != new.time_zone),
        ("country", old.country != new.country),
        ("consents", before.consents != after.consents),
        ("traits", before.traits != after.traits),
    ];
    fields.into_iter().filter(|(_, is_changed)| *is_changed).map(|(name, _)| name).collect()
}
