//! Publishing a journey: an immutable version, and whether people in flight go along.

use std::sync::Arc;

use leadflow_platform::error::{ApiError, Code, FieldError};
use leadflow_platform::pg::WriteTx;
use leadflow_proto::nurture::v1::{Journey as JourneyProto, PublishJourneyRequest, PublishJourneyResponse};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::{Desk, hexadecimal};
use crate::domain::journey::Finding;
use crate::domain::journey::plan::Action;
use crate::journeys::{self, Compiled};
use crate::store;
use crate::store::journey::JourneyRow;
use crate::wire::to_proto_time;

/// Largest file.
pub(super) const LARGEST_BODY: usize = 1 << 20;
/// People moved in one transaction.
const PAGE: i64 = 500;

impl Desk {
    /// Reads and checks a file for publishing.
    pub(super) fn read(&self, body: &[u8]) -> Result<Compiled, ApiError> {
        if body.len() > LARGEST_BODY {
            return Err(ApiError::invalid("body", "is larger than 1 MiB"));
        }
        let (compiled, _) = journeys::read(body, 0).map_err(|findings| wrong(&findings))?;
        for step in &compiled.journey.steps {
            if let Action::Webhook { endpoint } = &step.action
                && !self.config.webhooks.contains_key(endpoint)
            {
                let known: Vec<&str> = self.config.webhooks.keys().map(String::as_str).collect();
                let message = format!(
                    "{endpoint:?} does not stand under nurture.webhooks in the configuration; there are: {}",
                    known.join(", ")
                );
                return Err(wrong(&[Finding::error(format!("steps.{}.webhook.endpoint", step.id), message)]));
            }
        }
        Ok(compiled)
    }

    pub(super) async fn publish(
        &self,
        request: PublishJourneyRequest,
        by: &str,
    ) -> Result<PublishJourneyResponse, ApiError> {
        let compiled = self.read(&request.body)?;
        let journey_id = compiled.journey.journey_id.clone();
        let sha256 = Sha256::digest(&request.body).to_vec();
        let mut tx = self.database.write_tx("publish_journey").await?;
        let active = store::journey::lock(tx.connection(), &journey_id).await?;
        let known = store::journey::by_text(tx.connection(), &journey_id, &sha256).await?;
        let created = known.is_none();
        let version = match known {
            Some(version) => version,
            None => {
                let version = store::journey::newest(tx.connection(), &journey_id).await? + 1;
                let row = JourneyRow {
                    journey_id: journey_id.clone(),
                    version,
                    sha256: sha256.clone(),
                    title: compiled.journey.source.title.clone(),
                    body: request.body.to_vec(),
                    published_at: tx.now(),
                    published_by: by.to_owned(),
                };
                store::journey::insert(tx.connection(), &row).await?;
                version
            }
        };
        if version != active {
            store::journey::activate(tx.connection(), &journey_id, version).await?;
        }
        tx.commit().await?;
        let migrated = if request.migrate { self.migrate(&journey_id, version).await? } else { 0 };
        let journey = self.journey(&journey_id, version).await?.map(|(journey, _)| journey);
        Ok(PublishJourneyResponse { journey, created, migrated })
    }

    /// Moves people in flight whose step the new version has. Each page is one transaction.
    async fn migrate(&self, journey_id: &str, version: i32) -> Result<i32, ApiError> {
        let mut moved = 0;
        let mut after = Uuid::nil();
        loop {
            let mut tx = self.database.write_tx("migrate_journey").await?;
            let target = self.journeys.get(tx.connection(), journey_id, version).await?;
            let Some(target) = target else { return Err(ApiError::not_found("version")) };
            let page = store::enrollment::in_flight(tx.connection(), journey_id, after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(moved) };
            after = last.enrollment_id;
            moved += migrate_page(&mut tx, &target, page).await?;
            tx.commit().await?;
        }
    }

    /// A version with its text.
    pub(super) async fn journey(
        &self,
        journey_id: &str,
        version: i32,
    ) -> Result<Option<(JourneyProto, Vec<u8>)>, ApiError> {
        let pool = self.database.pool();
        let active = store::journey::active(pool).await?;
        let active = active.into_iter().find(|(name, ..)| name == journey_id);
        let Some((_, active_version, paused)) = active else { return Ok(None) };
        let version = if version == 0 { active_version } else { version };
        let Some(row) = store::journey::load(pool, journey_id, version).await? else { return Ok(None) };
        let in_flight = store::journey::in_flight(pool, journey_id).await?;
        let in_flight = in_flight.into_iter().find(|(of, _)| *of == version).map_or(0, |(_, n)| n);
        let state = match (version == active_version, paused) {
            (true, true) => "paused",
            (true, false) => "active",
            (false, _) => "superseded",
        };
        let journey = JourneyProto {
            journey_id: row.journey_id,
            version,
            title: row.title,
            sha256: hexadecimal(&row.sha256),
            state: state.to_owned(),
            published_at: Some(to_proto_time(row.published_at)),
            published_by: row.published_by,
            in_flight,
        };
        Ok(Some((journey, row.body)))
    }
}

async fn migrate_page(
    tx: &mut WriteTx,
    target: &Arc<Compiled>,
    page: Vec<store::enrollment::Enrollment>,
) -> Result<i32, ApiError> {
    let hashes = page.iter().map(|one| one.email_hash.clone()).collect();
    store::contact::lock(tx.connection(), &hashes).await?;
    // Again under the locks.
    let ids: Vec<Uuid> = page.iter().map(|one| one.enrollment_id).collect();
    let mut moved = Vec::new();
    for mut one in store::enrollment::by_ids(tx.connection(), &ids).await? {
        let fits = target.journey.by_id.contains_key(&one.context.step);
        if one.state != store::enrollment::EnrollmentState::Active || one.version == target.version || !fits {
            continue;
        }
        one.version = target.version;
        one.context.migrated = true;
        moved.push(one);
    }
    let rows: Vec<&_> = moved.iter().collect();
    store::enrollment::save(tx.connection(), &rows).await?;
    Ok(i32::try_from(moved.len()).unwrap_or(i32::MAX))
}

/// Findings as fields of the request.
pub(super) fn wrong(findings: &[Finding]) -> ApiError {
    let errors = findings.iter().filter(|finding| !finding.warning);
    let fields: Vec<FieldError> = errors
        .map(|finding| FieldError { pointer: format!("body/{}", finding.place), message: finding.message.clone() })
        .collect();
    if fields.is_empty() {
        return ApiError::new(Code::InvalidArgument, "the journey cannot be read");
    }
    ApiError::invalid_fields(fields)
}
