//! Configuration: what is accepted, what is refused, and that the refusal says where and what to type.

use std::collections::BTreeMap;
use std::path::Path;

use leadflow_platform::config::{self, Loaded, Source};
use leadflow_platform::server::ServerConfig;
use leadflow_platform::telemetry::{LogFormat, TelemetryConfig};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use crate::support::Folder;

#[derive(Debug, Deserialize, garde::Validate, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Config {
    #[garde(dive)]
    server: ServerConfig,
    #[serde(default)]
    #[garde(dive)]
    telemetry: TelemetryConfig,
    #[garde(dive)]
    database: Database,
    #[serde(default)]
    #[garde(dive)]
    pools: Vec<Pool>,
    #[serde(default)]
    #[garde(skip)]
    client: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize, garde::Validate, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Database {
    #[garde(skip)]
    #[schemars(with = "String")]
    url: SecretString,
    #[serde(default)]
    #[garde(skip)]
    #[schemars(with = "Option<String>")]
    password: Option<SecretString>,
    #[serde(default = "eight")]
    #[garde(range(min = 2, max = 200))]
    pool_size: u32,
}

#[derive(Debug, Deserialize, garde::Validate, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Pool {
    #[garde(length(min = 1))]
    name: String,
    #[garde(range(min = 1))]
    weight: u32,
}

const fn eight() -> u32 {
    8
}

const GOOD: &str = "\
# a comment
server:
  listen: 127.0.0.1:8081
database:
  url: postgres://role:hunter2@db.example/leadflow
pools:
  - name: north
    weight: 2
";

fn load(text: &str, environment: &[(&str, &str)]) -> Result<Loaded<Config>, String> {
    let folder = Folder::new();
    load_in(&folder, text, environment)
}

fn load_in(folder: &Folder, text: &str, environment: &[(&str, &str)]) -> Result<Loaded<Config>, String> {
    let path = folder.write("leadflow.yaml", text);
    let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    config::load_with_sources(Some(&path), "LEADFLOW__", environment)
        .map_err(|error| error.to_string().replace(&format!("{}/", path.parent().expect("a folder").display()), ""))
}

fn refused(text: &str, environment: &[(&str, &str)]) -> String {
    load(text, environment).map(|loaded| format!("{loaded:?}")).expect_err("refused")
}

#[test]
fn a_file_gives_values_and_defaults() {
    let config = load(GOOD, &[]).expect("a configuration").config;
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:8081");
    assert_eq!(config.server.ops_address().to_string(), "127.0.0.1:9081");
    assert_eq!(config.database.url.expose_secret(), "postgres://role:hunter2@db.example/leadflow");
    assert_eq!((config.database.pool_size, config.database.password.is_none()), (8, true));
    assert_eq!((config.pools[0].name.as_str(), config.pools[0].weight), ("north", 2));
    assert_eq!(config.telemetry, TelemetryConfig::default());
    assert!(config.client.is_empty());
}

#[test]
fn the_environment_wins_and_follows_the_types_of_the_schema() {
    let environment = [
        ("LEADFLOW__SERVER__LISTEN", "0.0.0.0:80"),
        ("LEADFLOW__DATABASE__POOL_SIZE", "20"),
        // Texts that YAML would take for a number, a boolean, nothing.
        ("LEADFLOW__DATABASE__PASSWORD", "0123456789"),
        ("LEADFLOW__POOLS", "[{name: south, weight: 1}, {name: 'yes', weight: 3}]"),
        ("LEADFLOW__TELEMETRY__LOG_FORMAT", "json"),
        ("LEADFLOW__TELEMETRY__TRACE_RATIO", "0.5"),
        ("LEADFLOW__TELEMETRY__OTLP_ENDPOINT", "http://127.0.0.1:4317"),
        ("LEADFLOW__CLIENT__SECURITY", "true"),
        ("LEADFLOW_WRITE_KEY", "not ours: one underscore"),
        ("PATH", "/bin"),
    ];
    let config = load(GOOD, &environment).expect("a configuration").config;
    assert_eq!(config.server.listen.to_string(), "0.0.0.0:80");
    assert_eq!(config.database.pool_size, 20);
    assert_eq!(config.database.password.expect("given").expose_secret(), "0123456789");
    assert_eq!(config.pools.iter().map(|pool| pool.name.as_str()).collect::<Vec<_>>(), ["south", "yes"]);
    assert_eq!(config.telemetry.log_format, LogFormat::Json);
    assert_eq!(config.telemetry.otlp_endpoint.as_deref(), Some("http://127.0.0.1:4317"));
    assert_eq!(config.client["security"], "true");
}

