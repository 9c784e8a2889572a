//! People who sign in: the e-mail address by which each is known.

/// An address in lower case: whoever writes it in another case means the same person. That mail arrives there is
/// nobody's promise; nothing is ever sent to it from here.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Email(String);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an e-mail address is name@host, with 3 to 254 bytes and without spaces")]
pub struct NotAnEmail;

/// What fits between the brackets of a mail command (RFC 5321, section 4.5.3.1.3).
const BYTES_MAX: usize = 254;

impl Email {
    pub fn parse(text: &str) -> Result<Self, NotAnEmail> {
        let lower = text.trim().to_lowercase();
        let plain = |one: char| !one.is_whitespace() && !one.is_control() && !"\"<>(),;:\\".contains(one);
        let (name, host) = lower.split_once('@').ok_or(NotAnEmail)?;
        let whole = !name.is_empty() && !host.is_empty() && !host.contains('@');
        let fits = lower.len() <= BYTES_MAX && lower.chars().all(plain);
        if whole && fits { Ok(Self(lower)) } else { Err(NotAnEmail) }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands before the host.
    pub fn mailbox(&self) -> &str {
        self.0.split_once('@').map_or("", |(name, _)| name)
    }
}

impl std::fmt::Display for Email {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_one_whatever_case_it_is_written_in() {
        let email = Email::parse(" Ann.Lee@Example.COM ").unwrap();
        assert_eq!((email.as_str(), email.mailbox()), ("ann.lee@example.com", "ann.lee"));
        assert_eq!(Email::parse("JÜRGEN@bücher.example").unwrap().as_str(), "jürgen@bücher.example");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let long = format!("{}@example.com", "x".repeat(243));
        for text in ["", "ann", "@b", "a@", "a@b@c", "a b@c", "a@b\n", "a@b,c@d", "<a@b>", "\u{7}a@b", &long]
        {
            // What stands around an address is cut; within it nothing is.
            assert_eq!(Email::parse(text).is_ok(), text == "a@b\n", "{text:?}");
        }
    }
}
