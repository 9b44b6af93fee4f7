//! No value escapes its place: not in HTML text, not in an attribute, not in an address, not in a header, not in the text
//! part. Whatever a person writes into a form, the mail has the tags that the template has.

use leadflow_nurture::mail::{LinkFault, MailKind, RenderError, TemplateSource};
use proptest::prelude::*;

use crate::support::{
    attributes, column, context, context_with, links_of_html, links_of_text, render, shape, source, template, text,
    text_of,
};

/// A template with a value in every place where one may stand.
fn everywhere() -> TemplateSource {
    TemplateSource {
        subject: "Dear {{ traits.x }}, hello".to_owned(),
        preheader: Some("For {{ traits.x }}".to_owned()),
        mjml: format!(
            "<mjml lang=\"{{{{ traits.x }}}}\"><mj-head><mj-title>{{{{ traits.x }}}}</mj-title></mj-head>{}",
            column(concat!(
                "<mj-text><p title=\"{{ traits.x }}\">Dear {{ traits.x }}, hello</p>",
                "<a href=\"https://a.example/{{ traits.x }}/b?q={{ traits.x }}#{{ traits.x }}\">{{ traits.x }}</a>",
                "<a href='mailto:{{ traits.x }}?subject={{ traits.x }}'>b</a></mj-text>",
                "<mj-image src=\"https://a.example/{{ traits.x }}.png\" alt=\"{{ traits.x }}\" />",
                "<mj-button href=\"https://c.example/?q={{ traits.x }}\">Go, {{ traits.x }}</mj-button>",
                "<mj-raw><!--[if mso]><b title=\"{{ traits.x }}\">{{ traits.x }}</b><![endif]--></mj-raw>",
                "<mj-table><tr><td>{{ traits.x }}</td></tr></mj-table>",
            ))
            .trim_start_matches("<mjml>")
        ),
        text: None,
    }
}

const NASTY: [&str; 26] = [
    "<script>alert(1)</script>",
    "\" onmouseover=\"alert(1)",
    "' onmouseover='alert(1)",
    "\"><img src=x onerror=alert(1)>",
    "</a></td></table></body>",
    "</title><script>",
    "--><script>",
    "--!><script>",
    "<![endif]--><script>",
    "]]><script>",
    "<![CDATA[<script>]]>",
    "<mj-raw><script></mj-raw>",
    "{{ 7 * 7 }}{% for a in range(9) %}x{% endfor %}{# x #}",
    "lfv0z lfv1z lfv99999999999999999999z lfv",
    "&lt;script&gt;&quot;&#60;script&#62;",
    "\\\" \\u{41} \\",
    "a\0b\u{1}\u{7f}",
    "\u{202e}evil\u{202c}",
    "\r\nBcc: everybody@evil.example\r\n\r\nbody",
    "=?utf-8?q?=0D=0ABcc:_x?=",
    "\u{2028}\u{2029}\u{85}",
    "?a=b&c=d#e",
    "x/./y",
    "javascript:alert(1)",
    "❤️👩‍💻 e\u{301} \u{fdd0}",
    "𝕳𝖎\u{10ffff}",
];

#[test]
fn nasty_values_stay_in_their_place() {
    let template = template(&everywhere());
    let plain = template.render(&context_with("traits.x", "x"), MailKind::Transactional).unwrap();
    for value in NASTY {
        let mail = template.render(&context_with("traits.x", value), MailKind::Transactional);
        let mail = mail.unwrap_or_else(|error| panic!("{value:?}: {error}"));
        assert_eq!(shape(&mail.html).len(), shape(&plain.html).len(), "{value:?}\n{}", mail.html);
        let without_comments =
            |html: &str| shape(html).into_iter().filter(|tag| !tag.starts_with("<!--")).collect::<Vec<_>>();
        assert_eq!(without_comments(&mail.html), without_comments(&plain.html), "{value:?}");
        assert!(!mail.subject.contains(['\r', '\n', '\0']), "{value:?}");
        assert_eq!(links_of_html(&mail.html).len(), links_of_html(&plain.html).len(), "{value:?}");
        for (_, url) in attributes(&mail.html, "href") {
            assert!(
                ["https://a.example/", "https://c.example/?q=", "mailto:"].iter().any(|start| url.starts_with(start)),
                "{url}"
            );
        }
    }
}

