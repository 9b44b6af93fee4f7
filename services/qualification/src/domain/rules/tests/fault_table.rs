//! Models that are wrong in one place each, and what is said of them.

use Wrong::{File, Mql, Rule, When};

/// How a row of the table makes a model that is wrong.
pub(super) enum Wrong {
    /// This beside what is right.
    File(&'static str),
    /// This in a rule.
    Rule(&'static str),
    /// This in the `when` of a rule.
    When(&'static str),
    /// This for `mql: 5`.
    Mql(&'static str),
}
/// What is wrong, and what is said of it.
pub(super) const FAULTS: [(Wrong, &str); 40] = [
    (File("tresholds: {}"), "fault: tresholds: unknown key `tresholds`; did you mean `thresholds`?"),
    (Rule("pionts: 5"), "fault: rules[0].pionts: unknown key `pionts`; did you mean `points`?"),
    (File("total_cap: lots"), "fault: total_cap: a text where a number is wanted; write a number"),
    (File("total_cap: 0"), "fault: total_cap: 0 is out of range; use more than 0"),
    (File("horizon_weeks: 27"), "fault: horizon_weeks: 27 is out of range; use at most 26"),
    (File("horizon_weeks: 2.5"), "fault: horizon_weeks: a number where a whole number is wanted; write a whole number"),
    (File("groups: {}"), "fault: groups: a mapping where a list is wanted; write a list"),
    (
        File("groups: [{ id: Web, cap: 5 }]"),
        "fault: groups[0].id: `Web` is no name; begin with a lower-case letter, go on with such letters, digits and `_`; at most 64 characters",
    ),
    (File("groups: [{ id: web }]"), "fault: groups[0]: `cap` is missing; add `cap`"),
    (
        File("lists: { Bad: [a] }"),
        "fault: lists: `Bad` is no name; begin with a lower-case letter, go on with such letters, digits and `_`; at most 64 characters",
    ),
    (File("lists: { ok: [0] }"), "fault: lists.ok[0]: a number where a text is wanted; write a text"),
    (File("emit: [{ kind: pageview }]"), "fault: emit[0].kind: unknown word `pageview`; did you mean `page_view`?"),
    (
        File("emit: [{ kind: form }, { kind: form }]"),
        "fault: emit[1].kind: `form` is there already; put all its properties into one entry",
    ),
    (
        File("disqualify: [{ reason: rival }]"),
        "fault: disqualify[0].reason: unknown word `rival`; use one of: competitor, own_staff, bot, disposable_address, opted_out",
    ),
    (
        File("disqualify: [{ reason: bot }]"),
        "fault: disqualify[0]: it does not say who is out; give exactly one of `list`, `person` (with conditions) and `event`",
    ),
    (
        File("disqualify: [{ reason: bot, person: {} }]"),
        "fault: disqualify[0]: it does not say who is out; give exactly one of `list`, `person` (with conditions) and `event`",
    ),
    (
        File("lists: { rivals: [a.example] }\ndisqualify: [{ reason: competitor, list: rival }]"),
        "fault: disqualify[0].list: there is no list `rival`; did you mean `rivals`?",
    ),
    (
        File("fit: { grades: { A: 3, B: 3, C: 1 }, rules: [] }"),
        "fault: fit.grades: A, B and C do not descend; A needs most points, C fewest",
    ),
    (
        File("fit: { grades: { A: 3, B: 2, C: 1 }, rules: [{ id: a, text: A, when: {}, points: 1 }] }"),
        "fault: fit.rules[0].when: no condition; say which persons, under `all`, `any` or `none`",
    ),
    (
        File(
            "fit: { grades: { A: 3, B: 2, C: 1 }, rules: [{ id: a, text: A, when: { all: [{ field: properties.x, equals: 1 }] }, points: 1 }] }",
        ),
        "fault: fit.rules[0].when.all[0].field: there is no field `properties.x`; fit reads the person, not events: use a trait, or make it a rule of engagement",
    ),
    (Rule("points: 0.0001"), "fault: rules[0].points: 0.0001 has too many decimals; at most 3 count"),
    (Rule("points: 100001"), "fault: rules[0].points: 100001 is out of range; use at most 100000"),
    (Rule("points: ten"), "fault: rules[0].points: a text where a number is wanted; write a number"),
    (Rule("points: 1, cap: -1"), "fault: rules[0].cap: -1 is out of range; use more than 0"),
    (Rule("points: 1, cap_per_day: 0"), "fault: rules[0].cap_per_day: 0 is out of range; use at least 1"),
    (
        Rule("points: 1, once: sometimes"),
        "fault: rules[0].once: a text where true or false is wanted; write true or false",
    ),
    (
        Rule("points: 1, decay: {}"),
        "fault: rules[0].decay: a decay is exactly one of two; give `half_life_days` or `window_days`, not both; without decay leave `decay` out",
    ),
    (
        Rule("points: 1, decay: { half_life: 3 }"),
        "fault: rules[0].decay.half_life: unknown key `half_life`; use one of: half_life_days, window_days",
    ),
    (
        Rule("points: 1, decay: { half_life_days: 3, window_days: 3 }"),
        "fault: rules[0].decay: a decay is exactly one of two; give `half_life_days` or `window_days`, not both; without decay leave `decay` out",
    ),
    (Rule("points: 1, group: web"), "fault: rules[0].group: there is no group `web`; remove it"),
    (
        When("all: [{ field: traits.title, equals: CEO }]"),
        "fault: rules[0].when.all[0].field: there is no field `traits.title`; rules of engagement read the event only: who a person is belongs into a rule under `fit`",
    ),
    (
        When("any: [{ field: context.path, equals: / }]"),
        "fault: rules[0].when.any[0].field: there is no field `context.path`; use one of: page_url, page_path, page_title, referrer, locale, time_zone, country, user_agent, campaign_source, campaign_medium, campaign_name, campaign_term, campaign_content, click_id",
    ),
    (
        When("all: [{ field: name, equals: x }]"),
        "fault: rules[0].when.all[0].field: there is no field `name`; write `name` beside `all`, not as a condition",
    ),
    (
        When("all: [{ field: text }]"),
        "fault: rules[0].when.all[0]: no comparison; give a condition exactly one comparison, such as `equals: enterprise`",
    ),
    (
        When("all: [{ field: text, equals: x, contains: y }]"),
        "fault: rules[0].when.all[0]: equals, contains together; give a condition exactly one comparison, such as `equals: enterprise`",
    ),
    (
        When("all: [{ field: text, matches: '(' }]"),
        "fault: rules[0].when.all[0].matches: no regular expression: unclosed group; mend it, or use `contains`",
    ),
    (
        When("all: [{ field: text, equals: [a] }]"),
        "fault: rules[0].when.all[0].equals: a list where a text or a number or true or false is wanted; write a text or a number or true or false",
    ),
    (Mql("mql: { A: 1, B: 2, C: 3 }"), "fault: thresholds.mql: `D` is missing; add `D`"),
    (Mql("mql: 0"), "fault: thresholds.mql: everybody would be an mql from the start; give more than 0 points"),
    (
        Mql("mql: 5, cooled: 5"),
        "fault: thresholds.cooled: 5 is not below the lowest mql threshold, 5; a lead would be qualified and cooled at once: lower it",
    ),
];

impl Wrong {
    /// The whole file.
    pub(super) fn yaml(&self) -> String {
        match self {
            File(more) => with(more),
            Rule(more) => rule(more),
            When(more) => with("").replace("page_view }", &format!("page_view, {more} }}")),
            Mql(instead) => with("").replace("mql: 5", instead),
        }
    }
}

/// A model that is right but for what `more` adds to it.
pub(super) fn with(more: &str) -> String {
    format!(
        "name: x\nthresholds: {{ mql: 5 }}\nrules: [{{ id: view, text: Looked, when: {{ kind: page_view }}, points: 5, hand_raise: true }}]\n{more}"
    )
}

/// A model with one rule that is right but for what `more` adds to it.
pub(super) fn rule(more: &str) -> String {
    format!(
        "name: x\nthresholds: {{ mql: 5 }}\nrules: [{{ id: view, text: Looked, when: {{ kind: page_view }}, hand_raise: true, {more} }}]"
    )
}
