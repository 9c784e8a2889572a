//! The shipped presets: their data, what may be put into them, and the page that is made of them.

#![allow(clippy::unwrap_used, reason = "a test")]

mod data;
mod filling;
mod page;
