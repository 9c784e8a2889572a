//! Every report is what a plain recomputation gives: each fact looked at by itself, whatever is sealed, merged or not.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use proofback_domain::calendar::Zone;
use proofback_domain::click::traits::traits;
use proofback_domain::click::{Click, Details};
use proofback_domain::click_id::{Keys, Prefix};
use proofback_domain::fact::{AboutClick, Fact, FactKind, Facts, Numbers};
use proofback_domain::money::Currency;
use proofback_domain::name::Name;
use proofback_domain::program::{self, Secrets, Snapshot};
use proofback_domain::rates::{Published, Rate, Rates};
use proofback_domain::report::{
    Basis, Clock, Context, Dimension, Exchange, Found, Range, Report, Standing, Sum, SumRow, Tests, Unit,
    Value, buckets, fold,
};
use proofback_domain::time::{Span, Timestamp};
use proofback_reports::Reports;
use proofback_store::{Options, Store};
use proptest::prelude::*;

const PROGRAM: &str = r#"
[program]
name = "Plain"
currency = "EUR"
timezone = "Europe/Berlin"
[[partner]]
id = "reel"
split = { sub2 = "campaign|adset" }
[[partner]]
id = "buyer"
"#;

/// From three days before the clock goes back in Berlin.
const START: i64 = 1_792_684_800_000;

fn at(hours: i64) -> Timestamp {
    Timestamp::from_millis(START + hours * 3_600_000)
}

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

fn pick(words: &'static [&'static str]) -> impl Strategy<Value = &'static str> {
    proptest::sample::select(words)
}

prop_compose! {
    fn click()(
        hours in 0i64..400, partner in pick(&["reel", "buyer"]), link in pick(&["l1", "l2"]), visitor in 0u8..4,
        sub1 in pick(&["", "a", "b'; drop table x", "Ä"]), sub2 in pick(&["", "c1|x", "c2|y", "c1|y|z"]),
        other in pick(&["", "spring", "%_\\"]), country in pick(&["", "DE", "AT"]), cost in pick(&["", "0.05", "1.5", "x"]),
        device in pick(&["desktop", "bot"]), test in prop::bool::weighted(0.1),
    ) -> Click {
        let mut details = Details {
            ip: format!("198.51.100.{visitor}"), country: country.into(), cost: cost.into(), device: device.into(), test,
            ..Details::default()
        };
        details.set_sub(1, sub1.into());
        details.set_sub(2, sub2.into());
        if !other.is_empty() {
            details.others = vec![("Season".into(), other.into())];
        }
        Click {
            id: Keys::new([0; 16], vec![]).sign(Prefix { at: at(hours), serial: 0, link: 1 }), at: at(hours),
            link: name(link), partner: name(partner), offer: name("o"), advertiser: name("adv"), details,
        }
    }
}

prop_compose! {
    fn fact()(
        kind in 0u8..4, hours in 0i64..500, event in pick(&["sale", "ftd", "rebill"]),
        status in pick(&["pending", "approved", "rejected", "reversed", "held"]), counts in -1i64..2,
        money in (-5_000_000i64..9_000_000, -5_000_000i64..9_000_000), currency in pick(&["EUR", "EUR", "USD", "CHF"]),
        outcome in proptest::sample::select(vec![("accepted", "ok"), ("duplicate", "duplicate"), ("rejected", "bad_token")]),
        seconds in proptest::option::of(0i64..10_000), some in 0i64..3,
    ) -> Fact {
        let (conversions, postbacks, deliveries) = match kind { 1 => (0, counts, 0), 2 => (0, 0, counts), _ => (counts, 0, 0) };
        let is = kind == 0 || kind == 3;
        Fact {
            kind: if is { FactKind::Conversion } else if kind == 1 { FactKind::Postback } else { FactKind::Delivery },
            event_at: at(hours),
            event: if is { event.into() } else { String::new() },
            status: if is { status.into() } else { String::new() },
            outcome: if kind == 1 { outcome.0.into() } else { String::new() },
            reason: if kind == 1 { outcome.1.into() } else { String::new() },
            target: if kind == 2 { "t".into() } else { String::new() },
            currency: is.then(|| Currency::parse(currency).unwrap()),
            numbers: Numbers {
                conversions, postbacks, failed_deliveries: deliveries,
                payout: if is { money.0 } else { 0 }, revenue: if is { money.1 } else { 0 },
                amount: if is { money.0 } else { 0 }, with_amount: conversions,
                refunds: if is { some } else { 0 }, delayed: if is { some } else { 0 }, customers: conversions,
                refunded: if is { money.1 } else { 0 }, chargebacks: 0,
            },
            seconds: seconds.filter(|_| is),
        }
    }
}

