//! MJML and the template language: quirks that marketers meet, and messages that tell them what to do.

use leadflow_nurture::mail::{
    LARGEST_SOURCE, MOST_LINKS, MailKind, RenderError, Template, TemplateError, TemplateSource,
};
use proptest::prelude::*;

use crate::support::{
    attributes, column, context, context_with, links_of_html, marketing, render, source, template, text, text_of,
};

#[test]
fn quirks_of_mjml_change_nothing() {
    let mail = render(
        text(concat!(
            "Grüße&nbsp;&euro; &lt;b&gt; a&b <!-- gone {{ contact.name }} -->",
            "<a href=\"https://a.example/?a=1&b=2&amp;copy=3\" title='say \"hi\" \\ ❤️'>x</a><br>",
            "<img src='https://a.example/i.png' alt=\"it's\">",
        )),
        &context(),
    )
    .unwrap();
    assert_eq!(mail.links, ["https://a.example/?a=1&b=2&copy=3"]);
    assert_eq!(links_of_html(&mail.html), mail.links);
    assert_eq!(attributes(&mail.html, "title"), [("a".to_owned(), "say \"hi\" \\ ❤️".to_owned())]);
    assert_eq!(attributes(&mail.html, "alt"), [("img".to_owned(), "it's".to_owned())]);
    assert!(text_of(&mail.html).contains("Grüße\u{a0}€ <b> a&b x"), "{}", text_of(&mail.html));
    assert!(!mail.html.contains("gone") && !mail.html.contains("googleapis"), "{}", mail.html);
    assert!(mail.text.contains("Grüße") && mail.text.contains('€'), "{}", mail.text);
}

#[test]
fn a_greater_than_sign_behind_an_umlaut_is_text() {
    let style = "<mj-head><mj-style>.ä > b { color: red }</mj-style></mj-head><mj-body>";
    let mail = render(text("Menü > Größe> 日本> a>b").replace("<mj-body>", style), &context()).unwrap();
    assert!(text_of(&mail.html).contains("Menü > Größe> 日本> a>b"), "{}", text_of(&mail.html));
    assert!(mail.html.contains(".ä   > b {"), "{}", mail.html);
}

#[test]
fn what_outlook_alone_reads_is_kept_and_its_links_count() {
    let mail = render(
        column("<mj-raw><!--[if mso]><v:roundrect href=\"https://a.example/?x={{ contact.name }}\"><b>{{ contact.name }}</b></v:roundrect><![endif]--></mj-raw>"),
        &context_with("contact.name", "J & <D>"),
    )
    .unwrap();
    assert!(mail.html.contains("href=\"https://a.example/?x=J%20%26%20%3CD%3E\""), "{}", mail.html);
    assert!(mail.html.contains("<b>J &amp; &lt;D&gt;</b>"));
    assert_eq!(mail.links, ["https://a.example/?x=J%20%26%20%3CD%3E"]);
    assert!(mail.text.contains("https://a.example/?x=J%20%26%20%3CD%3E"), "{}", mail.text);
}

#[test]
fn a_fault_names_the_line_and_the_remedy() {
    let deep = format!("{}x{}", "<div>".repeat(200), "</div>".repeat(200));
    for (mjml, line, part_of_message) in [
        (text("a\n<![CDATA[b {{ contact.name }}]]>"), Some(2), "leave <![CDATA[ and ]]> out"),
        (text("a\n{{ contact.name }}\n<b"), Some(3), "is not well-formed"),
        (text("a < b"), Some(1), "write &lt; for <"),
        (column("\n<mj-buton>x</mj-buton>"), Some(2), "<mj-buton> is no MJML element; did you mean mj-button?"),
        (column("\n\n<mj-include path=\"x\" />"), Some(3), "<mj-include> is not for mails"),
        ("<mjml>\n<mj-body>\n<mj-section>".to_owned(), Some(3), "ends too early"),
        (
            "<mjml><mj-head>\n<mj-text>x</mj-text></mj-head><mj-body></mj-body></mjml>".to_owned(),
            Some(2),
            "<mj-text> may not stand here",
        ),
        ("<!doctype html>\n<mjml><mj-body></mj-body></mjml>".to_owned(), Some(1), "the body starts with <mjml>"),
        ("Hello".to_owned(), Some(1), "is not well-formed"),
        (text(&deep), None, "more than 100 deep"),
    ] {
        let error = render(mjml.clone(), &context()).unwrap_err();
        assert!(matches!(error, RenderError::Mjml { .. }), "{mjml}: {error}");
        assert_eq!(error.at().line, line, "{mjml}: {error}");
        assert!(error.to_string().starts_with("template hello, mjml"), "{error}");
        assert!(error.to_string().contains(part_of_message), "{mjml}: {error}");
    }
}

