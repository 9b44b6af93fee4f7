//! What ARCHITECTURE.md must say about the code: where to change things, every topic, every metric.

use crate::{
    Finding,
    checkout::File,
    rust_code::{Literal, lex},
};

/// The section under the first heading that contains `title`, with line numbers (from 1), up to the next heading of its
/// level or above.
#[must_use]
pub fn section<'a>(document: &'a File, title: &str) -> Vec<(usize, &'a str)> {
    let level = |line: &str| line.chars().take_while(|c| *c == '#').count();
    let mut lines = document.text.lines().enumerate().map(|(index, line)| (index + 1, line));
    let Some((_, heading)) = lines.find(|(_, line)| line.starts_with('#') && line.contains(title)) else {
        return Vec::new();
    };
    lines.take_while(|(_, line)| level(line) == 0 || level(line) > level(heading)).collect()
}

/// What stands between backticks in a line.
pub fn quoted(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// Whether a quoted text is a path of the checkout, not a command, an address or a name.
#[must_use]
pub fn looks_like_path(text: &str) -> bool {
    let extension = |end: &str| text.ends_with(end) && text.len() > end.len();
    let named = [".rs", ".md", ".toml", ".yaml", ".sql", ".proto", ".sh"].iter().any(|end| extension(end));
    let plain = !text.contains([' ', ':', '(', '<', '$']) && !text.starts_with('/');
    plain && (text.contains('/') || named || text == "Makefile")
}

/// Names in `names` that `document` does not contain as a whole word.
#[must_use]
pub fn unnamed(document: &File, names: &[(File, Literal)]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (file, name) in names {
        let text = &name.text;
        let named = document.text.match_indices(text.as_str()).any(|(at, _)| {
            let joins = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '-'));
            let after = &document.text[at + text.len()..];
            // "leadflow.outbox" is not named by "leadflow.outbox.repeats", but a full stop may end a sentence.
            let goes_on = after.strip_prefix('.').is_some_and(|rest| joins(rest.chars().next()));
            !joins(document.text[..at].chars().next_back()) && !joins(after.chars().next()) && !goes_on
        });
        if !named {
            findings.push(Finding::new(file, name.line, format!("`{text}` is not in {}", document.path)));
        }
    }
    findings
}

/// The names of metrics in a Rust file: string literals of the form `leadflow.<word>[.<word>]...` in lower case, without a
/// version (`leadflow.lead.v1` is a topic, `leadflow.lead.qualified.v1` an event type).
#[must_use]
pub fn metric_names(file: &File) -> Vec<Literal> {
    let mut literals = lex(&file.text).literals;
    literals.retain(|literal| {
        literal.text.strip_prefix("leadflow.").is_some_and(|rest| {
            rest.split('.').all(|word| {
                let version = word.strip_prefix('v').is_some_and(|n| n.parse::<u32>().is_ok());
                !word.is_empty() && !version && word.chars().all(|c| c.is_ascii_lowercase() || c == '_')
            })
        })
    });
    literals
}

/// The topics of the topics file: the keys or `name:` values below `topics:`.
#[must_use]
pub fn topic_names(file: &File) -> Vec<Literal> {
    let mut names = Vec::new();
    let mut inside = false;
    for (index, line) in file.text.lines().enumerate() {
        let indent = line.len() - line.trim_start().len();
        let content = line.trim_start().trim_start_matches("- ").trim_start_matches("{ ");
        if indent == 0 && !content.is_empty() && !content.starts_with('#') {
            inside = line.starts_with("topics:");
        } else if inside && let Some((key, value)) = content.split_once(':') {
            let value = value.split(',').next().unwrap_or_default().trim().trim_matches('"');
            let name = if key == "name" { value } else { key.trim_matches('"') };
            let is_topic = key == "name" || (indent == 2 && (value.is_empty() || value.starts_with('{')));
            if is_topic && !content.starts_with('#') {
                names.push(Literal { line: index + 1, text: name.to_owned() });
            }
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_ends_at_the_next_heading_of_its_level() {
        let document =
            File::sample("A.md", "# A\n## Where do I change what\nx `services/a/b.rs`\n### more\ny\n## Next\nz");
        let lines: Vec<_> = section(&document, "Where do I change").into_iter().map(|(number, _)| number).collect();
        assert_eq!(lines, [3, 4, 5]);
        assert_eq!(section(&document, "Nowhere"), []);
    }

    #[test]
    fn paths_are_told_from_other_quoted_words() {
        assert_eq!(quoted("a `b/c.rs`, `make run` and `d`").collect::<Vec<_>>(), ["b/c.rs", "make run", "d"]);
        for path in ["services/ingest/src/domain", "deploy/config/topics.yaml", "Makefile", "deny.toml", "tests/"] {
            assert!(looks_like_path(path), "{path}");
        }
        for other in ["make run", "/v1/track", "http://a/b", "decide", "leadflow.lead.v1", "cargo test -p a/b"] {
            assert!(!looks_like_path(other), "{other}");
        }
    }

    #[test]
    fn metrics_are_found_by_their_form() {
        let text = "counter(\"leadflow.outbox.repeats\")\n\"leadflow.lead.v1\" \"leadflow.\" \"leadflow.Lead\"\n// \"leadflow.no\"\n\"leadflow.fenced\"";
        let names: Vec<_> = metric_names(&File::sample("a.rs", text)).into_iter().map(|l| (l.line, l.text)).collect();
        assert_eq!(names, [(1, "leadflow.outbox.repeats".to_owned()), (4, "leadflow.fenced".to_owned())]);
    }

    #[test]
    fn topics_are_found_as_keys_and_as_names() {
        for text in [
            "# all\nreplication: 1\ntopics:\n  # live\n  lead: { partitions: 12 }\n  dead-letter:\n    partitions: 1\nother:\n  x:\n",
            "topics:\n  - name: lead\n    partitions: 12\n  - { name: dead-letter, partitions: 1 }\n",
        ] {
            let names: Vec<_> = topic_names(&File::sample("t.yaml", text)).into_iter().map(|l| l.text).collect();
            assert_eq!(names, ["lead", "dead-letter"], "{text}");
        }
    }

    #[test]
    fn a_name_that_only_begins_another_is_not_named() {
        let document = File::sample("A.md", "we count `leadflow.outbox.repeats`. The topic lead-x, not leader.");
        let code = File::sample("a.rs", "");
        let name = |text: &str| (code.clone(), Literal { line: 1, text: text.to_owned() });
        let missing = unnamed(
            &document,
            &[name("leadflow.outbox"), name("leadflow.outbox.repeats"), name("lead"), name("lead-x")],
        );
        let missing: Vec<_> = missing.into_iter().map(|finding| finding.what).collect();
        assert_eq!(missing, ["`leadflow.outbox` is not in A.md", "`lead` is not in A.md"]);
    }
}
