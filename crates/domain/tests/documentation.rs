//! `docs/decisions.md` is made by the code that decides, the tables in `docs/reports.md` by the code that reads and
//! folds. These tests fail when they are out of date; `UPDATE_DOCS=1 cargo test --package proofback-domain --test documentation` writes them anew.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::collections::BTreeSet;
use std::fmt::Write;

use proofback_domain::decide::{Decision, first_status, may_change};
use proofback_domain::outcome::{Outcome, Reason, Status};
use proofback_domain::program::Approval;
use proofback_domain::report::{Context, Described, Dimension, Metric, Named, PARAMETERS, Report};
use proofback_domain::time::{Span, Timestamp};
use support::Installation;

const PROGRAM: &str = include_str!("support/program.toml");
const GATES: &str = include_str!("support/gates.toml");
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/decisions.md");

#[test]
fn the_page_about_decisions_says_what_the_code_does() {
    let page = page();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(PAGE, &page).unwrap();
    }
    let written = std::fs::read_to_string(PAGE).unwrap_or_default();
    assert_eq!(written, page, "docs/decisions.md is out of date: UPDATE_DOCS=1 writes it anew");
}

fn page() -> String {
    let mut page = String::from(HEAD);
    reasons(&mut page);
    first_statuses(&mut page);
    transitions(&mut page);
    page.push_str("\n## What follows what\n\nEach line was run through the code that decides. Postbacks are for one click unless said otherwise, of offers whose terms are: `ftd` 140 EUR, approval by postback; `deposit` 10 %, `duplicates = \"add\"`; `registration` `duplicates = \"ignore\"`; `sale` 10 %, approval by postback; `quote` `duplicates = \"update\"`. The last column is what the partner has pending and approved afterwards.\n");
    let mut seen = BTreeSet::new();
    for (title, cases) in chapters() {
        write!(page, "\n### {title}\n\n| before | then comes | outcome | reason | status | pending | approved |\n| --- | --- | --- | --- | --- | --- | --- |\n").unwrap();
        for case in cases {
            let (row, decision) = run(&case);
            seen.insert(decision.outcome);
            page.push_str(&row);
        }
    }
    assert_eq!(seen.len(), Outcome::ALL.len(), "every outcome has an example");
    page.push_str(TAIL);
    page
}

const HEAD: &str = "# What is decided, and why

This page is made by the code that decides (`crates/domain/tests/documentation.rs`); it cannot say anything else.

## The order of checks

The first check that fails gives the reason; the explanation of each postback shows those before it.

1. transport and size
2. the advertiser: from the path, else from the click
3. HTTPS, address, rate
4. token, signature, time of signing, and whether the same signed request was there before
5. form: UTF-8, no parameter twice with different values
6. click id, or a known txid or subscription that stands for it
7. event
8. status
9. amounts, currency, time
10. key: is it known, does it wait, does the goal count a second one
11. window
12. caps
13. fraud rules
14. approval and money

## Reasons

";

const TAIL: &str = "
## Time

A timestamp counts as the time of the event where it lies between the click and the arrival; otherwise the arrival does. A word whose timestamp is older than that of another word on the same key changes nothing: what was said later stands, in whatever order the two arrive. A repeat with a newer timestamp is news.

## Caps

`caps = [{ per = \"day\", conversions = 100 }]` stands in `[[offer]]`, `[[offer.goal]]`, `[[partner]]` and `[[partner.payout]]`; `per` is `day`, `month` or `total`, days and months in the program's time zone. A place is taken by each conversion that is pending or approved, on the day of its arrival; one that is rejected, reversed, a test, or held by a rule takes none. Beyond a cap a conversion is held (`over_cap`).

## Fraud rules

All signs of `when` must be there. `note` writes it down, `hold` waits for a person, `reject` refuses; of several rules that match the strongest wins, and all are named in the explanation. What is not known is no sign.

| key of `when` | the sign |
| --- | --- |
| `seconds_after_click_max`, `seconds_after_click_min` | so many seconds or fewer, or more, from click to event |
| `duplicate_ip = true` | another click of the same address has a conversion for this goal in the last 30 days |
| `country_changed`, `device_changed = true` | the postback's `country` or `device` differs from the click's |
| `bot = true` | the click was a bot's |
| `datacenter_ip = true` | the click's address is in `[program] datacenter_ips` |
| `events_per_ip_per_hour_min`, `..._per_day_min`, and the same for `partner` and `sub1` to `sub10` | with this one, so many conversions of that subject in a rolling hour or day |
| `not_in = { country = [\"DE\"] }` | a value that is none of these; of the click `country`, `device`, `os`, `browser`, `source`, `link`, `sub1` to `sub10`, of the postback `amount`, `revenue`, `payout`, `currency`, `status` |
| `events`, `advertisers`, `offers`, `partners` | no signs: they say which conversions the rule looks at |

