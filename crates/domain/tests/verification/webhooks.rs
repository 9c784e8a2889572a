//! What we sign is held against the reference library of Standard Webhooks and against the code in `docs/webhooks.md`.

use proofback_domain::program::Happening;
use proofback_domain::time::{Span, Timestamp};
use proofback_domain::webhook::{Key, TOLERANCE, body, example, headers, verify};

use crate::run::{block, directory, hex, page, python_with_libraries, verdicts, write};

const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
const NEW: &str = "whsec_bmV3bmV3bmV3bmV3bmV3bmV3bmV3bmV3bmV3bmV3bmV3bmV3";
const OTHER: &str = "whsec_b3RoZXJvdGhlcm90aGVyb3RoZXJvdGhlcm90aGVy";
const ID: &str = "01kb3gx9f0e5g7j9m1p3r5t7v9";

/// One question to a receiver, and the right answer.
#[derive(Clone)]
struct Case {
    what: String,
    secret: &'static str,
    headers: Vec<(String, String)>,
    body: String,
    now: Timestamp,
    genuine: bool,
}

impl Case {
    fn but(&self, what: &str, genuine: bool, change: impl FnOnce(&mut Self)) -> Self {
        let mut case = self.clone();
        case.what = format!("{}, {what}", self.what);
        case.genuine = genuine;
        change(&mut case);
        case
    }

    fn with(&self, name: &str, value: &str) -> Self {
        self.but(&format!("{name}: {value:?}"), false, |case| *case.header(name) = value.into())
    }

    fn header(&mut self, name: &str) -> &mut String {
        self.headers.iter_mut().find(|(known, _)| known == name).map(|(_, value)| value).unwrap()
    }

    fn line(&mut self) -> String {
        let now = (self.now.millis() / 1_000).to_string();
        let body = hex(self.body.as_bytes());
        let [id, time, signature] =
            ["webhook-id", "webhook-timestamp", "webhook-signature"].map(|name| self.header(name).clone());
        [self.secret, &body, &id, &time, &signature, &now, "end"].join("\t")
    }
}

fn sent_at() -> Timestamp {
    Timestamp::parse("2026-11-21T07:06:05Z").unwrap()
}

fn sent(happening: Happening, secrets: &[&str]) -> Case {
    let text = body(happening, Timestamp::parse("2026-11-21T07:06:00Z").unwrap(), &example(happening));
    let keys: Vec<Key> = secrets.iter().map(|secret| Key::parse(secret).unwrap()).collect();
    Case {
        what: happening.code().into(),
        secret: SECRET,
        headers: headers(ID, sent_at(), &text, &keys),
        body: text,
        now: sent_at(),
        genuine: true,
    }
}

fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> =
        Happening::ALL.into_iter().map(|happening| sent(happening, &[SECRET])).collect();
    let case = sent(Happening::PayoutPaid, &[SECRET]);
    cases.push(case.but("another secret", false, |case| case.secret = OTHER));
    for place in 0..case.body.len() {
        let change = |case: &mut Case| {
            let new = if case.body.as_bytes()[place] == b'1' { "2" } else { "1" };
            case.body.replace_range(place..=place, new);
        };
        cases.push(case.but(&format!("byte {place} of the body"), false, change));
    }
    for (seconds, genuine) in [(300, true), (301, false)] {
        let span = Span::from_seconds(seconds);
        cases.push(case.but(&format!("{span} later"), genuine, |case| case.now = case.now.plus(span)));
        cases.push(case.but(&format!("{span} earlier"), genuine, |case| case.now = case.now.minus(span)));
    }
    let right = case.clone().header("webhook-signature").clone();
    let altered = right.replacen(right.as_bytes()[10] as char, "_", 1);
    for signature in ["", "v1,", "v1, ", "v1", "x", &right.replace("v1,", "v1a,"), &altered, &right[..20]] {
        cases.push(case.with("webhook-signature", signature));
    }
    cases.push(case.with("webhook-id", "01kb3gx9f0e5g7j9m1p3r5t7vx"));
    cases.push(case.with("webhook-id", ""));
    cases.push(case.with("webhook-timestamp", "1795244766"));
    cases.push(case.with("webhook-timestamp", ""));
    cases.push(case.with("webhook-timestamp", "now"));
    let both = sent(Happening::PayoutPaid, &[NEW, SECRET]);
    cases.push(both.but("of two secrets the newest", true, |case| case.secret = NEW));
    cases.push(both.but("of two secrets the old one", true, |_| {}));
    cases.push(both.but("with neither", false, |case| case.secret = OTHER));
    cases
}

fn lines() -> Vec<String> {
    cases().iter_mut().map(Case::line).collect()
}

fn hold(verdicts: Vec<bool>) {
    for (case, verdict) in cases().iter().zip(verdicts) {
        assert_eq!(verdict, case.genuine, "{}", case.what);
    }
}

#[test]
fn the_reference_library_accepts_what_we_signed_and_nothing_else() {
    let driver = r#"
import datetime
import json
import sys
import standardwebhooks.webhooks as library

class Clock(datetime.datetime):
    at = 0

    @classmethod
    def now(cls, tz=None):
        return datetime.datetime.fromtimestamp(cls.at, tz)

library.datetime = Clock
for line in sys.stdin.buffer.read().decode().split("\n")[:-1]:
    secret, body, id, time, signature, now, _ = line.split("\t")
    Clock.at = int(now)
    headers = {"webhook-id": id, "webhook-timestamp": time, "webhook-signature": signature}
    try:
        seen = read_webhook(secret, headers, bytes.fromhex(body))
        print(int(seen == json.loads(bytes.fromhex(body))))
    except (library.WebhookVerificationError, ValueError):
        print(0)
"#;
    let directory = directory("webhooks-python");
    write(&directory, "webhooks.py", &format!("{}{driver}", block(&page("webhooks.md"), "python")));
    hold(verdicts(&directory, &[&python_with_libraries(), "webhooks.py"], &lines()));
}

#[test]
fn the_javascript_example_accepts_what_we_signed_and_nothing_else() {
    let driver = r#"
for (const line of require("node:fs").readFileSync(0, "utf8").trimEnd().split("\n")) {
  const [secret, hex, id, time, signature, now] = line.split("\t");
  const headers = { "webhook-id": id, "webhook-timestamp": time, "webhook-signature": signature };
  const body = Buffer.from(hex, "hex");
  try {
    const seen = readWebhook(secret, headers, body, Number(now));
    console.log(JSON.stringify(seen) === body.toString() ? 1 : 0);
  } catch (error) {
    console.log(0);
  }
}
"#;
    let directory = directory("webhooks-javascript");
    write(&directory, "webhooks.js", &format!("{}{driver}", block(&page("webhooks.md"), "javascript")));
    hold(verdicts(&directory, &["node", "webhooks.js"], &lines()));
}

#[test]
fn our_own_judge_says_the_same_as_the_reference_library() {
    let judge = |case: &Case| {
        let keys = [Key::parse(case.secret).unwrap()];
        verify(&case.headers, case.body.as_bytes(), &keys, case.now, TOLERANCE).is_ok()
    };
    hold(cases().iter().map(judge).collect());
}
