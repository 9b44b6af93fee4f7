//! The identifiers that one event presents, strongest first, and what they say about each other.

use crate::domain::event::{EventKind, Identifiers};

use super::IdentifierKind;

/// One identifier of an event, as it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Presented<'a> {
    /// Which kind.
    pub kind: IdentifierKind,
    /// Normalised.
    pub value: &'a str,
}

/// The identifiers of an event, strongest first; the first is its subject. The previous id of an alias comes last, as the
/// anonymous id it should be: linking a known user id to another one is for people to decide.
#[must_use]
pub fn present<'a>(kind: EventKind, identifiers: &'a Identifiers) -> Vec<Presented<'a>> {
    let value = |text: &'a Option<String>| text.as_deref().filter(|text| !text.is_empty());
    let mut all: Vec<Presented<'a>> = [
        (IdentifierKind::User, value(&identifiers.user_id)),
        (IdentifierKind::Email, value(&identifiers.email)),
        (IdentifierKind::Phone, value(&identifiers.phone)),
        (IdentifierKind::Anonymous, value(&identifiers.anonymous_id)),
    ]
    .into_iter()
    .filter_map(|(kind, value)| value.map(|value| Presented { kind, value }))
    .collect();
    if kind == EventKind::Alias
        && !all.is_empty()
        && let Some(previous) = value(&identifiers.previous_id)
        && identifiers.anonymous_id.as_deref() != Some(previous)
    {
        all.push(Presented { kind: IdentifierKind::Anonymous, value: previous });
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(kind: EventKind, identifiers: &Identifiers) -> Vec<(IdentifierKind, &str)> {
        present(kind, identifiers).iter().map(|one| (one.kind, one.value)).collect()
    }

    #[test]
    fn the_strongest_comes_first_and_an_alias_adds_its_previous_id() {
        let identifiers = Identifiers {
            anonymous_id: Some("a-1".into()),
            user_id: Some("u-1".into()),
            email: Some(String::new()),
            phone: Some("+14155550100".into()),
            previous_id: Some("a-0".into()),
            group_id: None,
        };
        let three = vec![
            (IdentifierKind::User, "u-1"),
            (IdentifierKind::Phone, "+14155550100"),
            (IdentifierKind::Anonymous, "a-1"),
        ];
        assert_eq!(kinds(EventKind::PageView, &identifiers), three);
        let mut four = three.clone();
        four.push((IdentifierKind::Anonymous, "a-0"));
        assert_eq!(kinds(EventKind::Alias, &identifiers), four);
        assert_eq!(kinds(EventKind::Alias, &Identifiers { previous_id: Some("a-1".into()), ..identifiers }), three);
        assert_eq!(
            kinds(EventKind::Alias, &Identifiers { previous_id: Some("x".into()), ..Identifiers::default() }),
            []
        );
    }
}
