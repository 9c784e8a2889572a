//! Targets: who is told of what, and by which way.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use crate::conversion::Conversion;
use crate::conversion_api::Api;
use crate::delivery::{HealthPolicy, Verb};
use crate::name::Name;
use crate::outbound_signature::Signing;
use crate::outcome::{Reason, Status};
use crate::program::{Happening, RateLimit, SecretRef};
use crate::template::{Macro, Template};
use crate::time::{Span, Timestamp};

/// Where nothing else is said. A target that is no longer in the program has it, too.
pub const DRAIN: RateLimit = RateLimit { count: 100, per: Span::from_seconds(1), burst: 100 };

/// A place that is told what happened.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    pub id: Name,
    pub owner: Owner,
    pub wants: Wants,
    pub way: Way,
    /// It is told so long after what happened.
    pub delay: Option<Span>,
    /// Of a hundred conversions it is told of so many.
    pub share: u8,
    pub rate_limit: Option<RateLimit>,
    /// It is paused when it took nothing for so long; `None`: as long as a delivery is tried.
    pub pause_after: Option<Span>,
    /// It is told beside targets of a more special level, too.
    pub always: bool,
}

/// Where a target is configured, from the general to the special.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owner {
    /// Whoever runs this installation.
    Operator,
    Partner(Name),
    Offer(Name),
    Link(Name),
}

/// What a target is told of; an empty list, except the first one, asks for nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wants {
    pub on: Vec<Happening>,
    /// Our events, which are the names of goals.
    pub events: Vec<Name>,
    /// The status that the conversion has now.
    pub statuses: Vec<Status>,
    /// Why the postback behind it was decided as it was.
    pub reasons: Vec<Reason>,
    pub offers: Vec<Name>,
    pub partners: Vec<Name>,
}

/// How a target is told.
#[derive(Debug, Clone, PartialEq)]
pub enum Way {
    /// A request built from templates.
    Postback(Box<Call>),
    /// A signed JSON document.
    Webhook(Webhook),
    /// A platform's own interface, several at once.
    ConversionApi(Box<Connection>),
}

/// The request of a postback.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    pub verb: Verb,
    pub url: Template,
    pub headers: Vec<(String, Template)>,
    pub body: Body,
    pub expect: Expect,
    pub sign: Option<Signing>,
    /// What `{secret.NAME}` stands for in its templates.
    pub secrets: BTreeMap<String, SecretRef>,
    /// The preset that its address was made from.
    pub preset: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    Empty,
    Form(Vec<(String, Template)>),
    Json(Template),
    Raw { content_type: String, text: Template },
}

/// The answer by which a delivery is known to have been taken.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expect {
    /// Empty: any from 200 to 299.
    pub statuses: Vec<u16>,
    /// What the body holds; `*` stands for anything.
    pub body: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Webhook {
    pub url: String,
    /// The newest first; while one is exchanged, each signs.
    pub secrets: Vec<SecretRef>,
}

/// A connection to a platform, with its secrets by the names of its settings.
#[derive(Debug, Clone, PartialEq)]
pub struct Connection {
    pub api: Api,
    pub secrets: BTreeMap<String, SecretRef>,
}

/// How special a target is for a conversion. Of those told of one happening, only the most special ones are, and
/// those that always are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Partner,
    Offer,
    Link,
}

impl Target {
    pub fn level(&self) -> Level {
        match &self.owner {
            Owner::Link(_) => Level::Link,
            Owner::Offer(_) => Level::Offer,
            Owner::Operator | Owner::Partner(_) if self.wants.offers.is_empty() => Level::Partner,
            Owner::Operator | Owner::Partner(_) => Level::Offer,
        }
    }

    /// Whether it belongs to the declared share that is told of this conversion: the same for all that happens to it.
    pub fn shares(&self, conversion: &Conversion) -> bool {
        let (target, nothing) = (self.id.as_str(), Timestamp::EPOCH);
        let drawn = conversion.id.derive::<crate::id::Delivery>(nothing, target, 0).to_bytes();
        let drawn = drawn.iter().rev().take(4).fold(0u32, |value, byte| (value << 8) | u32::from(*byte));
        drawn.checked_rem(100).is_some_and(|drawn| drawn < u32::from(self.share))
    }

    /// How fast it gets what waited for it while it was away: all of it at once would send it away again.
    pub fn drain_rate(&self) -> RateLimit {
        self.rate_limit.unwrap_or(DRAIN)
    }

