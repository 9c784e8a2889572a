//! What the server runs with: from the command line, the environment, a file, or as it is where nobody says anything.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use ipnet::IpNet;
use proofback_delivery::AddressPolicy;
use proofback_domain::time::Span;
use serde::Deserialize;

/// Options of the server; what is absent comes from `--config`, then from the defaults.
#[derive(Args, Deserialize, Default)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Serve {
    /// Directory of the embedded store [default: ./data]
    #[arg(long, env = "PROOFBACK_DATA")]
    pub data: Option<PathBuf>,
    /// PostgreSQL address, for many nodes on one database (not in this version)
    #[arg(long, env = "PROOFBACK_DATABASE", hide_env_values = true)]
    pub database: Option<String>,
    /// Address and port to listen on [default: 127.0.0.1:8080]
    #[arg(long, env = "PROOFBACK_LISTEN")]
    pub listen: Option<String>,
    /// Program file to apply at the start
    #[arg(long, env = "PROOFBACK_PROGRAM")]
    pub program: Option<PathBuf>,
    /// How long a visitor waits for the store before his click goes to the spill file [default: 250ms]
    #[arg(long, env = "PROOFBACK_CLICK_WAIT")]
    pub click_wait: Option<String>,
    /// Addresses whose forwarding headers count, as CIDR,CIDR [default: none]
    #[arg(long, env = "PROOFBACK_TRUSTED_PROXIES", value_delimiter = ',')]
    pub trusted_proxies: Vec<String>,
    /// Networks that deliveries may go to although they are private, as CIDR,CIDR [default: none]
    #[arg(long, env = "PROOFBACK_ALLOW_TARGETS", value_delimiter = ',')]
    pub allow_targets: Vec<String>,
    /// Deliver to private and loopback addresses and to any port, too
    #[arg(long, env = "PROOFBACK_ALLOW_PRIVATE_TARGETS", num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    pub allow_private_targets: Option<bool>,
    /// Files that say where an address is, in the MaxMind DB format, as FILE,FILE; the first that knows counts [default: none]
    #[arg(long, env = "PROOFBACK_GEO", value_name = "FILE", value_delimiter = ',')]
    pub geo: Vec<PathBuf>,
    /// Where sealed facts lie: a directory, or s3://BUCKET/PREFIX with AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY,
    /// AWS_REGION and AWS_ENDPOINT_URL in the environment [default: facts in the data directory]
    #[arg(long, env = "PROOFBACK_FACTS", value_name = "LOCATION")]
    pub facts: Option<String>,
    /// File with these options, as TOML
    #[arg(long, env = "PROOFBACK_CONFIG")]
    #[serde(skip)]
    pub config: Option<PathBuf>,
}

/// What the server runs with, read and checked.
pub struct Settings {
    pub data: PathBuf,
    pub listen: SocketAddr,
    pub program: Option<PathBuf>,
    pub click_wait: Duration,
    pub trusted_proxies: Vec<IpNet>,
    pub allow_targets: AddressPolicy,
    pub geo: Vec<PathBuf>,
    pub facts: Option<String>,
}

impl Serve {
    /// Command line and environment first, then the file, then the defaults.
    pub fn settings(self) -> anyhow::Result<Settings> {
        let file = match &self.config {
            Some(path) => read_config(path)?,
            None => Self::default(),
        };
        if self.database.or(file.database).is_some() {
            bail!("--database is not in this version; the embedded store under --data is");
        }
        let listen = self.listen.or(file.listen).unwrap_or_else(|| "127.0.0.1:8080".into());
        let click_wait = self.click_wait.or(file.click_wait).unwrap_or_else(|| "250ms".into());
        let proxies =
            if self.trusted_proxies.is_empty() { file.trusted_proxies } else { self.trusted_proxies };
        let allowed = if self.allow_targets.is_empty() { file.allow_targets } else { self.allow_targets };
        let allow_private = self.allow_private_targets.or(file.allow_private_targets).unwrap_or(false);
        Ok(Settings {
            data: self.data.or(file.data).unwrap_or_else(|| PathBuf::from("./data")),
            listen: listen
                .parse()
                .with_context(|| format!("--listen {listen:?} is no address with a port"))?,
            program: self.program.or(file.program),
            geo: if self.geo.is_empty() { file.geo } else { self.geo },
            facts: self.facts.or(file.facts),
            click_wait: parse_wait(&click_wait)?,
            trusted_proxies: parse_ranges("--trusted-proxies", &proxies)?,
            allow_targets: AddressPolicy {
                allow_private,
                allowed: parse_ranges("--allow-targets", &allowed)?,
            },
        })
    }
}

