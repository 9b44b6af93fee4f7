//! `leadflow key`: make, list and revoke API keys in the keys file; roles follow within 10 s.

use jiff::{SignedDuration, Timestamp};
use leadflow_platform::access::{self as access};
use leadflow_platform::access::{KeyEntry, NewKey, Scope};
use serde_json::json;

use crate::cli::Global;
use crate::output::Output;

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
    /// Origin of pages that may use it; may be repeated.
    #[arg(long)]
    origin: Vec<String>,
    /// When it ends: "90d", "12h".
    #[arg(long, value_name = "TIME")]
    expires_in: Option<String>,
}

impl Key {
    pub(crate) fn run(self, global: &Global, output: Output) -> anyhow::Result<()> {
        let config = crate::config::load(global)?;
        let file = config.keys_file.clone();
        let now = leadflow_platform::clock::wall_now();
        match self {
            Key::Create(create) => {
                create.check_sources(&config)?;
                let (text, entry) = access::create(&file, create.into_new(now)?, now)?;
                eprintln!("key {} ({}): shown once, kept nowhere", entry.name, entry.prefix);
                output.done(&json!({ "key": text.as_str(), "name": entry.name, "prefix": entry.prefix }), text.as_str())
            }
            Key::List => list(output, &access::list(&file)?),
            Key::Revoke { name } => {
                let entry = access::revoke(&file, &name, now)?;
                output.done(&entry, &format!("{} is refused from now on, by every role within 10 s", entry.prefix))
            }
        }
    }
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

fn list(output: Output, keys: &[KeyEntry]) -> anyhow::Result<()> {
    if output.is_json() {
        return keys.iter().try_for_each(|key| output.json_line(key));
    }
    let rows = keys.iter().map(|key| {
        let state = match (key.revoked_at, key.expires_at) {
            (Some(at), _) => format!("revoked {}", at.strftime("%Y-%m-%d")),
            (None, Some(at)) => format!("until {}", at.strftime("%Y-%m-%d")),
            (None, None) => "valid".to_owned(),
        };
        let scopes = key.scopes.iter().map(Scope::to_string).collect::<Vec<_>>().join(" ");
        vec![key.prefix.clone(), key.name.clone(), scopes, key.sources.join(" "), state]
    });
    output.table(&["PREFIX", "NAME", "SCOPES", "SOURCES", "STATE"], rows.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expiry_is_days_or_a_time_span() {
        let now: Timestamp = "2026-03-23T10:00:00Z".parse().expect("a time");
        assert_eq!(expiry("2d", now).expect("valid").to_string(), "2026-03-25T10:00:00Z");
        assert_eq!(expiry("12h", now).expect("valid").to_string(), "2026-03-23T22:00:00Z");
        assert!(expiry("soon", now).is_err() && expiry("-1h", now).is_err());
    }
}
