//! Plays the plan against a running Proofback: real visits, real postbacks, several at a time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::book::Verdict;
use super::plan::Story;
use super::visits::Visit;
use super::{Simulation, World};
use crate::http::{Reply, encode};

/// How many visitors, and how many stories, are on their way at once.
const AT_ONCE: usize = 16;

/// One more of these is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    Visit,
    Postback,
    Delivery,
}

/// What was seen while the plan was played.
#[derive(Debug, Default)]
pub struct Run {
    /// How the postbacks were answered.
    pub(super) answers: BTreeMap<Verdict, u64>,
    /// The click id of each visit, as the landing page got it.
    pub(super) click_ids: Vec<Option<String>>,
    pub examples: Examples,
    /// What went otherwise than planned, in words.
    pub problems: Vec<String>,
}

/// What is worth a look in the end.
#[derive(Debug, Default)]
pub struct Examples {
    pub click_id: Option<String>,
    /// The postback with a click id that was cut.
    pub truncated_postback: Option<String>,
}

impl Simulation {
    /// Makes all visits, then sends all postbacks, to the Proofback at `base`.
    pub async fn run(&self, base: &str, mut progress: impl FnMut(Progress)) -> Run {
        let mut run = Run::default();
        let visitors = Arc::new(self.make_visits(base, &mut run, &mut progress).await);
        let mut stories = JoinSet::new();
        for story in 0..self.world.plan.stories.len() {
            if AT_ONCE <= stories.len() {
                join_story(&mut stories, &mut run, &mut progress).await;
            }
            stories.spawn(play(Arc::clone(&self.world), Arc::clone(&visitors), story, base.to_owned()));
        }
        while !stories.is_empty() {
            join_story(&mut stories, &mut run, &mut progress).await;
        }
        run.examples.click_id = run.click_ids.get(self.world.plan.example).cloned().flatten();
        run
    }

    /// Waits until the tracker took as many deliveries as it must; gives up after `limit`.
    pub async fn wait_for_deliveries(&self, limit: Duration, mut progress: impl FnMut(Progress)) -> bool {
        let tracker = &self.world.tracker;
        let all = async {
            for number in 1..=self.deliveries() {
                tracker.wait_for(number).await;
                progress(Progress::Delivery);
            }
        };
        tokio::time::timeout(limit, all).await.is_ok()
    }

    /// Each visit's cookie at the advertiser's site, in the order of the plan.
    async fn make_visits(
        &self,
        base: &str,
        run: &mut Run,
        progress: &mut impl FnMut(Progress),
    ) -> Vec<Option<String>> {
        let count = self.world.plan.visits.len();
        let mut visitors = vec![None; count];
        run.click_ids = vec![None; count];
        let mut visits = JoinSet::new();
        let mut next = 0;
        while next < count || !visits.is_empty() {
            if next < count && visits.len() < AT_ONCE {
                visits.spawn(visit(Arc::clone(&self.world), next, base.to_owned()));
                next += 1;
                continue;
            }
            match visits.join_next().await {
                Some(Ok((index, Ok(visitor)))) => {
                    let click_id = self.world.click_of(index, &visitor);
                    set(&mut run.click_ids, index, click_id);
                    set(&mut visitors, index, Some(visitor));
                }
                Some(Ok((index, Err(problem)))) => {
                    run.problems.push(format!("visit {}: {problem}", index + 1))
                }
                Some(Err(error)) => run.problems.push(format!("a visit broke off: {error}")),
                None => {}
            }
            progress(Progress::Visit);
        }
        visitors
    }
}

fn set<T>(list: &mut [T], index: usize, value: T) {
    if let Some(slot) = list.get_mut(index) {
        *slot = value;
    }
}

impl World {
    /// The click id with which a visit arrived at the site it was meant for.
    fn click_of(&self, visit: usize, visitor: &str) -> Option<String> {
        let visit = self.plan.visits.get(visit)?;
        self.sites.get(visit.advertiser)?.click_of(visitor)
    }
}

/// Follows a tracking link to the landing page; gives the cookie that the page set.
async fn visit(world: Arc<World>, index: usize, base: String) -> (usize, Result<String, String>) {
    let result = match world.plan.visits.get(index) {
        Some(visit) => follow(&world, visit, &base).await,
        None => Err("it is not in the plan".to_owned()),
    };
    (index, result)
}

