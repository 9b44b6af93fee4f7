//! A scoring model as its author writes it: the shape of the YAML file, its documentation and its limits in one place.
//! The JSON schema that editors use is made from these types, and `structure` checks a file against that very schema.
//! Nothing is decided here; `compile` makes a `Model` of it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::domain::event::EventKind;

use super::points::Points;
use super::source_when::{EventWhen, PersonWhen};

/// A scoring model of leadflow: what people do and who they are, in points, and what follows from it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "leadflow scoring model")]
#[expect(
    dead_code,
    reason = "`compile` reads the sections one by one, so that a fault in one does not hide the others"
)]
pub(super) struct ModelFile {
    /// Name of the model; its versions are called `scoring/<name>@<number>`.
    #[schemars(regex(pattern = r"^[a-z][a-z0-9_-]{0,63}$"))]
    pub(super) name: String,
    /// For people.
    #[schemars(length(max = 2000))]
    pub(super) description: Option<String>,
    /// How many weeks an act counts at all: 26 unless told, and at most, because the timeline keeps no more.
    #[schemars(range(min = 1, max = 26))]
    pub(super) horizon_weeks: Option<i32>,
    /// When a lead is ready for sales, and when it has cooled.
    pub(super) thresholds: ThresholdsSource,
    /// Most engagement points a person can have (1000 unless told). A rule without a cap of its own stops here too.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub(super) total_cap: Option<Points>,
    /// Named lists for `in_list`, `domain_in_list` and `disqualify`: domains, addresses, words.
    #[schemars(extend("maxProperties" = 100, "propertyNames" = {"pattern": "^[a-z][a-z0-9_]{0,63}$"}))]
    pub(super) lists: Option<BTreeMap<String, Vec<ListEntry>>>,
    /// Identifiers that identify nobody, beside the well-known ones (`null`, `undefined`, `guest`, `0` ...).
    #[schemars(length(max = 1000))]
    pub(super) junk_identifiers: Option<Vec<ListEntry>>,
    /// Rules that share a cap.
    #[schemars(length(max = 32))]
    pub(super) groups: Option<Vec<GroupSource>>,
    /// What people do. Each rule adds its own points.
    #[schemars(length(min = 1, max = 1000))]
    pub(super) rules: Vec<RuleSource>,
    /// Who they are: how well person and company match the ideal customer. Makes the grade, never engagement points.
    pub(super) fit: Option<FitSource>,
    /// Who is out, whatever their score. The first that matches gives the reason.
    #[schemars(length(max = 100))]
    pub(super) disqualify: Option<Vec<DisqualifySource>>,
    /// Which events of open leads are told to the other services, and which of their properties go along.
    #[schemars(length(max = 21))]
    pub(super) emit: Option<Vec<EmitSource>>,
    /// Which traits of the person go with every lead event.
    #[schemars(length(max = 50))]
    pub(super) emit_traits: Option<Vec<FieldName>>,
}

/// An entry of a list, at most 254 bytes (the longest e-mail address). Compared without regard to case.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(transparent)]
pub(super) struct ListEntry(#[schemars(length(min = 1, max = 254))] pub(super) String);

/// Name of a property or trait; nested ones by dotted path.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(transparent)]
pub(super) struct FieldName(#[schemars(length(min = 1, max = 128))] pub(super) String);

/// Points of engagement at which something happens.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ThresholdsSource {
    /// From here on a lead is marketing-qualified. One number, or one per fit grade.
    pub(super) mql: MqlSource,
    /// Below this a qualified lead has cooled; lower than every mql threshold.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub(super) cooled: Option<Points>,
}

/// One threshold for all, or one per fit grade.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum MqlSource {
    /// The same for every grade.
    All(Points),
    /// By fit grade.
    ByGrade(ByGradeSource),
}

/// A threshold per fit grade.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ByGradeSource {
    /// Best fit.
    #[serde(rename = "A")]
    pub(super) a: GradeThreshold,
    /// Good fit.
    #[serde(rename = "B")]
    pub(super) b: GradeThreshold,
    /// Weak fit.
    #[serde(rename = "C")]
    pub(super) c: GradeThreshold,
    /// No fit, or nothing known.
    #[serde(rename = "D")]
    pub(super) d: GradeThreshold,
}

/// Points, or `never`: with this grade only a raised hand makes an mql.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum GradeThreshold {
    /// From so many points on.
    At(Points),
    /// Not by points.
    Never(Never),
}

/// The word.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Never {
    /// Not by points.
    Never,
}

