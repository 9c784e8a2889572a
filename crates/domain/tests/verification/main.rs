//! What receivers are told works: the code blocks of the documentation are run by their own interpreters, and the
//! reference library of Standard Webhooks verifies what we sign. `scripts/test-tools` installs what this needs.

#![allow(clippy::unwrap_used, reason = "a test")]

mod postbacks;
mod run;
mod schemas;
mod webhooks;
