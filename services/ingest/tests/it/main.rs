//! ingest from outside: real sockets, a real broker, requests as foreign clients send them. One binary for all, because each
//! links librdkafka. The environment variable LEADFLOW_TEST_KAFKA names the broker.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where it stopped")]

mod bad_input;
mod broker_away;
mod door;
mod email;
mod forms;
mod grpc;
mod hooks;
mod limits;
mod lines;
mod reload;
mod segment;
mod tls;
