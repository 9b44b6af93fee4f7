//! How many attempts one endpoint may have in flight in this process, so that a slow one takes up only its own share of the
//! sender's time. Which rows are due, and in which order, is the sender's business.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Counts attempts in flight by the endpoint's key (its id, say). A clone shares the counts.
#[derive(Clone, Debug)]
pub struct PerEndpoint {
    most: usize,
    in_flight: Arc<Mutex<HashMap<String, usize>>>,
}

/// One attempt of an endpoint; given back when dropped.
#[derive(Debug)]
#[must_use]
pub struct Turn {
    of: PerEndpoint,
    endpoint: String,
}

impl PerEndpoint {
    /// At most `most` attempts at a time for each endpoint. For [`Turn`]s to be worth something, the sender's attempts over
    /// all endpoints should be a multiple of it.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self { most, in_flight: Arc::default() }
    }

    /// A turn, or `None` if the endpoint has all of its own: take a row of another one. Never waits.
    #[must_use]
    pub fn try_take(&self, endpoint: &str) -> Option<Turn> {
        let mut in_flight = self.in_flight.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = in_flight.get(endpoint).copied().unwrap_or(0);
        if taken >= self.most {
            return None;
        }
        in_flight.insert(endpoint.to_owned(), taken + 1);
        Some(Turn { of: self.clone(), endpoint: endpoint.to_owned() })
    }

    /// The endpoints that have no turn left now: for a query that should not find their rows.
    #[must_use]
    pub fn full(&self) -> Vec<String> {
        let in_flight = self.in_flight.lock().unwrap_or_else(PoisonError::into_inner);
        in_flight.iter().filter(|(_, taken)| **taken >= self.most).map(|(endpoint, _)| endpoint.clone()).collect()
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut in_flight = self.of.in_flight.lock().unwrap_or_else(PoisonError::into_inner);
        match in_flight.get_mut(&self.endpoint) {
            Some(taken) if *taken > 1 => *taken -= 1,
            // Nothing grows with the endpoints that there ever were.
            _ => drop(in_flight.remove(&self.endpoint)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_endpoint_stops_only_itself() {
        let turns = PerEndpoint::new(2);
        let first = turns.try_take("slow").expect("free");
        let second = turns.try_take("slow").expect("free");
        assert!(turns.try_take("slow").is_none());
        assert_eq!(turns.full(), ["slow"]);
        let other = turns.try_take("quick").expect("not held up");
        drop(first);
        let third = turns.try_take("slow").expect("given back");
        assert!(turns.clone().try_take("slow").is_none(), "a clone counts the same");
        drop((second, third, other));
        assert!(turns.in_flight.lock().expect("whole").is_empty(), "nothing is left behind");
        assert!(PerEndpoint::new(0).try_take("any").is_none());
    }
}