## Subscriptions

`subscription_id` ties the events of a subscription together: trial, first payment, rebill, cancel are goals like any other. Where no click id comes, a known subscription stands for it. A refund or chargeback that names no original but a subscription takes back its only live payment; with several, a person says which.
";

fn reasons(page: &mut String) {
    page.push_str("| outcome | reason | status | what it means |\n| --- | --- | --- | --- |\n");
    for outcome in Outcome::ALL {
        for reason in Reason::ALL.into_iter().filter(|reason| reason.outcome() == outcome) {
            let (code, status, meaning) = (reason.code(), reason.http_status(), reason.meaning());
            writeln!(page, "| `{}` | `{code}` | {status} | {meaning} |", outcome.code()).unwrap();
        }
    }
}

fn first_statuses(page: &mut String) {
    page.push_str("\n## The first status of a conversion\n\n| approval of the goal | none named | `pending` | `approved` | `rejected` | `reversed` |\n| --- | --- | --- | --- | --- | --- |\n");
    let fortnight = Approval::After(Span::from_seconds(14 * 86_400));
    for (name, approval) in [
        ("auto", Approval::Auto),
        ("postback", Approval::Postback),
        ("manual", Approval::Manual),
        ("after 14d", fortnight),
    ] {
        let mut row = format!("| `{name}` ");
        for named in [
            None,
            Some(Status::Pending),
            Some(Status::Approved),
            Some(Status::Rejected),
            Some(Status::Reversed),
        ] {
            let shown = match first_status(approval, named) {
                Ok(status) => status.code().to_owned(),
                Err(_) => "waits for the conversion it takes back".to_owned(),
            };
            write!(row, "| {shown} ").unwrap();
        }
        writeln!(page, "{row}|").unwrap();
    }
}

fn transitions(page: &mut String) {
    page.push_str("\n## From one status to another\n\n| from | `pending` | `approved` | `rejected` | `reversed` |\n| --- | --- | --- | --- | --- |\n");
    for from in Status::ALL {
        let mut row = format!("| `{}` ", from.code());
        for to in Status::ALL {
            let shown = match (from == to, may_change(from, to, false), may_change(from, to, true)) {
                (true, _, _) => "stays",
                (false, true, _) => "yes",
                (false, false, true) => "by a person, or with a newer timestamp",
                (false, false, false) => "no: `invalid_transition`",
            };
            write!(row, "| {shown} ").unwrap();
        }
        writeln!(page, "{row}|").unwrap();
    }
    page.push_str("\nWith approval `manual` or `after ...` a sender's word in favour changes nothing; a word against always counts.\n");
}

/// What was sent before, and what comes then; a line that begins with `+` lets time pass first, one with `new click`
/// takes another click, one with `pixel` comes from a browser.
struct Case {
    link: &'static str,
    before: Vec<&'static str>,
    then: &'static str,
}

fn case(link: &'static str, before: &[&'static str], then: &'static str) -> Case {
    Case { link, before: before.to_vec(), then }
}

