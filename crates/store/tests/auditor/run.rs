//! Histories against the real store: many share one, each with a partner and an advertiser of its own.

use std::collections::BTreeMap;
use std::sync::Arc;

use proofback_domain::calendar::Day;
use proofback_domain::decide::{Decision, Review, Word as Spoken};
use proofback_domain::id::{ConversionId, Id, SettlementId};
use proofback_domain::money::{Currency, Money};
use proofback_domain::name::Name;
use proofback_domain::outcome::Status;
use proofback_domain::rates::Rate;
use proofback_domain::settlement::{Refusal, SettlementKind, Step as Stride};
use proofback_domain::time::Timestamp;
use proofback_store::{
    Balance, Idempotency, NewRate, NewSettlement, Settled, SettlementRow, ShowSettlement, Subject,
};

use crate::books::{Books, UNCHANGED};
use crate::draw::Draw;
use crate::plan::{Deed, Kind, Move, Plan, Step, Word};
use crate::settled::Balances;
use crate::sums::{CODES, DAYS, FIRST_DAY, LATE_DAY, Sum, day_of, morning, published};
use crate::support::Installation;

/// One history on its way.
pub struct Run {
    plan: Plan,
    books: Books,
    click: String,
    conversions: BTreeMap<String, ConversionId>,
    settlements: Vec<(Kind, SettlementId)>,
    sent: Vec<Word>,
    /// What was done, and what came of it, in words.
    pub story: Vec<String>,
    /// What the partner had approved when a day ended.
    closed: Vec<Balances>,
    /// Compare all balances after every step: slow, and it names the step.
    closely: bool,
    order: Draw,
}

/// A history that the store and the auditor tell differently.
pub struct Difference {
    pub seed: u64,
    pub story: Vec<String>,
}

impl Run {
    async fn begin(seed: u64, world: &Installation, closely: bool) -> Self {
        let plan = Plan::new(seed);
        let click = world.click(&format!("l{seed}")).await.id.to_string();
        let story = vec![plan.program()];
        Self {
            books: Books::new(&plan),
            plan,
            click,
            conversions: BTreeMap::new(),
            settlements: Vec::new(),
            sent: Vec::new(),
            story,
            closed: Vec::new(),
            closely,
            order: Draw::new(!seed),
        }
    }

    /// The steps of one day; `false` where something differs.
    async fn day(&mut self, day: i64, world: &Installation) -> bool {
        let steps = self.plan.days[usize::try_from(day).unwrap()].clone();
        for (at, step) in steps {
            if !self.step(at, step, world).await || self.closely && !self.compare(world).await {
                return false;
            }
        }
        let approved = |side: &(String, String)| side.0.ends_with(":approved");
        let mut end = self.books.balances(self.plan.seed);
        end.retain(|side, _| approved(side));
        self.closed.push(end);
        true
    }

    async fn step(&mut self, at: i64, step: Step, world: &Installation) -> bool {
        match step {
            Step::Send(word) => self.send(word, at, world).await,
            Step::Repeat(which) => {
                let Some(word) = one_of(&self.sent, which).cloned() else { return true };
                self.send(word, at, world).await
            }
            Step::Person { txid, deed } => self.speak(&txid, &deed, at, world).await,
            Step::Settle { kind, code, draft, twice } => {
                let expected = self.books.settle(kind, code, draft, at);
                let id = Id::new(Timestamp::from_millis(at), u128::from(self.plan.seed));
                let done = self.ask(kind, code, draft, (id, at), world).await;
                let mut same =
                    self.tell(at, &format!("settle {kind:?} {code} draft {draft}"), &expected, &done);
                if !done.starts_with("refused") {
                    self.settlements.push((kind, id));
                    if twice {
                        let again = self.ask(kind, code, draft, (id, at), world).await;
                        same &= self.tell(at, "the same request again", &expected, &again);
                    }
                }
                same
            }
            Step::Advance { kind, which, step } => {
                let ours = self.settlements.iter().enumerate().filter(|(_, one)| one.0 == kind);
                let ours: Vec<usize> = ours.map(|(place, _)| place).collect();
                let Some(place) = one_of(&ours, which).copied() else { return true };
                let expected = self.books.advance(place, step);
                let (_, id) = self.settlements[place];
                let stride = match step {
                    Move::Settle => Stride::Settle,
                    Move::Receive => Stride::Receive,
                    Move::Cancel => Stride::Cancel,
                };
                let (by, now) = (("ann".to_owned(), "test".to_owned()), Timestamp::from_millis(at));
                let moved =
                    world.store.move_settlement((named(kind), id, stride), by, now, None, show()).await;
                self.tell(at, &format!("{step:?} {kind:?} {place}"), &expected, &answer(moved.unwrap()))
            }
        }
    }

