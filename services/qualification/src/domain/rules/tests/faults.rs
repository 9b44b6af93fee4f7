//! What is said of a model that is wrong: everything at once, with place and remedy, and never a panic.

use proptest::prelude::*;

use crate::domain::rules::{MOST_BYTES, Severity, check, compile};

const SAMPLE: &str = include_str!("../../../../../../deploy/config/scoring.yaml");

/// A model that is right but for what `more` adds to it.
fn with(more: &str) -> String {
    format!(
        "name: x\nthresholds: {{ mql: 5 }}\nrules: [{{ id: view, text: Looked, when: {{ kind: page_view }}, points: 5, hand_raise: true }}]\n{more}"
    )
}

/// A model with one rule that is right but for what `more` adds to it.
fn rule(more: &str) -> String {
    format!(
        "name: x\nthresholds: {{ mql: 5 }}\nrules: [{{ id: view, text: Looked, when: {{ kind: page_view }}, hand_raise: true, {more} }}]"
    )
}

fn findings(yaml: &str) -> Vec<String> {
    check(yaml.as_bytes()).iter().map(ToString::to_string).collect()
}

/// How a row of the table makes a model that is wrong.
enum Wrong {
    /// This beside what is right.
    File(&'static str),
    /// This in a rule.
    Rule(&'static str),
    /// This in the `when` of a rule.
    When(&'static str),
    /// This for `mql: 5`.
    Mql(&'static str),
}
use Wrong::{File, Mql, Rule, When};

/// What is wrong, and what is said of it.
const FAULTS: [(Wrong, &str); 40] = [
    (File("tresholds: {}"), "fault: tresholds: unknown key `tresholds`; did you mean `thresholds`?"),
    (Rule("pionts: 5"), "fault: rules[0].pionts: unknown key `pionts`; did you mean `points`?"),
    (File("total_cap: lots"), "fault: total_cap: a text where a number is wanted; write a number"),
    (File("total_cap: 0"), "fault: total_cap: 0 is out of range; use more than 0"),
    (File("horizon_weeks: 105"), "fault: horizon_weeks: 105 is out of range; use at most 104"),
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
    fn yaml(&self) -> String {
        match self {
            File(more) => with(more),
            Rule(more) => rule(more),
            When(more) => with("").replace("page_view }", &format!("page_view, {more} }}")),
            Mql(instead) => with("").replace("mql: 5", instead),
        }
    }
}

#[test]
fn every_fault_is_said_with_its_place_and_its_remedy() {
    for (wrong, expected) in FAULTS {
        let yaml = wrong.yaml();
        let found = findings(&yaml);
        assert!(found.iter().any(|finding| finding == expected), "{yaml}\nwants {expected}\nfinds {found:#?}");
        assert!(compile(yaml.as_bytes()).is_err(), "{yaml}");
    }
}

#[test]
fn ids_are_unique_among_rules_and_groups() {
    let yaml = "
name: x
thresholds: { mql: 5 }
groups: [{ id: view, cap: 5 }, { id: total, cap: 5 }]
rules:
  - { id: view, text: A, when: { kind: page_view }, points: 5, hand_raise: true, group: total }
  - { id: mail, text: A, when: { kind: email_in }, points: 5, group: view }
  - { id: mail, text: A, when: { kind: email_in }, points: 5 }";
    assert_eq!(
        findings(yaml),
        [
            "fault: groups[1].id: `total` is taken; `cap:total` is the line of the total cap: choose another id",
            "fault: rules[0].id: the id `view` is taken by groups[0].id; give each rule and group an id of its own",
            "fault: rules[2].id: the id `mail` is taken by rules[1].id; give each rule and group an id of its own",
        ]
    );
}

#[test]
fn one_fault_does_not_hide_the_others() {
    let yaml = "
name: x
thresholds: { mql: 5, cold: 2 }
groups: [{ id: web, cap: many }]
rules:
  - { id: a, text: A, when: { kind: page_vew }, points: 5, group: web }
  - { id: b, text: B, when: { kind: form, all: [{ field: traits.x, equals: 1 }] }, hand_raise: true }
  - { id: c, text: C, when: { kind: form }, points: 0 }
  - { id: d, text: D, when: { kind: form }, points: 1, group: webb }
lst: {}";
    let paths: Vec<String> = check(yaml.as_bytes()).into_iter().map(|finding| finding.path).collect();
    let expected = [
        "lst",
        "rules[0].when.kind",
        "thresholds.cold",
        "groups[0].cap",
        "rules[1].when.all[0].field",
        "rules[2]",
        "rules[3].group",
    ];
    for path in expected {
        assert!(paths.iter().any(|found| found == path), "{path} in {paths:#?}");
    }
    assert_eq!(paths.len(), expected.len(), "{paths:#?}");
}

#[test]
fn doubts_are_told_but_stop_nothing() {
    let table = [
        (with("lists: { unused: [a] }"), "lists.unused"),
        (with("groups: [{ id: empty, cap: 5 }]"), "groups[0]"),
        (with("").replace("mql: 5", "mql: 5000"), "thresholds.mql"),
        (with("").replace("mql: 5", "mql: { A: 1, B: 2, C: 3, D: 4 }"), "thresholds.mql"),
        (with("").replace(", hand_raise: true", ""), "rules"),
        (rule("points: 10, cap: 5"), "rules[0].cap"),
        (rule("points: 1, once: true, cap_per_day: 3, cap: 10"), "rules[0].cap_per_day"),
        (rule("points: 10, decay: { half_life_days: 365 }"), "rules[0].decay"),
    ];
    for (yaml, path) in table {
        let found = check(yaml.as_bytes());
        let told = found.iter().map(|finding| (finding.severity, finding.path.as_str())).collect::<Vec<_>>();
        assert_eq!(told, [(Severity::Warning, path)], "{yaml}");
        assert!(compile(yaml.as_bytes()).is_ok(), "{yaml}");
    }
}

#[test]
fn a_line_of_an_explanation_always_fits_32_bits() {
    let rules: String = (0..30)
        .map(|no| format!("\n  - {{ id: r{no}, text: R, when: {{ kind: page_view }}, points: 5, hand_raise: true }}"))
        .collect();
    let yaml = format!("name: x\nthresholds: {{ mql: 5 }}\ntotal_cap: 100000\nrules:{rules}");
    let expected = "fault: rules: the caps of all rules together are 3000000 points, more than 2000000; give rules a `cap`, or lower `total_cap`, which is the cap of those without";
    assert_eq!(findings(&yaml), [expected]);
}

#[test]
fn what_is_no_model_at_all_is_refused_in_words() {
    for (bytes, expected) in [
        (&b""[..], "fault: the file: nothing where a mapping is wanted; write a mapping"),
        (b"- a", "fault: the file: a list where a mapping is wanted; write a mapping"),
        (b"\xff\xfe", "fault: the file: no UTF-8; save it as UTF-8"),
    ] {
        assert_eq!(check(bytes).iter().map(ToString::to_string).collect::<Vec<_>>(), [expected]);
    }
    let too_big = vec![b'#'; MOST_BYTES + 1];
    assert_eq!(check(&too_big)[0].problem, "262145 bytes");
    assert!(check(&too_big[..MOST_BYTES])[0].problem.starts_with("nothing"));
    let broken = check(b"name: x\nrules:\n  - id: a\n   text: b\n");
    assert!(broken[0].path.starts_with("line ") && broken[0].problem.starts_with("no YAML"), "{broken:?}");
    let twice = check(with("name: y").as_bytes());
    assert!(twice[0].problem.contains("name"), "{twice:?}");
    let deep = format!("name: {}", "[".repeat(100_000));
    assert!(compile(deep.as_bytes()).is_err());
    let bomb = "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\ng: [*f,*f,*f,*f,*f,*f,*f,*f,*f]";
    assert!(compile(bomb.as_bytes()).is_err());
}

#[test]
fn findings_are_as_many_as_somebody_reads() {
    let keys: String = (0..5000).map(|no| format!("k{no}: 1\n")).collect();
    assert_eq!(check(keys.as_bytes()).len(), 200);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// A file that somebody damaged is refused or understood; it never brings the process down.
    #[test]
    fn a_damaged_model_is_answered(
        at in any::<proptest::sample::Index>(), length in 0usize..12, put in "[ a-z0-9:{}\\[\\],'\"\n&*#|>-]{0,6}",
    ) {
        let mut bytes = SAMPLE.as_bytes().to_vec();
        let from = at.index(bytes.len());
        let to = (from + length).min(bytes.len());
        bytes.splice(from..to, put.bytes());
        let found = check(&bytes);
        let has_faults = found.iter().any(|finding| finding.severity == Severity::Fault);
        prop_assert_eq!(compile(&bytes).is_err(), has_faults);
    }
}
