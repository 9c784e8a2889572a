//! Reads the request of a postback: where it goes, what it carries, and which answer is expected.

use std::collections::BTreeMap;

use crate::delivery::Verb;
use crate::outbound_signature::{Place, Signing};
use crate::preset::{self, Given, Preset};
use crate::program::SecretRef;
use crate::program::file::known::Known;
use crate::program::file::values;
use crate::program::reader::{Place as At, Placed, Section, did_you_mean, quote, read_word};
use crate::program::target::{Body, Call, Expect};
use crate::template::{Template, TemplateError};

/// Headers and form fields of one postback.
const FIELDS_MAX: usize = 50;
const PATTERN_BYTES_MAX: usize = 256;
/// Headers that say where a request goes and how it is framed: they are the client's.
const RESERVED_HEADERS: [&str; 7] =
    ["host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer"];

const VERBS: [(&str, Verb); 2] = [("GET", Verb::Get), ("POST", Verb::Post)];

pub(super) fn read(section: &mut Section<'_>, known: &Known) -> Option<Call> {
    let preset = section.parsed("preset", read_preset);
    let mut secrets = read_secrets(section);
    let url = match &preset {
        Some(preset) => read_filled(section, preset, &mut secrets),
        None if section.has("preset") => None,
        None => {
            section.require(&["url"]);
            values::template(section, "url", Template::parse_url).map(|url| url.value)
        }
    };
    let verb = section.parsed("method", |text| read_word(text, &VERBS));
    let headers = read_headers(section);
    let body = read_body(section);
    let expect = read_expect(section, preset.as_ref().map(|preset| preset.value));
    let sign = section.table("sign", "sign").and_then(read_signing);
    let carries = !matches!(body, Body::Empty);
    if let Some(Placed { value: Verb::Get, place }) = verb
        && carries
    {
        section.mistakes.error(place, "\"method\": a GET carries no form, json or body");
    }
    let verb = verb.map_or(if carries { Verb::Post } else { Verb::Get }, |verb| verb.value);
    let preset = preset.map(|preset| preset.value.id.clone());
    let (at, mistakes) =
        (section.place_of(if preset.is_some() { "preset" } else { "url" }), section.mistakes);
    let call = Call { verb, url: url?, headers, body, expect, sign, secrets, preset };
    for name in call.templates().flat_map(Template::secrets) {
        if !call.secrets.contains_key(name) {
            let suggestion = did_you_mean(name, call.secrets.keys().map(String::as_str));
            mistakes.error(at, format!("{{secret.{name}}} is not declared in \"secrets\"{suggestion}"));
        }
    }
    for currency in call.templates().flat_map(Template::currencies) {
        if known.currencies.digits(currency).is_none() {
            mistakes.error(at, format!("|currency:{currency} is no currency of ISO 4217 or of this program"));
        }
    }
    Some(call)
}

fn read_preset(text: &str) -> Result<&'static Preset, String> {
    preset::find(text).ok_or_else(|| {
        let known = preset::all().iter().map(|preset| preset.id.as_str());
        format!("there is no preset {}{}", quote(text), did_you_mean(text, known))
    })
}

/// The address that a preset and this account's credentials make.
fn read_filled<'a>(
    section: &mut Section<'a>,
    preset: &Placed<&'static Preset>,
    secrets: &mut BTreeMap<String, SecretRef>,
) -> Option<Template> {
    for key in ["url", "form", "json", "body"] {
        if section.has(key) {
            let message = format!("\"{key}\": the preset gives it; leave out one of the two");
            section.mistakes.error(section.place_of(key), message);
        }
        section.ask(key);
    }
    let mut given = BTreeMap::new();
    let mut places: BTreeMap<String, At> = BTreeMap::new();
    let at = section.place_of("credentials");
    if let Some(mut credentials) = section.table("credentials", "credentials") {
        for key in credentials.keys() {
            let Some(text) = credentials.text(key.value) else { continue };
            places.insert(key.value.to_owned(), text.place);
            let value = match SecretRef::parse(text.value) {
                Some(reference) => {
                    secrets.insert(key.value.to_owned(), reference);
                    Given::Secret
                }
                None => Given::Plain(text.value.to_owned()),
            };
            given.insert(key.value.to_owned(), value);
        }
    }
    match preset.value.fill(&given) {
        Ok(filled) => match Template::parse_url(&filled.url) {
            Ok(template) => Some(template),
            Err(error) => {
                section.mistakes.error(preset.place, format!("\"preset\": {error}"));
                None
            }
        },
        Err(errors) => {
            for error in errors {
                let place = places.get(error.name()).copied().unwrap_or(at);
                section.mistakes.error(place, format!("\"credentials\": {error}"));
            }
            None
        }
    }
}

