//! What the metrics say of facts: how many there are, and what today came to so far.

use proofback_domain::report::Cell;
use proofback_domain::time::{Span, Timestamp};
use tokio::sync::Mutex;

use crate::api::reports::{Computed, compute};
use crate::metrics::{FactCounts, TodayFigures};
use crate::role::Role;
use crate::state::Web;

/// How long the figures of today stand.
const STAND: Span = Span::from_seconds(60);
const STATUSES: [&str; 5] = ["pending", "approved", "rejected", "reversed", "held"];
const METRICS: &str = "clicks,pending,approved,rejected,reversed,held,revenue,payout,cost";

/// When today was last computed; what it came to is in the metrics.
#[derive(Default)]
pub struct Today(Mutex<Option<Timestamp>>);

/// Brings the metrics up to date. What cannot be found out is logged, and stays as it was.
pub async fn show(web: &Web) {
    if web.engine.is_none() {
        return;
    }
    match web.store.facts_view().await {
        Ok(view) => {
            let files = &view.catalog.files;
            web.metrics.show_facts(FactCounts {
                sealed_rows: files.iter().map(|file| file.summary.rows).sum(),
                sealed_bytes: files.iter().map(|file| file.bytes).sum(),
                sealed_files: files.len(),
                hot_rows: view.hot_rows(),
            });
        }
        Err(error) => tracing::warn!(%error, "facts could not be counted"),
    }
    let mut computed_at = web.today.0.lock().await;
    let now = web.now();
    if computed_at.is_some_and(|at| now < at.plus(STAND)) {
        return;
    }
    *computed_at = Some(now);
    let pairs = [("period", "today"), ("metrics", METRICS)];
    let pairs = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
    match compute(web, &pairs, &Role::Viewer, now).await {
        Ok(computed) => web.metrics.show_today(figures(&computed)),
        Err(error) => tracing::warn!(%error, "today could not be computed"),
    }
}

fn figures(computed: &Computed) -> TodayFigures {
    let table = &computed.table;
    let cell = |code: &str| {
        let place = table.columns.iter().position(|column| column.code == code);
        place.and_then(|place| table.totals.cells.get(place)).map(Cell::text).unwrap_or_default()
    };
    // Gauges are floats, which hold such sums to the cent.
    let number = |code: &str| cell(code).parse::<f64>().unwrap_or(0.0);
    let currency = table.columns.iter().find_map(|column| column.currency);
    TodayFigures {
        clicks: number("clicks"),
        conversions: STATUSES.map(|status| (status, number(status))),
        currency: currency.map(|currency| currency.code().to_owned()).unwrap_or_default(),
        revenue: number("revenue"),
        payout: number("payout"),
        cost: number("cost"),
    }
}
