//! `writeKey` in the body, for senders that cannot set headers: found also in a body that is wrong otherwise, and never kept.

use std::borrow::Cow;

use serde::Deserialize;

#[derive(Deserialize)]
struct OnlyKey<'a> {
    #[serde(rename = "writeKey", borrow, default)]
    write_key: Option<Cow<'a, str>>,
}

/// The key of a body that could not be read as what it should be; empty if it is no JSON object, or has no key.
pub(super) fn find(body: &str) -> String {
    let found: Option<OnlyKey<'_>> = serde_json::from_str(body).ok();
    found.and_then(|body| body.write_key).unwrap_or_default().into_owned()
}

/// The bytes without the key: what is kept of a refusal is read by people.
pub(super) fn mask<'a>(raw: &'a [u8], key: &str) -> Cow<'a, [u8]> {
    if key.is_empty() || memchr::memmem::find(raw, key.as_bytes()).is_none() {
        return Cow::Borrowed(raw);
    }
    let mut masked = raw.to_vec();
    let places: Vec<usize> = memchr::memmem::find_iter(raw, key.as_bytes()).collect();
    for place in places {
        masked[place..place + key.len()].fill(b'*');
    }
    Cow::Owned(masked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_in_what_is_wrong_otherwise() {
        assert_eq!(find(r#"{"event":5,"writeKey":"lf_ab","properties":{"writeKey":"no"}}"#), "lf_ab");
        for none in ["", "{", "[]", r#"{"writeKey":7}"#, r#"{"event":"x"}"#] {
            assert_eq!(find(none), "", "{none}");
        }
    }

    #[test]
    fn a_key_is_masked_wherever_it_stands() {
        assert_eq!(&*mask(br#"{"writeKey":"lf_ab","x":"lf_ab"}"#, "lf_ab"), br#"{"writeKey":"*****","x":"*****"}"#);
        assert_eq!(&*mask(b"nothing", "lf_ab"), b"nothing");
        assert_eq!(&*mask(b"nothing", ""), b"nothing");
    }
}
