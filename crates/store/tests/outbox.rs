//! The outbox: what is due to whom, how targets are spared, paused and resumed, who is told of it.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::sync::Arc;

use proofback_domain::delivery::{Alert, AttemptOutcome, AttemptResult, DeliveryState, Pause};
use proofback_domain::id::Id;
use proofback_domain::name::Name;
use proofback_domain::program::{Happening, RateLimit};
use proofback_domain::tell;
use proofback_domain::time::{Span, Timestamp};
use proofback_store::{
    AttemptRecord, ClaimedDelivery, DeliveryFilter, DeliveryRow, Doer, PageRequest, Phases, Recorded,
};
use support::{Installation, adopt_source, later, now, open};

const LEASE: Span = Span::from_seconds(60);
const PROGRAM: &str = r#"
[program]
name = "Outbox"
currency = "EUR"
[[advertiser]]
id = "shop"
postback = { open = true }
[[offer]]
id = "shoes"
advertiser = "shop"
url = "https://shop.example/?c={click_id}"
[[offer.goal]]
event = "sale"
payout = "10%"
[[partner]]
id = "media"
[[partner.postback]]
id = "tracker"
url = "https://t.example/?p={payout}&t={txid}"
on = ["conversion.created", "commission.*"]
[[link]]
id = "media-shoes"
partner = "media"
offer = "shoes"
"#;
const CRM: &str = "[[webhook]]\nid = 'crm'\nurl = 'https://crm.example/'\nsecret = 'env:TOKEN'\n";

fn tracker() -> Name {
    Name::parse("tracker").unwrap()
}

fn doer() -> Doer {
    Doer { actor: "anna".into(), reason: "maintenance".into() }
}

async fn world() -> Installation {
    Installation::with(PROGRAM).await
}

/// Conversions, one a second, each with two deliveries to the tracker.
async fn sell(world: &Installation, count: u32) {
    for number in 0..count {
        let click = world.click("media-shoes").await;
        let query = format!(
            "click_id={}&txid=S{number}&event=sale&status=approved&amount=100&currency=EUR",
            click.id
        );
        world.send("shop", &query, now().plus(Span::from_seconds(number.into()))).await.unwrap();
    }
}

async fn claim(world: &Installation, at: Timestamp, running: usize) -> Vec<ClaimedDelivery> {
    world.store.claim(tracker(), at, LEASE, 100, running).await.unwrap()
}

fn txids(claimed: &[ClaimedDelivery]) -> Vec<&str> {
    claimed.iter().map(|delivery| delivery.values["txid"].as_str()).collect()
}

async fn end(
    world: &Installation,
    claimed: &ClaimedDelivery,
    result: AttemptResult,
    at: Timestamp,
) -> Recorded {
    let outcome = match result {
        AttemptResult::Answered { status: 200, .. } => AttemptOutcome::Delivered,
        AttemptResult::Answered { status: 400..=499, .. } => AttemptOutcome::Failed,
        _ => AttemptOutcome::RetryAt(at.plus(Span::from_seconds(1))),
    };
    let record = AttemptRecord {
        delivery: Arc::new(claimed.clone()),
        at,
        ended_at: at,
        request: "GET https://t.example/".into(),
        status: None,
        result,
        outcome,
        duration_ms: 1,
        phases: Phases::default(),
        address: String::new(),
        headers: String::new(),
        answer: String::new(),
    };
    world.store.record_attempt(record).await.unwrap()
}

fn answered(status: u16) -> AttemptResult {
    AttemptResult::Answered { status, retry_after: None }
}

async fn rows(world: &Installation, filter: DeliveryFilter) -> Vec<DeliveryRow> {
    world.store.deliveries(filter, PageRequest::first(1_000)).await.unwrap().rows
}

async fn told(world: &Installation, target: &str) -> Vec<String> {
    let filter = DeliveryFilter { target: Name::parse(target).ok(), ..DeliveryFilter::default() };
    rows(world, filter).await.into_iter().rev().map(|row| row.happening).collect()
}

