//! Identifiers that identify nobody: what programs send when they have no id. Such a one refuses links and never names a
//! person; it still is the subject of its event, so that a longer list never moves old events.

use super::condition::{is_entry, lower};
use super::model::Model;

/// Sorted.
const WELL_KNOWN: [&str; 24] = [
    "",
    "-",
    "-1",
    "0",
    "00000000-0000-0000-0000-000000000000",
    "[object object]",
    "anonymous",
    "default",
    "false",
    "guest",
    "id",
    "n/a",
    "na",
    "nan",
    "nil",
    "none",
    "not set",
    "null",
    "string",
    "true",
    "undefined",
    "unknown",
    "user",
    "user_id",
];

impl Model {
    /// Whether this user id, anonymous id, e-mail or phone identifies nobody. Case does not matter.
    #[must_use]
    pub fn is_junk_identifier(&self, identifier: &str) -> bool {
        let identifier = lower(identifier.trim());
        WELL_KNOWN.binary_search(&&*identifier).is_ok() || is_entry(&self.junk, &identifier)
    }
}
