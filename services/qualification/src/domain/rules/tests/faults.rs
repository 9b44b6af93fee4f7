//! What is said of a model that is wrong: everything at once, with place and remedy, and never a panic.

use proptest::prelude::*;

use crate::domain::rules::{Finding, MOST_BYTES, Severity, check, compile};

use super::fault_table::{FAULTS, rule, with};

const SAMPLE: &str = include_str!("../../../../../../deploy/config/scoring.yaml");

/// Without the line, which is tested apart.
fn text(finding: &Finding) -> String {
    let severity = if finding.is_fault() { "fault" } else { "warning" };
    format!("{severity}: {}", Finding { line: None, ..finding.clone() })
}

fn findings(yaml: &str) -> Vec<String> {
    check(yaml.as_bytes()).iter().map(text).collect()
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
fn a_finding_names_its_line() {
    let yaml = "name: x
thresholds: { mql: 5 }
rules:
  - id: a
    text: A
    when:
      kind: form
      all:
        - { field: text, equals: x }
        - { field: txt,
            equals: x }
    points: 5
  - { id: b, text: B, when: { kind: form }, points: 5, hand_raise: true, cap: 1 }
lists: { unused: [a] }
fit:
";
    let lines: Vec<String> = check(yaml.as_bytes()).iter().map(ToString::to_string).collect();
    let places: Vec<&str> = lines.iter().filter_map(|line| line.split(": ").next()).collect();
    assert_eq!(places, ["line 10, rules[0].when.all[1].field", "line 13, rules[1].cap", "line 14, lists.unused"]);
    let without_name = check(b"thresholds: { mql: 5 }\nrules: []");
    assert!(without_name.iter().any(|finding| finding.to_string() == "the file: `name` is missing; add `name`"));
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
        assert_eq!(check(bytes).iter().map(text).collect::<Vec<_>>(), [expected]);
    }
    let too_big = vec![b'#'; MOST_BYTES + 1];
    assert_eq!(check(&too_big)[0].problem, "262145 bytes");
    assert!(check(&too_big[..MOST_BYTES])[0].problem.starts_with("nothing"));
    let broken = check(b"name: x\nrules:\n  - id: a\n   text: b\n");
    assert!(broken[0].line == Some(4) && broken[0].problem.starts_with("no YAML"), "{broken:?}");
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
    #![proptest_config(ProptestConfig::with_cases(60))]

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
        let has_faults = found.iter().any(|finding| finding.is_fault());
        prop_assert_eq!(compile(&bytes).is_err(), has_faults);
    }
}
