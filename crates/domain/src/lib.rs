//! What is true in Proofback: click ids, money, the program, routing, decisions, delivery policy.
//!
//! Nothing here does I/O, reads a clock, draws random numbers or uses floats. Time, identifiers and the
//! past come in as values; rejections go out as values. Equal input gives equal output, byte for byte.

#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::float_arithmetic))]

mod base32;
pub mod calendar;
pub mod click;
pub mod click_id;
pub mod columns;
pub mod conversion;
pub mod conversion_api;
pub mod deal;
pub mod decide;
pub mod delivery;
mod digest;
pub mod entities;
pub mod fact;
pub mod id;
pub mod ledger;
pub mod money;
pub mod name;
pub mod outbound_signature;
pub mod outcome;
pub mod password;
pub mod past;
pub mod person;
pub mod postback;
pub mod preset;
pub mod program;
pub mod rate;
pub mod rates;
pub mod reconcile;
pub mod report;
pub mod reported;
pub mod route;
pub mod schedule;
pub mod settlement;
pub mod tell;
pub mod template;
pub mod time;
pub mod totp;
pub mod user_agent;
pub mod webhook;
