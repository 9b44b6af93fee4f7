//! Names of the mechanisms that hold the spine up, so that a test can turn one off and see what breaks without it.
//!
//! In a build without the feature `testing` every mechanism is on and the question costs nothing.

/// One mechanism. The crate that owns the mechanism owns the constant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mechanism(pub &'static str);

/// `write_tx` begins and commits in a task of its own.
pub const SPAWNED_BEGIN: Mechanism = Mechanism("pg.spawned_begin");

/// The mechanisms that a test turned off, shared by all clones of one `Database`.
#[cfg(feature = "testing")]
#[derive(Debug, Default)]
pub struct Switches(std::sync::RwLock<std::collections::BTreeSet<Mechanism>>);

#[cfg(feature = "testing")]
impl Switches {
    /// From here on the mechanism does nothing.
    pub fn turn_off(&self, mechanism: Mechanism) {
        self.0.write().expect("no panic while held").insert(mechanism);
    }

    /// Whether the mechanism works.
    #[must_use]
    pub fn is_on(&self, mechanism: Mechanism) -> bool {
        !self.0.read().expect("no panic while held").contains(&mechanism)
    }
}
