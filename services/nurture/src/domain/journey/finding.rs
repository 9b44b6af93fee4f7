//! What is wrong with a journey's file: the place, and what to do.

/// One thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Path in the file: "steps.hello.wait.timeout".
    pub place: String,
    /// What is wrong and the remedy.
    pub message: String,
    /// A warning does not stop the publishing.
    pub warning: bool,
}

impl Finding {
    /// It cannot be published like this.
    #[must_use]
    pub fn error(place: impl Into<String>, message: impl Into<String>) -> Self {
        Self { place: place.into(), message: message.into(), warning: false }
    }

    /// It can, but look.
    #[must_use]
    pub fn warning(place: impl Into<String>, message: impl Into<String>) -> Self {
        Self { place: place.into(), message: message.into(), warning: true }
    }
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}
