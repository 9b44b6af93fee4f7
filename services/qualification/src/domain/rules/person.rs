//! What fit and disqualification know of a person: traits, addresses, company. Not the person itself, and nothing of
//! what they did.

use std::collections::BTreeMap;

use super::field::EventField;
use super::finding::nearest;
use super::mail_domain;

/// The facts about a person that rules under `fit` and `disqualify` may read. The order of `emails` does not matter.
#[derive(Clone, Copy, Debug)]
pub struct PersonFacts<'a> {
    /// All addresses of the person, normalised; empty for a visitor.
    pub emails: &'a [&'a str],
    /// What sources said about the person; the last writer won, per field.
    pub traits: &'a BTreeMap<String, String>,
    /// The registrable domain of the company, if there is an account.
    pub account_domain: Option<&'a str>,
    /// What sources said about the company (`group` calls).
    pub account_traits: &'a BTreeMap<String, String>,
}

impl<'a> PersonFacts<'a> {
    /// The address that says most about the person: of a company before free mail before throw-away, then the first in
    /// the order of the alphabet, so that every order of arrival names the same.
    #[must_use]
    pub fn main_email(&self) -> Option<&'a str> {
        self.emails.iter().copied().min_by_key(|email| (mail_domain::address_kind(email), *email))
    }
}

/// A field of a person.
#[derive(Clone, Debug)]
pub(super) enum PersonField {
    /// One of the traits, by name.
    Trait(Box<str>),
    /// Domain of the main address.
    EmailDomain,
    /// `company`, `free` or `disposable`: of the main address.
    EmailKind,
    /// Domain of the account.
    AccountDomain,
    /// One of the account's traits, by name.
    AccountTrait(Box<str>),
}

/// What a condition on persons may name, for messages.
const PERSON_FIELDS: [&str; 5] =
    ["traits.<name>", "email_domain", "email_kind", "account.domain", "account.traits.<name>"];

impl PersonField {
    /// The field of that path.
    ///
    /// # Errors
    /// What to do instead.
    pub(super) fn parse(path: &str) -> Result<Self, String> {
        if let Some(name) = path.strip_prefix("traits.").filter(|name| !name.is_empty()) {
            return Ok(Self::Trait(name.into()));
        }
        if let Some(name) = path.strip_prefix("account.traits.").filter(|name| !name.is_empty()) {
            return Ok(Self::AccountTrait(name.into()));
        }
        match path {
            "email_domain" => Ok(Self::EmailDomain),
            "email_kind" => Ok(Self::EmailKind),
            "account.domain" => Ok(Self::AccountDomain),
            _ if EventField::is_event_path(path) => {
                Err("fit reads the person, not events: use a trait, or make it a rule of engagement".to_owned())
            }
            _ => Err(nearest(path, &PERSON_FIELDS)),
        }
    }

    /// Whether such a path names a field of a person.
    pub(super) fn is_person_path(path: &str) -> bool {
        path.starts_with("traits.")
            || path.starts_with("account.")
            || ["email_domain", "email_kind", "email", "traits"].contains(&path)
    }

    /// What is known of the person there; empty if nothing.
    pub(super) fn read<'a>(&self, person: &PersonFacts<'a>) -> &'a str {
        match self {
            Self::Trait(name) => person.traits.get(&**name).map_or("", String::as_str),
            Self::AccountTrait(name) => person.account_traits.get(&**name).map_or("", String::as_str),
            Self::AccountDomain => person.account_domain.unwrap_or_default(),
            Self::EmailDomain => person.main_email().map_or("", mail_domain::domain_of),
            Self::EmailKind => person.main_email().map_or("", |email| mail_domain::address_kind(email).as_str()),
        }
    }
}
