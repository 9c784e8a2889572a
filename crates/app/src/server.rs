//! A running server: the store, the deliveries and the HTTP side, started and stopped together.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use axum::http::{HeaderMap, header};
use axum::response::Response;
use axum::serve::ListenerExt;
use ipnet::IpNet;
use proofback_delivery::{AddressPolicy, Client, ClientOptions, EngineOptions};
use proofback_domain::delivery::RetryPolicy;
use proofback_domain::program::SecretRef;
use proofback_store::facts::DepotLocation;
use proofback_store::{Edit, Options, Store, StoreError};
use proofback_web::{ApplyError, Ids, Settings, Web, World};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::archive;
use crate::geo::{self, Geo};
use crate::world;

const READERS: usize = 4;
/// How long running requests may take to end when the server stops.
const STOP_WITHIN: Duration = Duration::from_secs(20);
/// How often the spill is looked into.
const SPILL_EVERY: Duration = Duration::from_millis(500);
/// How often postbacks are looked for that waited too long.
const GIVE_UP_EVERY: Duration = Duration::from_secs(60);
/// How often what is no longer asked for is looked for.
const FORGET_EVERY: Duration = Duration::from_secs(10);
/// How often geo data is looked for that changed.
const GEO_EVERY: Duration = Duration::from_secs(60);
/// How often entries are looked for that no seal covers yet.
const SEAL_EVERY: Duration = Duration::from_secs(1);

/// Where the value behind a secret's reference is found.
pub type Resolve = Arc<dyn Fn(&SecretRef) -> Result<String, String> + Send + Sync>;

pub struct ServerOptions {
    pub data: PathBuf,
    pub listen: SocketAddr,
    /// A program file's text to apply at the start.
    pub program: Option<String>,
    /// Where that file is.
    pub program_file: Option<PathBuf>,
    pub click_wait: Duration,
    pub trusted_proxies: Vec<IpNet>,
    pub allow_targets: AddressPolicy,
    pub retry: RetryPolicy,
    pub resolve: Resolve,
    pub geo: Arc<Geo>,
    /// Where sealed facts lie; absent: in the data directory.
    pub facts: Option<DepotLocation>,
}

pub struct Server {
    pub address: SocketAddr,
    pub web: Web,
    pub admin_token: String,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

/// Opens the store under a directory, for the server or for a command that works without one.
pub fn open_store(data: &std::path::Path, facts: Option<DepotLocation>) -> anyhow::Result<Store> {
    let on_fatal = Box::new(|error: &str| {
        tracing::error!(
            error,
            "a commit could not be made durable; nothing is acknowledged any more, the process ends"
        );
        std::process::exit(74);
    });
    let fresh_key = world::entropy().to_ne_bytes();
    Ok(Store::open(data, Options { readers: READERS, fresh_key, facts, on_fatal })?)
}

/// The HTTP side over a store, without a socket.
pub async fn web_over(store: Store, options: &ServerOptions, admin_token: &str) -> anyhow::Result<Web> {
    let last_click = store.last_click_at().await?;
    let settings = Settings {
        click_wait: options.click_wait,
        trusted_proxies: options.trusted_proxies.clone(),
        admin_token_hash: proofback_web::hash_token(admin_token),
        program_file: options.program_file.as_ref().map(|path| path.display().to_string()),
    };
    let ids = Ids::new(last_click, Arc::new(world::entropy));
    let geo = Arc::clone(&options.geo);
    let data = options.data.clone();
    let world = World {
        now: world::clock(),
        ticks: world::ticks(),
        resolve: Arc::clone(&options.resolve),
        place: Arc::new(move |ip| geo.place(ip)),
        free_bytes: Arc::new(move || world::free_bytes(&data)),
    };
    let engine = engine(&store)?;
    Ok(Web::new(store, settings, ids, world, engine))
}

/// Reports are computed by as many threads as there are cores.
#[cfg(feature = "reports")]
fn engine(store: &Store) -> anyhow::Result<Option<proofback_web::Engine>> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    proofback_reports::Reports::new(store.clone(), threads)
        .map(Some)
        .context("the threads that compute reports cannot be started")
}

#[cfg(not(feature = "reports"))]
fn engine(_: &Store) -> anyhow::Result<Option<proofback_web::Engine>> {
    Ok(None)
}