    async fn ask(
        &self,
        kind: Kind,
        code: &'static str,
        draft: bool,
        (id, at): (SettlementId, i64),
        world: &Installation,
    ) -> String {
        let (seed, now) = (self.plan.seed, Timestamp::from_millis(at));
        let party = match kind {
            Kind::Payout => format!("p{seed}"),
            Kind::Invoice => format!("a{seed}"),
        };
        let day = day_of(at) + self.plan.seed as i64 % 2;
        let asked = NewSettlement {
            kind: named(kind),
            party: Name::parse(&party).unwrap(),
            currency: Currency::parse(code).unwrap(),
            up_to: (calendar(day), morning(day + 1)),
            author: "ann".into(),
            draft,
            id,
        };
        let key = Idempotency { actor: "ann".into(), key: id.to_string(), request: [1; 32] };
        answer(world.store.settle(asked, world.snapshot(), now, Some(key), show()).await.unwrap())
    }

    async fn send(&mut self, word: Word, at: i64, world: &Installation) -> bool {
        let mut heard = self.books.clone();
        let Some(expected) = heard.hear(&word, at) else { return true };
        self.books = heard;
        let query = self.query(&word);
        let advertiser = format!("a{}", self.plan.seed);
        let decision = world.send(&advertiser, &query, Timestamp::from_millis(at)).await.unwrap();
        if let Some(id) = decision.conversion_id.filter(|_| word.original.is_none()) {
            self.conversions.insert(word.txid.clone(), id);
        }
        self.sent.push(word);
        self.tell(at, &query, &expected, &told(&decision))
    }

    /// The parameters in any order.
    fn query(&mut self, word: &Word) -> String {
        let code = [word.amount, word.payout, word.revenue].into_iter().flatten().next().map(|sum| sum.code);
        let sum = |sum: Option<Sum>| sum.map(Sum::decimal);
        let mut params = vec![
            ("click_id", Some(self.click.clone())),
            ("event", Some(word.event.to_owned())),
            ("txid", Some(word.txid.clone())),
            ("original_txid", word.original.clone()),
            ("status", word.status.map(str::to_owned)),
            ("amount", sum(word.amount)),
            ("payout", sum(word.payout)),
            ("revenue", sum(word.revenue)),
            // The advertiser's own currency need not be named.
            ("currency", code.filter(|code| *code != "EUR").map(str::to_owned)),
            ("timestamp", word.stamp.map(|stamp| stamp.to_string())),
        ];
        let mut query = Vec::new();
        while !params.is_empty() {
            let place = self.order.bits() % params.len() as u64;
            let (name, value) = params.remove(usize::try_from(place).unwrap());
            query.extend(value.map(|value| format!("{name}={value}")));
        }
        query.join("&")
    }

    async fn speak(&mut self, txid: &str, deed: &Deed, at: i64, world: &Installation) -> bool {
        let Some((expected, sum)) = self.books.person(txid, deed, at) else { return true };
        let word = match deed {
            Deed::Status(status) => Spoken::Status(Status::parse(status).unwrap()),
            Deed::Accept => Spoken::Accept,
            Deed::Reject => Spoken::Reject,
            Deed::Adjust(_) => Spoken::Adjust(money(sum.unwrap_or(Sum { micros: 0, code: "EUR" }))),
        };
        let id = self.conversions[txid];
        let review = Review { word, author: "ann".into(), reason: "looked at it".into() };
        let subject = Subject::Conversion(id);
        let now = Timestamp::from_millis(at);
        let reviewed = world.store.review(subject, review, world.snapshot(), now).await.unwrap();
        let done = reviewed.map_or_else(|_| "refused".to_owned(), |decision| told(&decision));
        self.tell(at, &format!("a person about {txid}: {word:?}"), &expected, &done)
    }

