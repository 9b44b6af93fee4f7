//! An SMTP server that keeps every mail it took, and fails as a script says: the mail catcher of `make run`, the relay of
//! tests and chaos. Every attempt, kept or not, is a line of its log, written before the client can see the outcome: the
//! log is what an oracle believes.
//!
//! Not a mail server: nothing is delivered anywhere, any password is good, and it is for a loopback address.

mod body;
mod config;
mod fault;
mod keeper;
mod list;
mod log;
mod mailbox;
mod script;
mod session;
mod tls;
mod transaction;
mod wire;

pub use config::{Auth, Config, Extensions, Limits, Tls};
pub use fault::{Fault, Point};
pub use list::table;
pub use log::{Entry, LOG_FILE, Outcome, Phase, read_log};
pub use mailbox::{Mail, Mailbox};
pub use script::Script;
