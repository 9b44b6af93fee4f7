//! The `leadflow` binary: every role and the command line. It wires; it decides nothing.

// What people see goes through `output`, which lets nothing through that a terminal would obey.
#![deny(clippy::print_stdout, clippy::print_stderr)]

mod answers;
mod cli;
mod client;
mod commands;
mod config;
mod failure;
mod figures;
mod output;
mod patience;
mod serve;
mod text;

use std::process::ExitCode;
use std::time::Duration;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments = cli::parse();
    let is_role = matches!(arguments.command, cli::Command::Serve { .. });
    // One TLS provider for the process; the HTTP client is built without one of its own.
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        output::note("leadflow: a TLS provider was installed twice; this is a bug");
        return ExitCode::FAILURE;
    }
    // Rule evaluation and big snapshots recurse: the default 2 MiB of a worker thread is small for debug builds.
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().thread_stack_size(8 << 20).build() {
        Ok(runtime) => runtime,
        Err(error) => {
            output::note(format!("leadflow: cannot start the async runtime: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let code = match runtime.block_on(commands::run(arguments)) {
        Ok(code) => code,
        Err(failure) => failure::report(&failure),
    };
    // Blocking helpers (a broker client that closes, or still waits for its answer) must not hold the exit for ever; a
    // command has said everything by now.
    runtime.shutdown_timeout(if is_role { Duration::from_secs(5) } else { Duration::from_millis(100) });
    code
}
