//! What goes out, and the only HTTP client of the product.
//!
//! The engine finds in the store what is due, sends it, and records what came of it. What is sent was claimed
//! before by a durable lease; when it is sent again, and when no more, is decided by `proofback_domain`.
//! Nothing here reads the clock, draws random numbers or writes SQL.

mod alarm;
mod answer;
mod attempt;
mod batch;
mod client;
mod connector;
mod engine;
mod fault;
mod guard;
mod hosts;
mod metrics;
mod outgoing;
mod pace;
mod paces;
mod phases;
mod resolver;
mod shared;
mod slots;
mod tokens;
mod worker;

pub use answer::{Answer, Timing};
pub use client::{Client, ClientOptions};
pub use engine::run;
pub use fault::Fault;
pub use guard::{AddressPolicy, is_public};
pub use metrics::DeliveryMetrics;
pub use resolver::{Looking, Resolver};
pub use shared::{Clock, EngineOptions, Jitter};