#[test]
fn an_unknown_name_is_told_with_the_nearest() {
    for (inner, line, message) in [
        (
            "a\n{{ contact.first_name }}",
            2,
            "template hello, mjml line 2: contact.first_name is not known here; did you mean contact.given_name? known: company, ",
        ),
        ("{{ person.name }}", 1, "person is not known here; known: contact, event, "),
        (
            "\n\n{{ traits.x | upper }}",
            3,
            "traits.x is not known here; not everybody has it: give a fallback, {{ traits.x | default('...') }}",
        ),
        (
            "{{ contact.company }}",
            1,
            "contact.company has no value for this person; give a fallback: {{ contact.company | default('...') }}",
        ),
        ("{{ owner.name }}", 1, "owner.name has no value for this person"),
        ("{{ contact.name | shout }}", 1, "unknown filter"),
        ("{{ contact.name.given }}", 1, "contact.name.given is not known here"),
        ("{% if traits.x %}a{% endif %}", 1, "traits.x is not known here"),
        ("{% for x in traits.x %}a{% endfor %}", 1, "traits.x is not known here"),
        ("{{ traits.x ~ traits.plan }}", 1, "traits.x is not known here"),
    ] {
        let mut context = context_with("contact.company", serde_json::Value::Null);
        context["owner"] = serde_json::Value::Null;
        let error = render(text(inner), &context).unwrap_err();
        assert_eq!(error.at().line, Some(line), "{error}");
        let message = message.replace("known: company, ", "known: contact.");
        assert!(error.to_string().contains(&message), "{error}");
    }
}

#[test]
fn a_fallback_holds_for_what_is_missing_and_for_what_is_blank() {
    for value in [serde_json::Value::Null, "  ".into(), "".into()] {
        let mail = render(
            text("[{{ contact.name | default('you') }}][{{ traits.x | default('y') }}]"),
            &context_with("contact.name", value),
        );
        assert!(mail.unwrap().html.contains("[you][y]"));
    }
    let mail = render(
        text("{% if owner %}yes{% else %}no{% endif %}{% if traits.x is defined %}1{% else %}2{% endif %}"),
        &context(),
    );
    assert!(mail.unwrap().html.contains("yes2"));
}

#[test]
fn work_is_bounded() {
    for bomb in [
        "{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}",
        "{% set x = 'x' * 100000000 %}{{ x }}",
        "{% for a in range(9999) %}{{ sender.postal_address * 999 }}{% endfor %}",
    ] {
        let error = render(text(bomb), &context()).unwrap_err();
        assert!(matches!(error, RenderError::OutOfFuel { .. }), "{error}");
    }
    let links: String = (0..300).map(|number| format!("<a href=\"https://a.example/{number}\">x</a> ")).collect();
    let error = render(text(&links), &context()).unwrap_err();
    assert!(matches!(error, RenderError::TooManyLinks { count: 300, most: MOST_LINKS, .. }), "{error}");
    let same: String = (0..300).map(|_| "<a href=\"https://a.example/\">x</a> ").collect();
    assert_eq!(render(text(&same), &context()).unwrap().links.len(), 1);
    let error = render(text("{{ traits.x }}"), &context_with("traits.x", "x".repeat(2_000_000))).unwrap_err();
    assert!(matches!(error, RenderError::Length { .. } | RenderError::OutOfFuel { .. }), "{error}");
}

#[test]
fn a_subject_has_one_line_of_some_length() {
    let subject = |subject: &str, value: &str| {
        let source = TemplateSource { subject: subject.to_owned(), ..source(text("x")) };
        template(&source).render(&context_with("traits.x", value), MailKind::Transactional).map(|mail| mail.subject)
    };
    assert_eq!(subject("  Dear\n {{ traits.x }} ", "a\r\n b").unwrap(), "Dear a b");
    assert!(matches!(subject("{{ traits.x }}", "\r\n"), Err(RenderError::Length { bytes: 0, .. })));
    assert!(matches!(subject("{{ traits.x }}", &"x".repeat(2_000)), Err(RenderError::Length { bytes: 2_000, .. })));
}

