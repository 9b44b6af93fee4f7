//! What a model says of events and persons, what is said of a model that is wrong, and the files that are shipped.

mod conditions;
mod events;
mod fault_table;
mod faults;
mod persons;
mod sample;
