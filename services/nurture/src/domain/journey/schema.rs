//! The JSON schema that editors complete with and that stands beside the sample journey.

use super::source::JourneySource;

/// Draft 2020-12.
#[must_use]
pub fn json_schema() -> serde_json::Value {
    serde_json::to_value(schemars::schema_for!(JourneySource)).unwrap_or_default()
}