#[tokio::test]
async fn a_target_that_does_not_answer_is_left_alone_and_then_tried_with_one_delivery() {
    let world = world().await;
    sell(&world, 8).await;
    let at = later("1m");
    for delivery in claim(&world, at, 0).await.iter().take(5) {
        end(&world, delivery, AttemptResult::TimedOut, at).await;
    }
    let due = at.plus(Span::from_seconds(5));
    assert!(world.store.due_targets(at).await.unwrap().is_empty());
    assert_eq!(world.store.next_due(at).await.unwrap(), Some(due));
    assert!(claim(&world, at.plus(Span::from_seconds(4)), 0).await.is_empty());
    assert_eq!(world.store.due_targets(due).await.unwrap(), [tracker()]);
    let probe = claim(&world, due, 0).await;
    assert_eq!(probe.len(), 1);
    assert!(claim(&world, due, 1).await.is_empty(), "one at a time");
    let recorded = end(&world, &probe[0], answered(200), due).await;
    assert!(recorded.came_back);
    assert_eq!(claim(&world, due, 0).await.len(), 5, "four others and what waited behind the probe");
}

#[tokio::test]
async fn a_paused_target_keeps_its_backlog_and_gets_it_newest_conversion_first() {
    let world = world().await;
    sell(&world, 6).await;
    let (at, rate) = (later("1h"), RateLimit { count: 2, per: Span::from_seconds(1), burst: 1 });
    assert!(world.store.pause_target(tracker(), Pause::ByPerson, doer(), at).await.unwrap());
    assert!(
        !world.store.pause_target(tracker(), Pause::ByPerson, doer(), at).await.unwrap(),
        "it is already"
    );
    assert!(claim(&world, at, 0).await.is_empty() && world.store.due_targets(at).await.unwrap().is_empty());
    assert_eq!(world.store.next_due(now()).await.unwrap(), None);
    let backlog = world.store.backlog(tracker(), at).await.unwrap();
    assert_eq!((backlog.pending, backlog.due, backlog.oldest), (12, 6, Some(now())));
    assert!(world.store.resume_target(tracker(), rate, doer(), at).await.unwrap());
    let mut came = Vec::new();
    for step in 0..20 {
        let time = at.plus(Span::from_millis(1 + 250 * step));
        for delivery in claim(&world, time, 0).await {
            came.push((step, delivery.values["txid"].clone(), delivery.happening));
            end(&world, &delivery, answered(200), time).await;
        }
    }
    let first = came.iter().filter(|(_, _, happening)| *happening == Happening::ConversionCreated);
    let first: Vec<(u64, &str)> = first.map(|(step, txid, _)| (*step, txid.as_str())).collect();
    assert_eq!(first, [(0, "S5"), (2, "S4"), (4, "S3"), (6, "S2"), (8, "S1"), (10, "S0")]);
    for txid in ["S0", "S5"] {
        let of_one = came.iter().filter(|(_, one, _)| one == txid).map(|(_, _, happening)| *happening);
        assert_eq!(of_one.collect::<Vec<_>>(), [Happening::ConversionCreated, Happening::CommissionEarned]);
    }
    let deeds = world.store.audit(PageRequest::first(10)).await.unwrap().rows;
    let deeds: Vec<_> = deeds.iter().map(|deed| (deed.action.as_str(), deed.subject.as_str())).collect();
    assert_eq!(deeds[..2], [("target.resume", "tracker"), ("target.pause", "tracker")]);
}

#[tokio::test]
async fn a_backlog_of_several_steps_is_put_in_one_order() {
    let world = world().await;
    let by: proofback_domain::id::DeliveryId = Id::new(now(), 7);
    let target = world.snapshot().program.targets["tracker"].clone();
    world.store.pause_target(tracker(), Pause::ByPerson, doer(), now()).await.unwrap();
    for number in 0..12_000u32 {
        let at = now().plus(Span::from_millis(number.into()));
        let planned = tell::plan(
            by,
            at,
            &target,
            Happening::CommissionEarned,
            tell::About::default(),
            tell::Values::new(),
        );
        world.store.test_target(tell::PlannedDelivery { trial: false, ..planned }, doer(), at).await.unwrap();
    }
    let rate = RateLimit { count: 1_000, per: Span::from_seconds(1), burst: 1 };
    world.store.resume_target(tracker(), rate, doer(), later("1h")).await.unwrap();
    let page = PageRequest::first(1_000);
    let newest = world.store.deliveries(DeliveryFilter::default(), page).await.unwrap();
    for (place, row) in (0u64..).zip(&newest.rows) {
        assert_eq!(row.next_at, later("1h").plus(Span::from_millis(place.max(1))));
    }
    let oldest =
        DeliveryFilter { until: Some(now().plus(Span::from_millis(1))), ..DeliveryFilter::default() };
    assert_eq!(rows(&world, oldest).await[0].next_at, later("1h").plus(Span::from_millis(11_999)));
}

