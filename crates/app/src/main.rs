//! The binary: reads the command line, runs one command, says what went wrong.

use std::process::ExitCode;

fn main() -> ExitCode {
    proofback::run()
}
