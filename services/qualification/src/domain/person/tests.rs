//! What senders said, in whatever order and parts it comes.

use jiff::Timestamp;
use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::domain::event::{EngagementEvent, EventKind};
use crate::domain::rules::DisqualificationReason;
use crate::domain::rules::fixture::{event, texts};

fn said(kind: EventKind, second: i64, id: u128) -> EngagementEvent {
    let occurred_at = Timestamp::from_second(1_700_000_000 + second).expect("in range");
    EngagementEvent { occurred_at, event_id: Uuid::from_u128(id), ..event(kind) }
}

/// An event that says something, and sometimes nothing, in a narrow window so that times collide.
fn any_event() -> impl Strategy<Value = EngagementEvent> {
    let kinds = [EventKind::Identify, EventKind::Group, EventKind::Unsubscribed, EventKind::PageView, EventKind::Form];
    (0..kinds.len(), 0_i64..5, 0_u128..40, 0_usize..4, any::<bool>(), any::<bool>()).prop_map(
        move |(kind, second, id, name, given, is_bot)| {
            let mut event = said(kinds[kind], second, id);
            event.traits =
                texts([(["title", "company", "country", "name"][name], if given { "one" } else { "other" })]);
            event.consent.insert("marketing_email".to_owned(), given);
            event.identifiers.group_id = Some(format!("group-{name}"));
            event.context.country = if given { "DE".to_owned() } else { String::new() };
            event.bot_reason = is_bot.then(|| "crawler".to_owned());
            event
        },
    )
}

/// A copy of an event says the same: one content per id.
fn one_per_id(mut events: Vec<EngagementEvent>) -> Vec<EngagementEvent> {
    events.sort_by_key(|event| event.event_id);
    events.dedup_by_key(|event| event.event_id);
    events
}

fn fold(events: &[EngagementEvent]) -> (Profile, Touches) {
    let (mut profile, mut touches) = (Profile::default(), Touches::default());
    for event in events {
        profile.apply(event);
        touches.apply(event);
        if event.kind == EventKind::Unsubscribed {
            profile.note_out(DisqualificationReason::OptedOut, event.order_key());
        }
    }
    (profile, touches)
}

proptest! {
    #[test]
    fn order_copies_and_parts_do_not_matter(
        events in proptest::collection::vec(any_event(), 1..25).prop_map(one_per_id),
        seed in any::<u64>(),
        cut in 0_usize..25,
    ) {
        let expected = fold(&events);
        let mut shuffled = events.clone();
        shuffled.sort_by_key(|event| event.event_id.as_u128().wrapping_mul(u128::from(seed | 1)));
        shuffled.extend(events.iter().take(3).cloned());
        prop_assert_eq!(&fold(&shuffled), &expected);
        let (left, right) = shuffled.split_at(cut.min(shuffled.len()));
        let ((mut profile, mut touches), (other_profile, other_touches)) = (fold(left), fold(right));
        profile.merge(&other_profile);
        touches.merge(&other_touches);
        prop_assert_eq!(&(profile, touches), &expected);
    }
}

#[test]
fn an_event_that_says_nothing_is_known_not_to() {
    let page = said(EventKind::PageView, 0, 1);
    assert!(!Profile::is_told_by(&page));
    assert!(!Profile::default().apply(&page));
    let unsubscribed = said(EventKind::Unsubscribed, 0, 1);
    assert!(Profile::is_told_by(&unsubscribed));
    let mut profile = Profile::default();
    profile.apply(&unsubscribed);
    assert!(!profile.consents[MARKETING_EMAIL].value);
    // A machine says nothing, whatever it carries.
    let machine = EngagementEvent {
        bot_reason: Some("crawler".to_owned()),
        traits: texts([("title", "CTO")]),
        ..said(EventKind::Identify, 0, 2)
    };
    assert!(!Profile::is_told_by(&machine) && !Profile::default().apply(&machine));
}

#[test]
fn a_profile_cannot_grow_without_end_and_what_stays_does_not_depend_on_order() {
    let named = |n: u32| EngagementEvent {
        traits: [(format!("trait-{n:04}"), "x".repeat(5000))].into(),
        ..said(EventKind::Identify, i64::from(n), u128::from(n))
    };
    let (up, _) = fold(&(0..400).map(named).collect::<Vec<_>>());
    let (down, _) = fold(&(0..400).rev().map(named).collect::<Vec<_>>());
    assert_eq!(up, down);
    assert_eq!((up.traits.len(), up.traits["trait-0000"].value.len()), (200, 1024));
}

#[test]
fn the_company_is_the_one_that_was_named_else_the_one_that_owns_the_address() {
    let none = Profile::default();
    let own = account_of(&none, Some("kim@mail.acme-works.example")).expect("a company");
    assert_eq!(own.domain, "acme-works.example");
    assert_eq!(
        account_of(&none, Some("lee@acme-works.example")).map(|account| account.account_id),
        Some(own.account_id)
    );
    assert_eq!(account_of(&none, Some("kim@gmail.com")), None);
    assert_eq!(account_of(&none, None), None);
    let mut grouped = said(EventKind::Group, 0, 1);
    grouped.identifiers.group_id = Some("crm-17".to_owned());
    let (profile, _) = fold(&[grouped]);
    let named = account_of(&profile, Some("kim@gmail.com")).expect("a company");
    assert_ne!(named.account_id, own.account_id);
    assert_eq!(named.domain, "");
}

#[test]
fn what_is_older_than_the_timeline_is_kept_and_the_rest_is_not() {
    let (mut profile, mut touches) =
        fold(&[said(EventKind::Unsubscribed, 0, 1), said(EventKind::Unsubscribed, 100, 2)]);
    profile.keep_before(Timestamp::from_second(1_700_000_050).expect("in range"));
    touches.keep_before(Timestamp::from_second(1_700_000_050).expect("in range"));
    assert!(profile.consents.is_empty() && profile.outs.is_empty(), "the last writer is on the timeline");
    let (first, last) = touches.ends.expect("the first is older");
    assert_eq!((first.key, last.key), (first.key, first.key));
}
