//! `leadflow check`: rule files, without a server. What kind a file is, its top-level keys say.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use serde::Serialize;
use serde_json::{Value, json};

use crate::failure::in_words;
use crate::output::Output;
use crate::text::{green, plain, red, yellow};

/// Check rule files.
#[derive(Debug, clap::Args)]
pub(crate) struct Check {
    /// Scoring models, sources files and journeys (YAML). With a model among them journeys are checked against what it tells
    /// nurture of.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// What the files are, where their keys do not say it.
    #[arg(long, value_enum)]
    kind: Option<Kind>,
}

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    /// A scoring model.
    Scoring,
    /// A sources file.
    Sources,
    /// A journey.
    Journey,
}

/// One thing that is wrong or doubtful.
#[derive(Debug, Serialize)]
struct Remark {
    is_fault: bool,
    text: String,
}

impl Check {
    pub(crate) fn run(self, output: Output) -> anyhow::Result<ExitCode> {
        let mut read = Vec::new();
        for file in &self.files {
            let body = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
            let kind = self.kind.or_else(|| Kind::of(&top_level_keys(&String::from_utf8_lossy(&body))));
            read.push((file, kind, body));
        }
        let models = read.iter().filter(|(_, kind, _)| *kind == Some(Kind::Scoring));
        let told =
            models.map(|(_, _, body)| told_kinds(body)).reduce(|told, more| told.union(&more).cloned().collect());
        let mut faults = 0;
        for (file, kind, body) in &read {
            let remarks = match kind {
                Some(kind) => kind.check(file, body, told.as_ref()),
                None => vec![Remark { is_fault: true, text: undecided(&String::from_utf8_lossy(body)) }],
            };
            faults += remarks.iter().filter(|remark| remark.is_fault).count();
            tell(output, file, *kind, &remarks)?;
        }
        Ok(if faults > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }
}

fn tell(output: Output, file: &Path, kind: Option<Kind>, remarks: &[Remark]) -> anyhow::Result<()> {
    let name = file.display().to_string();
    if output.is_json() {
        let kind = kind.map(Kind::name);
        return output.json_line(&json!({ "file": name, "kind": kind, "remarks": remarks }));
    }
    if remarks.is_empty() {
        return output.line([plain(format!("{name}: ")), green("ok")]);
    }
    for Remark { is_fault, text } in remarks {
        let mark = if *is_fault { red("fault") } else { yellow("hint") };
        let mut lines = text.lines();
        output.line([plain(format!("{name}: ")), mark, plain(format!(": {}", lines.next().unwrap_or_default()))])?;
        // The line of the file, where the check shows it.
        lines.try_for_each(|line| output.line(line))?;
    }
    Ok(())
}

impl Kind {
    const ALL: [Kind; 3] = [Kind::Scoring, Kind::Sources, Kind::Journey];

    fn name(self) -> &'static str {
        match self {
            Kind::Scoring => "scoring",
            Kind::Sources => "sources",
            Kind::Journey => "journey",
        }
    }

    /// Keys that may stand at the top of such a file, by the very schema that it is checked against.
    fn keys(self) -> BTreeSet<String> {
        let schema = match self {
            Kind::Scoring => leadflow_qualification::domain::rules::json_schema(),
            Kind::Sources => leadflow_platform::config::schema::<leadflow_ingest::sources::file::SourcesFile>(),
            Kind::Journey => leadflow_nurture::domain::journey::json_schema(),
        };
        schema["properties"].as_object().into_iter().flatten().map(|(key, _)| key.clone()).collect()
    }

    /// The kind that knows the most of these keys; none if two do, or nobody knows any.
    fn of(keys: &BTreeSet<String>) -> Option<Self> {
        let mut known = Kind::ALL.map(|kind| (kind.keys().intersection(keys).count(), kind));
        known.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
        let [(most, kind), (next, _), _] = known;
        (most > next).then_some(kind)
    }

    fn undecided() -> String {
        let of = |kind: Kind| format!("{} ({})", kind.name(), kind.keys().into_iter().collect::<Vec<_>>().join(", "));
        format!(
            "its keys do not say what it is; name it with --kind, or correct them: {}. Golden tests of journeys: leadflow \
             test",
            Kind::ALL.map(of).join("; ")
        )
    }

    /// `told`: kinds of events that the scoring models at hand tell nurture of; none if there is no model.
    fn check(self, file: &Path, body: &[u8], told: Option<&BTreeSet<String>>) -> Vec<Remark> {
        let fault = |text: String| vec![Remark { is_fault: true, text }];
        match self {
            Kind::Scoring => {
                let remark = |finding: &leadflow_qualification::domain::rules::Finding| Remark {
                    is_fault: finding.is_fault(),
                    text: finding.to_string(),
                };
                leadflow_qualification::domain::rules::check(body).iter().map(remark).collect()
            }
            Kind::Sources => {
                let text = String::from_utf8_lossy(body);
                match leadflow_ingest::sources::parse(file, &text) {
                    Ok(_) => Vec::new(),
                    Err(error) => fault(in_words(&format!("{error:#}"))),
                }
            }
            Kind::Journey => match leadflow_nurture::bundle::bundle(file, &|path| std::fs::read(path)) {
                Ok(body) => check_journey(&body, told),
                Err(error) => fault(error),
            },
        }
    }
}

fn check_journey(body: &[u8], told: Option<&BTreeSet<String>>) -> Vec<Remark> {
    use leadflow_nurture::domain::journey;
    let findings = match leadflow_nurture::journeys::read(body, 0) {
        Ok((compiled, mut findings)) => {
            findings.extend(told.into_iter().flat_map(|told| journey::check::check_emitted(&compiled.journey, told)));
            findings
        }
        Err(findings) => findings,
    };
    let remark = |finding: &journey::Finding| Remark { is_fault: !finding.warning, text: finding.to_string() };
    findings.iter().map(remark).collect()
}

