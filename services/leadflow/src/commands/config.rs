//! `leadflow config`: the configuration as the roles would read it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::process::ExitCode;

use leadflow_platform::config::{self, ConfigError, Loaded, Setting};
use serde_json::json;

use crate::cli::Global;
use crate::config::{ENVIRONMENT_PREFIX, RootConfig};
use crate::output::Output;
use crate::text::plain;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Config {
    /// Every value with its source; secrets are masked.
    Print,
    /// JSON schema of the file, for editors.
    Schema,
    /// Read it and say what is wrong.
    Check,
}

impl Config {
    pub(crate) fn run(self, global: &Global, output: Output) -> anyhow::Result<ExitCode> {
        match self {
            Config::Schema => output.exact(&serde_json::to_string_pretty(&config::schema::<RootConfig>())?)?,
            Config::Check => return check(load(global), output),
            Config::Print => print(&load(global)?.settings, output)?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn load(global: &Global) -> Result<Loaded<RootConfig>, ConfigError> {
    config::load_with_sources(global.config.as_deref(), ENVIRONMENT_PREFIX, std::env::vars())
}

fn print(settings: &[Setting], output: Output) -> anyhow::Result<()> {
    if output.is_json() {
        return settings.iter().try_for_each(|setting| {
            output.json_line(
                &json!({ "path": setting.path, "value": setting.value, "source": setting.source.to_string() }),
            )
        });
    }
    let rows = settings
        .iter()
        .map(|setting| vec![plain(&setting.path), plain(&setting.value), plain(setting.source.to_string())]);
    output.table(&["SETTING", "VALUE", "SOURCE"], rows.collect())
}

fn check(loaded: Result<Loaded<RootConfig>, ConfigError>, output: Output) -> anyhow::Result<ExitCode> {
    let wrong = match loaded {
        Ok(loaded) => clashes(&loaded.settings),
        Err(error) if output.is_json() => error.problems().iter().map(ToString::to_string).collect(),
        Err(error) => return Err(error.into()),
    };
    if output.is_json() {
        output.json_line(&json!({ "valid": wrong.is_empty(), "wrong": wrong }))?;
        return Ok(if wrong.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    anyhow::ensure!(wrong.is_empty(), wrong.join("\n"));
    output.line("the configuration is valid")?;
    Ok(ExitCode::SUCCESS)
}

/// An address that a role would bind, and where it is said.
struct Place {
    address: SocketAddr,
    said: String,
}

/// Two doors on one port: one of the roles would not start. Of any role, also those to come: each has `listen` and perhaps
/// `ops_listen` in its section.
fn clashes(settings: &[Setting]) -> Vec<String> {
    let places = places(settings);
    let mut wrong = Vec::new();
    for (number, one) in places.iter().enumerate() {
        for other in places.iter().skip(number + 1).filter(|other| is_same(one.address, other.address)) {
            wrong.push(format!(
                "two doors on port {}: {}, and {}; give one of them another port",
                one.address.port(),
                one.said,
                other.said
            ));
        }
    }
    wrong
}

fn is_same(one: SocketAddr, other: SocketAddr) -> bool {
    let same_interface = one.ip() == other.ip() || one.ip().is_unspecified() || other.ip().is_unspecified();
    // Port 0 is whichever is free.
    one.port() != 0 && one.port() == other.port() && same_interface
}

fn places(settings: &[Setting]) -> Vec<Place> {
    let address = |setting: &Setting| serde_json::from_str::<String>(&setting.value).ok()?.parse::<SocketAddr>().ok();
    let said: BTreeMap<&str, (&Setting, SocketAddr)> =
        settings.iter().filter_map(|setting| Some((setting.path.as_str(), (setting, address(setting)?)))).collect();
    let place = |setting: &Setting, address| Place { address, said: format!("{} ({})", setting.path, setting.source) };
    let mut places = Vec::new();
    for (path, (setting, listen)) in &said {
        let Some((section, "listen")) = path.split_once('.') else { continue };
        places.push(place(setting, *listen));
        match said.get(format!("{section}.ops_listen").as_str()) {
            Some((setting, ops)) => places.push(place(setting, *ops)),
            None if listen.port() != 0 => places.push(Place {
                address: SocketAddr::new(listen.ip(), listen.port().wrapping_add(1000)),
                said: format!("health and metrics of {section}, 1000 above {path} ({})", setting.source),
            }),
            None => {}
        }
    }
    places
}

#[cfg(test)]
mod tests {
    use leadflow_platform::config::Source;

    use super::*;

    fn settings(of: &[(&str, &str)]) -> Vec<Setting> {
        let setting = |(line, (path, value)): (usize, &(&str, &str))| Setting {
            path: (*path).to_owned(),
            value: format!("\"{value}\""),
            source: Source::File { path: "l.yaml".into(), line: line as u64 + 1 },
        };
        of.iter().enumerate().map(setting).collect()
    }

    #[test]
    fn two_doors_on_one_port_are_named_with_both_places() {
        let same = settings(&[("ingest.listen", "127.0.0.1:8080"), ("assignment.listen", "0.0.0.0:8080")]);
        let wrong = clashes(&same);
        // The doors, and the ports of health above them.
        assert_eq!(wrong.len(), 2, "{wrong:?}");
        assert!(wrong[0].contains("assignment.listen (l.yaml:2)") && wrong[0].contains("ingest.listen (l.yaml:1)"));
        let ops = settings(&[("ingest.listen", "127.0.0.1:8080"), ("nurture.listen", "127.0.0.1:9080")]);
        let wrong = clashes(&ops);
        assert!(wrong.len() == 1 && wrong[0].contains("health and metrics of ingest"), "{wrong:?}");
    }

    #[test]
    fn other_interfaces_free_ports_and_ports_apart_do_not_clash() {
        let fine = settings(&[
            ("ingest.listen", "127.0.0.1:8080"),
            ("qualification.listen", "127.0.0.2:8080"),
            ("assignment.listen", "127.0.0.1:0"),
            ("nurture.listen", "127.0.0.1:0"),
            ("kafka.brokers", "127.0.0.1:8080"),
        ]);
        assert_eq!(clashes(&fine), Vec::<String>::new());
        let own = settings(&[("ingest.listen", "127.0.0.1:8080"), ("ingest.ops_listen", "127.0.0.1:8080")]);
        assert_eq!(clashes(&own).len(), 1);
    }

    #[test]
    fn programs_get_json_and_the_code() {
        let text = "kafka: { brokers: x }\nidentity_key_file: i\nkeys_file: k\ntopics_file: t\nassignment: { listen: '127.0.0.1:80x' }\n";
        let folder = std::env::temp_dir().join(format!("leadflow-config-{}", std::process::id()));
        std::fs::write(&folder, text).expect("written");
        let loaded = || config::load_with_sources::<RootConfig>(Some(&folder), ENVIRONMENT_PREFIX, []);
        let (output, kept) = Output::kept(true, false);
        check(loaded(), output).expect("told");
        std::fs::write(&folder, &text[..text.find("assignment").expect("there")]).expect("written");
        check(loaded(), output).expect("told");
        std::fs::remove_file(&folder).expect("there");
        let lines: Vec<serde_json::Value> =
            kept.lock().expect("no other").lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        assert_eq!(lines[0]["valid"], false);
        assert_eq!((&lines[1]["valid"], lines[1]["wrong"].as_array().map(Vec::len)), (&json!(true), Some(0)));
    }
}
