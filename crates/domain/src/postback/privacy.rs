//! What is hidden before anything is written: secrets, e-mail addresses, phone numbers, a person's data.

use std::hash::Hasher;

use siphasher::sip128::{Hasher128, SipHasher24};

pub const REDACTED: &str = "***";
const HASHED: &str = "email-";

/// Parameters named like a person's data, compared without case, `-` and `_`.
const PERSONAL: [&str; 26] = [
    "email",
    "mail",
    "useremail",
    "phone",
    "phonenumber",
    "tel",
    "telephone",
    "mobile",
    "msisdn",
    "name",
    "firstname",
    "lastname",
    "fullname",
    "surname",
    "username",
    "address",
    "street",
    "zip",
    "zipcode",
    "postcode",
    "postalcode",
    "birthday",
    "birthdate",
    "dob",
    "ssn",
    "passport",
];

/// Of these, the ones that mean a person even as the end of a longer name, as in `customer_phone`.
const DISTINCT: [&str; 14] = [
    "email",
    "phone",
    "phonenumber",
    "telephone",
    "mobile",
    "msisdn",
    "firstname",
    "lastname",
    "fullname",
    "surname",
    "birthday",
    "birthdate",
    "passport",
    "address",
];

/// Parameters named like a secret, likewise.
const SECRET: [&str; 12] = [
    "token",
    "secret",
    "key",
    "apikey",
    "signature",
    "sig",
    "hash",
    "password",
    "pass",
    "securitytoken",
    "secure",
    "auth",
];

/// A value as it may be stored under this parameter's name.
pub fn mask(name: &str, value: &str) -> String {
    let plain: String =
        name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    if value.is_empty() {
        return String::new();
    }
    if SECRET.contains(&plain.as_str()) {
        return REDACTED.into();
    }
    let personal =
        |ending: &&str| plain.ends_with(*ending) && (plain == **ending || DISTINCT.contains(ending));
    if PERSONAL.iter().any(personal) {
        return "*** (masked)".into();
    }
    // Nested objects are kept as text: whatever stands in them under such a name goes with the whole.
    if value.starts_with(['{', '[']) && DISTINCT.iter().any(|name| value.to_ascii_lowercase().contains(name))
    {
        return "*** (masked)".into();
    }
    mask_text(value)
}

/// Free text with the e-mail addresses and phone numbers in it masked.
pub fn mask_text(text: &str) -> String {
    if !text.contains(['@', '+', '%', ' ']) {
        return text.to_owned();
    }
    // A plus sign that was not encoded arrives as a space.
    let plus_lost = text.strip_prefix(' ').is_some_and(|rest| is_phone(&format!("+{rest}")));
    if plus_lost {
        return "+***".into();
    }
    if is_phone(text.trim()) {
        return "+***".into();
    }
    let is_break = |character: char| character.is_whitespace() || "\"'<>,;&=?/|".contains(character);
    let mut masked = String::with_capacity(text.len());
    for piece in text.split_inclusive(is_break) {
        let word = piece.trim_end_matches(is_break);
        let rest = piece.get(word.len()..).unwrap_or_default();
        if is_email(word) {
            masked.push_str("***@***");
        } else if is_phone(word) {
            masked.push_str("+***");
        } else {
            masked.push_str(word);
        }
        masked.push_str(rest);
    }
    masked
}

pub fn is_email(word: &str) -> bool {
    let once = percent_encoding::percent_decode_str(word).decode_utf8_lossy();
    let decoded = percent_encoding::percent_decode_str(&once).decode_utf8_lossy();
    let Some((local, domain)) = decoded.rsplit_once('@') else {
        return false;
    };
    let labels = domain.split('.').count();
    !local.is_empty() && labels >= 2 && domain.split('.').all(|label| !label.is_empty())
}

fn is_phone(word: &str) -> bool {
    let decoded = percent_encoding::percent_decode_str(word).decode_utf8_lossy();
    let Some(number) = decoded.strip_prefix('+') else {
        return false;
    };
    let digits = number.chars().filter(char::is_ascii_digit).count();
    7 <= digits && number.chars().all(|character| character.is_ascii_digit() || "()-. ".contains(character))
}

/// A key that is an e-mail address, as it is stored: a hash under this installation's key.
pub fn hash_key(value: &str, key: &[u8; 16]) -> String {
    let mut hasher = SipHasher24::new_with_key(key);
    hasher.write(value.trim().to_lowercase().as_bytes());
    format!("{HASHED}{:032x}", hasher.finish128().as_u128())
}

/// Whether this is what [`hash_key`] gives.
pub fn is_hashed_key(value: &str) -> bool {
    let hash = value.strip_prefix(HASHED);
    hash.is_some_and(|hash| hash.len() == 32 && hash.bytes().all(|digit| digit.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn personal_data_and_secrets_are_masked_by_name_and_by_form() {
        assert_eq!(mask("First-Name", "Ann"), "*** (masked)");
        assert_eq!(mask("security_token", "abc"), "***");
        assert_eq!(mask("sub1", "ann@example.com"), "***@***");
        assert_eq!(mask("sub1", "x ann%40example.com y"), "x ***@*** y");
        assert_eq!(mask("sub2", "+49 170 1234567"), "+***");
        assert_eq!(mask("sub2", "+491701234567"), "+***");
        assert_eq!(mask("note", "call +491701234567, now"), "call +***, now");
        assert_eq!(mask("phone", ""), "");
    }

    #[test]
    fn ordinary_values_stay() {
        for value in ["120.00", "reels|42", "a+b", "1+1", "@home", "x@y", "+5", "2026-11-21T07:00:00+01:00"] {
            assert_eq!(mask("sub1", value), value);
        }
    }

    #[test]
    fn an_email_as_a_key_gives_one_hash_per_installation() {
        let hash = hash_key("Ann@Example.com", &[1; 16]);
        assert_eq!(hash, hash_key("ann@example.com ", &[1; 16]));
        assert_ne!(hash, hash_key("ann@example.com", &[2; 16]));
        assert!(!hash.contains("ann"));
    }
}
