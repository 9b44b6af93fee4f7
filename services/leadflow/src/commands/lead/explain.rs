//! `leadflow lead explain`: today's score line by line, then the decisions of every service about the lead that was
//! asked for, together in the order of their time. By an e-mail address: about all leads of the person.
//! `--all --replay` re-executes the decisions of the whole deployment, one service after the other, and fails on the first
//! difference.

use std::collections::BTreeSet;
use std::process::ExitCode;

use leadflow_proto::assignment::v1 as assignment;
use leadflow_proto::nurture::v1 as nurture;
use leadflow_proto::qualification::v1 as qualification;
use serde_json::json;

use super::Who;
use super::entry::{Entry, Tally};
use super::list::reasons;
use super::mails;
use crate::client::Connection;
use crate::figures::{count, points};
use crate::output::Output;
use crate::text::{bold, dim, plain, red};

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

/// What there is to say of one lead or person.
struct Story {
    score: qualification::ScoreExplanation,
    /// Oldest first.
    entries: Vec<Entry>,
    /// Further leads of the person, of which nothing is in `entries`.
    others: BTreeSet<String>,
    /// The stage of the lead that was asked for; the present one by an e-mail address.
    stage: String,
    /// Empty: the person is not disqualified.
    disqualified: String,
}

impl Explain {
    pub(crate) async fn run(self, connection: &Connection, output: Output) -> anyhow::Result<ExitCode> {
        let mut tally = Tally::default();
        match &self.who {
            Some(who) => self.one(&Who::parse(who)?, connection, output, &mut tally).await?,
            None => self.everything(connection, output, &mut tally).await?,
        }
        if self.replay {
            output.note(format!(
                "{}, {} re-executed to the same bytes, {} erased, {} different",
                count(tally.seen, "decision"),
                tally.equal,
                tally.erased,
                tally.different
            ));
        }
        Ok(if tally.different > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }

    async fn one(&self, who: &Who, connection: &Connection, output: Output, tally: &mut Tally) -> anyhow::Result<()> {
        let story = self.story(who, connection, output).await?;
        if output.is_json() {
            output.json_line(
                &json!({ "service": "qualification", "score": story.score, "other_lead_ids": story.others }),
            )?;
        } else {
            story.print_head(output)?;
        }
        let leads: BTreeSet<&String> = story.entries.iter().map(|entry| &entry.lead_id).collect();
        story.entries.iter().try_for_each(|entry| entry.print(output, leads.len() > 1, tally))
    }

    async fn story(&self, who: &Who, connection: &Connection, output: Output) -> anyhow::Result<Story> {
        let response = self.of_qualification(who, connection).await?;
        let score = response.score.unwrap_or_default();
        let mut entries: Vec<Entry> = response.decisions.iter().map(Entry::from).collect();
        let (asked, others) = match who {
            Who::Lead(id) => (BTreeSet::from([id.clone()]), self.other_leads(id, &score, connection).await?),
            Who::Email(_) => (leads_of(&score, &response.decisions), BTreeSet::new()),
        };
        for lead_id in &asked {
            entries.extend(self.of_assignment(lead_id, connection).await?);
        }
        entries.extend(self.of_nurture(&asked, connection, output).await?);
        entries.sort_by_key(|entry| entry.moment);
        let (stage, disqualified) = match present(who, connection).await? {
            Some(snapshot) => (snapshot.stage, snapshot.disqualified_reason),
            None => (String::new(), disqualified_by(&entries)),
        };
        Ok(Story { score, entries, others, stage, disqualified })
    }

    async fn of_qualification(
        &self,
        who: &Who,
        connection: &Connection,
    ) -> anyhow::Result<qualification::ExplainDecisionResponse> {
        use qualification::explain_decision_request::Key;
        let key = match who {
            Who::Email(address) => Key::Email(address.clone()),
            Who::Lead(id) => Key::LeadId(id.clone()),
        };
        let request = qualification::ExplainDecisionRequest { key: Some(key), replay: self.replay };
        Ok(connection.leads().await?.explain_decision(request).await?.into_inner())
    }

    /// What the person has beside the lead that was asked for.
    async fn other_leads(
        &self,
        lead_id: &str,
        score: &qualification::ScoreExplanation,
        connection: &Connection,
    ) -> anyhow::Result<BTreeSet<String>> {
        use qualification::explain_decision_request::Key;
        let key = Some(Key::PersonId(score.person_id.clone()));
        let request = qualification::ExplainDecisionRequest { key, replay: false };
        let response = connection.leads().await?.explain_decision(request).await?.into_inner();
        let mut leads = leads_of(score, &response.decisions);
        leads.remove(lead_id);
        Ok(leads)
    }

    async fn of_assignment(&self, lead_id: &str, connection: &Connection) -> anyhow::Result<Vec<Entry>> {
        let key = assignment::explain_assignment_request::Key::LeadId(lead_id.to_owned());
        let request = assignment::ExplainAssignmentRequest { key: Some(key), replay: self.replay };
        match connection.stream().await?.explain_assignment(request).await {
            Ok(response) => Ok(response.into_inner().decisions.iter().map(Entry::from).collect()),
            // A lead that never qualified is unknown to assignment: nothing to explain there.
            Err(status) if status.code() == tonic::Code::NotFound => Ok(Vec::new()),
            Err(status) => Err(status.into()),
        }
    }

    /// Steps, mails and skips. A deployment may run without nurture: then that is said, and the rest is explained.
    async fn of_nurture(
        &self,
        lead_ids: &BTreeSet<String>,
        connection: &Connection,
        output: Output,
    ) -> anyhow::Result<Vec<Entry>> {
        let mut client = match connection.nurture().await {
            Ok(client) => client,
            Err(away) => {
                output.note(format!("nurture was not asked: {away:#}"));
                return Ok(Vec::new());
            }
        };
        let mut entries = Vec::new();
        for lead_id in lead_ids {
            let request = nurture::ExplainLeadRequest { lead_id: lead_id.clone(), replay: self.replay };
            let mut decisions = client.explain_lead(request).await?.into_inner().decisions;
            // A program, and whoever replays, wants each of them.
            if !self.replay && !output.is_json() && decisions.iter().any(mails::is_look) {
                let request =
                    nurture::ListMessagesRequest { lead_id: lead_id.clone(), page_size: 200, ..Default::default() };
                let messages = client.list_messages(request).await?.into_inner().messages;
                decisions = mails::folded(decisions, &messages);
            }
            entries.extend(decisions.iter().map(Entry::from));
        }
        Ok(entries)
    }

    async fn everything(&self, connection: &Connection, output: Output, tally: &mut Tally) -> anyhow::Result<()> {
        let mut leads = connection.leads().await?;
        let mut page_token = String::new();
        loop {
            let request = qualification::ListDecisionsRequest { page_size: 500, page_token, replay: self.replay };
            let page = leads.list_decisions(request).await?.into_inner();
            page.decisions.iter().try_for_each(|decision| Entry::from(decision).print(output, true, tally))?;
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
            page.decisions.iter().try_for_each(|decision| Entry::from(decision).print(output, true, tally))?;
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        self.everything_of_nurture(connection, output, tally).await
    }

    async fn everything_of_nurture(
        &self,
        connection: &Connection,
        output: Output,
        tally: &mut Tally,
    ) -> anyhow::Result<()> {
        let mut client = match connection.nurture().await {
            Ok(client) => client,
            Err(away) => {
                output.note(format!("nurture was not asked: {away:#}"));
                return Ok(());
            }
        };
        let mut page_token = String::new();
        while tally.different == 0 {
            let request = nurture::ListDecisionsRequest { page_size: 500, page_token, replay: self.replay };
            let page = client.list_decisions(request).await?.into_inner();
            page.decisions.iter().try_for_each(|decision| Entry::from(decision).print(output, true, tally))?;
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        Ok(())
    }
}

/// Every lead that is named of a person.
fn leads_of(score: &qualification::ScoreExplanation, decisions: &[qualification::Decision]) -> BTreeSet<String> {
    let named = decisions.iter().map(|decision| &decision.lead_id).chain([&score.lead_id]);
    named.filter(|id| !id.is_empty()).cloned().collect()
}

/// The lead as it is now; none if the person has no lead yet.
async fn present(who: &Who, connection: &Connection) -> anyhow::Result<Option<qualification::LeadSnapshot>> {
    match connection.leads().await?.get_lead(who.request()).await {
        Ok(response) => Ok(response.into_inner().lead.and_then(|lead| lead.snapshot)),
        Err(status) if status.code() == tonic::Code::NotFound => Ok(None),
        Err(status) => Err(status.into()),
    }
}

/// Of a person without a lead only the decisions tell: the newest word counts. Empty: not disqualified.
fn disqualified_by(entries: &[Entry]) -> String {
    let words = entries.iter().flat_map(|entry| entry.result.split(", "));
    words.fold(String::new(), |reason, word| match word.strip_prefix("disqualified ") {
        Some(why) => why.to_owned(),
        None if word.starts_with("lifted ") => String::new(),
        None => reason,
    })
}

impl Story {
    fn print_head(&self, output: Output) -> anyhow::Result<()> {
        if !self.disqualified.is_empty() {
            output.line([
                red("Disqualified:"),
                plain(format!(" {}; points do not count while that holds", self.disqualified)),
            ])?;
        }
        output.line([
            bold("Today:"),
            plain(format!(" {} points, grade {}  ", points(self.score.engagement_milli_points), self.score.fit_grade)),
            dim(&self.score.rules),
        ])?;
        reasons(output, &self.score.reasons)?;
        if !self.score.fit_reasons.is_empty() {
            output.line([bold("Fit:"), plain(format!(" grade {}", self.score.fit_grade))])?;
            reasons(output, &self.score.fit_reasons)?;
        }
        if !self.others.is_empty() {
            let stage = if self.stage.is_empty() { String::new() } else { format!("This lead is `{}`. ", self.stage) };
            let ids = self.others.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
            output.line([
                bold("Lead:"),
                plain(format!(
                    " {stage}The points are the person's, who has {} besides, explained by id: {ids}",
                    count(self.others.len(), "lead")
                )),
            ])?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(result: &str) -> Entry {
        Entry::from(&qualification::Decision { result: result.to_owned(), ..Default::default() })
    }

    #[test]
    fn the_newest_word_on_disqualification_counts() {
        let out = [entry("opened, disqualified competitor rivals"), entry("engaged")];
        assert_eq!(disqualified_by(&out), "competitor rivals");
        let back = [entry("disqualified competitor"), entry("lifted competitor")];
        assert_eq!(disqualified_by(&back), "");
        let again = [entry("disqualified bot"), entry("lifted bot"), entry("disqualified own_staff")];
        assert_eq!(disqualified_by(&again), "own_staff");
    }
}