#[derive(Debug, Clone)]
struct World {
    clicks: Vec<Click>,
    /// The click that facts are about, when they were booked, and what they are.
    facts: Vec<(Option<prop::sample::Index>, i64, Vec<Fact>)>,
    sealed_until: i64,
    merged: bool,
}

fn world() -> impl Strategy<Value = World> {
    let facts = (
        proptest::option::weighted(0.8, any::<prop::sample::Index>()),
        0i64..500,
        prop::collection::vec(fact(), 1..4),
    );
    (prop::collection::vec(click(), 1..40), prop::collection::vec(facts, 0..30), 0i64..600, any::<bool>())
        .prop_map(|(clicks, facts, sealed_until, merged)| World { clicks, facts, sealed_until, merged })
}

fn asked() -> impl Strategy<Value = Vec<(String, String)>> {
    let by = [
        "",
        "day",
        "hour",
        "week,partner",
        "month",
        "weekday",
        "hour_of_day",
        "link,sub1",
        "sub1,sub2",
        "campaign",
        "adset",
        "param:season,country",
        "event,status",
        "outcome,reason",
        "currency,event",
        "age_days",
        "click_day",
        "event_day,bot",
        "unique,device",
        "target",
        "click_month,age_weeks",
        "test",
        "advertiser,offer,partner,link",
    ];
    let metrics = [
        "",
        "clicks,uniques,bots,cost",
        "conversions,payout,revenue,profit,roi,epc",
        "conversions:ftd,conversions:sale:approved",
        "approved,pending,held,approval_rate",
        "postbacks,duplicates,rejections,rejections:bad_token,duplicate_rate",
        "refunds,refunded,amount,average_order,failed_deliveries,delayed,customers,ltv",
        "time_to_conversion,time_to_conversion_p90,clicks",
        "renewals,churn,trials,conversion_rate",
    ];
    let filters = [
        "",
        "",
        "country in (DE, AT)",
        "not (device = bot or sub1 ~ \"DROP\")",
        "sub2 ^= \"c1|\"",
        "adset = x or country is empty",
        "event = ftd and status != held",
        "currency = USD",
        "unique = yes",
        "day in (2026-10-25, 2026-10-26)",
        "weekday = sunday",
        "param:season ~ \"%_\"",
        "sub1 = \"b'; drop table x\"",
        "age_days = 1",
        "not currency = EUR",
    ];
    let extras = ["", "", "sort=-payout", "top=2;other=1", "limit=3", "compare=previous", "currency=USD"];
    let times = ["event", "click", "booked"];
    let zones = ["Europe/Berlin", "UTC", "America/New_York", "Asia/Kolkata"];
    let spans = [
        ("2026-10-20", "2026-11-20"),
        ("2026-10-24", "2026-10-26"),
        ("2026-10-25T01:30", "2026-10-25T12:00"),
        ("2026-11-01", "2026-11-01"),
    ];
    let pick = |words: &[&str]| {
        proptest::sample::select(words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>())
    };
    (
        (pick(&by), pick(&metrics), pick(&filters), pick(&extras)),
        (
            pick(&times),
            pick(&zones),
            proptest::sample::select(spans.to_vec()),
            pick(&["exclude", "include", "only"]),
        ),
    )
        .prop_map(|((by, metrics, filter, extra), (time, tz, (from, to), test))| {
            let pairs = [
                ("by", by),
                ("metrics", metrics),
                ("filter", filter),
                ("time", time),
                ("tz", tz),
                ("test", test),
            ];
            let mut pairs: Vec<(String, String)> =
                pairs.map(|(name, value)| (name.to_owned(), value)).to_vec();
            pairs.push(("from".into(), from.into()));
            pairs.push(("to".into(), to.into()));
            for extra in extra.split(';').filter_map(|extra| extra.split_once('=')) {
                // An order by a metric that is not there is an error of its own.
                if extra.0 != "sort" || pairs[1].1.contains("payout") {
                    pairs.push((extra.0.into(), extra.1.into()));
                }
            }
            pairs
        })
}

