//! The program: everything that is configured in one installation, checked as a whole when it is read.
//!
//! Nothing outside `file` makes a `Program`, so one that exists is consistent: every name it mentions is there.

mod file;
pub mod fraud;
mod hidden;
mod reader;
mod retention;
mod signature;
pub mod target;
mod terms;
mod words;

use std::collections::BTreeMap;

use ipnet::IpNet;

use crate::calendar::{Day, Zone};
use crate::click_id::{Keys, Prefix};
use crate::money::{Currencies, Currency, Money};
use crate::name::Name;
use crate::outcome::Status;
use crate::rates::{Converted, RateMissing, Rates};
use crate::template::Template;
use crate::time::{Span, Timestamp};

pub use file::read;
pub use fraud::{Ranges, Rule};
pub use hidden::Hidden;
pub(crate) use reader::did_you_mean;
pub use reader::{Mistake, Severity};
pub use retention::Retention;
pub(crate) use signature::WEBHOOK_ID;
pub use signature::{Carrier, Encoding, Form, Hash, Piece, Signature};
pub use target::{Owner, Target, Way};
pub use terms::{Occasion, Price, Step, Terms, Tiers, Volume, When};
pub use words::{FIELDS, default_names};

#[derive(Debug, Clone, PartialEq)]
pub struct Program {
    pub name: String,
    /// The reporting currency.
    pub currency: Currency,
    pub currencies: Currencies,
    /// The smallest sum that is paid out, per currency; a partner may have one of its own.
    pub min_payouts: Vec<Money>,
    /// How many days old a rate may be that stands in for one of the day itself.
    pub rate_days_max: u32,
    /// Days of caps and reports are counted in it.
    pub timezone: Zone,
    pub base_url: String,
    pub advertisers: BTreeMap<Name, Advertiser>,
    pub offers: BTreeMap<Name, Offer>,
    pub partners: BTreeMap<Name, Partner>,
    pub links: BTreeMap<Name, Link>,
    /// Everybody who is told, whoever they belong to.
    pub targets: BTreeMap<Name, Target>,
    /// Those targets that are the operator's own, in the order of the file.
    pub webhooks: Vec<Name>,
    /// In the order of the file.
    pub fraud: Vec<Rule>,
    /// The addresses of data centres, for the rules that ask for them.
    pub datacenters: Ranges,
    pub retention: Retention,
}

/// At most so many conversions in a period; those beyond it are held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cap {
    pub per: CapPeriod,
    pub conversions: u32,
}

/// Days and months are those of the program's time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CapPeriod {
    Day,
    Month,
    Total,
}

/// Whoever sends us postbacks.
#[derive(Debug, Clone, PartialEq)]
pub struct Advertiser {
    pub id: Name,
    pub name: String,
    /// Taken when a postback names none.
    pub currency: Option<Currency>,
    pub postback: PostbackRules,
}

/// How an advertiser's postbacks are authenticated and read.
#[derive(Debug, Clone, PartialEq)]
pub struct PostbackRules {
    /// Runs without token, signature or address list, by the operator's word.
    pub open: bool,
    /// While a token is exchanged there are several, and any of them counts. Empty: none is asked for.
    pub tokens: Vec<SecretRef>,
    /// A request header that may carry the token, beside the other places.
    pub token_header: Option<String>,
    pub signature: Option<Signature>,
    /// Empty: any address.
    pub allow_ips: Vec<IpNet>,
    pub require_https: bool,
    pub rate_limit: Option<RateLimit>,
    pub reply: Reply,
    /// Our field's name = the parameter that carries it.
    pub params: BTreeMap<String, String>,
    /// Their word = our event.
    pub events: BTreeMap<String, Name>,
    /// Their word = our status.
    pub statuses: BTreeMap<String, Status>,
}

/// A secret by reference; the program never holds its value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SecretRef {
    Env(String),
    File(String),
}

