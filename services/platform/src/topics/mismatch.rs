//! A difference between the file and the broker, as a sentence that says what to do.

use std::time::Duration;

/// One difference. `topic` is the full name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mismatch {
    /// The topic is not there.
    Missing {
        /// Full name.
        topic: String,
    },
    /// Another number of partitions.
    Partitions {
        /// Full name.
        topic: String,
        /// On the broker.
        found: usize,
        /// In the file.
        expected: i32,
    },
    /// A setting that the spine stands on has another value.
    Setting {
        /// Full name.
        topic: String,
        /// Name of the broker's setting.
        setting: &'static str,
        /// On the broker.
        found: String,
        /// By the file.
        expected: String,
    },
    /// Records are deleted earlier than the file says: a role that is down may lose them.
    ShorterRetention {
        /// Full name.
        topic: String,
        /// On the broker.
        found: Duration,
        /// In the file.
        expected: Duration,
    },
    /// Records stay longer than the file says; `None` is for ever. Only a warning.
    LongerRetention {
        /// Full name.
        topic: String,
        /// On the broker.
        found: Option<Duration>,
        /// In the file.
        expected: Duration,
    },
}

impl Mismatch {
    /// True if a role must not start with it.
    #[must_use]
    pub fn stops(&self) -> bool {
        !matches!(self, Self::LongerRetention { .. })
    }
}

impl std::fmt::Display for Mismatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Missing { topic } => {
                write!(f, "topic {topic} does not exist: run `leadflow topics apply`")
            }
            Self::Partitions { topic, found, expected } => write!(
                f,
                "topic {topic} has {found} partitions, the topics file says {expected}: the number is fixed for the life of \
                 a .v1, because order is kept per key. Correct the file, or delete the topic with all its records and run \
                 `leadflow topics apply`"
            ),
            Self::Setting { topic, setting, found, expected } => write!(
                f,
                "topic {topic} has {setting}={found}, the topics file wants {expected}: run `kafka-configs.sh \
                 --bootstrap-server ... --alter --topic {topic} --add-config {setting}={expected}`, or correct the file"
            ),
            Self::ShorterRetention { topic, found, expected } => {
                let ms = expected.as_millis();
                write!(
                    f,
                    "topic {topic} keeps records for {}, the topics file says {}: a role that is down longer loses them. Run \
                     `kafka-configs.sh --bootstrap-server ... --alter --topic {topic} --add-config retention.ms={ms}`, or \
                     correct the file",
                    days(*found),
                    days(*expected)
                )
            }
            Self::LongerRetention { topic, found, expected } => write!(
                f,
                "topic {topic} keeps records {}, the topics file says {}: personal data may stay longer than promised",
                found.map_or_else(|| "for ever".to_owned(), |found| format!("for {}", days(found))),
                days(*expected)
            ),
        }
    }
}

fn days(duration: Duration) -> String {
    let hours = duration.as_secs() / 3600;
    if hours.is_multiple_of(24) { format!("{} days", hours / 24) } else { format!("{hours} hours") }
}
