//! What a model says of persons: fit, disqualification, junk; and what the domain of an address says.

use std::collections::BTreeMap;

use crate::domain::event::EventKind;
use crate::domain::rules::fixture::{event, model, person, texts};
use crate::domain::rules::mail_domain::{AddressKind, address_kind, company_domain, domain_kind, registrable_domain};
use crate::domain::rules::{DisqualificationReason, Grade, Model, PersonFacts};

const SAMPLE: &str = include_str!("../../../../../../deploy/config/scoring.yaml");

fn grades() -> Model {
    model(
        "
name: fit
thresholds: { mql: { A: 10, B: 20.5, C: 30, D: never }, cooled: 5 }
rules: [{ id: view, text: Looked, when: { kind: page_view }, points: 50 }]
fit:
  grades: { A: 30, B: 20, C: 10 }
  rules:
    - { id: boss, text: Decides, when: { all: [{ field: traits.title, equals: CEO }] }, points: 20 }
    - { id: big, text: Big, when: { any: [{ field: traits.employees, at_least: 50 }, { field: account.traits.employees, at_least: 50 }] }, points: 10 }
    - { id: free, text: Free mail, when: { all: [{ field: email_kind, equals: free }] }, points: -5.5 }
    - { id: ours, text: Named account, when: { all: [{ field: account.domain, equals: big.example }] }, points: 5.5 }",
    )
}

