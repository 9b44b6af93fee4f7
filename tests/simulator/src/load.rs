//! Endless traffic for tests, faults and figures: deterministic by seed, Zipf over a fixed population, with message ids of
//! its own, so that an oracle can name every event that a door acknowledged.

use jiff::{SignedDuration, Timestamp};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

/// One generated touch.
#[derive(Clone, Debug)]
pub struct Touch {
    /// The sender's id; unique within seed.
    pub message_id: String,
    /// Number of the person in the population.
    pub person: u32,
    /// track, page or identify.
    pub method: &'static str,
    /// Whether it raises a hand.
    pub hand_raise: bool,
    /// The Segment message.
    pub body: Value,
}

/// What the load looks like.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Size of the population.
    pub persons: u32,
    /// Zipf exponent; 0 is uniform.
    pub skew: f64,
    /// Of 10,000 touches so many raise a hand.
    pub hand_raises_per_10k: u32,
    /// Of 10,000 touches so many identify the browser with its person's address.
    pub identifies_per_10k: u32,
}

impl Default for Shape {
    fn default() -> Self {
        Self { persons: 100_000, skew: 1.0, hand_raises_per_10k: 100, identifies_per_10k: 300 }
    }
}

/// The generator. The same seed and shape give the same touches, whatever the clock (only timestamps follow `now`).
pub struct Load {
    random: ChaCha8Rng,
    shape: Shape,
    cumulative: Vec<f64>,
    seed: u64,
    next: u64,
    now: Timestamp,
}

const PATHS: [&str; 8] = ["/", "/pricing", "/docs", "/docs/api", "/customers", "/blog/autumn", "/about", "/careers"];
const EVENTS: [&str; 4] = ["Webinar Registered", "Whitepaper Downloaded", "Trial Started", "Video Watched"];

impl Load {
    /// `now` is the newest timestamp of the touches; they lie within 20 days before.
    #[must_use]
    pub fn new(seed: u64, shape: Shape, now: Timestamp) -> Self {
        let mut sum = 0.0;
        let cumulative = (1..=shape.persons)
            .map(|rank| {
                sum += 1.0 / f64::from(rank).powf(shape.skew);
                sum
            })
            .collect();
        Self { random: ChaCha8Rng::seed_from_u64(seed), shape, cumulative, seed, next: 0, now }
    }

    /// Whom the next touch belongs to.
    fn person(&mut self) -> u32 {
        let most = self.cumulative.last().copied().unwrap_or(1.0);
        let point = self.random.random::<f64>() * most;
        let rank = self.cumulative.partition_point(|sum| *sum < point);
        u32::try_from(rank).unwrap_or(0).min(self.shape.persons.saturating_sub(1))
    }

    /// Address of a person of the population.
    #[must_use]
    pub fn email(seed: u64, person: u32) -> String {
        format!("p{person}.s{seed}@company{}.example", person % 997)
    }

    /// Browser of a person of the population.
    #[must_use]
    pub fn anonymous_id(seed: u64, person: u32) -> String {
        format!("b{seed}-{person}")
    }

    /// The next touch.
    pub fn touch(&mut self) -> Touch {
        let person = self.person();
        self.next += 1;
        let message_id = format!("load-{}-{}", self.seed, self.next);
        let minutes = self.random.random_range(0..20 * 24 * 60);
        let at = self.now.saturating_sub(SignedDuration::from_mins(minutes)).unwrap_or(self.now);
        let draw = self.random.random_range(0..10_000u32);
        let (hand, identify) = (self.shape.hand_raises_per_10k, self.shape.identifies_per_10k);
        let hand_raise = draw < hand;
        let (method, more) = if hand_raise {
            ("track", json!({ "event": "Demo Requested", "properties": { "message": "please call" } }))
        } else if draw < hand + identify {
            let traits = json!({ "email": Self::email(self.seed, person), "firstName": format!("P{person}"), "company": format!("Company {}", person % 997) });
            ("identify", json!({ "traits": traits }))
        } else if draw % 7 == 0 {
            ("track", json!({ "event": EVENTS[(draw / 7) as usize % EVENTS.len()], "properties": { "topic": "load" } }))
        } else {
            let path = PATHS[draw as usize % PATHS.len()];
            ("page", json!({ "name": path, "properties": { "path": path } }))
        };
        let mut body = json!({
            "messageId": message_id,
            "anonymousId": Self::anonymous_id(self.seed, person),
            "timestamp": at.to_string(),
            "type": method,
        });
        if let (Some(body), Value::Object(more)) = (body.as_object_mut(), more) {
            body.extend(more);
        }
        Touch { message_id, person, method, hand_raise, body }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_load_is_deterministic_skewed_and_unique() {
        let now: Timestamp = "2026-03-23T10:00:00Z".parse().expect("a time");
        let draw = |seed| {
            let mut load = Load::new(seed, Shape { persons: 1000, ..Shape::default() }, now);
            (0..5000).map(|_| load.touch()).collect::<Vec<_>>()
        };
        let (first, again) = (draw(3), draw(3));
        assert!(first.iter().zip(&again).all(|(a, b)| a.body == b.body));
        let ids: std::collections::BTreeSet<_> = first.iter().map(|touch| &touch.message_id).collect();
        assert_eq!(ids.len(), first.len());
        let top = first.iter().filter(|touch| touch.person == 0).count();
        assert!((400..1000).contains(&top), "{top}: rank 1 of 1000 has about 1/7.5 of a Zipf load");
        let hands = first.iter().filter(|touch| touch.hand_raise).count();
        assert!((25..90).contains(&hands), "{hands} of 5000");
    }
}
