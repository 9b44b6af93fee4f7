//! How a command that failed says so: what, why, what to type; and the exit code that scripts read.

use std::process::ExitCode;

use tonic_types::StatusExt as _;

/// Exit codes of the command line: 0 ok, 1 failed, 2 usage (by clap), 3 not ready.
pub(crate) const NOT_READY: u8 = 3;

/// Prints the error with its causes to stderr and picks the exit code.
pub(crate) fn report(error: &anyhow::Error) -> ExitCode {
    if let Some(status) = error.chain().find_map(|cause| cause.downcast_ref::<tonic::Status>()) {
        eprintln!("leadflow: {}", describe_status(error, status));
        return match status.code() {
            tonic::Code::Unavailable | tonic::Code::DeadlineExceeded => ExitCode::from(NOT_READY),
            _ => ExitCode::FAILURE,
        };
    }
    let not_ready = error.chain().any(|cause| cause.downcast_ref::<tonic::transport::Error>().is_some());
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
    eprintln!("leadflow: {text}");
    if not_ready {
        eprintln!("  is it running? `make up` starts everything on this machine; addresses stand in .local/env");
        return ExitCode::from(NOT_READY);
    }
    ExitCode::FAILURE
}

fn describe_status(error: &anyhow::Error, status: &tonic::Status) -> String {
    let mut text = match error.downcast_ref::<tonic::Status>() {
        Some(_) => status.message().to_owned(),
        None => format!("{error}: {}", status.message()),
    };
    let details = status.get_error_details();
    if let Some(request) = details.bad_request() {
        for violation in &request.field_violations {
            text.push_str(&format!("\n  {}: {}", violation.field, violation.description));
        }
    }
    if let Some(info) = details.error_info() {
        text.push_str(&format!("  [{}]", info.reason));
    }
    match status.code() {
        tonic::Code::Unauthenticated => {
            text.push_str(
                "\n  set LEADFLOW_API_KEY (`. .local/env` on this machine), or make a key: leadflow key create --help",
            );
        }
        tonic::Code::Unavailable => {
            text.push_str("\n  is it running? addresses stand in .local/env; `make up` starts everything here")
        }
        _ => {}
    }
    text
}
