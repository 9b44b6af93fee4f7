//! Where links of a mail may lead: to hosts that the template writes out, and to the pages that the deployment made for this
//! mail. What a person or an event says is never such a place, or our door would lead whoever follows it anywhere.

use serde_json::Value;

/// Groups of the context whose values come from the configuration and from the mail itself.
const OURS: [&str; 2] = ["links", "sender"];

/// The places of one mail.
pub(crate) struct Homes<'a> {
    /// Addresses of our own.
    own: Vec<&'a str>,
    /// The template as it is written.
    source: &'a str,
}

impl<'a> Homes<'a> {
    /// For a template and what is known of a person.
    pub(crate) fn new(source: &'a str, context: &'a Value) -> Self {
        let fields = OURS.iter().filter_map(|group| context.get(group)?.as_object()).flatten();
        let own = fields.filter_map(|(_, value)| value.as_str()).map(str::trim).filter(|value| !value.is_empty());
        Self { own: own.collect(), source }
    }

    /// Whether a value may stand where the host of an address is decided. Asked of the value and not of the name it has in
    /// the template: `{% set %}` gives any value another name.
    pub(crate) fn may_lead(&self, value: &str) -> bool {
        let value = value.trim();
        self.own.contains(&value) || origin(value).is_some_and(|origin| self.writes(origin))
    }

    /// Whether scheme and host stand in the template, and nothing of the host follows there.
    fn writes(&self, origin: &str) -> bool {
        let after = |at: usize| self.source[at + origin.len()..].chars().next();
        let ends = |next: Option<char>| next.is_none_or(|c| c.is_whitespace() || "/?#'\"<)".contains(c));
        self.source.match_indices(origin).any(|(at, _)| ends(after(at)))
    }
}

/// `https://host` of an address; `None` if it is no address of the web.
fn origin(url: &str) -> Option<&str> {
    let host = ["https://", "http://"].iter().find(|scheme| url.starts_with(**scheme))?.len();
    let end = url[host..].find(['/', '?', '#']).map_or(url.len(), |length| host + length);
    let is_host = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '[' | ']' | ':');
    (end > host && url[host..end].chars().all(is_host)).then(|| &url[..end])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_the_template_or_the_deployment_says_is_a_home() {
        let context = json!({
            "links": {"unsubscribe": "https://door.example/u/one", "confirm": null},
            "sender": {"name": "Seller", "email": "hello@seller.example"},
            "traits": {"title": "https://evil.example/login"},
        });
        let source =
            "{% set shop = 'https://shop.example' %}<a href=\"http://www.shop.example/a\">x</a> https://last.example";
        let homes = Homes::new(source, &context);
        for (value, may) in [
            ("https://door.example/u/one", true),
            (" https://door.example/u/one ", true),
            ("https://door.example/u/two", false),
            ("https://shop.example", true),
            ("https://shop.example/any?where", true),
            ("https://last.example/", true),
            ("http://www.shop.example", true),
            ("http://shop.example", false),
            ("https://www.shop.example", false),
            ("http://www.shop", false),
            ("https://shop.example:8443/", false),
            ("https://shop.example@evil.example/", false),
            ("https://shop.example\\@evil.example/", false),
            ("https://evil.example/login", false),
            ("https://evil.example/https://shop.example", false),
            ("https://", false),
            ("javascript:alert(1)", false),
            ("", false),
        ] {
            assert_eq!(homes.may_lead(value), may, "{value}");
        }
    }
}
