//! Origins of web pages, as browsers send them (RFC 6454, section 6.2): a key is compared with that very text.

use tonic::transport::Uri;

/// `*`, or scheme, host and port as a browser would send them.
///
/// # Errors
/// What is wrong, and how it is written.
pub(crate) fn parse(text: &str) -> Result<String, String> {
    if text == "*" {
        return Ok(text.to_owned());
    }
    let wanted = |why: &str| format!("{why}; write it like https://www.example.com or http://localhost:3000");
    let uri: Uri = text.parse().map_err(|_| wanted("it is no origin"))?;
    let (Some(scheme @ ("http" | "https")), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return Err(wanted("an origin begins with https:// or http://"));
    };
    if authority.as_str().contains('@') {
        return Err(wanted("an origin has no user"));
    }
    let is_of_host = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '[' | ']' | ':');
    if authority.host().is_empty() || !authority.host().chars().all(is_of_host) {
        return Err(wanted("its host is no host, and parts of one cannot be left open"));
    }
    let port = match authority.as_str().strip_prefix(authority.host()) {
        Some("") => None,
        // Browsers leave the usual port out, so a key with it would fit no page.
        _ => match authority.port_u16() {
            None | Some(0) => return Err(wanted("its port is no port")),
            Some(80) if scheme == "http" => None,
            Some(443) if scheme == "https" => None,
            port => port,
        },
    };
    if !matches!(uri.path(), "" | "/") || uri.query().is_some() || text.contains('#') {
        return Err(wanted("an origin has no path"));
    }
    let port = port.map(|port| format!(":{port}")).unwrap_or_default();
    Ok(format!("{scheme}://{}{port}", authority.host().to_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn an_origin_becomes_what_browsers_send() {
        let table = [
            ("*", "*"),
            ("https://www.example.com", "https://www.example.com"),
            ("https://WWW.Example.com/", "https://www.example.com"),
            ("https://www.example.com:443", "https://www.example.com"),
            ("http://localhost:3000", "http://localhost:3000"),
            ("http://[::1]:8080", "http://[::1]:8080"),
        ];
        for (text, expected) in table {
            assert_eq!(parse(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_no_browser_sends_is_refused_with_an_example() {
        let wrong = [
            "nonsense",
            "www.example.com",
            "www.example.com:443",
            "ftp://www.example.com",
            "https://",
            "https://*.example.com",
            "https://www.example.com/shop",
            "https://www.example.com?x=1",
            "https://me@www.example.com",
            "https://www.example.com:99999",
            "https://www.example.com:",
            "https://www.exämple.com",
            "null",
            "",
        ];
        for text in wrong {
            let said = parse(text).expect_err(text);
            assert!(said.contains("https://www.example.com"), "{text}: {said}");
        }
    }
}
