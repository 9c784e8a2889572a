//! `proofback demo`: the main job on simulated traffic, with the books held against what was sent.
//!
//! Server, advertisers and partners run in this process and speak real HTTP over loopback. What must come out
//! is for `proofback_testkit` to know; here it is only started, shown and judged.

mod summary;

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use http::Method;
use indicatif::{ProgressBar, ProgressStyle};
use proofback_delivery::AddressPolicy;
use proofback_domain::delivery::RetryPolicy;
use proofback_domain::program::SecretRef;
use proofback_domain::time::Span;
use proofback_testkit::{Progress, Run, Simulation};
use serde_json::json;

use super::serve::told_to_stop;
use crate::caller::Caller;
use crate::options::Demo;
use crate::server::{Server, ServerOptions};
use crate::world;

/// The same seed gives the same visits and the same postbacks.
const SEED: u64 = 20_261_121;
/// The first wait before a delivery is tried again; nobody wants to watch five seconds pass.
const FIRST_RETRY: Span = Span::from_millis(200);
/// No visitor of the demo takes the spill file, however slow the disk is: the figures are to be the same everywhere.
const CLICK_WAIT: Duration = Duration::from_secs(20);
/// How long deliveries are waited for before the figures are taken as they stand.
const DELIVERIES_AWAITED: Duration = Duration::from_secs(60);
const RECORDS_AWAITED: Duration = Duration::from_secs(10);

pub async fn run(options: Demo) -> anyhow::Result<ExitCode> {
    // Tokens and clicks lie in it: it is its owner's alone.
    let private = std::fs::Permissions::from_mode(0o700);
    let directory = tempfile::Builder::new().prefix("proofback-demo-").permissions(private).tempdir()?;
    let simulation =
        Simulation::start(SEED, options.size).await.context("the simulated servers cannot be started")?;
    let server = start(&simulation, directory.path(), listen(&options)?).await?;
    let result = tokio::select! {
        shown = show(&simulation, &server, options.exit) => shown,
        stopped = told_to_stop() => stopped.map(|()| if options.exit { ExitCode::FAILURE } else { ExitCode::SUCCESS }),
    };
    server.stop().await;
    result
}

/// Plays, compares and prints; with `exit` it comes back with the verdict, else not at all.
async fn show(simulation: &Simulation, server: &Server, exit: bool) -> anyhow::Result<ExitCode> {
    let base = base_url(server.address);
    let token = &make_token(&base, server).await?;
    println!("proofback serves the demo on {base}");
    let begun = Instant::now();
    let run = play(simulation, &base, token).await;
    let audit = simulation.audit(&run, &base, token).await.context("the figures cannot be read back")?;
    let scene = Scene { simulation, run: &run, base: &base, token };
    print!("{}", summary::figures(&scene, &audit, begun.elapsed()));
    print!("{}", summary::examples(&scene).await?);
    if exit {
        return Ok(if audit.agrees() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    print!("{}", summary::invitation(&scene));
    std::future::pending().await
}

/// What the summary speaks of.
struct Scene<'a> {
    simulation: &'a Simulation,
    run: &'a Run,
    base: &'a str,
    token: &'a str,
}

/// The address asked for, or a free port where it is taken or nobody will look at it.
fn listen(options: &Demo) -> anyhow::Result<SocketAddr> {
    let free = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    if options.exit {
        return Ok(free);
    }
    let asked = &options.listen;
    let address: SocketAddr =
        asked.parse().with_context(|| format!("--listen {asked:?} is no address with a port"))?;
    match TcpListener::bind(address) {
        Ok(_) => Ok(address),
        Err(error) => {
            eprintln!("{address} cannot be listened on ({error}); a free port is taken instead");
            Ok(free)
        }
    }
}

/// The address by which this machine reaches the server.
fn base_url(address: SocketAddr) -> String {
    let ip = if address.ip().is_unspecified() { IpAddr::V4(Ipv4Addr::LOCALHOST) } else { address.ip() };
    format!("http://{}", SocketAddr::new(ip, address.port()))
}

async fn start(simulation: &Simulation, data: &Path, listen: SocketAddr) -> anyhow::Result<Server> {
    // One that is there already needs no warning that a first one was written.
    let token = format!("{:032x}{:032x}", world::entropy(), world::entropy());
    std::fs::write(data.join("admin.token"), token).context("the demo's directory cannot be written to")?;
    let secrets = simulation.clone();
    let resolve = move |reference: &SecretRef| match reference {
        SecretRef::Env(name) => {
            secrets.secret(name).map(str::to_owned).ok_or_else(|| format!("{name} is no secret of the demo"))
        }
        SecretRef::File(path) => Err(format!("the demo reads no file {path}")),
    };
    Server::start(ServerOptions {
        facts: None,
        data: data.to_owned(),
        listen,
        program: Some(simulation.program()),
        program_file: None,
        click_wait: CLICK_WAIT,
        // The simulated visitors come from many addresses; their proxy is this machine.
        trusted_proxies: vec!["127.0.0.0/8".parse()?],
        allow_targets: AddressPolicy { allow_private: true, ..AddressPolicy::default() },
        retry: RetryPolicy { first: FIRST_RETRY, ..RetryPolicy::default() },
        resolve: Arc::new(resolve),
        geo: Arc::default(),
    })
    .await
}

/// A token to be shown: the server's own may come from the environment, and is nobody else's business.
async fn make_token(base: &str, server: &Server) -> anyhow::Result<String> {
    let caller = Caller::Server { address: base.to_owned(), token: server.admin_token.clone() };
    let asked = json!({ "role": "admin", "name": "demo" }).to_string();
    let created = caller.call(Method::POST, "/tokens", asked).await?.success()?;
    Ok(super::text(&created, "token").to_owned())
}

/// Sends everything and waits until all that follows from it has happened.
async fn play(simulation: &Simulation, base: &str, token: &str) -> Run {
    let steps = simulation.visits() + simulation.postbacks() + simulation.deliveries();
    let bar = ProgressBar::new(u64::try_from(steps).unwrap_or(u64::MAX));
    if let Ok(style) = ProgressStyle::with_template("{msg:<10} {bar:50} {pos:>5}/{len} {elapsed:>4}") {
        bar.set_style(style);
    }
    let show = |progress: Progress| {
        bar.set_message(match progress {
            Progress::Visit => "visits",
            Progress::Postback => "postbacks",
            Progress::Delivery => "deliveries",
        });
        bar.inc(1);
    };
    let run = simulation.run(base, show).await;
    if simulation.wait_for_deliveries(DELIVERIES_AWAITED, show).await {
        simulation.wait_for_records(base, token, RECORDS_AWAITED).await;
    }
    bar.finish_and_clear();
    run
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_program_of_the_demo_has_no_mistake_and_no_warning() {
        let simulation = Simulation::start(SEED, 1).await.unwrap();
        let (program, mistakes) = proofback_domain::program::read(&simulation.program());
        assert_eq!(mistakes, []);
        let program = program.unwrap();
        assert!(program.secrets().iter().all(|reference| match reference {
            SecretRef::Env(name) => simulation.secret(name).is_some(),
            SecretRef::File(_) => false,
        }));
        assert!(!simulation.program().contains("https://"), "every host stands for a simulated server");
    }
}
