//! Thirty days of made-up traffic: every click is a function of its place, so that none has to be kept.

use std::fmt::Write as _;

use proofback_domain::click::{Click, Details};
use proofback_domain::click_id::Prefix;
use proofback_domain::program::Snapshot;
use proofback_domain::time::Timestamp;
use proofback_domain::user_agent::families;

/// 2026-10-01T00:00:00Z
pub const START: i64 = 1_790_812_800_000;
pub const DAY_MS: i64 = 86_400_000;
pub const DAYS: i64 = 30;
const ADVERTISERS: usize = 3;
const OFFERS: usize = 20;
const PARTNERS: usize = 12;
const LINKS: usize = 40;
const CAMPAIGNS: usize = 200;
/// Ad sets, creatives and placements of one campaign together.
const PACKED_PER_CAMPAIGN: usize = 25;
const KEYWORDS: usize = 2_000;
const COUNTRIES: [&str; 60] = [
    "DE", "US", "GB", "FR", "IT", "ES", "PL", "BR", "AT", "CH", "NL", "SE", "NO", "DK", "FI", "BE", "PT",
    "CZ", "HU", "RO", "GR", "IE", "CA", "MX", "AR", "CL", "CO", "PE", "AU", "NZ", "JP", "KR", "IN", "ID",
    "TH", "VN", "PH", "MY", "SG", "TR", "UA", "BG", "HR", "SK", "SI", "LT", "LV", "EE", "ZA", "NG", "KE",
    "EG", "MA", "IL", "AE", "SA", "QA", "TW", "HK", "RS",
];
const LANGUAGES: [&str; 8] = [
    "de-DE,de;q=0.9,en;q=0.8",
    "en-US,en;q=0.9",
    "fr-FR,fr;q=0.9",
    "it-IT,it;q=0.9",
    "es-ES,es;q=0.9",
    "pl-PL,pl;q=0.9",
    "pt-BR,pt;q=0.9",
    "de,en;q=0.5",
];

/// SplitMix64: numbers without order, the same for the same seed.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x1234_5678_9abc_def0)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, count: usize) -> usize {
        usize::try_from(self.next() % count as u64).unwrap()
    }

    /// Letters and digits without order.
    fn letters(&mut self, count: usize) -> String {
        const LETTERS: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
        (0..count).map(|_| char::from(LETTERS[self.below(LETTERS.len())])).collect()
    }

    /// One of a list of which the second comes half as often as the first, the third a third as often.
    fn zipf(&mut self, reaches: &[u64]) -> usize {
        let at = self.next() % reaches.last().unwrap();
        reaches.partition_point(|reach| *reach <= at)
    }
}

fn zipf_reaches(count: usize) -> Vec<u64> {
    let mut reach = 0;
    let weight = |place: usize| 1_000_000_000 / (place as u64 + 1);
    (0..count)
        .map(|place| {
            reach += weight(place);
            reach
        })
        .collect()
}

/// How a converted click goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// The conversion is pending.
    Begins,
    /// It is approved.
    Approved,
}

pub struct World<'a> {
    pub snapshot: &'a Snapshot,
    pub count: usize,
    user_agents: Vec<String>,
    countries: Vec<u64>,
    subs: Vec<u64>,
    campaigns: Vec<u64>,
    keywords: Vec<u64>,
    link_numbers: Vec<u32>,
    links_of_partner: Vec<Vec<usize>>,
}

pub fn program() -> String {
    let mut text = String::from("[program]\nname = \"Bench\"\ncurrency = \"EUR\"\n");
    for advertiser in 0..ADVERTISERS {
        write!(text, "[[advertiser]]\nid = \"a{advertiser}\"\n[advertiser.postback]\nopen = true\n").unwrap();
    }
    for offer in 0..OFFERS {
        write!(
            text,
            "[[offer]]\nid = \"offer-{offer}\"\nadvertiser = \"a{}\"\nurl = \"https://a.example/?c={{click_id}}\"\n\
             [[offer.goal]]\nevent = \"sale\"\npayout = \"10 EUR\"\nrevenue = \"15 EUR\"\n",
            offer % ADVERTISERS
        )
        .unwrap();
    }
    for partner in 0..PARTNERS {
        write!(
            text,
            "[[partner]]\nid = \"partner-{partner}\"\n\
             split = {{ sub2 = \"campaign|adset|creative|placement\" }}\n"
        )
        .unwrap();
    }
    for link in 0..LINKS {
        writeln!(
            text,
            "[[link]]\nid = \"link-{link}\"\npartner = \"partner-{}\"\noffer = \"offer-{}\"",
            link % PARTNERS,
            link % OFFERS
        )
        .unwrap();
    }
    text
}

/// A hundred and fifty browsers, the first ones bots.
fn user_agents() -> Vec<String> {
    let systems = [
        "Windows NT 10.0; Win64; x64",
        "Macintosh; Intel Mac OS X 10_15_7",
        "Linux; Android 15; SM-S921B",
        "Linux; Android 14; Pixel 8",
        "iPhone; CPU iPhone OS 18_6 like Mac OS X",
        "iPad; CPU OS 18_5 like Mac OS X",
        "X11; Linux x86_64",
    ];
    let mut all: Vec<String> = (0..5)
        .map(|version| {
            format!("Mozilla/5.0 (compatible; Googlebot/2.{version}; +http://www.google.com/bot.html)")
        })
        .collect();
    for number in 0..145 {
        let system = systems[number % systems.len()];
        let version = 120 + number / systems.len();
        let browser = match number % 3 {
            0 => format!("Chrome/{version}.0.0.0 Safari/537.36"),
            1 => format!("Version/{}.{} Safari/605.1.15", version / 8, version % 8),
            _ => format!("Chrome/{version}.0.0.0 Safari/537.36 Edg/{version}.0.0.0"),
        };
        all.push(format!("Mozilla/5.0 ({system}) AppleWebKit/537.36 (KHTML, like Gecko) {browser}"));
    }
    all
}

