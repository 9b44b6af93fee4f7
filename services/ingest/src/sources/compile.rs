//! From the file to what the domain reads: every word is checked here, so that nothing can be wrong later.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use super::file::{FormEntry, MailboxEntry, NameEntry, NameRuleEntry, SourceEntry, SourcesFile};
use super::hooks::Hook;
use crate::domain::form::{FormRules, Target};
use crate::domain::kind::Kind;
use crate::domain::mail::MailboxRules;
use crate::domain::rules::{FieldPath, NameRule, SourceRules};

/// What is wrong with a sources file, and where.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {what}")]
pub struct SourcesError {
    /// "forms.contact.thank_you".
    pub place: String,
    /// What it must be.
    pub what: String,
}

pub(super) fn wrong(place: impl Into<String>, what: impl Into<String>) -> SourcesError {
    SourcesError { place: place.into(), what: what.into() }
}

/// Domains of our own mails, lower case, of all mailboxes together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnDomains {
    /// Right sides of our Message-IDs.
    pub message_ids: std::collections::BTreeSet<String>,
    /// Right sides of our reply addresses.
    pub replies: std::collections::BTreeSet<String>,
}

/// A form with what its door needs.
#[derive(Clone, Debug)]
pub struct Form {
    /// What its fields mean.
    pub rules: FormRules,
    /// The source.
    pub source: Arc<SourceRules>,
    /// Takes posts without a key.
    pub public: bool,
    /// Lower case, without a slash at the end.
    pub origins: Vec<String>,
    /// Where the browser goes afterwards.
    pub thank_you: String,
}

/// A mailbox with what its door needs.
#[derive(Clone, Debug)]
pub struct Mailbox {
    /// What its mails mean.
    pub rules: MailboxRules,
    /// The source, if it is not the key's.
    pub source: Option<Arc<SourceRules>>,
}

/// The file, ready for use.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    sources: HashMap<Box<str>, Arc<SourceRules>>,
    forms: HashMap<Box<str>, Arc<Form>>,
    mailboxes: HashMap<Box<str>, Arc<Mailbox>>,
    hooks: HashMap<Box<str>, Arc<Hook>>,
}

impl Sources {
    /// Ids of the sources, as keys name them.
    #[must_use]
    pub fn names(&self) -> std::collections::BTreeSet<String> {
        self.sources.keys().map(|name| name.to_string()).collect()
    }

    /// By what the mailboxes know mails of our own.
    #[must_use]
    pub fn own_domains(&self) -> OwnDomains {
        let all = |of: fn(&MailboxRules) -> &Vec<Box<str>>| {
            self.mailboxes.values().flat_map(|mailbox| of(&mailbox.rules)).map(ToString::to_string).collect()
        };
        OwnDomains { message_ids: all(|rules| &rules.our_message_ids), replies: all(|rules| &rules.reply_domains) }
    }

