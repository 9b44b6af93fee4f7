//! `leadflow watch`: the assigned-lead stream for people. It reconnects by its cursor and never shows an event twice.

use std::time::Duration;

use leadflow_proto::assignment::v1::{
    AssignmentEvent, Filter, LeadSnapshot, ListPoolsRequest, ListRepsRequest, Start, WatchAssignmentsRequest,
    WatchAssignmentsResponse, start::Position,
};
use tokio_stream::StreamExt as _;

use crate::client::Connection;
use crate::figures::{points, signed_points, time};
use crate::output::Output;
use crate::text::{Line, bold, dim, green, plain, shortened};

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
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
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
        self.doubt_names(connection, output).await;
        loop {
            let ended = self.follow(connection, output, &mut cursor, &mut shown).await;
            if self.exit_after.is_some_and(|most| shown >= most) {
                return Ok(());
            }
            // The first connection must work; later breaks (a restart of the role) are waited out with the cursor kept.
            match (ended, &cursor) {
                (Err(error), None) => return Err(error),
                (Err(error), Some(_)) if !is_passing(&error) => return Err(error),
                (Err(error), Some(_)) => {
                    output.note(format!("leadflow: stream interrupted ({error}); going on from the cursor"));
                }
                (Ok(()), _) => {}
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    /// A name with a typing mistake would wait for ever. Only a hint: the pool may come later, and the key of a reader may
    /// not be allowed to ask.
    async fn doubt_names(&self, connection: &Connection, output: Output) {
        if self.pool.is_empty() && self.rep.is_empty() {
            return;
        }
        let Ok(mut admin) = connection.assignment_admin().await else { return };
        if !self.pool.is_empty()
            && let Ok(known) = admin.list_pools(ListPoolsRequest {}).await
        {
            let known: Vec<String> = known.into_inner().pools.into_iter().map(|pool| pool.pool_id).collect();
            hint(output, "pool", &self.pool, &known);
        }
        if !self.rep.is_empty()
            && let Ok(known) = admin.list_reps(ListRepsRequest {}).await
        {
            let known: Vec<String> = known.into_inner().reps.into_iter().map(|rep| rep.rep_id).collect();
            hint(output, "rep", &self.rep, &known);
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
        for line in describe(event) {
            output.line(line)?;
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

fn hint(output: Output, what: &str, asked: &[String], known: &[String]) {
    for name in asked.iter().filter(|name| !known.contains(name)) {
        let known =
            if known.is_empty() { "there is none yet".to_owned() } else { format!("known: {}", known.join(", ")) };
        output.note(format!("leadflow: there is no {what} `{name}`, so nothing may come; {known}"));
    }
}

/// The lines for one event: who, for whom, why.
fn describe(event: &AssignmentEvent) -> Vec<Line> {
    let fact = event.r#type.trim_start_matches("leadflow.assignment.").trim_end_matches(".v1");
    let assignment = event.assignment.clone().unwrap_or_default();
    let rep = if assignment.rep_name.is_empty() { &assignment.rep_id } else { &assignment.rep_name };
    let person = event.lead.as_ref().map_or_else(|| "lead".to_owned(), person_line);
    let mut head = Line::from([
        dim(time(event.occurred_at.as_ref())),
        plain("  "),
        green(format!("{fact:<9}")),
        plain(" "),
        bold(person),
    ]);
    if !rep.is_empty() {
        head.push(plain("  ->  "));
        head.push(bold(rep));
    }
    let Some(lead) = &event.lead else {
        // Erased: nothing is left to tell but whose copy is to be deleted.
        head.push(dim(format!("  {}", event.lead_id)));
        return vec![head];
    };
    let mut lines =
        vec![head, Line::from([plain(format!("    {}", standing(lead))), dim(format!("  {}", event.lead_id))])];
    if !lead.hand_raise_text.is_empty() {
        lines.push(format!("    \"{}\"", shortened(&lead.hand_raise_text, 120)).into());
    }
    for reason in &lead.reasons {
        lines.push(format!("    {:>8}  {}", signed_points(reason.milli_points), reason.text).into());
    }
    for reason in &assignment.reasons {
        lines.push(Line::from([dim(format!("    {:>8}", "rep")), plain(format!("  {}", reason.text))]));
    }
    lines
}

/// "MQL Acme, grade B, 42 points, asked by demo request"; without a company nothing stands in its place.
fn standing(lead: &LeadSnapshot) -> String {
    let company = if lead.company.is_empty() { &lead.company_domain } else { &lead.company };
    let stage = lead.stage.to_uppercase();
    let stage_and_company = if company.is_empty() { stage } else { format!("{stage} {company}") };
    let asked =
        if lead.hand_raise { format!(", asked by {}", lead.hand_raise_kind.replace('_', " ")) } else { String::new() };
    let points = points(lead.engagement_milli_points);
    format!("{stage_and_company}, grade {}, {points} points{asked}", lead.fit_grade)
}

fn person_line(lead: &LeadSnapshot) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lead_without_a_company_leaves_no_gap() {
        let mut lead = LeadSnapshot { stage: "mql".into(), fit_grade: "D".into(), ..Default::default() };
        assert_eq!(standing(&lead), "MQL, grade D, 0 points");
        lead.company_domain = "acme.example".into();
        lead.hand_raise = true;
        lead.hand_raise_kind = "demo_request".into();
        assert_eq!(standing(&lead), "MQL acme.example, grade D, 0 points, asked by demo request");
    }

    #[test]
    fn an_erased_lead_is_one_line() {
        let event = AssignmentEvent {
            r#type: "leadflow.assignment.erased.v1".into(),
            lead_id: "7d1c".into(),
            ..Default::default()
        };
        let lines: Vec<String> = describe(&event).iter().map(|line| line.render(false)).collect();
        assert_eq!(lines, ["-  erased    lead  7d1c"]);
    }

    #[test]
    fn names_with_a_typing_mistake_are_doubted() {
        let (output, kept) = Output::kept(false, false);
        let text = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        hint(output, "pool", &text(&["inbound", "nope"]), &text(&["inbound", "partners"]));
        let said = kept.lock().expect("no other").clone();
        assert_eq!(said, "leadflow: there is no pool `nope`, so nothing may come; known: inbound, partners\n");
    }
}
