//! Signed names of messages: each opens as what it is, and nothing that was touched opens at all.

use leadflow_nurture::mail::{HONEYPOT, LinkKind, LinkSigner};
use leadflow_platform::identity_key::IdentityKey;
use proptest::prelude::*;
use uuid::Uuid;

fn signer() -> LinkSigner {
    LinkSigner::new(IdentityKey::from_secret([7; 32]))
}

#[test]
fn a_token_opens_as_its_kind_only() {
    let message = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0001);
    for kind in LinkKind::ALL {
        for number in [0, 1, 200, HONEYPOT] {
            let token = signer().sign(kind, message, number);
            assert_eq!(token.len(), 46);
            for other in LinkKind::ALL {
                let expected = (kind == other).then_some((message, number));
                assert_eq!(signer().open(other, &token), expected, "{kind:?} as {other:?}");
            }
            let other_key = LinkSigner::new(IdentityKey::from_secret([8; 32]));
            assert_eq!(other_key.open(kind, &token), None);
        }
    }
}

/// Links in mails that were sent years ago must still open: what is signed, and how, is frozen. The values were computed
/// apart from this code, with Python's `hmac`, `hashlib` and `base64`.
#[test]
fn tokens_are_frozen() {
    let message = Uuid::from_u128(1);
    assert_eq!(signer().sign(LinkKind::Click, message, 3), "AAAAAAAAAAAAAAAAAAAAAQADCbug2ORG2Kv8wcU6vMgF-Q");
    assert_eq!(
        signer().reply_address(message, "in.example.com"),
        "reply+aaaaaaaaaaaaaaaaaaaaaaaaafqfqpnfmdrgsr6rnnhshmpaenba@in.example.com"
    );
}

#[test]
fn no_words_open() {
    for token in ["", "x", "=", "AAAA", &"A".repeat(46), &"A".repeat(45), &"A".repeat(1_000_000), "../../x", "ü", "\0"]
    {
        assert!(LinkKind::ALL.iter().all(|kind| signer().open(*kind, token).is_none()), "{}", token.len());
        assert!(
            signer().open_reply(token).is_none() && signer().open_reply(&format!("reply+{token}@x.example")).is_none()
        );
    }
}

proptest! {
    #[test]
    fn one_bit_flipped_never_opens(message: u128, number: u16, at in 0..46_usize, bit in 0..8_u8) {
        let token = signer().sign(LinkKind::Unsubscribe, Uuid::from_u128(message), number);
        prop_assert_eq!(signer().open(LinkKind::Unsubscribe, &token), Some((Uuid::from_u128(message), number)));
        let mut bytes = token.into_bytes();
        bytes[at] ^= 1 << bit;
        let touched = String::from_utf8_lossy(&bytes);
        prop_assert_eq!(signer().open(LinkKind::Unsubscribe, &touched), None);
    }

    #[test]
    fn an_answer_finds_its_message_whatever_the_case(
        message: u128,
        flips in proptest::collection::vec(any::<bool>(), 58),
        at in 6..58_usize,
        bit in 0..5_u8,
    ) {
        let message = Uuid::from_u128(message);
        let address = signer().reply_address(message, "in.example.com");
        let local = address.strip_suffix("@in.example.com").unwrap();
        prop_assert!(local.len() <= 64 && local.starts_with("reply+"));
        let mixed: String =
            local.chars().zip(&flips).map(|(c, large)| if *large { c.to_ascii_uppercase() } else { c }).collect();
        for form in [address.as_str(), local, mixed.as_str(), &format!("{mixed}@IN.EXAMPLE.COM")] {
            prop_assert_eq!(signer().open_reply(form), Some(message), "{}", form);
        }
        let mut touched = local.as_bytes().to_vec();
        let alphabet = b"abcdefghijklmnopqrstuvwxyz234567";
        let index = alphabet.iter().position(|letter| *letter == touched[at]).unwrap();
        touched[at] = alphabet[index ^ (1 << bit)];
        prop_assert_eq!(signer().open_reply(std::str::from_utf8(&touched).unwrap()), None);
    }
}
