//! The meaning of a scoring model: names are resolved, numbers compared with each other, rules put where their events find
//! them. Shape was checked before; what is wrong here is said with its place in the file.

use std::collections::BTreeMap;

use crate::domain::event::EventKind;
use crate::domain::score::{Decay, FactorTable};

use super::build_rule::{RuleBuilder, index_by_kind};
use super::compile::Sections;
use super::condition::List;
use super::condition_source::{Scope, sorted};
use super::finding::{Findings, nearest};
use super::fit::Grade;
use super::model::{Group, Model, Rule};
use super::points::{Points, in_points};
use super::reduce::NamedFields;
use super::source::{FieldName, GradeThreshold, ListEntry, MqlSource, ThresholdsSource};

/// As long as the timeline keeps events (`store::partition`): folded anew, an older act would be missing.
pub const MOST_HORIZON_WEEKS: u16 = 26;
const TOTAL_CAP_UNLESS_TOLD: Points = Points(1_000_000);

/// Most milli-points of all caps together: no line of an explanation can then exceed 32 bits.
const MOST_CAPS_TOGETHER: i64 = 2_000_000_000;

/// Makes a model of the readable parts of a file.
pub(super) struct Builder<'a> {
    pub(super) findings: &'a mut Findings,
    pub(super) scope: Scope,
    pub(super) named: NamedFields,
}

/// Builds the model and says everything that is wrong with its meaning.
pub(super) fn build(sections: &Sections<'_>, findings: &mut Findings) -> Model {
    let mut builder = Builder { findings, scope: Scope::new(lists(sections)), named: NamedFields::default() };
    let horizon_days = sections.get("horizon_weeks").unwrap_or(MOST_HORIZON_WEEKS).clamp(1, MOST_HORIZON_WEEKS) * 7;
    let total_cap = sections.get("total_cap").unwrap_or(TOTAL_CAP_UNLESS_TOLD).0;
    builder.unique_ids(sections);
    let groups = groups(sections);
    let rules = RuleBuilder::new(&mut builder, sections, total_cap, horizon_days).all();
    builder.caps_together(&rules);
    let (mql, cooled) = builder.thresholds(sections, total_cap, &rules);
    let fit = builder.fit(sections);
    let disqualify = builder.disqualify(sections);
    let emit = builder.emit(sections);
    let emit_traits = sections.get::<Vec<FieldName>>("emit_traits").unwrap_or_default();
    let junk = sections.get::<Vec<ListEntry>>("junk_identifiers").unwrap_or_default();
    builder.unused(sections, &groups, &rules);
    let (factors, rules) = with_factors(rules, horizon_days);
    Model {
        name: sections.get("name").unwrap_or_default(),
        horizon_days,
        total_cap,
        mql,
        cooled,
        by_kind: index_by_kind(sections),
        rules,
        groups,
        factors,
        fit,
        disqualify,
        emit,
        emit_traits: emit_traits.into_iter().map(|name| name.0).collect(),
        junk: list_of(junk),
        named: builder.named,
    }
}

/// A list that could not be read is there, but empty: whoever names it is not told that it is missing.
fn lists(sections: &Sections<'_>) -> BTreeMap<String, List> {
    let names = sections.keys("lists");
    let entries = |name: &str| list_of(sections.get_in("lists", name).unwrap_or_default());
    names.map(|name| (name.to_owned(), List::from(entries(name)))).collect()
}

fn list_of(entries: Vec<ListEntry>) -> Box<[Box<str>]> {
    sorted(entries.into_iter().map(|entry| entry.0.trim().to_lowercase().into_boxed_str()).collect())
}

fn groups(sections: &Sections<'_>) -> Vec<Group> {
    let group = |(_, group): &(usize, super::source::GroupSource)| Group {
        id: group.id.clone(),
        text: group.text.clone().unwrap_or_else(|| group.id.clone()),
        cap: group.cap.0,
    };
    sections.groups.iter().map(group).take(super::model::MOST_GROUPS).collect()
}

/// One table per kind of decay.
fn with_factors(mut rules: Vec<Rule>, horizon_days: u16) -> (Vec<FactorTable>, Vec<Rule>) {
    let mut decays: Vec<Decay> = rules.iter().map(|rule| rule.decay).collect();
    decays.sort_unstable();
    decays.dedup();
    for rule in &mut rules {
        rule.table = decays.binary_search(&rule.decay).unwrap_or_default();
    }
    (decays.into_iter().map(|decay| FactorTable::new(decay, horizon_days)).collect(), rules)
}

