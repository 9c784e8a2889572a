//! What a user agent says of itself, in coarse families: enough to route by device and to report by browser.

/// Families in lower case; `other` where nothing is recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Families {
    /// `mobile`, `tablet`, `desktop` or `bot`.
    pub device: &'static str,
    pub os: &'static str,
    pub browser: &'static str,
}

/// The first family of which a mark stands in the text. More special marks stand before more general ones.
type Marks = &'static [(&'static str, &'static str)];

const BOTS: &[&str] = &[
    "bot",
    "crawl",
    "spider",
    "slurp",
    "facebookexternalhit",
    "curl/",
    "wget/",
    "python-requests",
    "go-http-client",
    "headlesschrome",
    "lighthouse",
    "monitor",
    "preview",
];

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

/// An empty user agent is a bot's.
pub fn families(user_agent: &str) -> Families {
    let lower = user_agent.to_ascii_lowercase();
    let has = |mark: &str| lower.contains(mark);
    let first = |marks: Marks| marks.iter().find(|(mark, _)| has(mark)).map_or("other", |(_, family)| family);
    let device = if lower.is_empty() || BOTS.iter().any(|mark| has(mark)) {
        "bot"
    } else if has("ipad") || has("tablet") || (has("android") && !has("mobile")) {
        "tablet"
    } else if has("mobi") || has("iphone") || has("ipod") {
        "mobile"
    } else {
        "desktop"
    };
    Families { device, os: first(SYSTEMS), browser: first(BROWSERS) }
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