impl Server {
    /// Comes back when the socket is open and the program is in force.
    pub async fn start(options: ServerOptions) -> anyhow::Result<Self> {
        let store = open_store(&options.data, options.facts.clone())?;
        let admin_token = world::admin_token(&options.data)?;
        put_program_in_force(&store, &options).await?;
        let web = web_over(store.clone(), &options, &admin_token).await?;
        show_geo_ages(&web, &options.geo.look_again(world::now()));
        let listener = TcpListener::bind(options.listen)
            .await
            .with_context(|| format!("{} cannot be listened on", options.listen))?;
        let address = listener.local_addr()?;
        let (stop, stopped) = watch::channel(false);
        let client = Client::new(ClientOptions { allow: options.allow_targets, ..ClientOptions::default() })?;
        let engine = EngineOptions { policy: options.retry, ..EngineOptions::default() };
        let jitter = Arc::new(|| u16::try_from(world::entropy() % 1_001).unwrap_or(0));
        let deliveries =
            proofback_delivery::run(store, client, engine, world::clock(), jitter, until(stopped.clone()));
        let tasks = vec![
            tokio::spawn(deliveries),
            tokio::spawn(drain_spill(web.clone(), stopped.clone())),
            tokio::spawn(give_up(web.clone(), stopped.clone())),
            tokio::spawn(forget(web.clone(), stopped.clone())),
            tokio::spawn(seal(web.clone(), stopped.clone())),
            tokio::spawn(archive::run(web.clone(), stopped.clone())),
            #[cfg(feature = "reports")]
            tokio::spawn(crate::scheduled::run_reports(web.clone(), options.data, stopped.clone())),
            tokio::spawn(watch_geo(options.geo, web.clone(), stopped.clone())),
            tokio::spawn(answer(listener, web.clone(), stopped)),
        ];
        Ok(Self { address, web, admin_token, stop, tasks })
    }

    /// Stops taking requests, lets running ones end within a bound, and closes the store.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        self.web.end_streams();
        let ended = async {
            for task in self.tasks {
                if let Err(error) = task.await {
                    tracing::error!(%error, "a part of the server ended badly");
                }
            }
        };
        if tokio::time::timeout(STOP_WITHIN, ended).await.is_err() {
            tracing::warn!("some requests did not end in time and are cut off");
        }
    }
}

async fn put_program_in_force(store: &Store, options: &ServerOptions) -> anyhow::Result<()> {
    let resolve = options.resolve.as_ref();
    let result = match &options.program {
        Some(source) => proofback_web::apply(store, source, Edit::by("file"), world::now(), resolve)
            .await
            .map(|applied| {
                for mistake in &applied.mistakes {
                    tracing::warn!("program file: {mistake}");
                }
                tracing::info!(revision = applied.revision, "the program file is in force");
            }),
        None => proofback_web::load(store, resolve).await.map(|found| {
            if !found {
                tracing::warn!("no program was applied yet: proofback apply FILE");
            }
        }),
    };
    result.map_err(explain_apply_error)
}

/// The mistakes of a program one by one, where it has some.
pub fn explain_apply_error(error: ApplyError) -> anyhow::Error {
    match error {
        ApplyError::Mistakes(mistakes) => {
            let lines: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
            anyhow::anyhow!("the program has mistakes, nothing was changed:\n{}", lines.join("\n"))
        }
        other => other.into(),
    }
}

pub async fn until(mut stopped: watch::Receiver<bool>) {
    // The sender goes with the server: both mean the same.
    drop(stopped.wait_for(|stop| *stop).await);
}

async fn answer(listener: TcpListener, web: Web, stopped: watch::Receiver<bool>) {
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a socket keeps waiting for more to send");
        }
    });
    let service = everything(web).into_make_service_with_connect_info::<SocketAddr>();
    if let Err(error) = axum::serve(listener, service).with_graceful_shutdown(until(stopped)).await {
        tracing::error!(%error, "the HTTP side ended");
    }
}

/// What is answered: the API and what comes in, and the pages.
fn everything(web: Web) -> Router {
    proofback_web::router(web.clone()).merge(proofback_pages::router(web)).fallback(missing)
}

/// Nothing is there: a page for whoever reads one, a problem document for all others.
async fn missing(headers: HeaderMap) -> Response {
    let accepted = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if accepted.contains("text/html") {
        proofback_pages::not_found().await
    } else {
        proofback_web::not_found().await
    }
}

