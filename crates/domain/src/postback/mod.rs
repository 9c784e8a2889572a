//! From a request to a reading: who sent it, whether it is theirs, and what their names mean in ours.
//!
//! This is all that can be said of a postback without the past. `decide` takes it from here.

mod again;
mod authenticity;
mod batch;
mod channel;
mod identify;
mod line;
mod meant;
mod placeholder;
mod privacy;
mod rejection;
mod request;
mod search;
mod shown;
mod signature;

use std::collections::{BTreeMap, BTreeSet};

use crate::click_id::ClickId;
use crate::id::ConversionId;
use crate::name::Name;
use crate::outcome::Reason;
use crate::program::{Advertiser, FIELDS, Snapshot, default_names};
use crate::template::sub_number;
use crate::time::Timestamp;
use authenticity::OfWhole;

pub use again::Stored;
pub use batch::{Batch, OBJECTS_MAX, split};
pub use channel::Channel;
pub use identify::ClickSeen;
pub use line::{ImportedLine, read_line};
pub use placeholder::find as find_placeholder;
pub use rejection::{Check, Rejection, Verdict};
pub use request::{Fault, Method, Params, Request};
pub(crate) use shown::without_secrets;
pub use shown::{quoted, shown};
pub use signature::Once;

/// A postback as far as it can be understood without the past.
#[derive(Debug, Clone)]
pub struct Reading {
    pub at: Timestamp,
    pub advertiser: Option<Name>,
    pub channel: Channel,
    /// Our field's name = the value sent, ready to be stored.
    pub fields: BTreeMap<String, String>,
    /// Our field's name = the name that it came under.
    pub names: BTreeMap<String, String>,
    /// Our field that is missing = the parameter that was probably meant for it.
    pub meant: BTreeMap<&'static str, String>,
    pub click: ClickSeen,
    /// The event in our words, as far as the advertiser's own mapping says.
    pub event: Option<String>,
    pub checks: Vec<Check>,
    pub rejection: Option<Rejection>,
    /// The conversion that a person says a reversal is about.
    pub chosen: Option<ConversionId>,
    /// A person lets through what it says: no rule about its payout holds it.
    pub reviewed: bool,
    /// What names the signed request, where it may have its effects only once.
    pub once: Option<Once>,
    /// Every parameter as it may be stored, in its order.
    pub stored: Vec<(String, String)>,
}

impl Reading {
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// By the sender's word; a click can be a test, too.
    pub fn is_test(&self) -> bool {
        matches!(self.field("test"), Some("1" | "true"))
    }

    pub fn click_id(&self) -> Option<ClickId> {
        match self.click {
            ClickSeen::Genuine { id, .. } => Some(id),
            ClickSeen::Absent(_) | ClickSeen::Bad(_) => None,
        }
    }

    /// It came from a browser: nothing about it is proven.
    pub fn is_pixel(&self) -> bool {
        self.channel == Channel::Pixel
    }

    /// A click id is there, and only the store can say whose click it is.
    pub fn needs_click(&self) -> Option<ClickId> {
        let undecided = self.advertiser.is_none() && self.rejection.is_none();
        if undecided { self.click_id() } else { None }
    }
}

/// Reads a request. `clicked` is the advertiser of the click it names, where the store had to be asked for it.
pub fn read(request: &Request, snapshot: &Snapshot, clicked: Option<&Name>) -> Reading {
    read_with(request, snapshot, clicked, None)
}

/// Reads one request of a batch, by its number from 0; the signature was judged over the whole.
pub fn read_member(request: &Request, number: usize, batch: &Batch, snapshot: &Snapshot) -> Reading {
    let mut reading = read_with(request, snapshot, None, Some((number, &batch.signature)));
    if let (Some(rejection), Some(fault)) = (&mut reading.rejection, &batch.fault) {
        batch::explain(rejection, fault);
    }
    reading
}

