//! Decisions about one mail, told once: a mail that the relay does not take is decided about again at every attempt, and a
//! page of equal lines hides the one that matters.

use std::collections::HashMap;

use leadflow_proto::nurture::v1::{Message, NurtureDecision};

use crate::figures::time;

/// Looks at the same mail become the last of them, with their number and what the ledger says of the mail now. `decisions`
/// of one lead, the oldest first.
pub(super) fn folded(decisions: Vec<NurtureDecision>, messages: &[Message]) -> Vec<NurtureDecision> {
    let mut told: Vec<NurtureDecision> = Vec::new();
    // By mail: its place in `told`, how many looks it stands for, and the time of the first.
    let mut open: HashMap<(String, String), (usize, usize, String)> = HashMap::new();
    for decision in decisions {
        let key = (decision.rules.clone(), decision.step.clone());
        if !is_look(&decision) {
            open.remove(&key);
            told.push(decision);
            continue;
        }
        match open.get_mut(&key) {
            Some((place, looks, _)) => {
                *looks += 1;
                told[*place] = decision;
            }
            None => {
                let first = time(decision.decided_at.as_ref());
                open.insert(key, (told.len(), 1, first));
                told.push(decision);
            }
        }
    }
    for (key, (place, looks, first)) in open {
        let decision = &mut told[place];
        if looks > 1 {
            decision.reasons.push(format!("the last of {looks} looks since {first}"));
        }
        let newest = messages.iter().filter(|message| is_of(message, &key)).max_by_key(|message| message.occurrence);
        decision.reasons.extend(newest.and_then(outcome));
    }
    told
}

/// Whether a decision is one look at a mail that comes again.
pub(super) fn is_look(decision: &NurtureDecision) -> bool {
    matches!(decision.kind.as_str(), "send" | "put_off")
}

fn is_of(message: &Message, (rules, step): &(String, String)) -> bool {
    message.step == *step && *rules == format!("journey/{}@{}", message.journey_id, message.journey_version)
}

/// Why the relay does not have it; nothing of one that went out, or that nobody has tried to send.
fn outcome(message: &Message) -> Option<String> {
    let reason = match message.reason.as_str() {
        "" => return None,
        "rate" => "too many mails to its domain in this minute (rate)",
        "pool" => "no connection to the relay was free (pool)",
        "connect" => "the relay could not be reached (connect)",
        "relay_refuses" => "the relay refuses us, and not the recipient (relay_refuses)",
        other => other,
    };
    let attempts = match message.attempts {
        0 => String::new(),
        1 => ", after 1 attempt".to_owned(),
        n => format!(", after {n} attempts"),
    };
    match message.state.as_str() {
        "queued" => {
            let next = time(message.not_before.as_ref());
            Some(format!("the relay does not have it yet: {reason}{attempts}; next look at {next}"))
        }
        "failed" => Some(format!("it failed: {reason}{attempts}")),
        "uncertain" => Some(format!("nobody knows whether it arrived: {reason}{attempts}")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decided(kind: &str, step: &str, seconds: i64) -> NurtureDecision {
        NurtureDecision {
            kind: kind.to_owned(),
            step: step.to_owned(),
            rules: "journey/warm-up@3".to_owned(),
            decided_at: Some(pbjson_types::Timestamp { seconds, nanos: 0 }),
            reasons: vec![format!("{kind} {seconds}")],
            ..Default::default()
        }
    }

    fn message(state: &str, reason: &str, attempts: i32) -> Message {
        Message {
            journey_id: "warm-up".to_owned(),
            journey_version: 3,
            step: "hello".to_owned(),
            occurrence: 1,
            state: state.to_owned(),
            reason: reason.to_owned(),
            attempts,
            ..Default::default()
        }
    }

    #[test]
    fn looks_at_one_mail_are_one_line_with_the_last_reason() {
        let mut all = vec![decided("step", "hello", 1)];
        all.extend((2..=13).map(|at| decided(if at % 2 == 0 { "send" } else { "put_off" }, "hello", at)));
        all.push(decided("send", "again", 14));
        let told = folded(all, &[message("queued", "connect", 4)]);
        let kinds: Vec<(&str, &str)> = told.iter().map(|one| (one.kind.as_str(), one.step.as_str())).collect();
        assert_eq!(kinds, [("step", "hello"), ("put_off", "hello"), ("send", "again")]);
        let [own, looks, relay] = told[1].reasons.as_slice() else { panic!("{:?}", told[1].reasons) };
        assert_eq!(own, "put_off 13");
        assert!(looks.starts_with("the last of 12 looks since "), "{looks}");
        assert!(relay.contains("the relay could not be reached (connect), after 4 attempts; next look at"), "{relay}");
        assert_eq!(told[2].reasons, ["send 14"]);
    }

    #[test]
    fn a_mail_that_went_out_says_nothing_more() {
        for (state, reason, expected) in [
            ("sent", "", None),
            ("queued", "", None),
            ("failed", "attempts", Some("it failed: attempts, after 9 attempts")),
            ("uncertain", "no_reply", Some("nobody knows whether it arrived: no_reply, after 9 attempts")),
        ] {
            let told = folded(vec![decided("send", "hello", 1)], &[message(state, reason, 9)]);
            assert_eq!(told[0].reasons.get(1).map(String::as_str), expected, "{state}");
        }
    }

    /// The same step once more, of the next time in the journey, is a story of its own.
    #[test]
    fn another_decision_about_the_step_begins_anew() {
        let all = vec![decided("send", "hello", 1), decided("step", "hello", 2), decided("send", "hello", 3)];
        assert_eq!(folded(all, &[]).len(), 3);
    }
}
