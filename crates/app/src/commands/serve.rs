//! `proofback serve`: the server, until it is told to stop.

use std::process::ExitCode;
use std::sync::Arc;

use proofback_domain::delivery::RetryPolicy;
use tokio::signal::unix::{SignalKind, signal};

use crate::depot;
use crate::geo::Geo;
use crate::options::serve::Serve;
use crate::server::{Server, ServerOptions};
use crate::world;

pub async fn run(options: Box<Serve>) -> anyhow::Result<ExitCode> {
    let settings = options.settings()?;
    let program = settings.program.as_deref().map(super::read_file).transpose()?;
    let geo = Geo::open(&settings.geo)?;
    let facts = depot::chosen(settings.facts.as_deref())?;
    let server = Server::start(ServerOptions {
        facts,
        data: settings.data,
        listen: settings.listen,
        program,
        program_file: settings.program,
        click_wait: settings.click_wait,
        trusted_proxies: settings.trusted_proxies,
        allow_targets: settings.allow_targets,
        retry: RetryPolicy::default(),
        resolve: Arc::new(world::resolve),
        geo: Arc::new(geo),
    })
    .await?;
    println!("proofback listens on http://{}", server.address);
    told_to_stop().await?;
    tracing::info!("stopping: running requests end first");
    server.stop().await;
    Ok(ExitCode::SUCCESS)
}

/// SIGINT or SIGTERM.
pub async fn told_to_stop() -> anyhow::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}
