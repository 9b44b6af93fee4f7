//! Who is told that there is something to do. A wake-up may get lost: everybody also looks by himself.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

/// Wakes senders, callers and timers of this process. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Wakers {
    /// Taken by the sender of mails.
    pub mails: Arc<Notify>,
    /// Taken by the caller of endpoints.
    pub calls: Arc<Notify>,
    /// Taken by the timer of enrolments.
    pub steps: Arc<Notify>,
    noted: Arc<Noted>,
}

#[derive(Debug, Default)]
struct Noted {
    mails: AtomicBool,
    calls: AtomicBool,
}

impl Wakers {
    /// Inside a transaction: there will be something once it is committed.
    pub fn note(&self, mails: bool, calls: bool) {
        self.noted.mails.fetch_or(mails, Ordering::AcqRel);
        self.noted.calls.fetch_or(calls, Ordering::AcqRel);
    }

    /// After the commit.
    pub fn committed(&self) {
        if self.noted.mails.swap(false, Ordering::AcqRel) {
            self.mails.notify_one();
        }
        if self.noted.calls.swap(false, Ordering::AcqRel) {
            self.calls.notify_one();
        }
    }
}
