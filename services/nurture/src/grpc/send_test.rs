//! One mail of a journey to one's own address: the same words, headers and relay as for everybody, marked as a test, and in
//! no ledger. Where its links lead is kept apart, so that the door can show them.

use std::collections::BTreeMap;

use leadflow_platform::error::{ApiError, Code};
use leadflow_platform::identifier::normalise_email;
use leadflow_platform::pg::PgError;
use leadflow_proto::nurture::v1::{SendTestRequest, SendTestResponse};
use leadflow_proto::qualification::v1::{Contact, LeadSnapshot};
use prost::Message as _;
use uuid::Uuid;

use super::{Desk, uuid};
use crate::domain::journey::plan::Action;
use crate::sender::compose::{self, Letter};
use crate::smtp::Verdict;
use crate::store;

impl Desk {
    /// Sends it.
    ///
    /// # Errors
    /// What is wrong with the journey, the step or the address; what the relay says against it.
    pub async fn send_test(&self, request: SendTestRequest) -> Result<SendTestResponse, ApiError> {
        let compiled = self.read(&request.body)?;
        let to = normalise_email(&request.to).map_err(|error| ApiError::invalid("to", error.to_string()))?;
        if !self.config.allows(&to) {
            return Err(ApiError::failed_precondition(
                "NOT_ALLOWED",
                "this deployment writes to the addresses of nurture.allow_only alone",
            ));
        }
        let mails = compiled.journey.steps.iter().filter(|step| matches!(step.action, Action::Mail { .. }));
        let mails: Vec<&str> = mails.map(|step| step.id.as_str()).collect();
        let step = match request.step.as_str() {
            "" => mails.first().copied().unwrap_or_default(),
            step => step,
        };
        if !mails.contains(&step) {
            return Err(ApiError::invalid(
                "step",
                format!("is no mail of this journey; there are: {}", mails.join(", ")),
            ));
        }
        let lead_id = match request.lead_id.as_str() {
            "" => None,
            lead_id => Some(uuid("lead_id", lead_id)?),
        };
        let lead = match lead_id {
            None => sample(&to),
            Some(lead_id) => self.snapshot(lead_id).await?,
        };
        let message_id = Uuid::now_v7();
        let letter = Letter {
            message_id,
            compiled: &compiled,
            step,
            to: &to,
            lead: &lead,
            entry: &BTreeMap::new(),
            date: self.database.now().await?,
        };
        let ready = compose::write(&letter, &self.config, &self.signer)
            .map_err(|error| ApiError::invalid("body", format!("the mail cannot be written: {error}")))?;
        self.keep_sample(message_id, lead_id, &ready.links).await?;
        let composed = ready.composed;
        let open = self.relay.open(&composed.envelope_from, &composed.envelope_to).await;
        let open = open.map_err(|refusal| ApiError::new(Code::Unavailable, format!("the relay: {refusal}")))?;
        match open.transmit(&composed.bytes).await {
            Verdict::Sent { .. } => Ok(SendTestResponse { message_id: message_id.to_string(), subject: ready.subject }),
            Verdict::Transient { code, .. } | Verdict::Permanent { code, .. } => {
                Err(ApiError::failed_precondition("RELAY_REFUSED", format!("the relay refused the mail with {code}")))
            }
            Verdict::Uncertain { why } => {
                Err(ApiError::new(Code::Unavailable, format!("it may have been sent: {why}")))
            }
        }
    }

    /// Before it leaves: whoever has the mail can follow its links.
    async fn keep_sample(&self, message_id: Uuid, lead_id: Option<Uuid>, links: &[String]) -> Result<(), ApiError> {
        let mut tx = self.database.write_tx("sample").await?;
        let now = tx.now();
        store::sample::insert(tx.connection(), message_id, lead_id, links, now).await?;
        tx.commit().await?;
        Ok(())
    }

    async fn snapshot(&self, lead_id: Uuid) -> Result<LeadSnapshot, ApiError> {
        let mut connection = self.database.pool().acquire().await.map_err(PgError::from)?;
        let lead = store::lead::load(&mut connection, &[lead_id]).await?.pop();
        let bytes = lead.and_then(|lead| lead.snapshot).ok_or_else(|| ApiError::not_found("lead"))?;
        Ok(LeadSnapshot::decode(bytes.as_slice()).unwrap_or_default())
    }
}

fn sample(to: &str) -> LeadSnapshot {
    LeadSnapshot {
        stage: "open".to_owned(),
        fit_grade: "B".to_owned(),
        contact: Some(Contact {
            email: to.to_owned(),
            given_name: "Kim".to_owned(),
            family_name: "Sample".to_owned(),
            name: "Kim Sample".to_owned(),
            company: "Sample Works".to_owned(),
            country: "DE".to_owned(),
            locale: "en".to_owned(),
            ..Contact::default()
        }),
        ..LeadSnapshot::default()
    }
}
