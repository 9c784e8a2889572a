//! Decisions as they are made, for whoever looks on: many look, and one reads for all of them.
//!
//! A commit of the store wakes those who look. The first of them reads what is new, at most four times a second for all
//! together, and leaves it where the others find it. Whoever comes back or falls behind reads for himself, in the same
//! turns. The store knows nothing of it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use proofback_store::{Decided, Decisions, Place, PostbackFilter, PostbackRow, StoreError};
use tokio::sync::{Mutex as Turns, watch};
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::state::Web;

/// Those who look on at once.
const SEATS: usize = 64;
/// From one read of the store to the next.
const READS_APART: Duration = Duration::from_millis(250);
/// Decisions that one read brings; few in tests, where somebody is to fall behind soon.
const READ_MAX: u32 = if cfg!(test) { 10 } else { 2_000 };
/// Decisions that are kept for those who have not taken them yet.
const KEPT_MAX: usize = if cfg!(test) { 15 } else { 4_000 };

pub struct Live {
    kept: Mutex<Kept>,
    /// Whoever reads the store; `None` before the first did.
    turn: Turns<Option<Interval>>,
    ended: watch::Sender<bool>,
}

/// What was read last.
#[derive(Default)]
struct Kept {
    seated: usize,
    decided: VecDeque<Arc<Decided>>,
    /// The number of the first of them; they are numbered as they come.
    first: u64,
    /// So far the store was read; `None` before anybody looked.
    head: Option<Place>,
    /// What this commit and those before it brought was read.
    covers: Option<u64>,
}

impl Kept {
    fn end(&self) -> u64 {
        self.first + self.decided.len() as u64
    }

    fn add(&mut self, read: Decisions, commits: u64) {
        let Decisions { decided, at, more } = read;
        self.decided.extend(decided.into_iter().map(Arc::new));
        let over = self.decided.len().saturating_sub(KEPT_MAX);
        self.decided.drain(..over);
        self.first += over as u64;
        self.head = Some(at);
        if !more {
            self.covers = Some(commits);
        }
    }
}

impl Live {
    pub fn new() -> Self {
        Self { kept: Mutex::default(), turn: Turns::default(), ended: watch::Sender::new(false) }
    }

    /// Ends what runs, and what comes later at once.
    pub fn end(&self) {
        self.ended.send_replace(true);
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads what commits up to this one have brought, unless somebody else has.
    async fn read_on(&self, web: &Web, commits: u64) -> Result<(), StoreError> {
        let covered = || self.kept().covers.is_some_and(|covers| commits <= covers);
        if covered() {
            return Ok(());
        }
        let mut turn = self.turn.lock().await;
        if covered() {
            return Ok(());
        }
        self.wait_for_turn(web, &mut turn).await;
        let (head, commits) = (self.kept().head, *web.store.commits().borrow());
        let read = match head {
            Some(head) => web.store.decided(head, None, READ_MAX).await?,
            None => Decisions { decided: Vec::new(), at: web.store.last_place().await?, more: false },
        };
        self.kept().add(read, commits);
        Ok(())
    }

    /// For one who is behind: what lies between two places.
    async fn read_between(&self, web: &Web, after: Place, until: Place) -> Result<Decisions, StoreError> {
        let mut turn = self.turn.lock().await;
        self.wait_for_turn(web, &mut turn).await;
        web.store.decided(after, Some(until), READ_MAX).await
    }

    async fn wait_for_turn(&self, web: &Web, turn: &mut Option<Interval>) {
        let turn = turn.get_or_insert_with(|| {
            let mut turns = interval(READS_APART);
            turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
            turns
        });
        turn.tick().await;
        web.metrics.live_reads.inc();
    }
}

/// There is no room for one more.
#[derive(Debug)]
pub struct Full;

/// A place among those who look on.
struct Seat(Web);

impl Seat {
    fn take(web: &Web) -> Result<Self, Full> {
        let mut kept = web.live.kept();
        if SEATS <= kept.seated {
            return Err(Full);
        }
        if kept.seated == 0 {
            // Nobody looked for a while: what was read then is long past.
            *kept = Kept { first: kept.end(), ..Kept::default() };
        }
        kept.seated += 1;
        web.metrics.live_seats.inc();
        Ok(Self(web.clone()))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.live.kept().seated -= 1;
        self.0.metrics.live_seats.dec();
    }
}

/// One who looks on.
pub struct Looker {
    seat: Seat,
    filter: PostbackFilter,
    commits: watch::Receiver<u64>,
    ended: watch::Receiver<bool>,
    /// Read, and not handed out yet.
    ready: VecDeque<Arc<Decided>>,
    /// So far everything is among those that were handed out or are ready.
    seen: Place,
    next: Next,
}

/// Where one who looks on goes on.
#[derive(Clone, Copy)]
enum Next {
    /// With this number of what is kept for all.
    Shared(u64),
    /// By reads of his own up to a place, then with a number.
    Own { until: Place, then: u64 },
}

impl Looker {
    /// From now on, or from the place that he has seen before.
    pub async fn seat(
        web: &Web,
        filter: PostbackFilter,
        after: Option<Place>,
    ) -> Result<Result<Self, Full>, StoreError> {
        let seat = match Seat::take(web) {
            Ok(seat) => seat,
            Err(full) => return Ok(Err(full)),
        };
        let mut commits = web.store.commits();
        let seen = *commits.borrow_and_update();
        if web.live.kept().head.is_none() {
            web.live.read_on(web, seen).await?;
        }
        let (head, end) = {
            let kept = web.live.kept();
            (kept.head.unwrap_or_default(), kept.end())
        };
        let (seen, next) = match after {
            None => (head, Next::Shared(end)),
            Some(after) => (after, Next::Own { until: head, then: end }),
        };
        let ended = web.live.ended.subscribe();
        Ok(Ok(Self { seat, filter, commits, ended, ready: VecDeque::new(), seen, next }))
    }

