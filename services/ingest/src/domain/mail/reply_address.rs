//! Our own reply addresses, `reply+TOKEN@...`: the token says which mail of ours was answered, also where the mail program
//! dropped the thread. What it says and whether its signature is right is for the one who made it; here it is passed on.

use mail_parser::Message;

use super::entity::fields;
use super::{MailboxRules, addresses};

/// Where the address may stand: in the mail, or noted by the servers that took it.
const NOTED: [&str; 5] = ["Delivered-To", "X-Original-To", "Envelope-To", "X-Envelope-To", "X-Forwarded-To"];
/// Tokens beyond this are none of ours: the left side of an address has 64 bytes, but not everybody keeps to it.
const TOKEN_BYTES: usize = 200;

/// The token of the first of our reply addresses that the mail was sent to.
#[must_use]
pub(super) fn token(headers: &Message<'_>, mailbox: &MailboxRules) -> Option<String> {
    let written = addresses(headers.to()).into_iter().chain(addresses(headers.cc()));
    let noted = NOTED.iter().flat_map(|name| fields(headers, name));
    written.chain(noted).find_map(|address| token_of(&address, mailbox))
}

fn token_of(address: &str, mailbox: &MailboxRules) -> Option<String> {
    let address = address.trim().trim_start_matches('<').trim_end_matches('>');
    let (left, right) = address.rsplit_once('@')?;
    let right = right.to_ascii_lowercase();
    if !mailbox.reply_domains.iter().any(|domain| **domain == *right) {
        return None;
    }
    let (word, token) = left.split_once('+')?;
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'=');
    let is_token = !token.is_empty() && token.len() <= TOKEN_BYTES && token.bytes().all(fits);
    (word.eq_ignore_ascii_case("reply") && is_token).then(|| token.to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::super::kind::Kind;
    use super::*;

    #[test]
    fn only_our_own_addresses_have_a_token() {
        let mailbox = MailboxRules {
            name: "sales".into(),
            kind: Kind::EmailIn,
            our_message_ids: Vec::new(),
            reply_domains: vec!["reply.acme.test".into()],
        };
        let table = [
            ("reply+ab.12_x-y=@reply.acme.test", Some("ab.12_x-y=")),
            (" <Reply+ab@Reply.ACME.test> ", Some("ab")),
            ("reply+ab@other.test", None),
            ("reply+@reply.acme.test", None),
            ("reply@reply.acme.test", None),
            ("replyto+ab@reply.acme.test", None),
            ("reply+a b@reply.acme.test", None),
        ];
        for (address, expected) in table {
            assert_eq!(token_of(address, &mailbox).as_deref(), expected, "{address}");
        }
    }
}