#[test]
fn fit_points_make_a_grade_and_a_grade_chooses_the_threshold() {
    let (model, nothing) = (grades(), BTreeMap::new());
    type Row<'a> = (&'a [&'a str], BTreeMap<String, String>, i32, Grade, Option<i32>);
    let table: [Row<'_>; 6] = [
        (&[], texts([]), 0, Grade::D, None),
        (&[], texts([("employees", "50")]), 10_000, Grade::C, Some(30_000)),
        (&[], texts([("title", "CEO")]), 20_000, Grade::B, Some(20_500)),
        (&[], texts([("title", "CEO"), ("employees", "200")]), 30_000, Grade::A, Some(10_000)),
        (&["a@gmail.com"], texts([("title", "CEO")]), 14_500, Grade::C, Some(30_000)),
        (&["a@gmail.com"], texts([]), -5500, Grade::D, None),
    ];
    for (emails, traits, points, grade, threshold) in table {
        let fit = model.fit(&person(emails, &traits, &nothing));
        assert_eq!(
            (fit.milli_points, fit.grade, model.mql_threshold(fit.grade)),
            (points, grade, threshold),
            "{traits:?}"
        );
        assert_eq!(fit.lines.iter().map(|line| line.milli_points).sum::<i32>(), fit.milli_points);
    }
    assert_eq!(model.cooled_threshold(), Some(5000));
    let account_traits = texts([("employees", "60")]);
    let of_account = PersonFacts {
        account_domain: Some("big.example"),
        account_traits: &account_traits,
        ..person(&[], &nothing, &nothing)
    };
    let codes: Vec<String> = model.fit(&of_account).lines.into_iter().map(|line| line.code).collect();
    assert_eq!(codes, ["big", "ours"]);
}

#[test]
fn without_fit_rules_everybody_is_d_and_one_threshold_is_for_all() {
    let model = model(
        "name: x\nthresholds: { mql: 7 }\nrules: [{ id: view, text: Looked, when: { kind: page_view }, points: 5 }]",
    );
    let nothing = BTreeMap::new();
    assert_eq!(model.fit(&person(&["a@analytics.example"], &nothing, &nothing)).grade, Grade::D);
    assert_eq!(Grade::ALL.map(|grade| model.mql_threshold(grade)), [Some(7000); 4]);
    assert_eq!(model.cooled_threshold(), None);
}

#[test]
fn the_sample_model_knows_who_is_out() {
    use DisqualificationReason::{Competitor, DisposableAddress, OptedOut, OwnStaff};
    let (model, nothing) = (model(SAMPLE), BTreeMap::new());
    let asked_out = texts([("do_not_contact", "true")]);
    type Row<'a> = (&'a [&'a str], Option<&'a str>, &'a BTreeMap<String, String>, Option<DisqualificationReason>);
    let table: [Row<'_>; 9] = [
        (&["ada@analytics.example"], None, &nothing, None),
        (&[], None, &nothing, None),
        (&["eve@rival-metrics.example"], None, &nothing, Some(Competitor)),
        (&["ada@analytics.example", "eve@lab.rival-metrics.example"], None, &nothing, Some(Competitor)),
        (&["ada@analytics.example"], Some("rival-metrics.example"), &nothing, Some(Competitor)),
        (&["sam@seller.example"], None, &nothing, Some(OwnStaff)),
        (&["x@mailinator.com"], None, &nothing, Some(DisposableAddress)),
        (&["x@mailinator.com", "ada@analytics.example"], None, &nothing, None),
        (&["ada@analytics.example"], None, &asked_out, Some(OptedOut)),
    ];
    for (emails, account_domain, traits, reason) in table {
        let facts = PersonFacts { account_domain, ..person(emails, traits, &nothing) };
        assert_eq!(model.disqualified_by_person(&facts).map(|out| out.reason), reason, "{emails:?} {account_domain:?}");
    }
    let facts = person(&["eve@rival-metrics.example"], &nothing, &nothing);
    assert_eq!(model.disqualified_by_person(&facts).expect("a competitor").by, "list competitor_domains");
    let mut no_contact = event(EventKind::Custom);
    assert_eq!(model.disqualified_by_event(&no_contact), None);
    "Do Not Contact".clone_into(&mut no_contact.name);
    assert_eq!(model.disqualified_by_event(&no_contact).map(|out| out.reason), Some(OptedOut));
    no_contact.kind = EventKind::Form;
    assert_eq!(model.disqualified_by_event(&no_contact), None);
}

#[test]
fn a_provider_that_the_compiled_in_list_is_wrong_about_can_be_excepted() {
    let model = model(
        "name: test\nthresholds: { mql: 50 }\nlists: { real_providers: [mailinator.com] }\nrules:\n  - { id: chat, text: \
         Chat, when: { kind: chat }, points: 5 }\ndisqualify:\n  - { reason: disposable_address, except: real_providers }\n",
    );
    let nothing = BTreeMap::new();
    let out = |emails: &[&str]| model.disqualified_by_person(&person(emails, &nothing, &nothing)).map(|out| out.reason);
    assert_eq!(out(&["x@mailinator.com"]), None);
    assert_eq!(out(&["x@eu.mailinator.com"]), None);
    assert_eq!(out(&["x@guerrillamail.com"]), Some(DisqualificationReason::DisposableAddress));
}

#[test]
fn a_list_may_name_addresses_and_machines_events_may_put_somebody_out() {
    let model = model(
        "
name: out
thresholds: { mql: 5 }
lists: { people: [Eve@Rival.example] }
rules: [{ id: view, text: Looked, when: { kind: page_view }, points: 5 }]
disqualify:
  - { reason: competitor, list: people }
  - { reason: bot, event: { kind: [form, chat], all: [{ field: bot_reason, in: [headless, honeypot] }] } }",
    );
    let nothing = BTreeMap::new();
    let out = |email: &str| model.disqualified_by_person(&person(&[email], &nothing, &nothing)).is_some();
    assert!(out("eve@rival.example") && !out("adam@rival.example"));
    let mut machine = event(EventKind::Form);
    assert_eq!(model.disqualified_by_event(&machine), None);
    machine.bot_reason = Some("honeypot".to_owned());
    assert_eq!(model.disqualified_by_event(&machine).map(|out| out.reason), Some(DisqualificationReason::Bot));
}

#[test]
fn the_main_address_does_not_depend_on_the_order_of_arrival() {
    let nothing = BTreeMap::new();
    let main = |emails: &[&str]| person(emails, &nothing, &nothing).main_email().map(str::to_owned);
    assert_eq!(main(&[]), None);
    for emails in [
        ["z@gmail.com", "x@mailinator.com", "b@analytics.example", "a@b2b.example"],
        ["a@b2b.example", "b@analytics.example", "x@mailinator.com", "z@gmail.com"],
    ] {
        assert_eq!(main(&emails).as_deref(), Some("a@b2b.example"));
    }
    assert_eq!(main(&["x@mailinator.com", "z@gmail.com"]).as_deref(), Some("z@gmail.com"));
}

#[test]
fn a_throw_away_domain_wins_over_a_free_one_and_subdomains_follow() {
    for (address, kind, company) in [
        ("ada@analytics.example", AddressKind::Company, Some("analytics.example")),
        ("ada@mail.analytics.co.uk", AddressKind::Company, Some("analytics.co.uk")),
        ("ada@gmail.com", AddressKind::Free, None),
        ("ada@yahoo.co.uk", AddressKind::Free, None),
        ("ada@mailbox.org", AddressKind::Free, None),
        ("ada@mailinator.com", AddressKind::Disposable, None),
        ("ada@sub.mailinator.com", AddressKind::Disposable, None),
        ("ada@co.uk", AddressKind::Company, None),
        ("ada@", AddressKind::Company, None),
        ("ada", AddressKind::Company, None),
    ] {
        assert_eq!((address_kind(address), company_domain(address)), (kind, company), "{address}");
    }
    assert_eq!(registrable_domain("a.b.analytics.test"), Some("analytics.test"));
}

/// The list is looked up by bisection, so its order matters; and it must not contain what the other list has.
#[test]
fn the_list_of_free_providers_is_sorted_and_has_no_throw_away_domain() {
    let list: Vec<&str> = include_str!("../free_mail_domains.txt").lines().collect();
    assert!(list.len() > 5000 && list.is_sorted_by(|before, after| before < after));
    let wrong: Vec<&&str> = list.iter().filter(|domain| disposable_emails::is_disposable_domain(domain)).collect();
    assert_eq!(wrong, Vec::<&&str>::new());
    for domain in ["gmail.com", "outlook.com", "web.de", "qq.com", "orange.fr"] {
        assert_eq!(domain_kind(domain), AddressKind::Free, "{domain}");
    }
}

#[test]
fn identifiers_that_identify_nobody() {
    let model = model(SAMPLE);
    for junk in [
        "null",
        "NULL",
        " undefined ",
        "0",
        "guest",
        "",
        "00000000-0000-0000-0000-000000000000",
        "Tester@test.test",
        "test",
    ] {
        assert!(model.is_junk_identifier(junk), "{junk:?}");
    }
    for somebody in ["u-1", "00000000-0000-0000-0000-000000000001", "ada@analytics.example", "10"] {
        assert!(!model.is_junk_identifier(somebody), "{somebody:?}");
    }
}
