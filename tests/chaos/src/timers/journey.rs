//! The journey of a run: one wait for each line of the timetable, chosen by a trait of the lead, and a mail after each kind.

use std::fmt::Write as _;

use super::timetable::{Kind, Wait, Way};

/// Its file.
pub(super) fn text(ways: &[Way]) -> String {
    let mut text = String::from(HEAD);
    for way in ways {
        let id = &way.id;
        line(&mut text, &format!("      - {{ when: {{ any: [{{ field: traits.way, equals: {id} }}] }}, then: {id} }}"));
    }
    line(&mut text, "    otherwise: stray");
    for way in ways {
        line(&mut text, &format!("  - id: {}\n    wait: {}\n    next: {}", way.id, wait(way.wait), way.kind().mail()));
    }
    for kind in Kind::ALL {
        let id = kind.mail();
        line(&mut text, &format!("  - id: {id}\n    email: {{ template: hello, patience: 300d }}\n    next: over"));
    }
    text + TAIL
}

fn line(text: &mut String, more: &str) {
    writeln!(text, "{more}").expect("a text takes what is written to it");
}

fn wait(wait: Wait) -> String {
    match wait {
        Wait::For { seconds } => format!("{{ for: {seconds}s }}"),
        Wait::Until { time, weekday: None } => format!("{{ until: {{ time: \"{time}\" }} }}"),
        Wait::Until { time, weekday: Some(day) } => format!("{{ until: {{ time: \"{time}\", days: [{day}] }} }}"),
        Wait::Date { time, offset_days, .. } => {
            format!("{{ until_date: {{ field: traits.date, at: \"{time}\", offset_days: {offset_days} }} }}")
        }
    }
}

const HEAD: &str = "# Everybody waits once, by one of these, and is due for one mail. Mails are paused in this run.
name: timers
title: Timers under fire
entry: { stage: [open] }
exit: [mql]
steps:
  - id: way
    branch:
";

const TAIL: &str = "  - id: stray
    end: { reason: no_way }
  - id: over
    end: {}
templates:
  hello:
    subject: A word
    mjml: |
      <mjml><mj-body><mj-section><mj-column>
      <mj-text>Hello</mj-text>
      <mj-text>{{ sender.postal_address }} <a href=\"{{ links.unsubscribe }}\">Unsubscribe</a></mj-text>
      </mj-column></mj-section></mj-body></mjml>
";

#[cfg(test)]
mod tests {
    use super::super::timetable::ways;

    #[test]
    fn the_product_takes_it() {
        let ways = ways();
        let text = super::text(&ways);
        let (compiled, findings) = leadflow_nurture::journeys::read(text.as_bytes(), 1).unwrap();
        assert!(findings.is_empty(), "{findings:?}");
        assert_eq!(compiled.journey.steps.len(), ways.len() + 6);
    }
}
