//! The deployment's identity key and the keyed hashes made with it: record keys, identifiers, suppression, links.
//! Made once, backed up with the database, never changed: what was erased is known only by its hash, and another key would
//! not recognise it. What is hashed is normalised by [`crate::identifier`]; this file does not look at it.

use std::fmt;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use hkdf::Hkdf;
use hmac::{Hmac, KeyInit as _, Mac as _};
use rand::Rng as _;
use sha2::Sha256;

/// First 16 bytes of HMAC-SHA256(purpose key, kind || 0x00 || normalised value).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyedHash(pub [u8; 16]);

impl fmt::Display for KeyedHash {
    /// 32 lower-case hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

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

impl Purpose {
    /// Every purpose.
    pub const ALL: [Purpose; 4] = [Purpose::Topic, Purpose::Identifier, Purpose::Suppression, Purpose::Link];

    /// `info` of HKDF. Frozen: another text is another key.
    const fn info(self) -> &'static [u8] {
        match self {
            Purpose::Topic => b"leadflow/topic",
            Purpose::Identifier => b"leadflow/identifier",
            Purpose::Suppression => b"leadflow/suppression",
            Purpose::Link => b"leadflow/link",
        }
    }
}

/// Why the identity key could not be had.
#[derive(Debug, thiserror::Error)]
pub enum IdentityKeyError {
    /// The file is missing or may not be read.
    #[error("could not read the identity key from {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file does not hold a key.
    #[error(
        "{path} does not hold an identity key: expected 64 hexadecimal digits, as `openssl rand -hex 32` makes them"
    )]
    Form {
        /// The file.
        path: PathBuf,
    },
    /// The file could not be made; it exists already, for one.
    #[error("could not write the identity key to {path}: {source}")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// 32 secret bytes, with one prepared key per purpose.
#[derive(Clone)]
pub struct IdentityKey {
    secret: [u8; 32],
    prepared: [Hmac<Sha256>; 4],
    check_value: [u8; 16],
}

impl fmt::Debug for IdentityKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IdentityKey(secret)")
    }
}

impl IdentityKey {
    /// Reads 64 hexadecimal digits from a secret file; white space around them is ignored.
    ///
    /// # Errors
    /// [`IdentityKeyError`] if the file cannot be read or holds something else.
    pub fn load(path: &Path) -> Result<Self, IdentityKeyError> {
        let text =
            std::fs::read_to_string(path).map_err(|source| IdentityKeyError::Read { path: path.to_owned(), source })?;
        let secret = parse_hex(text.trim()).ok_or_else(|| IdentityKeyError::Form { path: path.to_owned() })?;
        Ok(Self::from_secret(secret))
    }

    /// A new key. A deployment does this once.
    #[must_use]
    pub fn generate() -> Self {
        let mut secret = [0; 32];
        rand::rng().fill_bytes(&mut secret);
        Self::from_secret(secret)
    }

    /// From 32 bytes.
    #[must_use]
    pub fn from_secret(secret: [u8; 32]) -> Self {
        let check = derive(&secret, b"leadflow/check");
        let mut check_value = [0; 16];
        check_value.copy_from_slice(&check[..16]);
        let prepared = Purpose::ALL.map(|purpose| prepare(&derive(&secret, purpose.info())));
        Self { secret, prepared, check_value }
    }

    /// Writes a new file that only its owner may read. Never overwrites one.
    ///
    /// # Errors
    /// [`IdentityKeyError::Write`], also if the file exists.
    pub fn write_new(&self, path: &Path) -> Result<(), IdentityKeyError> {
        let write = || {
            let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
            for byte in self.secret {
                write!(file, "{byte:02x}")?;
            }
            writeln!(file)?;
            file.sync_all()
        };
        write().map_err(|source| IdentityKeyError::Write { path: path.to_owned(), source })
    }

    /// The keyed hash of one normalised value. `kind` ("email", "user", ...) keeps equal texts of two kinds apart.
    #[must_use]
    pub fn hash(&self, purpose: Purpose, kind: &str, normalised: &str) -> KeyedHash {
        let mut mac = self.prepared[purpose as usize].clone();
        mac.update(kind.as_bytes());
        mac.update(&[0]);
        mac.update(normalised.as_bytes());
        let digest = mac.finalize().into_bytes();
        let mut hash = [0; 16];
        hash.copy_from_slice(&digest[..16]);
        KeyedHash(hash)
    }

    /// Stored in each schema, so that a role with another key refuses to start. Tells nothing about the key.
    #[must_use]
    pub fn check_value(&self) -> [u8; 16] {
        self.check_value
    }
}

/// The record key on engagement topics: the keyed hash of the anonymous id if there is one (a browser stays on one
/// partition), else of the e-mail, else of the user id, else of the phone number; 32 hexadecimal digits. All values
/// normalised. `None` if there is no identifier at all.
#[must_use]
pub fn record_key(
    key: &IdentityKey,
    anonymous: Option<&str>,
    email: Option<&str>,
    user: Option<&str>,
    phone: Option<&str>,
) -> Option<String> {
    let (kind, value) = [("anonymous", anonymous), ("email", email), ("user", user), ("phone", phone)]
        .into_iter()
        .find_map(|(kind, value)| value.filter(|value| !value.is_empty()).map(|value| (kind, value)))?;
    Some(key.hash(Purpose::Topic, kind, value).to_string())
}

fn derive(secret: &[u8; 32], info: &[u8]) -> [u8; 32] {
    let mut key = [0; 32];
    Hkdf::<Sha256>::new(None, secret).expand(info, &mut key).expect("32 bytes are less than 255 blocks of SHA-256");
    key
}

fn prepare(key: &[u8; 32]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes a key of any length")
}

/// 32 bytes as 64 hexadecimal digits.
pub(crate) fn parse_hex(text: &str) -> Option<[u8; 32]> {
    let bytes = text.as_bytes();
    if bytes.len() != 64 {
        return None;
    }
    let mut secret = [0; 32];
    for (byte, pair) in secret.iter_mut().zip(bytes.chunks_exact(2)) {
        let digit = |at: usize| char::from(pair[at]).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        *byte = digit(0)? << 4 | digit(1)?;
    }
    Some(secret)
}
