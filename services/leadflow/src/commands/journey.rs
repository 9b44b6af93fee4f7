//! `leadflow journey`: journeys of nurture, from the file to what became of the people in it.

use std::path::PathBuf;

use anyhow::Context as _;
use leadflow_proto::nurture::v1::{
    GetJourneyRequest, Journey as WireJourney, ListJourneysRequest, PauseJourneyRequest, PreviewJourneyRequest,
    PublishJourneyRequest, ResumeJourneyRequest, SendTestRequest, StepInsight,
};

use crate::client::Connection;
use crate::figures::time;
use crate::output::Output;
use crate::text::{Text, plain};

#[derive(Debug, clap::Subcommand)]
#[command(after_help = "Examples:
  leadflow check deploy/config/journeys/warm-up.yaml        is this journey right?
  leadflow test deploy/config/journeys/warm-up.test.yaml    does it do what we think?
  leadflow journey send-test deploy/config/journeys/warm-up.yaml --to me@seller.example
  leadflow journey preview deploy/config/journeys/warm-up.yaml
  leadflow journey publish deploy/config/journeys/warm-up.yaml")]
pub(crate) enum Journey {
    /// Make an immutable version of a journey and let people enter it from now on.
    Publish {
        /// YAML file of the journey.
        file: PathBuf,
        /// People in flight go on in the new version where their step has the same id; else they stay in theirs.
        #[arg(long)]
        migrate: bool,
    },
    /// Every journey with its active version.
    List,
    /// Steps of a journey with what became of those who came to them.
    #[command(disable_version_flag = true)]
    Show {
        /// Name of the journey.
        journey: String,
        /// Only this version; all together if it is left out.
        #[arg(long, default_value_t = 0)]
        version: i32,
        /// The file as it was published.
        #[arg(long)]
        body: bool,
    },
    /// Nobody enters, nobody moves on; who is in it stays where he is.
    Pause {
        /// Name of the journey.
        journey: String,
    },
    /// What was due meanwhile is due now.
    Resume {
        /// Name of the journey.
        journey: String,
    },
    /// Who is in flight, and what publishing this file would change for each.
    Preview {
        /// YAML file of the journey.
        file: PathBuf,
        /// How many people are listed.
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(i32).range(1..=1000))]
        most: i32,
    },
    /// One mail of the journey to your own address, as everybody would get it.
    SendTest {
        /// YAML file of the journey.
        file: PathBuf,
        /// Where to.
        #[arg(long)]
        to: String,
        /// Which mail; the first if it is left out.
        #[arg(long, default_value = "")]
        step: String,
        /// Whose data fills it; sample data if it is left out.
        #[arg(long, default_value = "", value_name = "LEAD")]
        lead: String,
    },
}

impl Journey {
    pub(crate) async fn run(self, connection: &Connection, output: Output) -> anyhow::Result<()> {
        match self {
            Journey::Publish { file, migrate } => publish(file, migrate, connection, output).await,
            Journey::List => list(connection, output).await,
            Journey::Show { journey, version, body } => show(journey, version, body, connection, output).await,
            Journey::Pause { journey } => {
                let request = PauseJourneyRequest { journey_id: journey };
                let found = connection.nurture_admin().await?.pause_journey(request).await?.into_inner().journey;
                let found = found.unwrap_or_default();
                output.done(
                    &found,
                    format!("{} stands still: {} people stay where they are", found.journey_id, found.in_flight),
                )
            }
            Journey::Resume { journey } => {
                let request = ResumeJourneyRequest { journey_id: journey };
                let found = connection.nurture_admin().await?.resume_journey(request).await?.into_inner().journey;
                let found = found.unwrap_or_default();
                output.done(&found, format!("{} goes on", found.journey_id))
            }
            Journey::Preview { file, most } => preview(file, most, connection, output).await,
            Journey::SendTest { file, to, step, lead } => {
                let request = SendTestRequest { body: bundle(&file)?, step, to: to.clone(), lead_id: lead };
                let sent = connection.nurture_admin().await?.send_test(request).await?.into_inner();
                output.done(&sent, format!("sent to {to}: {:?}", sent.subject))
            }
        }
    }
}

/// The file with the texts of its templates in it.
fn bundle(file: &std::path::Path) -> anyhow::Result<Vec<u8>> {
    leadflow_nurture::bundle::bundle(file, &|path| std::fs::read(path))
        .map_err(|error| anyhow::anyhow!("{}: {error}", file.display()))
}

fn still_paused(journey_id: &str) -> String {
    format!("is paused: nobody enters, nobody goes on until leadflow journey resume {journey_id}")
}

