//! Everything that is kept about a person, as JSON: what the law calls a copy of the data.

use leadflow_platform::error::ApiError;
use leadflow_platform::pg::PgError;
use leadflow_proto::qualification::v1::LeadSnapshot;
use prost::Message as _;
use serde_json::{Value, json};
use sqlx::PgConnection;
use uuid::Uuid;

use super::Desk;
use crate::store;
use crate::store::contact::Contact;
use crate::store::lead::Lead;

impl Desk {
    /// Everything about the person with this address.
    ///
    /// # Errors
    /// `NOT_FOUND`, or as the database says.
    pub async fn export(&self, email_hash: &[u8]) -> Result<Value, ApiError> {
        let mut connection = self.database.pool().acquire().await.map_err(PgError::from)?;
        let Some(contact) = store::contact::load(&mut connection, email_hash).await? else {
            return Err(ApiError::not_found("person"));
        };
        let mut document = address_document(&mut connection, &contact).await?;
        let own = store::lead::of_contact(&mut connection, email_hash).await?;
        let mut leads = Vec::new();
        for lead in &own {
            leads.push(lead_document(&mut connection, lead).await?);
        }
        document["service"] = json!("nurture");
        document["leads"] = json!(leads);
        document["former_addresses"] = json!(former_addresses(&mut connection, email_hash, &own).await?);
        Ok(document)
    }
}

/// What is kept of addresses that the person had before; not of one that is somebody else's by now.
async fn former_addresses(
    connection: &mut PgConnection,
    email_hash: &[u8],
    own: &[Lead],
) -> Result<Vec<Value>, PgError> {
    let lead_ids: Vec<Uuid> = own.iter().map(|lead| lead.lead_id).collect();
    let mut documents = Vec::new();
    for former in store::former::of_leads(connection, &lead_ids).await? {
        let users = store::lead::of_contact(connection, &former).await?;
        if former == email_hash || users.iter().any(|lead| lead.erased_at.is_none()) {
            continue;
        }
        if let Some(contact) = store::contact::load(connection, &former).await?.filter(|one| one.email.is_some()) {
            documents.push(address_document(connection, &contact).await?);
        }
    }
    Ok(documents)
}

async fn address_document(connection: &mut PgConnection, contact: &Contact) -> Result<Value, PgError> {
    let email_hash = contact.email_hash.as_slice();
    let wishes = store::consent::load(connection, &[email_hash]).await?.remove(email_hash).unwrap_or_default();
    let consents: Vec<Value> = wishes
        .consents
        .values()
        .map(|one| json!({ "purpose": one.purpose, "given": one.given, "at": one.at, "source": one.source }))
        .collect();
    let proofs = store::proof::of_contact(connection, email_hash).await?;
    let proofs: Vec<Value> = proofs
        .iter()
        .map(|one| {
            json!({
                "purpose": one.purpose, "text_version": one.text_version, "asked_at": one.asked_at,
                "confirmed_at": one.confirmed_at, "address": one.address,
            })
        })
        .collect();
    Ok(json!({
        "email": contact.email,
        "time_zone": contact.time_zone,
        "locale": contact.locale,
        "country": contact.country,
        "consents": consents,
        "consent_proofs": proofs,
        "topics": wishes.topics,
        "suppression": wishes.suppression.map(|one| json!({ "reason": one.reason, "at": one.at })),
    }))
}

async fn lead_document(connection: &mut PgConnection, lead: &Lead) -> Result<Value, PgError> {
    let snapshot = lead.snapshot.as_deref().and_then(|bytes| LeadSnapshot::decode(bytes).ok());
    let enrollments = store::enrollment::by_leads(connection, &[lead.lead_id]).await?;
    let enrollments: Vec<Value> = enrollments
        .iter()
        .map(|one| {
            json!({
                "journey": one.journey_id, "version": one.version, "state": one.state.name(),
                "step": one.context.step, "entered_at": one.entered_at, "entered_with": one.context.entry,
                "ended_at": one.ended_at, "end_reason": one.end_reason,
            })
        })
        .collect();
    let messages = store::message::by_lead(connection, lead.lead_id, 10_000).await?;
    let messages: Vec<Value> = messages
        .iter()
        .map(|one| {
            json!({
                "message_id": one.message_id, "journey": one.journey_id, "step": one.step,
                "state": one.state.name(), "reason": one.reason, "queued_at": one.queued_at,
                "sending_at": one.sending_at, "settled_at": one.settled_at,
            })
        })
        .collect();
    let hits = store::link::of_lead(connection, lead.lead_id).await?;
    let hits: Vec<Value> = hits
        .iter()
        .map(|one| json!({ "message_id": one.message_id, "link": one.link_no, "at": one.at, "method": one.method }))
        .collect();
    Ok(json!({
        "lead_id": lead.lead_id, "lead": snapshot, "enrollments": enrollments, "messages": messages,
        "link_hits": hits,
    }))
}
