//! Stages of a lead, as far as nurture cares.

/// Over: nothing more is sent, whatever a journey says.
#[must_use]
pub fn is_closed(stage: &str) -> bool {
    matches!(stage, "disqualified" | "merged" | "won" | "lost" | "erased")
}

/// Qualified for a sales executive, or with one.
#[must_use]
pub fn is_qualified(stage: &str) -> bool {
    matches!(stage, "mql" | "sal" | "sql" | "won" | "lost")
}
