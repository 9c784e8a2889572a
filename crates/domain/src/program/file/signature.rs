//! Reads `signature`: a scheme by its name, with every name in it open to change, or a recipe of one's own.

use crate::program::file::values;
use crate::program::reader::{Place, Section, did_you_mean, quote, read_word};
use crate::program::{Carrier, Encoding, Form, Hash, Piece, Signature, WEBHOOK_ID};
use crate::time::Span;

const TOLERANCE: Span = Span::from_seconds(300);
const TOLERANCE_MAX: Span = Span::from_seconds(7 * 86_400);
const REPLAY_WINDOW_MAX: Span = Span::from_seconds(90 * 86_400);
const PIECES_MAX: usize = 64;

/// What a scheme is where the program says nothing else.
#[derive(Clone, Copy)]
struct Scheme {
    name: &'static str,
    hash: Hash,
    /// Empty: the program must say it.
    over: &'static str,
    /// Likewise.
    param: &'static str,
    /// Whether the program may say what is hashed, and how.
    is_recipe: bool,
}

const HMAC: Scheme =
    Scheme { name: "hmac-sha256", hash: Hash::HmacSha256, over: "{payload}", param: "", is_recipe: false };

/// What the senders' own pages say (read in November 2026), and where they say nothing.
const SCHEMES: [Scheme; 8] = [
    HMAC,
    Scheme { name: STANDARD, ..HMAC },
    Scheme { name: "recipe", over: "", is_recipe: true, ..HMAC },
    // pubscale.gitbook.io/offerwall-sdk, "Server-to-Server (S2S) Callback Configuration": a GET with user_id, value,
    // token, signature; MD5 of secret.user_id.value.token, the value cut to a whole number before.
    Scheme {
        name: "pubscale",
        hash: Hash::Md5,
        over: "{secret}.{user_id}.{value:int}.{token}",
        param: "signature",
        is_recipe: true,
    },
    // business.rewardinghub.com/resources/webhook-integration: `sig`, HMAC-SHA256 of the query string in hexadecimal.
    // The page does not say how `sig` is left out of what it signs; cutting it out is our reading.
    Scheme { name: "rewardinghub", param: "sig", is_recipe: true, ..HMAC },
    // publisher.offermaru.com/s2s-callbacks.html: a GET, verified by an HMAC in headers; `publisher_payout` in cents,
    // `timestamp` in milliseconds. Neither the headers' names nor what is signed could be verified: the program says.
    Scheme { name: "offermaru", over: "", is_recipe: true, ..HMAC },
    // pub.acornads.com/postback-documentation: md5($user_uid . $offer_id . $transaction_id . $placementID), sent from
    // 67.205.182.39. The parameters' names are the operator's choice there; these are the ones of the page's example.
    Scheme {
        name: "acorn",
        hash: Hash::Md5,
        over: "{user_uid}{offerID}{transID}{placementID}",
        param: "secret",
        is_recipe: true,
    },
    // github.com/inventhq/Gobble, src/crypto.rs and README.md: `sig`, HMAC-SHA256 in hexadecimal, after a tenant's
    // prefix and `_` where there are tenants. It signs links; that a postback is signed over its query is our reading.
    Scheme { name: "gobble", param: "sig", is_recipe: true, ..HMAC },
];

const STANDARD: &str = "standard-webhooks";

/// `None` where something is wrong; what, has been recorded.
pub(super) fn read(mut section: Section<'_>) -> Option<Signature> {
    section.require(&["scheme"]);
    let words = SCHEMES.map(|scheme| (scheme.name, scheme));
    let scheme = section.parsed("scheme", |text| read_word(text, &words)).map(|scheme| scheme.value);
    // Under a name that is misspelt, no key is unknown.
    let known = scheme.unwrap_or(Scheme { is_recipe: true, ..HMAC });
    let signature =
        if known.name == STANDARD { read_standard(&mut section) } else { read_recipe(&mut section, known) };
    section.finish();
    // After a mistake there will be no program: what stands in its place does not matter.
    scheme.and(signature)
}

/// standardwebhooks.com: `id.timestamp.body`, under a secret that is `whsec_` and base64.
fn read_standard(section: &mut Section<'_>) -> Option<Signature> {
    section.require(&["secret"]);
    let secrets = values::secrets(section, "secret");
    let header = |name: &str| Carrier::Header(name.to_owned());
    let text = |text: &str| Piece::Text(text.to_owned());
    let (id, time) = (header(WEBHOOK_ID), header("webhook-timestamp"));
    let (tolerance, replay_window) = read_windows(section, true);
    Some(Signature {
        scheme: STANDARD,
        secrets,
        hash: Hash::HmacSha256,
        over: vec![id.piece(), text("."), time.piece(), text("."), Piece::Payload],
        carrier: header("webhook-signature"),
        prefix: String::new(),
        encoding: Encoding::Webhook,
        timestamp: Some(time),
        tolerance,
        replay_window,
    })
}