/// At most `count` postbacks in `per` in the long run, and `burst` at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    pub count: u32,
    pub per: Span,
    pub burst: u32,
}

/// How answers are given to the sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// The status that belongs to the reason.
    Status,
    /// 200 for every decided postback, for senders that retry on anything else.
    Always200,
}

/// A destination with its goals.
#[derive(Debug, Clone, PartialEq)]
pub struct Offer {
    pub id: Name,
    pub advertiser: Name,
    pub name: String,
    pub url: Template,
    /// A first conversion later than this after the click is rejected.
    pub window: Option<Span>,
    /// For events that come without a txid.
    pub dedupe_window: Span,
    pub goals: Vec<Goal>,
    /// Over all its goals together.
    pub caps: Vec<Cap>,
    pub targets: Vec<Name>,
}

/// An event that an offer counts.
#[derive(Debug, Clone, PartialEq)]
pub struct Goal {
    pub event: Name,
    /// For everybody who has no other ones.
    pub terms: Terms,
    /// Other terms, in the order of the file; the first that hold count.
    pub others: Vec<Terms>,
    /// Empty: any.
    pub allowed_payouts: Vec<Money>,
    pub approval: Approval,
    pub duplicates: Duplicates,
    pub caps: Vec<Cap>,
}

/// Who says that a conversion is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Approval {
    /// Approved unless the sender's status holds it back.
    Auto,
    /// The status that the sender names; none: pending.
    Postback,
    /// A person, whatever the sender says in favour.
    Manual,
    /// Time, whatever the sender says in favour.
    After(Span),
}

/// What a second txid for the same click and event means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Duplicates {
    New,
    Ignore,
    Update,
    Add,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartnerKind {
    Affiliate,
    /// Earns no commission unless it has terms of its own.
    TrafficSource,
}

/// Whoever sends us clicks.
#[derive(Debug, Clone, PartialEq)]
pub struct Partner {
    pub id: Name,
    pub name: String,
    pub kind: PartnerKind,
    /// The parameter on our links that carries the partner's own click id.
    pub click_id_param: String,
    /// The parameter on our links that carries what the click cost.
    pub cost_param: String,
    /// A packed sub id = the names of its parts, separated by `|`.
    pub split: BTreeMap<String, Vec<String>>,
    pub terms: Vec<PartnerTerms>,
    pub targets: Vec<Name>,
    pub min_payouts: Vec<Money>,
    /// Over all offers together.
    pub caps: Vec<Cap>,
}

/// A partner's own terms for one goal.
#[derive(Debug, Clone, PartialEq)]
pub struct PartnerTerms {
    pub offer: Name,
    pub event: Name,
    pub terms: Terms,
    /// This partner's own for this goal.
    pub caps: Vec<Cap>,
}

/// What a target can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Happening {
    ConversionCreated,
    ConversionApproved,
    ConversionRejected,
    ConversionReversed,
    CommissionEarned,
    CommissionAdjusted,
    /// From here on for webhooks alone: they are the operator's.
    ClickCreated,
    PostbackRejected,
    DeliveryFailed,
    PayoutPaid,
    /// A target is on its way to being paused.
    TargetFailing,
    TargetPaused,
    /// A report that comes by itself was computed.
    ReportReady,
}

/// A tracking link of one partner.
#[derive(Debug, Clone, PartialEq)]
pub struct Link {
    pub id: Name,
    pub partner: Name,
    /// At least one.
    pub routes: Vec<Route>,
    pub paused: bool,
    pub fallback_url: Option<Template>,
    pub targets: Vec<Name>,
}

/// One way a link can lead.
#[derive(Debug, Clone, PartialEq)]
pub struct Route {
    pub offer: Name,
    /// Its share among the routes that match.
    pub weight: u32,
    pub when: Conditions,
}

/// What a visit must show for a route to be taken; an empty list asks nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Conditions {
    /// ISO 3166 codes in capitals.
    pub country: Vec<String>,
    /// `mobile`, `tablet`, `desktop` or `bot`.
    pub device: Vec<String>,
}

