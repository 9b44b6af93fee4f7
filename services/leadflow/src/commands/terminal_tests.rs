//! Every command that shows what strangers typed, against a role whose every text tries to take the terminal over.

use super::hostile_role::{EVIL, hostile};
use crate::text::obeyed;

/// The text without the styles that are ours: ESC [ digits m.
fn without_styles(text: &str) -> String {
    let mut rest = text;
    let mut plain = String::new();
    while let Some((before, after)) = rest.split_once("\u{1b}[") {
        plain.push_str(before);
        let digits = after.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';');
        rest = match digits.strip_prefix('m') {
            Some(rest) => rest,
            None => {
                plain.push('\u{1b}');
                after
            }
        };
    }
    plain + rest
}

/// Commands that show what strangers typed, or what was made of it.
const COMMANDS: [&str; 18] = [
    "lead show bob@visitor.example --timeline",
    "lead list",
    "lead explain bob@visitor.example",
    "lead explain 6ae13f9d-2c3e-5d1b-9f3f-0d8a2f1a9c11 --replay",
    "lead explain --all --replay",
    "watch --from earliest --exit-after 1",
    "watch --from earliest --exit-after 1 --pool nope --rep nobody",
    "act accept 6ae13f9d-2c3e-5d1b-9f3f-0d8a2f1a9c11 --rep dana",
    "rep list",
    "rep away dana",
    "pool list",
    "model list",
    "recompute bob@visitor.example",
    "erase bob@visitor.example --yes",
    "nurture preferences bob@visitor.example",
    "nurture messages 6ae13f9d-2c3e-5d1b-9f3f-0d8a2f1a9c11",
    "nurture export bob@visitor.example",
    // Refused with the visitor's words.
    "act decline 6ae13f9d-2c3e-5d1b-9f3f-0d8a2f1a9c11 --rep dana --reason on_leave",
];

#[tokio::test]
async fn control_characters_of_a_visitor_never_reach_the_terminal() {
    let role = hostile();
    for line in COMMANDS {
        for colour in [false, true] {
            let (mut text, ended) = role.run(line, false, colour).await;
            if let Err(error) = ended {
                assert!(line.contains("decline"), "{line}: {error:#}");
                let said: Vec<String> = crate::failure::lines(&error).iter().map(|line| line.render(false)).collect();
                text = said.join("\n");
            }
            let shown = if colour { without_styles(&text) } else { text.clone() };
            let bad: Vec<char> = shown.chars().filter(|c| *c != '\n' && obeyed(*c)).collect();
            assert!(bad.is_empty(), "{line}: {bad:?} in {text:?}");
            assert!(shown.contains("Smith"), "{line} shows nothing of the visitor: {text:?}");
            // A line end of the visitor's begins no line.
            assert!(!shown.lines().any(|line| line.starts_with("Bob")), "{line}: {text:?}");
        }
    }
}

#[tokio::test]
async fn json_of_a_visitor_is_exact_and_as_harmless() {
    let role = hostile();
    for line in COMMANDS.iter().filter(|line| !line.contains("decline") && !line.contains("--pool")) {
        let (text, ended) = role.run(line, true, false).await;
        ended.unwrap_or_else(|error| panic!("{line}: {error:#}"));
        let mut exact = 0;
        // The sentence about a replay is for people, on stderr.
        for document in text.lines().filter(|line| line.starts_with('{')) {
            assert!(!document.chars().any(obeyed), "{line}: {document:?}");
            let value: serde_json::Value =
                serde_json::from_str(document).unwrap_or_else(|error| panic!("{line}: {error}"));
            exact += strings(&value).into_iter().filter(|text| *text == EVIL).count();
        }
        assert!(exact > 0, "{line}: {text:?}");
    }
}

fn strings(value: &serde_json::Value) -> Vec<&str> {
    match value {
        serde_json::Value::String(text) => vec![text],
        serde_json::Value::Array(items) => items.iter().flat_map(strings).collect(),
        serde_json::Value::Object(map) => map.values().flat_map(strings).collect(),
        _ => Vec::new(),
    }
}
