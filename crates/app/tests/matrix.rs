//! Who may use which address: every method of every address that the server describes, asked by every role over real
//! sockets. What is expected stands here a second time, so that a right that is changed by mistake turns this red.

#![cfg(feature = "reports")]
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::collections::BTreeSet;

use http::{HeaderMap, Method};
use proofback_testkit::Reply;
use serde_json::{Value, json};
use support::{ADMIN, PROGRAM, Server, write};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// What a party is to find at an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    /// An answer, of its own things alone.
    Own,
    /// 403: the address is not for its kind.
    Forbidden,
    /// 404: it is not its own, and whether there is any is not told.
    Nothing,
}
use Found::{Forbidden, Nothing, Own};

/// Who may use an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Right {
    Everyone,
    Staff,
    Decides,
    Accounts,
    Configures,
    Admin,
    /// Staff, and as it says the partner whose things are asked for, another partner, and the advertiser.
    SignedIn([Found; 3]),
}
use Right::{Accounts, Admin, Configures, Decides, Everyone, SignedIn, Staff};

const EXPECTED: &[(&str, &str, Right)] = &[
    ("GET", "/c/{link}", Everyone),
    ("HEAD", "/c/{link}", Everyone),
    ("GET", "/postback", Everyone),
    ("POST", "/postback", Everyone),
    ("GET", "/postback/{advertiser}", Everyone),
    ("POST", "/postback/{advertiser}", Everyone),
    ("POST", "/postback/{advertiser}/batch", Everyone),
    ("GET", "/postback/{advertiser}/{token}", Everyone),
    ("POST", "/postback/{advertiser}/{token}", Everyone),
    ("POST", "/postback/{advertiser}/{token}/batch", Everyone),
    ("GET", "/pixel/{file}", Everyone),
    ("GET", "/healthz", Everyone),
    ("GET", "/readyz", Everyone),
    ("GET", "/metrics", Everyone),
    ("GET", "/feeds/{file}", Everyone),
    ("GET", "/api/v1/openapi.json", Everyone),
    ("GET", "/api/v1/find", Staff),
    ("GET", "/api/v1/clicks/{id}", Staff),
    ("GET", "/api/v1/trace/{click_id}", Staff),
    ("GET", "/api/v1/postbacks", Staff),
    ("GET", "/api/v1/postbacks/stream", Staff),
    ("GET", "/api/v1/postbacks/{id}", Staff),
    ("POST", "/api/v1/postbacks/{id}/replay", Decides),
    ("POST", "/api/v1/replays", Decides),
    ("GET", "/api/v1/reviews", Staff),
    ("POST", "/api/v1/reviews", Decides),
    ("GET", "/api/v1/conversions", SignedIn([Own, Own, Forbidden])),
    ("GET", "/api/v1/conversions/{id}", SignedIn([Own, Nothing, Nothing])),
    ("POST", "/api/v1/conversions/{id}/status", Decides),
    ("POST", "/api/v1/conversions/{id}/adjust", Decides),
    ("GET", "/api/v1/audit", Staff),
    ("GET", "/api/v1/balances", Staff),
    ("GET", "/api/v1/partners/{id}/balance", SignedIn([Own, Nothing, Nothing])),
    ("GET", "/api/v1/partners/{id}/statement", SignedIn([Own, Nothing, Nothing])),
    ("GET", "/api/v1/advertisers/{id}/statement", SignedIn([Nothing, Nothing, Own])),
    ("GET", "/api/v1/partners/{id}/profit", Staff),
    ("GET", "/api/v1/ledger/entries", Staff),
    ("GET", "/api/v1/verify", Staff),
    ("GET", "/api/v1/ledger/verify", Staff),
    ("GET", "/api/v1/ledger/seals", Staff),
    ("GET", "/api/v1/ledger/periods", Staff),
    ("POST", "/api/v1/ledger/close", Accounts),
    ("GET", "/api/v1/rates", Staff),
    ("POST", "/api/v1/rates", Accounts),
    ("POST", "/api/v1/imports", Decides),
    ("POST", "/api/v1/reconciliations", Staff),
    ("GET", "/api/v1/payouts", SignedIn([Own, Own, Forbidden])),
    ("POST", "/api/v1/payouts", Accounts),
    ("GET", "/api/v1/payouts/preview", Staff),
    ("GET", "/api/v1/payouts/{id}", SignedIn([Own, Nothing, Nothing])),
    ("POST", "/api/v1/payouts/{id}/{step}", Accounts),
    ("GET", "/api/v1/invoices", SignedIn([Forbidden, Forbidden, Own])),
    ("POST", "/api/v1/invoices", Accounts),
    ("GET", "/api/v1/invoices/preview", Staff),
    ("GET", "/api/v1/invoices/{id}", SignedIn([Nothing, Nothing, Own])),
    ("POST", "/api/v1/invoices/{id}/{step}", Accounts),
    ("GET", "/api/v1/deliveries", SignedIn([Own, Own, Forbidden])),
    ("POST", "/api/v1/deliveries/retry", Decides),
    ("POST", "/api/v1/deliveries/skip", Decides),
    ("GET", "/api/v1/deliveries/{id}", SignedIn([Own, Nothing, Nothing])),
    ("POST", "/api/v1/deliveries/{id}/retry", Decides),
    ("GET", "/api/v1/targets", SignedIn([Own, Own, Forbidden])),
    ("GET", "/api/v1/targets/{id}", SignedIn([Own, Nothing, Nothing])),
    ("POST", "/api/v1/targets/{id}/pause", Configures),
    ("POST", "/api/v1/targets/{id}/resume", Configures),
    ("POST", "/api/v1/targets/{id}/test", Configures),
    ("GET", "/api/v1/status", Staff),
    ("GET", "/api/v1/program", Staff),
    ("PUT", "/api/v1/program", Configures),
    ("GET", "/api/v1/people", Admin),
    ("POST", "/api/v1/people", Admin),
    ("GET", "/api/v1/people/{id}", Admin),
    ("PUT", "/api/v1/people/{id}", Admin),
    ("POST", "/api/v1/people/{id}/invitation", Admin),
    ("GET", "/api/v1/people/{id}/sessions", Admin),
    ("DELETE", "/api/v1/people/{id}/sessions", Admin),
    ("GET", "/api/v1/sessions", SignedIn([Own, Own, Own])),
    ("DELETE", "/api/v1/sessions/{id}", SignedIn([Nothing, Nothing, Nothing])),
    ("GET", "/api/v1/tokens", Admin),
    ("POST", "/api/v1/program/check", Staff),
    ("GET", "/api/v1/program/revisions", Staff),
    ("GET", "/api/v1/program/revisions/{number}", Staff),
    ("POST", "/api/v1/tokens", Admin),
    ("DELETE", "/api/v1/tokens/{id}", Admin),
    ("GET", "/api/v1/reports", SignedIn([Own, Own, Own])),
    ("GET", "/api/v1/reports/dimensions", SignedIn([Own, Own, Own])),
    ("GET", "/api/v1/reports/saved", Staff),
    ("POST", "/api/v1/reports/saved", Configures),
    ("GET", "/api/v1/reports/saved/{id}", Staff),
    ("GET", "/api/v1/reports/saved/{id}/run", Staff),
    ("POST", "/api/v1/reports/saved/{id}/feed", Configures),
    ("DELETE", "/api/v1/reports/saved/{id}/feed", Configures),
    ("PUT", "/api/v1/reports/saved/{id}", Configures),
    ("DELETE", "/api/v1/reports/saved/{id}", Configures),
];

