//! The deployment's identity key and the keyed hashes made with it: record keys, identifiers, suppression, links.
//! Made once, backed up with the database, never changed.

/// First 16 bytes of HMAC-SHA256(purpose key, kind || 0x00 || normalised value).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyedHash(pub [u8; 16]);

/// What a hash is for; each has a key of its own by HKDF-SHA256, so that hashes of two purposes cannot be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Record keys on engagement topics.
    Topic,
    /// Identifier rows.
    Identifier,
    /// Suppression lists.
    Suppression,
    /// Signed links.
    Link,
}
