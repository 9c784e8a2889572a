//! What one postback costs before anything is stored: from the raw request to the decision. The bar is 20 µs.

#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark")]

#[path = "../tests/support/mod.rs"]
mod support;

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use hmac::{Hmac, KeyInit, Mac};
use proofback_domain::decide::{Known, decide};
use proofback_domain::id::Id;
use proofback_domain::outcome::Reason;
use proofback_domain::postback::{Request, read};
use support::Installation;

/// The allocator that the binary has.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const PROGRAM: &str = include_str!("../tests/support/program.toml");

/// Measures reading and deciding; `wanted` makes sure that it is the case that its name says.
fn measure(criterion: &mut Criterion, name: &str, world: &Installation, request: &Request, wanted: Reason) {
    let reading = read(request, &world.snapshot, None);
    let known = world.known(&reading);
    let judge = |request: &Request, known: &Known| {
        let reading = read(request, &world.snapshot, None);
        decide(&reading, known, &world.snapshot, Id::new(world.now, 99), world.now)
    };
    let decision = judge(request, &known);
    assert_eq!(decision.reason, wanted, "{}", decision.message);
    let books = !decision.effects.entries.is_empty() && !decision.effects.deliveries.is_empty();
    assert_eq!(books, wanted == Reason::Ok);
    criterion.bench_function(name, |bencher| bencher.iter(|| judge(black_box(request), black_box(&known))));
}

fn with_a_token(criterion: &mut Criterion) {
    let mut world = Installation::new(PROGRAM);
    let click = world.click("reelmedia-de");
    world.pass("15m");
    let query = format!("key=t0ken&cid={click}&order=A1&goal=dep&st=1&sum=120&currency=EUR&sub1=reels");
    let new = world.request(Some("casino"), &query);
    measure(criterion, "token, new conversion", &world, &new, Reason::Ok);
    let wrong = world.request(Some("casino"), &query.replace("t0ken", "wrong"));
    measure(criterion, "token, rejected", &world, &wrong, Reason::BadToken);
    world.receive(&new);
    measure(criterion, "token, duplicate", &world, &new, Reason::Duplicate);
}

fn with_a_signature(criterion: &mut Criterion) {
    let mut world = Installation::new(&PROGRAM.replace("\"5 USD\"", "\"5 USD\"\napproval = \"auto\""));
    let click = world.click("reelmedia-strict");
    world.pass("15m");
    let mut request =
        world.request(Some("strict"), &format!("click_id={click}&txid=A1&event=sale&sub1=reels"));
    request.https = true;
    request.ip = "203.0.113.7".parse().unwrap();
    let signed_at = (world.now.millis() / 1_000).to_string();
    let mut hmac = Hmac::<sha2::Sha256>::new_from_slice(b"s3cret").unwrap();
    hmac.update(&[signed_at.as_bytes(), b".", &request.query].concat());
    let signature = hmac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    request.headers = vec![("x-signature".into(), signature), ("x-timestamp".into(), signed_at)];
    measure(criterion, "signature, new conversion", &world, &request, Reason::Ok);
}

criterion_group!(benches, with_a_token, with_a_signature);
criterion_main!(benches);
