//! The `leadflow` binary: every role and the command line. It wires; it decides nothing.

mod cli;
mod client;
mod commands;
mod config;
mod failure;
mod output;
mod serve;

use std::process::ExitCode;

use clap::Parser as _;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments = cli::Arguments::parse();
    // One TLS provider for the process; the HTTP client is built without one of its own.
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        eprintln!("leadflow: a TLS provider was installed twice; this is a bug");
        return ExitCode::FAILURE;
    }
    // Rule evaluation and big snapshots recurse: the default 2 MiB of a worker thread is small for debug builds.
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().thread_stack_size(8 << 20).build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("leadflow: cannot start the async runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    let code = match runtime.block_on(commands::run(arguments)) {
        Ok(code) => code,
        Err(failure) => failure::report(&failure),
    };
    // Blocking helpers (a broker client that closes) must not hold the exit for ever.
    runtime.shutdown_timeout(std::time::Duration::from_secs(5));
    code
}
