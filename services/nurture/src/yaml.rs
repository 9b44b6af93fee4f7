//! YAML as marketers mean it: `NO` is Norway and `y` is a letter; only true and false are truth values.

use serde::de::DeserializeOwned;

/// Reads one document.
///
/// # Errors
/// A sentence with line and column.
pub fn read<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    let mut options = serde_saphyr::Options::default();
    options.strict_booleans = true;
    serde_saphyr::from_str_with_options(text, options).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    #[test]
    fn countries_are_no_truth_values() {
        let read: Vec<serde_json::Value> = super::read("[NO, y, off, true, 5]").expect("a list");
        assert_eq!(serde_json::json!(read), serde_json::json!(["NO", "y", "off", true, 5]));
        assert!(super::read::<Vec<u8>>("[").is_err());
    }
}