impl Builder<'_> {
    /// Rules and groups share the namespace of `cap:<id>`; fit rules have their own.
    fn unique_ids(&mut self, sections: &Sections<'_>) {
        let rules = sections.rules.iter().map(|(index, rule)| (format!("rules[{index}].id"), rule.id.as_str()));
        let groups = sections.groups.iter().map(|(index, group)| (format!("groups[{index}].id"), group.id.as_str()));
        let fit = sections.fit_rules.iter().map(|(index, rule)| (format!("fit.rules[{index}].id"), rule.id.as_str()));
        self.unique(groups.chain(rules).collect());
        self.unique(fit.collect());
    }

    fn unique(&mut self, ids: Vec<(String, &str)>) {
        let mut seen: BTreeMap<&str, String> = BTreeMap::new();
        for (path, id) in ids {
            if id == "total" {
                self.findings.fault(
                    &path,
                    "`total` is taken",
                    "`cap:total` is the line of the total cap: choose another id",
                );
            } else if let Some(first) = seen.get(id) {
                let problem = format!("the id `{id}` is taken by {first}");
                self.findings.fault(&path, problem, "give each rule and group an id of its own");
            } else {
                seen.insert(id, path);
            }
        }
    }

    fn caps_together(&mut self, rules: &[Rule]) {
        let together: i64 = rules.iter().map(|rule| i64::from(rule.cap)).sum();
        if together > MOST_CAPS_TOGETHER {
            let (caps, most) = (in_points(together), in_points(MOST_CAPS_TOGETHER));
            let problem = format!("the caps of all rules together are {caps} points, more than {most}");
            self.findings.fault(
                "rules",
                problem,
                "give rules a `cap`, or lower `total_cap`, which is the cap of those without",
            );
        }
    }

    fn thresholds(
        &mut self,
        sections: &Sections<'_>,
        total_cap: i32,
        rules: &[Rule],
    ) -> ([Option<i32>; 4], Option<i32>) {
        let Some(thresholds) = sections.get::<ThresholdsSource>("thresholds") else { return ([None; 4], None) };
        let mql = match thresholds.mql {
            MqlSource::All(points) => [Some(points.0); 4],
            MqlSource::ByGrade(by) => [by.a, by.b, by.c, by.d].map(|threshold| match threshold {
                GradeThreshold::At(points) => Some(points.0),
                GradeThreshold::Never(_) => None,
            }),
        };
        let gains: i64 = rules.iter().filter(|rule| rule.points > 0).map(|rule| i64::from(rule.cap)).sum();
        let reachable = gains.min(i64::from(total_cap));
        if mql.into_iter().flatten().any(|threshold| threshold <= 0) {
            self.findings.fault(
                "thresholds.mql",
                "everybody would be an mql from the start",
                "give more than 0 points",
            );
        }
        let is_unreachable = |threshold: Option<i32>| threshold.is_some_and(|at| i64::from(at) > reachable);
        let unreachable = Grade::ALL.iter().zip(mql).filter(|(_, threshold)| is_unreachable(*threshold));
        let unreachable: Vec<&str> = unreachable.map(|(grade, _)| grade.as_str()).collect();
        if !unreachable.is_empty() {
            let (grades, most) = (unreachable.join(", "), in_points(reachable));
            let problem = format!("grade {grades} can never reach it: caps let nobody have more than {most}");
            self.findings.warning("thresholds.mql", problem, "lower it, raise caps, or say `never`");
        }
        let cooled = thresholds.cooled.map(|points| points.0);
        if let Some((cooled, lowest)) =
            cooled.zip(mql.into_iter().flatten().min()).filter(|(cooled, mql)| cooled >= mql)
        {
            let problem = format!(
                "{} is not below the lowest mql threshold, {}",
                in_points(cooled.into()),
                in_points(lowest.into())
            );
            self.findings.fault("thresholds.cooled", problem, "a lead would be qualified and cooled at once: lower it");
        }
        if mql.windows(2).any(|pair| pair[0] != pair[1]) && !sections.has("fit") {
            let remedy = "add `fit`, or give one number";
            self.findings.warning("thresholds.mql", "without `fit` everybody has grade D", remedy);
        }
        (mql, cooled)
    }

    fn emit(&mut self, sections: &Sections<'_>) -> Vec<super::emission::EmitRule> {
        let mut emit: Vec<super::emission::EmitRule> = Vec::new();
        for (index, source) in &sections.emit {
            if emit.iter().any(|rule| rule.kind == source.kind) {
                let problem = format!("`{}` is there already", source.kind.as_str());
                self.findings.fault(format!("emit[{index}].kind"), problem, "put all its properties into one entry");
            }
            let properties: Vec<String> = source.properties.iter().flatten().map(|name| name.0.clone()).collect();
            properties.iter().for_each(|name| self.named.add_property(name));
            emit.push(super::emission::EmitRule { kind: source.kind, properties });
        }
        emit
    }

    /// What is there and does nothing.
    fn unused(&mut self, sections: &Sections<'_>, groups: &[Group], rules: &[Rule]) {
        for (index, group) in groups.iter().enumerate() {
            let is_used = rules.iter().any(|rule| rule.group.is_some_and(|no| usize::from(no.0) == index));
            if !is_used {
                self.findings.warning(format!("groups[{index}]"), format!("no rule is in `{}`", group.id), "remove it");
            }
        }
        for name in sections.keys("lists").filter(|name| !self.scope.used_lists.contains(*name)) {
            self.findings.warning(format!("lists.{name}"), "nothing refers to it", "remove it, or use it in a rule");
        }
        if !rules.iter().any(|rule| rule.hand_raise) {
            let remedy = "add `hand_raise: true` to the rules for demo_request, callback_request, chat, email_replied";
            self.findings.warning("rules", "no rule lets anybody raise a hand", remedy);
        }
    }

    /// The kinds that a `when` names, each once.
    pub(super) fn kinds(kinds: &[EventKind]) -> Vec<EventKind> {
        let mut kinds = kinds.to_vec();
        kinds.sort_unstable();
        kinds.dedup();
        kinds
    }

    /// The group of that id among those of the file, readable or not.
    pub(super) fn group_place(&mut self, sections: &Sections<'_>, id: &str, path: &str) -> Option<usize> {
        let known = sections.group_ids();
        let place = known.iter().position(|known| *known == id);
        if place.is_none() {
            self.findings.fault(path, format!("there is no group `{id}`"), nearest(id, &known));
        }
        place
    }
}
