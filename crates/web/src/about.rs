//! What pages say of the installation, and what is noted of those who look at them.

use axum::http::header;
use axum::http::request::Parts;
use proofback_domain::calendar::Zone;

use crate::people::Seen;
use crate::sender;
use crate::state::Web;

/// Of the program in force; empty while there is none.
#[derive(Debug, Clone)]
pub struct About {
    pub name: String,
    pub base_url: String,
    /// By whose clocks times are shown.
    pub zone: Zone,
}

impl Web {
    pub fn about(&self) -> About {
        let Some(snapshot) = self.store.snapshot() else {
            let (name, base_url) = (String::new(), String::new());
            return About { name, base_url, zone: Zone::utc() };
        };
        let program = &snapshot.program;
        About {
            name: program.name.clone(),
            base_url: program.base_url.clone(),
            zone: program.timezone.clone(),
        }
    }

    /// The ids of all advertisers of the program in force.
    pub fn advertisers(&self) -> Vec<String> {
        let snapshot = self.store.snapshot();
        let known = snapshot.iter().flat_map(|snapshot| snapshot.program.advertisers.keys());
        known.map(ToString::to_string).collect()
    }

    /// Where a request comes from, for the list of sessions and for limits.
    pub fn seen(&self, parts: &Parts) -> Seen {
        Seen {
            ip: sender::identify(parts, &self.settings.trusted_proxies).ip,
            user_agent: sender::header_text(&parts.headers, header::USER_AGENT),
        }
    }
}
