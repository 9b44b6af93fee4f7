//! The sales team of the figures: fifty reps with weights 1 to 5, always there, in one pool whose offers stay open for the
//! whole run.

use leadflow_proto::assignment::v1::{
    Pool, PoolMember, PutPoolRequest, PutRepRequest, Rep, SetPresenceRequest,
    assignment_admin_service_client::AssignmentAdminServiceClient,
};
use leadflow_simulator::setup::{self, Authorized};

use crate::deployment::Deployment;

/// How many reps.
pub(crate) const REPS: i32 = 50;
const OFFER_SECONDS: i64 = 7200;

/// The service that manages reps and pools.
///
/// # Errors
/// If assignment does not answer.
pub(crate) async fn admin(deployment: &Deployment) -> anyhow::Result<AssignmentAdminServiceClient<Authorized>> {
    Ok(AssignmentAdminServiceClient::new(channel(deployment).await?))
}

/// Connects to assignment with a key for everything.
///
/// # Errors
/// If it does not answer.
pub(crate) async fn channel(deployment: &Deployment) -> anyhow::Result<Authorized> {
    let url = deployment.stand.urls("assignment").into_iter().next().unwrap_or_default();
    setup::connect(&url, deployment.stand.api_key()).await
}

/// Makes them. `most` caps the open leads of each and those of a day; 0 is no cap.
///
/// # Errors
/// If the admin service refuses.
pub(crate) async fn hire(deployment: &Deployment, most: i32) -> anyhow::Result<()> {
    let mut admin = admin(deployment).await?;
    for number in 1..=REPS {
        let rep_id = format!("rep{number}");
        let rep = Rep {
            name: format!("Rep {number}"),
            email: format!("{rep_id}@sales-team.example"),
            time_zone: "UTC".to_owned(),
            max_open: most,
            max_day: most,
            rep_id: rep_id.clone(),
            ..Default::default()
        };
        admin.put_rep(PutRepRequest { rep: Some(rep) }).await?;
        admin.set_presence(SetPresenceRequest { rep_id, present: true }).await?;
    }
    let member =
        |number: i32| PoolMember { rep_id: format!("rep{number}"), weight: 1 + number % 5, ..Default::default() };
    let pool = Pool {
        pool_id: "inbound".to_owned(),
        name: "Inbound".to_owned(),
        is_default: true,
        offer_timeout: Some(pbjson_types::Duration { seconds: OFFER_SECONDS, nanos: 0 }),
        members: (1..=REPS).map(member).collect(),
        ..Default::default()
    };
    admin.put_pool(PutPoolRequest { pool: Some(pool) }).await?;
    Ok(())
}