/// Kinds of events that this scoring model tells nurture of by its `emit` list, and those of its raised hands.
fn told_kinds(body: &[u8]) -> BTreeSet<String> {
    let model: Value = serde_saphyr::from_str(&String::from_utf8_lossy(body)).unwrap_or_default();
    let list = |key: &str| model[key].as_array().cloned().unwrap_or_default();
    let hands = list("rules").into_iter().filter(|rule| rule["hand_raise"] == true);
    let kinds = list("emit").into_iter().map(|entry| entry["kind"].clone());
    let kinds = kinds.chain(hands.map(|rule| rule["when"]["kind"].clone()));
    // One kind, or a list of them.
    let each = |kind: Value| match kind {
        Value::Array(kinds) => kinds,
        kind => vec![kind],
    };
    kinds.flat_map(each).filter_map(|kind| kind.as_str().map(str::to_owned)).collect()
}

/// Why nobody can say what a file is: it is no YAML, with line and column, or it has other keys.
fn undecided(text: &str) -> String {
    match serde_saphyr::from_str::<Value>(text) {
        Err(error) => in_words(&format!("this is no YAML: {error}")),
        Ok(_) => Kind::undecided(),
    }
}

/// Keys at the top of the file, in whatever style of YAML; of one that cannot be read, those that begin a line.
fn top_level_keys(text: &str) -> BTreeSet<String> {
    if let Ok(Value::Object(map)) = serde_saphyr::from_str::<Value>(text) {
        return map.into_iter().map(|(key, _)| key).collect();
    }
    let key = |line: &str| {
        let (key, _) = line.split_once(':')?;
        key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_').then(|| key.to_owned())
    };
    text.lines().filter_map(key).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(text: &str) -> Option<Kind> {
        Kind::of(&top_level_keys(text))
    }

    #[test]
    fn the_kind_follows_from_the_top_level_keys_in_any_style() {
        let table = [
            ("sources: {web: {namez: {}}}", Some(Kind::Sources)),
            ("forms:\n  contact:\n    source: web\n", Some(Kind::Sources)),
            ("{\"mailboxes\": {}}", Some(Kind::Sources)),
            ("# a comment\nname: default\nrules: []\n", Some(Kind::Scoring)),
            ("rulez: []\nthresholds: {}\n", Some(Kind::Scoring)),
            ("name: warm-up\ntitle: Warm up\nsteps: []\n", Some(Kind::Journey)),
            // No YAML, but its author's intent is clear.
            ("rules: [\nthresholds: {\n", Some(Kind::Scoring)),
            ("sources:\n\tweb: {}\n", Some(Kind::Sources)),
            // Models and journeys both have a name.
            ("name: x\n", None),
            ("", None),
            ("- 1\n", None),
        ];
        for (text, expected) in table {
            assert_eq!(kind(text), expected, "{text:?}");
        }
    }

    #[test]
    fn an_undecided_file_is_told_what_kinds_there_are() {
        let said = Kind::undecided();
        for part in ["--kind", "scoring (", "sources (", "journey (", "thresholds", "mailboxes", "steps"] {
            assert!(said.contains(part), "{part}: {said}");
        }
    }

    #[test]
    fn a_file_that_is_no_yaml_is_told_where() {
        for text in ["id: a\ntitle: b\n\tsteps: []\n", "id: a\nx: [1, 2\n", "a: 'b\n"] {
            let said = undecided(text);
            assert!(said.starts_with("this is no YAML: ") && said.contains("line"), "{text:?}: {said}");
            assert!(!said.contains("--kind"), "{said}");
        }
        assert!(undecided("colour: red\n").contains("--kind"));
    }

    #[test]
    fn a_sources_file_in_flow_style_is_judged_as_one() {
        let remarks = Kind::Sources.check(Path::new("s.yaml"), b"sources: {web: {namez: {}}}", None);
        assert!(remarks.iter().any(|remark| remark.text.contains("did you mean `names`?")), "{remarks:?}");
    }

    #[test]
    fn a_model_beside_a_journey_says_what_is_told() {
        let told = told_kinds(
            b"emit: [{kind: form}]\nrules:\n- {when: {kind: [chat, email_in]}, hand_raise: true}\n- {when: {kind: page_view}}\n",
        );
        assert_eq!(told.iter().map(String::as_str).collect::<Vec<_>>(), ["chat", "email_in", "form"]);
        let path = sample("journeys/warm-up.yaml");
        let body = std::fs::read(&path).expect("a sample");
        let faults = |told: &BTreeSet<String>| {
            Kind::Journey.check(&path, &body, Some(told)).iter().filter(|remark| remark.is_fault).count()
        };
        assert_eq!(faults(&told_kinds(&std::fs::read(sample("scoring.yaml")).expect("a sample"))), 0);
        assert!(faults(&BTreeSet::new()) > 0, "the sample waits for an event that no model tells of here");
    }

    fn sample(file: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/config").join(file)
    }

    #[test]
    fn the_samples_are_recognised_and_right() {
        for (file, kind) in
            [("scoring.yaml", Kind::Scoring), ("sources.yaml", Kind::Sources), ("journeys/warm-up.yaml", Kind::Journey)]
        {
            let path = sample(file);
            let body = std::fs::read(&path).expect("a sample");
            assert_eq!(Kind::of(&top_level_keys(&String::from_utf8_lossy(&body))), Some(kind), "{file}");
            // A sample may name secrets that only a deployment has.
            if kind != Kind::Sources {
                assert!(kind.check(&path, &body, None).iter().all(|remark| !remark.is_fault), "{file}");
            }
        }
    }
}
