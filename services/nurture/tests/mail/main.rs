//! Mails from template to message: what a value may and may not do, what a marketing mail must carry, that both parts carry
//! the same links, that tokens open as what they are, and that others can read the message.

mod checks;
mod injection;
mod marketing;
mod markup;
mod message;
mod parts;
mod support;
mod tokens;
mod tracking;
mod welcome;
