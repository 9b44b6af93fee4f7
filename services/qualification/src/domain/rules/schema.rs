//! The JSON schema of a scoring model, for editors and for `structure`. Made from the types in `source`, so that it cannot
//! tell another story than the parser; `deploy/config/scoring.schema.json` is a copy that a test keeps equal.

use schemars::generate::SchemaSettings;
use serde_json::Value;

use super::source::ModelFile;

/// JSON schema (draft 2020-12) of the YAML of a scoring model.
#[must_use]
pub fn json_schema() -> Value {
    SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<ModelFile>().to_value()
}