/// A fact as it counts, with everything that it can be grouped by.
struct Plain {
    words: BTreeMap<&'static str, String>,
    params: BTreeMap<String, String>,
    click_at: Option<Timestamp>,
    event_at: Timestamp,
    booked_at: Timestamp,
    test: bool,
    currency: Option<Currency>,
    numbers: Numbers,
    clicks: i64,
    cost: i64,
    seconds: Option<i64>,
}

fn plain_of(
    click: Option<&Click>,
    split: &BTreeMap<Name, BTreeMap<String, Vec<String>>>,
    booked_at: Timestamp,
) -> Plain {
    let mut words: BTreeMap<&'static str, String> = BTreeMap::new();
    let mut params = BTreeMap::new();
    if let Some(click) = click {
        let traits = traits(click, &split[&click.partner]);
        words.extend([
            ("advertiser", click.advertiser.to_string()),
            ("offer", click.offer.to_string()),
            ("partner", click.partner.to_string()),
            ("link", click.link.to_string()),
            ("sub1", click.details.sub(1).into()),
            ("sub2", click.details.sub(2).into()),
            ("country", click.details.country.clone()),
            ("device", click.details.device.clone()),
            ("campaign", traits.campaign),
        ]);
        params = traits.params;
        words.insert("bot", if traits.bot { "yes" } else { "no" }.into());
    }
    words.entry("bot").or_insert_with(|| "no".into());
    words.insert("unique", "no".into());
    Plain {
        words,
        params,
        click_at: click.map(|click| click.at),
        event_at: booked_at,
        booked_at,
        test: click.is_some_and(|click| click.details.test),
        currency: None,
        numbers: Numbers::default(),
        clicks: 0,
        cost: 0,
        seconds: None,
    }
}

fn plain(world: &World, snapshot: &Snapshot) -> Vec<Plain> {
    let split = snapshot
        .program
        .partners
        .values()
        .map(|partner| (partner.id.clone(), partner.split.clone()))
        .collect();
    let zone = &snapshot.program.timezone;
    let mut seen = BTreeSet::new();
    let mut all = Vec::new();
    for click in &world.clicks {
        let mut fact = plain_of(Some(click), &split, click.at);
        let visitor = (zone.day(click.at), click.link.clone(), click.details.ip.clone());
        if seen.insert(visitor) {
            fact.words.insert("unique", "yes".into());
        }
        fact.currency = Some(snapshot.program.currency);
        fact.clicks = 1;
        fact.cost = match click.details.cost.as_str() {
            "0.05" => 50_000,
            "1.5" => 1_500_000,
            _ => 0,
        };
        all.push(fact);
    }
    for (about, booked, facts) in &world.facts {
        let click = about.map(|about| about.get(&world.clicks));
        for said in facts {
            let mut fact = plain_of(click, &split, at(*booked));
            fact.words.extend([
                ("event", said.event.clone()),
                ("status", said.status.clone()),
                ("outcome", said.outcome.clone()),
                ("reason", said.reason.clone()),
                ("target", said.target.clone()),
            ]);
            if click.is_none() {
                fact.words.insert("advertiser", "adv".into());
            }
            (fact.event_at, fact.currency, fact.numbers, fact.seconds) =
                (said.event_at, said.currency, said.numbers, said.seconds);
            all.push(fact);
        }
    }
    for fact in &mut all {
        fact.words.insert("test", if fact.test { "yes" } else { "no" }.into());
        fact.words
            .insert("currency", fact.currency.map(|currency| currency.code().to_owned()).unwrap_or_default());
    }
    all
}

