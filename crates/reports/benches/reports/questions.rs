//! What is asked: as a report, and in SQL as somebody would write it over the files, or over rows in SQLite.

use crate::world::{DAY_MS, DAYS, START};

pub struct Question {
    pub name: &'static str,
    pub report: &'static str,
    /// Keys of the SQL.
    keys: &'static str,
    sums: &'static str,
    /// Which files have all of it.
    from: &'static str,
    only: &'static str,
    order: &'static str,
}

const CONVERSIONS: &str = "coalesce(sum(conversions) filter (where status in ('pending', 'approved')), 0)";

/// Two dimensions or more, over thirty days.
pub const SIX: [Question; 6] = [
    Question {
        name: "campaign x sub1",
        report: "by=campaign,sub1&metrics=clicks,uniques,conversions,payout,revenue&limit=100000",
        keys: "campaign, sub1",
        sums: "sum(clicks), {uniques}, {conversions}, {payout}, {revenue}",
        from: "facts",
        only: "",
        order: "",
    },
    Question {
        name: "country x device",
        report: "by=country,device&metrics=clicks,uniques,bots",
        keys: "country, device",
        sums: "sum(clicks), {uniques}, coalesce(sum(clicks) filter (where bot), 0)",
        from: "clicks",
        only: "",
        order: "",
    },
    Question {
        name: "day x partner, money",
        report: "by=day,partner&metrics=clicks,uniques,conversions,payout,revenue,cost,profit",
        keys: "{day}, partner",
        sums: "sum(clicks), {uniques}, {conversions}, {payout}, {revenue}, sum(cost), {revenue} - {payout} - sum(cost)",
        from: "facts",
        only: "",
        order: "",
    },
    Question {
        name: "offer x sub2, best 1,000",
        report: "by=offer,sub2&metrics=clicks,conversions,payout&top=1000",
        keys: "offer, sub2",
        sums: "sum(clicks), {conversions}, {payout}",
        from: "facts",
        only: "",
        order: "order by 3 desc, 1, 2 limit 1000",
    },
    Question {
        name: "hour x country in DE, AT, CH, cost",
        report: "by=hour,country&metrics=clicks,uniques,cost&country=DE,AT,CH&limit=10000",
        keys: "{hour}, country",
        sums: "sum(clicks), {uniques}, sum(cost)",
        from: "clicks",
        only: "and country in ('DE', 'AT', 'CH')",
        order: "",
    },
    Question {
        name: "keyword x os, best 100",
        report: "by=keyword,os&metrics=clicks,conversions,cost&top=100",
        keys: "keyword, os",
        sums: "sum(clicks), {conversions}, sum(cost)",
        from: "facts",
        only: "",
        order: "order by 3 desc, 1, 2 limit 100",
    },
];

/// What somebody sees who opens the first page in the morning.
pub const DASHBOARD: [&str; 10] = [
    "period=today",
    "period=yesterday",
    "period=last_week",
    "by=hour&period=today",
    "by=partner&top=10",
    "by=offer&top=10",
    "by=campaign&top=10",
    "by=country&top=20",
    "by=device",
    "by=outcome&metrics=postbacks",
];

impl Question {
    pub fn pairs(&self) -> Vec<(String, String)> {
        let mut pairs = pairs(self.report);
        pairs.extend([("from".into(), "2026-10-01".into()), ("to".into(), "2026-10-30".into())]);
        pairs
    }

    pub fn duckdb(&self) -> String {
        let (day, hour) = ("date_trunc('day', event_at) as piece", "date_trunc('hour', event_at) as piece");
        let keys = self.keys.replace("{day}", day).replace("{hour}", hour);
        let Self { from, only, order, .. } = self;
        let text = format!(
            "select {keys}, {} from {from} where event_at >= timestamptz '2026-10-01' \
             and event_at < timestamptz '2026-10-31' and not test {only} group by all {order}",
            self.sums()
        );
        // As texts, which is for the comparison and not for the groups.
        match self.keys {
            "{day}, partner" => {
                format!("select strftime(piece, '%Y-%m-%d'), * exclude (piece) from ({text})")
            }
            "{hour}, country" => {
                format!("select strftime(piece, '%Y-%m-%dT%H:00'), * exclude (piece) from ({text})")
            }
            _ => text,
        }
    }

    pub fn sqlite(&self) -> String {
        let keys = self
            .keys
            .replace("{day}", &format!("event_at / {DAY_MS}"))
            .replace("{hour}", "event_at / 3600000");
        let Self { only, order, .. } = self;
        let until = START + DAYS * DAY_MS;
        format!(
            "select {keys}, {} from facts where {START} <= event_at and event_at < {until} and not test {only} \
             group by 1, 2 {order}",
            self.sums()
        )
    }

    /// Over clicks as the store has them before they are sealed, where that is easily said.
    pub fn sqlite_rows(&self) -> Option<String> {
        let (keys, only) = match self.keys {
            "country, device" => ("details ->> '$.country', details ->> '$.device'", ""),
            "{hour}, country" => {
                ("at / 3600000, details ->> '$.country'", "and details ->> '$.country' in ('DE', 'AT', 'CH')")
            }
            _ => return None,
        };
        let until = START + DAYS * DAY_MS;
        Some(format!(
            "select {keys}, count(*), sum(details ->> '$.cost') from click where {START} <= at and at < {until} {only} \
             group by 1, 2"
        ))
    }

    fn sums(&self) -> String {
        let of = |column: &str, statuses: &str| {
            format!("coalesce(sum({column}) filter (where status in ({statuses})), 0)")
        };
        self.sums
            .replace("{uniques}", "coalesce(sum(clicks) filter (where \"unique\"), 0)")
            .replace("{conversions}", CONVERSIONS)
            .replace("{payout}", &of("payout", "'pending', 'approved'"))
            .replace("{revenue}", &of("revenue", "'approved'"))
    }
}

pub fn pairs(report: &str) -> Vec<(String, String)> {
    let pair = |pair: &str| pair.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
    report.split('&').filter_map(pair).collect()
}
