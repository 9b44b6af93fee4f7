//! A mail as a marketer writes it in a journey's file. Only the shape: [`super::Template::compile`] reads it.

use garde::Validate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Subject and bodies of a mail. `{{ contact.given_name }}` puts values in, `{% if %}` and `{% for %}` decide; what may
/// stand there is said by [`super::MailContext`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct TemplateSource {
    /// The subject, one line.
    #[garde(length(bytes, min = 1, max = 2_000))]
    pub subject: String,
    /// What mail programs show beside the subject; one line. Not together with `<mj-preview>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[garde(inner(length(bytes, max = 2_000)))]
    pub preheader: Option<String>,
    /// The body in MJML, from `<mjml>` to `</mjml>`, at most 200 KiB.
    #[garde(length(bytes, min = 1, max = super::template::LARGEST_SOURCE))]
    pub mjml: String,
    /// The plain text part. Left out: made of the body. Links of the body that it does not name are put at its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[garde(inner(length(bytes, max = super::template::LARGEST_SOURCE)))]
    pub text: Option<String>,
}
