//! The command line; every option can also come from the environment or, for `serve`, from a file.

pub mod finance;
pub mod outbound;
pub mod reports;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use clap::{Args, Parser, Subcommand};
use ipnet::IpNet;
use proofback_delivery::AddressPolicy;
use proofback_domain::time::Span;
use serde::Deserialize;

#[derive(Parser)]
#[command(name = "proofback", version, about = "Self-hosted server-to-server conversion tracking")]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub enum Command {
    /// Run the server
    Serve(Box<Serve>),
    /// Read a program file and report every mistake in it
    Check(Check),
    /// Look over the address template of a postback, and translate one of another platform
    Template(Template),
    /// Put a program file in force, all or nothing
    Apply(Apply),
    /// Show everything that happened to one click
    Trace(Trace),
    /// Show why a postback was decided as it was
    Explain(Explain),
    /// Run stored postbacks again; never credits twice
    Replay(Replay),
    /// Accept or reject what waits for a person
    Review(Review),
    /// Bring in conversions or states from a file, through the same decision as postbacks
    Import(Import),
    /// Hold a network's or finance's file against our conversions; changes nothing
    Reconcile(Reconcile),
    /// Reports over clicks, conversions and money, as a table or a file
    Report(Box<reports::Report>),
    /// Compute reports, balances and counters again from the rows that they come from, and print every difference
    Verify(Verify),
    /// The proof of the journal, and the closing of periods
    Ledger(Ledger),
    /// What a partner is owed or an advertiser owes, from one day to another
    Statement(finance::Statement),
    /// Pay partners
    Payout(finance::Payout),
    /// Invoice advertisers
    Invoice(finance::Invoice),
    /// Exchange rates
    Rates(finance::Rates),
    /// Who is told of what, and how each of them is doing
    #[command(visible_alias = "targets")]
    Target(outbound::Target),
    /// What was told to whom, attempt by attempt
    #[command(visible_alias = "deliveries")]
    Delivery(outbound::Delivery),
    /// Access tokens of the API
    Token(Token),
    /// Print the webhooks and postbacks that arrive, for whoever writes the receiving side
    Listen(Listen),
    /// Run the main job on simulated traffic and hold the books against it
    Demo(Demo),
}

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

/// How a command reaches what is recorded.
#[derive(Args)]
pub struct Reach {
    /// Address of a running server; the token comes from PROOFBACK_TOKEN
    #[arg(long, env = "PROOFBACK_SERVER")]
    pub server: Option<String>,
    /// Directory of the embedded store, while no server runs on it
    #[arg(long, env = "PROOFBACK_DATA", default_value = "./data")]
    pub data: PathBuf,
    /// Where the sealed facts of the embedded store lie, where that is not its directory
    #[arg(long, env = "PROOFBACK_FACTS", value_name = "LOCATION", hide = true)]
    pub facts: Option<String>,
    #[arg(long = "token", env = "PROOFBACK_TOKEN", hide = true, hide_env_values = true)]
    pub token: Option<String>,
}

#[derive(Args)]
pub struct Check {
    /// The program file
    pub file: PathBuf,
}

#[derive(Args)]
pub struct Verify {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub reach: Reach,
}

