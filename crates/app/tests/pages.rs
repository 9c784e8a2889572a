//! The pages over real sockets: who may see which, that forms of other sites are refused, and what stands around every
//! page. What they look like and how they are worked in is tried in a browser.

#![cfg(feature = "reports")]
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use http::Method;
use proofback_pages::places;
use proofback_testkit::{Reply, encode};
use proofback_web::{Access, Role};
use serde_json::json;
use support::{ADMIN, PROGRAM, Server, write};

const TARGET: &str = r#"
[[partner.postback]]
id = "tracker"
url = "https://tracker.invalid/?c={partner_click_id}"
on = ["conversion.created"]
"#;

/// A server whose partner wants to be told of conversions.
fn start(directory: &std::path::Path) -> Server {
    let text = PROGRAM.replace("name = \"Reel Media\"\n", &format!("name = \"Reel Media\"\n{TARGET}"));
    Server::start_with(directory, &write(directory, "own.toml", &text), &[])
}

/// A browser: a cookie, and the words that browsers say of where a form comes from.
struct Browser<'a> {
    server: &'a Server,
    cookie: String,
}

impl<'a> Browser<'a> {
    async fn with_token(server: &'a Server, token: &str) -> Self {
        let mut browser = Self { server, cookie: String::new() };
        let reply = browser.post("/sign-in/token", &[("token", token)]).await;
        assert_eq!(reply.status, 303, "{}", reply.body);
        let kept = reply.headers.get("set-cookie").unwrap().to_str().unwrap();
        assert!(kept.contains("HttpOnly") && kept.contains("SameSite=Lax"), "{kept}");
        browser.cookie = kept.split(';').next().unwrap().to_owned();
        browser
    }

    async fn get(&self, path: &str) -> Reply {
        let url = format!("{}{path}", self.server.url);
        let headers = [("cookie", self.cookie.as_str()), ("accept", "text/html,*/*;q=0.8")];
        self.server.http.get_with(&url, &headers).await.unwrap()
    }

    async fn post(&self, path: &str, pairs: &[(&str, &str)]) -> Reply {
        self.post_from(path, pairs, Some("same-origin")).await
    }

    async fn post_from(&self, path: &str, pairs: &[(&str, &str)], site: Option<&str>) -> Reply {
        let url = format!("{}{path}", self.server.url);
        let form = "application/x-www-form-urlencoded";
        let mut headers =
            vec![("cookie", self.cookie.as_str()), ("content-type", form), ("accept", "text/html,*/*;q=0.8")];
        headers.extend(site.map(|site| ("sec-fetch-site", site)));
        self.server.http.send(Method::POST, &url, &headers, encode(pairs)).await.unwrap()
    }
}

async fn token(server: &Server, role: &str) -> String {
    let url = format!("{}/api/v1/tokens", server.url);
    let bearer = format!("Bearer {ADMIN}");
    let asked = json!({ "role": role, "name": role }).to_string();
    let reply = server.http.send(Method::POST, &url, &[("authorization", &bearer)], asked).await.unwrap();
    reply.json().unwrap()["token"].as_str().unwrap().to_owned()
}

/// Ids of things that are there.
struct Things {
    click: String,
    postback: String,
    conversion: String,
    delivery: String,
}

async fn things(server: &Server) -> Things {
    let click = server.click("reelmedia-shop").await;
    let query = format!("click_id={click}&event=sale&txid=T1&amount=10&currency=EUR&revenue=3");
    let reply = server.get(&format!("/postback/shop?{query}")).await.json().unwrap();
    assert_eq!(reply["outcome"], "accepted", "{reply}");
    let text = |name: &str| reply[name].as_str().unwrap().to_owned();
    let told = server.every("deliveries").await;
    let delivery = told[0]["delivery_id"].as_str().unwrap().to_owned();
    Things { click, postback: text("postback_id"), conversion: text("conversion_id"), delivery }
}

