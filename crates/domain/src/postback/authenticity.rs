//! Whether a postback comes from the advertiser: transport, address, token and signature.

use super::placeholder;
use super::request::{Params, Request};
use super::signature::{self, Once, Signed};
use super::{Check, Rejection, names};
use crate::digest::equal;
use crate::outcome::Reason;
use crate::program::{Advertiser, PostbackRules, Snapshot};

/// The transport and the address, before anything is counted or compared.
pub fn judge_origin(
    request: &Request,
    advertiser: &Advertiser,
    checks: &mut Vec<Check>,
) -> Result<(), Rejection> {
    let rules = &advertiser.postback;
    if rules.require_https {
        if !request.https {
            return Err(Rejection::new(Reason::HttpsRequired, "", "the postback came without TLS")
                .seen("a request over http://"));
        }
        checks.push(Check::passed("https", "came over TLS"));
    }
    if !rules.allow_ips.is_empty() {
        let ip = request.ip.to_canonical();
        if !rules.allow_ips.iter().any(|range| range.contains(&ip)) {
            return Err(Rejection::new(
                Reason::IpNotAllowed,
                "",
                format!("{ip} is not among the addresses allowed"),
            )
            .seen(ip.to_string()));
        }
        checks.push(Check::passed("address", format!("{ip} is allowed")));
    }
    Ok(())
}

/// The signature of a batch as a whole; `None` where there is none to judge.
pub type OfWhole = Result<Option<Signed>, Rejection>;

/// The token and the signature, whichever the program asks for; both where it asks for both.
/// `whole` is given for one of a batch: its number, and what was judged over all of them.
pub fn judge_secrets(
    request: &Request,
    params: &Params,
    advertiser: &Advertiser,
    snapshot: &Snapshot,
    whole: Option<(usize, &OfWhole)>,
    checks: &mut Vec<Check>,
) -> Result<Option<Once>, Rejection> {
    let rules = &advertiser.postback;
    let token_names = names(Some(advertiser), "token");
    if !rules.tokens.is_empty() {
        let which = judge_token(request, params, rules, snapshot, &token_names)?;
        checks.push(Check::passed("token", format!("it is the advertiser's{which}")));
    }
    let mut once = None;
    if let Some(signature) = &rules.signature {
        let (number, of_whole) = match whole {
            Some((number, of_whole)) => (number, of_whole.clone()?),
            None => (0, None),
        };
        let signed = match of_whole {
            Some(signed) => signed,
            None => signature::judge(request, params, signature, snapshot, &token_names)?,
        };
        checks.push(Check::passed("signature", signed.seen));
        once = signed.once.map(|once| once.of_member(number));
    }
    if rules.tokens.is_empty() && rules.signature.is_none() {
        checks.push(Check::passed("token", "none is asked for"));
    }
    Ok(once)
}

/// The signature over a whole batch, where its advertiser asks for one that covers it.
pub fn judge_whole(request: &Request, snapshot: &Snapshot) -> OfWhole {
    let id = request.advertiser.as_deref().unwrap_or_default();
    let Some(advertiser) = snapshot.program.advertisers.get(id) else {
        return Ok(None);
    };
    match advertiser.postback.signature.as_ref().filter(|rules| rules.covers_payload()) {
        Some(rules) => {
            let token_names = names(Some(advertiser), "token");
            signature::judge(request, &request.params(), rules, snapshot, &token_names).map(Some)
        }
        // One over parameters stands in each object.
        None => Ok(None),
    }
}

/// Looks at every place where a token may stand: one that is right is enough. Says which of several fitted.
fn judge_token(
    request: &Request,
    params: &Params,
    rules: &PostbackRules,
    snapshot: &Snapshot,
    token_names: &[&str],
) -> Result<Fitting, Rejection> {
    let reject =
        |message: &str, advice: &str| Err(Rejection::new(Reason::BadToken, "token", message).advise(advice));
    let secrets: Vec<&str> =
        rules.tokens.iter().map(|known| snapshot.secret(known).unwrap_or_default()).collect();
    if secrets.iter().all(|secret| secret.is_empty()) {
        return reject("the advertiser's token is not set here", "The operator must set the secret.");
    }
    let in_params = token_names.iter().filter_map(|name| params.value(name));
    let elsewhere = [
        rules.token_header.as_ref().and_then(|name| request.header(name)),
        request.header("authorization").and_then(bearer),
        request.path_token.as_deref(),
    ];
    let presented: Vec<&str> =
        in_params.chain(elsewhere.into_iter().flatten()).filter(|token| !token.is_empty()).collect();
    if presented.is_empty() {
        return reject("no token came", "Add the agreed token to the postback.");
    }
    let is_presented =
        |secret: &str| presented.iter().any(|token| equal(token.as_bytes(), secret.as_bytes()));
    match secrets.iter().position(|secret| !secret.is_empty() && is_presented(secret)) {
        Some(number) => Ok(Fitting { number, count: secrets.len() }),
        None => Err(foreign_token(presented.first().copied().unwrap_or_default())),
    }
}

/// Says of a wrong token what can be said without any of it: it may be the right one, but for a slip.
fn foreign_token(seen: &str) -> Rejection {
    let reject = |message: String| Rejection::new(Reason::BadToken, "token", message);
    let words = |found: &String| {
        found.len() <= PLACEHOLDER_BYTES_MAX && !found.bytes().any(|byte| byte.is_ascii_digit())
    };
    match placeholder::find(seen).filter(words) {
        Some(found) => reject(format!("{found} was never replaced by the token"))
            .seen("a placeholder")
            .advise(format!("Write the agreed token in place of {found}.")),
        None => reject("the token is not the advertiser's".into())
            .seen(format!("a token of {} characters", seen.chars().count())),
    }
}

/// A longer one could be a secret between two marks.
const PLACEHOLDER_BYTES_MAX: usize = 24;

/// The name of the scheme is written in any case (RFC 9110, 11.1).
fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Which of several secrets fitted, for the operator who waits for the old one to fall out of use.
#[derive(Debug, Clone, Copy)]
pub struct Fitting {
    pub number: usize,
    pub count: usize,
}

impl std::fmt::Display for Fitting {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.count <= 1 {
            return Ok(());
        }
        let word = ["first", "second", "third", "fourth"].get(self.number).copied().unwrap_or("last");
        write!(formatter, ", the {word} of the secrets")
    }
}
