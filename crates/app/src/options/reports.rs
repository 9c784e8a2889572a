//! The command line of reports.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::Reach;

#[derive(Args)]
pub struct Report {
    /// One that is kept, by its id; what it asks is not asked again
    #[arg(long, value_name = "ID", conflicts_with_all = ["by", "metrics", "from", "to", "period", "filter", "time", "tz",
        "top", "other", "compare", "sort", "limit", "test", "currency"])]
    pub saved: Option<String>,
    /// What to break down by, outermost first, as day,country
    #[arg(long, value_name = "DIM,...")]
    pub by: Option<String>,
    /// What to count, as clicks,conversions,profit [default: the ten that are asked most]
    #[arg(long, value_name = "METRIC,...")]
    pub metrics: Option<String>,
    /// From when: a day, a moment, or -7d
    #[arg(long, allow_hyphen_values = true)]
    pub from: Option<String>,
    /// To when, included [default: today]
    #[arg(long, allow_hyphen_values = true)]
    pub to: Option<String>,
    /// Instead of days: today, yesterday, last_30_days, this_month ... [default: last_7_days]
    #[arg(long)]
    pub period: Option<String>,
    /// Only facts that pass, as 'country = DE and device != bot'
    #[arg(long)]
    pub filter: Option<String>,
    /// Which time counts: event, click or booked [default: event]
    #[arg(long)]
    pub time: Option<String>,
    /// The time zone of the days [default: the program's]
    #[arg(long)]
    pub tz: Option<String>,
    /// Only the first so many rows
    #[arg(long)]
    pub top: Option<String>,
    /// One row more, of all that --top cuts off
    #[arg(long)]
    pub other: bool,
    /// Beside it another period: previous, week, month, year or FROM..TO
    #[arg(long)]
    pub compare: Option<String>,
    /// The column to sort by; with - in front from the largest down
    #[arg(long, allow_hyphen_values = true)]
    pub sort: Option<String>,
    /// At most so many rows [default: 1000]
    #[arg(long)]
    pub limit: Option<String>,
    /// Whether tests count: exclude, include or only [default: exclude]
    #[arg(long)]
    pub test: Option<String>,
    /// Money in this currency [default: the program's]
    #[arg(long)]
    pub currency: Option<String>,
    /// A last line with the totals, in csv and xlsx
    #[arg(long)]
    pub totals: bool,
    #[arg(long, value_enum, default_value = "table")]
    pub format: ReportForm,
    /// Where to write it [default: the standard output]
    #[arg(long)]
    pub out: Option<PathBuf>,
    #[command(flatten)]
    pub reach: Reach,
}

/// How a report is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ReportForm {
    Table,
    Json,
    Csv,
    Xlsx,
    Parquet,
}
