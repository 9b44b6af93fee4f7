//! Qualification: who a person is, what they are worth to sales, and why. Consumes `engagement`, `engagement-bulk` and
//! `assignment`; its state is schema `qualification`; it tells what it decided on `lead`.
//!
//! `domain` decides and touches nothing; `handler` and `fold_assignment` bring batches to it inside the transaction that
//! also moves the offsets; `store` holds every statement; `wire` converts, totally, between the public protos, the stored
//! bytes and the domain.

pub mod domain;
pub mod erase;
pub mod fold_assignment;
pub mod grpc;
pub mod handler;
pub mod models;
pub mod people;
pub mod recompute;
pub mod replay;
pub mod role;
pub mod store;
pub mod wire;
pub mod work;
pub mod workers;
