//! The few rules of the protobuf wire format that `EngagementEvent` needs, written straight from borrowed texts: building
//! prost's own message first would copy every string and sort every map once more. Equal to prost byte for byte; a test
//! of `engagement.rs` holds the two together.

/// Appends fields to a buffer; fields at their default are left out, as proto3 says.
pub(super) struct Writer<'b> {
    out: &'b mut Vec<u8>,
}

impl<'b> Writer<'b> {
    pub(super) fn new(out: &'b mut Vec<u8>) -> Self {
        Self { out }
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.out.push((value as u8 & 0x7f) | 0x80);
            value >>= 7;
        }
        self.out.push(value as u8);
    }

    /// A field of type string or bytes, if it is not empty.
    pub(super) fn text(&mut self, field: u32, text: &str) {
        if !text.is_empty() {
            self.bytes(field, text.as_bytes());
        }
    }

    /// A field of type string or bytes, also if it is empty (elements of a repeated field).
    pub(super) fn bytes(&mut self, field: u32, bytes: &[u8]) {
        self.varint(u64::from(field << 3 | 2));
        self.varint(bytes.len() as u64);
        self.out.extend_from_slice(bytes);
    }

    /// A varint field (enum, bool, int32, int64), if it is not zero. Negative numbers take ten bytes.
    pub(super) fn number(&mut self, field: u32, value: i64) {
        if value != 0 {
            self.varint(u64::from(field << 3));
            self.varint(value.cast_unsigned());
        }
    }

    /// An embedded message, written by `body`, also if it is empty.
    pub(super) fn message(&mut self, field: u32, body: impl FnOnce(&mut Writer<'_>)) {
        self.varint(u64::from(field << 3 | 2));
        // Nearly all are shorter than 128 bytes: one byte is kept for the length, and moved over if it was too little.
        let length_at = self.out.len();
        self.out.push(0);
        body(&mut Writer { out: self.out });
        let length = self.out.len() - length_at - 1;
        if let Ok(short) = u8::try_from(length)
            && short < 0x80
        {
            self.out[length_at] = short;
            return;
        }
        let mut prefix = Vec::with_capacity(5);
        Writer { out: &mut prefix }.varint(length as u64);
        self.out.splice(length_at..=length_at, prefix);
    }
}