fn read_with(
    request: &Request,
    snapshot: &Snapshot,
    clicked: Option<&Name>,
    whole: Option<(usize, &OfWhole)>,
) -> Reading {
    let params = request.params();
    let mut checks = vec![Check::passed("transport", transport(request))];
    let path = request.advertiser.as_deref();
    let found = find_advertiser(path, &params, snapshot, clicked, request.at, &mut checks);
    let advertiser = match found {
        Ok(Sender::Known(advertiser)) => Some(advertiser),
        Ok(Sender::OfClick(_)) | Err(_) => None,
    };
    let Mapped { fields, names } = map(&params, advertiser, snapshot);
    let meant = meant::find(&params, advertiser, &fields);
    let click = match found {
        Ok(Sender::OfClick(id)) => ClickSeen::Genuine { id, repaired: None },
        Ok(Sender::Known(_)) | Err(_) => {
            let value = fields.get("click_id").map(String::as_str);
            let name = names.get("click_id").map_or_else(|| name_of_id(advertiser), String::as_str);
            identify::judge(value, name, &params.pairs_map(), snapshot, request.at)
        }
    };
    let (once, rejection) = match (found.err(), advertiser) {
        (Some(rejection), _) => (None, Some(rejection)),
        (None, Some(advertiser)) => match judge(request, &params, advertiser, snapshot, whole, &mut checks) {
            Ok(once) => {
                checks.extend(notes(&params, advertiser, &meant, snapshot));
                (once, None)
            }
            Err(rejection) => (None, Some(rejection)),
        },
        (None, None) => (None, None),
    };
    Reading {
        at: request.at,
        advertiser: advertiser.map(|advertiser| advertiser.id.clone()),
        channel: if request.pixel { Channel::Pixel } else { Channel::Postback },
        event: our_event(&fields, advertiser),
        fields,
        names,
        meant,
        click,
        checks,
        rejection,
        chosen: None,
        reviewed: false,
        once,
        stored: stored_form(&params, advertiser, snapshot),
    }
}

fn judge(
    request: &Request,
    params: &Params,
    advertiser: &Advertiser,
    snapshot: &Snapshot,
    whole: Option<(usize, &OfWhole)>,
    checks: &mut Vec<Check>,
) -> Result<Option<Once>, Rejection> {
    let once = if request.pixel {
        checks.push(Check::noted("authenticity", "a browser's request: it proves nothing and is only held"));
        None
    } else {
        authenticity::judge_origin(request, advertiser, checks)?;
        authenticity::judge_secrets(request, params, advertiser, snapshot, whole, checks)?
    };
    if let Some(fault) = &params.fault {
        return Err(malformed(fault, snapshot));
    }
    checks.push(Check::passed("form", format!("{} parameters", params.pairs.len())));
    checks.extend(params.repaired.iter().map(|what| Check::noted("form", what)));
    Ok(once)
}

fn malformed(fault: &Fault, snapshot: &Snapshot) -> Rejection {
    let rejection = Rejection::new(Reason::MalformedRequest, "", fault.message.clone());
    match &fault.param {
        Some(name) => {
            let name = shown(name, snapshot);
            let message = format!("the parameter {} {}", quoted(&name), fault.message);
            Rejection { message, ..rejection }.called(name)
        }
        None => rejection,
    }
}

/// More placeholders than this are not listed.
const PLACEHOLDERS_MAX: usize = 10;

/// What is no reason to reject and should be known: names that nobody reads, placeholders never replaced.
fn notes(
    params: &Params,
    advertiser: &Advertiser,
    meant: &BTreeMap<&'static str, String>,
    snapshot: &Snapshot,
) -> Vec<Check> {
    let note = |(field, name): (&&str, &String)| {
        let expected = names(Some(advertiser), field).first().copied().unwrap_or(field);
        let name = quoted(&shown(name, snapshot));
        Check::noted("form", format!("{name} is not read; {} was probably meant", quoted(expected)))
    };
    let mut notes: Vec<Check> = meant.iter().map(note).collect();
    for name in TXIDS.iter().flat_map(|field| names(Some(advertiser), field)) {
        if params.value(name).is_some_and(|value| trim_txid(value) != value.trim()) {
            let name = quoted(&shown(name, snapshot));
            notes.push(Check::noted("form", format!("invisible characters around {name} were left out")));
        }
    }
    // These are judged in their turn, and say so with a reason of their own.
    let judged: BTreeSet<&str> =
        FIELDS.iter().chain(&["token"]).flat_map(|field| names(Some(advertiser), field)).collect();
    let unread = params.pairs.iter().filter(|(name, _)| !judged.contains(name.as_str()));
    let found = unread.filter_map(|(name, value)| Some((name, find_placeholder(value)?)));
    let found: Vec<(&String, String)> = found.collect();
    for (name, placeholder) in found.iter().take(PLACEHOLDERS_MAX) {
        let effect = if *name == "test" { "; the postback counts as a real one" } else { "" };
        let seen = format!("{}: {placeholder} was never replaced{effect}", shown(name, snapshot));
        notes.push(Check::noted("placeholder", seen));
    }
    if PLACEHOLDERS_MAX < found.len() {
        let rest = found.len().saturating_sub(PLACEHOLDERS_MAX);
        notes.push(Check::noted("placeholder", format!("{rest} more parameters hold one")));
    }
    notes
}

