//! Between the domain and protobuf: what stands on the topics, and what the gRPC door takes and answers.

pub mod engagement;
mod mask;
mod protobuf;
pub mod published;
pub mod rejected;