/// Rules that share a cap.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct GroupSource {
    /// Stable name.
    #[schemars(regex(pattern = r"^[a-z][a-z0-9_]{0,63}$"))]
    pub(super) id: String,
    /// For people: shown where the cap took something away.
    #[schemars(length(min = 1, max = 200))]
    pub(super) text: Option<String>,
    /// Most points, and with penalties fewest, that the rules of the group give together.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub(super) cap: Points,
}

/// Points for what a person does. Reads the event only, never who did it: that is for `fit`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RuleSource {
    /// Stable name: explanations and reports refer to it, so a rule that means something else gets another one.
    #[schemars(regex(pattern = r"^[a-z][a-z0-9_]{0,63}$"))]
    pub(super) id: String,
    /// For people: the reason that sales executives read.
    #[schemars(length(min = 1, max = 200))]
    pub(super) text: String,
    /// Which events it is about.
    pub(super) when: EventWhen,
    /// Points per act, at most three decimals; negative for a penalty; 0 or left out for a mere hand-raise.
    pub(super) points: Option<Points>,
    /// How an act loses its points with age, in steps of a UTC day. Without it, an act counts in full to the horizon.
    pub(super) decay: Option<DecaySource>,
    /// Only the earliest act counts.
    pub(super) once: Option<bool>,
    /// How many acts of one UTC day count.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub(super) cap_per_day: Option<i64>,
    /// Most points (of a penalty: most that it takes) over all days.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub(super) cap: Option<Points>,
    /// Group whose cap applies as well.
    pub(super) group: Option<String>,
    /// An explicit wish to talk: makes an mql at once. Never of a machine, never from an import.
    pub(super) hand_raise: Option<bool>,
}

/// Exactly one of the two.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DecaySource {
    /// After so many days an act counts half, after twice as many a quarter; nothing from 32 half-lives on.
    #[schemars(range(min = 1, max = 365))]
    pub(super) half_life_days: Option<i32>,
    /// An act counts in full for so many days, its own day included, then not at all.
    #[schemars(range(min = 1, max = 728))]
    pub(super) window_days: Option<i32>,
}

/// How well person and company match the ideal customer.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "`compile` reads grades and rules apart")]
pub(super) struct FitSource {
    /// From how many fit points on each grade is given; below C it is D.
    pub(super) grades: GradesSource,
    /// Each rule that matches adds its points once.
    #[schemars(length(max = 1000))]
    pub(super) rules: Vec<FitRuleSource>,
}

/// Fit points from which a grade is given.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct GradesSource {
    /// From so many on: A.
    #[serde(rename = "A")]
    pub(super) a: Points,
    /// From so many on: B.
    #[serde(rename = "B")]
    pub(super) b: Points,
    /// From so many on: C.
    #[serde(rename = "C")]
    pub(super) c: Points,
}

/// Points for who a person is.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FitRuleSource {
    /// Stable name.
    #[schemars(regex(pattern = r"^[a-z][a-z0-9_]{0,63}$"))]
    pub(super) id: String,
    /// For people.
    #[schemars(length(min = 1, max = 200))]
    pub(super) text: String,
    /// Which persons.
    pub(super) when: PersonWhen,
    /// Points, at most three decimals; negative for a bad sign.
    pub(super) points: Points,
}

/// Who is out. Exactly one of `list`, `person`, `event`; of reason `disposable_address` none: those domains are known.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DisqualifySource {
    /// Why.
    pub(super) reason: DisqualificationReason,
    /// People with an address, or a domain of address or account, in this list; subdomains too.
    pub(super) list: Option<String>,
    /// People with these fields. Lifted when they change.
    pub(super) person: Option<PersonWhen>,
    /// People with such an event (events of machines too).
    pub(super) event: Option<EventWhen>,
    /// Of `disposable_address` only: domains in this list are none, whatever the compiled-in list says; subdomains too.
    pub(super) except: Option<String>,
}

/// Why somebody is out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DisqualificationReason {
    /// Works for a competitor.
    Competitor,
    /// Works for ourselves.
    OwnStaff,
    /// Is a machine.
    Bot,
    /// Has only throw-away addresses.
    DisposableAddress,
    /// Wants no contact at all.
    OptedOut,
}

/// Events of this kind are told to the other services.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct EmitSource {
    /// Which kind.
    pub(super) kind: EventKind,
    /// Properties that go along, as far as they have 2 KiB together.
    #[schemars(length(max = 50))]
    pub(super) properties: Option<Vec<FieldName>>,
}