    /// Keeps what came of a step; `false` where it is not what was expected.
    fn tell(&mut self, at: i64, what: &str, expected: &str, came: &str) -> bool {
        let loose = expected == UNCHANGED && (came.starts_with("duplicate") || came.starts_with("rejected"));
        let same = expected == came || loose;
        let time = Timestamp::from_millis(at).iso();
        let mut line = format!("{time} {what} -> {came}");
        if !same {
            line += &format!("   EXPECTED {expected}");
        }
        self.story.push(line);
        same
    }

    /// Asks the store for the accounts of this history alone.
    async fn compare(&mut self, world: &Installation) -> bool {
        let seed = self.plan.seed;
        let sides = ["pending", "approved", "paid"].map(|side| format!("partner:p{seed}:{side}"));
        let owed = ["due", "invoiced", "received"].map(|side| format!("advertiser:a{seed}:{side}"));
        let accounts = sides.into_iter().chain(owed).collect();
        let found = world.store.balances(accounts).await.unwrap();
        self.holds_against(&by_account(&found))
    }

    fn holds_against(&mut self, found: &Balances) -> bool {
        let mut expected = self.books.balances(self.plan.seed);
        expected.retain(|(account, _), _| !account.starts_with("house:"));
        let same = expected == *found;
        if !same {
            self.story.push(format!("the store has {found:?}"));
            self.story.push(format!("   EXPECTED    {expected:?}"));
        }
        same
    }

    /// What the partner had at the end of one of its days, by the time of the entries.
    async fn holds_then(&mut self, world: &Installation) -> bool {
        let seed = self.plan.seed;
        let day = i64::try_from(seed).unwrap() % DAYS;
        let account = format!("partner:p{seed}:approved");
        let found = world.store.balance_at(account, morning(day + 1)).await.unwrap();
        let mut expected = self.closed[usize::try_from(day).unwrap()].clone();
        expected.retain(|(account, _), _| account.starts_with("partner:"));
        let same = by_account(&found) == expected;
        if !same {
            self.story.push(format!("at the end of day {day}: {found:?}   EXPECTED {expected:?}"));
        }
        same
    }

    fn differs(self) -> Difference {
        Difference { seed: self.plan.seed, story: self.story }
    }
}

/// Runs histories side by side on one store, and audits all of its accounts.
pub async fn audit(seeds: std::ops::Range<u64>, closely: bool) -> Result<u64, Difference> {
    let plans: String = seeds.clone().map(|seed| Plan::new(seed).program()).collect();
    let source = format!(
        "[program]\nname = \"Audited\"\ncurrency = \"EUR\"\ntimezone = \"Europe/Berlin\"\n\
         extra_currencies = {{ USDT = 6 }}\n{plans}"
    );
    let world = Arc::new(Installation::with(&source).await);
    publish(&world, -1).await;
    let mut runs = Vec::new();
    for seed in seeds {
        runs.push(Run::begin(seed, &world, closely).await);
    }
    for day in 0..DAYS {
        let mut tasks = tokio::task::JoinSet::new();
        publish(&world, day).await;
        world.store.rates_arrived(morning(day)).await.unwrap();
        while world.store.approve_due(morning(day)).await.unwrap() > 0 {}
        for mut run in runs.drain(..) {
            let world = Arc::clone(&world);
            tasks.spawn(async move {
                run.books.morning(day);
                run.story.push(format!("{} the morning of day {day}", morning(day).iso()));
                let good = (!run.closely || run.compare(&world).await) && run.day(day, &world).await;
                if good { Ok(run) } else { Err(run.differs()) }
            });
        }
        while let Some(run) = tasks.join_next().await {
            runs.push(run.unwrap()?);
        }
    }
    whole(runs, &world).await
}

