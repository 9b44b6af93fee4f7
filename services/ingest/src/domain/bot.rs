//! Whether a user agent belongs to a person. The event's own user agent decides, or the HTTP header of a browser: that of a
//! program ("analytics-python", "axios") says nothing about who did it, and is not asked here.

use std::sync::LazyLock;

use isbot::Bots;

static BOTS: LazyLock<Bots> = LazyLock::new(Bots::default);

/// Compiles the patterns, so that the first request does not wait for it.
pub fn warm_up() {
    LazyLock::force(&BOTS);
}

/// Why this is no human act: "headless" for a browser without a window, "crawler" for a known bot, empty for people and
/// for no user agent at all.
#[must_use]
pub fn reason(user_agent: &str) -> &'static str {
    if user_agent.is_empty() {
        return "";
    }
    if user_agent.contains("Headless") || user_agent.contains("PhantomJS") {
        return "headless";
    }
    // 512 bytes are enough for every browser; the patterns are not run over what somebody padded.
    if BOTS.is_bot(super::limits::prefix(user_agent, 512)) { "crawler" } else { "" }
}

#[cfg(test)]
mod tests {
    use super::reason;

    #[test]
    fn people_and_bots_are_told_apart() {
        let table = [
            ("", ""),
            (
                "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
                "",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1",
                "",
            ),
            (
                "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/142.0.0.0 Safari/537.36",
                "headless",
            ),
            ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "crawler"),
            ("curl/8.5.0", "crawler"),
        ];
        for (agent, expected) in table {
            assert_eq!(reason(agent), expected, "{agent}");
        }
    }
}
