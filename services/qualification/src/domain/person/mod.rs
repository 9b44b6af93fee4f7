//! What is known of a person beside the score: traits and consents by their last writers, first and last touch, company.
//! Every value here is the same in whatever order events come, and two of them add up to the value of both.

mod account;
mod profile;
mod touch;

pub use account::{Account, account_of};
pub use profile::{MARKETING_EMAIL, Profile, Written};
pub use touch::{Touch, Touches};

#[cfg(test)]
mod tests;