fn transport(request: &Request) -> String {
    let method = match request.method {
        Method::Get => "GET",
        Method::Post => "POST",
    };
    let bytes = request.query.len().saturating_add(request.body.len());
    format!("{method} from {} with {bytes} bytes", request.ip.to_canonical())
}

/// Who sent a postback.
enum Sender<'a> {
    Known(&'a Advertiser),
    /// The advertiser of this click, which the store must be asked for.
    OfClick(ClickId),
}

/// From the path, else from the click.
fn find_advertiser<'a>(
    path: Option<&str>,
    params: &Params,
    snapshot: &'a Snapshot,
    clicked: Option<&Name>,
    now: Timestamp,
    checks: &mut Vec<Check>,
) -> Result<Sender<'a>, Rejection> {
    let advertisers = &snapshot.program.advertisers;
    let unknown = |message: String| Rejection::new(Reason::UnknownAdvertiser, "", message);
    if let Some(id) = path {
        let advertiser =
            advertisers.get(id).ok_or_else(|| unknown("no advertiser has this postback address".into()))?;
        checks.push(Check::passed("advertiser", format!("{id}, from the address")));
        return Ok(Sender::Known(advertiser));
    }
    if let Some(id) = clicked {
        let advertiser =
            advertisers.get(id).ok_or_else(|| unknown("the click's advertiser is no longer here".into()))?;
        checks.push(Check::passed("advertiser", format!("{id}, from the click")));
        return Ok(Sender::Known(advertiser));
    }
    if let Some(fault) = &params.fault {
        return Err(malformed(fault, snapshot));
    }
    let names = click_id_names(snapshot);
    let named = names.iter().filter_map(|name| Some((*name, params.value(name)?)));
    let named: Vec<(&str, &str)> = named.filter(|(_, value)| !value.trim().is_empty()).collect();
    let pairs = params.pairs_map();
    // A sender may use a default name for something of his own: a genuine id under any name is the one.
    let genuine = named.iter().map(|(name, value)| identify::judge(Some(value), name, &pairs, snapshot, now));
    let genuine = genuine.into_iter().find(|seen| matches!(seen, ClickSeen::Genuine { .. }));
    let first = || {
        let name = named.first().map_or(name_of_id(None), |(name, _)| name);
        identify::judge(named.first().map(|(_, value)| *value), name, &pairs, snapshot, now)
    };
    match genuine.unwrap_or_else(first) {
        ClickSeen::Genuine { id, .. } => {
            let link = snapshot.link(id.prefix().link);
            let Some(advertiser) = link.and_then(|link| snapshot.program.advertiser_of(link)) else {
                return Ok(Sender::OfClick(id));
            };
            checks.push(Check::passed("advertiser", format!("{}, from the click id", advertiser.id)));
            Ok(Sender::Known(advertiser))
        }
        ClickSeen::Bad(rejection) | ClickSeen::Absent(rejection) => Err(rejection),
    }
}

/// Every name under which some advertiser sends click ids, the default ones first.
fn click_id_names(snapshot: &Snapshot) -> Vec<&str> {
    let own = snapshot.program.advertisers.values().filter_map(|one| one.postback.params.get("click_id"));
    default_names("click_id").iter().copied().chain(own.map(String::as_str)).collect()
}

/// The names under which an advertiser sends one of our fields.
pub(crate) fn names<'a>(advertiser: Option<&'a Advertiser>, field: &'a str) -> Vec<&'a str> {
    if let Some(name) = advertiser.and_then(|advertiser| advertiser.postback.params.get(field)) {
        return vec![name.as_str()];
    }
    if sub_number(field).is_some() {
        return vec![field];
    }
    // A name that the program gave to one field is no longer another one's.
    let claimed =
        |name: &&&str| advertiser.is_some_and(|one| one.postback.params.values().any(|own| own == **name));
    default_names(field).iter().filter(|name| !claimed(name)).copied().collect()
}

/// A path as it may be stored: `/postback/{advertiser}/{token}` without the token, right or wrong.
pub fn storable_path(path: &str, snapshot: &Snapshot) -> String {
    let decoded =
        |segment: &str| percent_encoding::percent_decode_str(segment).decode_utf8_lossy().into_owned();
    let segments: Vec<&str> = path.split('/').collect();
    let is_batch = segments.len() == 4 && segments.last() == Some(&"batch");
    let shown = segments.iter().enumerate().map(|(number, segment)| match number {
        3 if !is_batch => privacy::REDACTED.to_owned(),
        _ if snapshot.hidden.hide(&decoded(segment)) != decoded(segment) => privacy::REDACTED.to_owned(),
        _ => (*segment).to_owned(),
    });
    shown.collect::<Vec<_>>().join("/")
}