/// The address of a page, with what is there in it.
fn address(path: &str, things: &Things) -> String {
    let id = match path {
        path if path.starts_with("/postbacks/") => &things.postback,
        path if path.starts_with("/clicks/") => &things.click,
        path if path.starts_with("/conversions/") => &things.conversion,
        path if path.starts_with("/deliveries/") => &things.delivery,
        path if path.starts_with("/finance/advertisers/") => "shop",
        path if path.starts_with("/finance/partners/") => "reelmedia",
        _ => "nothing-of-this-name",
    };
    path.replace("{id}", id)
        .replace("{queue}", "held")
        .replace("{kind}", "payouts")
        .replace("{number}", "1")
        .replace("{step}", "test")
        .replace("{token}", "no-such-token")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_page_is_for_those_that_it_is_declared_for_and_for_nobody_else() {
    let directory = tempfile::tempdir().unwrap();
    let server = start(directory.path());
    let things = things(&server).await;
    for role in ["admin", "manager", "finance", "viewer", "partner:reelmedia", "advertiser:shop"] {
        let parsed = Role::parse(role).unwrap();
        let browser = Browser::with_token(&server, &token(&server, role).await).await;
        // Leaving ends the session, and the log as it grows never ends.
        let apart = ["/sign-out", "/postbacks/live"];
        for place in places().iter().filter(|place| !apart.contains(&place.path)) {
            let path = address(place.path, &things);
            let reply = match place.method {
                Method::GET => browser.get(&path).await,
                _ => browser.post(&path, &[]).await,
            };
            let told = format!("{role}: {} {path} is {}", place.method, reply.status);
            assert!(reply.status < 500, "{told}: {}", reply.body);
            match parsed.may(place.access) {
                true => assert!(place.access == Access::SignedIn || reply.status != 403, "{told}"),
                false => assert_eq!(reply.status, 403, "{told}"),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_not_signed_in_is_shown_where_to_sign_in() {
    let directory = tempfile::tempdir().unwrap();
    let server = start(directory.path());
    let things = things(&server).await;
    let nobody = Browser { server: &server, cookie: "proofback_session=guessed".into() };
    for place in places().iter().filter(|place| place.access != Access::Everyone) {
        let path = address(place.path, &things);
        let reply = match place.method {
            Method::GET => nobody.get(&path).await,
            _ => nobody.post(&path, &[]).await,
        };
        let to = reply.headers.get("location").and_then(|to| to.to_str().ok()).unwrap_or_default();
        assert!(
            reply.status == 303 && to.starts_with("/sign-in"),
            "{} {path}: {} {to}",
            place.method,
            reply.status
        );
        assert!(!reply.body.contains(&things.click), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sender_who_mistakes_a_page_for_the_postback_url_is_not_told_that_all_is_well() {
    let directory = tempfile::tempdir().unwrap();
    let server = start(directory.path());
    for path in ["/postbacks/shop?click_id=x&event=sale", "/postbacks", "/", "/conversions"] {
        let url = format!("{}{path}", server.url);
        for accept in [&[][..], &[("accept", "*/*")], &[("accept", "application/json")]] {
            let reply = server.http.get_with(&url, accept).await.unwrap();
            assert_eq!((reply.status, reply.headers.get("location")), (401, None), "{path} {accept:?}");
        }
        let reply = server.http.send(Method::POST, &url, &[], String::new()).await.unwrap();
        assert!(400 <= reply.status, "{path}: {}", reply.status);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_form_that_another_site_sends_does_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let server = start(directory.path());
    let browser = Browser::with_token(&server, ADMIN).await;
    for site in [None, Some("cross-site"), Some("same-site"), Some("none")] {
        for place in places().iter().filter(|place| place.method != Method::GET) {
            let reply = browser.post_from(place.path, &[("token", ADMIN)], site).await;
            assert_eq!(reply.status, 403, "{site:?} {}", place.path);
            assert!(reply.headers.get("set-cookie").is_none(), "{site:?} {}", place.path);
        }
    }
    assert_eq!(browser.get("/").await.status, 200, "the session is still there");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_page_forbids_what_it_does_not_need_and_is_small() {
    let directory = tempfile::tempdir().unwrap();
    let server = start(directory.path());
    let things = things(&server).await;
    let browser = Browser::with_token(&server, ADMIN).await;
    for place in
        places().iter().filter(|place| place.method == Method::GET && place.path != "/postbacks/live")
    {
        let path = address(place.path, &things);
        let reply = browser.get(&path).await;
        let header =
            |name: &str| reply.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let policy = header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; script-src 'self'; "), "{path}: {policy}");
        for directive in policy.split("; ") {
            let (name, sources) = directive.split_once(' ').unwrap();
            let known = ["'none'", "'self'", "'self' data:"];
            assert!(
                known.contains(&sources) && (name == "img-src" || sources != known[2]),
                "{path}: {policy}"
            );
        }
        for name in ["form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'"] {
            assert!(policy.contains(name), "{path}: {policy}");
        }
        assert_eq!(
            (header("x-content-type-options"), header("x-frame-options")),
            ("nosniff", "DENY"),
            "{path}"
        );
        if header("content-type").starts_with("text/html") {
            assert_eq!(header("cache-control"), "no-store", "{path}");
            assert!(!reply.body.contains(" style=") && !reply.body.contains("<style"), "{path}");
            assert!(!reply.body.contains("onclick") && !reply.body.contains("javascript:"), "{path}");
            assert!(reply.body.len() < 150_000, "{path}: {} bytes", reply.body.len());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_id_leads_to_its_click_and_a_damaged_one_too() {
    let directory = tempfile::tempdir().unwrap();
    let server = start(directory.path());
    let things = things(&server).await;
    let browser = Browser::with_token(&server, ADMIN).await;
    let cut = things.click.chars().take(20).collect::<String>();
    for asked in [things.click.clone(), things.click.to_uppercase(), cut, format!("\"{}\"", things.click)] {
        let reply = browser.get(&format!("/trace?{}", encode(&[("q", asked.as_str())]))).await;
        let to = reply.headers.get("location").and_then(|to| to.to_str().ok()).unwrap_or_default();
        assert_eq!(to, format!("/clicks/{}", things.click), "{asked}: {}", reply.status);
    }
    let page = browser.get(&format!("/clicks/{}?note=pay+elsewhere", things.click)).await;
    assert!(!page.body.contains("pay elsewhere"), "an address has nothing to say here");
    for part in ["Click", "Postback received", "Conversion", "Booked"] {
        assert!(page.body.contains(part), "{part}: {}", page.body);
    }
    assert!(browser.get("/trace?q=nothing-like-it").await.body.contains("Nothing here is called"));
}
