//! What `leadflow check` says of a template: every branch is looked at, and people who lack what it asks for.

use std::collections::BTreeSet;

use leadflow_nurture::mail::{Known, MailKind, Part, TemplateSource};

use crate::support::{FOOTER, column, marketing, source, template};

fn problems(source: &TemplateSource, known: &Known) -> Vec<String> {
    let kind = |warning| if warning { "warning" } else { "error" };
    template(source).check(known).iter().map(|problem| format!("{}: {problem}", kind(problem.warning))).collect()
}

fn of(inner: &str) -> Vec<String> {
    problems(&source(column(&format!("<mj-text>{inner}</mj-text>{FOOTER}"))), &marketing())
}

#[test]
fn a_good_template_has_no_problem() {
    for inner in [
        "Dear {{ contact.name | default('you') }}{% if owner %}, {{ owner.name }} greets you{% endif %}",
        "{% if traits.plan is defined and traits.plan == 'trial' %}x{% endif %}",
        "<a href=\"https://www.example.com/{{ traits.place | default('') }}\">x</a>",
        "<a href=\"{{ 'https://www.example.com/' if contact.company else 'https://example.com/' }}\">x</a>",
        "{% set shop = 'https://shop.example.com' %}<a href=\"{{ shop }}/{{ contact.country | default('') }}\">x</a>",
        "{% if traits.seats is defined %}{{ traits.seats + 1 }}{% endif %}",
        "{% for item in traits.items | default([]) %}{{ item }}{% endfor %}",
        "{% for number in range(3) %}{{ loop.index }}{% endfor %}{% set x = 1 %}{{ x }}",
        "{% if traits.address is defined %}{{ traits.address.city }}{% endif %}",
    ] {
        assert_eq!(of(inner), Vec::<String>::new(), "{inner}");
    }
}

#[test]
fn what_is_wrong_is_said_with_line_and_remedy() {
    for (inner, expected) in [
        (
            "{{ contact.nam | default('') }}",
            "error: mjml line 1: contact.nam is not known here; did you mean contact.name?",
        ),
        (
            "\n{% if false %}{{ person.name }}{% endif %}",
            "error: mjml line 2: person.name is not known here; known: contact, event",
        ),
        (
            "\n{% if false %}<mj-buton>x</mj-buton>{% endif %}",
            "error: mjml line 2: <mj-buton> is no MJML element; did you mean mj-button?",
        ),
        (
            "{{ contact.name }}",
            "warning: mjml line 1: not everybody has contact.name, and those who have not get no mail; give a fallback",
        ),
        ("\n{{ traits.plan }}", "warning: mjml line 2: not everybody has traits.plan"),
        ("{% if owner %}x{% endif %} {{ owner.email }}", "warning: mjml line 1: not everybody has owner.email"),
        (
            "\n<p style=\"color:{{ traits.color | default('red') }}\">x</p>",
            "error: mjml line 2: traits.color | default('red') stands in the attribute style of <p>",
        ),
        ("\n<a href=\"javascript:x\">x</a>", "error: mjml: link \"javascript:x\" is a javascript: address; use https"),
        (
            "{{ traits.address.city | default('here') }}",
            "warning: mjml line 1: not everybody has traits.address.city, and those who have not get no mail; ask first",
        ),
        ("\n<b", "error: mjml line 2: is not well-formed"),
        ("{{ contact.email | shout }}", "error: mjml line 1: unknown filter"),
        (
            "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}",
            "error: mjml line 1: does too much work",
        ),
    ] {
        let found = of(inner);
        assert!(found.iter().any(|problem| problem.starts_with(expected)), "{inner}: {found:#?}");
    }
}

#[test]
fn a_value_that_would_choose_where_a_link_leads_is_a_fault_in_every_branch() {
    for href in [
        "{{ traits.title }}",
        "{{ traits.title | default('https://www.example.com/') }}",
        "{{ event.page_url | default('https://www.example.com/') }}",
        "{{ contact.company | default('https://www.example.com/') }}",
        "https://{{ traits.shop | default('www') }}.example.com/",
        "https://{{ traits.shop | default('example') }}/",
        "https://www.example.com{{ traits.rest | default('') }}",
    ] {
        for inner in [
            format!("\n<a href=\"{href}\">x</a>"),
            format!("\n{{% if contact.email == 'nobody' %}}<a href=\"{href}\">x</a>{{% endif %}}"),
            format!("\n<img alt=\"\" src=\"{href}\" />"),
        ] {
            let expected = format!(
                "error: mjml line 2: link \"{href}\" lets a value choose where it leads; write scheme and host"
            );
            assert!(of(&inner).iter().any(|problem| problem.starts_with(&expected)), "{inner}: {:#?}", of(&inner));
        }
    }
}

