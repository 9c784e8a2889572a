//! The command line of whoever keeps the books: statements, payouts, invoices, exchange rates.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::Reach;

#[derive(Args)]
pub struct Statement {
    /// The partner whose statement it is
    #[arg(long, required_unless_present = "advertiser", conflicts_with = "advertiser")]
    pub partner: Option<String>,
    /// The advertiser whose statement it is
    #[arg(long)]
    pub advertiser: Option<String>,
    /// The first day, as 2026-11-01 [default: the first of the month of the last day]
    #[arg(long)]
    pub from: Option<String>,
    /// The last day, included [default: today]
    #[arg(long)]
    pub to: Option<String>,
    /// Only this currency
    #[arg(long)]
    pub currency: Option<String>,
    #[arg(long, value_enum, default_value = "table")]
    pub format: Form,
    /// Where to write it [default: the standard output]
    #[arg(long)]
    pub out: Option<PathBuf>,
    #[command(flatten)]
    pub reach: Reach,
}

/// How something is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// The sums as text
    Table,
    /// The sums with the first thousand lines
    Json,
    /// All lines
    Csv,
    /// All lines, a sheet per currency
    Xlsx,
    /// A page to print
    Html,
}

#[derive(Args)]
pub struct Payout {
    #[command(subcommand)]
    pub command: PayoutCommand,
}

#[derive(Subcommand)]
pub enum PayoutCommand {
    /// Show what could be paid out now; nothing is written
    Preview(Preview),
    /// Pay out what is approved and past its hold; without --partner: to all who can be paid
    Create {
        #[arg(long)]
        partner: Option<String>,
        #[command(flatten)]
        new: NewSettlement,
    },
    /// Show payouts, newest first
    List(List),
    /// Show one with its lines
    Show(Show),
    /// Settle a draft: the partner has the money
    Paid(Advance),
    /// Give up a draft, or book a payout back
    Cancel(Cancel),
}

#[derive(Args)]
pub struct Invoice {
    #[command(subcommand)]
    pub command: InvoiceCommand,
}

#[derive(Subcommand)]
pub enum InvoiceCommand {
    /// Show what could be invoiced now; nothing is written
    Preview(Preview),
    /// Invoice what is due; without --advertiser: to all who owe something
    Create {
        #[arg(long)]
        advertiser: Option<String>,
        #[command(flatten)]
        new: NewSettlement,
    },
    /// Show invoices, newest first
    List(List),
    /// Show one with its lines
    Show(Show),
    /// Settle a draft: the advertiser has the invoice
    Invoiced(Advance),
    /// The money of an invoice came
    Received(Advance),
    /// Give up a draft, or book an invoice back
    Cancel(Cancel),
}

#[derive(Args)]
pub struct Preview {
    /// Only this partner or advertiser
    #[arg(long, visible_aliases = ["partner", "advertiser"])]
    pub party: Option<String>,
    /// What was booked up to this day, as 2026-11-30 [default: today]
    #[arg(long)]
    pub up_to: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub reach: Reach,
}

#[derive(Args)]
pub struct NewSettlement {
    /// Only this currency; needed for one party alone
    #[arg(long)]
    pub currency: Option<String>,
    /// What was booked up to this day, as 2026-11-30 [default: today]
    #[arg(long)]
    pub up_to: Option<String>,
    /// Propose it only
    #[arg(long)]
    pub draft: bool,
    /// The same key with the same request is the same payout or invoice, however often it is sent
    #[arg(long)]
    pub idempotency_key: Option<String>,
    #[command(flatten)]
    pub reach: Reach,
}

#[derive(Args)]
pub struct List {
    /// Only this partner or advertiser
    #[arg(long, visible_aliases = ["partner", "advertiser"])]
    pub party: Option<String>,
    /// At most so many, up to 1000
    #[arg(long, default_value_t = 100)]
    pub limit: u32,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub reach: Reach,
}

#[derive(Args)]
pub struct Show {
    pub id: String,
    #[arg(long, value_enum, default_value = "table")]
    pub format: Form,
    /// Where to write it [default: the standard output]
    #[arg(long)]
    pub out: Option<PathBuf>,
    #[command(flatten)]
    pub reach: Reach,
}

#[derive(Args)]
pub struct Advance {
    pub id: String,
    /// For the audit log
    #[arg(long, default_value = "")]
    pub reason: String,
    /// The same key with the same request is one step, however often it is sent
    #[arg(long)]
    pub idempotency_key: Option<String>,
    #[command(flatten)]
    pub reach: Reach,
}

#[derive(Args)]
pub struct Cancel {
    pub id: String,
    /// Why, for the audit log
    #[arg(long)]
    pub reason: String,
    /// The same key with the same request is one step, however often it is sent
    #[arg(long)]
    pub idempotency_key: Option<String>,
    #[command(flatten)]
    pub reach: Reach,
}

#[derive(Args)]
pub struct Rates {
    #[command(subcommand)]
    pub command: RatesCommand,
}

#[derive(Subcommand)]
pub enum RatesCommand {
    /// Take rates from a file: the ECB's XML or CSV, or CSV with date, base, currency, rate
    Import {
        file: PathBuf,
        /// Correct rates that are known with other values
        #[arg(long)]
        replace: bool,
        #[command(flatten)]
        reach: Reach,
    },
    /// Show rates, newest first
    List {
        #[arg(long)]
        currency: Option<String>,
        /// At most so many, up to 1000
        #[arg(long, default_value_t = 100)]
        limit: u32,
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        reach: Reach,
    },
}
