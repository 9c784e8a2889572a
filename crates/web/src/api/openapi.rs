//! The API as a document for machines: OpenAPI 3.1, made from the list by which requests are routed.

use std::sync::LazyLock;

use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use super::routes::Route;
use crate::role::Access;

/// The same for everyone as long as the process runs.
static DOCUMENT: LazyLock<String> = LazyLock::new(|| describe(&crate::access()).to_string());

/// `GET openapi.json`
pub async fn document() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], DOCUMENT.as_str()).into_response()
}

fn describe(routes: &[Route]) -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for route in routes {
        let methods = paths.entry(route.path.clone()).or_insert_with(|| json!({}));
        if let Some(methods) = methods.as_object_mut() {
            methods.insert(route.method.as_str().to_ascii_lowercase(), operation(route));
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Proofback",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Parameters, bodies and answers are described in docs/api.md. x-access says who may use an \
                address; whoever may not gets 403.",
        },
        "paths": paths,
        "components": {
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } },
            "responses": {
                "Problem": {
                    "description": "What went wrong.",
                    "content": { "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } },
                },
            },
            "schemas": { "Problem": problem() },
        },
    })
}

/// The form of every error (RFC 9457).
fn problem() -> Value {
    json!({
        "type": "object",
        "required": ["type", "title", "status", "code", "detail"],
        "properties": {
            "type": { "type": "string" },
            "title": { "type": "string" },
            "status": { "type": "integer" },
            "code": { "type": "string", "description": "Stable, for programs." },
            "detail": { "type": "string", "description": "A sentence for people." },
        },
    })
}

fn operation(route: &Route) -> Value {
    let security = if route.access == Access::Everyone { json!([]) } else { json!([{ "token": [] }]) };
    let parameters: Vec<Value> = placeholders(&route.path)
        .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }))
        .collect();
    json!({
        "summary": route.summary,
        "parameters": parameters,
        "security": security,
        "x-access": code(route.access),
        "responses": {
            "200": { "description": "The answer.", "content": { "application/json": {} } },
            "default": { "$ref": "#/components/responses/Problem" },
        },
    })
}

/// What stands in braces in a path.
fn placeholders(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
}

fn code(access: Access) -> &'static str {
    match access {
        Access::Everyone => "everyone",
        Access::SignedIn => "signed_in",
        Access::Staff => "staff",
        Access::Decides => "decides",
        Access::Accounts => "accounts",
        Access::Configures => "configures",
        Access::Admin => "admin",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_address_is_described_once_with_its_right_its_parameters_and_a_sentence() {
        let routes = crate::access();
        let named: BTreeSet<(&str, &str)> =
            routes.iter().map(|route| (route.method.as_str(), route.path.as_str())).collect();
        assert_eq!(named.len(), routes.len(), "something is declared twice");
        let document = describe(&routes);
        for route in &routes {
            let operation = &document["paths"][&route.path][route.method.as_str().to_ascii_lowercase()];
            let summary = operation["summary"].as_str().unwrap();
            assert!(summary.ends_with('.') && summary.contains(' '), "{}: {summary:?}", route.path);
            let named = operation["parameters"].as_array().unwrap().iter();
            let named: Vec<&str> = named.map(|parameter| parameter["name"].as_str().unwrap()).collect();
            assert_eq!(named, placeholders(&route.path).collect::<Vec<_>>(), "{}", route.path);
            let open = operation["security"].as_array().unwrap().is_empty();
            assert_eq!(open, route.access == Access::Everyone, "{}", route.path);
            assert_eq!(operation["x-access"], code(route.access), "{}", route.path);
        }
    }

    #[test]
    fn nothing_of_the_api_is_for_everyone_but_its_description() {
        let open = crate::access().into_iter().filter(|route| route.access == Access::Everyone);
        let open: Vec<String> =
            open.map(|route| route.path).filter(|path| path.starts_with("/api/")).collect();
        assert_eq!(open, ["/api/v1/openapi.json"]);
    }
}
