//! `leadflow watch`: the assigned-lead stream for people. It reconnects by its cursor and never shows an event twice.

use std::time::Duration;

use leadflow_proto::assignment::v1::{
    AssignmentEvent, Filter, Start, WatchAssignmentsRequest, WatchAssignmentsResponse, start::Position,
};
use tokio_stream::StreamExt as _;

use crate::client::Connection;
use crate::output::{Output, points, signed_points, time};

/// Follow the assigned leads.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  leadflow watch --all                        every fact, not only offers and owners
  leadflow watch --from earliest --json       the whole history, one JSON document a line
  leadflow watch --after CURSOR               go on where a --json line ended")]
pub(crate) struct Watch {
    /// Where to begin.
    #[arg(long, value_enum, default_value_t = From::Latest)]
    from: From,
    /// Begin after this cursor.
    #[arg(long, value_name = "CURSOR", conflicts_with = "from")]
    after: Option<String>,
    /// Every fact (touches, outcomes, updates), not only new owners.
    #[arg(long)]
    all: bool,
    /// Only this pool; may be repeated.
    #[arg(long, value_name = "POOL")]
    pool: Vec<String>,
    /// Only this rep; may be repeated.
    #[arg(long, value_name = "REP")]
    rep: Vec<String>,
    /// Smoke-test leads too.
    #[arg(long)]
    include_test: bool,
    /// End after so many leads.
    #[arg(long, value_name = "N")]
    exit_after: Option<u64>,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum From {
    Earliest,
    Latest,
}

/// Event types that say who is responsible.
const OWNER_TYPES: [&str; 3] =
    ["leadflow.assignment.offered.v1", "leadflow.assignment.assigned.v1", "leadflow.assignment.accepted.v1"];

impl Watch {
    pub(crate) async fn run(self, connection: &Connection, output: Output) -> anyhow::Result<()> {
        let mut cursor = self.after.clone();
        let mut shown = 0;
        loop {
            let ended = self.follow(connection, output, &mut cursor, &mut shown).await;
            if self.exit_after.is_some_and(|most| shown >= most) {
                return Ok(());
            }
            // The first connection must work; later breaks (a restart of the role) are waited out with the cursor kept.
            match (ended, &cursor) {
                (Err(error), None) => return Err(error),
                (Err(error), Some(_)) if !is_passing(&error) => return Err(error),
                (Err(error), Some(_)) => eprintln!("leadflow: stream interrupted ({error}); going on from the cursor"),
                (Ok(()), _) => {}
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    async fn follow(
        &self,
        connection: &Connection,
        output: Output,
        cursor: &mut Option<String>,
        shown: &mut u64,
    ) -> anyhow::Result<()> {
        let mut client = connection.stream().await?;
        let mut stream = client.watch_assignments(self.request(cursor.as_deref())).await?.into_inner();
        while let Some(response) = stream.next().await {
            let WatchAssignmentsResponse { items, cursor: batch_cursor, .. } = response?;
            for item in items {
                if let Some(event) = &item.event {
                    self.show(output, &item.cursor, event)?;
                    *shown += 1;
                }
                *cursor = Some(item.cursor);
                if self.exit_after.is_some_and(|most| *shown >= most) {
                    return Ok(());
                }
            }
            if !batch_cursor.is_empty() {
                *cursor = Some(batch_cursor);
            }
        }
        Ok(())
    }

    fn request(&self, cursor: Option<&str>) -> WatchAssignmentsRequest {
        let position = match (cursor, self.from) {
            (Some(cursor), _) => Position::AfterCursor(cursor.to_owned()),
            (None, From::Earliest) => Position::Earliest(true),
            (None, From::Latest) => Position::Latest(true),
        };
        let types = if self.all { Vec::new() } else { OWNER_TYPES.map(str::to_owned).to_vec() };
        let filter =
            Filter { types, pools: self.pool.clone(), rep_ids: self.rep.clone(), include_test: self.include_test };
        WatchAssignmentsRequest { start: Some(Start { position: Some(position) }), filter: Some(filter), max_batch: 0 }
    }

    fn show(&self, output: Output, cursor: &str, event: &AssignmentEvent) -> anyhow::Result<()> {
        if output.is_json() {
            return output.json_line(&serde_json::json!({ "cursor": cursor, "event": event }));
        }
        for line in describe(output, event) {
            output.line(&line)?;
        }
        Ok(())
    }
}

fn is_passing(error: &anyhow::Error) -> bool {
    match error.downcast_ref::<tonic::Status>() {
        Some(status) => matches!(
            status.code(),
            tonic::Code::Unavailable | tonic::Code::Unknown | tonic::Code::Internal | tonic::Code::Cancelled
        ),
        None => true,
    }
}

/// The lines for one event: who, for whom, why.
fn describe(output: Output, event: &AssignmentEvent) -> Vec<String> {
    let fact = event.r#type.trim_start_matches("leadflow.assignment.").trim_end_matches(".v1");
    let lead = event.lead.clone().unwrap_or_default();
    let assignment = event.assignment.clone().unwrap_or_default();
    let rep = if assignment.rep_name.is_empty() { &assignment.rep_id } else { &assignment.rep_name };
    let mut head = format!("{}  {:<9}", output.dim(&time(event.occurred_at.as_ref())), output.green(fact));
    head.push_str(&format!(" {}", output.bold(&person_line(&lead))));
    if !rep.is_empty() {
        head.push_str(&format!("  ->  {}", output.bold(rep)));
    }
    let mut lines = vec![head];
    let asked =
        if lead.hand_raise { format!(", asked by {}", lead.hand_raise_kind.replace('_', " ")) } else { String::new() };
    lines.push(format!(
        "    {} {}, grade {}, {} points{asked}  {}",
        lead.stage.to_uppercase(),
        if lead.company.is_empty() { &lead.company_domain } else { &lead.company },
        lead.fit_grade,
        points(lead.engagement_milli_points),
        output.dim(&event.lead_id)
    ));
    if !lead.hand_raise_text.is_empty() {
        lines.push(format!("    \"{}\"", one_line(&lead.hand_raise_text, 120)));
    }
    for reason in &lead.reasons {
        lines.push(format!("    {:>8}  {}", signed_points(reason.milli_points), reason.text));
    }
    for reason in &assignment.reasons {
        lines.push(format!("    {:>8}  {}", output.dim("rep"), reason.text));
    }
    lines
}

fn person_line(lead: &leadflow_proto::assignment::v1::LeadSnapshot) -> String {
    let full = format!("{} {}", lead.given_name, lead.family_name);
    let name = if full.trim().is_empty() { lead.name.as_str() } else { full.trim() };
    let contact = if lead.email.is_empty() { &lead.phone_e164 } else { &lead.email };
    match (name.is_empty(), contact.is_empty()) {
        (true, true) => "a visitor without a name".to_owned(),
        (true, false) => contact.clone(),
        (false, true) => name.to_owned(),
        (false, false) => format!("{name} <{contact}>"),
    }
}

/// What a visitor wrote must not move the cursor of an executive's terminal.
fn one_line(text: &str, most: usize) -> String {
    let clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let words = clean.split_whitespace().collect::<Vec<_>>().join(" ");
    if words.chars().count() <= most {
        return words;
    }
    words.chars().take(most).chain(std::iter::once('…')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_of_a_visitor_never_reach_the_terminal() {
        assert_eq!(one_line("hi\u{1b}[2J\r\n there", 50), "hi [2J there");
        assert_eq!(one_line("abcdef", 3), "abc…");
    }
}
