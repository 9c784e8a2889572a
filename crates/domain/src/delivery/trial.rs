//! Which values a person may give to a test delivery.

use std::collections::BTreeSet;

use crate::program::{Happening, Target, Way, did_you_mean};
use crate::tell::{HASHED_IDS, PLATFORM_IDS};
use crate::template::Macro;
use crate::webhook;

/// The delivery's own, which no person chooses.
const OWN: [Macro; 2] = [Macro::DeliveryId, Macro::Random];

/// Whether a test delivery to this target can carry a value of this name; says what was most likely meant where not.
pub fn check_trial_value(target: &Target, name: &str) -> Result<(), String> {
    let mut known: BTreeSet<&str> =
        Macro::all().filter(|name| !OWN.contains(name)).map(Macro::name).collect();
    if target.is_told_all() {
        let happening = target.wants.on.first().copied().unwrap_or(Happening::ConversionCreated);
        for field in webhook::fields(happening) {
            match field.kind {
                webhook::Kind::Money { currency } => known.extend([field.name, currency]),
                webhook::Kind::Time { value } => _ = known.insert(value),
                webhook::Kind::Text
                | webhook::Kind::Id
                | webhook::Kind::Status
                | webhook::Kind::Count
                | webhook::Kind::Difference { .. } => _ = known.insert(field.name),
                webhook::Kind::Subs | webhook::Kind::Flag | webhook::Kind::Rows => {}
            }
        }
    }
    if matches!(target.way, Way::ConversionApi(_)) {
        known.extend(PLATFORM_IDS);
        known.extend(HASHED_IDS);
    }
    if known.contains(name) {
        return Ok(());
    }
    let shown: String = name.chars().filter(|one| !one.is_control()).take(64).collect();
    Err(format!("{shown:?} is no value of a test delivery{}", did_you_mean(name, known.into_iter())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::Name;
    use crate::program::Program;

    fn program() -> Program {
        let source = "[program]\nname = 'T'\ncurrency = 'EUR'\n[[partner]]\nid = 'media'\n\
            [[partner.postback]]\nid = 'tracker'\nurl = 'https://t.example/?c={click_id}'\non = ['commission.earned']\n\
            [[webhook]]\nid = 'crm'\nurl = 'https://crm.example/'\nsecret = 'env:S'\non = ['postback.rejected']";
        let (program, mistakes) = crate::program::read(source);
        program.unwrap_or_else(|| panic!("{mistakes:?}"))
    }

    #[test]
    fn a_value_that_nothing_carries_is_refused_with_a_suggestion() {
        let program = program();
        let check = |target: &str, name: &str| {
            let target = program.targets.get(&Name::parse(target).unwrap()).unwrap();
            check_trial_value(target, name)
        };
        for name in ["partner_click_id", "payout", "sub10", "user_agent"] {
            assert_eq!(check("tracker", name), Ok(()), "{name}");
        }
        let wrong = check("tracker", "partner_clickid").unwrap_err();
        assert!(wrong.ends_with("; did you mean \"partner_click_id\"?"), "{wrong}");
        for name in ["delivery_id", "random", "", "sub11", "message", "test"] {
            assert!(check("tracker", name).is_err(), "{name}");
        }
        assert_eq!(check("crm", "message"), Ok(()));
    }
}
