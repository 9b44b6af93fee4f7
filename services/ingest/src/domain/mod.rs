//! What an incoming event means. Pure and total: the same text, rules and time give the same engagement or the same
//! refusal; nothing here reads a clock, draws a number or waits.

pub mod batch;
pub mod bot;
pub mod contact;
pub mod context;
pub mod engagement;
pub mod fingerprint;
pub mod flatten;
pub mod form;
#[cfg(test)]
mod form_tests;
pub mod hook;
pub mod json;
pub mod kind;
pub mod limits;
pub mod mail;
pub mod message;
pub mod published;
#[cfg(test)]
mod published_tests;
pub mod reject;
pub mod rules;
pub mod segment;
#[cfg(test)]
mod segment_properties;
#[cfg(test)]
mod segment_refusals;
#[cfg(test)]
mod segment_tests;
pub mod time;
