//! Who is who. A person is what hangs together by links: each identifier belongs to the stronger one of its earliest link,
//! so that the set of facts alone decides, in whatever order it came. Nothing here knows points, leads or rows.

mod components;
mod forest;
mod link;
mod presented;

use jiff::Timestamp;
use uuid::Uuid;

pub use components::components;
pub use forest::{Change, Group, Node, Parent, Persons, regroup};
pub use link::{Claim, Link, LinkState, Tied, losers, tie};
pub use presented::{Presented, present};

/// By how much an identifier identifies: the smaller the number, the stronger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum IdentifierKind {
    /// The customer's own id of a person.
    User = 1,
    /// An e-mail address.
    Email = 2,
    /// A phone number.
    Phone = 3,
    /// A browser or device.
    Anonymous = 4,
}

impl IdentifierKind {
    /// All, the strongest first.
    pub const ALL: [Self; 4] = [Self::User, Self::Email, Self::Phone, Self::Anonymous];

    /// The word that the keyed hash is made with. Frozen: another word is another hash.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Email => "email",
            Self::Phone => "phone",
            Self::Anonymous => "anonymous",
        }
    }

    /// 1 to 4, as stored.
    #[must_use]
    pub const fn number(self) -> i16 {
        self as i16
    }

    /// The kind with this number.
    #[must_use]
    pub fn from_number(number: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.number() == number)
    }

    /// Whether somebody who has one is a person rather than a visitor.
    #[must_use]
    pub const fn identifies(self) -> bool {
        !matches!(self, Self::Anonymous)
    }
}

/// Row number of an identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IdentifierId(pub i64);

/// Row number of a person; never shown outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PersonId(pub i64);

/// Earlier and later facts: time of occurrence, then event id. Total, and the same for every copy of an event.
pub type OrderKey = (Timestamp, Uuid);

/// Most e-mail addresses of one person; later ones stay persons of their own.
pub const MOST_EMAILS: usize = 5;
/// Most phone numbers of one person.
pub const MOST_PHONES: usize = 5;
/// Most browsers of one person.
pub const MOST_ANONYMOUS: usize = 100;