impl Plain {
    fn time(&self, clock: Clock, basis: Basis) -> Option<Timestamp> {
        match (clock, basis) {
            (Clock::Click, _) | (Clock::Basis, Basis::Click) => self.click_at,
            (Clock::Event, _) | (Clock::Basis, Basis::Event) => Some(self.event_at),
            (Clock::Basis, Basis::Booked) => Some(self.booked_at),
        }
    }

    /// The text of a dimension, worked out from the clock on the wall.
    fn text(&self, dimension: &Dimension, report: &Report) -> String {
        let show = |clock, pattern: &str| {
            self.time(clock, report.basis).and_then(|at| report.zone.show(at, pattern)).unwrap_or_default()
        };
        match dimension {
            Dimension::Field(field) => self.words.get(field.column()).cloned().unwrap_or_default(),
            Dimension::Parameter(name) => self.params.get(&**name).cloned().unwrap_or_default(),
            Dimension::HourOfDay => show(Clock::Basis, "%H"),
            Dimension::Weekday => show(Clock::Basis, "%A").to_lowercase(),
            Dimension::Time(clock, Unit::Day) => show(*clock, "%Y-%m-%d"),
            Dimension::Time(clock, Unit::Week) => show(*clock, "%G-W%V"),
            Dimension::Time(clock, Unit::Month) => show(*clock, "%Y-%m"),
            Dimension::Time(clock, Unit::Hour) => {
                // Where an hour comes twice, the offset tells which.
                let (text, offset) = (show(*clock, "%Y-%m-%dT%H:00"), show(*clock, "%:z"));
                let at = self.time(*clock, report.basis).unwrap();
                let beside = [at.plus(Span::from_seconds(3_600)), at.minus(Span::from_seconds(3_600))];
                let twice = beside.iter().any(|at| report.zone.show(*at, "%Y-%m-%dT%H:00").unwrap() == text);
                if twice { format!("{text}{offset}") } else { text }
            }
            Dimension::Time(_, Unit::Quarter | Unit::Year) => unreachable!(),
            Dimension::Age(unit) => {
                let age =
                    self.click_at.map(|click| (self.event_at.millis() - click.millis()) / unit.millis());
                age.map(|age| age.to_string()).unwrap_or_default()
            }
        }
    }

    fn value(&self, dimension: &Dimension, report: &Report, span: Range) -> Value {
        let text = self.text(dimension, report);
        match dimension {
            Dimension::Age(_) if !text.is_empty() => Value::age(text.parse().unwrap()),
            Dimension::Time(..) | Dimension::HourOfDay | Dimension::Weekday if !text.is_empty() => {
                let range = match dimension {
                    Dimension::Time(Clock::Click | Clock::Event, _) => {
                        Range { from: at(-24), until: at(1_000) }
                    }
                    _ => span,
                };
                let pieces = buckets(dimension, &report.zone, range).unwrap();
                let found = (0..pieces.starts.len()).filter_map(|place| pieces.value(place));
                found
                    .into_iter()
                    .find(|value| **value.text() == *text)
                    .unwrap_or_else(|| panic!("no piece is called {text}"))
            }
            _ => Value::from(text.as_str()),
        }
    }

    fn sum(&self, sum: &Sum) -> i128 {
        let standing = Standing::parse(&self.words.get("status").cloned().unwrap_or_default());
        let of = |statuses: &proofback_domain::report::Statuses, number: i64| {
            if standing.is_some_and(|standing| statuses.contains(standing)) { number } else { 0 }
        };
        let is = |word: &str, value: &str| self.words.get(word).is_some_and(|word| word == value);
        let number = match sum {
            Sum::Clicks => self.clicks,
            Sum::UniqueClicks => {
                if is("unique", "yes") {
                    self.clicks
                } else {
                    0
                }
            }
            Sum::BotClicks => {
                if is("bot", "yes") {
                    self.clicks
                } else {
                    0
                }
            }
            Sum::Cost => self.cost,
            Sum::Conversions { event, statuses } => {
                let fits = event.as_ref().is_none_or(|event| is("event", event.as_str()));
                if fits { of(statuses, self.numbers.conversions) } else { 0 }
            }
            Sum::Payout(statuses) => of(statuses, self.numbers.payout),
            Sum::Revenue(statuses) => of(statuses, self.numbers.revenue),
            Sum::Amount(statuses) => of(statuses, self.numbers.amount),
            Sum::WithAmount(statuses) => of(statuses, self.numbers.with_amount),
            Sum::Postbacks { outcome, reason } => {
                let fits = outcome.is_none_or(|outcome| is("outcome", outcome.code()))
                    && reason.is_none_or(|reason| is("reason", reason.code()));
                if fits { self.numbers.postbacks } else { 0 }
            }
            Sum::Refunds => self.numbers.refunds,
            Sum::Chargebacks => self.numbers.chargebacks,
            Sum::Refunded => self.numbers.refunded,
            Sum::FailedDeliveries => self.numbers.failed_deliveries,
            Sum::Delayed => self.numbers.delayed,
            Sum::Customers => self.numbers.customers,
            Sum::MedianSeconds | Sum::P90Seconds => 0,
        };
        number.into()
    }
}

