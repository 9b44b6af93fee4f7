//! Both parts carry the same links, and what is made for one person is made the same way again.

use leadflow_nurture::mail::{MailKind, RenderError, TemplateSource};

use crate::support::{column, context, context_with, links_of_html, links_of_text, source, template, text, welcome};

fn own(mjml: &str, text: &str) -> TemplateSource {
    TemplateSource { text: Some(text.to_owned()), ..source(mjml) }
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let first = template(&welcome()).render(&context(), MailKind::Marketing).unwrap();
    for _ in 0..3 {
        assert_eq!(template(&welcome()).render(&context(), MailKind::Marketing).unwrap(), first);
    }
}

#[test]
fn a_text_made_of_the_html_carries_its_links() {
    let long = format!("https://a.example/{}?x=(1)&y=[2]", "long/".repeat(40));
    let mjml = column(&format!(
        "<mj-text><a href=\"{long}\">a</a> <a href='https://b.example/'>https://b.example/</a> <a href='https://b.example/'>again</a>\
         <a href='mailto:x@c.example'>c</a> <a href='tel:+4930123'>d</a> <a href='https://e.example/p_(x).'>e</a></mj-text>\
         <mj-image src='https://f.example/i.png' href='https://f.example/' alt='f' />\
         <mj-text>See https://elsewhere.example/ or <a href='https://g.example/'><img src='https://g.example/i.png'></a></mj-text>",
    ));
    let mail = template(&source(mjml)).render(&context(), MailKind::Transactional).unwrap();
    assert_eq!(links_of_html(&mail.html).len(), 7);
    let missing: Vec<&String> = mail.links.iter().filter(|link| !mail.text.contains(link.as_str())).collect();
    assert!(missing.is_empty(), "{missing:?}\n{}", mail.text);
    assert!(mail.text.contains("See elsewhere.example/"), "{}", mail.text);
    let schemes = mail.text.matches("://").count();
    assert!(schemes >= 5 && !mail.text.contains("//elsewhere"), "{}", mail.text);
    assert!(mail.text.lines().all(|line| line.contains("://") || line.chars().count() <= 76), "{}", mail.text);
}

#[test]
fn a_text_of_its_own_gets_the_links_that_it_lacks() {
    let mjml =
        text("<a href=\"https://a.example/?n={{ contact.name }}\">a</a> <a href=\"{{ links.preferences }}\">b</a>");
    let mail = template(&own(&mjml, "Hi {{ contact.name }}: (https://a.example/?n={{ contact.name }}).\n\n\n\nBye"));
    let mail = mail.render(&context_with("contact.name", "J & D"), MailKind::Transactional).unwrap();
    assert_eq!(mail.text, "Hi J & D: (https://a.example/?n=J%20%26%20D).\n\nBye\n\nhttps://mail.example.com/p/one\n");
    assert_eq!(links_of_html(&mail.html), links_of_text(&mail.text.replace(").", " ")));
}

#[test]
fn a_link_that_only_the_text_has_is_refused() {
    for (line, link) in [
        ("a\nhttps://b.example/", "https://b.example/"),
        ("a\nHTTPS://a.example/x", "HTTPS://a.example/x"),
        ("a\n<https://b.example/{{ contact.name }}>", "https://b.example/{{ contact.name }}"),
    ] {
        let error = template(&own(&text("<a href=\"https://a.example/\">a</a>"), line));
        let error = error.render(&context(), MailKind::Transactional).unwrap_err();
        assert!(
            matches!(&error, RenderError::LinkOnlyInText { link: found, at } if found == link && at.line == Some(2)),
            "{error}"
        );
    }
    let mail = template(&own(&text("x"), "Tel: 030 1234, mailto:x, tel:1"))
        .render(&context(), MailKind::Transactional)
        .unwrap();
    assert_eq!(mail.text, "Tel: 030 1234, mailto:x, tel:1\n");
}

#[test]
fn a_preheader_is_hidden_in_the_html_and_absent_from_the_text() {
    let source = TemplateSource { preheader: Some("For <{{ contact.name }}>\n".to_owned()), ..source(text("Body")) };
    let mail = template(&source).render(&context_with("contact.name", "J & D"), MailKind::Transactional).unwrap();
    assert_eq!(mail.preheader.as_deref(), Some("For <J & D>"));
    assert!(mail.html.contains(">For &lt;J &amp; D&gt;</div>"), "{}", mail.html);
    assert_eq!(mail.text, "Body\n");
}