#[test]
fn no_file_is_an_empty_file() {
    let environment = [("LEADFLOW__SERVER__LISTEN", "[::1]:0"), ("LEADFLOW__DATABASE__URL", "postgres://x")];
    for text in ["", "# nothing yet\n", "server:\n"] {
        let config = load(text, &environment).expect("a configuration").config;
        assert_eq!(config.server.ops_address().to_string(), "[::1]:0");
    }
}

#[test]
fn an_unknown_key_names_the_nearest_one_and_the_line() {
    let text = refused(&GOOD.replace("pool", "polo").replace("listen", "lisen"), &[]);
    assert_eq!(
        text,
        "leadflow.yaml:6: polos: unknown key, did you mean `pools`?\n     6 | polos:\n\
         leadflow.yaml:3: server.lisen: unknown key, did you mean `listen`?\n     3 |   lisen: 127.0.0.1:8081"
    );
    let text = refused(&GOOD.replace("  listen", "  listen: 127.0.0.1:1\n  qqqqqqqq"), &[]);
    assert_eq!(
        text,
        "leadflow.yaml:4: server.qqqqqqqq: unknown key, known here: listen, max_connections, ops_listen, tls\n     \
         4 |   qqqqqqqq: 127.0.0.1:8081"
    );
    let text = refused(GOOD, &[("LEADFLOW__SERVER__LISTN", "x"), ("LEADFLOW__POOLZ", "[]")]);
    assert_eq!(
        text,
        "environment LEADFLOW__POOLZ: poolz: unknown key, did you mean `pools`?\n\
         environment LEADFLOW__SERVER__LISTN: server.listn: unknown key, did you mean `listen`?"
    );
    let text = refused(&GOOD.replace("weight: 2", "weight: 2\n    wait: 3"), &[]);
    assert!(text.starts_with("leadflow.yaml:9: pools[0].wait: unknown key, did you mean"), "{text}");
}

#[test]
fn wrong_types_and_ranges_have_their_line() {
    for (from, to, expected) in [
        (
            "weight: 2",
            "weight: heavy",
            "leadflow.yaml:8: pools[0].weight: invalid type: string \"heavy\", expected u32\n     8 |     weight: heavy",
        ),
        ("weight: 2", "weight: 0", "leadflow.yaml:8: pools[0].weight: lower than 1\n     8 |     weight: 0"),
        (
            "127.0.0.1:8081",
            "localhost",
            "leadflow.yaml:3: server.listen: invalid socket address syntax\n     3 |   listen: localhost",
        ),
        ("name: north", "name: ''", "leadflow.yaml:7: pools[0].name: length is lower than 1\n     7 |   - name: ''"),
        ("    weight: 2", "", "leadflow.yaml:7: pools[0]: missing field `weight`\n     7 |   - name: north"),
    ] {
        assert_eq!(refused(&GOOD.replace(from, to), &[]), expected);
    }
    let text = refused(GOOD, &[("LEADFLOW__DATABASE__POOL_SIZE", "1000")]);
    assert_eq!(text, "environment LEADFLOW__DATABASE__POOL_SIZE: database.pool_size: greater than 200");
    let text = refused("server:\n  listen: 127.0.0.1:1\n", &[]);
    assert_eq!(text, "missing field `database`");
}

#[test]
fn yaml_that_does_not_parse_has_its_line() {
    for (text, line) in [
        ("server:\n  listen: [1, 2\ndatabase:\n", "leadflow.yaml:"),
        ("server: {\n", "leadflow.yaml:"),
        ("server:\n\tlisten: x\n", "leadflow.yaml:2: "),
        ("server: 1\nserver: 2\n", "leadflow.yaml:2: "),
        ("a: *nowhere\n", "leadflow.yaml:1: "),
        ("- 1\n- 2\n", "leadflow.yaml must hold keys and values"),
    ] {
        let error = refused(text, &[]);
        assert!(error.starts_with(line), "{text:?}: {error}");
    }
    let path = Path::new("/nowhere/leadflow.yaml");
    let error = config::load::<Config>(Some(path), "LEADFLOW__").expect_err("no such file").to_string();
    assert!(error.starts_with("/nowhere/leadflow.yaml could not be read: "), "{error}");
}