async fn follow(world: &World, visit: &Visit, base: &str) -> Result<String, String> {
    let url = format!("{base}/c/{}?{}", visit.link, encode(&visit.query()));
    let headers = [
        ("user-agent", visit.user_agent),
        ("accept-language", "de-DE,de;q=0.9,en;q=0.7"),
        ("x-forwarded-for", visit.ip.as_str()),
        ("cf-ipcountry", visit.country),
    ];
    let say = |error: &dyn std::error::Error| error.to_string();
    let redirect = world.http.get_with(&url, &headers).await.map_err(|error| say(&error))?;
    let location = redirect.header("location").filter(|_| redirect.status == 302);
    let location = location.ok_or_else(|| format!("answered {} instead of a redirect", redirect.status))?;
    let site = world.sites.get(visit.advertiser).map(|site| format!("{}/lp/{}?", site.url(), visit.offer));
    if site.is_none_or(|site| !location.starts_with(&site)) {
        return Err(format!("redirected to {location}"));
    }
    let landed = world.http.get_with(location, &headers).await.map_err(|error| say(&error))?;
    let cookie = landed.header("set-cookie").and_then(|cookie| cookie.strip_prefix("visitor="));
    let visitor = cookie.filter(|_| landed.status == 200);
    visitor.map(str::to_owned).ok_or_else(|| format!("the landing page answered {}", landed.status))
}

/// What a story's postbacks were answered, and what was otherwise than planned.
#[derive(Default)]
struct Played {
    answers: Vec<Verdict>,
    truncated_postback: Option<String>,
    problems: Vec<String>,
}

async fn join_story(stories: &mut JoinSet<Played>, run: &mut Run, progress: &mut impl FnMut(Progress)) {
    match stories.join_next().await {
        Some(Ok(played)) => {
            for answer in played.answers {
                *run.answers.entry(answer).or_default() += 1;
                progress(Progress::Postback);
            }
            run.problems.extend(played.problems);
            run.examples.truncated_postback =
                run.examples.truncated_postback.take().or(played.truncated_postback);
        }
        Some(Err(error)) => run.problems.push(format!("a story broke off: {error}")),
        None => {}
    }
}

async fn play(world: Arc<World>, visitors: Arc<Vec<Option<String>>>, story: usize, base: String) -> Played {
    let mut played = Played::default();
    let Some(story) = world.plan.stories.get(story) else {
        return played;
    };
    place_orders(&world, &visitors, story, &mut played);
    for (number, step) in (1..).zip(&story.steps) {
        let mut answers = Vec::new();
        for reply in send_at_once(&world, story, number, &base).await {
            match reply.and_then(|reply| read(&reply)) {
                Ok((answer, postback_id)) => {
                    if answer.reason == "truncated_click_id" {
                        played.truncated_postback = postback_id;
                    }
                    answers.push(answer);
                }
                Err(problem) => played.problems.push(format!("{}, step {number}: {problem}", story.name)),
            }
        }
        answers.sort();
        if answers != step.answers {
            let (due, seen) = (words(&step.answers), words(&answers));
            played.problems.push(format!("{}, step {number}: due was {due}, the answer {seen}", story.name));
        }
        played.answers.extend(answers);
    }
    played
}

fn place_orders(world: &World, visitors: &[Option<String>], story: &Story, played: &mut Played) {
    let Some(site) = world.sites.get(story.advertiser) else {
        return;
    };
    for (order, visit) in &story.orders {
        let Some(visitor) = visitors.get(*visit).and_then(Option::as_deref) else {
            played.problems.push(format!("{}: its visitor never arrived", story.name));
            continue;
        };
        let at_home = world.plan.visits.get(*visit).is_some_and(|visit| visit.advertiser == story.advertiser);
        if at_home {
            site.place_order(visitor, order);
        } else if let Some(click_id) = world.click_of(*visit, visitor) {
            site.keep_order(order, &click_id);
        }
    }
}

/// Sends the postbacks of one step, all at the same moment.
async fn send_at_once(
    world: &Arc<World>,
    story: &Story,
    step: usize,
    base: &str,
) -> Vec<Result<Reply, String>> {
    let reports = story.steps.get(step - 1).map(|step| step.reports.as_slice()).unwrap_or_default();
    let mut sending = JoinSet::new();
    for report in reports {
        let (world, advertiser) = (Arc::clone(world), story.advertiser);
        let (report, base) = (report.clone(), base.to_owned());
        sending.spawn(async move {
            let site = world.sites.get(advertiser).ok_or_else(|| format!("{advertiser} has no site"))?;
            site.report(&base, &report).await.map_err(|error| error.to_string())
        });
    }
    let mut replies = Vec::new();
    while let Some(sent) = sending.join_next().await {
        replies.push(sent.unwrap_or_else(|error| Err(format!("a postback broke off: {error}"))));
    }
    replies
}

/// The answer to a postback, and the id under which it is in the log.
fn read(reply: &Reply) -> Result<(Verdict, Option<String>), String> {
    let body = reply.json().map_err(|error| error.to_string())?;
    let text = |name: &str| body.get(name).and_then(serde_json::Value::as_str).map(str::to_owned);
    let (Some(outcome), Some(reason)) = (text("outcome"), text("reason")) else {
        return Err(format!("answered {} without an outcome", reply.status));
    };
    let answer = Verdict { outcome: outcome.into(), reason: reason.into(), status: reply.status };
    Ok((answer, text("postback_id")))
}

fn words(answers: &[Verdict]) -> String {
    let word = |answer: &Verdict| format!("{}/{} ({})", answer.outcome, answer.reason, answer.status);
    answers.iter().map(word).collect::<Vec<_>>().join(" + ")
}
