//! Decisions about links as they are kept: the identifiers concerned and the claims, and what was decided of them. Row
//! numbers and times only, nothing personal.

use prost::Message;
use uuid::Uuid;

use crate::domain::identity::{Change, Claim, IdentifierId, IdentifierKind, Node, Parent, PersonId, Tied};

use super::{Corrupt, from_micros, micros};

#[derive(Clone, PartialEq, Message)]
struct StoredParent {
    #[prost(int64, tag = "1")]
    strong: i64,
    #[prost(sint64, tag = "2")]
    occurred_at: i64,
    #[prost(bytes = "vec", tag = "3")]
    event_id: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct StoredNode {
    #[prost(int64, tag = "1")]
    id: i64,
    #[prost(int32, tag = "2")]
    kind: i32,
    #[prost(message, optional, tag = "3")]
    parent: Option<StoredParent>,
    #[prost(int64, optional, tag = "4")]
    person: Option<i64>,
}

#[derive(Clone, PartialEq, Message)]
struct StoredClaim {
    #[prost(int64, tag = "1")]
    weak: i64,
    #[prost(message, optional, tag = "2")]
    parent: Option<StoredParent>,
}

#[derive(Clone, PartialEq, Message)]
struct StoredQuestion {
    #[prost(message, repeated, tag = "1")]
    nodes: Vec<StoredNode>,
    #[prost(message, repeated, tag = "2")]
    claims: Vec<StoredClaim>,
}

#[derive(Clone, PartialEq, Message)]
struct StoredLink {
    #[prost(message, optional, tag = "1")]
    claim: Option<StoredClaim>,
    #[prost(int32, tag = "2")]
    state: i32,
    #[prost(string, tag = "3")]
    reason: String,
}

#[derive(Clone, PartialEq, Message)]
struct StoredGroup {
    #[prost(int64, tag = "1")]
    root: i64,
    #[prost(int64, repeated, tag = "2")]
    members: Vec<i64>,
    #[prost(int64, optional, tag = "3")]
    person: Option<i64>,
    #[prost(int64, repeated, tag = "4")]
    merged: Vec<i64>,
    #[prost(bool, tag = "5")]
    torn: bool,
}

#[derive(Clone, PartialEq, Message)]
struct StoredAnswer {
    #[prost(message, repeated, tag = "1")]
    parents: Vec<StoredClaim>,
    #[prost(message, repeated, tag = "2")]
    links: Vec<StoredLink>,
    #[prost(message, repeated, tag = "3")]
    groups: Vec<StoredGroup>,
    #[prost(int64, repeated, tag = "4")]
    cut: Vec<i64>,
}

/// Bytes of a question, in canonical order.
#[must_use]
pub fn encode_question(nodes: &[Node], claims: &[Claim]) -> Vec<u8> {
    let node = |node: &Node| StoredNode {
        id: node.id.0,
        kind: i32::from(node.kind.number()),
        parent: node.parent.map(parent),
        person: node.person.map(|person| person.0),
    };
    let mut stored =
        StoredQuestion { nodes: nodes.iter().map(node).collect(), claims: claims.iter().map(claim).collect() };
    stored.nodes.sort_by_key(|node| node.id);
    stored.claims.sort_by_key(|claim| (claim.weak, claim.parent.as_ref().map_or(0, |parent| parent.strong)));
    stored.encode_to_vec()
}

/// Reads what [`encode_question`] wrote.
///
/// # Errors
/// [`Corrupt`].
pub fn decode_question(bytes: &[u8]) -> Result<(Vec<Node>, Vec<Claim>), Corrupt> {
    let corrupt = Corrupt("link decision");
    let stored = StoredQuestion::decode(bytes).map_err(|_| corrupt)?;
    let node = |stored: StoredNode| -> Option<Node> {
        Some(Node {
            id: IdentifierId(stored.id),
            kind: i16::try_from(stored.kind).ok().and_then(IdentifierKind::from_number)?,
            parent: match stored.parent {
                Some(parent) => Some(from_parent(&parent)?),
                None => None,
            },
            person: stored.person.map(PersonId),
        })
    };
    let claim = |stored: StoredClaim| -> Option<Claim> {
        let Parent { strong, key } = from_parent(&stored.parent?)?;
        Some(Claim { weak: IdentifierId(stored.weak), strong, key })
    };
    let nodes: Option<Vec<Node>> = stored.nodes.into_iter().map(node).collect();
    let claims: Option<Vec<Claim>> = stored.claims.into_iter().map(claim).collect();
    nodes.zip(claims).ok_or(corrupt)
}

/// Bytes of an answer.
#[must_use]
pub fn encode_answer(tied: &Tied) -> Vec<u8> {
    let group = |group: &crate::domain::identity::Group| StoredGroup {
        root: group.root.0,
        members: group.members.iter().map(|id| id.0).collect(),
        person: group.person.map(|person| person.0),
        merged: group.merged.iter().map(|person| person.0).collect(),
        torn: group.change == Change::Torn,
    };
    let link = |link: &crate::domain::identity::Link| StoredLink {
        claim: Some(claim(&link.claim)),
        state: i32::from(link.state.number()),
        reason: link.reason.to_owned(),
    };
    let parents = tied.parents.iter().map(|(weak, new)| StoredClaim { weak: weak.0, parent: Some(parent(*new)) });
    StoredAnswer {
        parents: parents.collect(),
        links: tied.links.iter().map(link).collect(),
        groups: tied.persons.groups.iter().map(group).collect(),
        cut: tied.persons.cut.iter().map(|id| id.0).collect(),
    }
    .encode_to_vec()
}

/// What was decided, for people: `1 active, 1 refused (shared_phone)`.
///
/// # Errors
/// [`Corrupt`].
pub fn describe_answer(bytes: &[u8]) -> Result<String, Corrupt> {
    let stored = StoredAnswer::decode(bytes).map_err(|_| Corrupt("link decision"))?;
    let words = stored.links.iter().map(|link| match (link.state, link.reason.as_str()) {
        (1, _) => "linked".to_owned(),
        (3, reason) => format!("withdrawn {reason}"),
        (_, reason) => format!("refused {reason}"),
    });
    Ok(words.collect::<Vec<_>>().join(", "))
}

fn claim(claim: &Claim) -> StoredClaim {
    StoredClaim { weak: claim.weak.0, parent: Some(parent(Parent { strong: claim.strong, key: claim.key })) }
}

fn parent(parent: Parent) -> StoredParent {
    let (occurred_at, event_id) = parent.key;
    StoredParent { strong: parent.strong.0, occurred_at: micros(occurred_at), event_id: event_id.as_bytes().to_vec() }
}

fn from_parent(stored: &StoredParent) -> Option<Parent> {
    let event_id = Uuid::from_slice(&stored.event_id).ok()?;
    Some(Parent { strong: IdentifierId(stored.strong), key: (from_micros(stored.occurred_at), event_id) })
}
