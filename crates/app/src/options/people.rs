//! The command line of whoever lets others in: people and access tokens.

use clap::{Args, Subcommand};

use super::Reach;

#[derive(Args)]
pub struct User {
    #[command(subcommand)]
    pub command: UserCommand,
}

#[derive(Subcommand)]
pub enum UserCommand {
    /// Print a link by which somebody sets a password, alone on the last line
    Invite {
        /// By which the person signs in
        #[arg(long)]
        email: String,
        #[arg(long)]
        name: String,
        /// admin, manager, finance, viewer, advertiser:ID or partner:ID
        #[arg(long)]
        role: String,
        #[command(flatten)]
        reach: Reach,
    },
    /// Show everybody, newest first
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        reach: Reach,
    },
    /// Change a person's name or role, or let it in again; another role signs it out everywhere
    Change {
        /// The e-mail address or the id
        who: String,
        #[arg(long)]
        name: Option<String>,
        /// admin, manager, finance, viewer, advertiser:ID or partner:ID
        #[arg(long)]
        role: Option<String>,
        /// Let the person in again after `disable`
        #[arg(long)]
        enable: bool,
        #[command(flatten)]
        reach: Reach,
    },
    /// Shut a person out, at once and everywhere
    Disable {
        /// The e-mail address or the id
        who: String,
        #[command(flatten)]
        reach: Reach,
    },
    /// Print a link by which a person sets another password, alone on the last line
    Reset {
        /// The e-mail address or the id
        who: String,
        /// Rid of the second factor, too, once the link is used
        #[arg(long)]
        totp: bool,
        #[command(flatten)]
        reach: Reach,
    },
    /// Show where a person is signed in
    Sessions {
        /// The e-mail address or the id
        who: String,
        /// Sign the person out everywhere instead
        #[arg(long)]
        end: bool,
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
    /// Show every token, newest first; never what lets anybody in
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        reach: Reach,
    },
    /// End a token, and the sessions that were opened with it
    Revoke {
        /// As `list` shows it
        id: String,
        #[command(flatten)]
        reach: Reach,
    },
}
