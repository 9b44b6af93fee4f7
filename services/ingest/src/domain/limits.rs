//! How large anything may be that comes through a door. The outer limits (headers, idle bodies, connections) are the
//! server's; these are what each door promises its clients. Bytes unless said otherwise.

/// One Segment-compatible event, as JSON text.
pub const EVENT_BYTES: usize = 32 * 1024;
/// A batch, after decompression.
pub const BATCH_BYTES: usize = 500 * 1024;
/// A batch of a source that is marked `rudderstack`, after decompression.
pub const RUDDERSTACK_BATCH_BYTES: usize = 4 * 1024 * 1024;
/// Any body before and after decompression, whatever the door.
pub const DECOMPRESSED_BYTES: usize = 16 * 1024 * 1024;
/// Decompressed size over compressed size.
pub const COMPRESSION_RATIO: usize = 100;
/// Events of one batch: as many as fit into it at some 200 bytes each.
pub const BATCH_EVENTS: usize = 2_500;
/// Events of one `PublishEvents` call.
pub const PUBLISH_EVENTS: usize = 500;
/// Objects and arrays inside each other.
pub const JSON_DEPTH: usize = 64;
/// Objects inside each other that become dotted keys; deeper ones stay JSON text.
pub const FLATTEN_DEPTH: usize = 8;
/// Properties or traits of an event.
pub const FIELDS: usize = 512;
/// A dotted key, a name, a sender's message id.
pub const NAME_BYTES: usize = 256;
/// What a person wrote.
pub const TEXT_BYTES: usize = 64 * 1024;
/// A form post.
pub const FORM_BYTES: usize = 1024 * 1024;
/// A mail.
pub const MAIL_BYTES: usize = 25 * 1024 * 1024;
/// One event of a mail provider.
pub const HOOK_EVENT_BYTES: usize = 1024 * 1024;
/// A batch of events of a mail provider.
pub const HOOK_BATCH_BYTES: usize = 8 * 1024 * 1024;
/// Events of such a batch.
pub const HOOK_EVENTS: usize = 10_000;
/// Seconds by which the time of a signature may differ from ours.
pub const HOOK_SKEW_SECONDS: u64 = 300;
/// Header block of one MIME entity.
pub const MIME_HEADER_BYTES: usize = 256 * 1024;
/// Multiparts inside each other.
pub const MIME_DEPTH: usize = 32;
/// Entities of a mail.
pub const MIME_PARTS: usize = 500;
/// What is kept of a rejected event.
pub const REJECTED_RAW_BYTES: usize = 64 * 1024;

/// The longest prefix of `text` that has at most `limit` bytes and ends between two characters.
#[must_use]
pub fn prefix(text: &str, limit: usize) -> &str {
    if text.len() <= limit {
        return text;
    }
    let mut end = limit;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::prefix;

    #[test]
    fn a_prefix_never_cuts_a_character() {
        assert_eq!(prefix("abc", 3), "abc");
        assert_eq!(prefix("aé", 2), "a");
        assert_eq!(prefix("€", 2), "");
    }
}