#[tokio::test]
async fn webhooks_hear_of_each_step_to_the_pause_and_of_what_failed_and_nothing_of_themselves() {
    let daily = PROGRAM.replace("[[link]]", "pause_after = \"24h\"\n[[link]]");
    let world = Installation::with(&format!(
        "{daily}{CRM}on = ['delivery.failed', 'target.failing', 'target.paused']\n"
    ))
    .await;
    sell(&world, 1).await;
    let mut alerts = Vec::new();
    for hour in 0..30 {
        let at = later("1m").plus(Span::from_seconds(3_600 * hour));
        for delivery in claim(&world, at, 0).await {
            alerts.extend(
                end(&world, &delivery, AttemptResult::TimedOut, at).await.alert.map(|alert| (hour, alert)),
            );
        }
    }
    let failing = |percent| Alert::Failing { percent };
    assert_eq!(
        alerts,
        [(12, failing(50)), (17, failing(70)), (22, failing(90)), (24, Alert::Paused(Pause::Failing))]
    );
    let health = world.store.target_health(tracker()).await.unwrap();
    assert_eq!((health.health.paused, health.paused_why.as_str()), (Some(Pause::Failing), "timeout"));
    assert_eq!(
        told(&world, "crm").await,
        ["target.failing", "target.failing", "target.failing", "target.paused"]
    );
    let crm = || Name::parse("crm").unwrap();
    let waiting = world.store.claim(crm(), later("40h"), LEASE, 10, 0).await.unwrap();
    assert_eq!(waiting[0].values["percent"], "50");
    end(&world, &waiting[0], answered(404), later("40h")).await;
    assert_eq!(told(&world, "crm").await.len(), 4, "a webhook hears nothing of its own failures");
    world
        .store
        .resume_target(tracker(), RateLimit { count: 1, per: LEASE, burst: 9 }, doer(), later("41h"))
        .await
        .unwrap();
    let again = claim(&world, later("41h"), 0).await;
    assert_eq!(again[0].first_at, later("41h"), "its age counts from the resumption");
    end(&world, &again[0], answered(404), later("41h")).await;
    assert_eq!(told(&world, "crm").await.last().unwrap(), "delivery.failed");
    let failed = world.store.claim(crm(), later("42h"), LEASE, 10, 0).await.unwrap().pop().unwrap();
    assert_eq!(failed.values["failed_delivery_id"], again[0].id.to_string());
    assert_eq!(
        (failed.values["target"].as_str(), failed.values["last_error"].as_str()),
        ("tracker", "status_404")
    );
}

#[tokio::test]
async fn a_webhook_that_answers_410_is_ended() {
    let world = Installation::with(&format!("{PROGRAM}{CRM}on = ['conversion.created']\n")).await;
    sell(&world, 2).await;
    let crm = || Name::parse("crm").unwrap();
    let first = world.store.claim(crm(), later("1m"), LEASE, 1, 0).await.unwrap();
    let recorded = end(&world, &first[0], answered(410), later("1m")).await;
    assert_eq!(recorded.alert, Some(Alert::Paused(Pause::Gone)));
    assert!(world.store.claim(crm(), later("2m"), LEASE, 10, 0).await.unwrap().is_empty());
    let tracker_first = claim(&world, later("1m"), 0).await;
    end(&world, &tracker_first[0], answered(410), later("1m")).await;
    assert!(!claim(&world, later("2m"), 0).await.is_empty(), "a tracker may say so of one click");
}

