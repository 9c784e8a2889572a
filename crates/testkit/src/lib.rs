//! The world around Proofback, for its demo and its tests: visitors, advertisers, partners, and their books.
//!
//! Everything here speaks real HTTP over loopback and knows the product from outside alone: no crate of the
//! product is used, so that no mistake of the product can be repeated in what is expected of it.

#![expect(clippy::inconsistent_digit_grouping, reason = "cents are set apart: 120_00 is 120.00")]

mod advertiser;
mod conversion_apis;
mod hostile_urls;
mod http;
mod loopback;
pub mod mmdb;
mod random;
mod receivers;
mod simulation;
mod tracker;

pub use advertiser::{AdvertiserSite, Dialect, Path, Report, ReportedClick, ReportedToken, SiteOptions, Way};
pub use conversion_apis::{ConversionApis, Kept, Network};
pub use hostile_urls::hostile_urls;
pub use http::{Http, HttpError, Reply, encode};
pub use random::Random;
pub use receivers::{
    Booking, Form, Meaning, Money, Need, Parameter, Platform, Receiver, Refusal, Repeats, Role, platforms,
};
pub use simulation::{Audit, Examples, Progress, ReadError, Row, Run, Simulation, Table};
pub use tracker::{PartnerTracker, Received};
