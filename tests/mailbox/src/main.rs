//! `mail-catcher`: a mailbox in a process of its own, and a look at what came.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use leadflow_mailbox::{Auth, Config, Mailbox, Script, table};
use tokio::signal::unix::{SignalKind, signal};

/// Takes every mail, keeps it in a folder, delivers nothing.
#[derive(Parser)]
#[command(version, about, args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
struct Arguments {
    /// Where to listen; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Where mails (.eml) and log (log.jsonl) are kept.
    #[arg(long, required = true)]
    folder: Option<PathBuf>,
    /// Faults from a JSON file.
    #[arg(long, conflicts_with = "faults")]
    script: Option<PathBuf>,
    /// Every kind of fault at three of ten first attempts, drawn from this seed.
    #[arg(long, value_name = "SEED")]
    faults: Option<u64>,
    /// Offer AUTH PLAIN and LOGIN, and take any name and password.
    #[arg(long)]
    auth: bool,
    /// Write the address to this file when connections are taken.
    #[arg(long)]
    ready_file: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Show what came.
    List {
        /// The folder of a mail catcher, running or not.
        folder: PathBuf,
    },
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    match &arguments.command {
        Some(Command::List { folder }) => println!("{}", table(folder)?),
        None => catch(&arguments).await?,
    }
    Ok(())
}

async fn catch(arguments: &Arguments) -> anyhow::Result<()> {
    let folder = arguments.folder.as_deref().context("--folder is missing")?;
    let script = match (&arguments.script, arguments.faults) {
        (Some(path), _) => read_script(path)?,
        (None, Some(seed)) => Script::faults(seed),
        (None, None) => Script::default(),
    };
    let auth = if arguments.auth { Auth::AcceptAny } else { Auth::Off };
    let config = Config { listen: arguments.listen, auth, ..Config::new(folder).with_script(script) };
    let mut terminate = signal(SignalKind::terminate())?;
    let mailbox = Mailbox::start(config).await?;
    println!("smtp+plain://{} keeps mails in {}", mailbox.address, folder.display());
    if let Some(path) = &arguments.ready_file {
        write_whole(path, &format!("{}\n", mailbox.address))?;
    }
    tokio::select! {
        _ = terminate.recv() => {}
        interrupt = tokio::signal::ctrl_c() => interrupt?,
    }
    Ok(())
}

fn read_script(path: &Path) -> anyhow::Result<Script> {
    let text = std::fs::read_to_string(path).with_context(|| format!("could not read {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is no script", path.display()))
}

/// By a second name, so that nobody reads half of it.
fn write_whole(path: &Path, text: &str) -> anyhow::Result<()> {
    let draft = path.with_extension("draft");
    std::fs::write(&draft, text)
        .and_then(|()| std::fs::rename(&draft, path))
        .with_context(|| format!("could not write {}", path.display()))
}
