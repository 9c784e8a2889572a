//! What a user agent says of itself, in coarse families: enough to route by device and to report by browser.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

/// Families in lower case; `other` where nothing is recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Families {
    /// `mobile`, `tablet`, `desktop` or `bot`.
    pub device: &'static str,
    pub os: &'static str,
    pub browser: &'static str,
}

/// A mark in the text and what it stands for.
type Marks = &'static [(&'static str, &'static str)];

const BOTS: Marks = &[
    ("bot", "bot"),
    ("crawl", "bot"),
    ("spider", "bot"),
    ("slurp", "bot"),
    ("facebookexternalhit", "bot"),
    ("curl/", "bot"),
    ("wget/", "bot"),
    ("python-requests", "bot"),
    ("go-http-client", "bot"),
    ("headlesschrome", "bot"),
    ("lighthouse", "bot"),
    ("monitor", "bot"),
    ("preview", "bot"),
];

/// More special marks stand before more general ones.
const SYSTEMS: Marks = &[
    ("windows phone", "windows"),
    ("android", "android"),
    ("iphone", "ios"),
    ("ipad", "ios"),
    ("ipod", "ios"),
    ("windows", "windows"),
    ("cros", "chromeos"),
    ("mac os", "macos"),
    ("linux", "linux"),
];

const BROWSERS: Marks = &[
    ("edg", "edge"),
    ("opr/", "opera"),
    ("opera", "opera"),
    ("samsungbrowser", "samsung"),
    ("yabrowser", "yandex"),
    ("firefox", "firefox"),
    ("fxios", "firefox"),
    ("crios", "chrome"),
    ("chrome", "chrome"),
    ("safari", "safari"),
    ("msie", "explorer"),
    ("trident", "explorer"),
];

const FORMS: Marks = &[("tablet", "tablet"), ("mobi", "mobile")];

/// All marks in one automaton: a user agent is read once, whatever is looked for in it.
static AUTOMATON: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    let marks = [BOTS, SYSTEMS, BROWSERS, FORMS].into_iter().flatten().map(|(mark, _)| mark);
    AhoCorasick::builder().ascii_case_insensitive(true).build(marks).ok()
});

/// Which marks stand in the text, a bit each in the order of the automaton.
fn marks_in(user_agent: &str) -> u64 {
    let Some(automaton) = &*AUTOMATON else {
        return 0;
    };
    let bit = |pattern: usize| {
        u32::try_from(pattern).ok().and_then(|pattern| 1u64.checked_shl(pattern)).unwrap_or(0)
    };
    automaton.find_overlapping_iter(user_agent).fold(0, |seen, found| seen | bit(found.pattern().as_usize()))
}

/// An empty user agent is a bot's.
pub fn families(user_agent: &str) -> Families {
    let mut left = marks_in(user_agent);
    // Takes the bits of one list off the front and says which of its marks stood first in it.
    let mut first = |marks: Marks| {
        let found = marks.iter().enumerate().find(|(place, _)| left & (1u64 << place) != 0);
        left = u32::try_from(marks.len()).ok().and_then(|taken| left.checked_shr(taken)).unwrap_or(0);
        found.map(|(_, mark)| *mark)
    };
    let (bot, system, browser, form) = (first(BOTS), first(SYSTEMS), first(BROWSERS), first(FORMS));
    let (mark, os) = system.unwrap_or(("", "other"));
    let device = match (bot, mark, form) {
        (Some(_), _, _) => "bot",
        (None, _, _) if user_agent.is_empty() => "bot",
        (None, "ipad", _) | (None, _, Some(("tablet", _))) | (None, "android", None) => "tablet",
        (None, "iphone" | "ipod", _) | (None, _, Some(_)) => "mobile",
        (None, _, None) => "desktop",
    };
    Families { device, os, browser: browser.map_or("other", |(_, family)| family) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_are_told_apart() {
        for (user_agent, device, os, browser) in [
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0 Safari/537.36",
                "desktop",
                "windows",
                "chrome",
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/142.0 Safari/537.36 Edg/142.0",
                "desktop",
                "windows",
                "edge",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1 Version/19.0 Mobile/15E148 Safari/604.1",
                "mobile",
                "ios",
                "safari",
            ),
            (
                "Mozilla/5.0 (iPad; CPU OS 19_0 like Mac OS X) AppleWebKit/605.1 Safari/604.1",
                "tablet",
                "ios",
                "safari",
            ),
            (
                "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 Chrome/142.0 Mobile Safari/537.36",
                "mobile",
                "android",
                "chrome",
            ),
            (
                "Mozilla/5.0 (Linux; Android 15; SM-X900) AppleWebKit/537.36 Chrome/142.0 Safari/537.36",
                "tablet",
                "android",
                "chrome",
            ),
            (
                "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
                "desktop",
                "linux",
                "firefox",
            ),
            (
                "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
                "bot",
                "other",
                "other",
            ),
            ("", "bot", "other", "other"),
        ] {
            assert_eq!(families(user_agent), Families { device, os, browser }, "{user_agent}");
        }
    }
}