fn chapters() -> Vec<(&'static str, Vec<Case>)> {
    let deposit = "event=ftd txid=A1 status=approved amount=50";
    let sale = "event=sale txid=S1 status=approved amount=100";
    vec![
        (
            "Repeats",
            vec![
                case("de", &[], deposit),
                case("de", &[deposit], deposit),
                case("de", &[deposit], "+30d event=ftd txid=A1 status=approved amount=50"),
                case("de", &[deposit], "event=ftd txid=A1"),
                case("de", &[deposit], "new click event=ftd txid=A1 status=approved amount=50"),
                case("de", &[], "event=registration"),
                case("de", &["event=registration"], "event=registration"),
                case("de", &["event=registration"], "+25h event=registration"),
                case("de", &["event=registration txid=N1"], "event=registration txid=N2"),
                case("shop", &[sale], "event=sale txid=S2 status=approved amount=100"),
                case("de", &["event=deposit txid=D1 amount=50"], "event=deposit txid=D2 amount=20"),
                case(
                    "de",
                    &["event=deposit txid=D1 amount=50", "event=deposit txid=D2 amount=20"],
                    "event=deposit txid=D2 amount=20",
                ),
                case("shop", &["event=quote txid=Q1 payout=5"], "event=quote txid=Q2 payout=7"),
            ],
        ),
        (
            "Status and amount",
            vec![
                case("shop", &[], "event=sale txid=S1 amount=100"),
                case("shop", &["event=sale txid=S1 amount=100"], "event=sale txid=S1 status=approved"),
                case("shop", &[sale], "event=sale txid=S1 status=rejected"),
                case("shop", &[sale, "event=sale txid=S1 status=rejected"], sale),
                case("shop", &[sale], "event=sale txid=S1 amount=80"),
                case("shop", &[sale, "event=sale txid=S1 amount=80"], sale),
                case(
                    "shop",
                    &[sale, "event=refund original_txid=S1"],
                    "event=sale txid=S1 status=approved amount=90",
                ),
                case("shop", &["event=lead txid=L1"], "event=lead txid=L1 status=approved"),
                case("de", &[], "event=ftd txid=A1 status=approved amount=10"),
                case("de", &[], "event=ftd txid=A1 status=approved amount=50 payout=77"),
                case("shop", &[], "event=sale txid=S1 status=approved"),
                case("shop", &["event=sale txid=S1 status=approved"], "event=sale txid=S1 amount=100"),
            ],
        ),
        (
            "Refunds and chargebacks",
            vec![
                case("shop", &[sale], "event=refund original_txid=S1"),
                case("shop", &[sale], "event=refund txid=R1 original_txid=S1 amount=30"),
                case(
                    "shop",
                    &[sale, "event=refund txid=R1 original_txid=S1 amount=30"],
                    "event=refund txid=R1 original_txid=S1 amount=30",
                ),
                case(
                    "shop",
                    &[sale, "event=refund txid=R1 original_txid=S1 amount=30"],
                    "event=refund txid=R2 original_txid=S1 amount=70",
                ),
                case("shop", &[sale, "event=refund original_txid=S1"], "event=chargeback original_txid=S1"),
                case("shop", &[], "event=refund txid=R1 original_txid=S1"),
                case("shop", &["event=refund txid=R1 original_txid=S1"], sale),
                case("shop", &[sale], "event=refund"),
                case("shop", &[sale, "event=sale txid=S2 status=approved amount=5"], "event=refund"),
                case("shop", &[], "event=refund"),
            ],
        ),
        (
            "Subscriptions, pixels, caps, fraud rules",
            vec![
                case(
                    "box",
                    &["event=trial txid=T1 subscription_id=SUB"],
                    "+14d without-click event=sale txid=P1 subscription_id=SUB",
                ),
                case(
                    "box",
                    &["event=trial txid=T1 subscription_id=SUB"],
                    "without-click event=rebill txid=P1 subscription_id=OTHER amount=10",
                ),
                case("box", &[], "+8d event=trial txid=T1"),
                case("box", &["event=trial txid=T1"], "+8d event=rebill txid=P1 amount=10"),
                case("box", &[], "pixel event=rebill txid=P1 amount=900"),
                case("box", &["pixel event=rebill txid=P1 amount=900"], "event=rebill txid=P1 amount=50"),
                case("box", &["event=rebill txid=P1 amount=50"], "pixel event=rebill txid=P1 amount=900"),
                case("box", &["event=sale txid=S1", "event=sale txid=S2"], "event=sale txid=S3"),
                case("watched", &[], "event=sale txid=S1"),
            ],
        ),
    ]
}

fn run(case: &Case) -> (String, Decision) {
    let (source, link, advertiser) = match case.link {
        "de" => (PROGRAM, "reelmedia-de", "casino"),
        "shop" => (PROGRAM, "reelmedia-shop", "shop"),
        other => (GATES, other, "shop"),
    };
    let mut world = Installation::new(source);
    let mut click = human_click(&mut world, link);
    for step in &case.before {
        send(&mut world, advertiser, &mut click, link, step);
    }
    let decision = send(&mut world, advertiser, &mut click, link, case.then);
    let show =
        |steps: &[&str]| steps.iter().map(|step| format!("`{step}`")).collect::<Vec<_>>().join(", then ");
    let status = decision.status.map_or("", Status::code);
    let balance = |side: &str| world.balance(&format!("partner:reelmedia:{side}"));
    let row = format!(
        "| {} | {} | `{}` | `{}` | {status} | {} | {} |\n",
        show(&case.before),
        show(&[case.then]),
        decision.outcome.code(),
        decision.reason.code(),
        balance("pending"),
        balance("approved"),
    );
    (row, decision)
}

