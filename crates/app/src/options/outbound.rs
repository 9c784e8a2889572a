//! The command line of whoever looks after what goes out: targets and deliveries.

use clap::{Args, Subcommand};

use super::Reach;

#[derive(Args)]
pub struct Target {
    #[command(subcommand)]
    pub command: TargetCommand,
}

#[derive(Subcommand)]
pub enum TargetCommand {
    /// Show every target and how it is doing
    List {
        /// Only the targets of this partner
        #[arg(long)]
        partner: Option<String>,
        /// Only those in this state: on, paused, resting, probing or untested
        #[arg(long)]
        state: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        reach: Reach,
    },
    /// Show one: what it asks for, how it is doing, what waits for it
    Show {
        id: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        reach: Reach,
    },
    /// End sending to a target; what is planned for it waits
    Pause {
        id: String,
        /// Why, for the audit log
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        reach: Reach,
    },
    /// Send to a target again, what waits for it newest conversion first
    Resume {
        id: String,
        /// Why, for the audit log
        #[arg(long)]
        reason: String,
        /// Give up what was planned before this time, as 2026-11-21T07:06:00Z or 2026-11-21
        #[arg(long)]
        skip_before: Option<String>,
        #[command(flatten)]
        reach: Reach,
    },
    /// Send a test delivery and show the answer; ends with status 1 where it was not taken
    Test {
        id: String,
        /// A value instead of the example's, as partner_click_id=M-1; repeatable
        #[arg(long, value_name = "NAME=VALUE")]
        value: Vec<String>,
        /// How long the answer is waited for, up to 20s
        #[arg(long)]
        wait: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        reach: Reach,
    },
}

#[derive(Args)]
pub struct Delivery {
    #[command(subcommand)]
    pub command: DeliveryCommand,
}

#[derive(Subcommand)]
pub enum DeliveryCommand {
    /// Show what was told to whom, newest first
    List {
        #[command(flatten)]
        filter: Filter,
        /// At most so many, up to 1000
        #[arg(long, default_value_t = 100)]
        limit: u32,
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        reach: Reach,
    },
    /// Show one with its attempts
    Show {
        id: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        reach: Reach,
    },
    /// Make deliveries again under the same ids: those named, or those that a filter finds
    Retry {
        /// Delivery ids; without any, what the filter finds: failed ones unless --state says otherwise
        delivery_ids: Vec<String>,
        #[command(flatten)]
        filter: Filter,
        #[command(flatten)]
        word: Word,
    },
    /// Give up deliveries that wait
    Skip {
        #[command(flatten)]
        filter: Filter,
        #[command(flatten)]
        word: Word,
    },
}

/// Which deliveries are meant.
#[derive(Args)]
pub struct Filter {
    /// pending, delivered, failed or withheld
    #[arg(long)]
    pub state: Option<String>,
    #[arg(long)]
    pub target: Option<String>,
    #[arg(long)]
    pub partner: Option<String>,
    #[arg(long)]
    pub conversion_id: Option<String>,
    /// What was told, as commission.earned
    #[arg(long)]
    pub event: Option<String>,
    /// The class of the last error, as timeout or status_404
    #[arg(long)]
    pub error: Option<String>,
    /// Planned at this time or later, as 2026-11-21T07:06:00Z or 2026-11-21
    #[arg(long)]
    pub from: Option<String>,
    /// Planned before this time
    #[arg(long)]
    pub to: Option<String>,
}

/// A person's word about deliveries.
#[derive(Args)]
pub struct Word {
    /// Why, for the audit log
    #[arg(long, default_value = "")]
    pub reason: String,
    /// Say how many it would be and change nothing
    #[arg(long)]
    pub dry_run: bool,
    #[command(flatten)]
    pub reach: Reach,
}

impl Filter {
    /// What was asked for, under the API's names.
    pub fn members(self) -> Vec<(&'static str, String)> {
        let Self { state, target, partner, conversion_id, event, error, from, to } = self;
        let all = [
            ("state", state),
            ("target", target),
            ("partner", partner),
            ("conversion_id", conversion_id),
            ("event", event),
            ("error", error),
            ("from", from),
            ("to", to),
        ];
        all.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }
}
