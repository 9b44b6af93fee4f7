//! What a scoring model says of persons, from what is written to what is evaluated: fit and disqualification.

use super::build::Builder;
use super::compile::Sections;
use super::condition::Conditions;
use super::condition_source::{Groups, build_conditions, sorted};
use super::disqualify::{DisqualificationReason, DisqualifyRule, DisqualifyWay, EventMatch};
use super::fit::{FitModel, FitRule};
use super::person::PersonField;
use super::source::DisqualifySource;
use super::source_when::{EventWhen, PersonWhen};

/// Most milli-points of all fit rules together: their sum stays within 32 bits.
const MOST_FIT_TOGETHER: i64 = 2_000_000_000;

impl Builder<'_> {
    pub(super) fn fit(&mut self, sections: &Sections<'_>) -> FitModel {
        let mut rules = Vec::with_capacity(sections.fit_rules.len());
        for (index, source) in &sections.fit_rules {
            let path = format!("fit.rules[{index}]");
            if is_empty(&source.when) {
                self.findings.fault(
                    format!("{path}.when"),
                    "no condition",
                    "say which persons, under `all`, `any` or `none`",
                );
            }
            let conditions = self.person_conditions(&source.when, &format!("{path}.when"));
            let (id, text, points) = (source.id.clone(), source.text.clone(), source.points.0);
            rules.push(FitRule { id, text, points, conditions });
        }
        let together: i64 = rules.iter().map(|rule| i64::from(rule.points).abs()).sum();
        if together > MOST_FIT_TOGETHER {
            self.findings.fault("fit.rules", "more than 2000000 points together", "use smaller numbers");
        }
        let grades = sections.grades.as_ref().map_or([0; 3], |grades| [grades.a.0, grades.b.0, grades.c.0]);
        if sections.grades.is_some() && !grades.is_sorted_by(|better, worse| better > worse) {
            self.findings.fault("fit.grades", "A, B and C do not descend", "A needs most points, C fewest");
        }
        FitModel { rules, grades }
    }

    pub(super) fn disqualify(&mut self, sections: &Sections<'_>) -> Vec<DisqualifyRule> {
        let rules = sections.disqualify.iter();
        rules.filter_map(|(index, source)| self.disqualify_rule(source, &format!("disqualify[{index}]"))).collect()
    }

    fn disqualify_rule(&mut self, source: &DisqualifySource, path: &str) -> Option<DisqualifyRule> {
        if source.except.is_some() && source.reason != DisqualificationReason::DisposableAddress {
            let remedy = "leave it out, or take the entries out of the list";
            self.findings.fault(format!("{path}.except"), "only `disposable_address` has exceptions", remedy);
        }
        let (by, way) = match (&source.list, &source.person, &source.event) {
            (Some(name), None, None) => {
                let list = self.scope.list(name, &format!("{path}.list"), self.findings)?;
                (format!("list {name}"), DisqualifyWay::List(list))
            }
            (None, Some(when), None) if !is_empty(when) => {
                let conditions = self.person_conditions(when, &format!("{path}.person"));
                ("person".to_owned(), DisqualifyWay::Person(conditions))
            }
            (None, None, Some(when)) => ("event".to_owned(), DisqualifyWay::Event(self.event_match(when, path))),
            (None, None, None) if source.reason == DisqualificationReason::DisposableAddress => {
                let except = source.except.as_ref();
                let except = except.and_then(|name| self.scope.list(name, &format!("{path}.except"), self.findings));
                ("known throw-away domain".to_owned(), DisqualifyWay::Disposable { except })
            }
            _ => {
                let remedy = "give exactly one of `list`, `person` (with conditions) and `event`";
                self.findings.fault(path, "it does not say who is out", remedy);
                return None;
            }
        };
        Some(DisqualifyRule { reason: source.reason, by, way })
    }

    fn event_match(&mut self, when: &EventWhen, path: &str) -> EventMatch {
        let names = when.name.iter().flat_map(|names| names.as_slice());
        EventMatch {
            kinds: Self::kinds(when.kind.as_slice()),
            names: sorted(names.map(|name| name.0.as_str().into()).collect()),
            conditions: self.event_conditions(when, &format!("{path}.event")),
        }
    }

    fn person_conditions(&mut self, when: &PersonWhen, path: &str) -> Conditions<PersonField> {
        let groups = Groups { all: &when.all, any: &when.any, none: &when.none };
        build_conditions(&groups, PersonField::parse, &mut self.scope, path, self.findings)
    }
}

fn is_empty(when: &PersonWhen) -> bool {
    [&when.all, &when.any, &when.none].into_iter().flatten().flatten().next().is_none()
}
