//! Amounts as text, exact however long: what the modifiers of money need.

/// More digits are no amount of anything.
const DIGITS_MAX: usize = 30;

/// A plain decimal with or without a minus.
pub(super) struct Decimal<'a> {
    is_negative: bool,
    whole: &'a str,
    fraction: &'a str,
}

impl<'a> Decimal<'a> {
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let text = text.trim();
        let (is_negative, digits) = match text.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, text),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let plain = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        let fits = !whole.is_empty() && plain(whole) && plain(fraction) && digits.len() <= DIGITS_MAX;
        let ends_well = !digits.ends_with('.');
        (fits && ends_well).then_some(Self { is_negative, whole, fraction })
    }

    pub(super) fn is_zero(&self) -> bool {
        self.whole.bytes().chain(self.fraction.bytes()).all(|byte| byte == b'0')
    }

    /// A hundred times as much with two places, a thousand times with three. What is left over stays behind a point.
    pub(super) fn shifted(&self, places: u8) -> String {
        let places = usize::from(places);
        let padded = format!("{:0<places$}", self.fraction);
        let (units, rest) = padded.split_at_checked(places).unwrap_or((&padded, ""));
        let digits = format!("{}{units}", self.whole);
        let rest = rest.trim_end_matches('0');
        let whole = digits.trim_start_matches('0');
        let whole = if whole.is_empty() { "0" } else { whole };
        let sign = if self.is_negative && !self.is_zero() { "-" } else { "" };
        if rest.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{rest}") }
    }

    /// The nearest whole number; of two that are as near, the even one.
    pub(super) fn rounded(&self) -> String {
        let whole: u128 = self.whole.parse().unwrap_or(0);
        let fraction = self.fraction.trim_end_matches('0');
        let odd = whole.checked_rem(2) == Some(1);
        let up = "5" < fraction || (fraction == "5" && odd);
        let nearest = if up { whole.saturating_add(1) } else { whole };
        let sign = if self.is_negative && nearest != 0 { "-" } else { "" };
        format!("{sign}{nearest}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_shifted_and_rounded_exactly() {
        for (text, places, shifted, rounded) in [
            ("140.00", 2, "14000", "140"),
            ("140", 2, "14000", "140"),
            ("140.5", 2, "14050", "140"),
            ("141.5", 0, "141.5", "142"),
            ("141.50001", 2, "14150.001", "142"),
            ("0.0012", 2, "0.12", "0"),
            ("0.5", 6, "500000", "0"),
            ("0.500", 2, "50", "0"),
            ("1.500", 3, "1500", "2"),
            ("-0.4", 1, "-4", "0"),
            ("-1.5", 2, "-150", "-2"),
            ("-0.00", 2, "0", "0"),
            ("999999999999.999999", 2, "99999999999999.9999", "1000000000000"),
            ("007", 0, "7", "7"),
        ] {
            let decimal = Decimal::parse(text).unwrap();
            assert_eq!(
                (decimal.shifted(places), decimal.rounded()),
                (shifted.into(), rounded.into()),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_plain_decimal_is_none() {
        for text in
            ["", "-", ".", "1.", ".5", "1,5", "1e3", "+1", "--1", "1 2", "abc", "NaN", &"1".repeat(31)]
        {
            assert!(Decimal::parse(text).is_none(), "{text}");
        }
    }
}