/// Between the two nearest, rounded down.
fn percentile(mut seconds: Vec<i64>, tenths: i64) -> Option<i128> {
    seconds.sort_unstable();
    let last = i64::try_from(seconds.len()).unwrap() - 1;
    let (whole, part) = ((last * tenths) / 10, (last * tenths) % 10);
    let low = *seconds.get(usize::try_from(whole).ok()?)?;
    let high = seconds.get(usize::try_from(whole).unwrap() + 1).copied().unwrap_or(low);
    Some(((low * 10 + (high - low) * part).div_euclid(10)).into())
}

fn found(report: &Report, span: Range, all: &[Plain], snapshot: &Snapshot) -> Found {
    let counts = |fact: &&Plain| {
        let time = fact.time(Clock::Basis, report.basis);
        let tests = match report.tests {
            Tests::Exclude => !fact.test,
            Tests::Include => true,
            Tests::Only => fact.test,
        };
        let values: BTreeMap<String, String> = report
            .filter
            .iter()
            .flat_map(|filter| filter.terms())
            .map(|term| (term.dimension.code(), fact.text(&term.dimension, report)))
            .collect();
        let passes = report.filter.as_ref().is_none_or(|filter| {
            filter.passes(&|dimension: &Dimension| values.get(&dimension.code()).map_or("", String::as_str))
        });
        time.is_some_and(|time| span.from <= time && time < span.until) && tests && passes
    };
    let sums = report.sums();
    let facts: Vec<&Plain> = all.iter().filter(counts).collect();
    let mut rows: Vec<SumRow> = Vec::new();
    let mut seconds: BTreeMap<Vec<Value>, Vec<i64>> = BTreeMap::new();
    for fact in &facts {
        let key: Vec<Value> = report.by.iter().map(|dimension| fact.value(dimension, report, span)).collect();
        seconds.entry(key.clone()).or_default().extend(fact.seconds);
        // An engine has no row where no sum of it is over facts of that kind.
        let is_click = fact.clicks > 0;
        let over = |sum: &Sum| {
            matches!(sum, Sum::Clicks | Sum::UniqueClicks | Sum::BotClicks | Sum::Cost) == is_click
        };
        if sums.iter().any(over) {
            rows.push(SumRow {
                key,
                currency: fact.currency,
                day: Some(snapshot.program.timezone.day(fact.event_at)),
                sums: sums.iter().map(|sum| sum.is_additive().then(|| fact.sum(sum))).collect(),
            });
        }
    }
    if report.by.is_empty() {
        // A row for everything is there even where there is nothing.
        rows.push(SumRow {
            key: vec![],
            currency: Some(report.currency),
            day: None,
            sums: vec![None; sums.len()],
        });
    }
    let tenths = |sum: &Sum| if *sum == Sum::MedianSeconds { 5 } else { 9 };
    for row in &mut rows {
        let mut seconds = seconds.get_mut(&row.key).map(std::mem::take).unwrap_or_default();
        for (place, sum) in row.sums.iter_mut().zip(&sums).filter(|(_, sum)| !sum.is_additive()) {
            *place = percentile(seconds.clone(), tenths(sum));
        }
        seconds.clear();
    }
    let all: Vec<i64> = facts.iter().filter_map(|fact| fact.seconds).collect();
    let whole =
        sums.iter().map(|sum| (!sum.is_additive()).then(|| percentile(all.clone(), tenths(sum))).flatten());
    Found { rows, whole: whole.collect() }
}

