//! Reads `[[advertiser]]`: who sends postbacks, how they prove it, and what their words mean.

use std::collections::BTreeMap;

use crate::name::Name;
use crate::outcome::Status;
use crate::program::file::known::Known;
use crate::program::file::{signature, values};
use crate::program::reader::{Mistakes, Place, Placed, Section, quote, read_word};
use crate::program::{Advertiser, FIELDS, PostbackRules, Reply, Signature};

/// The id has been declared before, because offers need it.
pub(super) fn read(id: Option<Name>, mut section: Section<'_>, known: &Known) -> Option<Advertiser> {
    let name = section.text("name");
    section.parsed("preset", |text| read_word(text, &[("generic", ())]));
    let currency = section.parsed("currency", |text| values::currency(text, &known.currencies));
    if !section.has("postback") {
        refuse_as_open(section.place, section.mistakes);
    }
    let rules = section.table("postback", "[advertiser.postback]");
    let postback = rules.and_then(|rules| read_rules(rules, section.place, id.as_ref(), known));
    section.finish();
    let id = id?;
    Some(Advertiser {
        name: name.map_or_else(|| id.to_string(), |name| name.value.to_owned()),
        id,
        currency: currency.map(|currency| currency.value),
        postback: postback?,
    })
}

fn read_rules(
    mut section: Section<'_>,
    advertiser_place: Place,
    advertiser: Option<&Name>,
    known: &Known,
) -> Option<PostbackRules> {
    let open = section.flag("open").unwrap_or(false);
    let guarded = ["token", "signature", "allow_ips"].iter().any(|key| section.holds(key));
    if !guarded && !open {
        refuse_as_open(advertiser_place, section.mistakes);
    }
    let tokens = values::secrets(&mut section, "token");
    let token_header = section.parsed("token_header", values::header);
    let signature_place = section.place_of("signature");
    // A faulty signature is an error by now: there will be no program without it.
    let signature = section.table("signature", "signature").and_then(signature::read);
    if !open && signature.as_ref().is_some_and(Signature::proves_nothing) && !alone_is_enough(&section) {
        let message =
            "\"signature\": anybody can make a hash without a secret; give allow_ips or a token beside it";
        section.mistakes.error(signature_place, message);
    }
    let allow_ips = section.parsed_list("allow_ips", values::network);
    let require_https = section.flag("require_https");
    let rate_limit = section.parsed("rate_limit", values::rate_limit);
    let replies = [("status", Reply::Status), ("always_200", Reply::Always200)];
    let reply = section.parsed("reply", |text| read_word(text, &replies));
    let params = section.table("params", "params").map(read_params);
    let events = section.table("events", "events").map(|events| read_events(events, advertiser, known));
    let statuses = section.table("statuses", "statuses").map(read_statuses);
    let rules = PostbackRules {
        open,
        tokens,
        token_header: token_header.map(|header| header.value),
        signature,
        allow_ips: allow_ips.into_iter().map(|network| network.value).collect(),
        require_https: require_https.unwrap_or(false),
        rate_limit: rate_limit.map(|limit| limit.value),
        reply: reply.map_or(Reply::Status, |reply| reply.value),
        params: params.unwrap_or_default(),
        events: events.unwrap_or_default(),
        statuses: statuses.unwrap_or_default(),
    };
    section.finish();
    Some(rules)
}

/// Whether something besides the signature keeps strangers out.
fn alone_is_enough(section: &Section<'_>) -> bool {
    section.holds("token") || section.holds("allow_ips")
}

fn refuse_as_open(advertiser: Place, mistakes: &Mistakes<'_>) {
    let message = "anybody could send postbacks for this advertiser: give its [advertiser.postback] a token, \
                   a signature or allow_ips, or say open = true";
    mistakes.error(advertiser, message);
}

/// Our fields and the parameters that carry them, in either spelling of `event_type`.
fn read_params(mut section: Section<'_>) -> BTreeMap<String, String> {
    let fields = FIELDS.into_iter().chain(["event", "token"]).chain(values::SUBS);
    let mut written: Vec<(&str, Placed<&str>)> =
        fields.filter_map(|field| section.text(field).map(|parameter| (field, parameter))).collect();
    written.sort_by_key(|(_, parameter)| parameter.place);

    let mut params = BTreeMap::new();
    let mut field_of = BTreeMap::new();
    for (field, parameter) in written {
        if let Some(other) = field_of.insert(parameter.value, field) {
            let message = format!("\"{field}\": {} carries \"{other}\" already", quote(parameter.value));
            section.mistakes.error(parameter.place, message);
        }
        let stored = if field == "event" { "event_type" } else { field };
        if params.insert(stored.to_owned(), parameter.value.to_owned()).is_some() {
            let message = "\"event\" and \"event_type\" are two spellings of one field";
            section.mistakes.error(parameter.place, message);
        }
    }
    section.finish();
    params
}

fn read_events(mut section: Section<'_>, advertiser: Option<&Name>, known: &Known) -> BTreeMap<String, Name> {
    let mut events = BTreeMap::new();
    for word in section.keys() {
        let event = match advertiser {
            Some(advertiser) => {
                section.parsed(word.value, |text| known.event_of_advertiser(advertiser, text))
            }
            None => section.name(word.value),
        };
        events.extend(event.map(|event| (word.value.to_owned(), event.value)));
    }
    events
}

fn read_statuses(mut section: Section<'_>) -> BTreeMap<String, Status> {
    let mut statuses = BTreeMap::new();
    for word in section.keys() {
        let status = section.parsed(word.value, values::status);
        statuses.extend(status.map(|status| (word.value.to_owned(), status.value)));
    }
    statuses
}
