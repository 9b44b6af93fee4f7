//! assignment.
