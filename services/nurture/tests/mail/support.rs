//! Templates, people, and what is read out of HTML and text by means that are not the mails' own.

use html5gum::{Token, Tokenizer};
use leadflow_nurture::mail::{Known, MailKind, RenderError, Rendered, Template, TemplateSource};
use serde_json::{Value, json};

/// A person who has everything.
pub(crate) fn context() -> Value {
    json!({
        "contact": {
            "email": "jane.doe@example.com", "given_name": "Jane", "family_name": "Doe", "name": "Jane Doe",
            "company": "Example Ltd", "locale": "en-GB", "country": "GB",
        },
        "traits": {"plan": "trial"},
        "lead": {"stage": "open", "grade": "B2", "product_line": "Example Cloud"},
        "owner": {"name": "Alex Example", "email": "alex@example.com"},
        "sender": {
            "name": "Example", "email": "hello@example.com",
            "postal_address": "Example Ltd\n1 Main Street\n12345 Exampletown",
        },
        "links": {
            "unsubscribe": "https://mail.example.com/u/one", "preferences": "https://mail.example.com/p/one",
            "confirm": "https://mail.example.com/d/one",
        },
        "event": {},
        "journey": {"name": "warm-up"},
    })
}

/// The same person with another value, `traits.x`.
pub(crate) fn context_with(name: &str, value: impl Into<Value>) -> Value {
    let mut context = context();
    let (group, name) = name.split_once('.').expect("a name has a dot");
    context[group][name] = value.into();
    context
}

/// A body of one column.
pub(crate) fn column(inner: &str) -> String {
    format!("<mjml><mj-body><mj-section><mj-column>{inner}</mj-column></mj-section></mj-body></mjml>")
}

/// A body of one text.
pub(crate) fn text(inner: &str) -> String {
    column(&format!("<mj-text>{inner}</mj-text>"))
}

/// What every marketing mail ends with.
pub(crate) const FOOTER: &str =
    "<mj-text>{{ sender.postal_address }} <a href=\"{{ links.unsubscribe }}\">Unsubscribe</a></mj-text>";

/// A template of one body.
pub(crate) fn source(mjml: impl Into<String>) -> TemplateSource {
    TemplateSource { subject: "Hello".to_owned(), preheader: None, mjml: mjml.into(), text: None }
}

/// Reads a template that can be read.
pub(crate) fn template(source: &TemplateSource) -> Template {
    Template::compile("hello", source).expect("a template")
}

/// A transactional mail.
pub(crate) fn render(mjml: impl Into<String>, context: &Value) -> Result<Rendered, RenderError> {
    template(&source(mjml)).render(context, MailKind::Transactional)
}

/// The sample template.
pub(crate) fn welcome() -> TemplateSource {
    TemplateSource {
        subject: "Welcome, {{ contact.given_name | default('and thank you') }}".to_owned(),
        preheader: Some("Three steps, ten minutes".to_owned()),
        mjml: include_str!("templates/welcome.mjml").to_owned(),
        text: None,
    }
}

/// Marketing, whatever traits and properties.
pub(crate) fn marketing() -> Known {
    Known { kind: MailKind::Marketing, traits: None, event: None }
}

/// Names of all tags and of their attributes, in order of the tags: the shape that no value may change.
pub(crate) fn shape(html: &str) -> Vec<String> {
    let mut shape = Vec::new();
    for Ok(token) in Tokenizer::new(html) {
        match token {
            Token::StartTag(tag) => {
                let names = tag.attributes.keys().map(|name| String::from_utf8_lossy(name));
                shape.push(format!("<{} {}>", String::from_utf8_lossy(&tag.name), names.collect::<Vec<_>>().join(" ")));
            }
            Token::EndTag(tag) => shape.push(format!("</{}>", String::from_utf8_lossy(&tag.name))),
            Token::Comment(comment) => shape.push(format!("<!--{}-->", String::from_utf8_lossy(&comment))),
            _ => {}
        }
    }
    shape
}

/// Values of an attribute, decoded, in order, with the tag's name.
pub(crate) fn attributes(html: &str, name: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for Ok(token) in Tokenizer::new(html) {
        if let Token::StartTag(tag) = token
            && let Some(value) = tag.attributes.get(name.as_bytes())
        {
            found.push((String::from_utf8_lossy(&tag.name).into_owned(), String::from_utf8_lossy(value).into_owned()));
        }
    }
    found
}

/// Text of the HTML, decoded.
pub(crate) fn text_of(html: &str) -> String {
    let body = &html[html.find("<body").expect("a body")..];
    let mut text = String::new();
    for Ok(token) in Tokenizer::new(body) {
        if let Token::String(part) = token {
            text.push_str(&String::from_utf8_lossy(&part));
        }
    }
    text
}

/// Addresses of the `<a>` tags, each once, sorted.
pub(crate) fn links_of_html(html: &str) -> Vec<String> {
    let links = attributes(html, "href").into_iter().filter(|(tag, _)| tag == "a").map(|(_, url)| url);
    sorted(links.collect())
}

/// Addresses that stand as words of a text or in its list at the end, each once, sorted.
pub(crate) fn links_of_text(text: &str) -> Vec<String> {
    let schemes = ["https://", "http://", "mailto:", "tel:"];
    let words = text.split(|c: char| c.is_whitespace() || matches!(c, '<' | '>' | '"' | '(' | ')'));
    sorted(words.filter(|word| schemes.iter().any(|scheme| word.starts_with(scheme))).map(str::to_owned).collect())
}

fn sorted(mut links: Vec<String>) -> Vec<String> {
    links.sort();
    links.dedup();
    links
}
