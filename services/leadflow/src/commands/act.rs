//! `leadflow act`: what a sales executive does with a lead, for tests and for those without a CRM.

use leadflow_proto::assignment::v1::{
    AcceptLeadRequest, AssignmentEvent, DeclineLeadRequest, ExternalId, Guard, LinkExternalRecordRequest, Outcome,
    RecordOutcomeRequest, RecordTouchRequest,
};

use crate::client::Connection;
use crate::output::Output;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Act {
    /// Take an offered lead.
    Accept(Whose),
    /// Give an offer back.
    Decline {
        #[command(flatten)]
        whose: Whose,
        /// "on_leave", "conflict_of_interest", "wrong_territory" do not count against the rep's share.
        #[arg(long, value_name = "CODE", value_parser = code)]
        reason: String,
    },
    /// Note a human touch.
    Touch {
        #[command(flatten)]
        whose: Whose,
        /// How the person was reached.
        #[arg(long, value_enum)]
        channel: Channel,
    },
    /// What became of it; recycled and lost need a reason.
    Outcome {
        #[command(flatten)]
        whose: Whose,
        /// The stage.
        #[arg(value_enum)]
        stage: Stage,
        /// Why, as a code: "no_budget"; needed with recycled and lost.
        #[arg(
            long,
            value_name = "CODE",
            value_parser = code,
            required_if_eq_any([("stage", "recycled"), ("stage", "lost")])
        )]
        reason: Option<String>,
    },
    /// Remember which CRM record this lead became.
    Link {
        #[command(flatten)]
        whose: Whose,
        /// "hubspot"
        #[arg(long)]
        system: String,
        /// "contact"
        #[arg(long)]
        r#type: String,
        /// "8123"
        #[arg(long)]
        id: String,
    },
}

/// Stages that a rep can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Stage {
    /// Sales agree that it is one.
    Sql,
    /// Not now: back to marketing; it may qualify again.
    Recycled,
    /// Closed, with a deal.
    Won,
    /// Closed, without.
    Lost,
}

/// Ways of a human touch, as `touched` events name them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Channel {
    /// A call.
    Phone,
    /// A mail.
    Email,
    /// Face to face, or by video.
    Meeting,
    /// A chat.
    Chat,
}

/// The word of the API for a value.
fn word(value: &impl clap::ValueEnum) -> String {
    value.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

/// What programs compare: the service takes nothing else, so that no free text with personal data stands there.
fn code(text: &str) -> Result<String, String> {
    let right = (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    match right {
        true => Ok(text.to_owned()),
        false => Err("a code of 1 to 64 lower-case letters, digits and underscores, like no_budget".to_owned()),
    }
}

/// Which lead, for whom.
#[derive(Debug, clap::Args)]
pub(crate) struct Whose {
    /// Id of the lead.
    lead: String,
    /// Id of the rep.
    #[arg(long)]
    rep: String,
    /// Refuse if the lead has moved on.
    #[arg(long, default_value_t = 0, value_name = "N")]
    if_sequence: i32,
    /// The same id again answers as before.
    #[arg(long, value_name = "ID")]
    request_id: Option<String>,
}

impl Whose {
    fn split(self) -> (String, Option<Guard>) {
        let request_id = self.request_id.unwrap_or_else(|| uuid::Uuid::now_v7().to_string());
        (self.lead, Some(Guard { request_id, if_sequence: self.if_sequence, rep_id: self.rep }))
    }
}

impl Act {
    pub(crate) async fn run(self, connection: &Connection, output: Output) -> anyhow::Result<()> {
        let mut client = connection.reps().await?;
        let event = match self {
            Act::Accept(whose) => {
                let (lead_id, guard) = whose.split();
                client.accept_lead(AcceptLeadRequest { lead_id, guard }).await?.into_inner().event
            }
            Act::Decline { whose, reason } => {
                let (lead_id, guard) = whose.split();
                client.decline_lead(DeclineLeadRequest { lead_id, guard, reason }).await?.into_inner().event
            }
            Act::Touch { whose, channel } => {
                let (lead_id, guard) = whose.split();
                let request = RecordTouchRequest { lead_id, guard, channel: word(&channel), touched_at: None };
                client.record_touch(request).await?.into_inner().event
            }
            Act::Outcome { whose, stage, reason } => {
                let (lead_id, guard) = whose.split();
                let reason = reason.unwrap_or_default();
                let outcome = Some(Outcome { stage: word(&stage), reason, ..Default::default() });
                client.record_outcome(RecordOutcomeRequest { lead_id, guard, outcome }).await?.into_inner().event
            }
            Act::Link { whose, system, r#type, id } => {
                let (lead_id, guard) = whose.split();
                let external_id = Some(ExternalId { system, r#type, id });
                let request = LinkExternalRecordRequest { lead_id, guard, external_id };
                client.link_external_record(request).await?.into_inner().event
            }
        };
        tell(output, &event.unwrap_or_default())
    }
}

fn tell(output: Output, event: &AssignmentEvent) -> anyhow::Result<()> {
    let stage = event.lead.as_ref().map(|lead| lead.stage.as_str()).unwrap_or_default();
    output.done(event, format!("{}: stage {stage}, sequence {}", event.r#type, event.sequence))
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use crate::cli::Arguments;

    fn refusal(arguments: &str) -> Option<String> {
        let words = ["leadflow", "act"].into_iter().chain(arguments.split(' '));
        Arguments::try_parse_from(words).err().map(|error| error.to_string())
    }

    #[test]
    fn an_outcome_without_its_reason_is_refused_before_any_call() {
        for stage in ["recycled", "lost"] {
            let said = refusal(&format!("outcome L --rep dana {stage}")).expect("refused");
            assert!(said.contains("--reason <CODE>"), "{said}");
            assert_eq!(refusal(&format!("outcome L --rep dana {stage} --reason no_budget")), None);
        }
        for stage in ["sql", "won"] {
            assert_eq!(refusal(&format!("outcome L --rep dana {stage}")), None);
        }
        let said = refusal("outcome L --rep dana lost --reason No-Budget").expect("refused");
        assert!(said.contains("like no_budget"), "{said}");
        let said = refusal("outcome L --rep dana recycle").expect("refused");
        assert!(said.contains("recycled"), "{said}");
    }

    #[test]
    fn a_pigeon_is_no_channel_and_a_typing_mistake_gets_a_suggestion() {
        let said = refusal("touch L --rep dana --channel pigeon").expect("refused");
        assert!(said.contains("phone, email, meeting, chat"), "{said}");
        let said = refusal("touch L --rep dana --channel emial").expect("refused");
        assert!(said.contains("a similar value exists: 'email'"), "{said}");
        assert_eq!(refusal("touch L --rep dana --channel phone"), None);
    }
}
