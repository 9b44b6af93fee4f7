//! A place in the stream: for each partition the next offset to read. Opaque to readers; the same on every carrier.
//!
//! A vector, because the partitions of a topic have no common order: a single number drawn in the database would become
//! visible out of commit order, and readers would skip what came late.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// Next offset by partition; a partition that is not named is read from its beginning.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    /// Of the deployment; raised by a restore.
    pub incarnation: i32,
    /// Next offset to read.
    pub next: BTreeMap<i32, i64>,
}

/// The text is no cursor of this deployment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is no cursor; take one from an item, a response or a heartbeat, or start at earliest or latest")]
pub struct CursorError;

impl Cursor {
    /// Nothing read yet.
    #[must_use]
    pub fn earliest(incarnation: i32) -> Self {
        Self { incarnation, next: BTreeMap::new() }
    }

    /// Next offset to read of a partition.
    #[must_use]
    pub fn next_of(&self, partition: i32) -> i64 {
        self.next.get(&partition).copied().unwrap_or(0)
    }

    /// After the record at this place.
    pub fn pass(&mut self, partition: i32, offset: i64) {
        self.next.insert(partition, offset + 1);
    }
}

/// Version of the text form.
const PREFIX: &str = "c1";

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}_{:x}", self.incarnation)?;
        self.next.iter().try_for_each(|(partition, next)| write!(f, "_{partition:x}-{next:x}"))
    }
}

impl FromStr for Cursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, CursorError> {
        // A topic has at most some hundred partitions; whatever is longer is no cursor of ours.
        if text.len() > 16 * 1024 {
            return Err(CursorError);
        }
        let mut parts = text.split('_');
        if parts.next() != Some(PREFIX) {
            return Err(CursorError);
        }
        let incarnation = parts.next().and_then(|part| i32::from_str_radix(part, 16).ok()).ok_or(CursorError)?;
        let mut next = BTreeMap::new();
        for part in parts {
            let (partition, offset) = part.split_once('-').ok_or(CursorError)?;
            let partition = i32::from_str_radix(partition, 16).map_err(|_| CursorError)?;
            let offset = i64::from_str_radix(offset, 16).map_err(|_| CursorError)?;
            if partition < 0 || offset < 0 || next.insert(partition, offset).is_some() {
                return Err(CursorError);
            }
        }
        Ok(Self { incarnation, next })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_cursor_survives_its_text(incarnation in 0..i32::MAX, next in proptest::collection::btree_map(0..1000i32, 0..i64::MAX, 0..12)) {
            let cursor = Cursor { incarnation, next };
            let text = cursor.to_string();
            prop_assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'), "safe in a URL");
            prop_assert_eq!(text.parse::<Cursor>(), Ok(cursor));
        }

        #[test]
        fn any_text_is_a_cursor_or_an_error(text in ".*") {
            if let Ok(cursor) = text.parse::<Cursor>() {
                prop_assert_eq!(cursor.to_string().parse::<Cursor>(), Ok(cursor));
            }
        }
    }

    #[test]
    fn what_is_no_cursor_is_refused() {
        for text in ["", "c1", "c2_1", "c1_1_0", "c1_1_0-", "c1_1_0-1_0-2", "c1_1_-1-5", "c1_1_0--5", "42"] {
            assert_eq!(text.parse::<Cursor>(), Err(CursorError), "{text}");
        }
    }
}
