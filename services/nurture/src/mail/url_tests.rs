//! Addresses of links: where values may stand, and what they may not do there.

use super::UrlPiece::{Home, Value, Written};
use super::*;

fn link(pieces: &[UrlPiece<'_>]) -> Result<String, LinkFault> {
    join(pieces, UrlUse::Link)
}

#[test]
fn a_value_stays_in_its_place() {
    let table: &[(&[UrlPiece<'_>], &str)] = &[
        (&[Written("https://acme.example/a?b=1&c=2")], "https://acme.example/a?b=1&c=2"),
        (&[Written(" https://acme.example/ \n")], "https://acme.example/"),
        (&[Home(" https://acme.example/x?y ")], "https://acme.example/x?y"),
        (&[Home("https://acme.example"), Written("/x")], "https://acme.example/x"),
        (
            &[Home("https://acme.example/"), Home("https://b.example/")],
            "https://acme.example/https%3A%2F%2Fb.example%2F",
        ),
        (&[Written("https://acme.example"), Value("/a b?c=d&e")], "https://acme.example/a%20b?c=d&e"),
        (&[Written("https://acme.example"), Value("/100%/%41")], "https://acme.example/100%25/%41"),
        (&[Written("https://acme.example/"), Value("a/b?c#d")], "https://acme.example/a%2Fb%3Fc%23d"),
        (&[Written("https://acme.example/?n="), Value("a&b=c#d")], "https://acme.example/?n=a%26b%3Dc%23d"),
        (
            &[Written("https://acme.example/?n="), Value("Jörg"), Written("&m=1")],
            "https://acme.example/?n=J%C3%B6rg&m=1",
        ),
        (&[Written("https://acme.example/#"), Value("a\"b")], "https://acme.example/#a%22b"),
        (&[Written("https://acme.example/?n="), Value("\r\nX: y")], "https://acme.example/?n=X%3A%20y"),
        (&[Written("mailto:"), Value("jo+x@acme.example")], "mailto:jo+x@acme.example"),
        (&[Written("mailto:"), Value("jo@acme.example?bcc=x@y.example")], "mailto:jo@acme.example%3Fbcc%3Dx@y.example"),
        (&[Written("mailto:jo@acme.example?subject="), Value("a&bcc=b")], "mailto:jo@acme.example?subject=a%26bcc%3Db"),
        (&[Written("tel:"), Value("+49 (30) 1234;ext=1")], "tel:+49(30)1234%3Bext%3D1"),
        (&[Written("https://acme.example/"), Value(""), Written("x")], "https://acme.example/x"),
        (&[Written("https://"), Value(""), Written("acme.example/x")], "https://acme.example/x"),
        (&[Written("http://[2001:db8::1]:8080/x")], "http://[2001:db8::1]:8080/x"),
        (&[Written("https://müller.example/ä")], "https://müller.example/ä"),
    ];
    for (pieces, expected) in table {
        assert_eq!(link(pieces).as_deref(), Ok(*expected), "{pieces:?}");
    }
}

#[test]
fn a_link_that_leads_elsewhere_is_refused() {
    let table: &[(&[UrlPiece<'_>], LinkFault)] = &[
        (&[Value("https://acme.example/")], LinkFault::Host),
        (&[Value("https://acme.example"), Written("/x")], LinkFault::Host),
        (&[Value("https:"), Written("//acme.example")], LinkFault::Host),
        (&[Value("mailto:jo@acme.example")], LinkFault::Host),
        (&[Value("//evil.example/")], LinkFault::Host),
        (&[Value("acme.example")], LinkFault::Host),
        (&[Home("javascript:alert(1)")], LinkFault::Scheme("javascript".into())),
        (&[Home("JaVaScRiPt:alert(1)")], LinkFault::Scheme("javascript".into())),
        (&[Home("java\tscript:alert(1)")], LinkFault::NoScheme),
        (&[Home("\u{1}javascript:alert(1)")], LinkFault::NoScheme),
        (&[Home("data:text/html,x")], LinkFault::Scheme("data".into())),
        (&[Home("file:///etc/passwd")], LinkFault::Scheme("file".into())),
        (&[Value("")], LinkFault::NoScheme),
        (&[Written("#top")], LinkFault::NoScheme),
        (&[Written("java"), Value("script:x")], LinkFault::NoScheme),
        (&[Written("javascript:"), Value("x")], LinkFault::NoScheme),
        (&[Written("https://acme.example"), Value(".evil.example")], LinkFault::Host),
        (&[Written("https://acme.example"), Value("@evil.example")], LinkFault::Host),
        (&[Written("https://"), Value("eu"), Written(".acme.example/")], LinkFault::Host),
        (&[Written("https://www."), Value("eu"), Written(".acme.example/")], LinkFault::Host),
        (&[Written("https://"), Value("evil"), Written(".example/")], LinkFault::Host),
        (&[Written("https://"), Home("https://acme.example"), Written("/")], LinkFault::Host),
        (&[Home("https://acme.example"), Value(".evil.example")], LinkFault::Host),
        (&[Written("https://"), Value("evil.example"), Written(".acme.example")], LinkFault::Host),
        (&[Written("https://"), Value("evil.example/"), Written(".acme.example")], LinkFault::Host),
        (&[Written("https://x"), Value("y"), Written(".acme.example")], LinkFault::Host),
        (&[Written("https://"), Value("evil"), Value("x"), Written(".acme.example")], LinkFault::Host),
        (&[Home("https://acme.example@evil.example/")], LinkFault::Userinfo),
        (&[Home("https://acme.example\\@evil.example/")], LinkFault::Character),
        (&[Home("https://acme.example/a b")], LinkFault::Character),
        (&[Home("https://acme.example/\"onclick=x")], LinkFault::Character),
        (&[Home("https://acme.example/<b>")], LinkFault::Character),
        (&[Home("https://acme.example/\u{202e}")], LinkFault::Character),
        (&[Home("https://")], LinkFault::NoHost),
        (&[Home("https:acme.example")], LinkFault::NoHost),
        (&[Home("https:///acme.example")], LinkFault::NoHost),
        (&[Written("mailto:")], LinkFault::NoHost),
        (&[Written("https://acme.example/a/"), Value("..")], LinkFault::Path),
        (&[Written("https://acme.example/a/."), Value(".")], LinkFault::Path),
        (&[Written("https://acme.example"), Value("/%2E%2e/x")], LinkFault::Path),
    ];
    for (pieces, expected) in table {
        assert_eq!(link(pieces), Err(expected.clone()), "{pieces:?}");
    }
}

#[test]
fn images_load_from_the_web_or_from_the_mail() {
    assert!(join(&[Written("cid:logo")], UrlUse::Resource).is_ok());
    assert_eq!(join(&[Written("mailto:a@b.example")], UrlUse::Resource), Err(LinkFault::Scheme("mailto".into())));
    assert_eq!(join(&[Written("data:image/png;base64,AA")], UrlUse::Resource), Err(LinkFault::Scheme("data".into())));
}
