//! Values of one made-up sale, for the documentation and for test deliveries.

use std::collections::BTreeMap;

use super::catalogue::{Kind, fields};
use crate::program::Happening;

/// What [`super::body`] makes a typical webhook of this kind from. A test delivery adds `test` = `1`.
pub fn example(happening: Happening) -> BTreeMap<String, String> {
    let mut values = BTreeMap::new();
    let mut put = |name: &str, value: &str| {
        if !value.is_empty() {
            values.insert(name.to_owned(), value.to_owned());
        }
    };
    for field in fields(happening) {
        match field.kind {
            Kind::Text | Kind::Id | Kind::Status | Kind::Count | Kind::Difference { .. } | Kind::Rows => {
                put(field.name, value(happening, field.name));
            }
            Kind::Money { currency } => {
                put(field.name, value(happening, field.name));
                put(currency, "EUR");
            }
            Kind::Time { value: name } => put(name, value(happening, name)),
            Kind::Subs => {
                put("sub1", "reels");
                put("sub2", "spring");
            }
            // An example is no test until somebody sends it as one.
            Kind::Flag => {}
        }
    }
    values
}

/// Empty: this example goes without.
fn value(happening: Happening, name: &str) -> &'static str {
    match name {
        "click_id" if happening == Happening::PostbackRejected => "01kb3gw6t1w5e8n2qzr4",
        "report" => "offers-daily",
        "report_name" => "Offers, every morning",
        "due_at" => "2026-11-21T06:00:00.000Z",
        "from" | "to" => "2026-11-20",
        "rows" => "1",
        "first_rows" => r#"[{"offer":"shop-sale","clicks":1204,"revenue":"310.00"}]"#,
        "url" => {
            "https://track.example/api/v1/reports/saved/offers-daily/run?at=2026-11-21T06%3A00%3A00.000Z"
        }
        "click_id" => "01kb3gw6t1w5e8n2qzr4xymc7d",
        "partner_click_id" => "M-1",
        "conversion_id" => "01kb3gx9f0c2m4v6p8r0t2w4y6",
        "postback_id" => "01kb3gx9f0q1z3x5n7k9h1g3e5",
        "payout_id" => "01kb3h2v40b5d7f9j1m3q5s7w9",
        "failed_delivery_id" => "01kb3gx9f0d4h6k8n0q2s4v6x8",
        "txid" => "A1",
        "event" => "sale",
        "status" => status(happening),
        "advertiser" => "shop",
        "offer" => "shop-sale",
        "partner" => "reelmedia",
        "link" => "reelmedia-shop",
        "timestamp_iso" => "2026-11-21T07:05:58.000Z",
        "failing_since" => "2026-11-20T19:06:00.000Z",
        "amount" if happening == Happening::PayoutPaid => "1240.00",
        "amount" => "120.00",
        "revenue" => "30.00",
        "payout" if happening == Happening::CommissionAdjusted => "9.00",
        // What was taken back earns nothing.
        "payout" if status(happening) != "approved" => "",
        "payout" => "12.00",
        "payout_delta" if happening == Happening::CommissionAdjusted => "-3.00",
        "payout_delta" => "12.00",
        "reason" => reason(happening),
        "message" => "18 to 25 characters of a click id: its end is missing",
        "source" => "instagram",
        "cost" => "0.45",
        "country" => "DE",
        "region" => "Bavaria",
        "city" => "Munich",
        "asn" => "64500",
        "device" => "mobile",
        "os" => "iOS",
        "browser" => "Safari",
        "target" => "reelmedia-tracker",
        "attempts" => "24",
        "last_error" => "status_503",
        "percent" => "50",
        _ => "",
    }
}

fn status(happening: Happening) -> &'static str {
    match happening {
        Happening::ConversionRejected => "rejected",
        Happening::ConversionReversed => "reversed",
        Happening::ConversionCreated => "pending",
        _ => "approved",
    }
}

fn reason(happening: Happening) -> &'static str {
    match happening {
        Happening::PostbackRejected => "truncated_click_id",
        Happening::ConversionRejected => "the order was cancelled",
        Happening::TargetPaused => "nothing has arrived for 24h",
        _ => "",
    }
}
