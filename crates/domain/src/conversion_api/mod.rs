//! Conversions told to ad platforms: which requests tell them, and what an answer says of each conversion.
//!
//! Pure: nothing here connects, waits or keeps an access token. What each platform asks for was looked up in its own
//! documentation on 2026-11-21; the addresses stand at the head of each platform's file, what could not be checked
//! in `docs/conversion-apis.md`. None of it was tried against a live platform.
//!
//! Three rules hold for all of them. Of people, only hashed identifiers leave: what is not 64 hexadecimal digits is
//! left out. A platform's own sentence is never repeated in a result, only its codes: the sentence may quote the
//! access token or what was sent. Who sends again what was sent before sends the same event id.

mod answer;
mod call;
mod data_manager;
mod google_ads;
mod meta;
mod microsoft;
mod setting;
mod tiktok;
mod token;
mod values;

use std::collections::BTreeMap;

use crate::delivery::{AttemptResult, Request};
use crate::id::DeliveryId;
use crate::name::Name;
use crate::time::{Span, Timestamp};

pub use call::Call;
pub use setting::{Form, Problem, Setting};
pub use token::Token;

/// Where conversions are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Platform {
    /// Meta Conversions API.
    Meta,
    /// Google Ads API, `UploadClickConversions`: closed to developer tokens that did not use it before June 2026.
    GoogleAds,
    /// Google Data Manager API, the way into Google Ads for everybody else.
    GoogleDataManager,
    /// TikTok Events API 2.0.
    TikTok,
    /// Microsoft Advertising, `ApplyOfflineConversions`.
    Microsoft,
}

/// One connection to a platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Api {
    pub platform: Platform,
    /// By the names of [`Platform::settings`]. Of a secret, the reference: its value comes with [`Access`].
    pub settings: BTreeMap<String, String>,
    /// Our event = what the platform calls it. `rejected`, `reversed`, `EVENT-rejected` and `EVENT-reversed` name
    /// what tells that a conversion was taken back; without them that is not told.
    pub events: BTreeMap<Name, String>,
    /// Stands for the platform's hosts, those that give access tokens too.
    pub base_url: Option<String>,
}

/// One happening that is to be told.
#[derive(Debug, Clone, Copy)]
pub struct Event<'a> {
    pub delivery_id: DeliveryId,
    /// When the conversion happened; the same at every attempt.
    pub at: Timestamp,
    pub clicked_at: Option<Timestamp>,
    /// By the names of macros and those that `docs/conversion-apis.md` lists. Empty is absent.
    pub values: &'a BTreeMap<String, String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    pub calls: Vec<Call>,
    /// Which events are not sent at all, by their index, and why.
    pub refused: Vec<(usize, AttemptResult)>,
}

/// What a request is allowed by.
#[derive(Clone, Copy)]
pub struct Access<'a> {
    /// The value of the secret setting of this name.
    pub secret: &'a dyn Fn(&str) -> Option<String>,
    /// From [`read_token`], where [`token_request`] asks for one.
    pub token: Option<&'a str>,
}

/// Why no request can be built for any event; for the time being, since it is the operator's to mend.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccessError {
    #[error("the secret of {0} is not there")]
    MissingSecret(&'static str),
    #[error("the secret of {0} holds characters that no request can carry")]
    UnusableSecret(&'static str),
    #[error("there is no access token yet")]
    MissingToken,
    #[error("{0}")]
    Setting(#[from] Problem),
}

/// What an answer says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reading {
    /// One per member of the call, in their order. `None`: not decided yet, since the platform refused the call as
    /// a whole for the sake of some member; each such member is in exactly one call of `again`.
    pub results: Vec<Option<AttemptResult>>,
    /// To be sent at once, each smaller than the call it comes from: of a call with n members come fewer than 2n
    /// requests, and all those only if every member is bad.
    pub again: Vec<Call>,
    /// The access was refused: an access token that is kept is of no use any more.
    pub access_refused: bool,
}

impl Platform {
    pub const ALL: [Self; 5] =
        [Self::Meta, Self::GoogleAds, Self::GoogleDataManager, Self::TikTok, Self::Microsoft];

    pub fn code(self) -> &'static str {
        match self {
            Self::Meta => "meta",
            Self::GoogleAds => "google_ads",
            Self::GoogleDataManager => "google_data_manager",
            Self::TikTok => "tiktok",
            Self::Microsoft => "microsoft",
        }
    }

    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|platform| platform.code() == code)
    }

    /// What a connection can be told; in the order in which people should read it.
    pub fn settings(self) -> &'static [Setting] {
        match self {
            Self::Meta => meta::SETTINGS,
            Self::GoogleAds => google_ads::SETTINGS,
            Self::GoogleDataManager => data_manager::SETTINGS,
            Self::TikTok => tiktok::SETTINGS,
            Self::Microsoft => microsoft::SETTINGS,
        }
    }

    fn limits(self) -> call::Limits {
        match self {
            Self::Meta => meta::LIMITS,
            Self::GoogleAds => google_ads::LIMITS,
            Self::GoogleDataManager => data_manager::LIMITS,
            Self::TikTok => tiktok::LIMITS,
            Self::Microsoft => microsoft::LIMITS,
        }
    }
}

