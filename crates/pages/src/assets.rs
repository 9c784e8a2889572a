//! What pages load beside themselves: a sheet, a script, two vendored libraries and an icon. Each has the hash of its
//! bytes in its address, so that a browser asks once and never sees an old one.

use std::sync::LazyLock;

use axum::Router;
use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use sha2::{Digest, Sha256};
use tower_http::compression::CompressionLayer;

struct Asset {
    name: &'static str,
    media_type: &'static str,
    bytes: &'static [u8],
}

const SCRIPT: &str = "text/javascript; charset=utf-8";
const SHEET: &str = "text/css; charset=utf-8";

/// Vendored as they were published on npm: htmx.org 2.0.11 (0BSD) and uplot 1.6.32 (MIT).
static ASSETS: [Asset; 6] = [
    Asset { name: "app.css", media_type: SHEET, bytes: include_bytes!("../assets/app.css") },
    Asset { name: "app.js", media_type: SCRIPT, bytes: include_bytes!("../assets/app.js") },
    Asset { name: "htmx.js", media_type: SCRIPT, bytes: include_bytes!("../assets/htmx-2.0.11.min.js") },
    Asset { name: "uplot.js", media_type: SCRIPT, bytes: include_bytes!("../assets/uplot-1.6.32.min.js") },
    Asset { name: "uplot.css", media_type: SHEET, bytes: include_bytes!("../assets/uplot-1.6.32.min.css") },
    Asset { name: "icon.svg", media_type: "image/svg+xml", bytes: include_bytes!("../assets/icon.svg") },
];

/// `(hash, asset)`
static HASHED: LazyLock<Vec<(String, &'static Asset)>> = LazyLock::new(|| {
    let hash = |asset: &Asset| {
        Sha256::digest(asset.bytes).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    };
    ASSETS.iter().map(|asset| (hash(asset), asset)).collect()
});

/// The address of an asset.
pub fn address(name: &str) -> String {
    let found = HASHED.iter().find(|(_, asset)| asset.name == name);
    found.map(|(hash, asset)| format!("/assets/{hash}/{}", asset.name)).unwrap_or_default()
}

pub fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new().route("/assets/{hash}/{name}", get(show)).layer(CompressionLayer::new())
}

async fn show(Path((hash, name)): Path<(String, String)>) -> Response {
    let found = HASHED.iter().find(|(known, asset)| *known == hash && asset.name == name);
    let Some((_, asset)) = found else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let for_ever = "public, max-age=31536000, immutable";
    let headers = [(header::CONTENT_TYPE, asset.media_type), (header::CACHE_CONTROL, for_ever)];
    (headers, asset.bytes).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_asset_has_an_address_that_its_bytes_give() {
        for asset in &ASSETS {
            let address = address(asset.name);
            assert!(address.starts_with("/assets/") && address.ends_with(asset.name), "{address}");
        }
        assert_eq!(address("nothing.js"), "");
    }

    #[test]
    fn vendored_files_are_what_was_published() {
        let hash = |name: &str| {
            let asset = ASSETS.iter().find(|asset| asset.name == name).unwrap();
            Sha256::digest(asset.bytes).iter().map(|byte| format!("{byte:02x}")).collect::<String>()
        };
        for (name, published) in [
            ("htmx.js", "d6fdc75f204e6bdefa99b69bf1e6d4ac69b8a364f77929f45c13476b4000f717"),
            ("uplot.js", "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f"),
            ("uplot.css", "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04"),
        ] {
            assert_eq!(hash(name), published, "{name}");
        }
    }
}
