//! `leadflow lead explain`: today's score line by line, then every decision of every service, oldest first.
//! `--all --replay` re-executes the decisions of the whole deployment and fails on the first difference.

use std::process::ExitCode;

use leadflow_proto::assignment::v1 as assignment;
use leadflow_proto::qualification::v1 as qualification;
use serde_json::json;

use super::list::reasons;
use crate::client::Connection;
use crate::output::{Output, points, signed_points, time};

/// Why this score, stage and owner.
#[derive(Debug, clap::Args)]
pub(crate) struct Explain {
    /// An e-mail address, or the id of a lead.
    #[arg(value_name = "E-MAIL|LEAD", required_unless_present = "all")]
    who: Option<String>,
    /// Every decision of every service.
    #[arg(long, conflicts_with = "who")]
    all: bool,
    /// Re-execute each decision and compare the bytes; exit 1 on the first difference.
    #[arg(long)]
    replay: bool,
}

impl Explain {
    pub(crate) async fn run(self, connection: &Connection, output: Output) -> anyhow::Result<ExitCode> {
        let mut tally = Tally::default();
        match &self.who {
            Some(who) => self.one(who, connection, output, &mut tally).await?,
            None => self.everything(connection, output, &mut tally).await?,
        }
        if self.replay {
            let sentence = format!(
                "{} decisions, {} re-executed to the same bytes, {} erased, {} different",
                tally.seen, tally.equal, tally.erased, tally.different
            );
            eprintln!("{sentence}");
        }
        Ok(if tally.different > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }

    async fn one(&self, who: &str, connection: &Connection, output: Output, tally: &mut Tally) -> anyhow::Result<()> {
        use qualification::explain_decision_request::Key;
        let key = if who.contains('@') { Key::Email(who.to_owned()) } else { Key::LeadId(who.to_owned()) };
        let request = qualification::ExplainDecisionRequest { key: Some(key), replay: self.replay };
        let response = connection.leads().await?.explain_decision(request).await?.into_inner();
        let score = response.score.unwrap_or_default();
        if output.is_json() {
            output.json_line(&json!({ "service": "qualification", "score": score }))?;
        } else {
            print_score(output, &score)?;
        }
        for decision in &response.decisions {
            print_decision(output, &Line::from(decision), tally)?;
        }
        if score.lead_id.is_empty() {
            return Ok(());
        }
        let key = assignment::explain_assignment_request::Key::LeadId(score.lead_id.clone());
        let request = assignment::ExplainAssignmentRequest { key: Some(key), replay: self.replay };
        let response = match connection.stream().await?.explain_assignment(request).await {
            Ok(response) => response.into_inner(),
            // A lead that never qualified is unknown to assignment: nothing to explain there.
            Err(status) if status.code() == tonic::Code::NotFound => return Ok(()),
            Err(status) => return Err(status.into()),
        };
        response.decisions.iter().try_for_each(|decision| print_decision(output, &Line::from(decision), tally))
    }

    async fn everything(&self, connection: &Connection, output: Output, tally: &mut Tally) -> anyhow::Result<()> {
        let mut leads = connection.leads().await?;
        let mut page_token = String::new();
        loop {
            let request = qualification::ListDecisionsRequest { page_size: 500, page_token, replay: self.replay };
            let page = leads.list_decisions(request).await?.into_inner();
            page.decisions.iter().try_for_each(|decision| print_decision(output, &Line::from(decision), tally))?;
            page_token = page.next_page_token;
            if page_token.is_empty() || tally.different > 0 {
                break;
            }
        }
        let mut stream = connection.stream().await?;
        let mut page_token = String::new();
        while tally.different == 0 {
            let request = assignment::ListDecisionsRequest { page_size: 500, page_token, replay: self.replay };
            let page = stream.list_decisions(request).await?.into_inner();
            page.decisions.iter().try_for_each(|decision| print_decision(output, &Line::from(decision), tally))?;
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        Ok(())
    }
}

/// What became of the replay, over all services.
#[derive(Default)]
struct Tally {
    seen: u64,
    equal: u64,
    erased: u64,
    different: u64,
}

/// A decision of any service, as the terminal shows it.
struct Line {
    service: &'static str,
    decision: serde_json::Value,
    kind: String,
    at: String,
    rules: String,
    result: String,
    reasons: Vec<(i32, String, usize)>,
    rejected: Vec<(String, String)>,
    replay_equal: Option<bool>,
    replay_result: String,
}

impl From<&qualification::Decision> for Line {
    fn from(decision: &qualification::Decision) -> Self {
        let reasons = decision.reasons.iter().map(|reason| {
            (reason.milli_points, reason.text.clone(), usize::try_from(reason.event_count).unwrap_or_default())
        });
        Self {
            service: "qualification",
            decision: json!(decision),
            kind: decision.kind.clone(),
            at: time(decision.decided_at.as_ref()),
            rules: decision.rules.clone(),
            result: decision.result.clone(),
            reasons: reasons.collect(),
            rejected: Vec::new(),
            replay_equal: decision.replay_equal,
            replay_result: decision.replay_result.clone(),
        }
    }
}

impl From<&assignment::AssignmentDecision> for Line {
    fn from(decision: &assignment::AssignmentDecision) -> Self {
        let reasons =
            decision.reasons.iter().map(|reason| (reason.milli_points, reason.text.clone(), reason.event_ids.len()));
        let rejected = decision.rejected.iter().map(|candidate| (candidate.rep_id.clone(), candidate.reason.clone()));
        Self {
            service: "assignment",
            decision: json!(decision),
            kind: decision.kind.clone(),
            at: time(decision.decided_at.as_ref()),
            rules: decision.rules.clone(),
            result: decision.result.clone(),
            reasons: reasons.collect(),
            rejected: rejected.collect(),
            replay_equal: decision.replay_equal,
            replay_result: decision.replay_result.clone(),
        }
    }
}

fn print_score(output: Output, score: &qualification::ScoreExplanation) -> anyhow::Result<()> {
    output.line(&format!(
        "{} {} points, grade {}  {}",
        output.bold("Today:"),
        points(score.engagement_milli_points),
        score.fit_grade,
        output.dim(&score.rules)
    ))?;
    reasons(output, &score.reasons)?;
    if !score.fit_reasons.is_empty() {
        output.line(&format!("{} grade {}", output.bold("Fit:"), score.fit_grade))?;
        reasons(output, &score.fit_reasons)?;
    }
    Ok(())
}

fn print_decision(output: Output, line: &Line, tally: &mut Tally) -> anyhow::Result<()> {
    tally.seen += 1;
    match line.replay_equal {
        Some(true) => tally.equal += 1,
        Some(false) if line.replay_result == "erased" => tally.erased += 1,
        Some(false) => tally.different += 1,
        None => {}
    }
    if output.is_json() {
        return output.json_line(&json!({ "service": line.service, "decision": line.decision }));
    }
    let replay = match line.replay_equal {
        Some(true) => output.green("  replay equal"),
        Some(false) if line.replay_result == "erased" => output.dim("  erased"),
        Some(false) => output.red(&format!("  REPLAY {}", line.replay_result)),
        None => String::new(),
    };
    output.line(&format!(
        "{}  {} {}  {}  {}{replay}",
        output.dim(&line.at),
        line.service,
        output.bold(&line.kind),
        line.result,
        output.dim(&line.rules)
    ))?;
    for (milli, text, events) in &line.reasons {
        let points = if *milli == 0 { String::new() } else { signed_points(*milli) };
        let events = if *events == 0 { String::new() } else { output.dim(&format!("  {events} events")) };
        output.line(&format!("  {points:>9}  {text}{events}"))?;
    }
    for (rep, reason) in &line.rejected {
        output.line(&format!("  {:>9}  {rep}: {reason}", output.yellow("not")))?;
    }
    Ok(())
}
