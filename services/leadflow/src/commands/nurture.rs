//! `leadflow nurture`: the switch that stops all mails, and what was sent to a lead and what was not.

use anyhow::Context as _;
use leadflow_proto::nurture::v1::{
    ExportPersonRequest, GetPreferencesRequest, GetSendingRequest, ListEnrollmentsRequest, ListMessagesRequest,
    PauseSendingRequest, ResumeSendingRequest, Sending, export_person_request, get_preferences_request,
};

use crate::client::Connection;
use crate::figures::time;
use crate::output::Output;
use crate::text::{Text, plain};

#[derive(Debug, clap::Subcommand)]
#[command(after_help = "Examples:
  leadflow nurture pause-sending 'the new template has the wrong prices'
  leadflow nurture status
  leadflow nurture messages 6ae13f9d-2c3e-5d1b-9f3f-0d8a2f1a9c11
  leadflow nurture export ada@analytics.example > ada.json")]
pub(crate) enum Nurture {
    /// Stop every mail of the deployment before its next DATA.
    PauseSending {
        /// Whoever finds it paused wants to know why.
        reason: String,
    },
    /// Let mails go out again, also after a brake.
    ResumeSending,
    /// Whether mails go out, and how many stand where.
    Status,
    /// Where a lead is in journeys.
    Enrollments {
        /// Id of the lead.
        lead: String,
    },
    /// What was sent to a lead and what was not, and why.
    Messages {
        /// Id of the lead.
        lead: String,
    },
    /// What somebody allows.
    Preferences {
        /// An e-mail address, or the id of a lead.
        #[arg(value_name = "E-MAIL|LEAD")]
        who: String,
    },
    /// Everything that nurture keeps about somebody, as JSON.
    Export {
        /// An e-mail address, or the id of a lead.
        #[arg(value_name = "E-MAIL|LEAD")]
        who: String,
    },
}

impl Nurture {
    pub(crate) async fn run(self, connection: &Connection, output: Output) -> anyhow::Result<()> {
        match self {
            Nurture::PauseSending { reason } => {
                let answer = connection.nurture_admin().await?.pause_sending(PauseSendingRequest { reason }).await?;
                status(&answer.into_inner().sending.unwrap_or_default(), output)
            }
            Nurture::ResumeSending => {
                let answer = connection.nurture_admin().await?.resume_sending(ResumeSendingRequest {}).await?;
                status(&answer.into_inner().sending.unwrap_or_default(), output)
            }
            Nurture::Status => {
                let answer = connection.nurture_admin().await?.get_sending(GetSendingRequest {}).await?;
                status(&answer.into_inner().sending.unwrap_or_default(), output)
            }
            Nurture::Enrollments { lead } => enrollments(lead, connection, output).await,
            Nurture::Messages { lead } => messages(lead, connection, output).await,
            Nurture::Preferences { who } => preferences(who, connection, output).await,
            Nurture::Export { who } => {
                use export_person_request::Key;
                let key = if who.contains('@') { Key::Email(who) } else { Key::LeadId(who) };
                let request = ExportPersonRequest { key: Some(key) };
                let document = connection.nurture().await?.export_person(request).await?.into_inner().document;
                let document: serde_json::Value = serde_json::from_slice(&document).context("the answer is no JSON")?;
                output.json_line(&document)
            }
        }
    }
}

fn status(sending: &Sending, output: Output) -> anyhow::Result<()> {
    let counts: Vec<String> = sending.messages.iter().map(|(state, n)| format!("{n} {state}")).collect();
    let counts = if counts.is_empty() { "no mails yet".to_owned() } else { counts.join(", ") };
    let sentence = if sending.paused {
        format!("no mail goes out since {}: {} ({counts})", time(sending.since.as_ref()), sending.reason)
    } else {
        format!("mails go out ({counts})")
    };
    output.done(sending, sentence)
}

async fn enrollments(lead_id: String, connection: &Connection, output: Output) -> anyhow::Result<()> {
    let request = ListEnrollmentsRequest { lead_id, page_size: 1000, ..ListEnrollmentsRequest::default() };
    let found = connection.nurture().await?.list_enrollments(request).await?.into_inner().enrollments;
    if output.is_json() {
        return found.iter().try_for_each(|one| output.json_line(one));
    }
    let row = |one: &leadflow_proto::nurture::v1::Enrollment| -> Vec<Text> {
        let until = if one.end_reason.is_empty() { time(one.wake_at.as_ref()) } else { one.end_reason.clone() };
        vec![
            plain(format!("{}@{}", one.journey_id, one.journey_version)),
            plain(one.state.clone()),
            plain(one.step.clone()),
            plain(time(one.entered_at.as_ref())),
            plain(until),
        ]
    };
    output.table(&["JOURNEY", "", "STEP", "ENTERED", "UNTIL OR WHY"], found.iter().map(row).collect())
}

async fn messages(lead_id: String, connection: &Connection, output: Output) -> anyhow::Result<()> {
    let request = ListMessagesRequest { lead_id, page_size: 1000, ..ListMessagesRequest::default() };
    let found = connection.nurture().await?.list_messages(request).await?.into_inner().messages;
    if output.is_json() {
        return found.iter().try_for_each(|one| output.json_line(one));
    }
    let row = |one: &leadflow_proto::nurture::v1::Message| -> Vec<Text> {
        let at = one.sending_at.as_ref().or(one.settled_at.as_ref()).or(one.not_before.as_ref());
        vec![
            plain(format!("{}@{}/{}", one.journey_id, one.journey_version, one.step)),
            plain(one.occurrence.to_string()),
            plain(one.state.clone()),
            plain(one.reason.clone()),
            plain(time(at)),
        ]
    };
    output.table(&["MAIL", "TIME", "", "REASON", "AT"], found.iter().map(row).collect())
}

async fn preferences(who: String, connection: &Connection, output: Output) -> anyhow::Result<()> {
    use get_preferences_request::Key;
    let key = if who.contains('@') { Key::Email(who) } else { Key::LeadId(who) };
    let found =
        connection.nurture().await?.get_preferences(GetPreferencesRequest { key: Some(key) }).await?.into_inner();
    if output.is_json() {
        return output.json_line(&found);
    }
    if !found.suppressed.is_empty() {
        output.line(format!("nothing is sent: {} since {}", found.suppressed, time(found.suppressed_at.as_ref())))?;
    }
    let row = |one: &leadflow_proto::nurture::v1::Preference| -> Vec<Text> {
        let word = if one.given { "yes" } else { "no" };
        vec![plain(&one.purpose), plain(word), plain(time(one.at.as_ref())), plain(&one.source)]
    };
    output.table(&["PURPOSE", "", "SINCE", "SAID BY"], found.preferences.iter().map(row).collect())
}
