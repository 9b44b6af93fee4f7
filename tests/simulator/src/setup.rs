//! The sales team of the sample: made around the moment of the run, so that somebody is always there, whatever the hour
//! and the day, and one rep is about to close.

use jiff::{Timestamp, ToSpan as _, Zoned, tz::TimeZone};
use leadflow_proto::assignment::v1::{
    Pool, PoolMember, PutPoolRequest, PutRepRequest, Rep, SetPresenceRequest, WorkingHours,
    assignment_admin_service_client::AssignmentAdminServiceClient,
};
use tonic::transport::Channel;

/// Adds the bearer key to every call.
#[derive(Clone)]
pub struct Bearer(tonic::metadata::MetadataValue<tonic::metadata::Ascii>);

impl Bearer {
    /// # Errors
    /// If the key has characters that no key has.
    pub fn new(key: &str) -> anyhow::Result<Self> {
        Ok(Self(format!("Bearer {key}").parse()?))
    }
}

impl tonic::service::Interceptor for Bearer {
    fn call(&mut self, mut request: tonic::Request<()>) -> Result<tonic::Request<()>, tonic::Status> {
        request.metadata_mut().insert("authorization", self.0.clone());
        Ok(request)
    }
}

/// A channel with the key on it.
pub type Authorized = tonic::service::interceptor::InterceptedService<Channel, Bearer>;

/// Connects to a role.
///
/// # Errors
/// If it cannot be reached within 10 s.
pub async fn connect(url: &str, api_key: &str) -> anyhow::Result<Authorized> {
    let endpoint =
        tonic::transport::Endpoint::from_shared(url.to_owned())?.connect_timeout(std::time::Duration::from_secs(10));
    Ok(Authorized::new(endpoint.connect().await?, Bearer::new(api_key)?))
}

/// Id of the sample pool.
pub const POOL: &str = "inbound";

/// Id, name, zone, weight.
const TEAM: [(&str, &str, &str, i32); 4] = [
    ("dana", "Dana Reyes", "Europe/Berlin", 2),
    ("eli", "Eli Novak", "Europe/Berlin", 1),
    ("mona", "Mona Clarke", "America/New_York", 2),
    ("theo", "Theo Lang", "America/New_York", 1),
];

/// Makes the four reps and their pool, all present. Doing it again changes nothing but the hours.
///
/// # Errors
/// If the admin service refuses.
pub async fn sample_team(channel: Authorized, now: Timestamp) -> anyhow::Result<()> {
    let mut admin = AssignmentAdminServiceClient::new(channel);
    for (rep_id, name, zone, _) in TEAM {
        // Theo closes soon: an offer to him must be answered before he leaves.
        let hours_left = if rep_id == "theo" { 1 } else { 9 };
        let rep = Rep {
            rep_id: rep_id.to_owned(),
            name: name.to_owned(),
            email: format!("{rep_id}@sales-team.example"),
            time_zone: zone.to_owned(),
            schedule: hours_around(now, zone, hours_left)?,
            max_open: 0,
            max_day: 0,
            ..Default::default()
        };
        admin.put_rep(PutRepRequest { rep: Some(rep) }).await?;
        admin.set_presence(SetPresenceRequest { rep_id: rep_id.to_owned(), present: true }).await?;
    }
    let members =
        TEAM.map(|(rep_id, _, _, weight)| PoolMember { rep_id: rep_id.to_owned(), weight, ..Default::default() });
    let pool = Pool {
        pool_id: POOL.to_owned(),
        name: "Inbound".to_owned(),
        is_default: true,
        offer_timeout: Some(pbjson_types::Duration { seconds: 120, nanos: 0 }),
        round_pause: Some(pbjson_types::Duration { seconds: 30, nanos: 0 }),
        owner_match: true,
        members: members.to_vec(),
        ..Default::default()
    };
    admin.put_pool(PutPoolRequest { pool: Some(pool) }).await?;
    Ok(())
}

/// Working hours from two hours ago until `hours_left` from now, in the rep's own zone, cut at midnight where they cross it.
fn hours_around(now: Timestamp, zone: &str, hours_left: i64) -> anyhow::Result<Vec<WorkingHours>> {
    let here = now.to_zoned(TimeZone::get(zone)?);
    let (start, end) = (here.checked_sub(2.hours())?, here.checked_add(hours_left.hours())?);
    if start.date() == end.date() {
        return Ok(vec![hours_of(&start, minute(&start), minute(&end))]);
    }
    let mut hours = vec![hours_of(&start, minute(&start), 1440)];
    if minute(&end) > 0 {
        hours.push(hours_of(&end, 0, minute(&end)));
    }
    Ok(hours)
}

fn hours_of(day: &Zoned, start_minute: i32, end_minute: i32) -> WorkingHours {
    WorkingHours { weekday: i32::from(day.weekday().to_monday_one_offset()), start_minute, end_minute }
}

fn minute(at: &Zoned) -> i32 {
    i32::from(at.hour()) * 60 + i32::from(at.minute())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn somebody_is_there_at_every_hour_of_the_week() {
        let monday: Timestamp = "2026-03-23T00:00:00Z".parse().expect("a time");
        for hour in 0..24 * 14 {
            let now = monday + hour.hours();
            for (_, _, zone, _) in TEAM {
                let here = now.to_zoned(TimeZone::get(zone).expect("a zone"));
                let hours = hours_around(now, zone, 1).expect("hours");
                let open = hours.iter().any(|span| {
                    span.weekday == i32::from(here.weekday().to_monday_one_offset())
                        && (span.start_minute..span.end_minute).contains(&minute(&here))
                });
                assert!(open, "{zone} at {here}: {hours:?}");
                assert!(hours.iter().all(|span| span.start_minute < span.end_minute), "{hours:?}");
            }
        }
    }
}
