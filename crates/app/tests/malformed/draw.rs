//! Requests that are wrong in every way we know of, drawn at random, each with what must become of it.

use proofback_testkit::Random;

use crate::wire::After;

/// What must become of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// One answer with a reason, and one row.
    Row,
    /// A batch: as many answers and rows.
    Rows(usize),
    /// It reached no postback address, or is past a limit: an answer from 400 to 499, or none, and no row.
    Nothing,
    /// HTTP itself may refuse it or take it: one row or none, as the answer says.
    RowOrNothing,
}

pub struct Drawn {
    pub bytes: Vec<u8>,
    pub after: After,
    pub wanted: Wanted,
}

/// Click ids that are ours, one of each advertiser.
pub struct Clicks {
    pub casino: String,
    pub shop: String,
}

const NAMES: [&str; 24] = [
    "cid",
    "click_id",
    "order",
    "txid",
    "transaction_id",
    "original_txid",
    "goal",
    "event",
    "event_type",
    "st",
    "status",
    "sum",
    "amount",
    "revenue",
    "payout",
    "currency",
    "timestamp",
    "token",
    "sub1",
    "sub10",
    "test",
    "email",
    "%ff",
    "x[]",
];

/// As they stand in a query or a form.
const VALUES: [&str; 92] = [
    // Texts
    "",
    "%20",
    "%00",
    "a%00b",
    "%ff",
    "%C3%28",
    "%F0%9F%98%80",
    "%u0041",
    "%",
    "%4",
    "%zz",
    "%25%30%30",
    "a%0d%0ab",
    "%2e%2e",
    "%C2%A4cy=EUR",
    "&amp;",
    "+",
    "'--",
    "%22",
    "%3Cscript%3E",
    "%EF%BF%BD",
    "%E2%80%8B",
    "%ED%A0%80",
    "null",
    "undefined",
    // Amounts
    "NaN",
    "1e309",
    "-0",
    "1,50",
    "Infinity",
    "-Infinity",
    "-1",
    "0",
    "0.0000001",
    "1.",
    ".5",
    "+1",
    "0x10",
    "1_000",
    "1.000,50",
    "99999999999999999999",
    "9223372036854.775807",
    "9223372036855",
    "10.50",
    "1e3",
    "%D9%A1%D9%A2",
    "12%20EUR",
    "$5",
    // Placeholders
    "%7Bx%7D",
    "%7B%7Bclick_id%7D%7D",
    "[x]",
    "[[x]]",
    "[[[x]]]",
    "%23x%23",
    "%23%23X%23%23",
    "$%7BX%7D",
    "$x$",
    "(x)",
    "%25X%25",
    "%25%25X%25%25",
    "__X__",
    "%3Cx%3E",
    "!x!",
    "REPLACE",
    "OPTIONAL",
    "%257Bx%257D",
    "{amount}",
    // Words of ours and nearly of ours
    "dep",
    "ftd",
    "sale",
    "refund",
    "chargeback",
    "signup",
    "FTD",
    "1",
    "2",
    "approved",
    "reversed",
    "maybe",
    "EUR",
    "EURO",
    "eur",
    "XXX",
    "t0ken",
    "wrong",
    "yesterday",
    "1795244760",
    "-1795244760",
    "99999999999999",
    "2026-13-45T99:99:99Z",
    "2026-11-21T06:00:00Z",
    "T1",
];

const CONTENT_TYPES: [&str; 13] = [
    "application/x-www-form-urlencoded",
    "application/json",
    "application/json; charset=utf-16",
    "text/plain",
    "",
    "text/html",
    "multipart/form-data",
    "application/xml",
    "application/vnd.x+json",
    "APPLICATION/JSON",
    ";",
    "application/json\u{e4}",
    "json",
];

const BROKEN_JSON: [&str; 26] = [
    "",
    "{",
    "}",
    "{}",
    "[]",
    "null",
    "7",
    "\"x\"",
    "{\"a\":}",
    "{\"a\":1,}",
    "{\"a\":1 \"b\":2}",
    "{'a':1}",
    "{\"a\":NaN}",
    "{\"a\":Infinity}",
    "{\"a\":1e309}",
    "{\"a\":-0}",
    "{\"a\":01}",
    "{\"a\":\"\\ud800\"}",
    "{\"a\":\"\\u0000\"}",
    "{\"a\":\"\t\"}",
    "{\"a\":1,\"a\":2}",
    "{\"a\":{\"b\":[1,2,{}]}}",
    "\u{feff}{}",
    "{\"a\":1}{\"b\":2}",
    "// x\n{}",
    "{\"a\":tru}",
];

