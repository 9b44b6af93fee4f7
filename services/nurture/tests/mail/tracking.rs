//! Links that count: all that should lead through the door do, in both parts, and nothing else does.

use leadflow_nurture::mail::{HONEYPOT, LinkKind, LinkSigner, MailKind, Tracked, track};
use leadflow_platform::identity_key::IdentityKey;
use uuid::Uuid;

use crate::support::{attributes, column, context, links_of_html, links_of_text, source, template, text_of, welcome};

const DOOR: &str = "https://mail.example.com";
const MESSAGE: Uuid = Uuid::from_u128(42);

fn signer() -> LinkSigner {
    LinkSigner::new(IdentityKey::from_secret([7; 32]))
}

fn tracked(mjml: &str) -> Tracked {
    let mail = template(&source(mjml)).render(&context(), MailKind::Transactional).expect("a mail");
    track(&mail, DOOR, &signer(), MESSAGE).expect("few links")
}

/// The number behind a link through the door.
fn number(url: &str) -> Option<u16> {
    let (message, number) = signer().open(LinkKind::Click, url.strip_prefix("https://mail.example.com/c/")?)?;
    assert_eq!(message, MESSAGE);
    Some(number)
}

#[test]
fn web_links_lead_through_the_door_in_both_parts() {
    let mail = tracked(&column(concat!(
        "<mj-text><a href='https://a.example/?x=1&amp;y=2'>a</a> <a href='http://b.example/'>http://b.example/</a> ",
        "<a href='https://a.example/?x=1&amp;y=2'>again</a> <a href='mailto:x@c.example'>c</a> <a href='tel:+4930123'>d</a> ",
        "<a href='{{ links.unsubscribe }}'>e</a> <a href='{{ links.preferences }}'>f</a> ",
        "<a data-leadflow-track='no' href='https://no.example/'>g</a> <a href='https://no.example/'>h</a> ",
        "<a href='https://mail.example.com.evil.example/'>i</a></mj-text>",
        "<mj-button href='https://j.example/'>j</mj-button>",
        "<mj-raw><!--[if mso]><v:rect href='https://k.example/' /><![endif]--></mj-raw>",
    )));
    let urls: Vec<(u16, &str)> = mail.destinations.iter().map(|to| (to.number, to.url.as_str())).collect();
    assert_eq!(
        urls,
        [
            (1, "https://a.example/?x=1&y=2"),
            (2, "http://b.example/"),
            (3, "https://mail.example.com.evil.example/"),
            (4, "https://j.example/"),
            (5, "https://k.example/"),
        ]
    );
    let (counted, left): (Vec<String>, Vec<String>) =
        links_of_html(&mail.html).into_iter().partition(|url| number(url).is_some());
    assert_eq!(
        left,
        [
            "https://mail.example.com/p/one",
            "https://mail.example.com/u/one",
            "https://no.example/",
            "mailto:x@c.example",
            "tel:+4930123"
        ]
    );
    let mut numbers: Vec<u16> = counted.iter().filter_map(|url| number(url)).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, [1, 2, 3, 4, HONEYPOT]);
    // The text has what people see and what only Outlook shows, and not the trap.
    let mut in_text: Vec<u16> = links_of_text(&mail.text).iter().filter_map(|url| number(url)).collect();
    in_text.sort_unstable();
    assert_eq!(in_text, [1, 2, 3, 4, 5], "{}", mail.text);
    for url in ["a.example/?", "b.example", "j.example", "k.example"] {
        assert!(
            !mail.html.contains(&format!("href=\"https://{url}")) && !mail.text.contains(&format!("//{url}")),
            "{url}\n{}",
            mail.text
        );
    }
}

#[test]
fn the_sample_carries_the_same_links_in_both_parts() {
    let mail = template(&welcome()).render(&context(), MailKind::Marketing).unwrap();
    assert_eq!(links_of_html(&mail.html), links_of_text(&mail.text));
    let tracked = track(&mail, &format!("{DOOR}/"), &signer(), MESSAGE).unwrap();
    let html: Vec<String> =
        links_of_html(&tracked.html).into_iter().filter(|url| number(url) != Some(HONEYPOT)).collect();
    assert_eq!(html, links_of_text(&tracked.text));
    assert_eq!(tracked.destinations.len(), 2);
    assert_eq!(track(&mail, DOOR, &signer(), MESSAGE).unwrap(), tracked);
    let other = track(&mail, DOOR, &signer(), Uuid::from_u128(43)).unwrap();
    assert!(links_of_html(&other.html).iter().all(|url| !url.contains("/c/") || !tracked.html.contains(url.as_str())));
}

#[test]
fn the_pixel_and_the_trap_are_not_seen() {
    let mail = tracked(&column("<mj-text>Body</mj-text>"));
    assert_eq!(text_of(&mail.html).trim(), "Body");
    let trap = links_of_html(&mail.html);
    assert_eq!(trap.iter().map(|url| number(url)).collect::<Vec<_>>(), [Some(HONEYPOT)]);
    for (name, value) in [("aria-hidden", "true"), ("tabindex", "-1"), ("rel", "nofollow")] {
        assert_eq!(attributes(&mail.html, name).into_iter().rfind(|(tag, _)| tag == "a").unwrap().1, value);
    }
    let pixel = attributes(&mail.html, "src").pop().unwrap().1;
    let token = pixel.strip_prefix("https://mail.example.com/o/").and_then(|file| file.strip_suffix(".gif")).unwrap();
    assert_eq!(signer().open(LinkKind::Open, token), Some((MESSAGE, 0)));
    assert!(mail.html.ends_with("/></body></html>"), "{}", mail.html);
    assert!(!mail.text.contains("://"));
}
