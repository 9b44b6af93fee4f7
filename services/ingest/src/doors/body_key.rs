//! `writeKey` in the body, for senders that cannot set headers: found also in a body that is wrong otherwise. That it is not
//! kept is the business of whoever keeps the body.

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
}
