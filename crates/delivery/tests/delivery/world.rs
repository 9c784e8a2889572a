//! A store with a program, conversions that plan deliveries, and an engine whose clock the test holds.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use proofback_delivery::{
    AddressPolicy, Client, ClientOptions, Clock, DeliveryMetrics, EngineOptions, Jitter,
};
use proofback_domain::click::{Click, Details};
use proofback_domain::click_id::{ClickId, Keys, Prefix};
use proofback_domain::delivery::RetryPolicy;
use proofback_domain::id::PostbackId;
use proofback_domain::name::Name;
use proofback_domain::outcome::Outcome;
use proofback_domain::postback::{Method, Request, read};
use proofback_domain::program::{SecretRef, Secrets, Snapshot};
use proofback_domain::time::{Span, Timestamp};
use proofback_store::{
    AttemptRow, DeliveryFilter, DeliveryRow, Options, PageRequest, RawPostback, Stopwatch, Store, TraceItem,
};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::server::PATIENCE;

/// 2026-11-21T07:06:00Z.
pub const START: i64 = 1_795_244_760_000;

pub struct World {
    pub store: Store,
    pub metrics: Arc<DeliveryMetrics>,
    clock: Arc<TestClock>,
    /// Removed with the world.
    _directory: tempfile::TempDir,
}

/// Stands until it is advanced.
struct TestClock {
    millis: AtomicI64,
    reads: watch::Sender<u64>,
}

pub struct Engine {
    shutdown: oneshot::Sender<()>,
    /// Comes when the engine has seen the shutdown.
    noticed: oneshot::Receiver<()>,
    task: JoinHandle<()>,
}

/// An engine that was told to end.
pub struct Closing {
    task: JoinHandle<()>,
}

/// An attempt of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    pub number: u32,
    pub request: String,
    pub status: Option<u16>,
    pub error: Option<String>,
    pub answer: String,
}

/// How an engine is started.
pub struct Setup {
    pub allow_private: bool,
    pub shared_requests_max: usize,
    /// Short where a test advances the clock: the engine cannot know of that.
    pub look_every: Duration,
    pub policy: RetryPolicy,
    /// The engine's clock goes with the machine's.
    pub clock_runs: bool,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            allow_private: true,
            shared_requests_max: 64,
            look_every: Duration::from_millis(2),
            policy: RetryPolicy::default(),
            clock_runs: false,
        }
    }
}

