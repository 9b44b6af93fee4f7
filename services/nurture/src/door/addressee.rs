//! Whom a mail's links speak for: the address that it went to, and, if the person has another one by now, that one too. What
//! somebody says by an old mail holds where he is written to today.

use std::collections::BTreeSet;

use leadflow_platform::error::ApiError;
use leadflow_platform::pg::{PgError, WriteTx};
use sqlx::PgConnection;
use uuid::Uuid;

use super::Door;
use crate::mail::LinkKind;
use crate::store;
use crate::store::consent::{MARKETING, Wishes};
use crate::store::contact::Contact;
use crate::store::link::Target;

/// What a token leads to.
#[derive(Clone, Debug)]
pub(super) enum Behind {
    /// A mail.
    Mail(Uuid, Target),
    /// A test that a marketer sent to himself: every page is shown, and nothing is changed.
    Sample,
    /// Nobody made this token, or the mail is forgotten.
    Nothing,
}

/// Stands on every page of a test.
pub(super) const SAMPLE_NOTE: &str = "This page belongs to a test mail. Nothing is changed by it.";

/// The contacts of a mail, locked.
#[derive(Clone, Debug)]
pub(super) struct Addressee {
    /// In the order of their hashes.
    pub(super) contacts: Vec<Contact>,
}

impl Addressee {
    pub(super) fn hashes(&self) -> Vec<&[u8]> {
        self.contacts.iter().map(|contact| contact.email_hash.as_slice()).collect()
    }

    /// Empty if it was none of these.
    pub(super) fn contact(&self, email_hash: &[u8]) -> Contact {
        self.contacts.iter().find(|contact| contact.email_hash == email_hash).cloned().unwrap_or_default()
    }

    /// By which the person is known: that of the mail, else the present one.
    pub(super) fn email(&self, target: &Target) -> Option<String> {
        let own = self.contact(&target.email_hash).email;
        own.or_else(|| self.contacts.iter().find_map(|contact| contact.email.clone()))
    }
}

impl Door {
    /// What is behind a token.
    pub(super) async fn behind(&self, kind: LinkKind, token: &str) -> Result<Behind, ApiError> {
        let Some((message_id, _)) = self.signer.open(kind, token) else { return Ok(Behind::Nothing) };
        let pool = self.database.pool();
        if let Some(target) = store::link::target(pool, message_id).await? {
            return Ok(Behind::Mail(message_id, target));
        }
        let sample = store::sample::links(pool, message_id).await?;
        Ok(if sample.is_some() { Behind::Sample } else { Behind::Nothing })
    }

    /// Locks the mail's address and the present one of its lead. Whoever changes a lead's address holds the locks of both, so
    /// once the one that the lead has is among those that are locked, it stays.
    pub(super) async fn hold(&self, name: &'static str, target: &Target) -> Result<(WriteTx, Addressee), PgError> {
        let mut hashes = BTreeSet::from([target.email_hash.clone()]);
        hashes.extend(present(&mut *self.database.pool().acquire().await?, target.lead_id).await?);
        loop {
            let mut tx = self.database.write_tx(name).await?;
            let contacts = store::contact::lock(tx.connection(), &hashes).await?;
            let now = present(tx.connection(), target.lead_id).await?;
            if now.iter().all(|hash| hashes.contains(hash)) {
                return Ok((tx, Addressee { contacts }));
            }
            // One more lock out of its order would be asking for a deadlock: all anew, and the new address with them.
            hashes.extend(now);
        }
    }

    /// What was said at the present address, by which mails are decided, and at each of both.
    pub(super) async fn said(&self, target: &Target) -> Result<(Wishes, Vec<Wishes>), PgError> {
        let mut connection = self.database.pool().acquire().await.map_err(PgError::from)?;
        let present = present(&mut connection, target.lead_id).await?.unwrap_or_else(|| target.email_hash.clone());
        let hashes = BTreeSet::from([target.email_hash.as_slice(), present.as_slice()]);
        let hashes: Vec<&[u8]> = hashes.into_iter().collect();
        let mut said = store::consent::load(&mut connection, &hashes).await?;
        let all = hashes.iter().map(|hash| said.get(*hash).cloned().unwrap_or_default()).collect();
        Ok((said.remove(&present).unwrap_or_default(), all))
    }

    /// The consent that the journey of a mail needs; the usual one for what needs none.
    pub(super) async fn purpose(&self, connection: &mut PgConnection, target: &Target) -> Result<String, PgError> {
        let compiled = self.journeys.get(connection, &target.journey_id, target.version).await?;
        let purpose = compiled.map(|compiled| compiled.journey.purpose.clone());
        Ok(purpose.filter(|purpose| purpose != "transactional").unwrap_or_else(|| MARKETING.to_owned()))
    }
}

async fn present(connection: &mut PgConnection, lead_id: Uuid) -> Result<Option<Vec<u8>>, PgError> {
    Ok(store::lead::load(connection, &[lead_id]).await?.pop().map(|lead| lead.email_hash))
}
