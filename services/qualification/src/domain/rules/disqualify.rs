//! Who is out, whatever their score. By what is known of the person (lifted when that changes) or by an event (a fact
//! that stays). What becomes of a lead then is the lifecycle's business.

use crate::domain::event::{EngagementEvent, EventKind};

use super::condition::{Conditions, List, is_entry};
use super::field::EventField;
use super::mail_domain::{AddressKind, address_kind, domain_of, is_below};
use super::model::Model;
use super::person::{PersonFacts, PersonField};
pub use super::source::DisqualificationReason;

/// That somebody is out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disqualification<'model> {
    /// Why.
    pub reason: DisqualificationReason,
    /// By what: `list competitor_domains`, `person`, `event`, `known throw-away domain`.
    pub by: &'model str,
}

/// A rule under `disqualify`.
#[derive(Debug)]
pub(super) struct DisqualifyRule {
    pub(super) reason: DisqualificationReason,
    /// For people.
    pub(super) by: String,
    pub(super) way: DisqualifyWay,
}

#[derive(Debug)]
pub(super) enum DisqualifyWay {
    /// An address, or a domain of an address or of the account, is in the list.
    List(List),
    /// The main address is of a throw-away provider that is not in the list.
    Disposable { except: Option<List> },
    /// By fields of the person.
    Person(Conditions<PersonField>),
    /// By an event.
    Event(EventMatch),
}

/// Which events.
#[derive(Debug)]
pub(super) struct EventMatch {
    /// One of these.
    pub(super) kinds: Vec<EventKind>,
    /// One of these; every one if empty. Sorted.
    pub(super) names: Box<[Box<str>]>,
    pub(super) conditions: Conditions<EventField>,
}

impl EventMatch {
    fn met_by(&self, event: &EngagementEvent) -> bool {
        self.kinds.contains(&event.kind)
            && (self.names.is_empty() || is_entry(&self.names, &event.name))
            && self.conditions.met_by(|field| field.read(event))
    }
}

impl Model {
    /// Whether what is known of a person puts them out: the first rule that says so. To be asked again when traits,
    /// addresses, account or the model change; none then lifts what such a rule decided before.
    #[must_use]
    pub fn disqualified_by_person(&self, person: &PersonFacts<'_>) -> Option<Disqualification<'_>> {
        self.first_disqualifying(|way| match way {
            DisqualifyWay::List(list) => in_list(list, person),
            DisqualifyWay::Disposable { except } => person.main_email().is_some_and(|email| {
                let is_excepted = || except.as_ref().is_some_and(|list| is_below(list, domain_of(email)));
                address_kind(email) == AddressKind::Disposable && !is_excepted()
            }),
            DisqualifyWay::Person(conditions) => conditions.met_by(|field| field.read(person)),
            DisqualifyWay::Event(_) => false,
        })
    }

    /// Whether this event puts its person out: the first rule that says so. Machines' events are asked as well.
    #[must_use]
    pub fn disqualified_by_event(&self, event: &EngagementEvent) -> Option<Disqualification<'_>> {
        self.first_disqualifying(|way| match way {
            DisqualifyWay::Event(events) => events.met_by(event),
            DisqualifyWay::List(_) | DisqualifyWay::Disposable { .. } | DisqualifyWay::Person(_) => false,
        })
    }

    fn first_disqualifying(&self, is_met: impl Fn(&DisqualifyWay) -> bool) -> Option<Disqualification<'_>> {
        let rule = self.disqualify.iter().find(|rule| is_met(&rule.way))?;
        Some(Disqualification { reason: rule.reason, by: &rule.by })
    }
}

fn in_list(list: &List, person: &PersonFacts<'_>) -> bool {
    person.account_domain.is_some_and(|domain| is_below(list, domain))
        || person.emails.iter().any(|email| is_entry(list, email) || is_below(list, domain_of(email)))
}

impl DisqualificationReason {
    /// All of them; their order is that of their numbers.
    pub const ALL: [Self; 5] = [Self::Competitor, Self::OwnStaff, Self::Bot, Self::DisposableAddress, Self::OptedOut];

    /// The word on the wire and in explanations.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Competitor => "competitor",
            Self::OwnStaff => "own_staff",
            Self::Bot => "bot",
            Self::DisposableAddress => "disposable_address",
            Self::OptedOut => "opted_out",
        }
    }

    /// 0 to 4: the place in [`Self::ALL`].
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The reason with this number, or none.
    #[must_use]
    pub fn from_number(number: i32) -> Option<Self> {
        usize::try_from(number).ok().and_then(|number| Self::ALL.get(number)).copied()
    }

    /// The reason with this word, or none.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == word)
    }
}