#[tokio::test]
async fn what_failed_is_made_again_under_its_id_and_what_waits_can_be_skipped() {
    let world = world().await;
    sell(&world, 3).await;
    let at = later("1m");
    let claimed = claim(&world, at, 0).await;
    end(&world, &claimed[0], answered(404), at).await;
    end(&world, &claimed[1], answered(400), at).await;
    end(&world, &claimed[2], answered(200), at).await;
    let of = |error: &str| DeliveryFilter {
        target: Some(tracker()),
        state: Some(DeliveryState::Failed),
        error: Some(error.into()),
        ..DeliveryFilter::default()
    };
    assert_eq!(world.store.count_deliveries(of("status_404")).await.unwrap(), 1);
    assert_eq!(world.store.retry_deliveries(of("status_404"), doer(), at).await.unwrap(), 1);
    let second = claim(&world, at, 0).await;
    let again = second.iter().find(|delivery| delivery.id == claimed[0].id).expect("the same delivery");
    assert_eq!((again.attempt, again.first_at), (2, at));
    let delivered = world.store.retry_delivery(claimed[2].id, doer(), at).await.unwrap().unwrap();
    assert_eq!(delivered.state, DeliveryState::Pending, "a person may say so of what was delivered, too");
    assert_eq!(
        world.store.retry_delivery(Id::new(at, 1), doer(), at).await.unwrap().map(|row| row.number),
        None
    );
    let waiting = DeliveryFilter { state: Some(DeliveryState::Pending), ..DeliveryFilter::default() };
    let pending = rows(&world, waiting.clone()).await.len();
    let skipped = world.store.skip_deliveries(waiting, doer(), at).await.unwrap();
    assert_eq!(pending - second.len(), 1, "the rest is under way");
    assert_eq!(skipped, 1);
    let (row, attempts) = world.store.delivery(claimed[1].id).await.unwrap().unwrap();
    assert_eq!((row.last_error.as_deref(), attempts.len()), (Some("status_400"), 1));
}

#[tokio::test]
async fn what_waits_behind_another_is_due_when_that_ends_however_it_ends() {
    let world = world().await;
    sell(&world, 2).await;
    let at = later("1m");
    let claimed = claim(&world, at, 0).await;
    assert_eq!(txids(&claimed), ["S0", "S1"]);
    assert!(!end(&world, &claimed[0], AttemptResult::TimedOut, at).await.more_due);
    assert!(claim(&world, at, 0).await.is_empty());
    assert!(end(&world, &claimed[1], answered(404), at).await.more_due);
    let next = claim(&world, at, 0).await;
    assert_eq!((txids(&next), next[0].happening), (vec!["S1"], Happening::CommissionEarned));
    let behind =
        rows(&world, DeliveryFilter::default()).await.into_iter().filter(DeliveryRow::is_behind).count();
    assert_eq!(behind, 1);
    let all = DeliveryFilter { state: Some(DeliveryState::Pending), ..DeliveryFilter::default() };
    world.store.skip_deliveries(all, doer(), later("1h")).await.unwrap();
    assert!(
        rows(&world, DeliveryFilter::default()).await.iter().all(|row| row.state != DeliveryState::Pending)
    );
}

#[tokio::test]
async fn what_is_outside_the_declared_share_is_in_the_log_and_never_sent() {
    let nothing = PROGRAM.replace("[[link]]", "share = \"0%\"\n[[link]]");
    let world = Installation::with(&nothing).await;
    sell(&world, 2).await;
    assert!(world.store.due_targets(later("1h")).await.unwrap().is_empty());
    let withheld = DeliveryFilter { state: Some(DeliveryState::Withheld), ..DeliveryFilter::default() };
    assert_eq!(rows(&world, withheld.clone()).await.len(), 4);
    assert_eq!(world.store.retry_deliveries(withheld, doer(), later("1h")).await.unwrap(), 0);
}

#[tokio::test]
async fn a_delayed_delivery_is_due_at_its_time() {
    let delayed = PROGRAM.replace("[[link]]", "delay = \"10m\"\n[[link]]");
    let world = Installation::with(&delayed).await;
    sell(&world, 1).await;
    assert!(claim(&world, later("9m"), 0).await.is_empty());
    assert_eq!(world.store.next_due(now()).await.unwrap(), Some(later("10m")));
    let claimed = claim(&world, later("10m"), 0).await;
    end(&world, &claimed[0], answered(200), later("11m")).await;
    assert_eq!(claim(&world, later("11m"), 0).await.len(), 1);
}

