//! The configuration of a process, made into one value before a socket opens: file < environment, every key known,
//! every value with the place it came from.
//!
//! File: YAML. Environment: `LEADFLOW__SERVER__LISTEN=...` for `server.listen`; the text is read by the type that the
//! schema gives the key, so that a password of digits stays a text. Secrets from files: where a text `url` is expected,
//! `url_file` (or `..._URL_FILE`) names a file that holds it. An unknown key is an error that names the nearest known one.
//! The same strictness for any other YAML file: [`from_yaml`].

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

mod environment;
mod known;
mod print;
mod problem;
mod yaml;

pub use print::Setting;
pub use problem::{ConfigError, Problem};

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Not given: the default of the schema.
    Default,
    /// A line of the configuration file.
    File {
        /// The file as it was named.
        path: PathBuf,
        /// From 1.
        line: u64,
    },
    /// An environment variable.
    Environment(String),
    /// A file that holds this one value, named by a key or variable that ends in `_file`.
    SecretFile(PathBuf),
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Source::Default => f.write_str("default"),
            Source::File { path, line } => write!(f, "{}:{line}", path.display()),
            Source::Environment(name) => write!(f, "environment {name}"),
            Source::SecretFile(path) => write!(f, "file {}", path.display()),
        }
    }
}

/// A configuration with the source of each value.
#[derive(Debug)]
pub struct Loaded<T> {
    /// The value.
    pub config: T,
    /// Every setting by path, secrets masked: for `config print`.
    pub settings: Vec<Setting>,
}

/// Everything that was given, before it is typed. Places are by path (`server.listen`, `pools[0].name`).
#[derive(Debug, Default)]
struct Given {
    value: Map<String, Value>,
    sources: BTreeMap<String, Source>,
    /// Lines of the file, for snippets.
    text: String,
}

/// Loads file and environment. `env_prefix` is "LEADFLOW__".
///
/// # Errors
/// [`ConfigError`] with every problem found: unreadable file, YAML that does not parse, unknown keys, wrong types, values
/// out of range.
pub fn load<T>(file: Option<&Path>, env_prefix: &str) -> Result<T, ConfigError>
where
    T: DeserializeOwned + garde::Validate<Context = ()> + JsonSchema,
{
    Ok(load_with_sources(file, env_prefix, std::env::vars())?.config)
}

/// As [`load`], with the source of each value, and the environment given.
///
/// # Errors
/// [`ConfigError`] with every problem found.
pub fn load_with_sources<T>(
    file: Option<&Path>,
    env_prefix: &str,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<Loaded<T>, ConfigError>
where
    T: DeserializeOwned + garde::Validate<Context = ()> + JsonSchema,
{
    let schema = schema::<T>();
    let mut given = match file {
        Some(path) => {
            let text = std::fs::read_to_string(path)
                .map_err(|error| ConfigError::one(path.display(), format!("could not be read: {error}")))?;
            let mut given = yaml::read(path, &text)?;
            known::read_secret_files(&mut given, &schema, path.parent().unwrap_or(Path::new(".")))?;
            given
        }
        None => Given::default(),
    };
    environment::overlay(&mut given, &schema, env_prefix, environment)?;
    let config = typed(&given, &schema)?;
    Ok(Loaded { config, settings: print::settings(&given, &schema) })
}

/// One YAML text of any kind, with the same strictness: unknown keys, types, ranges, each with its line. `name` is what the
/// errors call it.
///
/// # Errors
/// [`ConfigError`] with every problem found.
pub fn from_yaml<T>(name: &Path, text: &str) -> Result<T, ConfigError>
where
    T: DeserializeOwned + garde::Validate<Context = ()> + JsonSchema,
{
    typed(&yaml::read(name, text)?, &schema::<T>())
}

/// As [`load`], for a YAML text that is built into the binary. `name` is what the errors call it.
///
/// # Errors
/// [`ConfigError`] with every problem found.
pub fn load_text<T>(name: &Path, text: &str, env_prefix: &str) -> Result<T, ConfigError>
where
    T: DeserializeOwned + garde::Validate<Context = ()> + JsonSchema,
{
    let schema = schema::<T>();
    let mut given = yaml::read(name, text)?;
    environment::overlay(&mut given, &schema, env_prefix, std::env::vars())?;
    typed(&given, &schema)
}

/// The JSON schema of a configuration, for editors and `config schema`.
#[must_use]
pub fn schema<T: JsonSchema>() -> Value {
    schemars::SchemaGenerator::default().into_root_schema_for::<T>().to_value()
}

fn typed<T>(given: &Given, schema: &Value) -> Result<T, ConfigError>
where
    T: DeserializeOwned + garde::Validate<Context = ()>,
{
    let unknown = known::unknown_keys(given, schema);
    if !unknown.is_empty() {
        return Err(ConfigError::new(unknown));
    }
    let config: T = serde_path_to_error::deserialize(Value::Object(given.value.clone())).map_err(|error| {
        let path = error.path().to_string();
        let message = if print::is_secret(&path) {
            "is not of the type that is expected here".to_owned()
        } else {
            error.into_inner().to_string()
        };
        ConfigError::new(vec![given.problem(&path, message)])
    })?;
    garde::Validate::validate(&config).map_err(|report| {
        ConfigError::new(
            report.iter().map(|(path, error)| given.problem(&path.to_string(), error.to_string())).collect(),
        )
    })?;
    Ok(config)
}

impl Given {
    /// A problem of the value at `path`, with its place: its own, or that of what holds it.
    fn problem(&self, path: &str, message: String) -> Problem {
        let mut at = path;
        let source = loop {
            if let Some(source) = self.sources.get(at) {
                break Some(source.clone());
            }
            match at.rfind(['.', '[']) {
                Some(end) => at = &at[..end],
                None => break None,
            }
        };
        let snippet = match &source {
            Some(Source::File { line, .. }) => problem::snippet(&self.text, *line),
            _ => None,
        };
        let path = if path == "." { String::new() } else { path.to_owned() };
        Problem { path, source, message, snippet }
    }
}

fn child(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}
