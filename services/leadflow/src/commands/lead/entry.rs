//! A decision of any service as the terminal shows it, and the tally of a replay.

use leadflow_proto::assignment::v1 as assignment;
use leadflow_proto::nurture::v1 as nurture;
use leadflow_proto::qualification::v1 as qualification;
use serde_json::json;

use crate::figures::{count, signed_points, time};
use crate::output::Output;
use crate::text::{Line, bold, dim, green, plain, red, yellow};

/// What became of the replay, over all services.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) seen: u64,
    pub(super) equal: u64,
    pub(super) erased: u64,
    pub(super) different: u64,
}

/// A decision with what is shown of it.
pub(super) struct Entry {
    service: &'static str,
    decision: serde_json::Value,
    pub(super) lead_id: String,
    kind: String,
    /// Seconds and nanoseconds: what the entries of all services are sorted by.
    pub(super) moment: (i64, i32),
    at: String,
    rules: String,
    pub(super) result: String,
    reasons: Vec<(i32, String, usize)>,
    rejected: Vec<(String, String)>,
    replay_equal: Option<bool>,
    replay_result: String,
}

fn moment(at: Option<&pbjson_types::Timestamp>) -> (i64, i32) {
    at.map_or((i64::MIN, 0), |at| (at.seconds, at.nanos))
}

impl From<&qualification::Decision> for Entry {
    fn from(decision: &qualification::Decision) -> Self {
        let reasons = decision.reasons.iter().map(|reason| {
            (reason.milli_points, reason.text.clone(), usize::try_from(reason.event_count).unwrap_or_default())
        });
        Self {
            service: "qualification",
            decision: json!(decision),
            lead_id: decision.lead_id.clone(),
            kind: decision.kind.clone(),
            moment: moment(decision.decided_at.as_ref()),
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

impl From<&assignment::AssignmentDecision> for Entry {
    fn from(decision: &assignment::AssignmentDecision) -> Self {
        let reasons =
            decision.reasons.iter().map(|reason| (reason.milli_points, reason.text.clone(), reason.event_ids.len()));
        let rejected = decision.rejected.iter().map(|candidate| (candidate.rep_id.clone(), candidate.reason.clone()));
        Self {
            service: "assignment",
            decision: json!(decision),
            lead_id: decision.lead_id.clone(),
            kind: decision.kind.clone(),
            moment: moment(decision.decided_at.as_ref()),
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

impl From<&nurture::NurtureDecision> for Entry {
    fn from(decision: &nurture::NurtureDecision) -> Self {
        let step = if decision.step.is_empty() { String::new() } else { format!("at {}", decision.step) };
        Self {
            service: "nurture",
            decision: json!(decision),
            lead_id: decision.lead_id.clone(),
            kind: decision.kind.clone(),
            moment: moment(decision.decided_at.as_ref()),
            at: time(decision.decided_at.as_ref()),
            rules: decision.rules.clone(),
            result: step,
            reasons: decision.reasons.iter().map(|text| (0, text.clone(), 0)).collect(),
            rejected: Vec::new(),
            replay_equal: decision.replay_equal,
            replay_result: decision.replay_result.clone(),
        }
    }
}

impl Entry {
    /// Counts it and prints it; `which` names its lead, where several are shown.
    pub(super) fn print(&self, output: Output, which: bool, tally: &mut Tally) -> anyhow::Result<()> {
        tally.seen += 1;
        match self.replay_equal {
            Some(true) => tally.equal += 1,
            Some(false) if self.replay_result == "erased" => tally.erased += 1,
            Some(false) => tally.different += 1,
            None => {}
        }
        if output.is_json() {
            return output.json_line(&json!({ "service": self.service, "decision": self.decision }));
        }
        let mut head = Line::from([
            dim(&self.at),
            plain(format!("  {} ", self.service)),
            bold(&self.kind),
            plain(format!("  {}  ", self.result)),
            dim(&self.rules),
        ]);
        if which && !self.lead_id.is_empty() {
            head.push(dim(format!("  lead {}", self.lead_id)));
        }
        match self.replay_equal {
            Some(true) => head.push(green("  replay equal")),
            Some(false) if self.replay_result == "erased" => head.push(dim("  erased")),
            Some(false) => head.push(red(format!("  REPLAY {}", self.replay_result))),
            None => {}
        }
        output.line(head)?;
        for (milli, text, events) in &self.reasons {
            let points = if *milli == 0 { String::new() } else { signed_points(*milli) };
            let mut line = Line::from(format!("  {points:>9}  {text}"));
            if *events > 0 {
                line.push(dim(format!("  {}", count(*events, "event"))));
            }
            output.line(line)?;
        }
        for (rep, reason) in &self.rejected {
            output.line([yellow(format!("  {:>9}", "not")), plain(format!("  {rep}: {reason}"))])?;
        }
        Ok(())
    }
}
