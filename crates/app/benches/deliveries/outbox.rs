//! A store with a program of many targets, an engine over it, and what is to be delivered.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use proofback_delivery::{AddressPolicy, Client, ClientOptions, DeliveryMetrics, EngineOptions};
use proofback_domain::click::{Click, Details};
use proofback_domain::click_id::{Keys, Prefix};
use proofback_domain::id::PostbackId;
use proofback_domain::name::Name;
use proofback_domain::postback::{Method, Request, read};
use proofback_domain::program::{Secrets, Snapshot};
use proofback_domain::time::Timestamp;
use proofback_store::{Options, RawPostback, Stopwatch, Store};
use rusqlite::Connection;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::receiver::micros;

pub const TARGETS: usize = 100;

/// A running engine.
pub struct Engine {
    pub metrics: Arc<DeliveryMetrics>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

pub fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

/// The store in a directory, with a program of a hundred partners whose targets lie on the receiver; the first
/// `hanging` of them never answer.
pub fn open(directory: &Path, receiver: SocketAddr, hanging: usize, rate_limit: &str) -> Store {
    let options =
        Options { readers: 2, fresh_key: [7; 16], facts: None, on_fatal: Box::new(|why| panic!("{why}")) };
    let store = Store::open(directory, options).unwrap();
    let mut source = HEAD.to_owned();
    for number in 0..TARGETS {
        let path = if number < hanging { "hang" } else { "take" };
        source += &format!(
            "[[partner]]\nid = \"p{number}\"\n[[partner.postback]]\nid = \"t{number}\"\n\
             url = \"http://{receiver}/{path}{number}?at={{sub1}}\"\non = [\"commission.earned\"]\n{rate_limit}\n\
             [[link]]\nid = \"l{number}\"\npartner = \"p{number}\"\noffer = \"offer\"\n"
        );
    }
    let (program, mistakes) = proofback_domain::program::read(&source);
    let program = program.unwrap_or_else(|| panic!("{mistakes:?}"));
    let numbers =
        (0..TARGETS).map(|number| (u32::try_from(number).unwrap() + 1, name(&format!("l{number}"))));
    let keys = Keys::new([7; 16], vec![]);
    store.adopt(Arc::new(Snapshot::new(1, program, numbers.collect(), Secrets::default(), keys)));
    store
}

/// Puts deliveries into a store that is closed, evenly over the targets, due since long ago.
pub fn fill(directory: &Path, count: usize, targets: std::ops::Range<usize>) {
    let mut connection = Connection::open(directory.join("proofback.db")).unwrap();
    let transaction = connection.transaction().unwrap();
    {
        let mut insert = transaction
            .prepare(
                "insert into delivery (id, at, target, partner, subject, happening, \"values\", state, attempts, \
                 first_at, next_at, lease_until) values (?1, ?2, ?3, 'p0', ?1, 'commission.earned', ?4, 'pending', 0, ?2, ?2, 0)",
            )
            .unwrap();
        let at = i64::try_from(micros() / 1_000).unwrap() - 1_000;
        let values = format!(
            "{{\"sub1\":\"{}\",\"txid\":\"T-12345678\",\"payout\":\"140.00\",\"currency\":\"EUR\"}}",
            micros()
        );
        for number in 0..count {
            let id: proofback_domain::id::DeliveryId =
                proofback_domain::id::Id::new(Timestamp::from_millis(at), number as u128);
            let target = format!("t{}", targets.start + number % targets.len());
            insert.execute((id.to_bytes(), at, target, &values)).unwrap();
        }
    }
    transaction.commit().unwrap();
}

pub fn start(store: &Store) -> Engine {
    let allow = AddressPolicy { allow_private: true, ..AddressPolicy::default() };
    let client = Client::new(ClientOptions { allow, ..ClientOptions::default() }).unwrap();
    let metrics: Arc<DeliveryMetrics> = Arc::default();
    let options = EngineOptions { metrics: Arc::clone(&metrics), ..EngineOptions::default() };
    let (stop, stopped) = oneshot::channel::<()>();
    let until = async { stopped.await.unwrap_or_default() };
    let clock = Arc::new(now);
    let engine = proofback_delivery::run(store.clone(), client, options, clock, Arc::new(|| 0), until);
    Engine { metrics, stop, task: tokio::spawn(engine) }
}

pub fn now() -> Timestamp {
    Timestamp::from_millis(i64::try_from(micros() / 1_000).unwrap())
}

impl Engine {
    pub async fn delivered(&self, count: u64) {
        self.metrics.wait_until(|metrics| count <= metrics.delivered()).await;
    }

    pub async fn stop(self) {
        self.stop.send(()).unwrap();
        // Those that hang are cut off.
        self.task.await.unwrap();
    }
}

/// A conversion through the whole of it: a click, its postback, the decision, and what is planned by it.
pub async fn convert(store: &Store, target: usize) {
    static SERIAL: AtomicU64 = AtomicU64::new(1);
    let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
    let snapshot = store.snapshot().unwrap();
    let at = now();
    let link = u32::try_from(target).unwrap() + 1;
    let id = snapshot.keys.sign(Prefix { at, serial: u32::try_from(serial & 0x3f_ffff).unwrap(), link });
    let mut details = Details { route: "only".into(), ..Details::default() };
    details.set_sub(1, micros().to_string());
    let click = Click {
        id,
        at,
        link: name(&format!("l{target}")),
        partner: name(&format!("p{target}")),
        offer: name("offer"),
        advertiser: name("advertiser"),
        details,
    };
    store.keep_click(click, Duration::from_secs(10)).await.unwrap();
    let request = Request {
        at,
        method: Method::Get,
        advertiser: Some("advertiser".into()),
        pixel: false,
        path_token: None,
        https: false,
        ip: IpAddr::from([192, 0, 2, 1]),
        query: format!("click_id={id}&event=sale&txid=T{serial}").into(),
        content_type: String::new(),
        headers: Vec::new(),
        body: Vec::new(),
    };
    let reading = read(&request, &snapshot, None);
    let raw = RawPostback {
        method: "GET",
        path: "/postback/advertiser".into(),
        ip: request.ip.to_string(),
        params: reading.stored.clone(),
        stopwatch: Stopwatch(Arc::new(|| 7)),
    };
    store.decide(raw, reading, snapshot, PostbackId::new(at, serial.into())).await.unwrap();
}

const HEAD: &str = r#"
[program]
name = "Deliveries"
currency = "EUR"
[[advertiser]]
id = "advertiser"
postback = { open = true }
[[offer]]
id = "offer"
advertiser = "advertiser"
url = "https://offer.example/?cid={click_id}"
[[offer.goal]]
event = "sale"
payout = "140 EUR"
approval = "auto"
"#;
