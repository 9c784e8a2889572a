//! Webhooks as they go out: what each happening says, and how it is signed and verified by the rules of Standard
//! Webhooks 1.0 (standardwebhooks.com). To whom and when they are sent is said elsewhere.

mod body;
mod catalogue;
mod example;
mod key;
mod schema;
mod signed;

pub use body::body;
pub use catalogue::{Field, Kind, fields, meaning};
pub use example::example;
pub use key::{Key, KeyError};
pub use schema::schema;
pub use signed::{Refusal, TOLERANCE, headers, verify};