async fn fill(world: &World, store: &Store, directory: &std::path::Path) {
    for click in &world.clicks {
        store.keep_click(click.clone(), std::time::Duration::from_secs(30)).await.unwrap();
    }
    // In the order in which they were booked, as decisions would write them.
    let mut facts = world.facts.clone();
    facts.sort_by_key(|(_, booked, _)| *booked);
    let connection = rusqlite::Connection::open(directory.join("proofback.db")).unwrap();
    for (about, booked, facts) in facts {
        let facts = Facts {
            at: at(booked),
            click: about.map(|about| AboutClick::of(about.get(&world.clicks))),
            advertiser: Some(name("adv")),
            partner: None,
            test: false,
            facts,
        };
        let body = serde_json::to_string(&facts).unwrap();
        connection
            .execute("insert into fact (at, body) values (?1, ?2)", (at(booked).millis(), body))
            .unwrap();
    }
}

static CASES: AtomicU64 = AtomicU64::new(0);

fn check(mut world: World, asked: Vec<Vec<(String, String)>>) {
    for (serial, click) in (1u32..).zip(&mut world.clicks) {
        click.id = Keys::new([0; 16], vec![]).sign(Prefix { at: click.at, serial, link: 1 });
    }
    world.clicks.sort_by_key(|click| click.id.prefix().number());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let directory = tempfile::tempdir().unwrap();
        let options = Options {
            readers: 2,
            fresh_key: [0; 16],
            facts: None,
            on_fatal: Box::new(|why| panic!("{why}")),
        };
        let store = Store::open(directory.path(), options).unwrap();
        let (program, mistakes) = program::read(PROGRAM);
        let program = program.unwrap_or_else(|| panic!("{mistakes:?}"));
        let rate = |number, base: &str, days: i64| Published {
            number,
            day: Zone::utc().day(at(days * 24)),
            base: Currency::parse("EUR").unwrap(),
            currency: Currency::parse(base).unwrap(),
            rate: Rate::parse(&format!("1.{number}7")).unwrap(),
        };
        // None for francs, and none for the first days.
        let rates = Rates::new([rate(1, "USD", 2), rate(2, "USD", 6), rate(3, "USD", 9), rate(4, "USD", 13)]);
        let keys = Keys::new([0; 16], vec![]);
        let snapshot = Snapshot::new(1, program, BTreeMap::new(), Secrets(BTreeMap::new()), keys);
        store.adopt(Arc::new(snapshot.clone()));
        let snapshot = Arc::new(snapshot.with_rates(rates));
        fill(&world, &store, directory.path()).await;
        // What was looked at before it was sealed stays in memory, and must not count twice.
        store.facts_view().await.unwrap();
        store.seal_facts(at(world.sealed_until), None).await.unwrap();
        if world.merged {
            store.merge_files(at(world.sealed_until)).await.unwrap();
        }
        let reports = Reports::new(store, 2).unwrap();
        let all = plain(&world, &snapshot);
        for pairs in asked {
            let context = Context::of(&snapshot, at(600), at(0));
            let report = Report::parse(&pairs, &context).unwrap_or_else(|error| panic!("{error}: {pairs:?}"));
            let table = reports.run(report.clone(), Arc::clone(&snapshot), at(600)).await.unwrap();
            let compared = report.compare.map(|span| found(&report, span, &all, &snapshot));
            let expected = fold(
                &report,
                &Exchange::of(&snapshot),
                found(&report, report.span, &all, &snapshot),
                compared,
            );
            // Where the pieces of another time begin is not shown.
            assert_eq!(table.to_json(), expected.to_json(), "{pairs:?}");
            CASES.fetch_add(u64::try_from(expected.rows.len()).unwrap(), Ordering::Relaxed);
        }
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn every_report_is_what_each_fact_by_itself_gives(world in world(), asked in prop::collection::vec(asked(), 8)) {
        check(world, asked);
    }
}
