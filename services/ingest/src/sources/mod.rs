//! Who may send what and what it means: one YAML file, watched, compiled, swapped in whole. A file that is wrong changes
//! nothing at reload and stops the start.

mod compile;
pub mod file;
mod hooks;
#[cfg(test)]
mod tests;
mod watch;

pub use compile::{Form, Mailbox, OwnDomains, Sources, SourcesError};
pub use hooks::Hook;
pub use watch::{SourcesHandle, parse};
