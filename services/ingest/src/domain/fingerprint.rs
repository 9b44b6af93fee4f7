//! SHA-256 of what an event says, for senders that give no message id: two copies have one fingerprint whenever they
//! arrive. What the door adds (received_at, the corrected time) is not in it. Frozen: it makes event ids.

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::engagement::Engagement;
use super::flatten::Fields;

/// The fingerprint of a tidy event whose sender's own time is `original`.
#[must_use]
pub fn of(engagement: &Engagement<'_>, original: Timestamp) -> [u8; 32] {
    let mut hash = Sha256::new();
    text(&mut hash, engagement.kind.name());
    text(&mut hash, &engagement.name);
    let who = &engagement.identifiers;
    for id in [&who.anonymous_id, &who.user_id, &who.email, &who.phone, &who.previous_id, &who.group_id] {
        text(&mut hash, id);
    }
    hash.update(original.as_nanosecond().to_be_bytes());
    fields(&mut hash, &engagement.properties);
    fields(&mut hash, &engagement.traits);
    for (purpose, given) in &engagement.consent {
        text(&mut hash, purpose);
        hash.update([u8::from(*given)]);
    }
    for field in engagement.context.in_order() {
        text(&mut hash, field);
    }
    text(&mut hash, &engagement.text);
    if let Some(mail) = &engagement.mail {
        for field in [&mail.subject, &mail.in_reply_to, &mail.from, &mail.original_recipient, &mail.status_code] {
            text(&mut hash, field);
        }
    }
    hash.finalize().into()
}

/// Length first, so that no two lists of texts read the same.
fn text(hash: &mut Sha256, text: &str) {
    hash.update((text.len() as u64).to_be_bytes());
    hash.update(text);
}

fn fields(hash: &mut Sha256, fields: &Fields<'_>) {
    hash.update((fields.len() as u64).to_be_bytes());
    for (key, value) in fields {
        text(hash, key);
        text(hash, value);
    }
}