#[test]
fn a_value_is_read_as_it_was_written() {
    let mjml = text("<b title=\"[{{ traits.x }}]\">[{{ traits.x }}]</b>");
    for value in ["<b> & \"quotes\" 'n' more", "Grüße\tan\nalle", "{{ x }} lfv0z", "\\n \\\" ❤️ e\u{301}", "&amp;"]
    {
        let mail = render(mjml.clone(), &context_with("traits.x", value)).unwrap();
        assert!(text_of(&mail.html).contains(&format!("[{value}]")), "{value:?}: {}", text_of(&mail.html));
        let title = attributes(&mail.html, "title").pop().unwrap().1;
        assert_eq!(title, format!("[{value}]"));
    }
}

#[test]
fn a_value_may_not_stand_where_it_would_be_markup() {
    for (mjml, spot) in [
        (text("<p style=\"color: {{ traits.plan }}\">x</p>"), "the attribute style of <p>"),
        (text("<p onclick=\"{{ traits.plan }}\">x</p>"), "the attribute onclick of <p>"),
        (text("<p {{ traits.plan }}=\"x\">x</p>"), "the name of an attribute"),
        (text("<{{ traits.plan }}>x</p>"), "the name of a tag"),
        (column("<mj-raw><style>{{ traits.plan }}</style></mj-raw>"), "<style>"),
        (column("<mj-raw><script>{{ traits.plan }}</script></mj-raw>"), "<script>"),
        (column("<mj-raw><!--[if mso]><style>{{ traits.plan }}</style><![endif]--></mj-raw>"), "<style>"),
        (column("<mj-text color=\"{{ traits.plan }}\">x</mj-text>"), "the attribute style of <div>"),
        (column("<mj-text css-class=\"{{ traits.plan }}\">x</mj-text>"), "the attribute class of <td>"),
        (text("<img srcset=\"{{ traits.plan }} 2x\" src=\"https://a.example/\">"), "the attribute srcset of <img>"),
        (
            text("x").replace(
                "<mj-body>",
                "<mj-head><mj-style>.a { color: {{ traits.plan }} }</mj-style></mj-head><mj-body>",
            ),
            "<style>",
        ),
    ] {
        match render(mjml.clone(), &context()) {
            Err(RenderError::Spot { at, expression, spot: found }) => {
                assert_eq!((expression.as_str(), found.as_str(), at.line), ("traits.plan", spot, Some(1)), "{mjml}");
            }
            other => panic!("{mjml}: {other:?}"),
        }
    }
}

#[test]
fn a_value_may_not_choose_where_a_link_leads() {
    for (href, value, fault) in [
        ("{{ traits.x }}", "https://evil.example/login", LinkFault::Host),
        ("{{ traits.x }}", "https://mail.example.com/u/two", LinkFault::Host),
        ("{{ traits.x }}/site", "https://evil.example", LinkFault::Host),
        ("{{ traits.x | default('https://a.example/') }}", "https://evil.example/", LinkFault::Host),
        ("{{ traits.x }}", "javascript:alert(1)", LinkFault::Host),
        ("{{ traits.x }}", "DATA:text/html,<script>", LinkFault::Host),
        ("{{ traits.x }}", "&#106;avascript:alert(1)", LinkFault::Host),
        ("{{ traits.x }}", "java\nscript:alert(1)", LinkFault::Host),
        ("{{ traits.x }}", "//evil.example", LinkFault::Host),
        ("{{ traits.x }}", "evil.example", LinkFault::Host),
        ("#{{ traits.x }}", "a", LinkFault::NoScheme),
        ("{{ traits.x }}:alert(1)", "javascript", LinkFault::Host),
        ("https://{{ traits.x }}", "evil.example/", LinkFault::Host),
        ("https://{{ traits.x }}.example/", "evil", LinkFault::Host),
        ("https://a.example{{ traits.x }}", ".evil.example/", LinkFault::Host),
        ("https://{{ traits.x }}.a.example/", "evil.example/", LinkFault::Host),
        ("https://a.example/{{ traits.x }}/b", "..", LinkFault::Path),
    ] {
        for mjml in [
            text(&format!("a\n<a href=\"{href}\">b</a>")),
            column(&format!("\n<mj-button href=\"{href}\">b</mj-button>")),
            column(&format!("\n<mj-raw><!--[if mso]><v:rect href=\"{href}\" /><![endif]--></mj-raw>")),
        ] {
            let error = render(mjml, &context_with("traits.x", value)).unwrap_err();
            let RenderError::Link { at, link, fault: found } = &error else { panic!("{error}") };
            assert_eq!((found, link.as_str(), at.line), (&fault, href, Some(2)), "{href} {value}");
            assert!(!error.to_string().contains("evil"), "a value in a message: {error}");
        }
    }
}