#[test]
fn secrets_come_from_files_and_never_out_again() {
    let folder = Folder::new();
    folder.write("url", "postgres://role:hunter2@db.example/leadflow\n");
    let secret = folder.write("secret", "swordfish\r\n").display().to_string();
    let text = GOOD.replace("url: postgres://role:hunter2@db.example/leadflow", "url_file: url");
    let environment = [("LEADFLOW__DATABASE__PASSWORD_FILE", secret.as_str())];
    let loaded = load_in(&folder, &text, &environment).expect("a configuration");
    assert_eq!(loaded.config.database.url.expose_secret(), "postgres://role:hunter2@db.example/leadflow");
    assert_eq!(loaded.config.database.password.expect("given").expose_secret(), "swordfish");
    let of = |path: &str| loaded.settings.iter().find(|setting| setting.path == path).expect("listed");
    assert_eq!(of("database.url").value, "\"postgres://role:***@db.example/leadflow\"");
    assert_eq!(of("database.url").source, Source::SecretFile(folder.path("url")));
    assert_eq!(of("database.password").value, "\"***\"");

    let both = refused(&GOOD.replace("  url:", "  url_file: url\n  url:"), &[]);
    assert_eq!(
        both,
        "leadflow.yaml:5: database.url_file: give either `url` or `url_file`, not both\n     5 |   url_file: url"
    );
    let missing = refused(&text, &[("LEADFLOW__DATABASE__URL_FILE", "/nowhere/url")]);
    assert!(missing.contains("database.url_file: could not read "), "{missing}");

    // Nothing of a secret in an error about it, nor in one about its neighbour.
    let wrong = refused(&GOOD.replace("  url:", "  password: [hunter2]\n  url:"), &[]);
    let neighbour = refused(&GOOD.replace("  url: ", "  url: [").replace("/leadflow", ""), &[]);
    for text in [wrong, neighbour] {
        assert!(!text.contains("hunter2"), "{text}");
    }
}

#[test]
fn every_setting_has_its_source() {
    let loaded = load(GOOD, &[("LEADFLOW__DATABASE__POOL_SIZE", "9")]).expect("a configuration");
    let shown: Vec<_> = loaded
        .settings
        .iter()
        .map(|setting| {
            let source = setting.source.to_string();
            let source = source.rsplit('/').next().expect("a name").to_owned();
            format!("{} = {} ({source})", setting.path, setting.value)
        })
        .collect();
    assert_eq!(
        shown,
        [
            "client = {} (default)",
            "database.password = null (default)",
            "database.pool_size = 9 (environment LEADFLOW__DATABASE__POOL_SIZE)",
            "database.url = \"postgres://role:***@db.example/leadflow\" (leadflow.yaml:5)",
            "pools = [{\"name\":\"north\",\"weight\":2}] (leadflow.yaml:6)",
            "server.listen = \"127.0.0.1:8081\" (leadflow.yaml:3)",
            "server.max_connections = 4096 (default)",
            "server.ops_listen = null (default)",
            "server.tls = null (default)",
            "telemetry.log = \"info\" (default)",
            "telemetry.log_format = \"auto\" (default)",
            "telemetry.otlp_endpoint = null (default)",
            "telemetry.trace_ratio = 0.01 (default)",
        ]
    );
}

#[test]
fn the_schema_is_closed_and_has_descriptions() {
    let schema = config::schema::<Config>();
    assert_eq!(schema["additionalProperties"], false);
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    let server = &schema["$defs"]["ServerConfig"];
    assert_eq!(server["additionalProperties"], false);
    let listen = server["properties"]["listen"]["description"].as_str().expect("a description");
    assert!(listen.contains("Loopback unless configured"), "{listen}");
}

#[test]
fn other_yaml_files_are_as_strict() {
    let pool = config::from_yaml::<Pool>(Path::new("pool.yaml"), "name: north\nweight: 1\n").expect("a pool");
    assert_eq!((pool.name.as_str(), pool.weight), ("north", 1));
    let error = config::from_yaml::<Pool>(Path::new("pool.yaml"), "name: north\nwieght: 1\n").expect_err("refused");
    let expected = "pool.yaml:2: wieght: unknown key, did you mean `weight`?\n     2 | wieght: 1";
    assert_eq!(error.to_string(), expected);
    // A number where a text is expected: YAML says number, so do we, with what to do.
    let error = config::from_yaml::<Pool>(Path::new("pool.yaml"), "name: 12\nweight: 1\n").expect_err("refused");
    assert!(error.to_string().contains("pool.yaml:1: name: invalid type: integer `12`, expected a string"), "{error}");
}