fn read_secrets(section: &mut Section<'_>) -> BTreeMap<String, SecretRef> {
    let mut secrets = BTreeMap::new();
    if let Some(mut table) = section.table("secrets", "secrets") {
        for key in table.keys() {
            let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte);
            if key.value.len() > 64 || !key.value.bytes().all(fits) {
                let message = format!("{} is no name of a secret: 1 to 64 of a-z 0-9 - _", quote(key.value));
                table.mistakes.error(key.place, message);
            }
            let reference = table.parsed(key.value, values::secret);
            secrets.extend(reference.map(|reference| (key.value.to_owned(), reference.value)));
        }
    }
    secrets
}

/// Names with their templates, in the order of the file.
fn read_fields<'a>(
    section: &mut Section<'a>,
    key: &'static str,
    parse: fn(&str) -> Result<Template, TemplateError>,
) -> Vec<(Placed<&'a str>, Template)> {
    let Some(mut table) = section.table(key, key) else {
        return Vec::new();
    };
    let keys = table.keys();
    if keys.len() > FIELDS_MAX {
        table.mistakes.error(table.place, format!("\"{key}\": there are more than {FIELDS_MAX}"));
    }
    let mut fields = Vec::new();
    for name in keys {
        let template = values::template(&mut table, name.value, parse);
        fields.extend(template.map(|template| (name, template.value)));
    }
    fields
}

fn read_headers(section: &mut Section<'_>) -> Vec<(String, Template)> {
    let mut headers = Vec::new();
    for (name, template) in read_fields(section, "headers", Template::parse_header) {
        let reserved = RESERVED_HEADERS.iter().any(|reserved| name.value.eq_ignore_ascii_case(reserved));
        match values::header(name.value) {
            Ok(_) if reserved => {
                let message = format!("\"headers\": {} is set by the client itself", quote(name.value));
                section.mistakes.error(name.place, message);
            }
            Ok(header) => headers.push((header, template)),
            Err(message) => section.mistakes.error(name.place, format!("\"headers\": {message}")),
        }
    }
    headers
}

/// One of `form`, `json` and `body`.
fn read_body(section: &mut Section<'_>) -> Body {
    let given: Vec<&str> = ["form", "json", "body"].into_iter().filter(|key| section.has(key)).collect();
    if let [first, second, ..] = given.as_slice() {
        let message = format!("\"{second}\": there is a \"{first}\" already; a request has one body");
        section.mistakes.error(section.place_of(second), message);
    }
    let form = read_fields(section, "form", Template::parse_form_value);
    let json = values::template(section, "json", Template::parse_json);
    let raw = values::template(section, "body", Template::parse_raw);
    let content_type = section.text("content_type");
    if let Some(content_type) = &content_type
        && (raw.is_none() || !content_type.value.bytes().all(|byte| (0x20..0x7f).contains(&byte)))
    {
        let message = "\"content_type\": goes with \"body\" alone, in printable ASCII";
        section.mistakes.error(content_type.place, message);
    }
    if !form.is_empty() {
        return Body::Form(form.into_iter().map(|(name, value)| (name.value.to_owned(), value)).collect());
    }
    match (json, raw) {
        (Some(json), _) => Body::Json(json.value),
        (None, Some(text)) => {
            let content_type =
                content_type.map_or("text/plain; charset=utf-8", |given| given.value).to_owned();
            Body::Raw { content_type, text: text.value }
        }
        (None, None) => Body::Empty,
    }
}

/// What is written here counts before what the preset says.
fn read_expect(section: &mut Section<'_>, preset: Option<&Preset>) -> Expect {
    let Some(mut table) = section.table("expect", "expect") else {
        let expected = preset.and_then(|preset| preset.expect.as_ref());
        return expected.map_or_else(Expect::default, |expected| Expect {
            statuses: expected.status.into_iter().collect(),
            body: expected.body.clone(),
        });
    };
    let statuses = table.integers("status", 200..=399);
    let body = table.text("body");
    if let Some(body) = &body
        && body.value.len() > PATTERN_BYTES_MAX
    {
        table.mistakes.error(body.place, format!("\"body\": at most {PATTERN_BYTES_MAX} bytes"));
    }
    table.finish();
    Expect {
        statuses: statuses.into_iter().filter_map(|status| u16::try_from(status).ok()).collect(),
        body: body.map(|body| body.value.to_owned()),
    }
}

fn read_signing(mut section: Section<'_>) -> Option<Signing> {
    section.require(&["secret", "timestamp"]);
    let secrets = values::secrets(&mut section, "secret");
    let param = section.text("param").map(|name| Place::Param(name.value.to_owned()));
    let header = section.parsed("header", values::header).map(|name| Place::Header(name.value));
    let timestamp = match header {
        Some(_) => section.parsed("timestamp", values::header).map(|name| name.value),
        None => section.text("timestamp").map(|name| name.value.to_owned()),
    };
    if section.has("param") == section.has("header") {
        let message = "\"sign\": the signature stands in a \"param\" or in a \"header\", in one of them";
        section.mistakes.error(section.place, message);
    }
    section.finish();
    Some(Signing { secrets, place: header.or(param)?, timestamp: timestamp? })
}
