//! Where sealed facts lie, as operators name it: a directory, or a bucket with its credentials in the environment.

use std::path::PathBuf;

use anyhow::{Context, bail};
use proofback_store::facts::{Bucket, DepotLocation};

/// Where sealed facts lie by the option `--facts` and the environment; `None` where nothing is said.
pub fn chosen(facts: Option<&str>) -> anyhow::Result<Option<DepotLocation>> {
    facts.map(|text| location(text, |name| std::env::var(name).ok())).transpose()
}

/// Reads `DIR` or `s3://BUCKET/PREFIX`; for a bucket, keys, region and address are those of the usual variables.
fn location(text: &str, variable: impl Fn(&str) -> Option<String>) -> anyhow::Result<DepotLocation> {
    let Some(bucket) = text.strip_prefix("s3://") else {
        if text.contains("://") {
            bail!("--facts {text:?} is no directory and no bucket; write a path or s3://BUCKET/PREFIX");
        }
        return Ok(DepotLocation::Directory(PathBuf::from(text)));
    };
    let (name, prefix) = bucket.split_once('/').unwrap_or((bucket, ""));
    if name.is_empty() {
        bail!("--facts {text:?} names no bucket; write s3://BUCKET/PREFIX");
    }
    let need = |name: &str| variable(name).with_context(|| format!("--facts {text}: {name} is not set"));
    Ok(DepotLocation::Bucket(Bucket {
        name: name.to_owned(),
        prefix: prefix.to_owned(),
        region: variable("AWS_REGION")
            .or_else(|| variable("AWS_DEFAULT_REGION"))
            .unwrap_or_else(|| "us-east-1".into()),
        endpoint: variable("AWS_ENDPOINT_URL_S3").or_else(|| variable("AWS_ENDPOINT_URL")),
        access_key_id: need("AWS_ACCESS_KEY_ID")?,
        secret_access_key: need("AWS_SECRET_ACCESS_KEY")?,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<DepotLocation, String> {
        let known = [
            ("AWS_ACCESS_KEY_ID", "id"),
            ("AWS_SECRET_ACCESS_KEY", "key"),
            ("AWS_ENDPOINT_URL", "http://127.0.0.1:9"),
        ];
        let variable =
            |name: &str| known.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        location(text, variable).map_err(|error| error.to_string())
    }

    #[test]
    fn a_directory_and_a_bucket_are_told_apart() {
        assert_eq!(read("/srv/facts").unwrap(), DepotLocation::Directory("/srv/facts".into()));
        let DepotLocation::Bucket(bucket) = read("s3://facts/eu/one").unwrap() else { panic!("a bucket") };
        assert_eq!((bucket.name.as_str(), bucket.prefix.as_str()), ("facts", "eu/one"));
        assert_eq!(bucket.endpoint.as_deref(), Some("http://127.0.0.1:9"));
        assert!(!format!("{bucket:?}").contains("key"), "no secret is printed");
        for wrong in ["s3://", "s3:///x", "gs://bucket"] {
            assert!(read(wrong).unwrap_err().starts_with("--facts"), "{wrong}");
        }
        let missing = location("s3://facts", |_| None).unwrap_err().to_string();
        assert_eq!(missing, "--facts s3://facts: AWS_ACCESS_KEY_ID is not set");
    }
}
