//! Who may look at people, sessions and tokens over the API, and end what.

use axum::http::Method;
use serde_json::{Value, json};

use super::support::ADMIN;
use super::{PASSWORD, seen, world};

#[tokio::test]
async fn people_and_tokens_are_for_admins_alone() {
    let world = world().await;
    let ann = world.person("ann@example.com", "viewer").await;
    let paths = [
        (Method::GET, "/people".to_owned()),
        (Method::POST, "/people".into()),
        (Method::GET, format!("/people/{}", ann.id)),
        (Method::PUT, format!("/people/{}", ann.id)),
        (Method::POST, format!("/people/{}/invitation", ann.id)),
        (Method::GET, format!("/people/{}/sessions", ann.id)),
        (Method::DELETE, format!("/people/{}/sessions", ann.id)),
        (Method::GET, "/tokens".into()),
        (Method::POST, "/tokens".into()),
        (Method::DELETE, format!("/tokens/{}", ann.id)),
    ];
    for role in ["manager", "finance", "viewer", "advertiser:casino", "partner:reelmedia"] {
        let made = world.done(Method::POST, "/tokens", json!({ "role": role, "name": role })).await;
        let token = made["token"].as_str().unwrap();
        let session = world.web.sign_in_with_token(token, &seen("203.0.113.1")).await.unwrap().token;
        for (method, path) in &paths {
            for caller in [token, &session] {
                let (status, answer) = world.call(method.clone(), caller, path, Value::Null).await;
                assert_eq!((status, &answer["code"]), (403, &json!("forbidden")), "{role} {method} {path}");
            }
            assert_eq!(world.call(method.clone(), "nobody", path, Value::Null).await.0, 401, "{path}");
        }
    }
    // Ann, as her own role says, and not as an admin although one let her in.
    assert_eq!(world.call(Method::GET, &ann.token, "/people", Value::Null).await.0, 403);
    assert_eq!(world.call(Method::GET, &ann.token, "/postbacks", Value::Null).await.0, 200);
    let chief = world.person("chief@example.com", "admin").await;
    assert_eq!(world.call(Method::GET, &chief.token, "/people", Value::Null).await.0, 200);
}

#[tokio::test]
async fn an_admin_invites_lists_and_changes_people() {
    let world = world().await;
    for (body, code) in [
        (json!({ "email": "ann", "name": "Ann", "role": "viewer" }), "bad_request"),
        (json!({ "email": "a@b", "name": " ", "role": "viewer" }), "bad_request"),
        (json!({ "email": "a@b", "name": "Ann", "role": "king" }), "bad_request"),
        (json!({ "email": "a@b", "name": "Ann", "role": "viewer", "password": "x" }), "bad_request"),
        (json!({ "email": "a@b", "name": "Ann" }), "bad_request"),
        (Value::Null, "bad_request"),
    ] {
        let (status, answer) = world.call(Method::POST, ADMIN, "/people", body.clone()).await;
        assert_eq!((status, answer["code"].as_str()), (400, Some(code)), "{body}");
    }
    let ann = world.person("ann@example.com", "viewer").await;
    let body = json!({ "email": "ANN@example.com", "name": "Ann", "role": "viewer" });
    let (status, answer) = world.call(Method::POST, ADMIN, "/people", body).await;
    assert_eq!((status, &answer["code"]), (409, &json!("email_taken")));

    world.pass("1s");
    let (bob, _) = world.invite("bob@example.com", "finance").await;
    let people = world.get("/people?limit=1").await;
    assert_eq!(people["people"][0]["id"], json!(bob));
    let rest = world.get(&format!("/people?cursor={}", people["next"].as_str().unwrap())).await;
    assert_eq!((&rest["people"][0]["id"], &rest["next"]), (&json!(ann.id), &Value::Null));
    let found = world.get("/people?email=Ann@example.com").await["people"].clone();
    let state = json!({
        "id": ann.id, "at": "2027-01-15T08:00:00.000Z", "email": "ann@example.com", "name": "Ann Lee",
        "role": "viewer", "state": "active", "disabled": false, "totp": false, "invited_until": null,
    });
    assert_eq!(found, json!([state]));
    assert_eq!(world.get("/people?email=carl@example.com").await["people"], json!([]));

    let path = format!("/people/{}", ann.id);
    let change = json!({ "name": "Ann Smith", "role": "manager" });
    let changed = world.done(Method::PUT, &path, change.clone()).await;
    assert_eq!((&changed["name"], &changed["role"]), (&json!("Ann Smith"), &json!("manager")));
    let deed = "admin person.change person ann@example.com: \
        name \"Ann Smith\", before \"Ann Lee\"; role manager, before viewer";
    assert_eq!(world.deeds(1).await, [deed]);
    // The same again is no deed.
    world.done(Method::PUT, &path, change).await;
    assert_eq!(world.deeds(1).await, [deed]);
    for body in [json!({ "email": "x@y" }), json!({ "role": "king" }), json!({ "name": "" }), json!([])] {
        assert_eq!(world.call(Method::PUT, ADMIN, &path, body.clone()).await.0, 400, "{body}");
    }
    for path in ["/people/x", "/people/01arz3ndektsv4rrffq69g5fav", "/people/x/sessions"] {
        assert_eq!(world.call(Method::GET, ADMIN, path, Value::Null).await.0, 404, "{path}");
    }
}