impl<'a> World<'a> {
    pub fn new(snapshot: &'a Snapshot, count: usize) -> Self {
        let number = |link: usize| {
            let name = format!("link-{link}");
            snapshot.number(&snapshot.program.links[name.as_str()].id).unwrap()
        };
        Self {
            snapshot,
            count,
            user_agents: user_agents(),
            countries: zipf_reaches(COUNTRIES.len()),
            subs: zipf_reaches(50),
            campaigns: zipf_reaches(CAMPAIGNS),
            keywords: zipf_reaches(KEYWORDS),
            link_numbers: (0..LINKS).map(number).collect(),
            links_of_partner: (0..PARTNERS)
                .map(|partner| (0..LINKS).filter(|link| link % PARTNERS == partner).collect())
                .collect(),
        }
    }

    /// When the click in this place came: evenly spread.
    pub fn at(&self, index: usize) -> i64 {
        let part = index as u128 * (DAYS * DAY_MS).unsigned_abs() as u128 / self.count as u128;
        START + i64::try_from(part).unwrap()
    }

    pub fn prefix(&self, index: usize) -> Prefix {
        let mut random = Random::new(index as u64);
        let link = self.link(&mut random).1;
        let serial = u32::try_from(index & ((1 << 22) - 1)).unwrap();
        Prefix { at: Timestamp::from_millis(self.at(index)), serial, link: self.link_numbers[link] }
    }

    /// A campaign belongs to one partner, who has three or four links.
    fn link(&self, random: &mut Random) -> (usize, usize) {
        let campaign = random.zipf(&self.campaigns);
        let links = &self.links_of_partner[campaign % PARTNERS];
        (campaign, links[random.below(links.len())])
    }

    pub fn click(&self, index: usize) -> Click {
        let mut random = Random::new(index as u64);
        let (campaign, link) = self.link(&mut random);
        let packed = random.below(PACKED_PER_CAMPAIGN);
        let keyword = random.zipf(&self.keywords);
        let prefix = self.prefix(index);
        let link = &self.snapshot.program.links[format!("link-{link}").as_str()];
        let offer = link.routes[0].offer.clone();
        let mut details = Details {
            cost: format!("0.{:03}", 20 + random.below(180)),
            source: ["google", "meta", "tiktok", "native"][campaign % 4].into(),
            others: vec![
                ("utm_campaign".into(), format!("campaign-{campaign:03}")),
                ("utm_term".into(), format!("keyword {keyword}")),
            ],
            route: "always".into(),
            ..Details::default()
        };
        self.visitor(&mut random, &mut details);
        details.set_sub(1, format!("sub-{}", random.zipf(&self.subs)));
        details.set_sub(
            2,
            format!(
                "campaign-{campaign:03}|set-{}|ad-{packed:02}|{}",
                packed / 5,
                ["feed", "story"][packed % 2]
            ),
        );
        if random.below(3) == 0 {
            details.set_sub(3, format!("{:016x}", random.next()));
        }
        if random.below(10) < 6 {
            details.partner_click_id = random.letters(20);
        }
        Click {
            id: self.snapshot.keys.sign(prefix),
            at: prefix.at,
            link: link.id.clone(),
            partner: link.partner.clone(),
            advertiser: self.snapshot.program.offers[&offer].advertiser.clone(),
            offer,
            details,
        }
    }

    /// Every visitor comes three times, from one place with one browser.
    fn visitor(&self, random: &mut Random, details: &mut Details) {
        let mut visitor = Random::new(random.below((self.count / 3).max(1)) as u64 ^ 0xfeed_0000_0000);
        let country = visitor.zipf(&self.countries);
        let (region, city) = (visitor.below(5), visitor.below(4));
        let bytes = visitor.next().to_be_bytes();
        details.ip = format!("{}.{}.{}.{}", 11 + bytes[0] % 200, bytes[1], bytes[2], bytes[3]);
        let bot = random.below(100) < 3;
        let browser = if bot { visitor.below(5) } else { 5 + visitor.below(145) };
        let user_agent = &self.user_agents[browser];
        let found = families(user_agent);
        details.device = found.device.into();
        details.os = found.os.into();
        details.browser = found.browser.into();
        details.user_agent.clone_from(user_agent);
        details.country = COUNTRIES[country].into();
        details.region = format!("{}-{region}", COUNTRIES[country]);
        details.city = format!("City {}", country * 20 + region * 4 + city);
        details.asn = (3_000 + country * 8 + visitor.below(8)).to_string();
        details.language = LANGUAGES[country % LANGUAGES.len()].into();
        if random.below(10) < 4 {
            details.referrer = format!("https://www.site{}.example/", random.below(30));
        }
    }

    /// What follows from a click, and when, as milliseconds after it; of one in fifty something does.
    pub fn follows(&self, index: usize) -> Vec<(i64, Step)> {
        let mut random = Random::new(index as u64 ^ 0xc0de_0000_0000_0000);
        if random.below(50) != 0 {
            return Vec::new();
        }
        let begins = i64::try_from(60_000 + random.below(7_200_000)).unwrap();
        match random.below(5) {
            0 => vec![(begins, Step::Begins)],
            _ => vec![(begins, Step::Begins), (begins + DAY_MS, Step::Approved)],
        }
    }

    /// Payout, revenue and amount of a converted click, in millionths.
    pub fn money(&self, index: usize) -> [i64; 3] {
        let amount = 20_000_000 + i64::try_from(index * 7_919 % 20_000).unwrap() * 10_000;
        [amount / 10, amount * 15 / 100, amount]
    }
}