#[test]
fn what_cannot_be_read_is_refused_with_its_line() {
    let compile = |source: &TemplateSource| Template::compile("hello", source).unwrap_err();
    for (mjml, message) in [
        ("a\n{{ x", "template hello, mjml line 2: "),
        ("{% if x %}", "template hello, mjml line 1: "),
        ("\n{% macro x() %}{% endmacro %}", "template hello, mjml line 2: {% macro %} is not for mails"),
        ("{% include 'x' %}", "{% include %} is not for mails"),
        ("{% autoescape false %}{% endautoescape %}", "{% autoescape %} is not for mails"),
        ("{% set x %}{% endset %}", "{% set %} is not for mails; use if, for, with and {% set name = value %}"),
        (" ", "template hello, mjml: is empty"),
    ] {
        let error = compile(&source(mjml));
        assert!(error.to_string().contains(message), "{error}");
    }
    let error = compile(&source("x".repeat(LARGEST_SOURCE + 1)));
    assert!(matches!(error, TemplateError::TooLarge { most: LARGEST_SOURCE, .. }), "{error}");
    let error = compile(&TemplateSource { subject: "{{".to_owned(), ..source("x") });
    assert!(error.to_string().starts_with("template hello, subject line 1"), "{error}");
}

#[test]
fn the_file_has_these_keys_and_no_others() {
    let read = serde_json::from_value::<TemplateSource>;
    assert!(read(serde_json::json!({"subject": "a", "mjml": "b"})).is_ok());
    assert!(read(serde_json::json!({"subject": "a", "mjml": "b", "html": "c"})).is_err());
    assert!(read(serde_json::json!({"subject": "a"})).is_err());
    let schema = serde_json::to_value(schemars::schema_for!(TemplateSource)).unwrap();
    assert_eq!(schema["required"], serde_json::json!(["subject", "mjml"]));
    assert_eq!(schema["additionalProperties"], false);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever somebody writes, it is read or refused; what is written out carries the same links in both parts.
    #[test]
    fn no_source_breaks_the_reader(
        pieces in proptest::collection::vec(proptest::sample::select(PIECES.to_vec()), 0..14),
        noise in "(?s).{0,6}",
    ) {
        let inner = pieces.concat();
        for mjml in [text(&inner), column(&inner), text(&format!("{noise}{inner}")), inner.clone()] {
            let source = TemplateSource { text: Some(inner.clone()), ..source(mjml) };
            let Ok(template) = Template::compile("hello", &source) else { continue };
            let _ = template.check(&marketing());
            let without_text = Template::compile("hello", &TemplateSource { text: None, ..source }).expect("parts of it");
            if let Ok(mail) = without_text.render(&context(), MailKind::Transactional) {
                // Not what stands in a style, which the reader of this test takes for tags.
                let outside = |link: &String| !link.starts_with('#') && !inner.contains("<style>");
                let html: Vec<String> = links_of_html(&mail.html).into_iter().filter(outside).collect();
                let is_carried = |link: &String| mail.text.contains(link.as_str()) && mail.links.contains(link);
                prop_assert!(html.iter().all(is_carried), "{}", mail.text);
            }
        }
    }
}

const PIECES: [&str; 40] = [
    "<a href=\"https://a.example/?a=1&b\">",
    "</a>",
    "<a href='{{ contact.name }}'>",
    "<a href=https://b.example/>",
    "<b>",
    "</b>",
    "<br>",
    "<img src='https://a.example/i' alt=\"{{ contact.name }}\">",
    "<p title='\"' ",
    ">",
    "</p>",
    "<p =x>",
    "<p a\"=ü>",
    "<",
    "&nbsp;",
    "&",
    "\"",
    "'",
    "<!--",
    "-->",
    "<!--[if mso]>",
    "<![endif]-->",
    "<![CDATA[",
    "]]>",
    "{{ contact.name }}",
    "{{",
    "}}",
    "{% if true %}",
    "{% endif %}",
    "{#",
    "<style>",
    "</style>",
    "<div style='display:none'>",
    "</div>",
    "<mj-text>",
    "</mj-text>",
    "<table><tr><td>",
    "</td></tr></table>",
    "https://c.example/).",
    "\u{301}\u{200d}ü\0",
];
