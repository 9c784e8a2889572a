//! The visits of the demo: who comes through which link, and with what.

use super::cast::{OFFERS, PARTNERS, Partner};
use crate::random::Random;

/// One visitor who follows a tracking link.
pub struct Visit {
    pub partner: &'static Partner,
    pub offer: &'static str,
    pub advertiser: &'static str,
    pub link: String,
    /// The partner's own id for the click.
    pub click_id: String,
    pub cost: String,
    pub sub1: String,
    pub sub2: String,
    pub source: &'static str,
    pub user_agent: &'static str,
    /// Where the visitor seems to come from.
    pub ip: String,
    pub country: &'static str,
}

const USER_AGENTS: [&str; 8] = [
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (Linux; Android 14; SM-X710) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0",
    "Mozilla/5.0 (Linux; Android 13; 2201117TG) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36",
];
const CREATIVES: [&str; 6] = ["reels", "story-3", "banner 300x250", "größe", "a&b=c", "mail/2026-11"];
const SOURCES: [&str; 4] = ["instagram", "newsletter", "push", "native"];
const COUNTRIES: [&str; 6] = ["DE", "AT", "CH", "PL", "US", "BR"];

impl Visit {
    pub fn new(
        number: usize,
        partner: &'static Partner,
        offer: (&'static str, &'static str),
        random: &mut Random,
    ) -> Self {
        let (offer, advertiser) = offer;
        Self {
            partner,
            offer,
            advertiser,
            link: format!("{}-{advertiser}", partner.id),
            click_id: format!("{}-{number:05}-{:04x}", partner.prefix, random.between(0, 0xffff)),
            cost: format!("0.{:04}", random.between(1, 2_500)),
            sub1: random.pick(&CREATIVES).to_owned(),
            sub2: format!("campaign-{}", random.between(1, 40)),
            source: random.pick(&SOURCES),
            user_agent: random.pick(&USER_AGENTS),
            ip: format!("203.0.113.{}", random.between(1, 254)),
            country: random.pick(&COUNTRIES),
        }
    }

    /// Someone through any of the links.
    pub fn any(number: usize, random: &mut Random) -> Self {
        let partner = random.pick(&PARTNERS.each_ref());
        let offer = random.pick(&OFFERS);
        Self::new(number, partner, offer, random)
    }

    /// The parameters on the link.
    pub fn query(&self) -> [(&str, &str); 6] {
        [
            (self.partner.click_param, &self.click_id),
            (self.partner.cost_param, &self.cost),
            ("sub1", &self.sub1),
            ("sub2", &self.sub2),
            ("source", self.source),
            ("placement", "top"),
        ]
    }

    /// What a click of this visit must show in the API.
    pub fn facts(&self) -> [(&'static str, &str); 8] {
        [
            ("link", &self.link),
            ("partner", self.partner.id),
            ("offer", self.offer),
            ("partner_click_id", &self.click_id),
            ("cost", &self.cost),
            ("sub1", &self.sub1),
            ("sub2", &self.sub2),
            ("source", self.source),
        ]
    }
}
