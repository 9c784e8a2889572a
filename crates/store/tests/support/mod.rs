//! One engine, opened on a directory of its own, with a program in force.

#![allow(dead_code, clippy::unwrap_used, reason = "a test support: each test file uses a part of it")]

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use proofback_domain::click::Click;
use proofback_domain::click_id::{Keys, Prefix};
use proofback_domain::decide::Decision;
use proofback_domain::id::Id;
use proofback_domain::postback::{Method, Once, Reading, Request, read};
use proofback_domain::program::{self, SecretRef, Secrets, Snapshot};
use proofback_domain::route::{Routed, Visit, route};
use proofback_domain::time::{Span, Timestamp};
use proofback_store::{Edit, Kept, Options, RawPostback, Stopwatch, Store, StoreError};

pub const PROGRAM: &str = include_str!("../../../domain/tests/support/program.toml");
pub const START: Timestamp = Timestamp::EPOCH;
pub const PATIENT: Duration = Duration::from_secs(30);

pub struct Installation {
    pub directory: tempfile::TempDir,
    pub store: Store,
    serial: AtomicU32,
}

pub fn now() -> Timestamp {
    Timestamp::from_millis(1_795_244_760_000)
}

pub fn later(time: &str) -> Timestamp {
    now().plus(Span::parse(time).unwrap())
}

pub fn open(directory: &Path) -> Result<Store, proofback_store::OpenError> {
    let on_fatal = Box::new(|error: &str| panic!("{error}"));
    Store::open(directory, Options { readers: 2, fresh_key: [3; 16], facts: None, on_fatal })
}

/// Puts the test program in force on a store.
pub async fn adopt(store: &Store) {
    adopt_source(store, PROGRAM).await;
}

pub async fn adopt_source(store: &Store, source: &str) {
    let (program, mistakes) = program::read(source);
    let program = program.unwrap_or_else(|| panic!("{mistakes:?}"));
    let stored = store.save_program(source.into(), &program, Edit::by("test"), now()).await.unwrap().unwrap();
    let secrets: BTreeMap<SecretRef, String> = [(SecretRef::Env("TOKEN".into()), "t0ken".to_owned())].into();
    let keys = Keys::new(store.click_key().await.unwrap(), vec![]);
    store.adopt(Arc::new(Snapshot::new(stored.revision, program, stored.numbers, Secrets(secrets), keys)));
}

impl Installation {
    pub async fn new() -> Self {
        Self::with(PROGRAM).await
    }

    /// With another program in force.
    pub async fn with(source: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = open(directory.path()).unwrap();
        adopt_source(&store, source).await;
        Self { directory, store, serial: AtomicU32::new(1) }
    }

    /// One that was there before.
    pub fn of(directory: tempfile::TempDir, store: Store) -> Self {
        Self { directory, store, serial: AtomicU32::new(1_000) }
    }

    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.store.snapshot().unwrap()
    }

    /// A click that is made and kept nowhere yet.
    pub fn make_click(&self, link: &str) -> Click {
        let snapshot = self.snapshot();
        let link = &snapshot.program.links[link];
        let serial = self.serial.fetch_add(1, Ordering::Relaxed);
        let id = snapshot.keys.sign(Prefix { at: now(), serial, link: snapshot.number(&link.id).unwrap() });
        let visit = Visit { query: vec![("click_id".into(), "P-1".into())], ..Visit::default() };
        match route(&visit, link, &snapshot.program, id, now()) {
            Routed::Offer { click, .. } => *click,
            other => panic!("{other:?}"),
        }
    }

    pub async fn click(&self, link: &str) -> Click {
        let click = self.make_click(link);
        assert_eq!(self.store.keep_click(click.clone(), PATIENT).await.unwrap(), Kept::Stored);
        click
    }

    /// A GET to `/postback/{advertiser}` that arrives at `at`.
    pub async fn send(&self, advertiser: &str, query: &str, at: Timestamp) -> Result<Decision, StoreError> {
        let serial = self.serial.fetch_add(1, Ordering::Relaxed);
        self.send_as(Id::new(at, u128::from(serial)), advertiser, query, at).await
    }

    pub async fn send_as(
        &self,
        id: proofback_domain::id::PostbackId,
        advertiser: &str,
        query: &str,
        at: Timestamp,
    ) -> Result<Decision, StoreError> {
        let request = Self::request(advertiser, query, at);
        self.take(id, advertiser, &request, None).await
    }

    /// A signed one, by what names it; the signature itself is for the domain to judge.
    pub async fn send_signed(
        &self,
        advertiser: &str,
        query: &str,
        at: Timestamp,
        once: Once,
    ) -> Result<Decision, StoreError> {
        let serial = self.serial.fetch_add(1, Ordering::Relaxed);
        let request = Self::request(advertiser, query, at);
        self.take(Id::new(at, u128::from(serial)), advertiser, &request, Some(once)).await
    }

    async fn take(
        &self,
        id: proofback_domain::id::PostbackId,
        advertiser: &str,
        request: &Request,
        once: Option<Once>,
    ) -> Result<Decision, StoreError> {
        let snapshot = self.snapshot();
        let reading = Reading { once, ..read(request, &snapshot, None) };
        let raw = RawPostback {
            method: "GET",
            path: format!("/postback/{advertiser}"),
            ip: "127.0.0.1".into(),
            params: reading.stored.clone(),
            stopwatch: Stopwatch(Arc::new(|| 7)),
        };
        self.store.decide(raw, reading, snapshot, id).await
    }

    fn request(advertiser: &str, query: &str, at: Timestamp) -> Request {
        Request {
            at,
            method: Method::Get,
            advertiser: Some(advertiser.into()),
            path_token: None,
            pixel: false,
            https: false,
            ip: IpAddr::from([127, 0, 0, 1]),
            query: query.as_bytes().to_vec(),
            content_type: String::new(),
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// An approved sale of 100 EUR, of which the partner earns ten.
    pub async fn sale(&self, click: &Click, txid: &str) -> Decision {
        let query =
            format!("click_id={}&txid={txid}&event=sale&status=approved&amount=100&currency=EUR", click.id);
        self.send("shop", &query, now()).await.unwrap()
    }

    pub async fn balance(&self, account: &str) -> i128 {
        let balances = self.store.balances(vec![account.into()]).await.unwrap();
        balances.iter().map(|balance| balance.micros).sum()
    }
}
