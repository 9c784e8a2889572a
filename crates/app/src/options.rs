//! The command line; every option can also come from the environment or, for `serve`, from a file.

pub mod finance;
pub mod outbound;
pub mod people;
pub mod reports;
pub mod serve;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use serve::Serve;

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
    /// People who sign in: invited, changed, shut out
    User(people::User),
    /// Access tokens of the API
    Token(people::Token),
    /// Print the webhooks and postbacks that arrive, for whoever writes the receiving side
    Listen(Listen),
    /// Run the main job on simulated traffic and hold the books against it
    Demo(Demo),
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
pub struct Demo {
    /// End after the summary, with status 0 only if every figure is what the simulation sent
    #[arg(long)]
    pub exit: bool,
    /// Address and port to listen on
    #[arg(long, default_value = "127.0.0.1:8080")]
    pub listen: String,
    /// How many times over; 1 is 2,000 visits with some 370 postbacks
    #[arg(long, default_value_t = 1, value_parser = size)]
    pub size: usize,
}

fn size(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|size| (1..=500).contains(size)).ok_or_else(|| "from 1 to 500".into())
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
