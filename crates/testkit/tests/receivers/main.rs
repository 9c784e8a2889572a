//! The shipped presets against stand-ins that hold what each platform documents, over real sockets.

#![allow(clippy::unwrap_used, reason = "a test")]

mod booked;
mod refused;
mod render;
mod sample;
