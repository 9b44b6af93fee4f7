//! Where the time of an offer went: the moments that the services themselves wrote down, put between the request and the
//! arrival. For people who look for what limits a latency; no figure stands on it.

use std::fmt::Write as _;

use jiff::Timestamp;

use crate::deployment::Deployment;
use crate::report;

/// One offer, from outside.
pub(crate) struct Seen<'a> {
    /// Which lead.
    pub(crate) lead_id: &'a str,
    /// When its request was meant to be sent.
    pub(crate) sent: Timestamp,
    /// When it arrived.
    pub(crate) arrived: Timestamp,
}

/// From each moment to the next.
const STAGES: [&str; 4] = [
    "request to qualification's transaction",
    "to assignment's transaction",
    "to the record on the topic",
    "to the reader of the stream",
];

/// By lead: when qualification's and assignment's transactions began, and when the broker took the offer.
const MOMENTS: &str = "select a.lead_id::text, \
    extract(epoch from (select max(d.at) from qualification.decision d where d.lead_id = a.lead_id and d.at <= a.offered_at))::float8, \
    extract(epoch from a.offered_at)::float8, extract(epoch from s.at)::float8 \
    from assignment.assignment a join assignment.assignment_stream s on s.lead_id = a.lead_id and s.sequence = 1 \
    where a.lead_id = any($1::text[]::uuid[])";

/// The medians of the stages, in milliseconds, as one line.
///
/// # Errors
/// As the database says.
pub(crate) async fn describe(deployment: &mut Deployment, offers: &[Seen<'_>]) -> anyhow::Result<String> {
    let leads: Vec<String> = offers.iter().map(|offer| offer.lead_id.to_owned()).collect();
    let rows: Vec<(String, Option<f64>, f64, f64)> = deployment.rows(MOMENTS, &leads).await?;
    let mut stages: [Vec<f64>; 4] = Default::default();
    for (lead_id, qualified, offered, told) in &rows {
        let Some(offer) = offers.iter().find(|offer| offer.lead_id == lead_id) else { continue };
        let Some(qualified) = qualified else { continue };
        let seconds = |at: Timestamp| at.as_microsecond() as f64 / 1e6;
        let moments = [seconds(offer.sent), *qualified, *offered, *told, seconds(offer.arrived)];
        for (stage, pair) in stages.iter_mut().zip(moments.windows(2)) {
            stage.push((pair[1] - pair[0]) * 1000.0);
        }
    }
    let mut line = String::new();
    for (name, samples) in STAGES.iter().zip(&stages) {
        let (_, median, _) = report::spread(samples).unwrap_or_default();
        write!(line, "{}{name} {median:.1}", if line.is_empty() { "" } else { ", " })?;
    }
    Ok(line)
}
