//! How a command that failed says so: what, why, what to type; and the exit code that scripts read.

use std::process::ExitCode;

use tonic_types::StatusExt as _;

use crate::output::note;
use crate::text::Line;

/// Exit codes of the command line: 0 ok, 1 failed, 2 usage (by clap), 3 not ready.
pub(crate) const NOT_READY: u8 = 3;

/// Prints the error with its causes to stderr and picks the exit code.
pub(crate) fn report(error: &anyhow::Error) -> ExitCode {
    lines(error).into_iter().for_each(note);
    if is_not_ready(error) { ExitCode::from(NOT_READY) } else { ExitCode::FAILURE }
}

/// A line end of ours, before a snippet of a file, begins a line; within a line nothing is obeyed by a terminal.
pub(crate) fn lines(error: &anyhow::Error) -> Vec<Line> {
    let text = describe(error);
    let line = |(number, line): (usize, &str)| match number {
        0 => format!("leadflow: {line}").into(),
        _ => line.into(),
    };
    text.lines().enumerate().map(line).collect()
}

fn status(error: &anyhow::Error) -> Option<&tonic::Status> {
    error.chain().find_map(|cause| cause.downcast_ref::<tonic::Status>())
}

fn is_unreachable(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| cause.downcast_ref::<tonic::transport::Error>().is_some())
}

fn is_not_ready(error: &anyhow::Error) -> bool {
    match status(error) {
        Some(status) => matches!(status.code(), tonic::Code::Unavailable | tonic::Code::DeadlineExceeded),
        None => is_unreachable(error),
    }
}

/// The words for a failure, with what to do about it.
pub(crate) fn describe(error: &anyhow::Error) -> String {
    if let Some(status) = status(error) {
        return in_words(&describe_status(error, status));
    }
    let mut text = String::new();
    for cause in error.chain() {
        let cause = cause.to_string();
        // Many libraries repeat their source in their own text.
        if !text.contains(&cause) {
            if !text.is_empty() {
                text.push_str(": ");
            }
            text.push_str(&cause);
        }
    }
    if is_unreachable(error) {
        text.push_str("\n  is it running? `make up` starts everything on this machine; addresses stand in .local/env");
    }
    in_words(&text)
}

fn describe_status(error: &anyhow::Error, status: &tonic::Status) -> String {
    let details = status.get_error_details();
    let violations = details.bad_request().map(|request| request.field_violations.as_slice()).unwrap_or_default();
    // Its line ends are not ours.
    let mut message = status.message().split_whitespace().collect::<Vec<_>>().join(" ");
    // One wrong field is the message itself, and longer there than in the details.
    if let [one] = violations
        && let Some(rest) = message.strip_prefix(&format!("{}: ", one.field))
    {
        message = of_field(&one.field, rest);
    }
    let is_all = error.chain().next().is_some_and(<dyn std::error::Error>::is::<tonic::Status>);
    let mut text = if is_all { message } else { format!("{error}: {message}") };
    for violation in violations {
        let line = of_field(&violation.field, &violation.description).replace('\n', " ");
        if !text.contains(&line) {
            text.push_str(&format!("\n  {line}"));
        }
    }
    if let Some(info) = details.error_info() {
        text.push_str(&format!("  [{}]", info.reason));
    }
    match status.code() {
        tonic::Code::Unauthenticated => text.push_str(
            "\n  set LEADFLOW_API_KEY (`. .local/env` on this machine); an operator makes a key with `leadflow key create`",
        ),
        tonic::Code::Unavailable => {
            text.push_str("\n  is it running? addresses stand in .local/env; `make up` starts everything here");
        }
        _ => {}
    }
    text
}

/// A field with what is wrong with it; many say their place themselves.
fn of_field(field: &str, wrong: &str) -> String {
    if field.is_empty() || wrong.contains(field) { wrong.to_owned() } else { format!("{field}: {wrong}") }
}

/// What programs and the API say in words of their own, for people at a terminal.
const WORDS: [(&str, &str); 14] = [
    ("look at its present state with GetAssignment", "look at its present state with `leadflow lead show`"),
    ("read the present state (GetAssignment)", "read the present state (`leadflow lead show`)"),
    ("expected usize", "expected a whole number, 0 or more"),
    ("expected u64", "expected a whole number, 0 or more"),
    ("expected u32", "expected a whole number, 0 or more"),
    ("expected u16", "expected a whole number from 0 to 65535"),
    ("expected u8", "expected a whole number from 0 to 255"),
    ("expected isize", "expected a whole number"),
    ("expected i64", "expected a whole number"),
    ("expected i32", "expected a whole number"),
    ("expected f64", "expected a number"),
    ("expected a boolean", "expected true or false"),
    ("expected a string", "expected a text"),
    ("expected a sequence", "expected a list"),
];

pub(crate) fn in_words(text: &str) -> String {
    WORDS.iter().fold(text.to_owned(), |text, (theirs, ours)| text.replace(theirs, ours))
}

#[cfg(test)]
mod tests {
    use tonic_types::ErrorDetails;

    use super::*;

    fn refused(message: &str, violations: &[(&str, &str)]) -> anyhow::Error {
        let mut details = ErrorDetails::new();
        for (field, description) in violations {
            details.add_bad_request_violation(*field, *description);
        }
        tonic::Status::with_error_details(tonic::Code::InvalidArgument, message, details).into()
    }

    #[test]
    fn the_one_wrong_field_is_said_once_and_several_each_on_a_line() {
        let one = refused("lead_id: is no UUID", &[("lead_id", "is no UUID")]);
        assert_eq!(describe(&one), "lead_id: is no UUID");
        let two = refused("2 fields are not valid", &[("a", "is needed"), ("b", "is needed")]);
        assert_eq!(describe(&two), "2 fields are not valid\n  a: is needed\n  b: is needed");
        let placed = refused("rules[3]: line 5, rules[3]: no points", &[("rules[3]", "line 5, rules[3]: no poi")]);
        assert_eq!(describe(&placed), "line 5, rules[3]: no points");
    }

    #[test]
    fn a_fault_of_the_whole_file_has_no_colon_before_it() {
        let error = refused("the model has faults", &[("", "line 3: no such key")]);
        assert_eq!(describe(&error), "the model has faults\n  line 3: no such key");
        let error = refused(": the file is no YAML", &[("", "the file is no YAML")]);
        assert_eq!(
            describe(&error.context("m.yaml was not published")),
            "m.yaml was not published: the file is no YAML"
        );
    }

    #[test]
    fn types_and_calls_are_said_in_words() {
        assert_eq!(
            describe(&anyhow::anyhow!("invalid type: string \"x\", expected usize")),
            "invalid type: string \"x\", expected a whole number, 0 or more"
        );
        let refusal = "no offer of this lead is open; look at its present state with GetAssignment";
        let error = anyhow::Error::from(tonic::Status::failed_precondition(refusal));
        assert!(describe(&error).ends_with("with `leadflow lead show`"), "{}", describe(&error));
    }
}
