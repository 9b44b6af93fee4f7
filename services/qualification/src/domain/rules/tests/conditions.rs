//! Every comparison, on fields that have it, have something else, or have nothing.

use crate::domain::event::{EmailFacts, EngagementEvent, EventKind};
use crate::domain::rules::fixture::{event, hits, model};

const LISTS: &str = "lists: { tools: [CRM, erp], domains: [rival.example, big-co.co.uk] }";

/// Whether an event meets a rule with that condition.
fn holds(condition: &str, event: &EngagementEvent) -> bool {
    let yaml = format!(
        "name: test\nthresholds: {{ mql: 50 }}\n{LISTS}\nrules:\n  - {{ id: rule, text: Rule, when: {{ kind: form, all: [{condition}] }}, points: 1 }}"
    );
    hits(&model(&yaml), event).0 == ["rule"]
}

fn with_property(value: &str) -> EngagementEvent {
    let mut event = event(EventKind::Form);
    event.properties.insert("x".to_owned(), value.to_owned());
    event
}

#[test]
fn comparisons_hold_for_some_values_and_not_for_others() {
    // (comparison, values for which it holds, values for which it does not); an empty value is a missing one.
    let table: [(&str, &[&str], &[&str]); 24] = [
        ("equals: pro", &["pro"], &["Pro", "pros", "", " pro"]),
        ("equals: 5", &["5"], &["5.0", "50", ""]),
        ("equals: 1.0", &["1"], &["1.0"]),
        ("equals: true", &["true"], &["false", "True", "yes", ""]),
        ("equals: PRO, ignore_case: true", &["pro", "PRO", "Pro"], &["prö", ""]),
        ("equals: É, ignore_case: true", &["é", "É"], &["e", ""]),
        ("not_equals: pro", &["Pro", "", "other"], &["pro"]),
        ("in: [a, 7, true]", &["a", "7", "true"], &["A", "b", ""]),
        ("in: [B, A], ignore_case: true", &["a", "B"], &["ab", ""]),
        ("not_in: [a, b]", &["c", ""], &["a", "b"]),
        ("contains: ric", &["pricing", "ric"], &["prize", "", "RIC"]),
        ("contains: [x, RIC], ignore_case: true", &["Pricing", "axe"], &["prize", ""]),
        ("starts_with: /pri", &["/pricing", "/pri"], &["pricing", "/a/pri", ""]),
        ("ends_with: [.pdf, .zip]", &["a.pdf", ".zip"], &["a.pdf?x", ""]),
        ("matches: '^v[0-9]+$'", &["v1", "v22"], &["v", "xv1", ""]),
        ("matches: 'cto', ignore_case: true", &["CTO", "a Cto"], &["ceo", ""]),
        ("matches: '.*'", &["a"], &[""]),
        ("in_list: tools", &["crm", "CRM", "ERP"], &["cr", ""]),
        (
            "domain_in_list: domains",
            &["rival.example", "mail.Rival.example", "a.b.big-co.co.uk"],
            &["arival.example", "co.uk", "example", ""],
        ),
        ("exists: true", &["a", "0", "false"], &[""]),
        ("exists: false", &[""], &["a"]),
        ("absent: true", &[""], &["a"]),
        ("greater_than: 10", &["10.01", "1e3", " 11 "], &["10", "9", "ten", "", "NaN", "inf", "1,000"]),
        ("at_least: 0.1", &["0.1", "0.10", "1"], &["0.0999999", "-1", ""]),
    ];
    for (comparison, holding, failing) in table {
        let condition = format!("{{ field: properties.x, {comparison} }}");
        for value in holding {
            assert!(holds(&condition, &with_property(value)), "{comparison} holds for {value:?}");
        }
        for value in failing {
            assert!(!holds(&condition, &with_property(value)), "{comparison} does not hold for {value:?}");
        }
        let missing = event(EventKind::Form);
        assert_eq!(holds(&condition, &missing), holding.contains(&""), "{comparison} of a missing property");
    }
    for (comparison, value, expected) in [
        ("less_than: 3", "2.9", true),
        ("less_than: 3", "3", false),
        ("at_most: 3", "3", true),
        ("at_most: 3", "3.1", false),
    ] {
        let condition = format!("{{ field: properties.x, {comparison} }}");
        assert_eq!(holds(&condition, &with_property(value)), expected, "{comparison} of {value}");
        assert!(!holds(&condition, &with_property("")), "{comparison} of nothing");
    }
}

#[test]
fn every_field_of_an_event_is_read_where_its_path_says() {
    let mut full = event(EventKind::Form);
    full.source = "source".to_owned();
    full.text = "text".to_owned();
    full.historical = true;
    full.properties.insert("a.b".to_owned(), "properties.a.b".to_owned());
    let context = &mut full.context;
    for (field, name) in [
        (&mut context.page_url, "page_url"),
        (&mut context.page_path, "page_path"),
        (&mut context.page_title, "page_title"),
        (&mut context.referrer, "referrer"),
        (&mut context.locale, "locale"),
        (&mut context.time_zone, "time_zone"),
        (&mut context.country, "country"),
        (&mut context.user_agent, "user_agent"),
        (&mut context.campaign_source, "campaign_source"),
        (&mut context.campaign_medium, "campaign_medium"),
        (&mut context.campaign_name, "campaign_name"),
        (&mut context.campaign_term, "campaign_term"),
        (&mut context.campaign_content, "campaign_content"),
        (&mut context.click_id, "click_id"),
    ] {
        *field = format!("context.{name}");
    }
    let text = |name: &str| format!("email_facts.{name}");
    full.email_facts = Some(EmailFacts {
        subject: text("subject"),
        message_id: text("message_id"),
        in_reply_to: text("in_reply_to"),
        from: text("from"),
        original_recipient: text("original_recipient"),
        status_code: text("status_code"),
        ..EmailFacts::default()
    });
    let context = "page_url page_path page_title referrer locale time_zone country user_agent campaign_source campaign_medium campaign_name campaign_term campaign_content click_id";
    let email = "subject message_id in_reply_to from original_recipient status_code";
    let paths = ["source", "text", "properties.a.b"].into_iter().map(str::to_owned);
    let paths = paths
        .chain(context.split(' ').map(|name| format!("context.{name}")))
        .chain(email.split(' ').map(|name| format!("email_facts.{name}")));
    for path in paths {
        let condition = format!("{{ field: {path}, equals: {path} }}");
        assert!(holds(&condition, &full), "{path}");
        assert!(!holds(&condition, &event(EventKind::Form)), "{path} of an event without it");
    }
    assert!(holds("{ field: historical, equals: true }", &full));
    assert!(holds("{ field: historical, equals: false }", &event(EventKind::Form)));
}

#[test]
fn all_any_and_none_are_joined() {
    let yaml = "name: test\nthresholds: { mql: 50 }\nrules:\n  - id: rule\n    text: Rule\n    points: 1\n    when:\n      kind: form\n      all: [{ field: properties.a, exists: true }, { field: properties.b, exists: true }]\n      any: [{ field: properties.c, exists: true }, { field: properties.d, exists: true }]\n      none: [{ field: properties.e, exists: true }, { field: properties.f, exists: true }]";
    let model = model(yaml);
    for (properties, expected) in
        [("abc", true), ("abd", true), ("abcd", true), ("ab", false), ("ac", false), ("abce", false), ("abdf", false)]
    {
        let mut event = event(EventKind::Form);
        event.properties = properties.chars().map(|name| (name.to_string(), "x".to_owned())).collect();
        assert_eq!(!hits(&model, &event).0.is_empty(), expected, "{properties}");
    }
}
