//! Fields of requests: what is right, and what to say if it is not. Never repeats the value.

use leadflow_platform::error::{ApiError, FieldError};
use leadflow_proto::assignment::v1::ExternalId;
use uuid::Uuid;

/// Gathers everything that is wrong with a request, so that its sender mends it at once.
#[derive(Debug, Default)]
pub(super) struct Check {
    fields: Vec<FieldError>,
}

impl Check {
    /// Notes `message` about a field unless it is right.
    pub(super) fn that(&mut self, right: bool, field: impl Into<String>, message: &str) {
        if !right {
            self.fields.push(FieldError { pointer: field.into(), message: message.to_owned() });
        }
    }

    /// The id of a rep or pool.
    pub(super) fn id(&mut self, field: &str, id: &str) {
        let right = (1..=64).contains(&id.len())
            && id
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'.' || byte == b'-');
        self.that(right, field, "takes 1 to 64 lower-case letters, digits, dots and dashes");
    }

    /// A line of text that people read.
    pub(super) fn text(&mut self, field: &str, text: &str, at_least: usize) {
        let right = (at_least..=200).contains(&text.chars().count()) && !text.chars().any(char::is_control);
        self.that(
            right,
            field,
            if at_least == 0 { "takes up to 200 printable characters" } else { "takes 1 to 200 printable characters" },
        );
    }

    /// A word that programs compare. Free text could hold personal data, which erasure would not find.
    pub(super) fn code(&mut self, field: &str, code: &str) {
        let right = (1..=64).contains(&code.len())
            && code.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
        self.that(
            right,
            field,
            "takes a code of 1 to 64 lower-case letters, digits and underscores; notes belong into the CRM",
        );
    }

    /// A record of another system.
    pub(super) fn external_id(&mut self, field: &str, id: &ExternalId) {
        for (name, value) in [("system", &id.system), ("type", &id.r#type), ("id", &id.id)] {
            let right = (1..=128).contains(&value.len()) && !value.chars().any(char::is_control);
            self.that(right, format!("{field}.{name}"), "takes 1 to 128 bytes of printable text");
        }
    }

    /// Everything that is wrong.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` with every field.
    pub(super) fn done(self) -> Result<(), ApiError> {
        if self.fields.is_empty() { Ok(()) } else { Err(ApiError::invalid_fields(self.fields)) }
    }
}

/// A lead's id.
///
/// # Errors
/// `INVALID_ARGUMENT`.
pub(super) fn lead_id(text: &str) -> Result<Uuid, ApiError> {
    Uuid::parse_str(text).map_err(|_| ApiError::invalid("lead_id", "is no UUID"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(check: impl FnOnce(&mut Check)) -> Vec<String> {
        let mut all = Check::default();
        check(&mut all);
        all.fields.into_iter().map(|field| field.pointer).collect()
    }

    #[test]
    fn fields_are_named() {
        for bad in ["", "Ana", "a b", "a,b", "a_b", &"a".repeat(65)] {
            assert_eq!(wrong(|check| check.id("rep_id", bad)), ["rep_id"], "{bad}");
        }
        assert!(wrong(|check| check.id("rep_id", "ana.fictional-2")).is_empty());
        for bad in ["", "No budget", "no-budget", "ja\u{0}"] {
            assert_eq!(wrong(|check| check.code("reason", bad)), ["reason"], "{bad}");
        }
        assert!(wrong(|check| check.code("reason", "no_budget")).is_empty());
        let none = ExternalId::default();
        assert_eq!(
            wrong(|check| check.external_id("external_id", &none)),
            ["external_id.system", "external_id.type", "external_id.id"]
        );
        assert_eq!(wrong(|check| check.text("name", "a\nb", 0)), ["name"]);
        assert_eq!(wrong(|check| check.text("name", "", 1)), ["name"]);
        assert!(wrong(|check| check.text("name", "", 0)).is_empty());
    }
}
