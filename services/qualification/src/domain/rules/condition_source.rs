//! From a condition as it is written to one that can be asked: the field by its path, exactly one comparison, lists by
//! name.

use std::collections::BTreeMap;

use regex::RegexBuilder;

use super::condition::{Case, Condition, Conditions, List, NumberTest, Test, TextTest, TextWay, lower};
use super::finding::{Findings, nearest};
use super::source_when::{ConditionSource, OneOrManyTexts, Text};

/// Most regular expressions in one model, and how big a compiled one may be: together they bound a model's memory.
const MOST_EXPRESSIONS: usize = 200;
const MOST_EXPRESSION_BYTES: usize = 256 * 1024;

/// What conditions refer to, and how much of it they used.
pub(super) struct Scope {
    /// Lists by name.
    pub(super) lists: BTreeMap<String, List>,
    /// Names of lists that something refers to.
    pub(super) used_lists: std::collections::BTreeSet<String>,
    expressions: usize,
}

impl Scope {
    pub(super) fn new(lists: BTreeMap<String, List>) -> Self {
        Self { lists, used_lists: std::collections::BTreeSet::new(), expressions: 0 }
    }

    /// The list of that name; a fault if there is none.
    pub(super) fn list(&mut self, name: &str, path: &str, findings: &mut Findings) -> Option<List> {
        self.used_lists.insert(name.to_owned());
        let list = self.lists.get(name).cloned();
        if list.is_none() {
            let known: Vec<&str> = self.lists.keys().map(String::as_str).collect();
            findings.fault(path, format!("there is no list `{name}`"), nearest(name, &known));
        }
        list
    }
}

/// The three groups of conditions of a rule, as written.
pub(super) struct Groups<'a> {
    pub(super) all: &'a Option<Vec<ConditionSource>>,
    pub(super) any: &'a Option<Vec<ConditionSource>>,
    pub(super) none: &'a Option<Vec<ConditionSource>>,
}

/// How the path of a field is understood; an error says what to do instead.
pub(super) type ParseField<F> = fn(&str) -> Result<F, String>;

/// Compiles them; a fault leaves its condition out.
pub(super) fn build_conditions<F>(
    groups: &Groups<'_>,
    parse_field: ParseField<F>,
    scope: &mut Scope,
    path: &str,
    findings: &mut Findings,
) -> Conditions<F> {
    let mut build = |conditions: &Option<Vec<ConditionSource>>, word: &str| {
        let conditions = conditions.iter().flatten().enumerate();
        let built = conditions.filter_map(|(index, condition)| {
            let path = format!("{path}.{word}[{index}]");
            let field = parse_field(&condition.field).map_err(|remedy| {
                findings.fault(format!("{path}.field"), format!("there is no field `{}`", condition.field), remedy);
            });
            let test = build_test(condition, scope, &path, findings);
            Some(Condition { field: field.ok()?, test: test? })
        });
        built.collect()
    };
    Conditions { all: build(groups.all, "all"), any: build(groups.any, "any"), none: build(groups.none, "none") }
}

fn build_test(source: &ConditionSource, scope: &mut Scope, path: &str, findings: &mut Findings) -> Option<Test> {
    let given = given_comparisons(source);
    if given.len() != 1 {
        let problem =
            if given.is_empty() { "no comparison".to_owned() } else { format!("{} together", given.join(", ")) };
        findings.fault(path, problem, "give a condition exactly one comparison, such as `equals: enterprise`");
        return None;
    }
    if let Some(test) = text_test(source) {
        return Some(test);
    }
    if let Some(test) = number_test(source) {
        return Some(Test::Number(test));
    }
    if let Some(name) = &source.in_list {
        return scope.list(name, &format!("{path}.in_list"), findings).map(Test::InList);
    }
    if let Some(name) = &source.domain_in_list {
        return scope.list(name, &format!("{path}.domain_in_list"), findings).map(Test::DomainInList);
    }
    if let Some(pattern) = &source.matches {
        return expression(pattern, case(source), scope, &format!("{path}.matches"), findings);
    }
    let exists = source.exists.or_else(|| source.absent.map(|absent| !absent))?;
    Some(if exists { Test::Exists } else { Test::Absent })
}

