//! Who may do what: the roles of people and of access tokens.

use proofback_domain::name::Name;
use proofback_domain::settlement::SettlementKind;
use sha2::{Digest, Sha256};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Role {
    Admin,
    Manager,
    Finance,
    Viewer,
    Advertiser(Name),
    Partner(Name),
}

/// Who may use an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Without signing in, too.
    Everyone,
    SignedIn,
    /// Who sees everything that is recorded.
    Staff,
    /// Who accepts, rejects and replays.
    Decides,
    /// Who keeps the books.
    Accounts,
    /// Who changes the program.
    Configures,
    /// Who lets others in.
    Admin,
}

impl Role {
    /// Whether somebody of this role may use such an address.
    pub fn may(&self, access: Access) -> bool {
        match access {
            Access::Everyone | Access::SignedIn => true,
            Access::Staff => self.is_staff(),
            Access::Decides => self.may_decide(),
            Access::Accounts => self.may_account(),
            Access::Configures => self.may_configure(),
            Access::Admin => *self == Self::Admin,
        }
    }

    /// Reads `admin`, `manager`, `finance`, `viewer`, `advertiser:ID` or `partner:ID`.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text.split_once(':') {
            None => match text {
                "admin" => Self::Admin,
                "manager" => Self::Manager,
                "finance" => Self::Finance,
                "viewer" => Self::Viewer,
                _ => return None,
            },
            Some(("advertiser", id)) => Self::Advertiser(Name::parse(id).ok()?),
            Some(("partner", id)) => Self::Partner(Name::parse(id).ok()?),
            Some(_) => return None,
        })
    }

    /// Sees everything that is recorded.
    pub fn is_staff(&self) -> bool {
        match self {
            Self::Admin | Self::Manager | Self::Finance | Self::Viewer => true,
            Self::Advertiser(_) | Self::Partner(_) => false,
        }
    }

    pub fn may_configure(&self) -> bool {
        match self {
            Self::Admin | Self::Manager => true,
            Self::Finance | Self::Viewer | Self::Advertiser(_) | Self::Partner(_) => false,
        }
    }

    /// Accepts, rejects and replays what others sent.
    pub fn may_decide(&self) -> bool {
        match self {
            Self::Admin | Self::Manager | Self::Finance => true,
            Self::Viewer | Self::Advertiser(_) | Self::Partner(_) => false,
        }
    }

    /// Keeps the books: closes periods.
    pub fn may_account(&self) -> bool {
        match self {
            Self::Admin | Self::Finance => true,
            Self::Manager | Self::Viewer | Self::Advertiser(_) | Self::Partner(_) => false,
        }
    }

    /// The party of such settlements that this is.
    pub fn party(&self, kind: SettlementKind) -> Option<&Name> {
        match (self, kind) {
            (Self::Partner(own), SettlementKind::Payout)
            | (Self::Advertiser(own), SettlementKind::Invoice) => Some(own),
            (_, _) => None,
        }
    }

    /// Whether this is a partner and the partner `id`.
    pub fn is_partner(&self, id: &str) -> bool {
        matches!(self, Self::Partner(own) if own.as_str() == id)
    }

    /// Whether this is an advertiser and the advertiser `id`.
    pub fn is_advertiser(&self, id: &str) -> bool {
        matches!(self, Self::Advertiser(own) if own.as_str() == id)
    }
}

impl std::fmt::Display for Role {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Admin => formatter.write_str("admin"),
            Self::Manager => formatter.write_str("manager"),
            Self::Finance => formatter.write_str("finance"),
            Self::Viewer => formatter.write_str("viewer"),
            Self::Advertiser(id) => write!(formatter, "advertiser:{id}"),
            Self::Partner(id) => write!(formatter, "partner:{id}"),
        }
    }
}

/// The form in which a token is kept and compared; the token itself is never stored.
pub fn hash_token(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_may_what_it_is_for_and_no_more() {
        // See everything, configure, decide, keep the books, everything.
        for (role, rights) in [
            ("admin", [true, true, true, true, true]),
            ("manager", [true, true, true, false, false]),
            ("finance", [true, false, true, true, false]),
            ("viewer", [true, false, false, false, false]),
            ("advertiser:casino", [false, false, false, false, false]),
            ("partner:reelmedia", [false, false, false, false, false]),
        ] {
            let parsed = Role::parse(role).unwrap();
            let asked = [Access::Staff, Access::Configures, Access::Decides, Access::Accounts, Access::Admin];
            assert_eq!(asked.map(|access| parsed.may(access)), rights, "{role}");
            assert!(parsed.may(Access::Everyone) && parsed.may(Access::SignedIn), "{role}");
            assert_eq!(parsed.is_partner("reelmedia"), role == "partner:reelmedia", "{role}");
            assert_eq!(parsed.is_advertiser("casino"), role == "advertiser:casino", "{role}");
            assert!(!parsed.is_advertiser("other") && !parsed.is_advertiser("reelmedia"), "{role}");
            assert!(!parsed.is_partner("other") && !parsed.is_partner("casino"), "{role}");
        }
    }

    #[test]
    fn roles_read_back() {
        for text in ["admin", "manager", "finance", "viewer", "advertiser:casino", "partner:reelmedia"] {
            assert_eq!(Role::parse(text).map(|role| role.to_string()).as_deref(), Some(text));
        }
        for text in ["", "root", "Admin", "partner:", "partner:A", "admin:x"] {
            assert_eq!(Role::parse(text), None, "{text}");
        }
    }
}
