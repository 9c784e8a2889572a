//! Which passwords are refused: those that are tried first by whoever tries many.
//!
//! Length counts, not kinds of characters (NIST SP 800-63B, 3.1.1.2; OWASP ASVS 5.0, 6.2). How a password is kept is
//! no matter of the domain.

use crate::person::Email;

const CHARS_MIN: usize = 12;
const CHARS_MAX: usize = 200;

/// Those of twelve characters and more that stand at the top of lists of leaked ones, one a line, in lower case.
const COMMONEST: &str = include_str!("password/commonest.txt");

/// What is wrong with a new password, as a sentence for whoever chose it; `None` where nothing is.
pub fn weakness(password: &str, email: &Email, name: &str) -> Option<&'static str> {
    let chars = password.chars().count();
    if chars < CHARS_MIN {
        return Some("a password has at least 12 characters");
    }
    if CHARS_MAX < chars {
        return Some("a password has at most 200 characters");
    }
    let lower = password.to_lowercase();
    let spelt = |text: &str| text.split_whitespace().collect::<String>().to_lowercase();
    let own = [email.as_str().to_owned(), email.mailbox().to_owned(), spelt(name)];
    if own.contains(&spelt(&lower)) {
        return Some("a password is not one's own name or address");
    }
    if [0, 1, -1].into_iter().any(|stride| runs(&lower, stride)) {
        return Some("a password is no row of equal or neighbouring characters");
    }
    if COMMONEST.lines().any(|known| known == lower) {
        return Some("this password is one of those that everybody tries first");
    }
    None
}

/// Whether each character is so many places behind the one before; after nine comes zero, after z comes a.
fn runs(text: &str, stride: i64) -> bool {
    let follows = |one: char, next: char| {
        let step = i64::from(u32::from(next)).saturating_sub(i64::from(u32::from(one)));
        let round = match stride {
            1 => matches!((one, next), ('9', '0') | ('z', 'a')),
            -1 => matches!((one, next), ('0', '9') | ('a', 'z')),
            _ => false,
        };
        step == stride || round
    };
    text.chars().zip(text.chars().skip(1)).all(|(one, next)| follows(one, next))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_that_are_tried_first_are_refused_with_the_reason() {
        let email = Email::parse("ann.lee-smith@example.com").unwrap();
        let refused = |password: &str| weakness(password, &email, "Annabella Lee").unwrap_or_default();
        for (password, reason) in [
            ("", "at least 12"),
            ("elf zeichen", "at least 12"),
            (&"long".repeat(51), "at most 200"),
            ("Ann.Lee-Smith@example.com", "one's own"),
            ("ann.lee-SMITH", "one's own"),
            ("annabella lee", "one's own"),
            ("AnnabellaLee", "one's own"),
            ("aaaaaaaaaaaa", "no row"),
            ("ßßßßßßßßßßßß", "no row"),
            ("abcdefghijklm", "no row"),
            ("ZYXWVUTSRQPO", "no row"),
            ("345678901234", "no row"),
            ("210987654321", "no row"),
            ("Password1234", "everybody"),
            ("correcthorsebatterystaple", "everybody"),
        ] {
            assert!(refused(password).contains(reason), "{password:?}: {:?}", refused(password));
        }
        for password in ["zwölf zeichen", "tram quilt 41", "aaaaaaaaaaab", "abcdefghijkm", &"x1".repeat(100)]
        {
            assert_eq!(refused(password), "", "{password:?}");
        }
    }

    #[test]
    fn the_list_holds_what_the_other_rules_let_through() {
        let email = Email::parse("a@b").unwrap();
        assert!(90 <= COMMONEST.lines().count());
        for known in COMMONEST.lines() {
            assert!(CHARS_MIN <= known.chars().count() && known == known.to_lowercase(), "{known:?}");
            assert!(
                weakness(known, &email, "").is_some_and(|reason| reason.contains("everybody")),
                "{known:?}"
            );
        }
    }
}
