//! Intake: events of the `lead` topic into leads, contacts and enrolments. What an event means for a journey is decided in
//! `domain`; here rows are locked, changed and written.

mod fold;
mod reports;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use leadflow_platform::consumer::{Arrived, BatchResult, Handler, HandlerError, Outcome, Poison};
use leadflow_platform::identity_key::{IdentityKey, Purpose};
use leadflow_platform::pg::{Mechanism, WriteTx};
use leadflow_platform::record::Record;
use leadflow_proto::qualification::v1::LeadEvent;
use prost::Message as _;
use uuid::Uuid;

use self::fold::Fold;
use crate::change::{Change, Setting};
use crate::journeys::Journeys;
use crate::mail::LinkSigner;
use crate::sender::wake::Wakers;
use crate::store;
use crate::wire::lead_event::{self, Fate, LeadNews, Report};

/// Copies of an event are known by their sequence.
pub const REPEATS_ARE_DROPPED: Mechanism = Mechanism("nurture.repeats_are_dropped");

/// A bounce, a complaint or an answer counts only if it names a mail that can have caused it.
pub const REPORTS_NAME_A_MAIL: Mechanism = Mechanism("nurture.reports_name_a_mail");

/// The consumer of `lead` in the nurture role.
pub struct Intake {
    pub(crate) incarnation: i32,
    pub(crate) identity_key: Arc<IdentityKey>,
    pub(crate) journeys: Arc<Journeys>,
    pub(crate) default_zone: Arc<str>,
    pub(crate) wakers: Wakers,
    signer: LinkSigner,
}

impl Intake {
    /// Senders are woken through `wakers`.
    #[must_use]
    pub fn new(
        incarnation: i32,
        identity_key: Arc<IdentityKey>,
        journeys: Arc<Journeys>,
        default_zone: &str,
        wakers: Wakers,
    ) -> Self {
        let signer = LinkSigner::new((*identity_key).clone());
        Self { incarnation, identity_key, journeys, default_zone: default_zone.into(), wakers, signer }
    }

    /// The contact of an address, or of a lead without one.
    #[must_use]
    pub fn hash(&self, email: Option<&str>, lead_id: Uuid) -> Vec<u8> {
        hash(&self.identity_key, email, lead_id)
    }
}

/// The contact of an address, or of a lead without one.
#[must_use]
pub fn hash(identity_key: &IdentityKey, email: Option<&str>, lead_id: Uuid) -> Vec<u8> {
    let hash = match email {
        Some(email) => identity_key.hash(Purpose::Suppression, "email", email),
        None => identity_key.hash(Purpose::Suppression, "lead", &lead_id.to_string()),
    };
    hash.0.to_vec()
}

impl Handler for Intake {
    type Event = LeadNews;

    fn decode(&self, record: &Record) -> Result<LeadNews, Poison> {
        let event = LeadEvent::decode(record.value.as_slice()).map_err(|error| Poison(error.to_string()))?;
        let mut news = lead_event::read(event).map_err(|error| Poison(error.to_string()))?;
        // Mail programs that name no mail in their headers still answer to our address. Whoever made a token up is nobody.
        // What is signed goes before what anybody can write into a header.
        if let Some(report) = &mut news.report
            && let Some(signed) = self.signer.open_reply(&format!("reply+{}", report.reply_token))
        {
            report.message_id = Some(signed);
        }
        Ok(news)
    }

    async fn handle<'a>(
        &'a self,
        tx: &'a mut WriteTx,
        batch: &'a [Arrived<LeadNews>],
    ) -> Result<BatchResult, HandlerError> {
        let lead_ids: BTreeSet<Uuid> = batch.iter().map(|arrived| arrived.event.lead_id).collect();
        let lead_ids: Vec<Uuid> = lead_ids.into_iter().collect();
        let leads = store::lead::lock(tx.connection(), &lead_ids).await?;
        let reported: Vec<Uuid> = batch
            .iter()
            .filter_map(|arrived| arrived.event.report.as_ref().and_then(|report| report.message_id))
            .collect();
        let mut reported = store::message::by_ids(tx.connection(), &reported).await?;

        // Every contact that any of this can touch, in the order of their hashes.
        let mut hashes: BTreeSet<Vec<u8>> = leads.iter().map(|lead| lead.email_hash.clone()).collect();
        hashes.extend(batch.iter().map(|arrived| self.hash(arrived.event.email.as_deref(), arrived.event.lead_id)));
        hashes.extend(
            batch
                .iter()
                .filter(|arrived| arrived.event.email.is_none())
                .map(|arrived| self.hash(None, arrived.event.lead_id)),
        );
        hashes.extend(reported.iter().map(|message| message.email_hash.clone()));
        // Whoever is forgotten is forgotten under every address that he had.
        let erased: Vec<Uuid> = batch
            .iter()
            .filter(|arrived| arrived.event.fate == Fate::Erased)
            .map(|arrived| arrived.event.lead_id)
            .collect();
        hashes.extend(store::former::of_leads(tx.connection(), &erased).await?);
        let contacts = store::contact::lock(tx.connection(), &hashes).await?;
        // Again, now that nobody else can change them.
        let ids: Vec<Uuid> = reported.iter().map(|message| message.message_id).collect();
        reported = store::message::by_ids(tx.connection(), &ids).await?;

        let enrollments = store::enrollment::by_leads(tx.connection(), &lead_ids).await?;
        let told = store::told::load(tx.connection(), &told_ids(&lead_ids, &reported)).await?;
        let active = self.journeys.active(tx.connection()).await?;
        let versions = enrollments.iter().filter(|one| one.state.is_open());
        let versions = versions.map(|one| (one.journey_id.as_str(), one.version));
        let mut compiled = self.journeys.all(tx.connection(), versions).await?;
        for one in &active {
            let key = (one.compiled.journey.journey_id.clone(), one.compiled.version);
            compiled.insert(key, Arc::clone(&one.compiled));
        }
        let setting = Setting {
            now: tx.now(),
            incarnation: self.incarnation,
            default_zone: &self.default_zone,
            identity_key: &self.identity_key,
        };
        let contacts = contacts.into_iter().map(|contact| (contact.email_hash.clone(), contact)).collect();
        let mut fold = Fold::new(Change::new(setting, told), contacts, leads, enrollments, reported);
        (fold.active, fold.compiled) = (active, compiled);
        if batch.iter().any(|arrived| arrived.event.report.as_ref().is_some_and(Report::is_stop)) {
            let hashes: Vec<&[u8]> = hashes.iter().map(Vec::as_slice).collect();
            fold.said = store::consent::load(tx.connection(), &hashes).await?;
        }
        fold.drops_repeats = tx.is_on(REPEATS_ARE_DROPPED);
        fold.asks_for_evidence = tx.is_on(REPORTS_NAME_A_MAIL);
        let outcomes: Vec<Outcome> = batch.iter().map(|arrived| fold.take(arrived)).collect();
        fold.write(tx).await?;
        self.wakers.note(fold.change.has_mails(), fold.change.has_calls());
        Ok(BatchResult { outcomes, outbox: std::mem::take(&mut fold.change.outbox) })
    }

    fn committed(&self) {
        self.wakers.committed();
    }
}

fn told_ids(lead_ids: &[Uuid], reported: &[store::message::Message]) -> Vec<Uuid> {
    let mut ids = lead_ids.to_vec();
    ids.extend(reported.iter().map(|message| message.lead_id));
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// Compiled journeys by name and version.
type Versions = BTreeMap<(String, i32), Arc<crate::journeys::Compiled>>;