    pub fn health_policy(&self) -> HealthPolicy {
        let standard = HealthPolicy::default();
        HealthPolicy { pause_after: self.pause_after.unwrap_or(standard.pause_after), ..standard }
    }

    /// What is told must carry more than the macros of templates.
    pub fn is_told_all(&self) -> bool {
        match &self.way {
            Way::Postback(_) => false,
            Way::Webhook(_) | Way::ConversionApi(_) => true,
        }
    }

    /// Whether nothing is sent to it before a test delivery was seen: what a platform wants is known from its
    /// documentation alone.
    pub fn needs_test(&self) -> bool {
        match &self.way {
            Way::Postback(call) => call.preset.is_some(),
            Way::Webhook(_) => false,
            Way::ConversionApi(_) => true,
        }
    }

    /// Names what it is now, as far as a test delivery proves anything: another address or body is another one.
    pub fn definition(&self) -> String {
        let text = match &self.way {
            Way::Postback(call) => call.definition(),
            Way::Webhook(webhook) => webhook.url.clone(),
            Way::ConversionApi(connection) => {
                format!("{} {:?}", connection.api.platform.code(), connection.api.settings)
            }
        };
        let hash = Sha256::digest(text.as_bytes());
        hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    }

    /// The host that it is called at, with the port where one is named.
    pub fn host(&self) -> String {
        let url = match &self.way {
            Way::Postback(call) => call.url.source(),
            Way::Webhook(webhook) => &webhook.url,
            Way::ConversionApi(connection) => {
                let api = &connection.api;
                return api.base_url.as_deref().map_or_else(|| api.platform.code().to_owned(), host_of);
            }
        };
        host_of(url)
    }

    pub fn secrets(&self) -> Vec<&SecretRef> {
        match &self.way {
            Way::Postback(call) => {
                let signing = call.sign.iter().flat_map(|sign| &sign.secrets);
                call.secrets.values().chain(signing).collect()
            }
            Way::Webhook(webhook) => webhook.secrets.iter().collect(),
            Way::ConversionApi(connection) => connection.secrets.values().collect(),
        }
    }
}

fn host_of(url: &str) -> String {
    let after = url.split_once("://").map_or(url, |(_, after)| after);
    after.split(['/', '?', '#']).next().unwrap_or_default().to_ascii_lowercase()
}

impl Call {
    /// Every template of it, under the key where it stands.
    pub fn templates(&self) -> impl Iterator<Item = &Template> {
        let body: Vec<&Template> = match &self.body {
            Body::Empty => Vec::new(),
            Body::Form(fields) => fields.iter().map(|(_, template)| template).collect(),
            Body::Json(text) | Body::Raw { text, .. } => vec![text],
        };
        let headers = self.headers.iter().map(|(_, template)| template);
        std::iter::once(&self.url).chain(headers).chain(body)
    }

    /// Whether a value of this macro goes out with it.
    pub fn uses(&self, wanted: Macro) -> bool {
        self.templates().any(|template| template.uses(wanted))
    }

    fn definition(&self) -> String {
        let sources: Vec<&str> = self.templates().map(Template::source).collect();
        format!("{} {}", self.verb.code(), sources.join(" "))
    }
}

impl Expect {
    /// What an answer lacks, in words; `None` where it is as expected, or is one that every target understands.
    pub fn misses(&self, status: u16, body: &str) -> Option<String> {
        let is_expected = match self.statuses.as_slice() {
            [] => (200..=299).contains(&status),
            some => some.contains(&status),
        };
        if !is_expected {
            return Some(format!("status {status}"));
        }
        let pattern = self.body.as_deref()?;
        let mut rest = body;
        for piece in pattern.split('*') {
            let Some(place) = rest.find(piece) else {
                return Some("the body does not hold what it should".into());
            };
            rest = rest.get(place.saturating_add(piece.len())..).unwrap_or_default();
        }
        None
    }
}

impl Wants {
    /// Whether a conversion of which this happened is what it asks for.
    pub fn cover(&self, happening: Happening, conversion: &Conversion, reason: Reason) -> bool {
        fn any_of<T: PartialEq>(asked: &[T], is: &T) -> bool {
            asked.is_empty() || asked.contains(is)
        }
        self.on.contains(&happening)
            && any_of(&self.events, &conversion.event)
            && any_of(&self.statuses, &conversion.status)
            && any_of(&self.reasons, &reason)
            && any_of(&self.offers, &conversion.offer)
            && any_of(&self.partners, &conversion.partner)
    }
}
