//! `proofback`: starts everything. The only room that reads the environment, files, signals and the clock.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this is the room that talks to the terminal")]

mod archive;
mod caller;
mod commands;
mod depot;
mod geo;
mod options;
#[cfg(feature = "reports")]
mod scheduled;
mod server;
mod world;

use std::process::ExitCode;

use clap::Parser;

use options::{Cli, Command};

pub use geo::Geo;
pub use server::{Server, ServerOptions};

/// Runs the command that the process was called with.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    world::log_to_stderr(matches!(cli.command, Command::Serve(_)));
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("proofback: the runtime cannot be started: {error}");
            return ExitCode::FAILURE;
        }
    };
    let result = runtime.block_on(async {
        match cli.command {
            Command::Serve(options) => commands::serve::run(options).await,
            Command::Check(options) => commands::check::run(&options),
            Command::Template(options) => commands::template::run(&options),
            Command::Apply(options) => commands::apply::run(options).await,
            Command::Trace(options) => commands::trace::run(options).await,
            Command::Explain(options) => commands::explain::run(options).await,
            Command::Replay(options) => commands::replay::run(options).await,
            Command::Review(options) => commands::review::run(options.command).await,
            Command::Import(options) => commands::import::run(options).await,
            Command::Reconcile(options) => commands::reconcile::run(options).await,
            Command::Report(options) => commands::report::run(*options).await,
            Command::Verify(options) => commands::verify::run(options).await,
            Command::Ledger(options) => commands::ledger::run(options.command).await,
            Command::Statement(options) => commands::statement::run(options).await,
            Command::Payout(options) => commands::settlement::payout(options.command).await,
            Command::Invoice(options) => commands::settlement::invoice(options.command).await,
            Command::Rates(options) => commands::rates::run(options.command).await,
            Command::Target(options) => commands::target::run(options.command).await,
            Command::Delivery(options) => commands::delivery::run(options.command).await,
            Command::User(options) => commands::user::run(options.command).await,
            Command::Token(options) => commands::token::run(options.command).await,
            Command::Listen(options) => commands::listen::run(options).await,
            Command::Demo(options) => commands::demo::run(options).await,
        }
    });
    match result {
        Ok(code) => code,
        Err(error) => {
            eprintln!("proofback: {error:#}");
            ExitCode::FAILURE
        }
    }
}
