//! qualification.
