//! The way to the relay, phase by phase: everything up to RCPT can be taken back, and from DATA on only a complete reply
//! tells what became of a mail. Nothing here sends a mail a second time by itself; who may be written to, when and whether
//! at all, is decided by the caller.

mod blame;
mod config;
mod connection;
mod lines;
mod outcome;
mod pool;
mod rate;
mod ready;
mod relay;
mod reply;
mod target;

pub(crate) use blame::is_about_the_mail;
pub use blame::{Blame, classify};
pub use config::{Seconds, SmtpConfig, SmtpTimeouts};
pub use outcome::{Phase, Refusal, Verdict};
pub use ready::Ready;
pub use relay::Relay;
pub use target::ConfigError;