#[test]
fn marketing_without_a_way_out_or_an_address_is_refused() {
    let way_out = "<mj-text><a href=\"{{ links.unsubscribe }}\">x</a></mj-text>";
    let address = "<mj-text>{{ sender.postal_address }}</mj-text>";
    let some = |inner: &str| {
        format!(
            "<mj-text>{{% if contact.company %}}{}{{% endif %}}</mj-text>",
            inner.replace("<mj-text>", "").replace("</mj-text>", "")
        )
    };
    for (inner, needs) in [
        (address.to_owned(), "a visible link to {{ links.unsubscribe }}"),
        (way_out.to_owned(), "{{ sender.postal_address }} in visible text"),
        (
            format!(
                "{address}<mj-text>{{% if false %}}<a href=\"{{{{ links.unsubscribe }}}}\">x</a>{{% endif %}}</mj-text>"
            ),
            "a visible link to {{ links.unsubscribe }}",
        ),
        (format!("{address}{}", some(way_out)), "a visible link to {{ links.unsubscribe }}"),
        (format!("{way_out}{}", some(address)), "{{ sender.postal_address }} in visible text"),
    ] {
        let found = problems(&source(column(&inner)), &marketing());
        assert_eq!(found.len(), 1, "{inner}: {found:#?}");
        assert!(
            found[0].starts_with("error: mjml: a marketing mail needs") && found[0].contains(needs),
            "{inner}: {found:#?}"
        );
        assert!(problems(&source(column(&inner)), &Known { kind: MailKind::Transactional, ..marketing() }).is_empty());
    }
    let own = TemplateSource { text: Some("Hello".to_owned()), ..source(column(FOOTER)) };
    let found = template(&own).check(&marketing());
    assert_eq!(found.iter().map(|problem| problem.part).collect::<Vec<_>>(), [Part::Text], "{found:?}");
}

#[test]
fn free_names_may_be_known() {
    let names = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<String>>());
    let known = Known { traits: names(&["plan", "seats"]), event: names(&["webinar"]), ..marketing() };
    let with = |subject: &str| TemplateSource { subject: subject.to_owned(), ..source(column(FOOTER)) };
    assert!(problems(&with("{{ traits.plan | default('') }} {{ event.webinar | default('') }}x"), &known).is_empty());
    let found = problems(&with("x{{ traits.plans | default('') }}"), &known);
    assert_eq!(
        found,
        [
            "error: subject line 1: traits.plans is not known here; did you mean traits.plan? known: traits.plan, traits.seats"
        ]
    );
    let found = problems(&with("x{{ event.webiner | default('') }}"), &known);
    assert_eq!(
        found,
        ["error: subject line 1: event.webiner is not known here; did you mean event.webinar? known: event.webinar"]
    );
}

#[test]
fn what_works_and_should_not_be_is_a_warning() {
    let long = format!("<p>{}</p>", "word ".repeat(25_000));
    assert!(
        of(&long)
            .iter()
            .any(|problem| problem.starts_with("warning: mjml: the HTML has ") && problem.contains("Gmail clips"))
    );
    let icon = "</mj-text><mj-social><mj-social-element name=\"github\" href=\"https://a.example/\">x</mj-social-element></mj-social><mj-text>";
    assert!(of(icon).iter().any(|problem| problem.contains("loads its icon from www.mailjet.com")), "{:?}", of(icon));
    let untracked =
        "</mj-text><mj-button data-leadflow-track=\"no\" href=\"https://a.example/\">x</mj-button><mj-text>";
    assert!(of(untracked)[0].starts_with("error: mjml line 1: data-leadflow-track has no effect on <mj-button>"));
    let twice = column(FOOTER).replace("<mj-body>", "<mj-head><mj-preview>x</mj-preview></mj-head><mj-body>");
    let found = problems(&TemplateSource { preheader: Some("x".to_owned()), ..source(twice) }, &marketing());
    assert_eq!(found, ["error: mjml line 1: has <mj-preview> beside a preheader; keep one of them"]);
}