    /// Checks the file and makes it ready. `secret` reads a secret file, whose path may begin at the folder of the file.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn compile(
        file: &SourcesFile,
        secret: impl Fn(&Path) -> std::io::Result<String>,
    ) -> Result<Self, SourcesError> {
        let mut sources = HashMap::new();
        for (id, entry) in &file.sources {
            sources.insert(Box::from(id.as_str()), Arc::new(source(id, entry)?));
        }
        let mut compiled = Self { sources, ..Self::default() };
        for (name, entry) in &file.forms {
            let form = compiled.form_of(name, entry)?;
            compiled.forms.insert(name.as_str().into(), Arc::new(form));
        }
        for (name, entry) in &file.mailboxes {
            let mailbox = compiled.mailbox_of(name, entry)?;
            compiled.mailboxes.insert(name.as_str().into(), Arc::new(mailbox));
        }
        for (name, entry) in &file.hooks {
            let hook = compiled.hook_of(name, entry, &secret)?;
            compiled.hooks.insert(name.as_str().into(), Arc::new(hook));
        }
        Ok(compiled)
    }

    /// The rules of a source. One that the file does not name has no mapping: its words mean what they say.
    #[must_use]
    pub fn source(&self, id: &str) -> Arc<SourceRules> {
        self.sources.get(id).cloned().unwrap_or_else(|| Arc::new(SourceRules::new(id)))
    }

    /// A form by its name in the path.
    #[must_use]
    pub fn form(&self, name: &str) -> Option<Arc<Form>> {
        self.forms.get(name).cloned()
    }

    /// A mailbox by its name in the path.
    #[must_use]
    pub fn mailbox(&self, name: &str) -> Option<Arc<Mailbox>> {
        self.mailboxes.get(name).cloned()
    }

    /// A hook by its name in the path.
    #[must_use]
    pub fn hook(&self, name: &str) -> Option<Arc<Hook>> {
        self.hooks.get(name).cloned()
    }

    /// The secret files of the hooks, as the file names them.
    pub fn secret_files(&self) -> impl Iterator<Item = &Path> {
        self.hooks.values().map(|hook| hook.secret_file.as_path())
    }

    pub(super) fn known(&self, place: String, id: &str) -> Result<Arc<SourceRules>, SourcesError> {
        self.sources.get(id).cloned().ok_or_else(|| wrong(place, format!("there is no source {id:?}")))
    }

    fn form_of(&self, name: &str, entry: &FormEntry) -> Result<Form, SourcesError> {
        let place = |field: &str| format!("forms.{name}.{field}");
        check_name(&format!("forms.{name}"), name)?;
        if !entry.kind.gives_contact() && !matches!(entry.kind, Kind::Unsubscribed | Kind::Consent) {
            return Err(wrong(place("kind"), format!("a form cannot be of kind {}", entry.kind.name())));
        }
        if !is_page(&entry.thank_you) {
            return Err(wrong(
                place("thank_you"),
                "must be an http or https URL, or a path that begins with one slash",
            ));
        }
        if entry.public && entry.origins.is_empty() {
            return Err(wrong(
                place("origins"),
                "a public form needs the origins of its pages: https://www.example.com",
            ));
        }
        let mut fields = HashMap::new();
        for (field, target) in &entry.fields {
            let target = Target::parse(target)
                .ok_or_else(|| wrong(place(&format!("fields.{field}")), format!("{target:?} is no target")))?;
            fields.insert(Box::from(field.as_str()), target);
        }
        Ok(Form {
            rules: FormRules {
                name: name.into(),
                kind: entry.kind,
                honeypot: entry.honeypot.as_deref().map(Into::into),
                token: entry.token.as_str().into(),
                fields,
            },
            source: self.known(place("source"), &entry.source)?,
            public: entry.public,
            origins: entry.origins.iter().map(|origin| origin.trim_end_matches('/').to_ascii_lowercase()).collect(),
            thank_you: entry.thank_you.clone(),
        })
    }

    fn mailbox_of(&self, name: &str, entry: &MailboxEntry) -> Result<Mailbox, SourcesError> {
        check_name(&format!("mailboxes.{name}"), name)?;
        let kind = entry.kind.unwrap_or(Kind::EmailIn);
        if kind != Kind::EmailIn && !kind.gives_contact() && kind != Kind::Unsubscribed {
            let what = format!("mails cannot be of kind {}", kind.name());
            return Err(wrong(format!("mailboxes.{name}.kind"), what));
        }
        let source =
            entry.source.as_deref().map(|id| self.known(format!("mailboxes.{name}.source"), id)).transpose()?;
        let lower = |domains: &[String]| domains.iter().map(|domain| domain.to_ascii_lowercase().into()).collect();
        let our_message_ids = lower(&entry.our_message_ids);
        let reply_domains = lower(entry.reply_domains.as_ref().unwrap_or(&entry.our_message_ids));
        Ok(Mailbox { rules: MailboxRules { name: name.into(), kind, our_message_ids, reply_domains }, source })
    }
}

fn source(id: &str, entry: &SourceEntry) -> Result<SourceRules, SourcesError> {
    let place = |field: &str| format!("sources.{id}.{field}");
    check_name(&format!("sources.{id}"), id)?;
    let mut rules = SourceRules::new(id);
    for (name, entry) in &entry.names {
        rules.names.insert(name.as_str().into(), name_rule(&place(&format!("names.{name}")), entry)?);
    }
    rules.consent = entry.consent.iter().map(|(from, to)| (from.as_str().into(), to.as_str().into())).collect();
    rules.traits = entry.traits.iter().map(|(from, to)| (from.as_str().into(), to.as_str().into())).collect();
    if let Some(region) = &entry.region {
        if !crate::domain::context::is_country(region) {
            return Err(wrong(place("region"), "must be two capital letters of ISO 3166-1, like DE"));
        }
        rules.region = Some(region.as_str().into());
    }
    rules.rudderstack = entry.rudderstack;
    rules.test = entry.test;
    Ok(rules)
}

fn name_rule(place: &str, entry: &NameEntry) -> Result<NameRule, SourcesError> {
    match entry {
        NameEntry::Kind(kind) => Ok(NameRule::plain(*kind)),
        NameEntry::Rule(NameRuleEntry { kind, email, phone, text }) => {
            let path = |field: &str, text: &Option<String>| match text {
                None => Ok(None),
                Some(text) => FieldPath::parse(text)
                    .map(Some)
                    .ok_or_else(|| wrong(format!("{place}.{field}"), "must be properties.NAME or traits.NAME")),
            };
            let (email, phone, text) = (path("email", email)?, path("phone", phone)?, path("text", text)?);
            Ok(NameRule { kind: *kind, email, phone, text })
        }
    }
}

/// Names stand in paths, headers, metrics and on the timeline.
pub(super) fn check_name(place: &str, name: &str) -> Result<(), SourcesError> {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_' | b'.');
    if name.is_empty() || name.len() > 64 || !name.bytes().all(fits) {
        return Err(wrong(place, "a name has 1 to 64 of a-z, 0-9, '-', '_' and '.'"));
    }
    Ok(())
}

/// An absolute URL of the web, or a path that cannot be read as another host ("//evil.example").
fn is_page(text: &str) -> bool {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let is_path = text.starts_with('/') && !text.starts_with("//") && !text.starts_with("/\\");
    let clean = text.bytes().all(|byte| byte.is_ascii_graphic());
    clean && (is_path || host.is_some_and(|host| host.starts_with(|first: char| first.is_ascii_alphanumeric())))
}
