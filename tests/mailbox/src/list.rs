//! What came, as a short table for people.

use std::path::Path;

use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{ContentArrangement, Table};

use crate::log::{Entry, Outcome, read_log};

/// The log of `folder` as a table: mails in the order in which they came, refused and broken attempts among them.
///
/// # Errors
/// If the log cannot be read.
pub fn table(folder: &Path) -> anyhow::Result<String> {
    let entries = read_log(folder)?;
    if entries.is_empty() {
        return Ok(format!("nothing came to {} yet", folder.display()));
    }
    let mut table = Table::new();
    table.load_preset(UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(["at", "to", "subject", "outcome", "file"]);
    for entry in &entries {
        let at = entry.at.strftime("%H:%M:%S").to_string();
        let file = entry.file.clone().unwrap_or_default();
        table.add_row([at, entry.to.join(" "), plain(entry.subject.as_deref()), outcome(entry), file]);
    }
    let kept = entries.iter().filter(|entry| entry.kept).count();
    Ok(format!("{table}\n{kept} of {} attempts were kept in {}", entries.len(), folder.display()))
}

fn outcome(entry: &Entry) -> String {
    let what = match entry.verdict {
        Outcome::Kept => "kept",
        Outcome::Refused => "refused",
        Outcome::Cut => "cut",
        Outcome::Hung => "hung",
        Outcome::Abandoned => "taken back",
        Outcome::Left => "client left",
    };
    let code = entry.code.map_or(String::new(), |code| format!(" {code}"));
    let fault = entry.fault.map_or(String::new(), |fault| format!(" ({fault:?})"));
    format!("{what}{code}{fault}")
}

/// A subject is foreign text: what would move the cursor is left out.
fn plain(subject: Option<&str>) -> String {
    subject.unwrap_or_default().chars().filter(|c| !c.is_control()).take(80).collect()
}