/// One revision of the program with all that is needed to work by it; swapped whole, never changed.
#[derive(Debug, Clone)]
pub struct Snapshot {
    pub revision: u32,
    pub program: Program,
    /// Every link number ever given, with its link's name.
    numbers: BTreeMap<u32, Name>,
    numbers_by_link: BTreeMap<Name, u32>,
    pub secrets: Secrets,
    /// Likewise, to keep them out of what is stored.
    pub hidden: Hidden,
    pub keys: Keys,
    pub rates: Rates,
}

/// The values behind the program's references.
#[derive(Clone, Default)]
pub struct Secrets(pub BTreeMap<SecretRef, String>);

/// No click is older than 2024-01-01.
const FIRST_CLICK: Timestamp = Timestamp::constant(1_704_067_200_000);
/// How far ahead of ours another node's clock may be.
const CLOCKS_APART: Span = Span::from_seconds(86_400);

impl Happening {
    pub const ALL: [Self; 13] = [
        Self::ConversionCreated,
        Self::ConversionApproved,
        Self::ConversionRejected,
        Self::ConversionReversed,
        Self::CommissionEarned,
        Self::CommissionAdjusted,
        Self::ClickCreated,
        Self::PostbackRejected,
        Self::DeliveryFailed,
        Self::PayoutPaid,
        Self::TargetFailing,
        Self::TargetPaused,
        Self::ReportReady,
    ];

    /// What everybody can be told who has a target.
    pub const FOR_PARTNERS: [Self; 6] = [
        Self::ConversionCreated,
        Self::ConversionApproved,
        Self::ConversionRejected,
        Self::ConversionReversed,
        Self::CommissionEarned,
        Self::CommissionAdjusted,
    ];

    pub fn code(self) -> &'static str {
        match self {
            Self::ConversionCreated => "conversion.created",
            Self::ConversionApproved => "conversion.approved",
            Self::ConversionRejected => "conversion.rejected",
            Self::ConversionReversed => "conversion.reversed",
            Self::CommissionEarned => "commission.earned",
            Self::CommissionAdjusted => "commission.adjusted",
            Self::ClickCreated => "click.created",
            Self::PostbackRejected => "postback.rejected",
            Self::DeliveryFailed => "delivery.failed",
            Self::PayoutPaid => "payout.paid",
            Self::TargetFailing => "target.failing",
            Self::TargetPaused => "target.paused",
            Self::ReportReady => "report.ready",
        }
    }

    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|happening| happening.code() == code)
    }
}

impl CapPeriod {
    pub fn code(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Month => "month",
            Self::Total => "total",
        }
    }
}

impl SecretRef {
    /// Reads `env:NAME` or `file:PATH`.
    pub fn parse(text: &str) -> Option<Self> {
        match text.split_once(':') {
            Some(("env", name)) if !name.is_empty() => Some(Self::Env(name.into())),
            Some(("file", path)) if !path.is_empty() => Some(Self::File(path.into())),
            _ => None,
        }
    }
}

impl std::fmt::Display for SecretRef {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Env(name) => write!(formatter, "env:{name}"),
            Self::File(path) => write!(formatter, "file:{path}"),
        }
    }
}

impl Program {
    /// Every secret that the program refers to, each once.
    pub fn secrets(&self) -> std::collections::BTreeSet<&SecretRef> {
        let rules = self.advertisers.values().map(|advertiser| &advertiser.postback);
        let inbound = rules.flat_map(|rules| rules.tokens.iter().chain(rules.signing_secrets()));
        inbound.chain(self.targets.values().flat_map(Target::secrets)).collect()
    }

    /// The operator's own targets.
    pub fn webhooks(&self) -> impl Iterator<Item = &Target> {
        self.webhooks.iter().filter_map(|id| self.targets.get(id))
    }