/// The partner whose things are asked for, another one, the advertiser, and those who work here.
const ROLES: [&str; 8] = [
    "nobody",
    "partner:reelmedia",
    "partner:other",
    "advertiser:casino",
    "viewer",
    "finance",
    "manager",
    "admin",
];

const TARGET: &str = r#"
[[partner.postback]]
id = "secret-tracker"
url = "https://tracker.invalid/?c={partner_click_id}"
on = ["conversion.created"]
"#;

/// A server on which the first partner and the advertiser have something of everything.
struct World {
    server: Server,
    /// In the order of [`ROLES`]; nobody has none.
    tokens: Vec<Option<String>>,
    ids: Vec<(&'static str, String)>,
    _directory: tempfile::TempDir,
}

impl World {
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let text = PROGRAM.replace("name = \"Reel Media\"\n", &format!("name = \"Reel Media\"\n{TARGET}"));
        let server = Server::start_with(directory.path(), &write(directory.path(), "own.toml", &text), &[]);
        let mut world = Self { server, tokens: Vec::new(), ids: Vec::new(), _directory: directory };
        world.fill().await;
        for role in ROLES {
            let asked = json!({ "role": role, "name": role });
            let token = match role {
                "nobody" => None,
                _ => Some(text_of(&world.post("/tokens", &asked).await, "token")),
            };
            world.tokens.push(token);
        }
        world
    }

