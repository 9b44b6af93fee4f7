//! The edge of a process: configuration, keys, tasks, health, servers with their limits. Real sockets on port 0, real files
//! in a folder of the test's own. Needs no database and no broker.

mod access;
mod config;
mod grpc;
mod grpc_bytes;
mod health;
mod http;
mod identity;
mod run;
mod server;
mod server_http2;
mod server_limits;
mod support;
mod tls;
