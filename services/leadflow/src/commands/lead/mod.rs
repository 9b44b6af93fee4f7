//! `leadflow lead`: show a lead; explain why it is what it is, across services.

mod entry;
mod explain;
#[cfg(test)]
mod explain_tests;
mod list;
mod mails;

use std::process::ExitCode;

use leadflow_proto::qualification::v1::{GetLeadRequest, get_lead_request};

use crate::client::Connection;
use crate::output::Output;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Lead {
    /// A lead with its contact, stage, score and owner.
    Show {
        /// An e-mail address, or the id of a lead.
        #[arg(value_name = "E-MAIL|LEAD")]
        who: String,
        /// What the person did, newest first.
        #[arg(long)]
        timeline: bool,
    },
    /// Newest leads first.
    List {
        /// Only this stage; may be repeated.
        #[arg(long)]
        stage: Vec<String>,
        /// How many.
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(i32).range(1..=1000))]
        most: i32,
    },
    /// Why this score, this stage, this owner; `--replay` re-executes each decision.
    Explain(explain::Explain),
}

impl Lead {
    pub(crate) async fn run(self, connection: &Connection, output: Output) -> anyhow::Result<ExitCode> {
        match self {
            Lead::Show { who, timeline } => list::show(&who, timeline, connection, output).await?,
            Lead::List { stage, most } => list::list(stage, most, connection, output).await?,
            Lead::Explain(command) => return command.run(connection, output).await,
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// How a lead is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Who {
    Email(String),
    /// As the services write it.
    Lead(String),
}

impl Who {
    /// # Errors
    /// If it is neither: nobody needs to be asked.
    fn parse(text: &str) -> anyhow::Result<Self> {
        if text.contains('@') {
            return Ok(Who::Email(text.to_owned()));
        }
        match uuid::Uuid::parse_str(text) {
            Ok(id) => Ok(Who::Lead(id.to_string())),
            Err(_) => anyhow::bail!("`{text}` is neither an e-mail address nor a lead id"),
        }
    }

    fn request(&self) -> GetLeadRequest {
        let key = match self {
            Who::Email(address) => get_lead_request::Key::Email(address.clone()),
            Who::Lead(id) => get_lead_request::Key::LeadId(id.clone()),
        };
        GetLeadRequest { key: Some(key) }
    }
}