    async fn fill(&mut self) {
        let click = self.server.click("reelmedia-de").await;
        let path = format!("/postback/casino?token=t0ken&cid={click}&order=SECRET-1&goal=dep&st=1&sum=120");
        let postback = self.server.get(&path).await.json().unwrap();
        let (conversion, postback) = (text_of(&postback, "conversion_id"), text_of(&postback, "postback_id"));
        let deliveries = self.server.api("/deliveries").await;
        let delivery = text_of(&deliveries["deliveries"][0], "delivery_id");
        let asked = json!({ "partner": "reelmedia", "currency": "EUR", "draft": true });
        let payout = text_of(&self.post("/payouts", &asked).await, "id");
        let asked = json!({ "advertiser": "casino", "currency": "EUR", "draft": true });
        let invoice = text_of(&self.post("/invoices", &asked).await, "id");
        let asked = json!({ "id": "daily", "query": "by=day" });
        self.post("/reports/saved", &asked).await;
        let asked = json!({ "email": "someone@shop.example", "name": "Someone", "role": "viewer" });
        let person = text_of(&self.post("/people", &asked).await, "id");
        let asked = json!({ "role": "viewer", "name": "spare" });
        let token = text_of(&self.post("/tokens", &asked).await, "id");
        self.ids = vec![
            ("person", person),
            ("token", token),
            ("click", click),
            ("postback", postback),
            ("conversion", conversion),
            ("delivery", delivery),
            ("payout", payout),
            ("invoice", invoice),
        ];
    }

    async fn post(&self, path: &str, body: &Value) -> Value {
        let url = format!("{}/api/v1{path}", self.server.url);
        let bearer = format!("Bearer {ADMIN}");
        let headers = [("authorization", bearer.as_str())];
        let sent = self.server.http.send(Method::POST, &url, &headers, body.to_string());
        let reply = sent.await.unwrap();
        assert_eq!(reply.status, 200, "{path}: {}", reply.body);
        reply.json().unwrap()
    }

    fn id(&self, kind: &str) -> &str {
        &self.ids.iter().find(|(known, _)| *known == kind).unwrap().1
    }

    /// The address with names of real things in it.
    fn filled(&self, path: &str) -> String {
        let Some((start, rest)) = path.split_once('{') else {
            let query = if path == "/api/v1/find" { "?q=SECRET-1" } else { "" };
            return format!("{path}{query}");
        };
        let (name, rest) = rest.split_once('}').unwrap();
        let value = match (start, name) {
            ("/c/", "link") => "reelmedia-de",
            ("/postback/", "advertiser") => "shop",
            ("/postback/shop/", "token") => "t0ken",
            ("/pixel/", "file") => "shop.gif",
            ("/feeds/", "file") => "guessed.csv",
            ("/api/v1/clicks/", "id") | ("/api/v1/trace/", "click_id") => self.id("click"),
            ("/api/v1/postbacks/", "id") => self.id("postback"),
            ("/api/v1/conversions/", "id") => self.id("conversion"),
            ("/api/v1/partners/", "id") => "reelmedia",
            ("/api/v1/advertisers/", "id") => "casino",
            ("/api/v1/payouts/", "id") => self.id("payout"),
            ("/api/v1/invoices/", "id") => self.id("invoice"),
            (_, "step") => "cancel",
            ("/api/v1/deliveries/", "id") => self.id("delivery"),
            ("/api/v1/targets/", "id") => "secret-tracker",
            ("/api/v1/reports/saved/", "id") => "daily",
            ("/api/v1/people/", "id") => self.id("person"),
            ("/api/v1/tokens/", "id") => self.id("token"),
            // Nobody's.
            ("/api/v1/sessions/", "id") => self.id("postback"),
            ("/api/v1/program/revisions/", "number") => "1",
            (_, _) => panic!("it is not known what stands for {{{name}}} in {path}"),
        };
        self.filled(&format!("{start}{value}{rest}"))
    }