fn read_recipe(section: &mut Section<'_>, scheme: Scheme) -> Option<Signature> {
    let hash =
        if scheme.is_recipe { section.parsed("hash", |text| read_word(text, &Hash::ALL)) } else { None };
    let hash = hash.map_or(scheme.hash, |hash| hash.value);
    let secrets = values::secrets(section, "secret");
    let carrier = read_carrier(section, scheme);
    let encodings =
        [("hex", Encoding::Hex), ("base64", Encoding::Base64), ("base64url", Encoding::Base64Url)];
    let encoding = section.parsed("encoding", |text| read_word(text, &encodings));
    let prefix = section.text("prefix").map(|prefix| prefix.value.to_owned());
    let timestamp = read_timestamp(section, carrier.as_ref());
    let over_place = section.place_of("over");
    let over = read_over(section, scheme, timestamp.as_ref());
    let (tolerance, replay_window) = read_windows(section, timestamp.is_some());
    judge_secret(section, scheme, hash, over.as_deref(), over_place);
    let (over, carrier) = (over?, carrier?);
    judge_time(section, &over, timestamp.as_ref(), over_place);
    Some(Signature {
        scheme: scheme.name,
        secrets,
        hash,
        over,
        carrier,
        prefix: prefix.unwrap_or_default(),
        encoding: encoding.map_or(Encoding::Hex, |encoding| encoding.value),
        timestamp,
        tolerance,
        replay_window,
    })
}

/// Where the signature stands: in `header` or in `param`.
fn read_carrier(section: &mut Section<'_>, scheme: Scheme) -> Option<Carrier> {
    let header = section.parsed("header", values::header);
    let param = section.text("param");
    match (header, param) {
        (Some(_), Some(param)) => {
            section.mistakes.error(param.place, "\"param\": the signature stands in \"header\" already");
            None
        }
        (Some(header), None) => Some(Carrier::Header(header.value)),
        (None, Some(param)) => Some(Carrier::Param(param.value.to_owned())),
        (None, None) if section.has("header") || section.has("param") => None,
        (None, None) if !scheme.param.is_empty() => Some(Carrier::Param(scheme.param.to_owned())),
        (None, None) => {
            let message = "missing key \"header\" or \"param\" in signature: where the signature stands";
            section.mistakes.error(section.place, message);
            None
        }
    }
}

fn read_timestamp(section: &mut Section<'_>, carrier: Option<&Carrier>) -> Option<Carrier> {
    let header = section.parsed("timestamp", values::header);
    let param = section.text("timestamp_param");
    if let (Some(Carrier::Header(signature)), Some(header)) = (carrier, &header)
        && signature.eq_ignore_ascii_case(&header.value)
    {
        section.mistakes.error(header.place, "\"timestamp\": this header carries the signature already");
    }
    match (header, param) {
        (Some(_), Some(param)) => {
            let message = "\"timestamp_param\": the time of signing stands in \"timestamp\" already";
            section.mistakes.error(param.place, message);
            None
        }
        (Some(header), None) => Some(Carrier::Header(header.value)),
        (None, Some(param)) => Some(Carrier::Param(param.value.to_owned())),
        (None, None) => None,
    }
}

/// What is signed: by the program's own word, else by the scheme's, after the time of signing where there is one.
fn read_over(section: &mut Section<'_>, scheme: Scheme, timestamp: Option<&Carrier>) -> Option<Vec<Piece>> {
    if scheme.is_recipe && section.has("over") {
        return section.parsed("over", parse_over).map(|over| over.value);
    }
    if scheme.over.is_empty() {
        section.require(&["over"]);
        return None;
    }
    let mut over = parse_over(scheme.over).ok()?;
    if let (Some(header @ Carrier::Header(_)), true) = (timestamp, over == [Piece::Payload]) {
        over = vec![header.piece(), Piece::Text(".".into()), Piece::Payload];
    }
    Some(over)
}