const HEADERS: [&str; 20] = [
    "no colon",
    "name with space: 1",
    ": empty",
    "x: \u{0}",
    "x: \u{1}",
    "x\u{e4}: 1",
    "content-length: -1",
    "content-length: abc",
    "content-length: 5\r\ncontent-length: 6",
    "content-length: 99999999999999999999",
    "transfer-encoding: gzip",
    " folded: 1",
    "x: 1\r\n folded",
    "transfer-encoding: chunked\r\ncontent-length: 3",
    "expect: 100-continue",
    "expect: nothing",
    "authorization: Bearer t0ken",
    "authorization: Basic !!!",
    "x-forwarded-for: 1.2.3.4, garbage",
    "host: a\r\nhost: b",
];

pub fn draw(random: &mut Random, clicks: &Clicks) -> Drawn {
    match random.between(0, 99) {
        0..45 => query(random, clicks),
        45..65 => form(random, clicks),
        65..78 => json(random, clicks),
        78..85 => batch(random, clicks),
        85..88 => wrong_method(random, clicks),
        88..90 => past_a_limit(random, clicks),
        90..93 => broken_body(random, clicks),
        93..96 => chunked(random, clicks),
        _ => garbage(random, clicks),
    }
}

const UNKNOWN: [&str; 9] = [
    "/postback/nobody",
    "/postback/%ff",
    "/postback/%00",
    "/postback/%2e%2e",
    "/postback/casino%20",
    "/postback/CASINO",
    "/postback/%2Fshop",
    "/postback/%F0%9F%98%80",
    "/postback/0",
];

fn address(random: &mut Random) -> &'static str {
    match random.between(0, 11) {
        0..5 => "/postback/casino",
        5..8 => "/postback/shop",
        8 => "/postback/guarded",
        9 => "/postback",
        _ => random.pick(&UNKNOWN),
    }
}

fn click_id(random: &mut Random, clicks: &Clicks) -> String {
    let id = if random.once_in(2) { &clicks.casino } else { &clicks.shop };
    let length = usize::try_from(random.between(0, 25)).unwrap();
    match random.between(0, 11) {
        0..4 => id.clone(),
        9 => {
            random.pick(&["%7Bx%7D", "[[[click_id]]]", "##S2S##", "%257Bclick_id%257D", "REPLACE"]).to_owned()
        }
        4 => id.to_uppercase(),
        10 => id[..length].to_owned(),
        5 => {
            let other = random.pick(&["0", "z", "o", "%D0%B0", "%00", "%2520", "-", "i"]);
            format!("{}{other}{}", &id[..length], &id[length + 1..])
        }
        6 => id.bytes().map(|byte| format!("%25{byte:02x}")).collect(),
        7 => format!("{id}{id}"),
        8 => "c384EFV6JHQODRN70575OK6UG5".to_owned(),
        _ => "7zzzzzzzzzzzzzzzzzzzzzzzzz".to_owned(),
    }
}

fn value(random: &mut Random, clicks: &Clicks) -> String {
    match random.between(0, 19) {
        0..4 => click_id(random, clicks),
        4 => format!("T{}", random.between(0, 5_000)),
        _ => random.pick(&VALUES).to_owned(),
    }
}

/// Often near to a sound postback, so that what is behind the first checks is reached, too.
fn pairs(random: &mut Random, clicks: &Clicks) -> String {
    let mut pairs = Vec::new();
    if !random.once_in(3) {
        let id = click_id(random, clicks);
        let order = random.between(0, 5_000);
        pairs.push(
            random
                .pick(&["token=t0ken", "token=t0ken", "token=t0ken", "token=wrong", "token=", "key=t0ken"])
                .to_owned(),
        );
        pairs.push(format!("cid={id}&click_id={id}"));
        pairs.push(format!("order={order}&txid={order}"));
        pairs.push(
            random
                .pick(&["goal=dep&event=sale", "goal=ftd&event=sale", "goal=refund&event=refund"])
                .to_owned(),
        );
    }
    for _ in 0..random.between(0, 3) {
        pairs.push(format!("{}={}", random.pick(&NAMES), value(random, clicks)));
    }
    if random.once_in(40) {
        pairs.extend((0..250).map(|number| format!("p{number}=1")));
    }
    if random.once_in(20) {
        pairs.push(format!("sub2={}", random.pick(&["a", "%61", "+"]).repeat(2_500)));
    }
    pairs.join("&")
}

