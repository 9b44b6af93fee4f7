//! The people of a run, drawn from its seed: who they are, who says stop and when. The driver and the oracle draw the same.

use std::time::Duration;

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use uuid::Uuid;

/// Mails of everybody.
pub(super) const STEPS: [&str; 2] = ["first", "second"];
/// Name of the journey; this run publishes its version 1.
const JOURNEY: &str = "chaos";

/// A lead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Person {
    pub(super) number: u32,
    pub(super) lead_id: Uuid,
    pub(super) email: String,
    /// Says stop by the link of a mail.
    pub(super) stop: Option<Stop>,
}

/// When somebody says stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stop {
    /// By the link of this mail (index into [`STEPS`]), as soon as it is in the ledger.
    pub(super) step: usize,
    /// After he became a lead.
    pub(super) after: Duration,
}

impl Person {
    /// The public rule: UUIDv5 of the lead and journey/version/step/occurrence. Nobody comes by a step twice.
    pub(super) fn message_id(&self, step: usize) -> Uuid {
        Uuid::new_v5(&self.lead_id, format!("{JOURNEY}/1/{}/1", STEPS[step]).as_bytes())
    }
}

/// As many that at least `mails` are tried although a fifth as many people say stop and some addresses are refused.
pub(super) fn draw(seed: u64, mails: u32) -> Vec<Person> {
    let mut random = ChaCha8Rng::seed_from_u64(seed ^ 0x0050_eb1e);
    let stops = mails / 5;
    let all = mails / 2 + mails / 40 + stops;
    (0..all)
        .map(|number| {
            let says_stop = random.random_range(0..all) < stops;
            let step = random.random_range(0..STEPS.len());
            // The second mail comes some seconds later: whoever stops by its link asks until it is there.
            let after = random.random_range(20..900) + 3500 * u64::from(step == 1);
            let stop = says_stop.then_some(Stop { step, after: Duration::from_millis(after) });
            let lead_id = Uuid::new_v5(&Uuid::NAMESPACE_URL, format!("chaos/{seed}/{number}").as_bytes());
            Person { number, lead_id, email: format!("person{number}@acme{}.example", number % 997), stop }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seed_fixes_the_people() {
        let people = draw(7, 5000);
        assert_eq!(people, draw(7, 5000));
        assert_ne!(people, draw(8, 5000));
        let stops = people.iter().filter(|person| person.stop.is_some()).count();
        assert!((900..1100).contains(&stops), "{stops} of {}", people.len());
        assert!(2 * people.len() - 2 * stops > 5000);
    }
}