impl World {
    /// Targets as their name, address and what they are told.
    pub fn new(targets: &[(&str, &str, &str)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = open(&directory);
        let clock = TestClock { millis: AtomicI64::new(START), reads: watch::Sender::new(0) };
        let world = Self { store, metrics: Arc::default(), clock: Arc::new(clock), _directory: directory };
        world.adopt(targets);
        world
    }

    /// The same store after a restart, without a program in force.
    pub fn reopen(self) -> Self {
        let Self { store, metrics, clock, _directory } = self;
        drop(store);
        Self { store: open(&_directory), metrics, clock, _directory }
    }

    /// Puts a program with these targets in force.
    pub fn adopt(&self, targets: &[(&str, &str, &str)]) {
        let mut source = PROGRAM.to_owned();
        for (id, url, on) in targets {
            source += &format!("[[partner.postback]]\nid = \"{id}\"\nurl = \"{url}\"\non = [\"{on}\"]\n");
        }
        self.adopt_source(&source, &[]);
    }

    /// Puts the program with more in it in force; secrets by the names of their variables.
    pub fn adopt_more(&self, more: &str, secrets: &[(&str, &str)]) {
        self.adopt_source(&format!("{PROGRAM}{more}"), secrets);
    }

    fn adopt_source(&self, source: &str, secrets: &[(&str, &str)]) {
        let (program, mistakes) = proofback_domain::program::read(source);
        let program = program.unwrap_or_else(|| panic!("{mistakes:?}"));
        let numbers = [(1, name("link"))].into();
        let secret = |(name, value): &(&str, &str)| (SecretRef::Env((*name).into()), (*value).to_owned());
        let secrets = Secrets(secrets.iter().map(secret).collect());
        let snapshot = Snapshot::new(1, program, numbers, secrets, Keys::new([7; 16], vec![]));
        self.store.adopt(Arc::new(snapshot));
    }

    pub fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.clock.millis.load(Ordering::SeqCst))
    }

    pub fn advance(&self, span: Span) {
        self.clock.millis.fetch_add(i64::try_from(span.millis()).unwrap(), Ordering::SeqCst);
    }

    /// How often the engine has asked for the time.
    pub fn clock_reads(&self) -> u64 {
        *self.clock.reads.borrow()
    }

    /// Records a click and an accepted postback for it. Each number is another conversion.
    pub async fn convert(&self, number: u32, sub1: &str) -> ClickId {
        let snapshot = self.store.snapshot().unwrap();
        let id = snapshot.keys.sign(Prefix { at: self.now(), serial: number, link: 1 });
        let mut details = Details {
            partner_click_id: format!("partner-{number}"),
            route: "only".into(),
            ..Details::default()
        };
        details.set_sub(1, sub1.into());
        let click = Click {
            id,
            at: self.now(),
            link: name("link"),
            partner: name("partner"),
            offer: name("offer"),
            advertiser: name("advertiser"),
            details,
        };
        self.store.keep_click(click, PATIENCE).await.unwrap();
        self.postback(number, &format!("click_id={id}&event=sale&txid=T{number}")).await;
        id
    }

    async fn postback(&self, number: u32, query: &str) {
        let request = Request {
            at: self.now(),
            method: Method::Get,
            advertiser: Some("advertiser".into()),
            pixel: false,
            path_token: None,
            https: false,
            ip: IpAddr::from([192, 0, 2, 1]),
            query: query.into(),
            content_type: String::new(),
            headers: Vec::new(),
            body: Vec::new(),
        };
        let snapshot = self.store.snapshot().unwrap();
        let reading = read(&request, &snapshot, None);
        let raw = RawPostback {
            method: "GET",
            path: "/postback/advertiser".into(),
            ip: request.ip.to_string(),
            params: reading.stored.clone(),
            stopwatch: Stopwatch(Arc::new(|| 7)),
        };
        let id = PostbackId::new(request.at, number.into());
        let decision = self.store.decide(raw, reading, snapshot, id).await.unwrap();
        assert_eq!(decision.outcome, Outcome::Accepted, "{decision:?}");
    }

    pub fn start(&self, setup: &Setup) -> Engine {
        let allow = AddressPolicy { allow_private: setup.allow_private, ..AddressPolicy::default() };
        let options = ClientOptions { allow, ..ClientOptions::default() };
        let client = Client::new(options).unwrap();
        let jitter: Jitter = Arc::new(|| 0);
        let options = EngineOptions {
            metrics: Arc::clone(&self.metrics),
            shared_requests_max: setup.shared_requests_max,
            look_every: setup.look_every,
            policy: setup.policy,
        };
        let clock = self.clock(setup.clock_runs);
        let (shutdown, closed) = oneshot::channel();
        let (notice, noticed) = oneshot::channel();
        let closed = async {
            closed.await.unwrap_or_default();
            notice.send(()).unwrap_or_default();
        };
        let engine = proofback_delivery::run(self.store.clone(), client, options, clock, jitter, closed);
        Engine { shutdown, noticed, task: tokio::spawn(engine) }
    }

    fn clock(&self, runs: bool) -> Clock {
        let (clock, started) = (Arc::clone(&self.clock), Instant::now());
        Arc::new(move || {
            clock.reads.send_modify(|reads| *reads += 1);
            let elapsed = if runs { started.elapsed().as_millis() } else { 0 };
            let elapsed = Span::from_millis(elapsed.try_into().unwrap());
            Timestamp::from_millis(clock.millis.load(Ordering::SeqCst)).plus(elapsed)
        })
    }

    /// Comes back when the engine has asked for the time so often.
    pub async fn wait_for_clock_reads(&self, count: u64) {
        let mut reads = self.clock.reads.subscribe();
        let reached = timeout(PATIENCE, reads.wait_for(|reads| count <= *reads)).await;
        reached.expect("the engine should have looked").expect("the clock is there");
    }

    pub async fn wait_for_attempts(&self, count: u64) {
        let reached = self.metrics.wait_until(|metrics| count <= metrics.attempts());
        timeout(PATIENCE, reached).await.expect("attempts should have been made");
    }

    pub async fn wait_for_delivered(&self, count: u64) {
        let reached = self.metrics.wait_until(|metrics| count <= metrics.delivered());
        timeout(PATIENCE, reached).await.expect("deliveries should have been made");
    }

    /// All deliveries, oldest first.
    pub async fn deliveries(&self) -> Vec<DeliveryRow> {
        let page = self.store.deliveries(DeliveryFilter::default(), PageRequest::first(1_000)).await.unwrap();
        page.rows.into_iter().rev().collect()
    }

    /// The attempts to deliver what came of a click, in the order of its trace.
    pub async fn attempts(&self, click: ClickId) -> Vec<Attempt> {
        let trace = self.store.trace(click).await.unwrap().unwrap();
        let attempts = trace.timeline.into_iter().filter_map(|item| match item {
            TraceItem::Attempt(attempt) => {
                let AttemptRow { number, request, status, error, answer, .. } = *attempt;
                Some(Attempt { number, request, status, error, answer })
            }
            _ => None,
        });
        attempts.collect()
    }
}

fn open(directory: &tempfile::TempDir) -> Store {
    let options =
        Options { readers: 2, fresh_key: [7; 16], facts: None, on_fatal: Box::new(|why| panic!("{why}")) };
    Store::open(directory.path(), options).unwrap()
}

impl Engine {
    /// Tells the engine to end, and comes back when it has.
    pub async fn stop(self) {
        self.close().await.ended().await;
    }

    /// Tells the engine to end, and comes back when it has seen it: nothing is claimed any more.
    pub async fn close(self) -> Closing {
        self.shutdown.send(()).unwrap();
        timeout(PATIENCE, self.noticed).await.expect("the engine should have seen it").unwrap();
        Closing { task: self.task }
    }
}

impl Closing {
    pub async fn ended(self) {
        timeout(PATIENCE, self.task).await.expect("the engine should have ended").unwrap();
    }
}

pub fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

const PROGRAM: &str = r#"
[program]
name = "Test"
currency = "EUR"

[[advertiser]]
id = "advertiser"
[advertiser.postback]
open = true

[[offer]]
id = "offer"
advertiser = "advertiser"
url = "https://offer.example/?cid={click_id}"
[[offer.goal]]
event = "sale"
payout = "140 EUR"
approval = "auto"

[[link]]
id = "link"
partner = "partner"
offer = "offer"

[[partner]]
id = "partner"
"#;