/// As a client sends it: what an address may not hold is encoded.
fn sendable(query: &str) -> String {
    query
        .chars()
        .map(|character| match character {
            ' ' => "%20".to_owned(),
            '{' | '}' | '"' | '<' | '>' | '\\' | '^' | '`' | '#' => format!("%{:02X}", u32::from(character)),
            plain => plain.to_string(),
        })
        .collect()
}

fn request(method: &str, target: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes = format!("{method} {target} HTTP/1.1\r\nhost: tracker.example\r\n{headers}").into_bytes();
    if !body.is_empty() || method == "POST" {
        bytes.extend_from_slice(format!("content-length: {}\r\n", body.len()).as_bytes());
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(body);
    bytes
}

fn drawn(bytes: Vec<u8>, wanted: Wanted) -> Drawn {
    Drawn { bytes, after: After::Keep, wanted }
}

fn query(random: &mut Random, clicks: &Clicks) -> Drawn {
    let target = format!("{}?{}", address(random), sendable(&pairs(random, clicks)));
    // Two long values can make it too long together.
    let wanted = if target.len() <= 8_192 { Wanted::Row } else { Wanted::Nothing };
    drawn(request("GET", &target, "", b""), wanted)
}

fn content_type(random: &mut Random, usual: &str) -> String {
    let kind = if random.once_in(3) { random.pick(&CONTENT_TYPES) } else { usual };
    if random.once_in(10) { String::new() } else { format!("content-type: {kind}\r\n") }
}

fn form(random: &mut Random, clicks: &Clicks) -> Drawn {
    let mut body = pairs(random, clicks).into_bytes();
    damage(random, &mut body);
    let headers = content_type(random, "application/x-www-form-urlencoded");
    drawn(request("POST", address(random), &headers, &body), Wanted::Row)
}

/// Sometimes a value of 8 KiB, sometimes bytes that are no UTF-8, sometimes an end that is missing.
fn damage(random: &mut Random, body: &mut Vec<u8>) {
    match random.between(0, 19) {
        0 => {
            body.extend_from_slice(b"&txid=");
            body.resize(body.len() + 8_192, b'T');
        }
        1 => body.extend_from_slice(b"&sub1=\xff\xfe\xc3"),
        2 => body.truncate(body.len() / 2),
        3 => body.push(0),
        _ => {}
    }
}

fn object(random: &mut Random, clicks: &Clicks) -> String {
    let mut members = vec![
        format!("\"cid\": \"{0}\", \"click_id\": \"{0}\"", click_id(random, clicks)),
        format!("\"order\": {0}, \"txid\": \"{0}\"", random.between(0, 5_000)),
        "\"goal\": \"dep\", \"event\": \"sale\"".to_owned(),
    ];
    for _ in 0..random.between(0, 4) {
        let name = random.pick(&NAMES);
        let amount = random.pick(&[
            "1e309",
            "-0",
            "10.5",
            "1E-400",
            "true",
            "null",
            "[1]",
            "{}",
            "\"NaN\"",
            "\"1,50\"",
            "\"\\u0000\"",
        ]);
        members.push(format!("\"{name}\": {amount}"));
    }
    format!("{{{}}}", members.join(", "))
}

fn json(random: &mut Random, clicks: &Clicks) -> Drawn {
    let mut body = match random.between(0, 9) {
        0..3 => random.pick(&BROKEN_JSON).to_owned(),
        3 => "[".repeat(usize::try_from(random.between(1, 20_000)).unwrap()),
        4 => format!("{}{}", "{\"a\":".repeat(1_000), "}".repeat(1_000)),
        _ => object(random, clicks),
    }
    .into_bytes();
    damage(random, &mut body);
    let target = format!("{}?token=t0ken", address(random));
    drawn(request("POST", &target, &content_type(random, "application/json"), &body), Wanted::Row)
}

fn batch(random: &mut Random, clicks: &Clicks) -> Drawn {
    let target = format!(
        "{}/batch?token=t0ken",
        random.pick(&[
            "/postback/casino",
            "/postback/casino",
            "/postback/shop",
            "/postback/shop",
            "/postback/%ff"
        ])
    );
    let count = usize::try_from(random.between(1, 8)).unwrap();
    let objects: Vec<String> = (0..count)
        .map(|_| match random.once_in(3) {
            // A line feed or a comma outside of quotes would make two of it.
            true => random
                .pick(&[
                    "7",
                    "null",
                    "{\"a\":1e309}",
                    "{\"a\":\"\\u0000\"}",
                    "{\"a\":1,\"a\":2}",
                    "\"x\"",
                    "{\"a\":[]}",
                ])
                .to_owned(),
            false => object(random, clicks),
        })
        .collect();
    let (body, rows) = match random.between(0, 5) {
        0 | 1 => (format!("[{}]", objects.join(",")), count),
        2 | 3 => (objects.join("\n") + random.pick(&["", "\n", "\r\n\n"]), count),
        4 => (format!("[{},", objects.join(",")), 1),
        _ => (random.pick(&["", "[", "[]", "[1 2]", "\u{feff}[]", "]", "{"]).to_owned(), 1),
    };
    drawn(
        request("POST", &target, &content_type(random, "application/json"), body.as_bytes()),
        Wanted::Rows(rows),
    )
}

fn wrong_method(random: &mut Random, clicks: &Clicks) -> Drawn {
    let method = random.pick(&["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW", "get"]);
    let target = format!("{}?{}", address(random), sendable(&pairs(random, clicks)));
    let elsewhere = random.pick(&["/postback/a/b/c", "/postback/shop/batch", "/Postback", "/postbacks/shop"]);
    match random.once_in(3) {
        true => drawn(request("GET", elsewhere, "", b""), Wanted::Nothing),
        false => drawn(request(method, &target, "", b""), Wanted::Nothing),
    }
}

fn past_a_limit(random: &mut Random, clicks: &Clicks) -> Drawn {
    let target = address(random);
    let long = "a".repeat(usize::try_from(random.between(8_200, 60_000)).unwrap());
    let many: String = (0..300).map(|number| format!("x-{number}: 1\r\n")).collect();
    let body = vec![b'a'; usize::try_from(random.between(65_537, 70_000)).unwrap()];
    let bytes = match random.between(0, 2) {
        0 => request("GET", &format!("{target}?{}&x={long}", sendable(&pairs(random, clicks))), "", b""),
        1 => request("GET", target, &many, b""),
        _ => request("POST", target, "content-type: application/json\r\n", &body),
    };
    drawn(bytes, Wanted::Nothing)
}

/// The body breaks off, or its chunks are none.
fn broken_body(random: &mut Random, clicks: &Clicks) -> Drawn {
    let target = address(random);
    let bytes = if random.once_in(3) {
        let body = format!("{}&", pairs(random, clicks));
        let mut bytes = request("POST", target, "", body.as_bytes());
        bytes.pop();
        bytes
    } else {
        let chunks = random.pick(&[
            "zz\r\n",
            "-1\r\n",
            "ffffffffffffffffff\r\n",
            "3\r\nabcde\r\n",
            "3",
            "3\r\nab",
            "\r\n",
            "5;\u{0}\r\nabcde\r\n",
        ]);
        format!("POST {target} HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n{chunks}")
            .into_bytes()
    };
    Drawn { bytes, after: After::Cut, wanted: Wanted::Nothing }
}

fn chunked(random: &mut Random, clicks: &Clicks) -> Drawn {
    let body = pairs(random, clicks);
    let (first, second) = body.split_at(body.len() / 2);
    let headers = "content-type: application/x-www-form-urlencoded\r\ntransfer-encoding: chunked";
    let mut bytes = format!("POST {} HTTP/1.1\r\nhost: a\r\n{headers}\r\n\r\n", address(random));
    for part in [first, second].iter().filter(|part| !part.is_empty()) {
        bytes += &format!("{:x}\r\n{part}\r\n", part.len());
    }
    bytes += "0\r\n\r\n";
    drawn(bytes.into_bytes(), Wanted::Row)
}

/// What is no HTTP, or nearly.
fn garbage(random: &mut Random, clicks: &Clicks) -> Drawn {
    let target = format!("{}?{}", address(random), sendable(&pairs(random, clicks)));
    let header = random.pick(&HEADERS);
    let mut after = After::Close;
    let bytes = match random.between(0, 5) {
        0 => format!("GET {target}\r\n\r\n").into_bytes(),
        1 => format!("GET {target} HTTP/9.9\r\n\r\n").into_bytes(),
        2 => [format!("GET {target}").as_bytes(), b"&x=\xff\x80 HTTP/1.1\r\nhost: a\r\n\r\n"].concat(),
        3 => {
            after = After::Cut;
            (0..random.between(1, 200)).map(|_| random.draw().to_le_bytes()[0]).collect()
        }
        // The end of an empty body, for the headers that announce chunks.
        _ => format!("GET {target} HTTP/1.1\r\n{header}\r\n\r\n0\r\n\r\n").into_bytes(),
    };
    Drawn { bytes, after, wanted: Wanted::RowOrNothing }
}
