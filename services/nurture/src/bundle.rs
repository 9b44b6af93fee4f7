//! A journey's file with the texts of its templates in it: what is published is one text, whatever files it was written in.
//! In the file as marketers keep it a template may say `mjml_file: mails/welcome.mjml` instead of `mjml: ...`.

use std::path::Path;

use serde_json::Value;

/// Reads a journey's file, and puts in what its templates name.
///
/// # Errors
/// A sentence with the place.
pub fn bundle(path: &Path, read: &impl Fn(&Path) -> std::io::Result<Vec<u8>>) -> Result<Vec<u8>, String> {
    let bytes = read(path).map_err(|error| error.to_string())?;
    let text = String::from_utf8(bytes).map_err(|_| "is no UTF-8 text".to_owned())?;
    let mut file: Value = crate::yaml::read(&text)?;
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    let mut changed = false;
    let templates = file.get_mut("templates").and_then(Value::as_object_mut);
    for (name, template) in templates.into_iter().flatten() {
        let Some(fields) = template.as_object_mut() else { continue };
        for (key, given) in [("mjml_file", "mjml"), ("text_file", "text")] {
            let Some(named) = fields.remove(key) else { continue };
            let place = format!("templates.{name}.{key}");
            let Some(named) = named.as_str() else { return Err(format!("{place}: is no path")) };
            if fields.contains_key(given) {
                return Err(format!("{place}: stands beside {given}; keep one of both"));
            }
            let target = folder.join(named);
            let bytes = read(&target).map_err(|error| format!("{place}: {}: {error}", target.display()))?;
            let body =
                String::from_utf8(bytes).map_err(|_| format!("{place}: {} is no UTF-8 text", target.display()))?;
            fields.insert(given.to_owned(), Value::String(body));
            changed = true;
        }
    }
    if !changed {
        return Ok(text.into_bytes());
    }
    // JSON is YAML.
    serde_json::to_vec_pretty(&file).map_err(|error| error.to_string())
}
