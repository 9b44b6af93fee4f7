//! What decisions know of a lead and of an act, as canonical protobuf: only the fields that the journey names, never who the
//! person is.

use std::collections::BTreeMap;

/// A lead as of its last event.
#[derive(Clone, PartialEq, prost::Message)]
pub struct LeadFacts {
    /// 16 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub lead_id: Vec<u8>,
    /// "lead.grade" -> "B"; those that the journey names.
    #[prost(btree_map = "string, string", tag = "2")]
    pub fields: BTreeMap<String, String>,
    /// open, mql, sal ...
    #[prost(string, tag = "3")]
    pub stage: String,
    /// IANA name, as decided for this lead (its own, its country's, the deployment's).
    #[prost(string, tag = "4")]
    pub time_zone: String,
    /// A sales executive has it.
    #[prost(bool, tag = "5")]
    pub owned: bool,
}

/// Something the person did.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ActFacts {
    /// form, email_clicked ...
    #[prost(string, tag = "1")]
    pub kind: String,
    /// The sender's name for it.
    #[prost(string, tag = "2")]
    pub name: String,
    /// With the prefix "properties.".
    #[prost(btree_map = "string, string", tag = "3")]
    pub properties: BTreeMap<String, String>,
    /// 16 bytes.
    #[prost(bytes = "vec", tag = "4")]
    pub event_id: Vec<u8>,
}

impl ActFacts {
    /// As journeys look at it.
    #[must_use]
    pub fn act(&self) -> super::journey::plan::Act<'_> {
        super::journey::plan::Act { kind: &self.kind, name: &self.name, properties: &self.properties }
    }
}