    /// The smallest sum that this partner is paid in a currency.
    pub fn min_payout(&self, partner: &Name, currency: Currency) -> Money {
        let own = self.partners.get(partner).into_iter().flat_map(|partner| &partner.min_payouts);
        let mut smallest = own.chain(&self.min_payouts).filter(|money| money.currency == currency);
        smallest.next().copied().unwrap_or(Money::zero(currency))
    }

    /// The advertiser that every route of a link leads to, if it is one.
    pub fn advertiser_of(&self, link: &Link) -> Option<&Advertiser> {
        let mut advertisers =
            link.routes.iter().map(|route| self.offers.get(&route.offer).map(|offer| &offer.advertiser));
        let first = advertisers.next()??;
        let same = advertisers.all(|other| other == Some(first));
        if same { self.advertisers.get(first) } else { None }
    }
}

impl PostbackRules {
    fn signing_secrets(&self) -> &[SecretRef] {
        self.signature.as_ref().map_or(&[], |signature| &signature.secrets)
    }
}

impl Snapshot {
    pub fn new(
        revision: u32,
        program: Program,
        numbers: BTreeMap<u32, Name>,
        secrets: Secrets,
        keys: Keys,
    ) -> Self {
        let numbers_by_link = numbers.iter().map(|(number, link)| (link.clone(), *number)).collect();
        let hidden = Hidden::new(secrets.0.values());
        let rates = Rates::default();
        Self { revision, program, numbers, numbers_by_link, secrets, hidden, keys, rates }
    }

    /// The same installation under another revision of its program.
    pub fn under(&self, revision: u32, program: Program) -> Self {
        Self { revision, program, ..self.clone() }
    }

    /// The same program with these exchange rates.
    pub fn with_rates(self, rates: Rates) -> Self {
        Self { rates, ..self }
    }

    /// Money in another currency by the rates of this day.
    pub fn convert(&self, money: Money, to: Currency, day: Day) -> Result<Converted, RateMissing> {
        self.rates.convert(money, to, day, self.program.rate_days_max)
    }

    /// The number that a link's click ids carry.
    pub fn number(&self, link: &Name) -> Option<u32> {
        self.numbers_by_link.get(link).copied()
    }

    /// The link that a number stands for; `None` for a number never given or a link no longer there.
    pub fn link(&self, number: u32) -> Option<&Link> {
        self.program.links.get(self.numbers.get(&number)?)
    }

    /// Whether a time and a link number can be those of a click id of ours.
    pub fn fits(&self, prefix: &Prefix, now: Timestamp) -> bool {
        let known = self.numbers.contains_key(&prefix.link);
        known && FIRST_CLICK <= prefix.at && prefix.at <= now.plus(CLOCKS_APART)
    }

    pub fn secret(&self, reference: &SecretRef) -> Option<&str> {
        self.secrets.0.get(reference).map(String::as_str)
    }
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Secrets({} of them)", self.0.len())
    }
}

impl Offer {
    pub fn goal(&self, event: &str) -> Option<&Goal> {
        self.goals.iter().find(|goal| goal.event.as_str() == event)
    }
}

impl Goal {
    /// The terms for everybody that hold here.
    pub fn terms_for(&self, occasion: Occasion<'_>) -> &Terms {
        self.others.iter().find(|terms| terms.when.holds(occasion)).unwrap_or(&self.terms)
    }
}

impl Partner {
    /// This partner's own terms that hold here: the first that ask for something, else those that ask for nothing.
    pub fn terms_for(&self, offer: &Name, event: &Name, occasion: Occasion<'_>) -> Option<&PartnerTerms> {
        let fits = |own: &&PartnerTerms| {
            own.offer == *offer && own.event == *event && own.terms.when.holds(occasion)
        };
        let mut fitting = self.terms.iter().filter(fits);
        let special = fitting.clone().find(|own| !own.terms.when.is_always());
        special.or_else(|| fitting.next())
    }
}
