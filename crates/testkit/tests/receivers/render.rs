//! Fills in a preset's address as the program does when it makes a delivery.

use std::collections::BTreeMap;

use proofback_domain::money::{Currencies, Currency};
use proofback_domain::template::{Filling, Macro, Template};

/// What one euro is in dollars, in hundredths.
const USD_PER_EUR: u64 = 110;

/// The template with these values and secrets; amounts are in euro, with two digits.
pub fn render(
    template: &str,
    values: &BTreeMap<&str, String>,
    secret: &dyn Fn(&str) -> Option<String>,
) -> String {
    let template = Template::parse_url(template).unwrap_or_else(|error| panic!("{template}: {error}"));
    let value = |name: Macro| values.get(name.name()).cloned().unwrap_or_default();
    let convert = |_: Macro, amount: &str, to: Currency| {
        assert_eq!(to.code(), "USD");
        let usd = (cents(amount) * USD_PER_EUR + 50) / 100;
        Some(format!("{}.{:02}", usd / 100, usd % 100))
    };
    let currencies = Currencies::default();
    let filling = Filling { value: &value, secret, convert: &convert, currencies: &currencies };
    template.fill(&filling).unwrap()
}

fn cents(amount: &str) -> u64 {
    let (whole, part) = amount.split_once('.').unwrap();
    assert_eq!(part.len(), 2);
    whole.parse::<u64>().unwrap() * 100 + part.parse::<u64>().unwrap()
}