fn human_click(world: &mut Installation, link: &str) -> String {
    let mut click = world.make_click(link, &[]);
    click.details.device = "desktop".into();
    let id = click.id.to_string();
    world.arrive(click);
    id
}

fn send(world: &mut Installation, advertiser: &str, click: &mut String, link: &str, step: &str) -> Decision {
    let names = |name: &str| match (advertiser, name) {
        ("casino", "event") => "goal",
        ("casino", "txid") => "order",
        ("casino", "status") => "st",
        ("casino", "amount") => "sum",
        (_, other) => panic!("{other}"),
    };
    let mut query = format!("key=t0ken&{}={click}", if advertiser == "casino" { "cid" } else { "click_id" });
    let mut pixel = false;
    if step.starts_with("new click") {
        *click = human_click(world, link);
        query = format!("key=t0ken&cid={click}");
    }
    for word in step.trim_start_matches("new click ").split(' ') {
        match word.split_once('=') {
            Some((name, value)) if advertiser == "casino" && name != "original_txid" && name != "payout" => {
                write!(query, "&{}={}", names(name), if value == "approved" { "1" } else { value }).unwrap();
            }
            Some((name, value)) => write!(query, "&{name}={value}").unwrap(),
            None if word == "pixel" => pixel = true,
            None if word == "without-click" => query = "key=t0ken".into(),
            None => world.pass(word.trim_start_matches('+')),
        }
    }
    let mut request = world.request(Some(advertiser), &format!("{query}&currency=EUR"));
    request.pixel = pixel;
    world.receive(&request)
}

const REPORTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reports.md");

#[test]
fn the_page_about_reports_lists_every_period_dimension_and_metric() {
    let mut page = std::fs::read_to_string(REPORTS).unwrap();
    let lines = |heading: &str, entries: Vec<(String, &str)>| {
        let lines = entries.into_iter().map(|(code, what)| format!("| `{code}` | {what} |\n"));
        format!("| {heading} | |\n| --- | --- |\n{}", lines.collect::<String>())
    };
    let mut dimensions: Vec<(String, &str)> =
        Dimension::catalogue().map(|(dimension, what)| (dimension.code(), what)).collect();
    dimensions.push(("param:NAME".into(), "a parameter that was kept with the click"));
    let mut metrics = String::from("| metric | | how it is computed |\n| --- | --- | --- |\n");
    for Described { code, kind, how } in Metric::catalogue() {
        writeln!(metrics, "| `{code}` | {} | {how} |", kind.code()).unwrap();
    }
    for (name, table) in [
        (
            "periods",
            lines("period", Named::catalogue().map(|(named, what)| (named.code().into(), what)).collect()),
        ),
        ("dimensions", lines("dimension", dimensions)),
        ("metrics", metrics),
    ] {
        let (mark, end) = (format!("<!-- {name} -->\n"), format!("<!-- end of {name} -->"));
        let (before, rest) = page.split_once(&mark).unwrap_or_else(|| panic!("{mark} is missing"));
        let (old, after) = rest.split_once(&end).unwrap();
        if std::env::var_os("UPDATE_DOCS").is_none() {
            assert_eq!(old, table, "docs/reports.md is out of date: UPDATE_DOCS=1 writes it anew");
        }
        page = format!("{before}{mark}{table}{end}{after}");
    }
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(REPORTS, page).unwrap();
    }
}

#[test]
fn every_report_on_the_page_can_be_asked_for() {
    let page = std::fs::read_to_string(REPORTS).unwrap();
    let now = Timestamp::parse("2026-11-20T12:30:00Z").unwrap();
    let world = Installation::new(PROGRAM);
    let context = Context::of(&world.snapshot, now, now);
    let mut count = 0;
    for line in page.lines().filter_map(|line| line.strip_prefix("GET /api/v1/reports?")) {
        let pair = |text: &str| text.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
        let pairs: Vec<(String, String)> = line.split('&').filter_map(pair).collect();
        let report = Report::parse(&pairs, &context).unwrap_or_else(|error| panic!("{line}: {error}"));
        let has = |parameter: &str| pairs.iter().any(|(name, _)| name == parameter);
        assert_eq!(report.filter.is_some(), has("filter") || has("country"), "{line}");
        count += 1;
    }
    assert_eq!(count, 3);
    for parameter in PARAMETERS {
        assert!(page.contains(&format!("`{parameter}`")), "{parameter}");
    }
    let metrics = Report::parse(&[], &context).unwrap().metrics;
    let metrics: Vec<String> = metrics.iter().map(Metric::code).collect();
    assert!(page.contains(&format!("`{}`", metrics.join(","))), "what is counted where nothing is said");
}
