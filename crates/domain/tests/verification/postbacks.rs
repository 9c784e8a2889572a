//! `docs/signed-postbacks.md`: its code accepts what we sign, and nothing else.

use proofback_domain::delivery::{Request, Verb};
use proofback_domain::outbound_signature::{Place, Signing, sign};
use proofback_domain::time::{Span, Timestamp};

use crate::run::{block, directory, hex, page, prepare, verdicts, write};

const PAGE: &str = "signed-postbacks.md";
const SECRET: &str = "k2Xv9mQ4tB7wZ1nC6rY3pL8sD5fG0hJa";
const OLD: &str = "the-secret-before-ü";
const SENT_AT: i64 = 1_795_244_760;

/// One question to a receiver's code, and the right answer.
#[derive(Clone)]
struct Case {
    what: String,
    in_address: bool,
    secret: String,
    method: &'static str,
    target: String,
    body: Vec<u8>,
    timestamp: String,
    signature: String,
    now: i64,
    genuine: bool,
}

impl Case {
    fn line(&self) -> String {
        let place = if self.in_address { "address" } else { "header" };
        let (body, now) = (hex(&self.body), self.now.to_string());
        let words = [
            place,
            &self.secret,
            self.method,
            &self.target,
            &body,
            &self.timestamp,
            &self.signature,
            &now,
            "end",
        ];
        words.join("\t")
    }

    /// The same request with something done to it.
    fn but(&self, what: &str, genuine: bool, change: impl FnOnce(&mut Self)) -> Self {
        let mut case = self.clone();
        case.what = format!("{}, {what}", self.what);
        case.genuine = genuine;
        change(&mut case);
        case
    }
}

fn signing(in_address: bool) -> Signing {
    let (place, timestamp) = if in_address {
        (Place::Param("sig".into()), "ts")
    } else {
        (Place::Header("X-Signature".into()), "X-Timestamp")
    };
    Signing { secrets: vec![], place, timestamp: timestamp.into() }
}

/// A request as it arrives, signed by us.
fn sent(in_address: bool, verb: Verb, address: &str, body: &str, secrets: &[&str]) -> Case {
    let mut request = Request { verb, url: address.into(), headers: vec![], body: body.into() };
    let at = Timestamp::from_millis(SENT_AT * 1_000).plus(Span::from_millis(999));
    sign(&mut request, &signing(in_address), secrets, at).unwrap();
    let header = |name: &str| {
        let found = request.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    };
    Case {
        what: format!("{} {address} {body:?}", verb.code()),
        in_address,
        secret: SECRET.into(),
        method: verb.code(),
        target: request.url.strip_prefix("https://t.example").unwrap().into(),
        body: request.body.clone().into_bytes(),
        timestamp: header("X-Timestamp"),
        signature: header("X-Signature"),
        now: SENT_AT,
        genuine: true,
    }
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for in_address in [true, false] {
        for (verb, address, body) in [
            (Verb::Get, "https://t.example/postback?cid=M-1&payout=12.00&name=a%2Bb%20c", ""),
            (Verb::Get, "https://t.example", ""),
            (Verb::Get, "https://t.example/p?#end", ""),
            (Verb::Get, "https://t.example/ü?q=ü+'x'&q=%25&ts=1&sig=2", ""),
            (Verb::Post, "https://t.example/postback?cid=M-1", "{\"payout\": \"12.00\"}"),
            (Verb::Post, "https://t.example/p", "line\r\nline\n\nü \u{1f600}\n"),
        ] {
            let case = sent(in_address, verb, address, body, &[SECRET]);
            cases.extend(altered(&case));
            cases.push(case);
        }
        // A parameter is signed by the newest secret alone.
        let both = sent(in_address, Verb::Get, "https://t.example/p?a=1", "", &[SECRET, OLD]);
        cases.push(both.but("of two secrets the newest", true, |_| {}));
        cases.push(both.but("of two secrets the old one", !in_address, |case| case.secret = OLD.into()));
        cases.push(both.but("with neither secret", false, |case| case.secret = format!("{OLD}x")));
    }
    cases
}