/// The name under which a click id is expected.
fn name_of_id(advertiser: Option<&Advertiser>) -> &str {
    advertiser.and_then(|one| one.postback.params.get("click_id")).map_or("click_id", String::as_str)
}

/// Our fields that hold an id of the sender's own.
const TXIDS: [&str; 3] = ["txid", "original_txid", "subscription_id"];

/// What nobody sees around an id does not make it another one.
fn trim_txid(value: &str) -> &str {
    value
        .trim_matches(|character: char| character.is_whitespace() || crate::entities::is_invisible(character))
}

/// A txid as it stands in the log, which knows an e-mail address by its hash alone.
pub fn stored_txid(txid: &str, snapshot: &Snapshot) -> String {
    storable("txid", "txid", trim_txid(txid), snapshot)
}

struct Mapped {
    fields: BTreeMap<String, String>,
    names: BTreeMap<String, String>,
}

/// Their names to ours, with the values as they may be stored.
fn map(params: &Params, advertiser: Option<&Advertiser>, snapshot: &Snapshot) -> Mapped {
    let subs = (1..=10).map(|number| format!("sub{number}"));
    let fields = FIELDS.iter().map(|field| (*field).to_owned()).chain(subs).chain(["test".to_owned()]);
    let mut mapped = Mapped { fields: BTreeMap::new(), names: BTreeMap::new() };
    for field in fields {
        let names = if field == "test" { vec!["test"] } else { names(advertiser, &field) };
        let value = names.iter().find_map(|name| params.value(name).map(|value| (name, value)));
        if let Some((name, value)) = value {
            let value = if TXIDS.contains(&field.as_str()) { trim_txid(value) } else { value };
            mapped.fields.insert(field.clone(), storable(&field, name, value, snapshot));
            mapped.names.insert(field.clone(), (*name).to_owned());
        }
    }
    mapped
}

/// Keys stay as they are (an e-mail address as its hash); everything else is masked by its name and form.
/// A secret of ours is one wherever it stands.
fn storable(field: &str, name: &str, value: &str, snapshot: &Snapshot) -> String {
    let value = &*snapshot.hidden.hide(value);
    match field {
        "click_id" | "txid" | "original_txid" | "subscription_id" if privacy::is_email(value.trim()) => {
            privacy::hash_key(value, &snapshot.keys.derived("email"))
        }
        "click_id" | "txid" | "original_txid" | "subscription_id" => value.to_owned(),
        "event_type" | "status" | "amount" | "revenue" | "payout" | "currency" | "timestamp" => {
            privacy::mask_text(value)
        }
        _ => privacy::mask(name, value),
    }
}

fn our_event(fields: &BTreeMap<String, String>, advertiser: Option<&Advertiser>) -> Option<String> {
    let word = fields.get("event_type").map(|word| word.trim()).filter(|word| !word.is_empty())?;
    Some(advertiser.map_or_else(|| word.to_ascii_lowercase(), |advertiser| advertiser.postback.event(word)))
}

fn stored_form(
    params: &Params,
    advertiser: Option<&Advertiser>,
    snapshot: &Snapshot,
) -> Vec<(String, String)> {
    // While the sender is not known, his token may stand under any advertiser's name for it.
    let secret: Vec<&str> = match advertiser {
        Some(_) => secret_names(advertiser).collect(),
        None => snapshot
            .program
            .advertisers
            .values()
            .flat_map(|one| secret_names(Some(one)))
            .chain(["token"])
            .collect(),
    };
    let field_of = |name: &str| {
        let named = |field: &&&str| names(advertiser, field).contains(&name);
        FIELDS.iter().find(named).copied().unwrap_or_default()
    };
    let stored = |(name, value): &(String, String)| {
        let value = if secret.contains(&name.as_str()) && !value.is_empty() {
            privacy::REDACTED.to_owned()
        } else {
            storable(field_of(name), name, value, snapshot)
        };
        (privacy::mask_text(&snapshot.hidden.hide(name)), value)
    };
    params.pairs.iter().map(stored).collect()
}

/// The parameters whose values are kept by nobody: the token, and a signature that might be sent again.
fn secret_names(advertiser: Option<&Advertiser>) -> impl Iterator<Item = &str> {
    let signature = advertiser.and_then(|one| one.postback.signature.as_ref()?.carrier.param());
    names(advertiser, "token").into_iter().chain(signature)
}

impl Params {
    fn value(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    fn pairs_map(&self) -> BTreeMap<String, String> {
        self.pairs.iter().cloned().collect()
    }
}