async fn whole(runs: Vec<Run>, world: &Installation) -> Result<u64, Difference> {
    let found = world.store.all_balances().await.unwrap();
    let mut found = by_account(&found);
    let mut house = Balances::new();
    let mut steps = 0;
    for mut run in runs {
        let seed = run.plan.seed;
        for (side, micros) in run.books.balances(seed) {
            if side.0.starts_with("house:") {
                *house.entry(side).or_default() += micros;
            }
        }
        let ours = |side: &(String, String)| {
            [format!("partner:p{seed}:"), format!("advertiser:a{seed}:")]
                .iter()
                .any(|name| side.0.starts_with(name))
        };
        let own: Balances = found.extract_if(.., |side, _| ours(side)).collect();
        if !run.holds_against(&own) || !run.holds_then(world).await {
            return Err(run.differs());
        }
        steps += run.story.len() as u64;
    }
    house.retain(|_, micros| *micros != 0);
    assert_eq!(found, house, "the house's accounts, and none but the ones that are told");
    while world.store.seal(morning(DAYS)).await.unwrap() > 0 {}
    let report = world.store.verify_ledger(None).await.unwrap();
    assert_eq!((report.differences, report.unsealed), (Vec::new(), 0));
    Ok(steps)
}

fn by_account(found: &[Balance]) -> Balances {
    let mut sums: BTreeMap<String, i128> = BTreeMap::new();
    let one = |one: &Balance| ((one.account.clone(), one.currency.to_string()), one.micros);
    let balances: Balances = found.iter().map(one).filter(|(_, micros)| *micros != 0).collect();
    for ((_, code), micros) in &balances {
        *sums.entry(code.clone()).or_default() += micros;
    }
    balances
}

/// The rates of a day; those that are late come with all the days before.
async fn publish(world: &Installation, day: i64) {
    let mut rates = Vec::new();
    for code in CODES {
        let days = match code {
            "GBP" if day < LATE_DAY => continue,
            "GBP" if day == LATE_DAY => -1..=day,
            _ => day..=day,
        };
        for day in days {
            let Some(rate) = published(code, day) else { continue };
            let rate = Rate::parse(&Sum { micros: rate, code }.decimal()).unwrap();
            let (base, currency) = (Currency::parse("EUR").unwrap(), Currency::parse(code).unwrap());
            rates.push(NewRate { day: calendar(day), base, currency, rate });
        }
    }
    world.store.import_rates(rates, false, "ann".into(), morning(day)).await.unwrap();
}

fn calendar(day: i64) -> Day {
    let first = Day::parse("2026-11-22").unwrap();
    assert_eq!(morning(0).millis(), FIRST_DAY);
    Day::from_number(first.number() + i32::try_from(day).unwrap())
}

fn one_of<T>(all: &[T], which: u64) -> Option<&T> {
    let place = which.checked_rem(all.len() as u64)?;
    all.get(usize::try_from(place).unwrap())
}

fn money(sum: Sum) -> Money {
    Money { micros: i64::try_from(sum.micros).unwrap(), currency: Currency::parse(sum.code).unwrap() }
}

fn named(kind: Kind) -> SettlementKind {
    match kind {
        Kind::Payout => SettlementKind::Payout,
        Kind::Invoice => SettlementKind::Invoice,
    }
}

fn told(decision: &Decision) -> String {
    let status = decision.status.map(|status| format!(" {}", status.code())).unwrap_or_default();
    format!("{} {}{status}", decision.outcome.code(), decision.reason.code())
}

fn show() -> ShowSettlement {
    Box::new(|row: &SettlementRow| {
        format!("{} {} in {} {}", row.amount.micros, row.amount.currency, row.lines, row.state.code())
    })
}

fn answer(settled: Settled) -> String {
    match settled {
        Settled::Done(answer) => answer,
        Settled::Refused(Refusal::Nothing { .. }) => "refused Nothing".into(),
        Settled::Refused(Refusal::Carried { .. }) => "refused Carried".into(),
        Settled::Refused(Refusal::BelowMinimum { .. }) => "refused BelowMinimum".into(),
        Settled::Refused(Refusal::Step { .. }) => "refused Step".into(),
        Settled::Refused(Refusal::TooLarge) => "refused TooLarge".into(),
        Settled::Unknown => "unknown".into(),
        Settled::KeyTaken => "the key is taken".into(),
    }
}