fn read_config(path: &Path) -> anyhow::Result<Serve> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("--config {} cannot be read", path.display()))?;
    toml::from_str(&text).with_context(|| format!("--config {} has a mistake", path.display()))
}

fn parse_wait(text: &str) -> anyhow::Result<Duration> {
    let span =
        Span::parse(text).with_context(|| format!("--click-wait {text:?} is no time; write 250ms or 1s"))?;
    Ok(Duration::from_millis(span.millis()))
}

fn parse_ranges(option: &str, texts: &[String]) -> anyhow::Result<Vec<IpNet>> {
    let parse = |text: &String| {
        let text = text.trim();
        let address = || text.parse::<std::net::IpAddr>().ok().map(IpNet::from);
        let range = text.parse::<IpNet>().ok().or_else(address);
        range.with_context(|| format!("{option} {text:?} is no address range; write 10.0.0.0/8"))
    };
    texts.iter().map(parse).collect()
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::options::{Cli, Command};

    fn targets(options: &[&str]) -> anyhow::Result<AddressPolicy> {
        let line = ["proofback", "serve"].iter().chain(options);
        let Command::Serve(serve) = Cli::try_parse_from(line)?.command else { bail!("another command") };
        Ok(serve.settings()?.allow_targets)
    }

    #[test]
    fn the_networks_that_targets_may_be_in_are_read() {
        assert_eq!(targets(&[]).unwrap(), AddressPolicy::default());
        let allowed = targets(&["--allow-targets", "10.1.2.0/24, fd12::/16,192.168.7.9"]).unwrap();
        assert!(!allowed.allow_private);
        let networks: Vec<String> = allowed.allowed.iter().map(ToString::to_string).collect();
        assert_eq!(networks, ["10.1.2.0/24", "fd12::/16", "192.168.7.9/32"]);
        assert!(targets(&["--allow-private-targets"]).unwrap().allow_private);
        let mistake = targets(&["--allow-targets", "10.1.2.0/99"]).unwrap_err();
        assert!(mistake.to_string().starts_with("--allow-targets \"10.1.2.0/99\" is no address range"));
    }

    #[test]
    fn the_files_of_geo_data_keep_their_order_wherever_they_are_named() {
        let named = |options: &[&str]| {
            let line = ["proofback", "serve"].iter().chain(options);
            let Command::Serve(serve) = Cli::try_parse_from(line).unwrap().command else { panic!() };
            serve.settings().unwrap().geo
        };
        assert_eq!(named(&[]), Vec::<PathBuf>::new());
        let wanted = ["b.mmdb", "a.mmdb", "c.mmdb"].map(PathBuf::from);
        assert_eq!(named(&["--geo", "b.mmdb,a.mmdb,c.mmdb"]), wanted);
        assert_eq!(named(&["--geo", "b.mmdb", "--geo", "a.mmdb,c.mmdb"]), wanted);
        let file: Serve = toml::from_str("geo = ['b.mmdb', 'a.mmdb', 'c.mmdb']").unwrap();
        assert_eq!(file.settings().unwrap().geo, wanted);
    }

    #[test]
    fn the_networks_that_targets_may_be_in_come_from_the_file_too() {
        let file = "allow-targets = [\"10.1.2.0/24\"]\nallow-private-targets = true";
        let file: Serve = toml::from_str(file).unwrap();
        let read = file.settings().unwrap().allow_targets;
        assert!(read.allow_private && read.allowed.len() == 1, "{read:?}");
    }
}
