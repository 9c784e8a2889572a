//! The engine and its client over real sockets and a real store. Time is given; nothing sleeps to wait.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

mod client;
mod engine;
mod evil;
mod hostile;
mod secure;
mod secure_server;
mod server;
mod targets;
mod world;