async fn publish(file: PathBuf, migrate: bool, connection: &Connection, output: Output) -> anyhow::Result<()> {
    let request = PublishJourneyRequest { body: bundle(&file)?, migrate };
    let answer = connection.nurture_admin().await?.publish_journey(request).await;
    let answer = answer.with_context(|| format!("{} was not published", file.display()))?.into_inner();
    let journey = answer.journey.clone().unwrap_or_default();
    let name = format!("journey/{}@{}", journey.journey_id, journey.version);
    let moved = if migrate { format!("; {} people moved to it", answer.migrated) } else { String::new() };
    let sentence = match (answer.created, journey.state == "paused") {
        (true, false) => format!("published {name} and made it active{moved}"),
        (false, false) => format!("{name} is this very file and active{moved}"),
        (true, true) => format!("published {name}; the journey {}{moved}", still_paused(&journey.journey_id)),
        (false, true) => format!("{name} is this very file; the journey {}{moved}", still_paused(&journey.journey_id)),
    };
    output.done(&answer, sentence)
}

async fn list(connection: &Connection, output: Output) -> anyhow::Result<()> {
    let journeys = connection.nurture_admin().await?.list_journeys(ListJourneysRequest {}).await?.into_inner().journeys;
    if output.is_json() {
        return journeys.iter().try_for_each(|journey| output.json_line(journey));
    }
    if journeys.is_empty() {
        output.note("no journey: leadflow journey publish deploy/config/journeys/warm-up.yaml");
    }
    let row = |journey: &WireJourney| -> Vec<Text> {
        vec![
            plain(format!("{}@{}", journey.journey_id, journey.version)),
            plain(journey.state.clone()),
            plain(journey.in_flight.to_string()),
            plain(time(journey.published_at.as_ref())),
            plain(journey.title.clone()),
        ]
    };
    output.table(&["JOURNEY", "", "IN IT", "PUBLISHED", "TITLE"], journeys.iter().map(row).collect())
}

async fn show(
    journey_id: String,
    version: i32,
    body: bool,
    connection: &Connection,
    output: Output,
) -> anyhow::Result<()> {
    let request = GetJourneyRequest { journey_id, version };
    let found = connection.nurture_admin().await?.get_journey(request).await?.into_inner();
    if output.is_json() {
        return output.json_line(&found);
    }
    if body {
        return String::from_utf8_lossy(&found.body).lines().try_for_each(|line| output.line(line.to_owned()));
    }
    let journey = found.journey.unwrap_or_default();
    output.line(format!(
        "{}@{} ({}), {}; {} people are in it",
        journey.journey_id, journey.version, journey.state, journey.title, journey.in_flight
    ))?;
    let skipped = |step: &StepInsight| {
        step.skipped.iter().map(|(reason, n)| format!("{n} {reason}")).collect::<Vec<_>>().join(", ")
    };
    let row = |step: &StepInsight| -> Vec<Text> {
        let numbers = [step.entered, step.waiting, step.sent, step.failed, step.uncertain, step.clicked, step.replied];
        let mut row: Vec<Text> = vec![plain(&step.step), plain(&step.kind)];
        row.extend(numbers.into_iter().map(|n| plain(if n == 0 { String::new() } else { n.to_string() })));
        row.push(plain(skipped(step)));
        row
    };
    let header = ["STEP", "", "CAME", "WAIT", "SENT", "FAILED", "UNCERTAIN", "CLICKED", "REPLIED", "SKIPPED"];
    output.table(&header, found.steps.iter().map(row).collect())?;
    let lift = found.lift.unwrap_or_default();
    output.line(format!(
        "qualified: {} of {} who went through{}",
        lift.enrolled_converted,
        lift.enrolled,
        if lift.held_out == 0 {
            "; nobody was held out to compare".to_owned()
        } else {
            format!(", {} of {} who were held out", lift.held_out_converted, lift.held_out)
        }
    ))
}

async fn preview(file: PathBuf, most: i32, connection: &Connection, output: Output) -> anyhow::Result<()> {
    let request = PreviewJourneyRequest { body: bundle(&file)?, limit: most };
    let answer = connection.nurture_admin().await?.preview_journey(request).await;
    let answer = answer.with_context(|| format!("{} cannot be published", file.display()))?.into_inner();
    if output.is_json() {
        return output.json_line(&answer);
    }
    for change in &answer.changes {
        output.line(change.clone())?;
    }
    if answer.active_version == 0 {
        return Ok(());
    }
    output.line(format!("{} people are in flight (active version {})", answer.in_flight, answer.active_version))?;
    let row = |one: &leadflow_proto::nurture::v1::InFlight| -> Vec<Text> {
        vec![plain(&one.lead_id), plain(one.version.to_string()), plain(&one.step), plain(&one.after_edit)]
    };
    output.table(&["LEAD", "VERSION", "STEP", "AFTER PUBLISHING"], answer.enrollments.iter().map(row).collect())
}
