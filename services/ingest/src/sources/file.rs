//! The sources file as it is written: YAML, with a JSON schema for editors. An unknown key is an error.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::domain::hook::Recipe;
use crate::domain::kind::Kind;

/// The whole file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
#[serde(deny_unknown_fields)]
pub struct SourcesFile {
    /// By id, as in keys: who sends, and what its words mean.
    #[serde(default)]
    pub sources: BTreeMap<String, SourceEntry>,
    /// By name, as in `POST /v1/forms/{form}`.
    #[serde(default)]
    pub forms: BTreeMap<String, FormEntry>,
    /// By name, as in `POST /v1/email/{mailbox}`.
    #[serde(default)]
    pub mailboxes: BTreeMap<String, MailboxEntry>,
    /// By name, as in `POST /hooks/{name}`: what mail providers tell.
    #[serde(default)]
    pub hooks: BTreeMap<String, HookEntry>,
}

/// One sender.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SourceEntry {
    /// The sender's name of an event, or of a page, to what it means. Unmapped names are our own word for a kind, or custom.
    #[serde(default)]
    pub names: BTreeMap<String, NameEntry>,
    /// Consent category to purpose: `C0004: marketing_email`.
    #[serde(default)]
    pub consent: BTreeMap<String, String>,
    /// The sender's name of a trait to ours: `firma: company`. Nested ones with dots.
    #[serde(default)]
    pub traits: BTreeMap<String, String>,
    /// ISO 3166-1 alpha-2: where phone numbers without a country code are at home.
    #[serde(default)]
    pub region: Option<String>,
    /// A RudderStack SDK: batches up to 4 MiB.
    #[serde(default)]
    pub rudderstack: bool,
    /// Everything from here is smoke-test traffic: carried to the end, shown only on request.
    #[serde(default)]
    pub test: bool,
}

/// What a name means.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum NameEntry {
    /// Only a kind.
    Kind(Kind),
    /// A kind, and where the person's contact data stands.
    Rule(NameRuleEntry),
}

/// A kind, and where the person's contact data stands: `properties.NAME` or `traits.NAME`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NameRuleEntry {
    /// The kind.
    pub kind: Kind,
    /// The person's address.
    #[serde(default)]
    pub email: Option<String>,
    /// The person's number.
    #[serde(default)]
    pub phone: Option<String>,
    /// What the person wrote.
    #[serde(default)]
    pub text: Option<String>,
}

/// One form.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FormEntry {
    /// Id of the source its events come from.
    pub source: String,
    /// form, demo_request, callback_request, chat, event_registered, event_attended, unsubscribed or consent.
    pub kind: Kind,
    /// Takes posts without a key. A page must then be of one of `origins`.
    #[serde(default)]
    pub public: bool,
    /// Origins of pages that may post: `https://www.acme.example`.
    #[serde(default)]
    pub origins: Vec<String>,
    /// Where the browser goes afterwards: an absolute URL, or a path of the page's own site.
    pub thank_you: String,
    /// A field that people do not see. Whoever fills it is thanked and not taken.
    #[serde(default)]
    pub honeypot: Option<String>,
    /// The field that makes a repeated post harmless: a token made when the page was shown.
    #[serde(default = "default_token")]
    pub token: String,
    /// The form's field to what it is: `email`, `phone`, `user_id`, `anonymous_id`, `text`, `page_url`, `page_title`,
    /// `referrer`, `locale`, `time_zone`, `traits.NAME`, `properties.NAME`, `consent.PURPOSE` or `ignore`. Fields with usual
    /// names need no entry; the others become properties.
    #[serde(default)]
    pub fields: BTreeMap<String, String>,
}

fn default_token() -> String {
    "message_id".to_owned()
}

/// One mailbox.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MailboxEntry {
    /// Id of the source its events come from; absent: the one of the key.
    #[serde(default)]
    pub source: Option<String>,
    /// What a mail to this address is: `email_in` unless it is, say, `demo_request`.
    #[serde(default)]
    pub kind: Option<Kind>,
    /// Right sides of our own Message-IDs: an answer to one of them is `email_replied`.
    #[serde(default)]
    pub our_message_ids: Vec<String>,
    /// Right sides of our own reply addresses, `reply+TOKEN@...`: a mail to one of them is `email_replied` with the property
    /// `reply_token`. Absent: those of our Message-IDs.
    #[serde(default)]
    pub reply_domains: Option<Vec<String>>,
}

/// One hook: where a mail provider posts.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HookEntry {
    /// Whose shapes: `postmark`, `sendgrid` or `mailgun`.
    pub recipe: Recipe,
    /// Id of the source its events come from.
    pub source: String,
    /// File with the secret, one accepted value a line; a relative path begins at the folder of this file. Read again when it
    /// changes.
    pub secret_file: PathBuf,
    /// How the provider proves who it is; absent: `basic` for Postmark, `signature` for the others.
    #[serde(default)]
    pub proof: Option<ProofEntry>,
    /// Name of the header with the secret, where `proof` is `header`.
    #[serde(default)]
    pub header: Option<String>,
    /// Name of the mailbox whose rules the mails that come in follow; absent: this hook takes no mail.
    #[serde(default)]
    pub mailbox: Option<String>,
}

/// How a provider proves who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProofEntry {
    /// Basic auth in the address of the hook; the file holds `user:password`. Postmark and SendGrid.
    Basic,
    /// A header of one's own; the file holds its value. Postmark.
    Header,
    /// The provider's own signature; the file holds SendGrid's verification key or Mailgun's signing key.
    Signature,
}