    async fn ask(&self, method: &Method, path: &str, role: usize) -> Reply {
        let bearer = self.tokens[role].as_ref().map(|token| format!("Bearer {token}"));
        let headers: Vec<(&str, &str)> = bearer.iter().map(|bearer| ("authorization", &**bearer)).collect();
        let body = match (method, path.ends_with("/test")) {
            (&Method::GET | &Method::HEAD | &Method::DELETE, _) => "",
            // Nobody answers there: it is not waited for.
            (_, true) => r#"{"wait": "0s"}"#,
            (_, false) => "{}",
        };
        let url = format!("{}{path}", self.server.url);
        if path.ends_with("/stream") {
            return begun(&url, bearer.as_deref()).await;
        }
        self.server.http.send(method.clone(), &url, &headers, body.to_owned()).await.unwrap()
    }

    /// What of the first partner and of its traffic may be in nobody else's answer.
    fn tells_of_the_first_partner(&self, reply: &Reply) -> Option<&str> {
        let ids = self.ids.iter().filter(|(kind, _)| *kind != "invoice").map(|(_, id)| id.as_str());
        let words = ["reelmedia", "Reel Media", "SECRET-1", "P-1", "secret-tracker", "tracker.invalid"];
        let headers = format!("{:?}", reply.headers);
        ids.chain(words).find(|word| reply.body.contains(word) || headers.contains(word))
    }
}

/// How an answer begins that may never end; whole where it has a length.
async fn begun(url: &str, bearer: Option<&str>) -> Reply {
    let (host, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut socket = TcpStream::connect(host).await.unwrap();
    let bearer = bearer.map(|bearer| format!("authorization: {bearer}\r\n")).unwrap_or_default();
    let head = format!("GET /{path} HTTP/1.1\r\nhost: {host}\r\n{bearer}\r\n");
    socket.write_all(head.as_bytes()).await.unwrap();
    let mut lines = BufReader::new(socket).lines();
    let status = lines.next_line().await.unwrap().unwrap();
    let status = status.split(' ').nth(1).unwrap().parse().unwrap();
    let mut length = 0;
    while let Some(line) = lines.next_line().await.unwrap().filter(|line| !line.is_empty()) {
        length = line.strip_prefix("content-length: ").map_or(length, |text| text.parse().unwrap());
    }
    let mut body = vec![0; length];
    lines.into_inner().read_exact(&mut body).await.unwrap();
    Reply { status, headers: HeaderMap::new(), body: String::from_utf8(body).unwrap() }
}

fn text_of(value: &Value, member: &str) -> String {
    value[member].as_str().unwrap_or_else(|| panic!("{member} of {value}")).to_owned()
}

/// Every method of every address of the server's own description, safe ones first, with who may use it.
async fn described(server: &Server) -> Vec<(Method, String, String)> {
    let document = server.get("/api/v1/openapi.json").await;
    assert_eq!((document.status, document.header("content-type")), (200, Some("application/json")));
    let document = document.json().unwrap();
    assert_eq!(document["openapi"], "3.1.0");
    let mut all = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let method = Method::from_bytes(method.to_ascii_uppercase().as_bytes()).unwrap();
            all.push((method, path.clone(), text_of(operation, "x-access")));
        }
    }
    all.sort_by_key(|(method, path, _)| (!method.is_safe(), *method == Method::DELETE, path.clone()));
    all
}

fn expected(method: &Method, path: &str) -> Right {
    let found = EXPECTED.iter().find(|(known, address, _)| *known == method.as_str() && *address == path);
    found.unwrap_or_else(|| panic!("{method} {path} is new: say here who may use it")).2
}

fn word(right: Right) -> &'static str {
    match right {
        Everyone => "everyone",
        Staff => "staff",
        Decides => "decides",
        Accounts => "accounts",
        Configures => "configures",
        Admin => "admin",
        SignedIn(_) => "signed_in",
    }
}

