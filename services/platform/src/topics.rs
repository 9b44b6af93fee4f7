//! The topics of a deployment, from one file: names, partitions, retention, sizes; created by `topics apply`, checked at
//! each start.

mod broker;
mod file;
mod mismatch;

use serde::{Deserialize, Serialize};

pub use broker::{Applied, TopicsError, apply, check, require};
pub use file::{Environment, TopicSpec, TopicTable, TopicsFile, load};
pub use mismatch::Mismatch;

/// Short name of a topic; the full one is `<prefix><name>.v1` ("leadflow.engagement.v1").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[repr(i16)]
pub enum Topic {
    /// What people did, live.
    Engagement = 1,
    /// What people did, from imports and backfills.
    EngagementBulk = 2,
    /// What doors would not take.
    Rejected = 3,
    /// Facts and state of leads.
    Lead = 4,
    /// Offers, owners, outcomes.
    Assignment = 5,
    /// Journeys and sends.
    Nurture = 6,
    /// Records that a role could not apply.
    DeadLetter = 7,
}

impl Topic {
    /// Every topic.
    pub const ALL: [Topic; 7] = [
        Topic::Engagement,
        Topic::EngagementBulk,
        Topic::Rejected,
        Topic::Lead,
        Topic::Assignment,
        Topic::Nurture,
        Topic::DeadLetter,
    ];

    /// "engagement-bulk".
    #[must_use]
    pub const fn short_name(self) -> &'static str {
        match self {
            Topic::Engagement => "engagement",
            Topic::EngagementBulk => "engagement-bulk",
            Topic::Rejected => "rejected",
            Topic::Lead => "lead",
            Topic::Assignment => "assignment",
            Topic::Nurture => "nurture",
            Topic::DeadLetter => "dead-letter",
        }
    }
}
