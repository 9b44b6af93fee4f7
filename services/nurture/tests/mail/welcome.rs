//! The templates that ship with the tests: one as a marketer would write it, and one with every element that MJML has.

use leadflow_nurture::mail::{MailKind, TemplateSource};

use crate::support::{context, context_with, links_of_html, marketing, shape, source, template, welcome};

fn every_element() -> TemplateSource {
    source(include_str!("templates/every_element.mjml"))
}

#[test]
fn the_templates_have_no_problem() {
    for source in [welcome(), every_element()] {
        let problems: Vec<String> = template(&source).check(&marketing()).iter().map(ToString::to_string).collect();
        assert!(problems.is_empty(), "{problems:#?}");
    }
}

#[test]
fn a_mail_reads_well_as_plain_text() {
    let mail = template(&welcome()).render(&context(), MailKind::Marketing).unwrap();
    assert_eq!(mail.subject, "Welcome, Jane");
    assert_eq!(mail.preheader.as_deref(), Some("Three steps, ten minutes"));
    let expected = "\
Example

# Good to have you here, Jane!

Thank you for looking at Example Cloud. We have put together what teams like
yours at Example Ltd ask first. Here is how most people begin:

1. Read the [guide][1]: ten minutes.
2. Try it with your own data.
3. Ask us anything\u{a0}– just answer this mail.

[Start now][2]

Your contact is Alex Example ([write to Alex Example][3]).

The Example team

Example Ltd
1 Main Street
12345 Exampletown

[Choose topics][4] · [Unsubscribe][5]

[1]: https://www.example.com/guide?utm_source=mail&utm_campaign=warm-up
[2]: https://www.example.com/start?from=Example%20Ltd
[3]: mailto:alex@example.com?subject=Question%20from%20Example%20Ltd
[4]: https://mail.example.com/p/one
[5]: https://mail.example.com/u/one
";

    assert_eq!(mail.text, expected, "{}", mail.text);
}

#[test]
fn every_element_is_written_the_same_way_again_and_holds_values() {
    let template = template(&every_element());
    let mail = template.render(&context(), MailKind::Marketing).unwrap();
    for _ in 0..5 {
        assert_eq!(template.render(&context(), MailKind::Marketing).unwrap(), mail);
    }
    let missing: Vec<&String> = mail.links.iter().filter(|link| !mail.text.contains(link.as_str())).collect();
    assert!(missing.is_empty(), "{missing:?}\n{}", mail.text);
    assert!(!mail.text.contains(": #"), "{}", mail.text);
    let outlook = "https://www.example.com/outlook";
    assert!(mail.links.iter().any(|link| link == outlook) && mail.links.len() >= 10, "{:?}", mail.links);
    assert!(links_of_html(&mail.html).iter().all(|link| link.starts_with('#') || mail.links.contains(link)));
    let nasty =
        template.render(&context_with("contact.name", "</div>\" x=\"--><script>"), MailKind::Marketing).unwrap();
    let tags = |html: &str| shape(html).into_iter().filter(|tag| !tag.starts_with("<!--")).collect::<Vec<_>>();
    assert_eq!(tags(&nasty.html), tags(&mail.html));
}
