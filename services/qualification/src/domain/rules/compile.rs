//! From the bytes of a file to a [`Model`], or to everything that is wrong with them. Parts that cannot be read are said
//! and left out, so that one typing error does not hide the next ten.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::build::build;
use super::finding::{Finding, Findings};
use super::lines::locate;
use super::model::Model;
use super::schema::json_schema;
use super::source::{DisqualifySource, EmitSource, FitRuleSource, GradesSource, GroupSource, ModelFile, RuleSource};
use super::structure::check_structure;

/// Most bytes of a scoring model.
pub const MOST_BYTES: usize = 256 * 1024;

/// Checks and compiles the YAML of a scoring model.
///
/// # Errors
/// Every fault found, in the order of the file (never a mere warning: those are told by [`check`](super::check())).
pub fn compile(body: &[u8]) -> Result<Model, Vec<Finding>> {
    let mut findings = Findings::default();
    let model = examine(body, &mut findings);
    match model {
        Some(model) if !findings.has_faults() => Ok(model),
        _ => Err(findings.into_faults()),
    }
}

/// Compiles as far as possible and says everything that is wrong or doubtful.
pub(super) fn examine(body: &[u8], findings: &mut Findings) -> Option<Model> {
    let tree = parse(body, findings)?;
    let model = examine_tree(&tree, findings);
    locate(body, findings);
    model
}

fn examine_tree(tree: &Value, findings: &mut Findings) -> Option<Model> {
    check_structure(&json_schema(), tree, findings);
    if !tree.is_object() {
        return None;
    }
    if let Err(error) = serde_json::from_value::<ModelFile>(tree.clone())
        && !findings.has_faults()
    {
        findings.fault("", error.to_string(), "compare the file with the JSON schema");
    }
    Some(build(&Sections::of(tree), findings))
}

fn parse(body: &[u8], findings: &mut Findings) -> Option<Value> {
    if body.len() > MOST_BYTES {
        let problem = format!("{} bytes", body.len());
        findings.fault("", problem, format!("a model has at most {MOST_BYTES}: shorten its lists"));
        return None;
    }
    let Ok(text) = std::str::from_utf8(body) else {
        findings.fault("", "no UTF-8", "save it as UTF-8");
        return None;
    };
    let parsed = serde_saphyr::from_str_with_options::<Value>(text, yaml_options());
    let fault = |error: serde_saphyr::Error| {
        let line = error.location().map(|place| place.line());
        let problem = format!("no YAML: {error}");
        findings.fault_at(line, problem, "mend the line; often it is an indent, a quote or a colon");
    };
    parsed.map_err(fault).ok()
}

/// A model is a few levels deep; what is deeper is an attack or a mistake, and would only cost stack.
pub(super) fn yaml_options() -> serde_saphyr::Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! { max_depth: 32, max_nodes: 200_000, max_documents: 1 },
        with_snippet: false,
    }
}

/// The parts of a file that could be read. A part that is missing here was said by `check_structure`.
pub(super) struct Sections<'a> {
    tree: &'a Value,
    /// With the place in the file.
    pub(super) rules: Vec<(usize, RuleSource)>,
    pub(super) groups: Vec<(usize, GroupSource)>,
    pub(super) grades: Option<GradesSource>,
    pub(super) fit_rules: Vec<(usize, FitRuleSource)>,
    pub(super) disqualify: Vec<(usize, DisqualifySource)>,
    pub(super) emit: Vec<(usize, EmitSource)>,
}

impl<'a> Sections<'a> {
    fn of(tree: &'a Value) -> Self {
        Self {
            tree,
            rules: readable(&tree["rules"]),
            groups: readable(&tree["groups"]),
            grades: read(&tree["fit"]["grades"]),
            fit_rules: readable(&tree["fit"]["rules"]),
            disqualify: readable(&tree["disqualify"]),
            emit: readable(&tree["emit"]),
        }
    }

    /// A key of the file as a whole, if it is there and readable.
    pub(super) fn get<T: DeserializeOwned>(&self, key: &str) -> Option<T> {
        read(&self.tree[key])
    }

    /// An entry of a mapping of the file, if it is there and readable.
    pub(super) fn get_in<T: DeserializeOwned>(&self, section: &str, key: &str) -> Option<T> {
        read(&self.tree[section][key])
    }

    /// Keys of a mapping of the file.
    pub(super) fn keys(&self, section: &str) -> impl Iterator<Item = &'a str> {
        self.tree[section].as_object().into_iter().flat_map(|map| map.keys().map(String::as_str))
    }

    /// Ids of the groups, of unreadable ones too.
    pub(super) fn group_ids(&self) -> Vec<&'a str> {
        let groups = self.tree["groups"].as_array().map(Vec::as_slice).unwrap_or_default();
        groups.iter().map(|group| group["id"].as_str().unwrap_or_default()).collect()
    }

    /// Whether the file has the section at all, readable or not.
    pub(super) fn has(&self, key: &str) -> bool {
        self.tree.get(key).is_some_and(|section| !section.is_null())
    }
}

fn read<T: DeserializeOwned>(value: &Value) -> Option<T> {
    if value.is_null() { None } else { serde_json::from_value(value.clone()).ok() }
}

fn readable<T: DeserializeOwned>(list: &Value) -> Vec<(usize, T)> {
    let items = list.as_array().map(Vec::as_slice).unwrap_or_default();
    items.iter().enumerate().filter_map(|(index, item)| Some((index, read(item)?))).collect()
}