/// `"{secret}.{user_id}.{value:int}"`: text, and names of what stands in its place.
fn parse_over(text: &str) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (literal, after) = rest.split_once('{').unwrap_or((rest, ""));
        if literal.contains('}') {
            return Err(format!("{} has a closing brace without an opening one", quote(text)));
        }
        if !literal.is_empty() {
            pieces.push(Piece::Text(literal.to_owned()));
        }
        if literal.len() == rest.len() {
            break;
        }
        let (name, after) =
            after.split_once('}').ok_or_else(|| format!("{} has a brace that is not closed", quote(text)))?;
        pieces.push(parse_piece(name)?);
        rest = after;
    }
    if PIECES_MAX < pieces.len() {
        return Err(format!("more than {PIECES_MAX} pieces"));
    }
    Ok(pieces)
}

fn parse_piece(name: &str) -> Result<Piece, String> {
    match name {
        "secret" => return Ok(Piece::Secret),
        "payload" => return Ok(Piece::Payload),
        _ => {}
    }
    if let Some(header) = name.strip_prefix("header.").filter(|header| !header.is_empty()) {
        return values::header(header).map(Piece::Header);
    }
    let (name, form) = name.split_once(':').unwrap_or((name, ""));
    let forms = [("int", Form::Integer), ("cents", Form::Cents)];
    let form = if form.is_empty() { Form::AsSent } else { read_word(form, &forms)? };
    let param = name.strip_prefix("param.");
    let suggestion = did_you_mean(name, ["secret", "payload"].into_iter());
    // `{secert}` would be a parameter of that name, and the hash would hold no secret.
    if param.is_none() && !suggestion.is_empty() {
        let name = quote(name);
        return Err(format!("{name}{suggestion} (a parameter of this name is written {{param.NAME}})"));
    }
    let name = param.unwrap_or(name);
    if name.is_empty() || name.contains('{') {
        return Err("{} must name a parameter, a header, the secret or the payload".into());
    }
    Ok(Piece::Param(name.to_owned(), form))
}

fn judge_secret(
    section: &mut Section<'_>,
    scheme: Scheme,
    hash: Hash,
    over: Option<&[Piece]>,
    over_place: Place,
) {
    let hashed = over.is_some_and(|over| over.contains(&Piece::Secret));
    let wanted = hash.is_keyed() || hashed;
    if wanted {
        section.require(&["secret"]);
    }
    if !wanted && over.is_some() && section.has("secret") {
        let message = "\"over\": the secret is not among what is hashed; put {secret} in its place";
        let place = if scheme.is_recipe { over_place } else { section.place };
        section.mistakes.error(place, message);
    }
}

/// A time that is not signed could be changed by whoever sends a request again.
fn judge_time(section: &Section<'_>, over: &[Piece], timestamp: Option<&Carrier>, over_place: Place) {
    let Some(timestamp) = timestamp else { return };
    let same_header = |piece: &Piece| match (piece, timestamp) {
        (Piece::Header(signed), Carrier::Header(header)) => signed.eq_ignore_ascii_case(header),
        (piece, timestamp) => *piece == timestamp.piece(),
    };
    let in_payload = timestamp.param().is_some() && over.contains(&Piece::Payload);
    if !in_payload && !over.iter().any(same_header) {
        let (kind, name) = match timestamp {
            Carrier::Header(name) => ("header.", name),
            Carrier::Param(name) => ("", name),
        };
        let message = format!("\"over\": the time of signing is not signed; put {{{kind}{name}}} among it");
        section.mistakes.error(over_place, message);
    }
}

/// The tolerance, and how long a signed request is remembered: never shorter than it could pass.
fn read_windows(section: &mut Section<'_>, is_timed: bool) -> (Span, Span) {
    let (tolerance_place, window_place) = (section.place_of("tolerance"), section.place_of("replay_window"));
    let tolerance = section.span("tolerance");
    let window = section.span("replay_window");
    let timeless = "there is no time of signing; name its header in \"timestamp\"";
    if tolerance.is_some() && !is_timed {
        section.mistakes.warn(tolerance_place, format!("\"tolerance\": {timeless}"));
    }
    if window.is_some() && !is_timed {
        section.mistakes.error(window_place, format!("\"replay_window\": {timeless}"));
    }
    let tolerance = tolerance.unwrap_or(TOLERANCE);
    if TOLERANCE_MAX < tolerance {
        section.mistakes.error(tolerance_place, format!("\"tolerance\": at most {TOLERANCE_MAX}"));
    }
    // A request may come as much before its own time as after it.
    let least = Span::from_millis(tolerance.millis().saturating_mul(2));
    let window = window.unwrap_or(least);
    if window < least || REPLAY_WINDOW_MAX < window {
        let message =
            format!("\"replay_window\": between twice the tolerance ({least}) and {REPLAY_WINDOW_MAX}");
        section.mistakes.error(window_place, message);
    }
    (tolerance, window)
}
