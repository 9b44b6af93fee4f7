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
        #[arg(long)]
        reason: String,
    },
    /// Note a human touch.
    Touch {
        #[command(flatten)]
        whose: Whose,
        /// "phone", "email", "meeting", "chat".
        #[arg(long)]
        channel: String,
    },
    /// sql, recycled, won, lost.
    Outcome {
        #[command(flatten)]
        whose: Whose,
        /// The stage.
        stage: String,
        /// Why.
        #[arg(long, default_value = "")]
        reason: String,
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
                let request = RecordTouchRequest { lead_id, guard, channel, touched_at: None };
                client.record_touch(request).await?.into_inner().event
            }
            Act::Outcome { whose, stage, reason } => {
                let (lead_id, guard) = whose.split();
                let outcome = Some(Outcome { stage, reason, ..Default::default() });
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
    output.done(event, &format!("{}: stage {stage}, sequence {}", event.r#type, event.sequence))
}