/// How many events [`build`] puts into one call at most.
pub fn batch_max(api: &Api) -> usize {
    api.platform.limits().members
}

/// Builds as few calls as carry all events, each event once, in their order.
pub fn build(
    api: &Api,
    access: &Access<'_>,
    events: &[Event<'_>],
    now: Timestamp,
) -> Result<Plan, AccessError> {
    if let Some(problem) = api.problems().into_iter().next() {
        return Err(problem.into());
    }
    let mut parts = Vec::new();
    let mut refused = Vec::new();
    for (index, event) in events.iter().enumerate() {
        match part(api, event, now) {
            Ok(part) => parts.push((index, part)),
            Err(why) => refused.push((index, AttemptResult::Declined(why))),
        }
    }
    if parts.is_empty() {
        return Ok(Plan { calls: Vec::new(), refused });
    }
    let head = match api.platform {
        Platform::Meta => meta::head(api, access)?,
        Platform::GoogleAds => google_ads::head(api, access)?,
        Platform::GoogleDataManager => data_manager::head(api, access)?,
        Platform::TikTok => tiktok::head(api, access)?,
        Platform::Microsoft => microsoft::head(api, access)?,
    };
    Ok(Plan { calls: call::pack(&head, parts, api.platform.limits()), refused })
}

/// One event as the platform takes it, or a sentence that says why it takes it not.
fn part(api: &Api, event: &Event<'_>, now: Timestamp) -> Result<call::Part, String> {
    let told = values::Told::of(api, event)?;
    match api.platform {
        Platform::Meta => meta::part(&told, now),
        Platform::GoogleAds => google_ads::part(&told, now),
        Platform::GoogleDataManager => data_manager::part(&told, now),
        Platform::TikTok => tiktok::part(&told),
        Platform::Microsoft => microsoft::part(&told, now),
    }
}

/// Says what an answer to `call` means for each of its members. Calls of [`Reading::again`] are read the same way.
pub fn read(api: &Api, call: &Call, status: u16, retry_after: Option<Span>, body: &str) -> Reading {
    let answer = answer::Answer::of(status, retry_after, body);
    match api.platform {
        Platform::Meta => meta::read(call, &answer),
        Platform::GoogleAds => google_ads::read(call, &answer),
        Platform::GoogleDataManager => data_manager::read(call, &answer),
        Platform::TikTok => tiktok::read(call, &answer),
        Platform::Microsoft => microsoft::read(call, &answer),
    }
}

/// The request that gets an access token; `None` where the platform needs none beside its secrets.
pub fn token_request(
    api: &Api,
    secret: &dyn Fn(&str) -> Option<String>,
) -> Result<Option<Request>, AccessError> {
    if let Some(problem) = api.problems().into_iter().next() {
        return Err(problem.into());
    }
    let access = Access { secret, token: None };
    match api.platform {
        Platform::Meta | Platform::TikTok => Ok(None),
        Platform::GoogleAds | Platform::GoogleDataManager => token::google(api, &access).map(Some),
        Platform::Microsoft => token::microsoft(api, &access).map(Some),
    }
}

/// Reads the answer to [`token_request`]. The error holds the platform's code and no secret.
pub fn read_token(api: &Api, status: u16, body: &str) -> Result<Token, String> {
    token::read(api.platform, status, body)
}

impl Access<'_> {
    /// A secret, fit for a header.
    fn secret(&self, name: &'static str) -> Result<String, AccessError> {
        let value = (self.secret)(name).ok_or(AccessError::MissingSecret(name))?;
        let value = value.trim();
        let fits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_graphic());
        fits.then(|| value.to_owned()).ok_or(AccessError::UnusableSecret(name))
    }

    /// The value of an `Authorization` header with the access token.
    fn bearer(&self) -> Result<String, AccessError> {
        let token = self.token.ok_or(AccessError::MissingToken)?;
        let fits = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
        fits.then(|| format!("Bearer {token}")).ok_or(AccessError::MissingToken)
    }
}
