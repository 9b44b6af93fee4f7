//! The one way out: tables and lines for people, which are [`Line`]s and so hold nothing that a terminal would obey, JSON
//! lines and exact bytes for programs. Nothing else of this crate prints (`print_stdout` and `print_stderr` are denied).

use std::io::{IsTerminal as _, Write as _};

use comfy_table::{Attribute, Cell, Color};
use serde::Serialize;

use crate::text::{Line, Style, Text, dim, obeyed};

/// How to print.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    json: bool,
    colour: bool,
    to: To,
}

/// Where it goes.
#[derive(Clone, Copy, Debug)]
enum To {
    Process,
    #[cfg(test)]
    Kept(&'static std::sync::Mutex<String>),
}

impl Output {
    /// Colour only on a terminal and without `NO_COLOR`.
    pub(crate) fn new(json: bool) -> Self {
        let colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Self { json, colour: colour && !json, to: To::Process }
    }

    /// Keeps what is printed instead, for a test to look at. Leaks it: there are as many as there are tests.
    #[cfg(test)]
    pub(crate) fn kept(json: bool, colour: bool) -> (Self, &'static std::sync::Mutex<String>) {
        let kept = Box::leak(Box::default());
        (Self { json, colour, to: To::Kept(kept) }, kept)
    }

    /// Whether `--json` was given.
    pub(crate) fn is_json(self) -> bool {
        self.json
    }

    /// One JSON document on a line of its own.
    pub(crate) fn json_line(self, value: &impl Serialize) -> anyhow::Result<()> {
        self.exact(&safe_json(&serde_json::to_string(value)?))
    }

    /// A line for people.
    pub(crate) fn line(self, line: impl Into<Line>) -> anyhow::Result<()> {
        self.exact(&line.into().render(self.colour))
    }

    /// A word to people beside the data: on stderr.
    pub(crate) fn note(self, line: impl Into<Line>) {
        match self.to {
            To::Process => note(line),
            #[cfg(test)]
            To::Kept(_) => drop(self.line(line)),
        }
    }

    /// What is ours to the last byte, and a line end: schemas, a key, a script. Never what a stranger typed.
    /// A reader that went away (`| head`) ends the program quietly.
    pub(crate) fn exact(self, text: &str) -> anyhow::Result<()> {
        match self.to {
            To::Process => {
                let mut stdout = std::io::stdout().lock();
                match writeln!(stdout, "{text}").and_then(|()| stdout.flush()) {
                    Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => std::process::exit(0),
                    other => Ok(other?),
                }
            }
            #[cfg(test)]
            To::Kept(kept) => {
                kept.lock().expect("no test panics while it prints").push_str(&format!("{text}\n"));
                Ok(())
            }
        }
    }

    /// JSON with `--json`, else the sentence.
    pub(crate) fn done(self, value: &impl Serialize, sentence: impl Into<Line>) -> anyhow::Result<()> {
        if self.json { self.json_line(value) } else { self.line(sentence) }
    }

    /// A table with a header row.
    pub(crate) fn table(self, header: &[&str], rows: Vec<Vec<Text>>) -> anyhow::Result<()> {
        let mut table = comfy_table::Table::new();
        table.load_preset(comfy_table::presets::NOTHING);
        table.style_text_only();
        if self.colour {
            table.enforce_styling()
        } else {
            table.force_no_tty()
        };
        table.set_header(header.iter().map(|title| cell(&dim(title))));
        for row in rows {
            table.add_row(row.iter().map(cell));
        }
        for line in table.to_string().lines() {
            self.exact(line.trim_end())?;
        }
        Ok(())
    }
}

/// A word to people on stderr, where nobody has an [`Output`].
pub(crate) fn note(line: impl Into<Line>) {
    // Where nobody listens to the errors there is nobody to tell that.
    let _ = writeln!(std::io::stderr(), "{}", line.into().render(false));
}

fn cell(text: &Text) -> Cell {
    let cell = Cell::new(text.as_str());
    match text.style() {
        Style::Plain => cell,
        Style::Bold => cell.add_attribute(Attribute::Bold),
        Style::Dim => cell.add_attribute(Attribute::Dim),
        Style::Green => cell.fg(Color::DarkGreen),
        Style::Yellow => cell.fg(Color::DarkYellow),
        Style::Red => cell.fg(Color::DarkRed),
    }
}

/// The same document, with the characters escaped that JSON may hold and a terminal would obey (DEL, C1, directions).
fn safe_json(json: &str) -> String {
    let mut safe = String::with_capacity(json.len());
    for c in json.chars() {
        // Outside of texts there is only ASCII, and within them what is below U+0020 is escaped already.
        if obeyed(c) { safe.push_str(&format!("\\u{:04x}", u32::from(c))) } else { safe.push(c) }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::{green, plain};

    #[test]
    fn json_stays_the_same_document_and_a_terminal_obeys_nothing_of_it() {
        let value = serde_json::json!({ "name": "\u{9b}2J\u{202e}\u{7f}\u{1b}[2J\nÄ" });
        let (output, kept) = Output::kept(true, false);
        output.json_line(&value).expect("kept");
        let text = kept.lock().expect("no other").clone();
        assert!(!text.trim_end().chars().any(obeyed), "{text:?}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).expect("JSON"), value);
    }

    #[test]
    fn a_table_lines_up_and_its_cells_are_clean() {
        let row = || vec![plain("a\u{1b}[2J\nb"), green("x"), plain("last")];
        let (output, kept) = Output::kept(false, false);
        output.table(&["ONE", "TWO", "THREE"], vec![row()]).expect("kept");
        let text = kept.lock().expect("no other").clone();
        assert_eq!(text, " ONE      TWO  THREE\n a�[2J b  x    last\n");
        let (output, kept) = Output::kept(false, true);
        output.table(&["ONE", "TWO", "THREE"], vec![row()]).expect("kept");
        let text = kept.lock().expect("no other").clone();
        assert!(text.contains("a�[2J b") && text.contains("\u{1b}[38;5;2mx"), "{text:?}");
    }
}
