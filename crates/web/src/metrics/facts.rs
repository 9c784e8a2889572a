//! Gauges of what reports are made of, and of today.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::Metrics;

type Figure = Gauge<f64, AtomicU64>;

pub struct Facts {
    sealed_rows: Gauge,
    sealed_bytes: Gauge,
    sealed_files: Gauge,
    hot_rows: Gauge,
    clicks: Figure,
    conversions: Family<Status, Figure>,
    revenue: Family<InCurrency, Figure>,
    payout: Family<InCurrency, Figure>,
    cost: Family<InCurrency, Figure>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Status {
    status: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct InCurrency {
    currency: String,
}

/// How many facts there are.
pub struct FactCounts {
    pub sealed_rows: u64,
    pub sealed_bytes: u64,
    pub sealed_files: usize,
    pub hot_rows: usize,
}

/// What today came to so far, in the program's time zone and currency.
pub struct TodayFigures {
    pub clicks: f64,
    /// By where they stand.
    pub conversions: [(&'static str, f64); 5],
    pub currency: String,
    pub revenue: f64,
    pub payout: f64,
    pub cost: f64,
}

impl Facts {
    pub fn new(registry: &mut Registry) -> Self {
        let facts = Self {
            sealed_rows: Gauge::default(),
            sealed_bytes: Gauge::default(),
            sealed_files: Gauge::default(),
            hot_rows: Gauge::default(),
            clicks: Gauge::default(),
            conversions: Family::default(),
            revenue: Family::default(),
            payout: Family::default(),
            cost: Family::default(),
        };
        registry.register("facts_sealed_rows", "Facts in sealed files", facts.sealed_rows.clone());
        registry.register("facts_sealed_bytes", "Size of sealed files", facts.sealed_bytes.clone());
        registry.register("facts_sealed_files", "Sealed files", facts.sealed_files.clone());
        registry.register("facts_hot_rows", "Facts that no file has yet", facts.hot_rows.clone());
        registry.register("today_clicks", "Clicks of today", facts.clicks.clone());
        registry.register("today_conversions", "Conversions of today", facts.conversions.clone());
        registry.register("today_revenue", "What advertisers owe for today", facts.revenue.clone());
        registry.register("today_payout", "What partners earn by today", facts.payout.clone());
        registry.register("today_cost", "What clicks of today cost", facts.cost.clone());
        facts
    }
}

impl Metrics {
    pub fn show_facts(&self, counts: FactCounts) {
        let FactCounts { sealed_rows, sealed_bytes, sealed_files, hot_rows } = counts;
        let gauge = |gauge: &Gauge, count: u64| gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
        gauge(&self.facts.sealed_rows, sealed_rows);
        gauge(&self.facts.sealed_bytes, sealed_bytes);
        gauge(&self.facts.sealed_files, sealed_files as u64);
        gauge(&self.facts.hot_rows, hot_rows as u64);
    }

    pub fn show_today(&self, today: TodayFigures) {
        let TodayFigures { clicks, conversions, currency, revenue, payout, cost } = today;
        self.facts.clicks.set(clicks);
        for (status, count) in conversions {
            self.facts.conversions.get_or_create(&Status { status }).set(count);
        }
        let money = [(&self.facts.revenue, revenue), (&self.facts.payout, payout), (&self.facts.cost, cost)];
        for (family, amount) in money {
            // Of another currency, that the program had before, nothing stays.
            family.clear();
            family.get_or_create(&InCurrency { currency: currency.clone() }).set(amount);
        }
    }
}
