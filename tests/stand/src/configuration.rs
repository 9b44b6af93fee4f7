//! The files of a deployment: where its services are, its identity key, and the configuration of a process, which differs
//! from those of the others in its ports alone.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context as _;

/// What all processes of a deployment share.
pub(crate) struct Shared<'a> {
    /// Of services.env.
    pub(crate) services: &'a BTreeMap<String, String>,
    /// Of the run: keys and identity key.
    pub(crate) folder: &'a Path,
    /// Of the checkout: topics and sources.
    pub(crate) root: &'a Path,
    /// More lines of the section `nurture`; none: there is no such section.
    pub(crate) nurture: Option<&'a str>,
}

impl Shared<'_> {
    /// The file of a process whose roles listen at the ports that `port` says.
    pub(crate) fn file(&self, port: impl Fn(&str) -> u16) -> anyhow::Result<String> {
        let (folder, root) = (self.folder.display(), self.root.display());
        let mut text = format!(
            "kafka:\n  brokers: \"{}\"\nidentity_key_file: {folder}/identity.key\nkeys_file: {folder}/keys.yaml\n\
             topics_file: {root}/deploy/config/topics.yaml\ntelemetry:\n  log_format: json\n",
            self.service("KAFKA_BROKERS")?
        );
        text += &section("ingest", port("ingest"));
        text += &format!("  sources_file: {root}/deploy/config/sources.yaml\n");
        for role in ["qualification", "assignment"] {
            text += &section(role, port(role));
            text += &self.database(role)?;
        }
        if let Some(more) = self.nurture {
            text += &section("nurture", port("nurture"));
            text += &self.database("nurture")?;
            text += &format!("  public_url: \"http://127.0.0.1:{}\"\n{}\n", port("nurture"), indented(more));
        }
        Ok(text)
    }

    fn database(&self, role: &str) -> anyhow::Result<String> {
        let url = self.service(&format!("{}_DATABASE_URL", role.to_ascii_uppercase()))?;
        Ok(format!("  database:\n    url: \"{url}\"\n"))
    }

    fn service(&self, name: &str) -> anyhow::Result<&str> {
        self.services.get(name).map(String::as_str).with_context(|| format!("services.env lacks {name}"))
    }
}

fn section(role: &str, port: u16) -> String {
    format!("{role}:\n  listen: \"127.0.0.1:{port}\"\n  ops_listen: \"127.0.0.1:{}\"\n", port + 1000)
}

fn indented(lines: &str) -> String {
    lines.lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}

/// `export NAME='value'` lines of services.env.
pub(crate) fn services(path: &Path) -> anyhow::Result<BTreeMap<String, String>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let pair = |line: &str| {
        let (name, value) = line.trim().strip_prefix("export ")?.split_once('=')?;
        Some((name.to_owned(), value.trim_matches('\'').to_owned()))
    };
    Ok(text.lines().filter_map(pair).collect())
}

/// A test deployment's key; a real one is random.
pub(crate) fn write_identity_key(path: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let key: String = (0..32).map(|n| format!("{:02x}", n * 7 + 3)).collect();
    std::fs::write(path, key)?;
    Ok(std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?)
}