#[derive(Args)]
pub struct Template {
    /// The template, in single quotes: 'https://tracker.example/postback?cid={clickid}'
    pub template: String,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub struct Apply {
    /// The program file
    pub file: PathBuf,
    #[command(flatten)]
    pub reach: Reach,
}

#[derive(Args)]
pub struct Trace {
    /// A click id; a damaged one finds the click it was most likely meant to be
    pub click_id: String,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub reach: Reach,
}

#[derive(Args)]
pub struct Explain {
    /// A postback id
    pub postback_id: String,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub reach: Reach,
}

#[derive(Args)]
pub struct Replay {
    /// Postback ids, run in this order
    #[arg(required = true)]
    pub postback_ids: Vec<String>,
    /// Decide by the rules of now instead of those of that day
    #[arg(long)]
    pub with_current_rules: bool,
    /// Show what would change and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub reach: Reach,
}

#[derive(Args)]
pub struct Review {
    #[command(subcommand)]
    pub command: ReviewCommand,
}

#[derive(Subcommand)]
pub enum ReviewCommand {
    /// Show what waits for a person, newest first
    List {
        /// Only what is held for this reason, as fraud_review or over_cap
        #[arg(long)]
        reason: Option<String>,
        #[arg(long)]
        advertiser: Option<String>,
        #[arg(long)]
        partner: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        reach: Reach,
    },
    /// Let held postbacks through
    Accept {
        /// Postback ids
        #[arg(required = true)]
        postback_ids: Vec<String>,
        /// Why, for the audit log
        #[arg(long)]
        reason: String,
        /// The conversion that a reversal takes back, where several could be meant
        #[arg(long)]
        original: Option<String>,
        #[command(flatten)]
        reach: Reach,
    },
    /// Refuse held postbacks
    Reject {
        /// Postback ids
        #[arg(required = true)]
        postback_ids: Vec<String>,
        /// Why, for the audit log
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        reach: Reach,
    },
}

/// A file of an advertiser's, and how it is to be read.
#[derive(Args)]
pub struct FileOptions {
    /// The file: CSV or XLSX
    #[arg(value_name = "FILE")]
    pub path: PathBuf,
    /// Whose file it is
    #[arg(long)]
    pub advertiser: String,
    /// Which column holds one of our fields, as txid="Order ID"; repeatable
    #[arg(long, value_name = "FIELD=COLUMN")]
    pub map: Vec<String>,
    /// The decimal sign of the amounts: , or .
    #[arg(long)]
    pub decimal: Option<String>,
    /// As windows-1252 [default: UTF-8, or what the file says]
    #[arg(long)]
    pub encoding: Option<String>,
    /// What stands between cells [default: what fits the first line]
    #[arg(long)]
    pub delimiter: Option<String>,
    /// A sheet of the workbook [default: the first]
    #[arg(long)]
    pub sheet: Option<String>,
}

#[derive(Args)]
pub struct Import {
    #[command(flatten)]
    pub file: FileOptions,
    /// Show what would happen and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Write what became of each line to this file, as CSV
    #[arg(long)]
    pub report: Option<PathBuf>,
    #[command(flatten)]
    pub reach: Reach,
}

#[derive(Args)]
pub struct Reconcile {
    #[command(flatten)]
    pub file: FileOptions,
    /// The first day, as 2026-11-01
    #[arg(long)]
    pub from: String,
    /// The last day
    #[arg(long)]
    pub to: String,
    /// How far apart the two times of one event may be where only amount and time tell [default: 48h]
    #[arg(long)]
    pub near: Option<String>,
    /// Write the lines to this file, .csv or .xlsx
    #[arg(long)]
    pub out: Option<PathBuf>,
    /// Write what is proposed to this file, as CSV for `import`
    #[arg(long)]
    pub actions: Option<PathBuf>,
    /// Only these groups, as different_status,missing_here
    #[arg(long, value_delimiter = ',')]
    pub groups: Vec<String>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub reach: Reach,
}

#[derive(Args)]
pub struct Ledger {
    #[command(subcommand)]
    pub command: LedgerCommand,
}

#[derive(Subcommand)]
pub enum LedgerCommand {
    /// Check every entry, seal and balance; ends with status 1 on any difference
    Verify {
        /// A head that was noted down before, as NUMBER:HASH
        #[arg(long)]
        expect: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        reach: Reach,
    },
    /// Close everything up to a day: what comes later is booked after it
    Close {
        /// The last day of the period, as 2026-10-31
        day: String,
        /// Why, for the audit log
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        reach: Reach,
    },
    /// Show the periods that are closed, newest first
    Periods {
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        reach: Reach,
    },
}

#[derive(Args)]
pub struct Token {
    #[command(subcommand)]
    pub command: TokenCommand,
}

#[derive(Subcommand)]
pub enum TokenCommand {
    /// Print a new access token, alone on the last line
    Create {
        /// admin, manager, finance, viewer, advertiser:ID or partner:ID
        #[arg(long)]
        role: String,
        /// Whose token it is
        #[arg(long)]
        name: String,
        #[command(flatten)]
        reach: Reach,
    },
}

#[derive(Args)]
pub struct Demo {
    /// End after the summary, with status 0 only if every figure is what the simulation sent
    #[arg(long)]
    pub exit: bool,
    /// Address and port to listen on
    #[arg(long, default_value = "127.0.0.1:8080")]
    pub listen: String,
}

#[derive(Args)]
pub struct Listen {
    /// Address and port to listen on
    #[arg(long, default_value = "127.0.0.1:4000")]
    pub listen: String,
    /// A secret that webhooks are signed with; repeatable
    #[arg(long, value_name = "env:NAME|file:PATH")]
    pub secret: Vec<String>,
    /// The status of every answer
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u16).range(200..=599))]
    pub answer: u16,
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
    use super::*;

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
