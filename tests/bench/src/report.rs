//! Collects what the runs gave and prints one table: median, smallest and largest of each figure against its goal.

use comfy_table::{CellAlignment, Table, presets};

use crate::machine;

/// What a figure has to be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Goal {
    /// Or more.
    AtLeast(f64),
    /// Or less.
    AtMost(f64),
    /// Told for the reader, promised to nobody.
    None,
}

/// One line of the table.
#[derive(Debug)]
struct Figure {
    name: String,
    unit: &'static str,
    goal: Goal,
    command: String,
    samples: Vec<f64>,
    loads: Vec<f64>,
}

/// All lines, in the order in which they first came.
#[derive(Debug, Default)]
pub(crate) struct Report {
    figures: Vec<Figure>,
}

impl Report {
    /// One more run of a figure. The load average of the minute is kept with it.
    pub(crate) fn add(&mut self, command: &str, name: &str, unit: &'static str, goal: Goal, sample: f64) {
        let known = self.figures.iter().position(|figure| figure.name == name && figure.command == command);
        let place = known.unwrap_or(self.figures.len());
        if known.is_none() {
            let (samples, loads) = (Vec::new(), Vec::new());
            self.figures.push(Figure {
                name: name.to_owned(),
                unit,
                goal,
                command: command.to_owned(),
                samples,
                loads,
            });
        }
        self.figures[place].samples.push(sample);
        self.figures[place].loads.push(machine::load_average());
    }

    /// For the terminal and for a note.
    pub(crate) fn table(&self) -> String {
        let mut table = Table::new();
        table.load_preset(presets::ASCII_MARKDOWN);
        table.set_header([
            "figure",
            "unit",
            "goal",
            "median",
            "min .. max",
            "runs",
            "verdict",
            "load 1 min",
            "command",
        ]);
        for figure in &self.figures {
            let Some((low, middle, high)) = spread(&figure.samples) else { continue };
            let (calm, _, busy) = spread(&figure.loads).unwrap_or_default();
            table.add_row([
                figure.name.clone(),
                figure.unit.to_owned(),
                figure.goal.text(),
                number(middle),
                format!("{} .. {}", number(low), number(high)),
                figure.samples.len().to_string(),
                figure.goal.verdict(middle).to_owned(),
                format!("{calm:.1} .. {busy:.1}"),
                figure.command.clone(),
            ]);
        }
        for column in [2, 3, 4, 5] {
            if let Some(column) = table.column_mut(column) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        table.to_string()
    }
}

impl Goal {
    fn text(self) -> String {
        match self {
            Goal::AtLeast(goal) => format!(">= {}", number(goal)),
            Goal::AtMost(goal) => format!("<= {}", number(goal)),
            Goal::None => String::new(),
        }
    }

    fn verdict(self, median: f64) -> &'static str {
        match self {
            Goal::AtLeast(goal) if median >= goal => "met",
            Goal::AtMost(goal) if median <= goal => "met",
            Goal::None => "",
            _ => "MISSED",
        }
    }
}

/// Smallest, median (of an even number: between the middle two) and largest.
pub(crate) fn spread(samples: &[f64]) -> Option<(f64, f64, f64)> {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (first, last) = (*sorted.first()?, *sorted.last()?);
    let median = f64::midpoint(sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2]);
    Some((first, median, last))
}

/// Three digits that matter, thousands set apart.
pub(crate) fn number(value: f64) -> String {
    if value.abs() < 10.0 {
        return format!("{value:.2}");
    }
    if value.abs() < 1000.0 {
        return format!("{value:.1}");
    }
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_number_lies_between() {
        assert_eq!(spread(&[3.0, 1.0, 2.0]), Some((1.0, 2.0, 3.0)));
        assert_eq!(spread(&[4.0, 1.0, 2.0, 3.0]), Some((1.0, 2.5, 4.0)));
        assert_eq!(spread(&[]), None);
    }

    #[test]
    fn numbers_are_read_at_a_glance() {
        let texts = [0.5, 12.345, 999.9, 1000.0, 54_321.9, 1_234_567.0].map(number);
        assert_eq!(texts, ["0.50", "12.3", "999.9", "1,000", "54,322", "1,234,567"]);
    }

    #[test]
    fn a_goal_is_judged_by_the_median_alone() {
        let mut report = Report::default();
        for sample in [10.0, 30.0, 31.0] {
            report.add("bench x", "a", "us", Goal::AtMost(30.0), sample);
            report.add("bench x", "b", "events/s", Goal::AtLeast(31.0), sample);
        }
        let table = report.table();
        let line = |name: &str| table.lines().find(|line| line.contains(name)).map(str::to_owned).expect("a line");
        assert!(line("| a ").contains("met") && !line("| a ").contains("MISSED"), "{table}");
        assert!(line("| b ").contains("MISSED"), "{table}");
    }
}
