//! `simulator`: the sample team, the sample story, and load, from the command line.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use jiff::Timestamp;
use leadflow_simulator::{door::Doors, inbox, load, reps, setup, story};

/// A mail of a journey is there within this time.
const MAIL_PATIENCE: Duration = Duration::from_secs(60);

/// Traffic that looks real, through public doors.
#[derive(Parser)]
#[command(version, about)]
struct Arguments {
    /// The ingest role.
    #[arg(long, global = true, env = "LEADFLOW_INGEST_URL", default_value = "http://127.0.0.1:8080")]
    ingest_url: String,
    /// The assignment role.
    #[arg(long, global = true, env = "LEADFLOW_ASSIGNMENT_URL", default_value = "http://127.0.0.1:8083")]
    assignment_url: String,
    /// Key with the scope publish.
    #[arg(long, global = true, env = "LEADFLOW_WRITE_KEY", hide_env_values = true, default_value = "")]
    write_key: String,
    /// Key with the scopes admin, act:rep and read:assignments.
    #[arg(long, global = true, env = "LEADFLOW_API_KEY", hide_env_values = true, default_value = "")]
    api_key: String,
    /// The same seed tells the same story.
    #[arg(long, global = true, default_value_t = 1)]
    seed: u64,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make the sample reps and their pool.
    Setup,
    /// Send the sample story; the reps answer their offers.
    Run {
        /// Another number brings other people.
        #[arg(long, default_value_t = 1)]
        run_number: u64,
        /// Print the curl of each call.
        #[arg(long)]
        print_curl: bool,
        /// How long the reps go on answering after the last call, seconds.
        #[arg(long, default_value_t = 5)]
        linger: u64,
        /// Where mails of journeys arrive: people of the story answer them.
        #[arg(long, env = "LEADFLOW_SMTP_SINK", value_name = "FOLDER")]
        mailbox: Option<PathBuf>,
    },
    /// Send load: so many touches, one after another.
    Load {
        /// How many.
        #[arg(long, default_value_t = 1000)]
        touches: u64,
    },
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    rustls::crypto::ring::default_provider().install_default().ok().context("a TLS provider was installed twice")?;
    let arguments = Arguments::parse();
    let doors = Doors::new(&arguments.ingest_url, &arguments.write_key)?;
    match &arguments.command {
        Command::Setup => {
            let channel = setup::connect(&arguments.assignment_url, &arguments.api_key).await?;
            setup::sample_team(channel, now()).await
        }
        Command::Run { run_number, print_curl, linger, mailbox } => {
            let scenes = story::story(arguments.seed, *run_number, now());
            run(&arguments, &doors, &scenes, *print_curl, *linger, mailbox.as_deref()).await
        }
        Command::Load { touches } => {
            let mut load = load::Load::new(arguments.seed, load::Shape::default(), now());
            for _ in 0..*touches {
                let touch = load.touch();
                let call = leadflow_simulator::call::Call::Segment { method: touch.method, body: touch.body };
                doors.deliver(&call, 20).await?;
            }
            Ok(())
        }
    }
}

async fn run(
    arguments: &Arguments,
    doors: &Doors,
    scenes: &[story::Scene],
    print_curl: bool,
    linger: u64,
    mailbox: Option<&Path>,
) -> anyhow::Result<()> {
    let length = scenes.last().map_or(Duration::ZERO, |scene| scene.at);
    let channel = setup::connect(&arguments.assignment_url, &arguments.api_key).await?;
    let start = tokio::time::Instant::now();
    let (told, answered, replied) = tokio::join!(
        tell(doors, scenes, print_curl),
        reps::answer_offers(channel, length + Duration::from_secs(linger), 6),
        reply(doors, scenes, print_curl, mailbox, start),
    );
    told?;
    answered?;
    replied
}

/// Who got a mail of a journey answers it.
async fn reply(
    doors: &Doors,
    scenes: &[story::Scene],
    print_curl: bool,
    mailbox: Option<&Path>,
    start: tokio::time::Instant,
) -> anyhow::Result<()> {
    let Some(mailbox) = mailbox else { return Ok(()) };
    for reader in scenes.iter().filter_map(|scene| scene.reader.as_ref()) {
        let Some(mail) = inbox::wait_for(mailbox, &reader.email, MAIL_PATIENCE).await? else {
            anyhow::bail!("no mail came to {} within {} s", reader.email, MAIL_PATIENCE.as_secs());
        };
        let second = || start.elapsed().as_secs_f32();
        eprintln!("  {:>5.1}s  {} gets a mail of the journey: {:?}", second(), reader.given_name, mail.subject);
        let call = inbox::answer(reader, &mail, now());
        eprintln!("  {:>5.1}s  {} answers it", second(), reader.given_name);
        if print_curl {
            eprintln!("          {}", call.curl());
        }
        doors.deliver(&call, 30).await?;
    }
    Ok(())
}

async fn tell(doors: &Doors, scenes: &[story::Scene], print_curl: bool) -> anyhow::Result<()> {
    let start = tokio::time::Instant::now();
    for scene in scenes {
        tokio::time::sleep_until(start + scene.at).await;
        eprintln!("  {:>5.1}s  {}", start.elapsed().as_secs_f32(), scene.title);
        if print_curl {
            eprintln!("          {}", scene.call.curl());
        }
        if scene.refused {
            let answer = doors.send(&scene.call).await?;
            anyhow::ensure!(
                answer.status == 400,
                "a call that must be refused was answered {}: {}",
                answer.status,
                answer.body
            );
        } else {
            doors.deliver(&scene.call, 30).await.with_context(|| format!("not taken: {}", scene.title))?;
        }
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "the simulator lives outside: its wall clock is the visitors' clock")]
fn now() -> Timestamp {
    Timestamp::now()
}
