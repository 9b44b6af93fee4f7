//! `leadflow lead show` and `lead list`.

use leadflow_proto::qualification::v1::{
    Lead, LeadReason, LeadSnapshot, ListLeadsRequest, ListTimelineRequest, TimelineEntry, list_timeline_request,
};

use super::Who;
use crate::client::Connection;
use crate::figures::{count, points, signed_points, time};
use crate::output::Output;
use crate::text::{Line, bold, dim, plain, yellow};

pub(crate) async fn show(who: &str, timeline: bool, connection: &Connection, output: Output) -> anyhow::Result<()> {
    let request = Who::parse(who)?.request();
    let lead = connection.leads().await?.get_lead(request).await?.into_inner().lead.unwrap_or_default();
    if output.is_json() {
        output.json_line(&lead)?;
    } else {
        print_lead(output, &lead)?;
    }
    if timeline {
        show_timeline(&lead.lead_id, connection, output).await?;
    }
    Ok(())
}

fn print_lead(output: Output, lead: &Lead) -> anyhow::Result<()> {
    let snapshot = lead.snapshot.clone().unwrap_or_default();
    output.line(bold(headline(&snapshot)))?;
    output.line(format!("  lead      {}  (sequence {})", lead.lead_id, lead.sequence))?;
    let why = match snapshot.disqualified_reason.as_str() {
        "" => String::new(),
        reason => format!(": {reason}"),
    };
    output.line(format!("  stage     {}{why}", snapshot.stage))?;
    output.line(format!(
        "  score     {} points, grade {}",
        points(snapshot.engagement_milli_points),
        snapshot.fit_grade
    ))?;
    let owner = snapshot.owner.clone().unwrap_or_default();
    output.line(format!("  owner     {}", if owner.rep_id.is_empty() { "nobody yet" } else { &owner.rep_id }))?;
    output.line(format!("  opened    {}", time(lead.opened_at.as_ref())))?;
    reasons(output, &snapshot.reasons)
}

/// Lines that add up, each with how many events stand behind it.
pub(super) fn reasons(output: Output, reasons: &[LeadReason]) -> anyhow::Result<()> {
    for reason in reasons {
        let mut line = Line::from(format!("  {:>9}  {}", signed_points(reason.milli_points), reason.text));
        if reason.event_count > 0 {
            line.push(dim(format!("  {}", count(reason.event_count, "event"))));
        }
        output.line(line)?;
    }
    Ok(())
}

async fn show_timeline(lead_id: &str, connection: &Connection, output: Output) -> anyhow::Result<()> {
    let mut client = connection.leads().await?;
    let key = Some(list_timeline_request::Key::LeadId(lead_id.to_owned()));
    let mut page_token = String::new();
    loop {
        let request = ListTimelineRequest { page_size: 200, page_token, key: key.clone() };
        let page = client.list_timeline(request).await?.into_inner();
        page.entries.iter().try_for_each(|entry| print_act(output, entry))?;
        if page.next_page_token.is_empty() {
            return Ok(());
        }
        page_token = page.next_page_token;
    }
}

fn print_act(output: Output, entry: &TimelineEntry) -> anyhow::Result<()> {
    if output.is_json() {
        return output.json_line(entry);
    }
    let at = time(entry.occurred_at.as_ref());
    let mut line = Line::from(format!("  {at}  {:<18} {}", entry.kind, entry.name));
    if !entry.bot_reason.is_empty() {
        line.push(yellow(format!("  not human: {}", entry.bot_reason)));
    }
    if entry.voided {
        line.push(yellow("  voided"));
    }
    line.push(dim(format!("  {}", entry.event_id)));
    output.line(line)
}

pub(crate) async fn list(
    stages: Vec<String>,
    most: i32,
    connection: &Connection,
    output: Output,
) -> anyhow::Result<()> {
    let request = ListLeadsRequest { page_size: most, stages, ..Default::default() };
    let page = connection.leads().await?.list_leads(request).await?.into_inner();
    if output.is_json() {
        return page.leads.iter().try_for_each(|lead| output.json_line(lead));
    }
    let rows = page.leads.iter().map(|lead| {
        let snapshot = lead.snapshot.clone().unwrap_or_default();
        let owner = snapshot.owner.clone().unwrap_or_default().rep_id;
        vec![
            plain(&lead.lead_id),
            plain(headline(&snapshot)),
            plain(&snapshot.stage),
            plain(&snapshot.fit_grade),
            plain(points(snapshot.engagement_milli_points)),
            plain(if owner.is_empty() { "-" } else { &owner }),
        ]
    });
    output.table(&["LEAD", "WHO", "STAGE", "FIT", "POINTS", "OWNER"], rows.collect())
}

fn headline(snapshot: &LeadSnapshot) -> String {
    let contact = snapshot.contact.clone().unwrap_or_default();
    let full = format!("{} {}", contact.given_name, contact.family_name);
    let name = if full.trim().is_empty() { contact.name.clone() } else { full.trim().to_owned() };
    let address = if contact.email.is_empty() { contact.phone_e164 } else { contact.email };
    match (name.is_empty(), address.is_empty()) {
        (true, true) => "a visitor without a name".to_owned(),
        (true, false) => address,
        (false, true) => name,
        (false, false) => format!("{name} <{address}>"),
    }
}
