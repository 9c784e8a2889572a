//! Counters for Prometheus.

#[cfg(feature = "reports")]
mod facts;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use proofback_domain::time::Span;

#[cfg(feature = "reports")]
pub use facts::{FactCounts, TodayFigures};

pub struct Metrics {
    pub clicks: Counter,
    pub clicks_spilled: Counter,
    pub clicks_unrouted: Counter,
    pub postbacks: Family<Answer, Counter>,
    pub rate_limited: Counter,
    pub too_large: Counter,
    pub unavailable: Counter,
    pub live_seats: Gauge,
    pub live_reads: Counter,
    writes_waiting: Gauge,
    deliveries: Family<State, Gauge>,
    targets: Family<State, Gauge>,
    waiting: Family<Waiting, Gauge>,
    geo_ages: Family<GeoFile, Gauge>,
    #[cfg(feature = "reports")]
    facts: facts::Facts,
    registry: Registry,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Answer {
    pub outcome: &'static str,
    pub reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct State {
    state: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Waiting {
    target: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct GeoFile {
    file: String,
}

/// What is read anew each time that somebody asks.
#[derive(Debug, Default)]
pub struct Standing {
    pub writes_waiting: usize,
    /// State and count.
    pub deliveries: Vec<(String, i64)>,
    pub targets: Vec<(String, i64)>,
    /// The targets for which most deliveries wait, and how many.
    pub waiting: Vec<(String, i64)>,
}

impl Metrics {
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("proofback");
        let clicks = Counter::default();
        let clicks_spilled = Counter::default();
        let clicks_unrouted = Counter::default();
        let postbacks = Family::<Answer, Counter>::default();
        let rate_limited = Counter::default();
        let too_large = Counter::default();
        let unavailable = Counter::default();
        let writes_waiting = Gauge::default();
        let deliveries = Family::<State, Gauge>::default();
        let targets = Family::<State, Gauge>::default();
        let waiting = Family::<Waiting, Gauge>::default();
        let live_seats = Gauge::default();
        let live_reads = Counter::default();
        registry.register("clicks", "Clicks made durable", clicks.clone());
        registry.register("live_streams", "Streams of the log that are open", live_seats.clone());
        registry.register("live_reads", "Reads of the store for all streams", live_reads.clone());
        registry.register("clicks_spilled", "Clicks that took the spill file", clicks_spilled.clone());
        registry.register("clicks_unrouted", "Visits that led to no offer", clicks_unrouted.clone());
        registry.register("postbacks", "Postbacks decided", postbacks.clone());
        registry.register(
            "postbacks_rate_limited",
            "Postbacks beyond a sender's rate limit",
            rate_limited.clone(),
        );
        registry.register("requests_too_large", "Requests past the size limits", too_large.clone());
        registry.register("requests_unavailable", "Requests the store could not take", unavailable.clone());
        registry.register(
            "store_writes_waiting",
            "Writes that wait for their commit",
            writes_waiting.clone(),
        );
        registry.register("deliveries", "Deliveries by state", deliveries.clone());
        registry.register("targets", "Targets of the program by state", targets.clone());
        registry.register(
            "deliveries_pending",
            "Deliveries that wait, of the targets with most of them",
            waiting.clone(),
        );
        let geo_ages = Family::<GeoFile, Gauge>::default();
        registry.register("geo_age_seconds", "How long ago the geo data was made", geo_ages.clone());
        #[cfg(feature = "reports")]
        let facts = facts::Facts::new(&mut registry);
        Self {
            clicks,
            clicks_spilled,
            clicks_unrouted,
            postbacks,
            rate_limited,
            too_large,
            unavailable,
            live_seats,
            live_reads,
            writes_waiting,
            deliveries,
            targets,
            waiting,
            geo_ages,
            #[cfg(feature = "reports")]
            facts,
            registry,
        }
    }

    /// How old a file of geo data is.
    pub fn set_geo_age(&self, file: &str, age: Span) {
        let seconds = i64::try_from(age.millis() / 1_000).unwrap_or(i64::MAX);
        self.geo_ages.get_or_create(&GeoFile { file: file.to_owned() }).set(seconds);
    }

    /// The Prometheus text, with these gauges as they stand.
    pub fn render(&self, standing: Standing) -> String {
        let Standing { writes_waiting, deliveries, targets, waiting } = standing;
        self.writes_waiting.set(i64::try_from(writes_waiting).unwrap_or(i64::MAX));
        for (state, count) in deliveries {
            self.deliveries.get_or_create(&State { state }).set(count);
        }
        for (state, count) in targets {
            self.targets.get_or_create(&State { state }).set(count);
        }
        // Those that are no longer among them must not stay as they were.
        self.waiting.clear();
        for (target, count) in waiting {
            self.waiting.get_or_create(&Waiting { target }).set(count);
        }
        let mut text = String::new();
        match encode(&mut text, &self.registry) {
            Ok(()) => text,
            Err(error) => {
                tracing::error!(%error, "the metrics could not be written");
                String::new()
            }
        }
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}