    /// The next decision that the filter lets through; `None` when the server stops or the store cannot be read.
    pub async fn next(&mut self) -> Option<Arc<Decided>> {
        let mut ended = self.ended.clone();
        loop {
            while let Some(decided) = self.ready.pop_front() {
                if passes(&self.filter, &decided.row) {
                    return Some(decided);
                }
            }
            tokio::select! {
                // The sender goes with the server: both mean the same.
                _ = ended.wait_for(|ended| *ended) => return None,
                read = self.read() => match read {
                    Ok(true) => {}
                    Ok(false) => return None,
                    Err(error) => {
                        tracing::warn!(%error, "decisions could not be read for one who looks on");
                        return None;
                    }
                },
            }
        }
    }

    /// Comes back when there may be something ready; `false` when there will be no more.
    async fn read(&mut self) -> Result<bool, StoreError> {
        let web = &self.seat.0;
        match self.next {
            Next::Own { until, then } if self.seen == until => self.next = Next::Shared(then),
            Next::Own { until, .. } => {
                let Decisions { decided, at, .. } = web.live.read_between(web, self.seen, until).await?;
                self.ready.extend(decided.into_iter().map(Arc::new));
                self.seen = at;
            }
            Next::Shared(number) => {
                let commits = *self.commits.borrow_and_update();
                web.live.read_on(web, commits).await?;
                let waits = self.take_shared(number, commits);
                if waits {
                    return Ok(self.commits.changed().await.is_ok());
                }
            }
        }
        Ok(true)
    }

    /// Takes what is kept from this number on; says whether there is nothing more before another commit.
    fn take_shared(&mut self, number: u64, commits: u64) -> bool {
        let kept = self.seat.0.live.kept();
        let (head, end) = (kept.head.unwrap_or_default(), kept.end());
        let Some(taken) = number.checked_sub(kept.first) else {
            self.next = Next::Own { until: head, then: end };
            return false;
        };
        let taken = usize::try_from(taken).unwrap_or(usize::MAX);
        self.ready.extend(kept.decided.iter().skip(taken).map(Arc::clone));
        self.seen = head;
        self.next = Next::Shared(end);
        self.ready.is_empty() && kept.covers.is_some_and(|covers| commits <= covers)
    }
}

/// As the store would find it.
fn passes(filter: &PostbackFilter, row: &PostbackRow) -> bool {
    let PostbackFilter { outcome, reason, advertiser, click_id, txid, from, to } = filter;
    outcome.is_none_or(|outcome| outcome == row.outcome)
        && reason.is_none_or(|reason| reason == row.reason)
        && advertiser.as_ref().is_none_or(|advertiser| row.advertiser.as_ref() == Some(advertiser))
        && click_id.is_none_or(|click_id| row.click_id == Some(click_id))
        && txid.as_ref().is_none_or(|txid| row.fields.get("txid") == Some(txid))
        && from.is_none_or(|from| from <= row.at)
        && to.is_none_or(|to| row.at < to)
}
