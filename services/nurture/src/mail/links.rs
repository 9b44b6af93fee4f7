//! Signed names of messages and their links, as they stand in addresses. A token holds no destination: what is behind link
//! 3 of a message is looked up, so nobody can make our door lead elsewhere. A token of one kind is worth nothing as another.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use data_encoding::BASE32_NOPAD;
use leadflow_platform::identity_key::{IdentityKey, Purpose};
use subtle::ConstantTimeEq as _;
use uuid::Uuid;

/// What a token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LinkKind {
    /// `/c/<token>`: leads to a link's destination.
    Click,
    /// `/o/<token>.gif`: the pixel.
    Open,
    /// `/u/<token>`: ends marketing mails.
    Unsubscribe,
    /// `/p/<token>`: topics.
    Preferences,
    /// `/d/<token>`: confirms an address.
    Confirm,
    /// `reply+<token>@domain`.
    Reply,
}

impl LinkKind {
    /// Every kind.
    pub const ALL: [LinkKind; 6] =
        [Self::Click, Self::Open, Self::Unsubscribe, Self::Preferences, Self::Confirm, Self::Reply];

    /// What is signed with the token. Frozen: another word makes all tokens of this kind void.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            LinkKind::Click => "click",
            LinkKind::Open => "open",
            LinkKind::Unsubscribe => "unsubscribe",
            LinkKind::Preferences => "preferences",
            LinkKind::Confirm => "confirm",
            LinkKind::Reply => "reply",
        }
    }
}

/// The number of the link that no person sees and only scanners follow.
pub const HONEYPOT: u16 = 0xFFFF;

/// Starts the local part of reply addresses.
const REPLY: &str = "reply+";

/// Makes and opens tokens.
#[derive(Clone, Debug)]
pub struct LinkSigner {
    key: IdentityKey,
}

impl LinkSigner {
    /// With the deployment's key: tokens live as long as it does.
    #[must_use]
    pub fn new(key: IdentityKey) -> Self {
        Self { key }
    }

    /// A token of 46 characters, fit for a path: message, link number, 16 bytes of signature.
    #[must_use]
    pub fn sign(&self, kind: LinkKind, message_id: Uuid, number: u16) -> String {
        let mut bytes = [0; 34];
        bytes[..16].copy_from_slice(message_id.as_bytes());
        bytes[16..18].copy_from_slice(&number.to_be_bytes());
        bytes[18..].copy_from_slice(&self.signature(kind, message_id, number));
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Message and link number of a token that we made for this kind; else `None`. Takes no longer for a near miss.
    #[must_use]
    pub fn open(&self, kind: LinkKind, token: &str) -> Option<(Uuid, u16)> {
        let bytes: [u8; 34] = URL_SAFE_NO_PAD.decode(token).ok()?.try_into().ok()?;
        let message_id = Uuid::from_slice(&bytes[..16]).ok()?;
        let number = u16::from_be_bytes([bytes[16], bytes[17]]);
        let is_ours = self.signature(kind, message_id, number).ct_eq(&bytes[18..]);
        bool::from(is_ours).then_some((message_id, number))
    }

    /// The address that answers to a message go to. Its local part has 58 characters, and survives mail systems that make
    /// letters small or large.
    #[must_use]
    pub fn reply_address(&self, message_id: Uuid, domain: &str) -> String {
        let mut bytes = [0; 32];
        bytes[..16].copy_from_slice(message_id.as_bytes());
        bytes[16..].copy_from_slice(&self.signature(LinkKind::Reply, message_id, 0));
        format!("{REPLY}{}@{domain}", BASE32_NOPAD.encode(&bytes).to_ascii_lowercase())
    }

    /// The message of a reply address (or of its local part) that we made; else `None`.
    #[must_use]
    pub fn open_reply(&self, address: &str) -> Option<Uuid> {
        let local = address.rsplit_once('@').map_or(address, |(local, _)| local).to_ascii_lowercase();
        let token = local.strip_prefix(REPLY)?.to_ascii_uppercase();
        let bytes: [u8; 32] = BASE32_NOPAD.decode(token.as_bytes()).ok()?.try_into().ok()?;
        let message_id = Uuid::from_slice(&bytes[..16]).ok()?;
        let is_ours = self.signature(LinkKind::Reply, message_id, 0).ct_eq(&bytes[16..]);
        bool::from(is_ours).then_some(message_id)
    }

    fn signature(&self, kind: LinkKind, message_id: Uuid, number: u16) -> [u8; 16] {
        self.key.hash(Purpose::Link, kind.name(), &format!("{}/{number}", message_id.simple())).0
    }
}
