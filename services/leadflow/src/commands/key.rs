//! `leadflow key`: make, list and revoke API keys in the keys file; roles follow within 10 s.

use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use leadflow_platform::access::{self, EditError, KeyEntry, NewKey, Scope};
use leadflow_platform::config::ConfigError;
use serde_json::json;

use super::origin;
use crate::cli::Global;
use crate::output::Output;
use crate::text::plain;

#[derive(Debug, clap::Subcommand)]
#[command(after_help = "Examples:
  leadflow key create --name website --scope publish --source web --browser --origin https://www.example.com
  leadflow key create --name crm --scope read:assignments --scope act:rep --rep '*' --expires-in 90d
  leadflow key revoke website")]
pub(crate) enum Key {
    /// Make a key; it is shown once.
    Create(Create),
    /// All keys by prefix, revoked ones too.
    List,
    /// From now on this key is refused.
    Revoke {
        /// Name or prefix.
        name: String,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct Create {
    /// What people call it: "website", "crm-sync".
    #[arg(long)]
    name: String,
    /// publish, read:leads, read:assignments, act:rep, admin; may be repeated.
    #[arg(long, required = true)]
    scope: Vec<Scope>,
    /// Source of its events, as in the sources file; may be repeated.
    #[arg(long)]
    source: Vec<String>,
    /// Rep that it acts for, '*' for all; may be repeated.
    #[arg(long)]
    rep: Vec<String>,
    /// It stands in a web page for all to see: it may only publish, and only from its origins.
    #[arg(long, requires = "origin")]
    browser: bool,
    /// Origin of pages that may use it, as browsers send it (`https://www.example.com`); '*' for all; may be repeated.
    #[arg(long, value_parser = origin::parse)]
    origin: Vec<String>,
    /// When it ends: "90d", "12h".
    #[arg(long, value_name = "TIME")]
    expires_in: Option<String>,
    /// Begin a new keys file although there was one before: every key of that one is refused then.
    #[arg(long)]
    new_file: bool,
}

impl Key {
    pub(crate) fn run(self, global: &Global, output: Output) -> anyhow::Result<()> {
        let config = crate::config::load(global)?;
        let file = config.keys_file.clone();
        let now = leadflow_platform::clock::wall_now();
        match self {
            Key::Create(create) => {
                create.check_sources(&config)?;
                let (text, entry) = create.make(&file, now, output)?;
                output.note(format!("key {} ({}): shown once, kept nowhere", entry.name, entry.prefix));
                let document = json!({ "key": text.as_str(), "name": entry.name, "prefix": entry.prefix });
                if output.is_json() { output.json_line(&document) } else { output.exact(text.as_str()) }
            }
            Key::List => {
                require(&file)?;
                list(output, &access::list(&file)?, now)
            }
            Key::Revoke { name } => {
                require(&file)?;
                let entry = access::revoke(&file, &name, now)?;
                output.done(&entry, format!("{} is refused from now on, by every role within 10 s", entry.prefix))
            }
        }
    }
}

/// The keys file is there.
///
/// # Errors
/// With what to do: making a new one would lock every other key out.
pub(crate) fn require(file: &Path) -> anyhow::Result<()> {
    anyhow::ensure!(
        file.exists(),
        "the keys file {} is not there: put it back from a backup (roles that run go on with the keys they have read). \
         Only a deployment without keys begins with: leadflow key create",
        file.display()
    );
    Ok(())
}

impl Create {
    /// A key that publishes for nobody, or for a source with a typing mistake, would make events that mean nothing.
    fn check_sources(&self, config: &crate::config::RootConfig) -> anyhow::Result<()> {
        if self.scope.contains(&Scope::Publish) {
            anyhow::ensure!(
                !self.source.is_empty(),
                "a key with the scope publish needs --source, as in the sources file"
            );
        }
        let Some(ingest) = &config.ingest else { return Ok(()) };
        let known = leadflow_ingest::source_names(&ingest.sources_file)?;
        let unknown: Vec<&str> = self.source.iter().map(String::as_str).filter(|name| !known.contains(*name)).collect();
        let file = ingest.sources_file.display();
        anyhow::ensure!(
            unknown.is_empty(),
            "{file} has no source {}; it has {}",
            unknown.join(", "),
            known.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
        );
        Ok(())
    }

    fn make(self, file: &Path, now: Timestamp, output: Output) -> anyhow::Result<(access::KeyText, KeyEntry)> {
        if file.exists() {
            // What is wrong with the file as it is has a line there; what is wrong afterwards is the new key.
            access::list(file)?;
        } else {
            anyhow::ensure!(
                self.new_file || !was_there(file),
                "the keys file {} was there and is gone: put it back from a backup (roles that run go on with the keys \
                 they have read). A new one would hold this key alone, and every other would be refused; to begin it all \
                 the same, add --new-file",
                file.display()
            );
            output.note(format!("{} is made anew, with this key alone", file.display()));
        }
        access::create(file, self.into_new(now)?, now).map_err(without_place)
    }

    fn into_new(self, now: Timestamp) -> anyhow::Result<NewKey> {
        let expires_at = self.expires_in.as_deref().map(|text| expiry(text, now)).transpose()?;
        Ok(NewKey {
            name: self.name,
            scopes: self.scope,
            sources: self.source,
            reps: self.rep,
            origins: self.origin,
            browser: self.browser,
            expires_at,
        })
    }
}

/// Every edit locks a file beside the keys file, and leaves it there.
fn was_there(file: &Path) -> bool {
    let mut lock = file.as_os_str().to_owned();
    lock.push(".lock");
    Path::new(&lock).exists()
}

/// The file with the new key was only tried, not written: its lines are in nobody's file.
fn without_place(error: EditError) -> anyhow::Error {
    let problems = match &error {
        EditError::Other(cause) => cause.downcast_ref::<ConfigError>().map(ConfigError::problems),
        _ => None,
    };
    let Some(problems) = problems else { return error.into() };
    let said = problems.iter().map(|problem| {
        let field = problem.path.rsplit('.').next().unwrap_or_default();
        format!("{field}: {}", problem.message)
    });
    anyhow::anyhow!("the key was not made: {}", said.collect::<Vec<_>>().join("; "))
}

fn expiry(text: &str, now: Timestamp) -> anyhow::Result<Timestamp> {
    let wanted = || anyhow::anyhow!("`{text}` is no time span; write it like 90d or 12h");
    let span = match text.strip_suffix('d') {
        Some(days) => {
            days.parse::<u32>().map(|days| SignedDuration::from_hours(24 * i64::from(days))).map_err(|_| wanted())?
        }
        None => text.parse().map_err(|_| wanted())?,
    };
    anyhow::ensure!(span.is_positive(), wanted());
    Ok(now.checked_add(span)?)
}

fn list(output: Output, keys: &[KeyEntry], now: Timestamp) -> anyhow::Result<()> {
    if output.is_json() {
        return keys.iter().try_for_each(|key| output.json_line(key));
    }
    let rows = keys.iter().map(|key| {
        let scopes = key.scopes.iter().map(Scope::to_string).collect::<Vec<_>>().join(" ");
        vec![plain(&key.prefix), plain(&key.name), plain(scopes), plain(key.sources.join(" ")), plain(state(key, now))]
    });
    output.table(&["PREFIX", "NAME", "SCOPES", "SOURCES", "STATE"], rows.collect())
}

fn state(key: &KeyEntry, now: Timestamp) -> String {
    let day = |at: Timestamp| at.strftime("%Y-%m-%d").to_string();
    match (key.revoked_at, key.expires_at) {
        (Some(at), _) => format!("revoked {}", day(at)),
        (None, Some(at)) if at <= now => format!("expired {}", day(at)),
        (None, Some(at)) => format!("until {}", day(at)),
        (None, None) => "valid".to_owned(),
    }
}

#[cfg(test)]
#[path = "key_tests.rs"]
mod tests;
