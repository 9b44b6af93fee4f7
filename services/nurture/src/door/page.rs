//! The few pages of the door, in plain HTML without a script: they must work in every program, and say what happens.

use std::sync::LazyLock;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse as _, Response};
use minijinja::{AutoEscape, Environment, Value};

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;color:#1f2933;background:#f5f7fa;margin:0}\
main{max-width:34rem;margin:12vh auto;background:#fff;padding:2rem;border-radius:8px;box-shadow:0 1px 4px #0002}\
h1{font-size:1.4rem;margin:0 0 1rem}button{font:inherit;padding:.6rem 1.2rem;border:0;border-radius:6px;background:#1d4ed8;\
color:#fff;cursor:pointer}button:focus-visible{outline:3px solid #93c5fd}label{display:block;margin:.5rem 0}\
p.small{color:#52606d;font-size:.9rem}form{margin:1.2rem 0}button.plain{background:#e4e7eb;color:#1f2933}";

const LAYOUT: &str = r#"<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex"><title>{{ title }}</title><style>{{ style | safe }}</style></head>
<body><main><h1>{{ title }}</h1>
{%- for line in lines %}<p>{{ line }}</p>{% endfor %}
{%- if topics %}
<form method="post">
{%- for topic in topics %}
<label><input type="checkbox" name="topic" value="{{ topic.name }}"{% if topic.wanted %} checked{% endif %}> {{ topic.text }}</label>
{%- endfor %}
<input type="hidden" name="action" value="topics"><button>Save</button></form>
{%- endif %}
{%- if button %}
<form method="post"><input type="hidden" name="action" value="{{ action }}"><button{% if plain %} class="plain"{% endif %}>{{ button }}</button></form>
{%- endif %}
<p class="small">{{ sender }}</p></main></body></html>
"#;

static PAGES: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut pages = Environment::new();
    pages.set_auto_escape_callback(|_| AutoEscape::Html);
    pages.add_template("page", LAYOUT).expect("the layout above is a template");
    pages
});

/// What a page says.
#[derive(Clone, Debug, Default)]
pub(super) struct Page {
    pub(super) title: String,
    pub(super) lines: Vec<String>,
    pub(super) topics: Vec<Topic>,
    /// What the button says; empty: there is none.
    pub(super) button: String,
    /// What the button asks for.
    pub(super) action: &'static str,
    /// A button that nobody has to press.
    pub(super) plain: bool,
    /// Name and postal address of the sender.
    pub(super) sender: String,
}

/// A topic with its box.
#[derive(Clone, Debug)]
pub(super) struct Topic {
    pub(super) name: String,
    pub(super) text: String,
    pub(super) wanted: bool,
}

impl Topic {
    fn value(&self) -> Value {
        minijinja::context! { name => &*self.name, text => &*self.text, wanted => self.wanted }
    }
}

impl Page {
    pub(super) fn answer(&self, status: StatusCode) -> Response {
        let template = PAGES.get_template("page").expect("added above");
        let topics: Vec<Value> = self.topics.iter().map(Topic::value).collect();
        let context = minijinja::context! {
            style => STYLE,
            title => &*self.title,
            lines => self.lines.clone(),
            topics => topics,
            button => &*self.button,
            action => self.action,
            plain => self.plain,
            sender => &*self.sender,
        };
        let html = template.render(context).unwrap_or_else(|_| self.title.clone());
        let mut answer = (status, Html(html)).into_response();
        quiet(&mut answer);
        answer
    }
}

/// Nobody keeps it, nobody frames it, and the address with its token goes nowhere else.
pub(super) fn quiet(answer: &mut Response) {
    let headers = answer.headers_mut();
    for (name, value) in [
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
        ),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert("x-robots-tag", HeaderValue::from_static("noindex, nofollow"));
}
