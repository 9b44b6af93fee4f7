//! The JSON schema that editors complete with and that stands beside the sample journey.

use serde_json::{Value, json};

use super::source::JourneySource;

/// Draft 2020-12, of the file as marketers keep it: there a template may name the files of its bodies, which are put in when
/// it is published ([`crate::bundle`]).
#[must_use]
pub fn json_schema() -> Value {
    let mut schema = serde_json::to_value(schemars::schema_for!(JourneySource)).unwrap_or_default();
    let template = &mut schema["$defs"]["TemplateSource"];
    if let Some(properties) = template["properties"].as_object_mut() {
        let file = |of: &str| json!({ "description": format!("Path of the {of}, from the folder of this file."), "type": "string" });
        properties.insert("mjml_file".to_owned(), file("body"));
        properties.insert("text_file".to_owned(), file("plain text part"));
    }
    template["required"] = json!(["subject"]);
    template["oneOf"] = json!([{ "required": ["mjml"] }, { "required": ["mjml_file"] }]);
    schema
}
