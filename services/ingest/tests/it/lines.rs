//! The log lines of a test, from the tasks that run on its thread.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::DefaultGuard;
use tracing::{Dispatch, Event, Level, Metadata, Subscriber};

/// What was said at warning or above since [`Lines::listen`].
#[derive(Clone, Debug, Default)]
pub(crate) struct Lines {
    warnings: Arc<Mutex<Vec<String>>>,
}

/// Listens until it is dropped.
pub(crate) struct Listening {
    _here: DefaultGuard,
    _second: Dispatch,
}

impl Lines {
    /// On this thread, whose runtime must be its own.
    pub(crate) fn listen() -> (Self, Listening) {
        let lines = Self::default();
        // While there is only one, the first test to reach a line decides for all threads whether it is listened to.
        let second = Dispatch::new(Self::default());
        let here = tracing::subscriber::set_default(lines.clone());
        (lines, Listening { _here: here, _second: second })
    }

    /// Lines that contain `text`.
    pub(crate) fn with(&self, text: &str) -> Vec<String> {
        let lines = self.warnings.lock().unwrap();
        lines.iter().filter(|line| line.contains(text)).cloned().collect()
    }
}

struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == "message" {
            let _ = write!(self.0, "{value:?}");
        }
    }
}

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::WARN
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut message = Message(String::new());
        event.record(&mut message);
        self.warnings.lock().unwrap().push(message.0);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}