/// What anybody on the way could try.
fn altered(case: &Case) -> Vec<Case> {
    let mut cases: Vec<Case> = [(300, true), (301, false), (-300, true), (-301, false), (86_400, false)]
        .into_iter()
        .map(|(seconds, genuine)| {
            case.but(&format!("{seconds} s later"), genuine, |case| case.now += seconds)
        })
        .collect();
    // Each byte of the address, and so in the address the time and the signature, too.
    for place in 1..case.target.len() {
        let change = |case: &mut Case| {
            let old = case.target.as_bytes()[place];
            let new = if old == b'x' { "y" } else { "x" };
            case.target.replace_range(place..=place, new);
        };
        cases.push(case.but(&format!("byte {place} of the address"), false, change));
    }
    for place in 0..case.body.len() {
        cases.push(case.but(&format!("byte {place} of the body"), false, |case| case.body[place] ^= 1));
    }
    let other = if case.method == "GET" { "POST" } else { "GET" };
    cases.extend([
        case.but("another method", false, |case| case.method = other),
        case.but("another secret", false, |case| case.secret = OLD.into()),
        case.but("a longer body", false, |case| case.body.push(b'\n')),
        case.but("a parameter at the end", false, |case| case.target.push_str("&a=1")),
    ]);
    if case.in_address {
        cases.extend(in_address(case));
    } else {
        cases.extend(in_header(case));
    }
    cases
}

fn in_address(case: &Case) -> Vec<Case> {
    let (unsigned, signature) = case.target.rsplit_once("&sig=").unwrap();
    let (address, _) = unsigned.rsplit_once("ts=").unwrap();
    [
        ("no signature", unsigned.to_owned()),
        ("an empty signature", format!("{unsigned}&sig=")),
        ("half a signature", format!("{unsigned}&sig={}", &signature[..32])),
        ("a signature in capitals", format!("{unsigned}&sig={}", signature.to_uppercase())),
        ("a signature that is no ASCII", format!("{unsigned}&sig=é")),
        ("no time", format!("{address}x=1&sig={signature}")),
        ("an empty time", format!("{address}ts=&sig={signature}")),
        ("a time in words", format!("{address}ts=now&sig={signature}")),
        ("a time with a sign", format!("{address}ts=+{SENT_AT}&sig={signature}")),
        ("a time after that", format!("{unsigned}&ts={}&sig={signature}", SENT_AT + 1)),
        ("nothing", "/".to_owned()),
    ]
    .into_iter()
    .map(|(what, target)| case.but(what, false, |case| case.target = target))
    .collect()
}

fn in_header(case: &Case) -> Vec<Case> {
    let right = &case.signature;
    let mut cases: Vec<Case> = [
        ("no signature", String::new()),
        ("a space", " ".to_owned()),
        ("half a signature", right[..32].to_owned()),
        ("a signature in capitals", right.to_uppercase()),
        ("a signature that is no ASCII", "é".to_owned()),
        ("a signature of another form", format!("sha256={right}")),
    ]
    .into_iter()
    .map(|(what, signature)| case.but(what, false, |case| case.signature = signature))
    .collect();
    for (what, timestamp) in [
        ("no time", ""),
        ("a time in words", "now"),
        ("a later time", "1795244761"),
        ("a sign", "+1795244760"),
    ] {
        cases.push(case.but(what, false, |case| case.timestamp = timestamp.into()));
    }
    let among_others = format!("{} {right} x", "0".repeat(64));
    cases.push(case.but("a right one among others", true, |case| case.signature = among_others));
    cases
}

/// Runs a page's block with a few lines behind it that read the cases.
fn judge(language: &str, file: &str, driver: &str, command: &[&str]) {
    let directory = directory(&format!("postbacks-{language}"));
    let program = format!("{}\n{driver}", block(&page(PAGE), language));
    let program = if language == "php" { format!("<?php\n{program}") } else { program };
    write(&directory, file, &program);
    hold(verdicts(&directory, command, &lines()));
}

fn lines() -> Vec<String> {
    cases().iter().map(Case::line).collect()
}

fn hold(verdicts: Vec<bool>) {
    for (case, verdict) in cases().iter().zip(verdicts) {
        assert_eq!(verdict, case.genuine, "{}", case.what);
    }
}

