//! What a person sees: tables and colours on a terminal, JSON lines for programs.

use std::io::{IsTerminal as _, Write as _};

use owo_colors::OwoColorize as _;
use serde::Serialize;

/// How to print.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    json: bool,
    colour: bool,
}

impl Output {
    /// Colour only on a terminal and without `NO_COLOR`.
    pub(crate) fn new(json: bool) -> Self {
        let colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Self { json, colour: colour && !json }
    }

    /// Whether `--json` was given.
    pub(crate) fn is_json(self) -> bool {
        self.json
    }

    /// One JSON document on a line of its own.
    pub(crate) fn json_line(self, value: &impl Serialize) -> anyhow::Result<()> {
        self.line(&serde_json::to_string(value)?)
    }

    /// A line of data. A reader that went away (`| head`) ends the program quietly.
    pub(crate) fn line(self, text: &str) -> anyhow::Result<()> {
        let mut stdout = std::io::stdout().lock();
        match writeln!(stdout, "{text}").and_then(|()| stdout.flush()) {
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => std::process::exit(0),
            other => Ok(other?),
        }
    }

    /// JSON with `--json`, else the sentence.
    pub(crate) fn done(self, value: &impl Serialize, sentence: &str) -> anyhow::Result<()> {
        if self.json { self.json_line(value) } else { self.line(sentence) }
    }

    /// A table with a header row.
    pub(crate) fn table(self, header: &[&str], rows: Vec<Vec<String>>) -> anyhow::Result<()> {
        let mut table = comfy_table::Table::new();
        table.load_preset(comfy_table::presets::NOTHING);
        table.set_header(header.iter().map(|cell| self.dim(cell)));
        for row in rows {
            table.add_row(row);
        }
        for line in table.to_string().lines() {
            self.line(line.trim_end())?;
        }
        Ok(())
    }

    pub(crate) fn bold(self, text: &str) -> String {
        if self.colour { text.bold().to_string() } else { text.to_owned() }
    }

    pub(crate) fn dim(self, text: &str) -> String {
        if self.colour { text.dimmed().to_string() } else { text.to_owned() }
    }

    pub(crate) fn green(self, text: &str) -> String {
        if self.colour { text.green().to_string() } else { text.to_owned() }
    }

    pub(crate) fn yellow(self, text: &str) -> String {
        if self.colour { text.yellow().to_string() } else { text.to_owned() }
    }

    pub(crate) fn red(self, text: &str) -> String {
        if self.colour { text.red().to_string() } else { text.to_owned() }
    }
}

/// Thousandths as a decimal with sign: 12500 -> "+12.5".
pub(crate) fn signed_points(milli: i32) -> String {
    let sign = if milli < 0 { '-' } else { '+' };
    format!("{sign}{}", points(milli.unsigned_abs().min(i32::MAX as u32) as i32))
}

/// Thousandths as a decimal: 12500 -> "12.5".
pub(crate) fn points(milli: i32) -> String {
    let sign = if milli < 0 { "-" } else { "" };
    let milli = milli.unsigned_abs();
    let (whole, rest) = (milli / 1000, milli % 1000);
    if rest == 0 {
        return format!("{sign}{whole}");
    }
    let rest = format!("{rest:03}");
    format!("{sign}{whole}.{}", rest.trim_end_matches('0'))
}

/// A protobuf time as RFC 3339 in UTC to the second; a dash if absent.
pub(crate) fn time(at: Option<&pbjson_types::Timestamp>) -> String {
    at.and_then(|at| jiff::Timestamp::new(at.seconds, at.nanos).ok())
        .map_or_else(|| "-".to_owned(), |at| at.strftime("%Y-%m-%d %H:%M:%SZ").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_decimal_without_rounding() {
        assert_eq!(points(12_500), "12.5");
        assert_eq!(points(-7), "-0.007");
        assert_eq!(points(i32::MIN), "-2147483.648");
        assert_eq!(signed_points(-1500), "-1.5");
        assert_eq!(signed_points(40_000), "+40");
    }
}