fn given_comparisons(source: &ConditionSource) -> Vec<&'static str> {
    let all = [
        ("equals", source.equals.is_some()),
        ("not_equals", source.not_equals.is_some()),
        ("in", source.one_of.is_some()),
        ("not_in", source.not_in.is_some()),
        ("in_list", source.in_list.is_some()),
        ("domain_in_list", source.domain_in_list.is_some()),
        ("contains", source.contains.is_some()),
        ("starts_with", source.starts_with.is_some()),
        ("ends_with", source.ends_with.is_some()),
        ("matches", source.matches.is_some()),
        ("exists", source.exists.is_some()),
        ("absent", source.absent.is_some()),
        ("greater_than", source.greater_than.is_some()),
        ("at_least", source.at_least.is_some()),
        ("less_than", source.less_than.is_some()),
        ("at_most", source.at_most.is_some()),
    ];
    all.into_iter().filter(|(_, given)| *given).map(|(word, _)| word).collect()
}

fn text_test(source: &ConditionSource) -> Option<Test> {
    let case = case(source);
    let one = |text: &Text| prepared(std::slice::from_ref(text), case);
    let many = |texts: &OneOrManyTexts| prepared(texts.as_slice(), case);
    let equals = |texts| TextTest { way: TextWay::Equals, texts, case };
    let test = if let Some(text) = &source.equals {
        Test::Text(equals(one(text)))
    } else if let Some(text) = &source.not_equals {
        Test::Not(equals(one(text)))
    } else if let Some(texts) = &source.one_of {
        Test::Text(equals(prepared(texts, case)))
    } else if let Some(texts) = &source.not_in {
        Test::Not(equals(prepared(texts, case)))
    } else if let Some(texts) = &source.contains {
        Test::Text(TextTest { way: TextWay::Contains, texts: many(texts), case })
    } else if let Some(texts) = &source.starts_with {
        Test::Text(TextTest { way: TextWay::StartsWith, texts: many(texts), case })
    } else if let Some(texts) = &source.ends_with {
        Test::Text(TextTest { way: TextWay::EndsWith, texts: many(texts), case })
    } else {
        return None;
    };
    Some(test)
}

fn number_test(source: &ConditionSource) -> Option<NumberTest> {
    let greater = source.greater_than.map(NumberTest::GreaterThan);
    let at_least = source.at_least.map(NumberTest::AtLeast);
    let less = source.less_than.map(NumberTest::LessThan);
    greater.or(at_least).or(less).or(source.at_most.map(NumberTest::AtMost))
}

fn expression(pattern: &str, case: Case, scope: &mut Scope, path: &str, findings: &mut Findings) -> Option<Test> {
    scope.expressions += 1;
    if scope.expressions > MOST_EXPRESSIONS {
        findings.fault(path, format!("more than {MOST_EXPRESSIONS} regular expressions"), "use `contains` and lists");
        return None;
    }
    let built = RegexBuilder::new(pattern)
        .case_insensitive(case == Case::Ignored)
        .size_limit(MOST_EXPRESSION_BYTES)
        .dfa_size_limit(MOST_EXPRESSION_BYTES)
        .build();
    let fault = |error: regex::Error| {
        let text = error.to_string();
        let reason = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
        findings.fault(path, format!("no regular expression: {reason}"), "mend it, or use `contains`");
    };
    built.map_err(fault).ok().map(Test::Matches)
}

const fn case(source: &ConditionSource) -> Case {
    match source.ignore_case {
        Some(true) => Case::Ignored,
        _ => Case::Matters,
    }
}

/// Sorted, each once, in lower case if case is ignored.
fn prepared(texts: &[Text], case: Case) -> Box<[Box<str>]> {
    let text = |text: &Text| match case {
        Case::Matters => text.0.as_str().into(),
        Case::Ignored => lower(&text.0).into_owned().into_boxed_str(),
    };
    sorted(texts.iter().map(text).collect())
}

/// Sorted, each once: for look-ups by bisection.
pub(super) fn sorted(mut texts: Vec<Box<str>>) -> Box<[Box<str>]> {
    texts.sort_unstable();
    texts.dedup();
    texts.into_boxed_slice()
}