#[tokio::test]
async fn a_trial_goes_to_a_paused_target_and_nothing_else_does() {
    let world = Installation::with(&format!("{PROGRAM}{CRM}on = ['delivery.failed']\n")).await;
    sell(&world, 1).await;
    world.store.pause_target(tracker(), Pause::ByPerson, doer(), now()).await.unwrap();
    let target = world.snapshot().program.targets["tracker"].clone();
    let values = tell::Values::from([("payout".to_owned(), "1.23".to_owned())]);
    let trial = tell::trial(Id::new(now(), 9), later("1m"), &target, values);
    world.store.test_target(trial.clone(), doer(), later("1m")).await.unwrap();
    assert_eq!(world.store.due_targets(later("1m")).await.unwrap(), [tracker()]);
    let claimed = claim(&world, later("1m"), 0).await;
    assert_eq!((claimed.len(), claimed[0].id, claimed[0].values["payout"].as_str()), (1, trial.id, "1.23"));
    end(&world, &claimed[0], answered(200), later("1m")).await;
    let health = world.store.target_health(tracker()).await.unwrap();
    assert_eq!((health.tested_at, health.tested_as), (Some(later("1m")), target.definition()));
    assert_eq!(health.health.paused, Some(Pause::ByPerson), "a test resumes nothing");
    let failing = tell::trial(Id::new(now(), 10), later("2m"), &target, tell::Values::new());
    world.store.test_target(failing, doer(), later("2m")).await.unwrap();
    end(&world, &claim(&world, later("2m"), 0).await[0], answered(404), later("2m")).await;
    assert!(told(&world, "crm").await.is_empty(), "whoever asked for a test sees that it failed");
    assert_eq!(world.store.target_health(tracker()).await.unwrap().health.failed, 0);
}

#[tokio::test]
async fn clicks_are_told_with_the_click_and_payouts_with_the_payment() {
    let world = Installation::with(&format!("{PROGRAM}{CRM}on = ['click.created', 'payout.paid']\n")).await;
    let click = world.click("media-shoes").await;
    let filter = DeliveryFilter { target: Name::parse("crm").ok(), ..DeliveryFilter::default() };
    let told = rows(&world, filter).await;
    assert_eq!(
        (told.len(), told[0].click_id, told[0].happening.as_str()),
        (1, Some(click.id), "click.created")
    );
}

#[tokio::test]
async fn a_target_of_a_preset_is_not_due_before_it_was_tested() {
    let preset = "preset = \"keitaro\"\ncredentials = { host = \"tds.example\", key = \"env:TOKEN\" }\n";
    let url = "url = \"https://t.example/?p={payout}&t={txid}\"\n";
    let world = Installation::with(&PROGRAM.replace(url, preset)).await;
    sell(&world, 1).await;
    assert!(world.store.due_targets(later("1m")).await.unwrap().is_empty());
    assert!(claim(&world, later("1m"), 0).await.is_empty());
    let target = world.snapshot().program.targets["tracker"].clone();
    let trial = tell::trial(Id::new(now(), 9), later("1m"), &target, tell::Values::new());
    world.store.test_target(trial, doer(), later("1m")).await.unwrap();
    assert_eq!(world.store.due_targets(later("1m")).await.unwrap(), [tracker()]);
    let claimed = claim(&world, later("1m"), 0).await;
    assert!(claimed.len() == 1 && claimed[0].trial);
    assert!(end(&world, &claimed[0], answered(200), later("1m")).await.came_back);
    assert_eq!(world.store.due_targets(later("1m")).await.unwrap(), [tracker()]);
    assert_eq!(claim(&world, later("1m"), 0).await.len(), 1);
}

#[tokio::test]
async fn what_an_earlier_process_had_claimed_is_due_again_at_the_start() {
    let world = world().await;
    sell(&world, 1).await;
    let claimed = claim(&world, later("1m"), 0).await;
    let Installation { directory, store, .. } = world;
    drop(store);
    let store = open(directory.path()).unwrap();
    adopt_source(&store, PROGRAM).await;
    let again = store.claim(tracker(), later("1m"), LEASE, 100, 0).await.unwrap();
    assert_eq!(again.iter().map(|one| one.id).collect::<Vec<_>>(), [claimed[0].id]);
}
