//! The table on standard output, and below it every mail that was missed.

use comfy_table::{Cell, CellAlignment, Table, presets};

use crate::fixture::Class;
use crate::judge::{Sum, Tally, ratio};

pub(crate) fn print(tally: &Tally) {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_HORIZONTAL_ONLY);
    table.set_header([
        "class",
        "corpus",
        "fixtures",
        "recognised",
        "(names nobody)",
        "missed",
        "false alarms",
        "ratio",
        "right recipient",
    ]);
    for class in Class::ALL {
        for ((of, corpus), sum) in tally.sums.iter().filter(|((of, _), _)| *of == class) {
            table.add_row(row(of.name(), corpus, sum));
        }
        table.add_row(row(class.name(), "all", &tally.of(class)));
    }
    println!("{table}");
    if !tally.missed.is_empty() {
        println!("\nNot as it should be:");
        for line in &tally.missed {
            println!("  {line}");
        }
    }
}

fn row(class: &str, corpus: &str, sum: &Sum) -> Vec<Cell> {
    let number = |value: String| Cell::new(value).set_alignment(CellAlignment::Right);
    let (right, known) = sum.recipients;
    vec![
        Cell::new(class),
        Cell::new(corpus),
        number(sum.fixtures.to_string()),
        number(sum.recognised.to_string()),
        number(if sum.mute == 0 { String::new() } else { sum.mute.to_string() }),
        number((sum.fixtures - sum.recognised).to_string()),
        number(sum.false_alarms.to_string()),
        number(format!("{:.3}", ratio(sum.recognised, sum.fixtures))),
        number(if known == 0 { String::new() } else { format!("{right} of {known}") }),
    ]
}