#[test]
fn the_page_shows_the_signatures_that_we_make() {
    let page = page(PAGE);
    let in_address = sent(
        true,
        Verb::Get,
        "https://t.example/postback?cid=M-1&payout=12.00&name=a%2Bb%20c",
        "",
        &[SECRET],
    );
    assert!(page.contains(&format!("GET {} HTTP/1.1", in_address.target)), "{}", in_address.target);
    let body = "{\"payout\": \"12.00\"}";
    let in_header = sent(false, Verb::Post, "https://t.example/postback?cid=M-1", body, &[SECRET]);
    assert!(page.contains(&format!("X-Signature: {}\n\n{body}", in_header.signature)));
    assert!(page.contains(SECRET));
}

#[test]
fn the_python_example_accepts_what_we_signed_and_nothing_else() {
    let driver = r#"
import sys
for line in sys.stdin.buffer.read().decode().split("\n")[:-1]:
    place, secret, method, target, body, timestamp, signature, now, _ = line.split("\t")
    body, now = bytes.fromhex(body), int(now)
    if place == "address":
        print(int(is_genuine_address(secret, method, target, body, now)))
    else:
        print(int(is_genuine(secret, method, target, body, timestamp, signature, now)))
"#;
    judge("python", "postbacks.py", driver, &["python3", "postbacks.py"]);
}

#[test]
fn the_javascript_example_accepts_what_we_signed_and_nothing_else() {
    let driver = r#"
for (const line of require("node:fs").readFileSync(0, "utf8").trimEnd().split("\n")) {
  const [place, secret, method, target, hex, timestamp, signature, now] = line.split("\t");
  const body = Buffer.from(hex, "hex");
  const genuine = place === "address"
    ? isGenuineAddress(secret, method, target, body, Number(now))
    : isGenuine(secret, method, target, body, timestamp, signature, Number(now));
  console.log(genuine ? 1 : 0);
}
"#;
    judge("javascript", "postbacks.js", driver, &["node", "postbacks.js"]);
}

#[test]
fn the_php_example_accepts_what_we_signed_and_nothing_else() {
    let driver = r#"
foreach (file('php://stdin', FILE_IGNORE_NEW_LINES) as $line) {
    [$place, $secret, $method, $target, $hex, $timestamp, $signature, $now] = explode("\t", $line);
    $body = hex2bin($hex);
    $genuine = $place === 'address'
        ? is_genuine_address($secret, $method, $target, $body, (int) $now)
        : is_genuine($secret, $method, $target, $body, $timestamp, $signature, (int) $now);
    echo $genuine ? "1\n" : "0\n";
}
"#;
    judge("php", "postbacks.php", driver, &["php", "postbacks.php"]);
}

#[test]
fn the_perl_example_accepts_what_we_signed_and_nothing_else() {
    let driver = r#"
while (my $line = <STDIN>) {
    chomp $line;
    my ($place, $secret, $method, $target, $hex, $timestamp, $signature, $now) = split /\t/, $line;
    my $body = pack('H*', $hex);
    my $genuine = $place eq 'address'
        ? is_genuine_address($secret, $method, $target, $body, $now)
        : is_genuine($secret, $method, $target, $body, $timestamp, $signature, $now);
    print $genuine ? "1\n" : "0\n";
}
"#;
    judge("perl", "postbacks.pl", driver, &["perl", "-w", "postbacks.pl"]);
}

#[test]
fn the_java_example_accepts_what_we_signed_and_nothing_else() {
    let driver = r#"
import java.util.HexFormat;

class Driver {
    public static void main(String[] none) throws Exception {
        String lines = new String(System.in.readAllBytes(), "UTF-8");
        for (String line : lines.split("\n")) {
            String[] part = line.split("\t");
            byte[] body = HexFormat.of().parseHex(part[4]);
            long now = Long.parseLong(part[7]);
            boolean genuine = part[0].equals("address")
                ? SignedPostback.isGenuineAddress(part[1], part[2], part[3], body, now)
                : SignedPostback.isGenuine(part[1], part[2], part[3], body, part[5], part[6], now);
            System.out.println(genuine ? 1 : 0);
        }
    }
}
"#;
    let directory = directory("postbacks-java");
    write(&directory, "SignedPostback.java", &block(&page(PAGE), "java"));
    write(&directory, "Driver.java", driver);
    prepare(&directory, &["javac", "-encoding", "UTF-8", "SignedPostback.java", "Driver.java"]);
    hold(verdicts(&directory, &["java", "-cp", ".", "Driver"], &lines()));
}