/// What a role is to find; `None` is 401.
fn finds(right: Right, role: &str) -> Option<Found> {
    let among = |roles: &[&str]| if roles.contains(&role) { Own } else { Forbidden };
    Some(match (right, role) {
        (Everyone, _) => Own,
        (_, "nobody") => return None,
        (SignedIn([found, _, _]), "partner:reelmedia") => found,
        (SignedIn([_, found, _]), "partner:other") => found,
        (SignedIn([_, _, found]), "advertiser:casino") => found,
        (SignedIn(_) | Staff, _) => among(&["viewer", "finance", "manager", "admin"]),
        (Decides, _) => among(&["finance", "manager", "admin"]),
        (Accounts, _) => among(&["finance", "admin"]),
        (Configures, _) => among(&["manager", "admin"]),
        (Admin, _) => among(&["admin"]),
    })
}

#[tokio::test]
async fn every_role_finds_at_every_address_what_it_may_and_nothing_else() {
    let world = World::new().await;
    let described = described(&world.server).await;
    let known: BTreeSet<(&str, &str)> =
        described.iter().map(|(method, path, _)| (method.as_str(), path.as_str())).collect();
    for (method, path, _) in EXPECTED {
        assert!(known.contains(&(method, path)), "{method} {path} is not described any more");
    }
    for (method, path, access) in &described {
        let right = expected(method, path);
        assert_eq!(access, word(right), "{method} {path}");
        let filled = world.filled(path);
        for (place, role) in ROLES.into_iter().enumerate() {
            let reply = world.ask(method, &filled, place).await;
            let seen = format!("{role} {method} {filled}: {} {}", reply.status, reply.body);
            match finds(right, role) {
                None => assert_eq!(reply.status, 401, "{seen}"),
                Some(Forbidden) => assert_eq!((reply.status, &*code(&reply)), (403, "forbidden"), "{seen}"),
                Some(Nothing) => assert_eq!((reply.status, &*code(&reply)), (404, "not_found"), "{seen}"),
                Some(Own) => {
                    assert!(!matches!(reply.status, 401 | 403 | 500..), "{seen}");
                }
            }
            if right != Everyone && matches!(role, "nobody" | "partner:other") {
                assert_eq!(world.tells_of_the_first_partner(&reply), None, "{seen}");
            }
        }
    }
}

/// Empty where it is no problem.
fn code(reply: &Reply) -> String {
    let code = reply.json().ok().and_then(|problem| Some(problem["code"].as_str()?.to_owned()));
    code.unwrap_or_default()
}

#[tokio::test]
async fn what_is_asked_for_is_found_by_those_whose_it_is() {
    let world = World::new().await;
    for (method, path, right) in EXPECTED.iter().filter(|(method, _, _)| *method == "GET") {
        let filled = world.filled(path);
        for (place, role) in ROLES.into_iter().enumerate() {
            // The objects are there: nobody who may see them is told otherwise.
            if path.starts_with("/api/") && finds(*right, role) == Some(Own) {
                let reply = world.ask(&method.parse().unwrap(), &filled, place).await;
                assert_eq!(reply.status, 200, "{role} {filled}: {}", reply.body);
            }
        }
    }
}

#[tokio::test]
async fn a_right_is_checked_before_the_body_is_read() {
    use std::io::{Read, Write};
    let world = World::new().await;
    let viewer = world.tokens[4].clone().unwrap();
    let address = world.server.url.strip_prefix("http://").unwrap().to_owned();
    let answer = tokio::task::spawn_blocking(move || {
        let mut socket = std::net::TcpStream::connect(&address).unwrap();
        socket.set_read_timeout(Some(std::time::Duration::from_secs(10))).unwrap();
        // A body is announced and never comes.
        let head = format!(
            "PUT /api/v1/program HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {viewer}\r\n\
             content-length: 1000\r\n\r\n"
        );
        socket.write_all(head.as_bytes()).unwrap();
        let mut answer = [0; 12];
        socket.read_exact(&mut answer).unwrap();
        String::from_utf8(answer.to_vec()).unwrap()
    });
    assert_eq!(answer.await.unwrap(), "HTTP/1.1 403");
}
