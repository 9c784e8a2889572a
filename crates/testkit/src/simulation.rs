//! The demo's world: a plan drawn from a seed, the servers that play it, and the audit of what came of it.

mod audit;
mod book;
mod cast;
mod faults;
mod plan;
mod reader;
mod run;
mod stories;
mod verdicts;
mod visits;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::advertiser::{AdvertiserSite, SiteOptions};
use crate::http::Http;
use crate::tracker::PartnerTracker;
use cast::{ADVERTISERS, FLAKY_PATH, FLAKY_TIMES, PROGRAM, TRACKER_HOST};
use plan::Plan;

pub use audit::{Audit, Row, Table};
pub use reader::ReadError;
pub use run::{Examples, Progress, Run};

/// A plan and the simulated servers that it needs; cheap to clone.
#[derive(Clone)]
pub struct Simulation {
    world: Arc<World>,
}

struct World {
    plan: Plan,
    http: Http,
    /// Advertiser = his site.
    sites: BTreeMap<&'static str, AdvertiserSite>,
    tracker: PartnerTracker,
}

impl Simulation {
    /// Draws the plan and starts the advertisers' sites and the partners' tracker; `size` is how many times over.
    pub async fn start(seed: u64, size: usize) -> std::io::Result<Self> {
        let mut sites = BTreeMap::new();
        for advertiser in &ADVERTISERS {
            let options = SiteOptions {
                advertiser: advertiser.id.to_owned(),
                token: advertiser.token.to_owned(),
                dialect: advertiser.dialect,
            };
            sites.insert(advertiser.id, AdvertiserSite::start(options).await?);
        }
        let tracker = PartnerTracker::start().await?;
        tracker.fail_first(Some(FLAKY_PATH), FLAKY_TIMES, 503);
        let world = World { plan: Plan::write(seed, size), http: Http::new(), sites, tracker };
        Ok(Self { world: Arc::new(world) })
    }

    /// The program file, with the addresses of the simulated servers in it.
    pub fn program(&self) -> String {
        let sites = ADVERTISERS.iter().filter_map(|advertiser| {
            let site = self.world.sites.get(advertiser.id)?;
            Some((advertiser.host, site.url()))
        });
        let hosts = sites.chain([(TRACKER_HOST, self.world.tracker.url())]);
        hosts.fold(PROGRAM.to_owned(), |program, (host, url)| program.replace(host, &url))
    }

    /// The secret that the program names as `env:{name}`.
    pub fn secret(&self, name: &str) -> Option<&'static str> {
        ADVERTISERS.iter().find(|advertiser| advertiser.secret == name).map(|advertiser| advertiser.token)
    }

    pub fn visits(&self) -> usize {
        self.world.plan.visits.len()
    }

    pub fn postbacks(&self) -> usize {
        self.world.plan.postbacks()
    }

    /// How many deliveries the tracker must take.
    pub fn deliveries(&self) -> usize {
        self.world.plan.book.told().values().map(Vec::len).sum()
    }

    pub fn tracker(&self) -> &PartnerTracker {
        &self.world.tracker
    }
}
