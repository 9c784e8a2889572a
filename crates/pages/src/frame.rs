//! What stands around every page: places, whoever is signed in, a search, and what to load.

use proofback_domain::calendar::Zone;
use proofback_domain::time::Timestamp;
use proofback_web::{Access, Role};

use crate::assets;
use crate::places::{PLACES_SHOWN, Shown};
use crate::show::TimeTag;

/// Conversions and deliveries are between the house and its partners.
fn is_for(role: &Role, path: &str) -> bool {
    !(matches!(role, Role::Advertiser(_)) && matches!(path, "/conversions" | "/deliveries"))
}

/// What a party has for itself: its statement, and what was paid or invoiced.
fn own_places(role: &Role) -> Vec<(String, &'static str)> {
    match role {
        Role::Partner(id) => {
            vec![
                (format!("/finance/partners/{id}/statement"), "Statement"),
                ("/finance/payouts".into(), "Payouts"),
            ]
        }
        Role::Advertiser(id) => vec![
            (format!("/finance/advertisers/{id}/statement"), "Statement"),
            ("/finance/invoices".into(), "Invoices"),
        ],
        Role::Admin | Role::Manager | Role::Finance | Role::Viewer => Vec::new(),
    }
}

/// Around one page for one person.
#[derive(Clone)]
pub struct Frame {
    /// Of the program; empty while there is none.
    pub program: String,
    pub who: String,
    pub role: String,
    pub is_staff: bool,
    /// Whether a role may decide, account or configure, for buttons.
    pub decides: bool,
    pub accounts: bool,
    pub configures: bool,
    pub administers: bool,
    /// `light`, `dark`, or empty: as the system says.
    pub theme: String,
    /// What came of the last form.
    pub notice: Option<String>,
    /// The path of this page.
    pub path: String,
    pub now: Timestamp,
    pub zone: Zone,
    pub zone_name: String,
    role_of: Option<Role>,
}

impl Frame {
    pub fn of(role: &Role, who: &str, about: proofback_web::About, now: Timestamp, path: &str) -> Self {
        Self {
            program: about.name,
            who: who.to_owned(),
            role: role.to_string(),
            is_staff: role.may(Access::Staff),
            decides: role.may(Access::Decides),
            accounts: role.may(Access::Accounts),
            configures: role.may(Access::Configures),
            administers: role.may(Access::Admin),
            theme: String::new(),
            notice: None,
            path: path.to_owned(),
            now,
            zone_name: about.zone.name().to_owned(),
            zone: about.zone,
            role_of: Some(role.clone()),
        }
    }

    /// For pages without a session.
    pub fn alone() -> Self {
        Self {
            program: String::new(),
            who: String::new(),
            role: String::new(),
            is_staff: false,
            decides: false,
            accounts: false,
            configures: false,
            administers: false,
            theme: String::new(),
            notice: None,
            path: String::new(),
            now: Timestamp::from_millis(0),
            zone: Zone::utc(),
            zone_name: "UTC".into(),
            role_of: None,
        }
    }

    pub fn asset(&self, name: &str) -> String {
        assets::address(name)
    }

    /// The places that this person can go to.
    pub fn places(&self) -> Vec<Shown> {
        let Some(role) = &self.role_of else {
            return Vec::new();
        };
        let common = PLACES_SHOWN.iter().filter(|(path, _, access)| role.may(*access) && is_for(role, path));
        let common = common.map(|(path, label, _)| self.shown(path, label));
        common.chain(own_places(role).into_iter().map(|(path, label)| self.shown(&path, label))).collect()
    }

    /// A link that knows whether it leads to where one is, or above it.
    pub fn shown(&self, path: &str, label: &str) -> Shown {
        let here = match path {
            "/" => self.path == "/",
            _ => self.path == path || self.path.strip_prefix(path).is_some_and(|rest| rest.starts_with('/')),
        };
        Shown { path: path.to_owned(), label: label.to_owned(), here }
    }

    /// A moment by the clocks of the program, to the second.
    pub fn when(&self, at: &Timestamp) -> TimeTag {
        TimeTag::new(*at, &self.zone, "%Y-%m-%d %H:%M:%S")
    }

    /// Likewise, to the minute.
    pub fn minute(&self, at: &Timestamp) -> TimeTag {
        TimeTag::new(*at, &self.zone, "%Y-%m-%d %H:%M")
    }

    /// How long ago, in words.
    pub fn ago(&self, at: &Timestamp) -> String {
        let seconds = self.now.millis().saturating_sub(at.millis()) / 1_000;
        match seconds {
            ..0 => "in the future".into(),
            0..60 => "just now".into(),
            60..3_600 => format!("{} min ago", seconds / 60),
            3_600..86_400 => format!("{} h ago", seconds / 3_600),
            _ => format!("{} d ago", seconds / 86_400),
        }
    }
}
