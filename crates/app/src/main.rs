//! The binary: reads the command line, runs one command, says what went wrong.

use std::process::ExitCode;

/// Many small allocations per click, freed by another thread: what this allocator is good at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    proofback::run()
}