async fn drain_spill(web: Web, stopped: watch::Receiver<bool>) {
    let mut ticks = tokio::time::interval(SPILL_EVERY);
    let mut stop = std::pin::pin!(until(stopped));
    loop {
        tokio::select! {
            () = &mut stop => return,
            _ = ticks.tick() => {}
        }
        match web.store.drain_spill(web.now()).await {
            Ok(0) => web.set_ready(),
            Ok(clicks) => {
                tracing::info!(clicks, "clicks of the spill are in the store");
                web.set_ready();
            }
            Err(error) => tracing::warn!(%error, "the spill could not be brought in; it is tried again"),
        }
    }
}

async fn give_up(web: Web, stopped: watch::Receiver<bool>) {
    let mut ticks = tokio::time::interval(GIVE_UP_EVERY);
    let mut stop = std::pin::pin!(until(stopped.clone()));
    loop {
        tokio::select! {
            () = &mut stop => return,
            _ = ticks.tick() => {}
        }
        match web.store.give_up_waiting(web.now()).await {
            Ok(0) => {}
            Ok(count) => tracing::info!(count, "postbacks were given up: their clicks did not arrive"),
            Err(error) => tracing::warn!(%error, "waiting postbacks could not be looked through"),
        }
        approve_due(&web, &stopped).await;
        match web.store.rates_arrived(web.now()).await {
            Ok(0) => {}
            Ok(count) => tracing::info!(count, "postbacks were decided: their exchange rates are known"),
            Err(error) => tracing::warn!(%error, "what waits for exchange rates could not be looked through"),
        }
    }
}

/// In steps, so that other writes come between them.
async fn approve_due(web: &Web, stopped: &watch::Receiver<bool>) {
    while !*stopped.borrow() {
        match web.store.approve_due(web.now()).await {
            Ok(0) => return,
            Ok(count) => tracing::info!(count, "conversions were approved: their time has passed"),
            Err(error) => {
                tracing::warn!(%error, "due conversions could not be approved");
                return;
            }
        }
    }
}

async fn forget(web: Web, stopped: watch::Receiver<bool>) {
    let mut ticks = tokio::time::interval(FORGET_EVERY);
    let mut stop = std::pin::pin!(until(stopped.clone()));
    loop {
        tokio::select! {
            () = &mut stop => return,
            _ = ticks.tick() => {}
        }
        // In steps, so that other writes come between them.
        let mut forgotten = forget_some(&web).await;
        while matches!(forgotten, Ok(1..)) && !*stopped.borrow() {
            forgotten = forget_some(&web).await;
        }
        if let Err(error) = forgotten {
            tracing::warn!(%error, "what is no longer asked for could not be forgotten; it is tried again");
        }
    }
}

/// Signed requests that cannot pass again, conversions that no fraud rule looks back at, and sessions that are over.
async fn forget_some(web: &Web) -> Result<usize, StoreError> {
    let signed = web.store.forget_signed_requests(web.now()).await?;
    let sightings = web.store.forget_sightings(web.now()).await?;
    Ok(signed + sightings + web.store.forget_sessions(web.now()).await?)
}

async fn seal(web: Web, stopped: watch::Receiver<bool>) {
    let mut ticks = tokio::time::interval(SEAL_EVERY);
    let mut stop = std::pin::pin!(until(stopped.clone()));
    loop {
        tokio::select! {
            () = &mut stop => return,
            _ = ticks.tick() => {}
        }
        let mut sealed = web.store.seal(web.now()).await;
        while matches!(sealed, Ok(1..)) && !*stopped.borrow() {
            sealed = web.store.seal(web.now()).await;
        }
        if let Err(error) = sealed {
            tracing::warn!(%error, "entries could not be sealed; it is tried again");
        }
    }
}

async fn watch_geo(geo: Arc<Geo>, web: Web, stopped: watch::Receiver<bool>) {
    if geo.is_empty() {
        return;
    }
    let mut ticks = tokio::time::interval(GEO_EVERY);
    let mut stop = std::pin::pin!(until(stopped));
    loop {
        tokio::select! {
            () = &mut stop => return,
            _ = ticks.tick() => {}
        }
        let geo = Arc::clone(&geo);
        match tokio::task::spawn_blocking(move || geo.look_again(world::now())).await {
            Ok(ages) => show_geo_ages(&web, &ages),
            Err(error) => tracing::error!(%error, "the geo data could not be looked at; it is tried again"),
        }
    }
}

fn show_geo_ages(web: &Web, ages: &[geo::Age]) {
    for geo::Age { path, age } in ages {
        web.metrics.set_geo_age(&path.to_string_lossy(), *age);
    }
    let told = ages.iter().map(|geo::Age { path, age }| (path.display().to_string(), *age)).collect();
    web.tell(|before| before.geo = told);
}