#[tokio::test]
async fn everybody_lists_and_ends_its_own_sessions_an_admin_anybodys() {
    let world = world().await;
    let ann = world.person("ann@example.com", "partner:reelmedia").await;
    let bob = world.person("bob@example.com", "viewer").await;
    world.pass("61s");
    let other = world.sign_in(ann.email, PASSWORD).await.unwrap().token;
    let id_of = async |token: &str| world.session(token).await.unwrap().id;
    let (mine, others, bobs) = (id_of(&ann.token).await, id_of(&other).await, id_of(&bob.token).await);

    let (status, listed) = world.call(Method::GET, &ann.token, "/sessions", Value::Null).await;
    let sessions = listed["sessions"].as_array().unwrap();
    let seen: Vec<(&str, bool)> = sessions
        .iter()
        .map(|session| (session["id"].as_str().unwrap(), session["current"].as_bool().unwrap()))
        .collect();
    assert_eq!(status, 200);
    assert!(seen.contains(&(&mine, true)) && seen.contains(&(&others, false)) && seen.len() == 2, "{listed}");
    for session in sessions {
        assert_eq!((&session["ip"], &session["user_agent"]), (&json!("203.0.113.1"), &json!("Firefox/140")));
    }
    assert_eq!(world.get("/sessions").await["sessions"], json!([]), "the operator signed in nowhere");

    let end = async |token: &str, id: &str| {
        world.call(Method::DELETE, token, &format!("/sessions/{id}"), Value::Null).await.0
    };
    assert_eq!(end(&ann.token, &bobs).await, 404);
    assert_eq!(end(&ann.token, "x").await, 404);
    assert!(world.is_open(&bob.token).await);
    assert_eq!(end(&ann.token, &others).await, 204);
    assert_eq!(end(&ann.token, &others).await, 404);
    assert!(!world.is_open(&other).await && world.is_open(&ann.token).await);
    assert_eq!(world.deeds(1).await, [format!("ann@example.com session.end session {others}: ")]);
    assert_eq!(end(ADMIN, &bobs).await, 204);
    assert!(!world.is_open(&bob.token).await);
}

#[tokio::test]
async fn what_a_person_does_over_the_api_bears_its_address() {
    let world = world().await;
    let ann = world.person("ann@example.com", "admin").await;
    let made = json!({ "role": "viewer", "name": "dashboard" });
    let (status, made) = world.call(Method::POST, &ann.token, "/tokens", made).await;
    assert_eq!(status, 200, "{made}");
    let deed = format!(
        "ann@example.com token.create token {}: \"dashboard\" as viewer",
        made["id"].as_str().unwrap()
    );
    assert_eq!(world.deeds(1).await, [deed]);
}
