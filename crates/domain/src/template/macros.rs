//! The macros and their names.

/// Every macro there is, the same wherever a template stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Macro {
    ClickId,
    PartnerClickId,
    ConversionId,
    Txid,
    Event,
    Status,
    Payout,
    PayoutDelta,
    Revenue,
    Currency,
    Timestamp,
    TimestampIso,
    /// `{sub1}` to `{sub10}`.
    Sub(u8),
    Source,
    Cost,
    Offer,
    Advertiser,
    Partner,
    Link,
    Country,
    Device,
    Os,
    Browser,
    Ip,
    UserAgent,
    DeliveryId,
    Random,
}

impl Macro {
    pub(super) const PLAIN: [(&'static str, Self); 26] = [
        ("click_id", Self::ClickId),
        ("partner_click_id", Self::PartnerClickId),
        ("conversion_id", Self::ConversionId),
        ("txid", Self::Txid),
        ("event", Self::Event),
        ("status", Self::Status),
        ("payout", Self::Payout),
        ("payout_delta", Self::PayoutDelta),
        ("revenue", Self::Revenue),
        ("currency", Self::Currency),
        ("timestamp", Self::Timestamp),
        ("timestamp_iso", Self::TimestampIso),
        ("source", Self::Source),
        ("cost", Self::Cost),
        ("offer", Self::Offer),
        ("advertiser", Self::Advertiser),
        ("partner", Self::Partner),
        ("link", Self::Link),
        ("country", Self::Country),
        ("device", Self::Device),
        ("os", Self::Os),
        ("browser", Self::Browser),
        ("ip", Self::Ip),
        ("user_agent", Self::UserAgent),
        ("delivery_id", Self::DeliveryId),
        ("random", Self::Random),
    ];

    /// Every macro, the sub ids at the end.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::PLAIN.iter().map(|(_, known)| *known).chain((1..=10).map(Self::Sub))
    }

    pub fn parse(name: &str) -> Option<Self> {
        let plain = Self::PLAIN.iter().find(|(known, _)| *known == name).map(|(_, plain)| *plain);
        plain.or_else(|| sub_number(name).map(Self::Sub))
    }

    /// The name between the braces.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sub(number) => {
                let index = usize::from(number).checked_sub(1);
                index.and_then(|index| SUBS.get(index)).copied().unwrap_or_default()
            }
            plain => Self::PLAIN.iter().find(|(_, known)| *known == plain).map_or("", |(name, _)| *name),
        }
    }

    pub(super) fn is_amount(self) -> bool {
        matches!(self, Self::Payout | Self::PayoutDelta | Self::Revenue | Self::Cost)
    }

    pub(super) fn is_time(self) -> bool {
        matches!(self, Self::Timestamp | Self::TimestampIso)
    }
}

/// The names of the sub ids.
pub const SUBS: [&str; 10] =
    ["sub1", "sub2", "sub3", "sub4", "sub5", "sub6", "sub7", "sub8", "sub9", "sub10"];

/// The number in `sub1` to `sub10`.
pub fn sub_number(name: &str) -> Option<u8> {
    let digits = name.strip_prefix("sub")?;
    let number: u8 = digits.parse().ok()?;
    let written_plainly = digits == number.to_string();
    (written_plainly && 1 <= number && number <= 10).then_some(number)
}

/// The candidate that differs least from `word`, if it is near enough to be meant.
pub(crate) fn nearest(word: &str, candidates: impl IntoIterator<Item = String>) -> Option<String> {
    // Known habits of other platforms, which no edit distance finds.
    let habit = match word {
        "clickid" | "cid" | "subid" | "click" => Some("click_id"),
        "transaction_id" | "tid" | "order_id" => Some("txid"),
        "sum" | "commission" => Some("payout"),
        "aff_click_id" | "external_id" | "externalid" => Some("partner_click_id"),
        "goal" | "event_type" | "et" => Some("event"),
        _ => None,
    };
    let candidates: Vec<String> = candidates.into_iter().collect();
    if let Some(habit) = habit.filter(|habit| candidates.iter().any(|candidate| candidate == habit)) {
        return Some(habit.to_owned());
    }
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(word, &candidate), candidate))
        .filter(|(distance, candidate)| *distance <= 2.max(candidate.len() >> 2) && *distance < word.len())
        .min()
        .map(|(_, candidate)| candidate)
}

/// The macro that a name was most likely meant to be.
pub(super) fn nearest_macro(name: &str) -> Option<String> {
    let names = Macro::PLAIN.iter().map(|(known, _)| *known).chain(SUBS);
    nearest(&name.to_ascii_lowercase(), names.map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_macro_reads_back_by_its_name() {
        for (name, known) in Macro::PLAIN {
            assert_eq!(Macro::parse(name), Some(known));
            assert_eq!(known.name(), name);
        }
        assert_eq!(Macro::parse("sub10").map(Macro::name), Some("sub10"));
        for name in ["sub0", "sub11", "sub01", "sub", "sub+1"] {
            assert_eq!(Macro::parse(name), None, "{name}");
        }
    }
}
