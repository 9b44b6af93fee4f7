//! Hooks of the sources file, ready for use: the secret stands in a file of its own and is turned into what it proves here.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::compile::{Sources, SourcesError, check_name, wrong};
use super::file::{HookEntry, ProofEntry};
use crate::domain::hook::proof::Proof;
use crate::domain::hook::{HookRules, Recipe};
use crate::domain::rules::SourceRules;

/// A hook with what its door needs.
#[derive(Clone, Debug)]
pub struct Hook {
    /// What its deliveries mean.
    pub rules: HookRules,
    /// The source.
    pub source: Arc<SourceRules>,
    /// How the provider proves who it is.
    pub proof: Proof,
    /// Where the secret stands, as the file names it.
    pub secret_file: PathBuf,
}

impl Sources {
    pub(super) fn hook_of(
        &self,
        name: &str,
        entry: &HookEntry,
        secret: impl Fn(&Path) -> io::Result<String>,
    ) -> Result<Hook, SourcesError> {
        let place = |field: &str| format!("hooks.{name}.{field}");
        check_name(&format!("hooks.{name}"), name)?;
        let mailbox = match &entry.mailbox {
            None => None,
            Some(mailbox) => {
                let known = self.mailbox(mailbox);
                let known = known.ok_or_else(|| wrong(place("mailbox"), format!("there is no mailbox {mailbox:?}")))?;
                Some(known.rules.clone())
            }
        };
        let header = header_of(entry).map_err(|what| wrong(place("header"), what))?;
        let secret = secret(&entry.secret_file).map_err(|error| {
            wrong(place("secret_file"), format!("could not read {}: {error}", entry.secret_file.display()))
        })?;
        let proof = proof_of(entry, &header, &secret).map_err(|(field, what)| wrong(place(field), what))?;
        Ok(Hook {
            rules: HookRules { name: name.into(), recipe: entry.recipe, mailbox },
            source: self.known(place("source"), &entry.source)?,
            proof,
            secret_file: entry.secret_file.clone(),
        })
    }
}

/// The name of the header, lower case; empty where there is none.
fn header_of(entry: &HookEntry) -> Result<String, &'static str> {
    match (&entry.header, entry.proof) {
        (None, Some(ProofEntry::Header)) => Err("name the header that holds the secret"),
        (Some(_), proof) if proof != Some(ProofEntry::Header) => Err("is read only where proof is header"),
        (Some(name), _) => match http::HeaderName::try_from(name.as_str()) {
            Ok(header) => Ok(header.as_str().to_owned()),
            Err(_) => Err("is not the name of a header"),
        },
        (None, _) => Ok(String::new()),
    }
}

fn proof_of(entry: &HookEntry, header: &str, secret: &str) -> Result<Proof, (&'static str, &'static str)> {
    let usual = if entry.recipe == Recipe::Postmark { ProofEntry::Basic } else { ProofEntry::Signature };
    let proof = match (entry.recipe, entry.proof.unwrap_or(usual)) {
        (Recipe::Postmark | Recipe::Sendgrid, ProofEntry::Basic) => Proof::basic(secret),
        (Recipe::Postmark, ProofEntry::Header) => Proof::header(header, secret),
        (Recipe::Sendgrid, ProofEntry::Signature) => Proof::ecdsa(secret),
        (Recipe::Mailgun, ProofEntry::Signature) => Proof::mailgun(secret),
        (Recipe::Postmark, _) => return Err(("proof", "Postmark signs nothing: basic or header")),
        (Recipe::Sendgrid, _) => return Err(("proof", "signature or basic")),
        (Recipe::Mailgun, _) => return Err(("proof", "Mailgun signs everything: signature")),
    };
    proof.map_err(|what| ("secret_file", what))
}