#[test]
fn a_link_as_it_is_written_is_judged_too() {
    for href in
        ["#", "#a b", "", "/path", "www.a.example", "javascript:void(0)", "https://a b.example", "https://u@a.example"]
    {
        let error = render(text(&format!("<a href=\"{href}\">b</a>")), &context()).unwrap_err();
        assert!(matches!(&error, RenderError::Link { link, .. } if link == href), "{error}");
    }
    let error = render(text("<img src=\"data:image/png;base64,AA\">"), &context()).unwrap_err();
    assert!(matches!(error, RenderError::Link { fault: LinkFault::Scheme(_), .. }), "{error}");
}

#[test]
fn an_address_in_a_value_is_no_link() {
    let mjml = text("Dear {{ traits.x }}, <a href=\"https://a.example/\">hello</a>");
    let context = context_with("traits.x", "you won https://evil.example/x now");
    let mut own = source(mjml);
    for text in [None, Some("Dear {{ traits.x }}, hello: https://a.example/")] {
        own.text = text.map(str::to_owned);
        own.subject = "Dear {{ traits.x }}".to_owned();
        let mail = template(&own).render(&context, MailKind::Transactional).unwrap();
        for part in [&mail.html, &mail.text, &mail.subject] {
            assert!(!part.contains("//evil") && part.contains("you won evil.example/x now"), "{part}");
        }
        assert_eq!(links_of_text(&mail.text), ["https://a.example/"]);
    }
}

#[test]
fn an_address_that_the_template_writes_may_have_another_name() {
    let mjml = text("{% set shop = 'https://b.example' %}<a href=\"{{ shop }}/?a=1&amp;b={{ traits.x }}\">b</a>");
    let mail = render(mjml, &context_with("traits.x", "https://evil.example")).unwrap();
    assert_eq!(mail.links, ["https://b.example/?a=1&b=https%3A%2F%2Fevil.example"]);
    assert_eq!(links_of_html(&mail.html), mail.links);
    assert_eq!(links_of_text(&mail.text), mail.links);
}

#[test]
fn another_name_makes_no_value_an_address() {
    for mjml in [
        "{% set site = traits.x %}<a href=\"{{ site }}\">b</a>",
        "{% with links = {'unsubscribe': traits.x} %}<a href=\"{{ links.unsubscribe }}\">b</a>{% endwith %}",
        "{% for one in [traits.x] %}<a href=\"{{ one }}\">b</a>{% endfor %}",
        "<a href=\"{{ 'https://' ~ traits.x }}\">b</a>",
        "<img src=\"{{ traits.x }}\">",
    ] {
        for value in ["https://evil.example/", "evil.example"] {
            let error = render(text(mjml), &context_with("traits.x", value)).unwrap_err();
            assert!(matches!(error, RenderError::Link { fault: LinkFault::Host, .. }), "{mjml}: {error}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_text_changes_the_shape_of_a_mail(value in "(?s).{0,40}|[<>\"'&=/!\\-\\[\\]{}%# a-z:.\\\\]{0,40}") {
        let template = template(&everywhere());
        let plain = template.render(&context_with("traits.x", "x"), MailKind::Transactional).unwrap();
        match template.render(&context_with("traits.x", value.as_str()), MailKind::Transactional) {
            Ok(mail) => {
                let tags = |html: &str| shape(html).into_iter().filter(|tag| !tag.starts_with("<!--")).collect::<Vec<_>>();
                prop_assert_eq!(tags(&mail.html), tags(&plain.html));
                prop_assert_eq!(shape(&mail.html).len(), shape(&plain.html).len());
                prop_assert!(!mail.subject.chars().any(char::is_control));
                prop_assert_eq!(links_of_text(&mail.text), links_of_html(&mail.html));
                prop_assert!(!mail.html.contains("lfv") || value.contains("lfv"));
            }
            // A folder named `..`, a value that is nothing: refused, not sent.
            Err(RenderError::Link { fault: LinkFault::Path, .. }) => {}
            Err(other) => prop_assert!(false, "{}", other),
        }
    }
}
