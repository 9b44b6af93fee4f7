//! What is wrong with a journey that can be read: steps that nobody reaches, loops in which no time passes, mails that
//! cannot be stopped, waits for what nobody is told of.

use std::collections::BTreeSet;

use super::finding::Finding;
use super::plan::{Action, Journey, Test};
use super::source::{EventSource, ExitSource};

/// Every kind of event that journeys can name.
pub const KINDS: [&str; 21] = [
    "page_view",
    "form",
    "demo_request",
    "callback_request",
    "chat",
    "event_registered",
    "event_attended",
    "email_in",
    "email_opened",
    "email_clicked",
    "email_replied",
    "email_bounced",
    "email_complained",
    "email_delivered",
    "unsubscribed",
    "consent",
    "product",
    "identify",
    "group",
    "alias",
    "custom",
];

/// What qualification always tells, whatever the scoring model's `emit` list says.
const ALWAYS_TOLD: [&str; 6] =
    ["email_replied", "email_bounced", "email_complained", "email_delivered", "unsubscribed", "consent"];

/// Checks a compiled journey by itself.
#[must_use]
pub fn check(journey: &Journey) -> Vec<Finding> {
    let mut findings = unreachable(journey);
    findings.extend(loops(journey));
    for name in journey.source.templates.keys() {
        let used =
            journey.steps.iter().any(|step| matches!(&step.action, Action::Mail { template, .. } if template == name));
        if !used {
            findings.push(Finding::warning(format!("templates.{name}"), "no step sends it"));
        }
    }
    if journey.exits.is_empty() {
        findings.push(Finding::warning("exit", "is empty: mails go on while a sales executive talks with the person"));
    }
    findings
}

/// Checks that whatever the journey waits for is told to it: `emitted` are the kinds in the scoring model's `emit` list and
/// those of its hand-raises.
#[must_use]
pub fn check_emitted(journey: &Journey, emitted: &BTreeSet<String>) -> Vec<Finding> {
    let told = |event: &EventSource| ALWAYS_TOLD.contains(&event.kind.as_str()) || emitted.contains(&event.kind);
    let mut places: Vec<(String, &EventSource)> = Vec::new();
    places.extend(journey.entry.event.as_ref().map(|event| ("entry.event".to_owned(), event)));
    for (number, exit) in journey.exits.iter().enumerate() {
        if let ExitSource::Goal(event) = exit {
            places.push((format!("exit[{number}].goal"), event));
        }
    }
    for step in &journey.steps {
        match &step.action {
            Action::WaitEvent { watch, .. } => places.push((format!("steps.{}.wait.event", step.id), &watch.event)),
            Action::Branch(ways) => {
                for (number, way) in ways.iter().enumerate() {
                    if let Test::Engaged { watch, .. } = &way.test {
                        places.push((format!("steps.{}.branch[{number}].engaged", step.id), &watch.event));
                    }
                }
            }
            _ => {}
        }
    }
    let silent = places.into_iter().filter(|(_, event)| !told(event));
    silent
        .map(|(place, event)| {
            let kind = &event.kind;
            Finding::error(
                format!("{place}.kind"),
                format!("nobody tells nurture of {kind}: add `- {{ kind: {kind} }}` under `emit` in the scoring model"),
            )
        })
        .collect()
}

/// Where a step may lead.
fn ways(journey: &Journey, number: usize) -> Vec<usize> {
    let step = &journey.steps[number];
    let mut ways: Vec<usize> = step.next.into_iter().chain(step.otherwise).collect();
    match &step.action {
        Action::Branch(branch) => ways.extend(branch.iter().map(|way| way.then)),
        Action::Split(split) => ways.extend(split.iter().map(|(_, then)| *then)),
        _ => {}
    }
    ways
}

fn unreachable(journey: &Journey) -> Vec<Finding> {
    let mut seen = BTreeSet::new();
    let mut open = vec![0];
    while let Some(number) = open.pop() {
        if number < journey.steps.len() && seen.insert(number) {
            open.extend(ways(journey, number));
        }
    }
    let unseen = journey.steps.iter().enumerate().filter(|(number, _)| !seen.contains(number));
    unseen
        .map(|(_, step)| {
            let message = "nobody ever comes here: let a `next`, `then` or `otherwise` lead to it, or remove it";
            Finding::error(format!("steps.{}", step.id), message)
        })
        .collect()
}

/// Circles of steps in which no time passes: a mail storm, or a machine that never rests.
fn loops(journey: &Journey) -> Vec<Finding> {
    #[derive(Clone, Copy, PartialEq)]
    enum Mark {
        White,
        Grey,
        Black,
    }
    fn visit(journey: &Journey, number: usize, marks: &mut [Mark], path: &mut Vec<usize>) -> Option<Vec<usize>> {
        marks[number] = Mark::Grey;
        path.push(number);
        for next in ways(journey, number) {
            if journey.steps[next].action.takes_time() {
                continue;
            }
            match marks[next] {
                Mark::Grey => {
                    let from = path.iter().position(|step| *step == next).unwrap_or(0);
                    return Some(path[from..].to_vec());
                }
                Mark::White => {
                    let found = visit(journey, next, marks, path);
                    if found.is_some() {
                        return found;
                    }
                }
                Mark::Black => {}
            }
        }
        path.pop();
        marks[number] = Mark::Black;
        None
    }
    let mut marks = vec![Mark::White; journey.steps.len()];
    for number in 0..journey.steps.len() {
        if marks[number] != Mark::White || journey.steps[number].action.takes_time() {
            continue;
        }
        if let Some(circle) = visit(journey, number, &mut marks, &mut Vec::new()) {
            let names: Vec<&str> = circle.iter().map(|number| journey.steps[*number].id.as_str()).collect();
            return vec![Finding::error(
                format!("steps.{}", names[0]),
                format!("a loop in which no time passes: {} -> {}; put a wait into it", names.join(" -> "), names[0]),
            )];
        }
    }
    Vec::new()
}
