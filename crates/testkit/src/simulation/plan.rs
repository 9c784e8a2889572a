//! The plan: all visits and all postbacks, with what must come of them, before anything is sent.

use super::book::{Book, Deal, Verdict};
use super::cast::{Goal, PARTNERS, money};
use super::visits::Visit;
use super::{faults, stories};
use crate::advertiser::{Path, Report, Way};
use crate::random::Random;

pub struct Plan {
    pub visits: Vec<Visit>,
    pub stories: Vec<Story>,
    pub book: Book,
    /// The visit whose click is worth a look in the end.
    pub example: usize,
}

/// What an advertiser sends about one or two of his orders, step by step.
pub struct Story {
    pub name: &'static str,
    pub advertiser: &'static str,
    /// Each order with the visit that led to it.
    pub orders: Vec<(String, usize)>,
    pub steps: Vec<Step>,
}

/// Postbacks that leave at the same moment.
pub struct Step {
    pub reports: Vec<Report>,
    /// The answers that they must get together, in any order.
    pub answers: Vec<Verdict>,
}

/// Writes the plan.
pub struct Director {
    pub random: Random,
    pub book: Book,
    pub visits: Vec<Visit>,
    pub stories: Vec<Story>,
    pub example: usize,
    /// Visits up to here were given to a story, or passed over.
    next_visit: usize,
    numbers: u32,
}

/// Of a plan of size one.
const VISITS: usize = 2_000;

impl Plan {
    pub fn write(seed: u64, size: usize) -> Self {
        let mut random = Random::new(seed);
        let visits: Vec<Visit> = (1..=size * VISITS).map(|number| Visit::any(number, &mut random)).collect();
        let (book, stories) = (Book::default(), Vec::new());
        let mut director = Director { random, book, visits, stories, example: 0, next_visit: 0, numbers: 0 };
        stories::example(&mut director);
        for _ in 0..size {
            stories::write(&mut director);
            faults::write(&mut director);
        }
        director.mix();
        let Director { book, visits, stories, example, .. } = director;
        Self { visits, stories, book, example }
    }

    pub fn postbacks(&self) -> usize {
        self.stories.iter().flat_map(|story| &story.steps).map(|step| step.reports.len()).sum()
    }
}

impl Director {
    /// A new story about the next visitor of this goal's offer.
    pub fn story(&mut self, name: &'static str, goal: &Goal) -> Story {
        let visit = self.take_visit(goal, |_| true);
        self.story_of(name, goal, visit)
    }

    pub fn story_of(&mut self, name: &'static str, goal: &Goal, visit: usize) -> Story {
        let order = self.number("order");
        Story { name, advertiser: goal.advertiser, orders: vec![(order, visit)], steps: Vec::new() }
    }

    /// The next visit of this goal's offer whose partner will do.
    pub fn take_visit(&mut self, goal: &Goal, will_do: impl Fn(&Visit) -> bool) -> usize {
        let fits = |visit: &Visit| visit.offer == goal.offer && will_do(visit);
        let found = self.visits.iter().enumerate().skip(self.next_visit).find(|(_, visit)| fits(visit));
        let found = found.map(|(index, _)| index);
        if let Some(index) = found {
            self.next_visit = index + 1;
            return index;
        }
        // The visits are used up: one more comes, through the first partner's link.
        let number = self.visits.len() + 1;
        let offer = (goal.offer, goal.advertiser);
        self.visits.push(Visit::new(number, &PARTNERS[0], offer, &mut self.random));
        self.next_visit = self.visits.len();
        number - 1
    }

    /// A number that nothing else has.
    pub fn number(&mut self, prefix: &str) -> String {
        self.numbers += 1;
        format!("{prefix}-{:04}", self.numbers)
    }

    /// A postback about a story's first order, as an advertiser sends it on a good day.
    pub fn report(&mut self, story: &Story, event: &str, txid: &str) -> Report {
        let order = story.orders.first().map(|(order, _)| order.clone()).unwrap_or_default();
        let way = self.random.pick(&[Way::Get, Way::Get, Way::PostForm, Way::PostJson]);
        let path = if self.random.once_in(5) { Path::Plain } else { Path::Own };
        let report = Report::new(order).by(way).to(path).with("txid", txid).with("event_type", event);
        match story.advertiser {
            "shop" => report.with("currency", "EUR"),
            "streamly" => report.with("currency", "usd"),
            _ => report,
        }
    }

    /// The visit behind a story's first order.
    pub fn visit(&self, story: &Story) -> &Visit {
        let index = story.orders.first().map_or(0, |(_, visit)| *visit);
        self.visits.get(index).expect("a story takes its visits from the list")
    }

    /// Cents in one of the ways in which senders write them: `33.30`, `33.3`.
    pub fn written(&mut self, cents: i64) -> String {
        let text = money(cents);
        if self.random.once_in(2) {
            text
        } else {
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        }
    }

    /// Adds a postback that must be answered like this.
    pub fn send(&mut self, story: &mut Story, report: Report, answer: &Verdict) {
        self.send_at_once(story, vec![report], &[answer]);
    }

    /// Adds postbacks that leave together; the answers come in any order.
    pub fn send_at_once(&mut self, story: &mut Story, reports: Vec<Report>, answers: &[&Verdict]) {
        for answer in answers {
            self.book.expect(answer);
        }
        let mut answers: Vec<Verdict> = answers.iter().map(|answer| (*answer).clone()).collect();
        answers.sort();
        story.steps.push(Step { reports, answers });
    }

    /// Adds a postback that is answered like this, waits, and is decided anew.
    pub fn send_to_wait(
        &mut self,
        story: &mut Story,
        report: Report,
        answer: &Verdict,
        in_the_end: &Verdict,
    ) {
        self.book.expect_then(answer, in_the_end);
        story.steps.push(Step { reports: vec![report], answers: vec![answer.clone()] });
    }

    /// Ends a story with the conversions that came of it.
    pub fn finish(&mut self, story: Story, deals: impl IntoIterator<Item = Deal>) {
        self.book.deals.extend(deals);
        self.stories.push(story);
    }

    /// An order's amount in cents; every fourth one makes a share of it end on half a cent.
    pub fn amount(&mut self, low: u64, high: u64) -> i64 {
        let cents = self.random.between(low, high);
        let cents = if self.random.once_in(4) { cents / 40 * 40 + 20 } else { cents };
        i64::try_from(cents).unwrap_or(i64::MAX)
    }

    /// Stories come in no order of theirs.
    fn mix(&mut self) {
        for last in (1..self.stories.len()).rev() {
            let other = usize::try_from(self.random.between(0, last as u64)).unwrap_or(0);
            self.stories.swap(last, other);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_gives_one_plan() {
        let sent = |seed| {
            let plan = Plan::write(seed, 1);
            let reports = plan.stories.iter().flat_map(|story| &story.steps).flat_map(|step| &step.reports);
            reports.map(|report| format!("{report:?}")).collect::<Vec<_>>()
        };
        assert_eq!(sent(1), sent(1));
        assert_ne!(sent(1), sent(2));
    }

    #[test]
    fn every_postback_has_its_answer_and_its_line_in_the_log() {
        let plan = Plan::write(1, 1);
        let postbacks = u64::try_from(plan.postbacks()).unwrap();
        assert_eq!(plan.book.answers.values().sum::<u64>(), postbacks);
        assert_eq!(plan.book.log.values().sum::<u64>(), postbacks);
        for step in plan.stories.iter().flat_map(|story| &story.steps) {
            assert_eq!(step.reports.len(), step.answers.len());
        }
    }
}
