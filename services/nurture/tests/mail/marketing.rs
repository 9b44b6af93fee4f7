//! A marketing mail has a way out and a postal address, whatever its template decides.

use leadflow_nurture::mail::{MailKind, Part, RenderError, Rendered, TemplateSource};

use crate::support::{FOOTER, column, context, context_with, source, template};

fn send(mjml: &str, text: Option<&str>) -> Result<Rendered, RenderError> {
    let source = TemplateSource { text: text.map(str::to_owned), ..source(mjml) };
    template(&source).render(&context(), MailKind::Marketing)
}

const ADDRESS: &str = "<mj-text>{{ sender.postal_address }}</mj-text>";
const WAY_OUT: &str = "<mj-text><a href=\"{{ links.unsubscribe }}\">Unsubscribe</a></mj-text>";

#[test]
fn a_way_out_and_an_address_are_enough() {
    assert!(send(&column(FOOTER), None).is_ok());
    let lines = "<mj-text>{% for line in sender.postal_address | lines %}{{ line }}<br>{% endfor %}</mj-text>";
    let mail = send(&column(&format!("{lines}{WAY_OUT}")), None).unwrap();
    assert!(mail.text.contains("1 Main Street\n") && mail.text.contains("https://mail.example.com/u/one"));
    let own = "{{ sender.postal_address }}\nNo more: {{ links.unsubscribe }}.";
    assert!(send(&column(FOOTER), Some(own)).unwrap().text.contains("No more: https://mail.example.com/u/one.\n"));
}

#[test]
fn without_a_way_out_nothing_is_sent() {
    let hidden = "<mj-text><p style=\"display:none\"><a href=\"{{ links.unsubscribe }}\">x</a></p></mj-text>";
    let outlook = "<mj-raw><!--[if mso]><a href=\"{{ links.unsubscribe }}\">x</a><![endif]--></mj-raw>";
    for way_out in [
        "",
        "<mj-text>{% if false %}<a href=\"{{ links.unsubscribe }}\">x</a>{% endif %}</mj-text>",
        "<mj-text>{% if contact.country == 'DE' %}<a href=\"{{ links.unsubscribe }}\">x</a>{% endif %}</mj-text>",
        "<mj-text>{{ links.unsubscribe }}</mj-text>",
        "<mj-text><!-- <a href=\"{{ links.unsubscribe }}\">x</a> --></mj-text>",
        "<mj-text><a href=\"{{ links.unsubscribe }}x\">x</a></mj-text>",
        "<mj-text><a href=\"{{ links.preferences }}\">x</a></mj-text>",
        hidden,
        outlook,
    ] {
        let error = send(&column(&format!("{ADDRESS}{way_out}")), None).unwrap_err();
        assert!(matches!(error, RenderError::MissingUnsubscribe { .. }), "{way_out}: {error}");
    }
    let style = "<mj-head><mj-style>.h { display: none }</mj-style></mj-head><mj-body>";
    for way_out in [
        "<mj-text css-class=\"h\"><a href=\"{{ links.unsubscribe }}\">x</a></mj-text>",
        "<mj-text><a class=\"h\" href=\"{{ links.unsubscribe }}\">x</a></mj-text>",
    ] {
        let mjml = column(&format!("{ADDRESS}{way_out}")).replace("<mj-body>", style);
        let error = send(&mjml, None).unwrap_err();
        assert!(matches!(error, RenderError::MissingUnsubscribe { .. }), "{way_out}: {error}");
    }
    let no_link = context_with("links.unsubscribe", serde_json::Value::Null);
    assert!(template(&source(column(FOOTER))).render(&no_link, MailKind::Marketing).is_err());
}

#[test]
fn without_an_address_nothing_is_sent() {
    for address in [
        "",
        "<mj-text>{% if false %}{{ sender.postal_address }}{% endif %}</mj-text>",
        "<mj-text><p style=\"display: none\">{{ sender.postal_address }}</p></mj-text>",
        "<mj-text><p title=\"{{ sender.postal_address }}\">x</p></mj-text>",
        "<mj-text>{{ (sender.postal_address | lines)[0] }}</mj-text>",
    ] {
        let error = send(&column(&format!("{address}{WAY_OUT}")), None).unwrap_err();
        assert!(matches!(error, RenderError::MissingPostalAddress { .. }), "{address}: {error}");
    }
    let preview = column(WAY_OUT)
        .replace("<mj-body>", "<mj-head><mj-preview>{{ sender.postal_address }}</mj-preview></mj-head><mj-body>");
    assert!(matches!(send(&preview, None), Err(RenderError::MissingPostalAddress { .. })));
    let error = send(&column(FOOTER), Some("No address here")).unwrap_err();
    assert!(matches!(error, RenderError::MissingPostalAddress { .. }) && error.at().part == Part::Text, "{error}");
    let blank = context_with("sender.postal_address", " ");
    assert!(template(&source(column(FOOTER))).render(&blank, MailKind::Marketing).is_err());
}

#[test]
fn an_answer_needs_neither() {
    let template = template(&source(column("<mj-text>Your copy</mj-text>")));
    assert!(template.render(&context(), MailKind::Transactional).is_ok());
    assert!(template.render(&context(), MailKind::Marketing).is_err());
}
