//! `leadflow lead show` and `lead list`.

use leadflow_proto::qualification::v1::{
    GetLeadRequest, LeadReason, LeadSnapshot, ListLeadsRequest, ListTimelineRequest, get_lead_request,
    list_timeline_request,
};

use crate::client::Connection;
use crate::output::{Output, points, signed_points, time};

pub(crate) async fn show(who: &str, timeline: bool, connection: &Connection, output: Output) -> anyhow::Result<()> {
    let key = if who.contains('@') {
        get_lead_request::Key::Email(who.to_owned())
    } else {
        get_lead_request::Key::LeadId(who.to_owned())
    };
    let mut client = connection.leads().await?;
    let lead = client.get_lead(GetLeadRequest { key: Some(key) }).await?.into_inner().lead.unwrap_or_default();
    let snapshot = lead.snapshot.clone().unwrap_or_default();
    if output.is_json() {
        output.json_line(&lead)?;
    } else {
        output.line(&output.bold(&headline(&snapshot)))?;
        output.line(&format!("  lead      {}  (sequence {})", lead.lead_id, lead.sequence))?;
        output.line(&format!("  stage     {}", snapshot.stage))?;
        output.line(&format!(
            "  score     {} points, grade {}",
            points(snapshot.engagement_milli_points),
            snapshot.fit_grade
        ))?;
        let owner = snapshot.owner.clone().unwrap_or_default();
        output.line(&format!("  owner     {}", if owner.rep_id.is_empty() { "nobody yet" } else { &owner.rep_id }))?;
        output.line(&format!("  opened    {}", time(lead.opened_at.as_ref())))?;
        reasons(output, &snapshot.reasons)?;
    }
    if timeline {
        show_timeline(&lead.lead_id, connection, output).await?;
    }
    Ok(())
}

/// Lines that add up, each with how many events stand behind it.
pub(super) fn reasons(output: Output, reasons: &[LeadReason]) -> anyhow::Result<()> {
    for reason in reasons {
        let count = match reason.event_count {
            0 => String::new(),
            1 => output.dim("  1 event"),
            n => output.dim(&format!("  {n} events")),
        };
        output.line(&format!("  {:>9}  {}{count}", signed_points(reason.milli_points), reason.text))?;
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
        for entry in &page.entries {
            if output.is_json() {
                output.json_line(entry)?;
                continue;
            }
            let mark = if entry.bot_reason.is_empty() {
                String::new()
            } else {
                output.yellow(&format!("  not human: {}", entry.bot_reason))
            };
            let voided = if entry.voided { output.yellow("  voided") } else { String::new() };
            output.line(&format!(
                "  {}  {:<18} {}{mark}{voided}  {}",
                time(entry.occurred_at.as_ref()),
                entry.kind,
                entry.name,
                output.dim(&entry.event_id)
            ))?;
        }
        if page.next_page_token.is_empty() {
            return Ok(());
        }
        page_token = page.next_page_token;
    }
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
            lead.lead_id.clone(),
            headline(&snapshot),
            snapshot.stage.clone(),
            snapshot.fit_grade.clone(),
            points(snapshot.engagement_milli_points),
            if owner.is_empty() { "-".to_owned() } else { owner },
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
