//! The MIME structure of a mail, walked with limits: mail-parser reads headers and decodes leaves, but nests and counts
//! without bound, so a hostile mail of 25 MiB would cost gigabytes or the stack. Here a mail inside a mail is a leaf.

use std::borrow::Cow;

use mail_parser::{HeaderValue, Message, MessageParser, MimeHeaders as _, PartType};

use super::super::limits;
use super::super::reject::{Reason, Reject};

/// Text parts are decoded up to here, which is far more than is kept of them.
const TEXT_SOURCE_BYTES: usize = 1024 * 1024;

/// One entity that is no multipart.
#[derive(Debug)]
pub(super) struct Leaf<'a> {
    /// Lower case: "text/plain".
    pub(super) media_type: String,
    /// File name, if it has one.
    pub(super) name: Option<String>,
    /// Marked as an attachment.
    pub(super) attached: bool,
    encoding: String,
    raw: &'a [u8],
    body: &'a [u8],
}

/// A mail taken apart.
#[derive(Debug)]
pub(super) struct Mail<'a> {
    /// Its header fields, decoded.
    pub(super) headers: Message<'static>,
    /// `report-type` of a multipart/report, lower case; empty if it has none.
    pub(super) report_type: Option<String>,
    /// In order.
    pub(super) leaves: Vec<Leaf<'a>>,
}

/// Takes a mail apart.
///
/// # Errors
/// `INVALID_MIME` without any header field; `MIME_TOO_COMPLEX` over 32 levels, 500 entities or 256 KiB of headers.
pub(super) fn walk(raw: &[u8]) -> Result<Mail<'_>, Reject> {
    let raw = without_envelope_line(raw);
    let (headers, body) = split(raw)?;
    let headers =
        headers.ok_or_else(|| Reject::new(Reason::InvalidMime, "", "no header fields: send a raw RFC 5322 message"))?;
    let report_type = headers
        .content_type()
        .filter(|kind| kind.ctype() == "multipart" && kind.subtype() == Some("report"))
        .map(|kind| kind.attribute("report-type").unwrap_or_default().to_ascii_lowercase());
    let mut leaves = Vec::new();
    let mut entities = 0;
    collect(raw, Some(&headers), body, 1, &mut entities, &mut leaves)?;
    Ok(Mail { headers, report_type, leaves })
}

/// Mailboxes and some relays begin a mail with "From somebody@example.com Mon Nov 23 ...", which is no header field; copies
/// by hand with an empty line.
fn without_envelope_line(raw: &[u8]) -> &[u8] {
    let raw = raw.trim_ascii_start();
    if !raw.starts_with(b"From ") {
        return raw;
    }
    memchr::memchr(b'\n', raw).map_or(raw, |end| &raw[end + 1..])
}

fn too_complex() -> Reject {
    Reject::new(Reason::MimeTooComplex, "", "at most 32 levels, 500 parts and 256 KiB of headers")
}

/// Header fields and body of an entity. `None` if it has no field.
fn split(raw: &[u8]) -> Result<(Option<Message<'static>>, &[u8]), Reject> {
    let (mut end, mut at) = (None, 0);
    if raw.starts_with(b"\n") || raw.starts_with(b"\r\n") {
        end = Some(if raw[0] == b'\n' { 1 } else { 2 });
    }
    while end.is_none() && at < limits::MIME_HEADER_BYTES {
        let Some(found) = memchr::memchr(b'\n', &raw[at..]) else { break };
        at += found + 1;
        let rest = &raw[at..];
        if rest.starts_with(b"\n") {
            end = Some(at + 1);
        } else if rest.starts_with(b"\r\n") {
            end = Some(at + 2);
        }
    }
    if end.unwrap_or(raw.len()) > limits::MIME_HEADER_BYTES {
        return Err(too_complex());
    }
    let block = match end {
        Some(end) => Cow::Borrowed(&raw[..end]),
        None => Cow::Owned([raw, b"\r\n\r\n"].concat()),
    };
    let parsed = MessageParser::default().parse_headers(&block).filter(|message| !message.parts.is_empty());
    let fields = parsed.map(Message::into_owned).filter(|message| !message.headers().is_empty());
    Ok((fields, end.map_or(&[], |end| &raw[end..])))
}

fn collect<'a>(
    raw: &'a [u8],
    headers: Option<&Message<'static>>,
    body: &'a [u8],
    level: usize,
    entities: &mut usize,
    leaves: &mut Vec<Leaf<'a>>,
) -> Result<(), Reject> {
    *entities += 1;
    if level > limits::MIME_DEPTH || *entities > limits::MIME_PARTS {
        return Err(too_complex());
    }
    let kind = headers.and_then(|headers| headers.content_type());
    let boundary = kind.filter(|kind| kind.ctype() == "multipart").and_then(|kind| kind.attribute("boundary"));
    let children = boundary.map(|boundary| parts(body, boundary.as_bytes())).transpose()?.unwrap_or_default();
    if children.is_empty() {
        leaves.push(leaf(raw, headers, body));
        return Ok(());
    }
    for child in children {
        let (headers, body) = split(child)?;
        collect(child, headers.as_ref(), body, level + 1, entities, leaves)?;
    }
    Ok(())
}

/// What stands between the delimiter lines of a multipart body (RFC 2046 section 5.1.1). Text before and after is none.
fn parts<'a>(body: &'a [u8], boundary: &[u8]) -> Result<Vec<&'a [u8]>, Reject> {
    let mut found: Vec<&[u8]> = Vec::new();
    let (mut begin, mut at) = (None, 0);
    while at < body.len() && !boundary.is_empty() {
        let next = memchr::memchr(b'\n', &body[at..]).map_or(body.len(), |end| at + end + 1);
        let line = body[at..next].trim_ascii_end();
        if let Some(rest) = line.strip_prefix(b"--").and_then(|line| line.strip_prefix(boundary))
            && (rest.is_empty() || rest == b"--")
        {
            if let Some(begin) = begin {
                found.push(without_line_end(&body[begin..at]));
            }
            begin = rest.is_empty().then_some(next);
            if found.len() > limits::MIME_PARTS {
                return Err(too_complex());
            }
            if begin.is_none() {
                return Ok(found);
            }
        }
        at = next;
    }
    // A mail that was cut off: what is there counts.
    if let Some(begin) = begin {
        found.push(&body[begin.min(body.len())..]);
    }
    Ok(found)
}

fn without_line_end(bytes: &[u8]) -> &[u8] {
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    bytes.strip_suffix(b"\r").unwrap_or(bytes)
}

fn leaf<'a>(raw: &'a [u8], headers: Option<&Message<'static>>, body: &'a [u8]) -> Leaf<'a> {
    let media_type = headers.and_then(|headers| headers.content_type()).map_or_else(
        || "text/plain".to_owned(),
        |kind| format!("{}/{}", kind.ctype(), kind.subtype().unwrap_or_default()).to_ascii_lowercase(),
    );
    Leaf {
        media_type,
        name: headers.and_then(|headers| headers.attachment_name()).map(super::clean),
        attached: headers
            .and_then(|headers| headers.content_disposition())
            .is_some_and(mail_parser::ContentType::is_attachment),
        encoding: headers
            .and_then(|headers| headers.content_transfer_encoding())
            .map(|encoding| encoding.trim().to_ascii_lowercase())
            .unwrap_or_default(),
        raw,
        body,
    }
}

impl Leaf<'_> {
    /// Bytes after decoding, counted and not decoded.
    #[must_use]
    pub(super) fn size(&self) -> i64 {
        let size = if self.encoding == "base64" {
            let digits =
                self.body.iter().filter(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/')).count();
            digits * 3 / 4
        } else {
            self.body.len()
        };
        i64::try_from(size).unwrap_or(i64::MAX)
    }

    /// Whether it is what the reader sees first.
    #[must_use]
    pub(super) fn is_body(&self, media_type: &str) -> bool {
        self.media_type == media_type && !self.attached && self.name.is_none()
    }

    /// Its text in Unicode; of HTML what a reader would see. Empty if it is neither text nor a mail report.
    #[must_use]
    pub(super) fn text(&self) -> String {
        // A mail inside a mail is never parsed as one: only its own header fields are looked at.
        if self.media_type == "message/rfc822" || self.media_type == "message/global" {
            let head = &self.body[..self.body.len().min(limits::MIME_HEADER_BYTES)];
            // RFC 2046 forbids it, and providers that take mails apart do it.
            if self.encoding == "base64"
                && let Some(decoded) = mail_parser::decoders::base64::base64_decode(head)
            {
                return String::from_utf8_lossy(&decoded).into_owned();
            }
            return String::from_utf8_lossy(head).into_owned();
        }
        let source = &self.raw[..self.raw.len().min(TEXT_SOURCE_BYTES)];
        let whole = if source.starts_with(b"\n") || source.starts_with(b"\r\n") {
            [b"X:\r\n", source].concat()
        } else {
            source.to_vec()
        };
        let Some(message) = MessageParser::default().parse(&whole) else { return String::new() };
        match message.parts.first().map(|part| &part.body) {
            Some(PartType::Html(html)) => mail_parser::decoders::html::html_to_text(html),
            Some(PartType::Text(text)) => text.clone().into_owned(),
            Some(PartType::Binary(bytes) | PartType::InlineBinary(bytes)) => {
                String::from_utf8_lossy(bytes).into_owned()
            }
            _ => String::new(),
        }
    }

    /// The header fields at the beginning of its text: of the mail that a report is about.
    #[must_use]
    pub(super) fn fields(&self) -> Option<Message<'static>> {
        let text = self.text();
        let end = text.find("\n\n").or_else(|| text.find("\r\n\r\n")).unwrap_or(text.len());
        let block = format!("{}\r\n\r\n", limits::prefix(&text[..end], limits::MIME_HEADER_BYTES));
        let parsed = MessageParser::default().parse_headers(block.as_bytes());
        // Without a part there is no header either, and asking such a message for one is a panic of mail-parser's.
        parsed.filter(|message| !message.parts.is_empty()).map(Message::into_owned)
    }
}

/// The texts of all header fields of that name, in order.
#[must_use]
pub(super) fn fields(headers: &Message<'_>, name: &str) -> Vec<String> {
    let named = headers.headers().iter().filter(|header| header.name.as_str().eq_ignore_ascii_case(name));
    named
        .flat_map(|header| match &header.value {
            HeaderValue::Text(text) => vec![text.trim().to_owned()],
            HeaderValue::TextList(list) => list.iter().map(|text| text.trim().to_owned()).collect(),
            HeaderValue::Address(address) => {
                address.iter().filter_map(|one| one.address.as_deref()).map(str::to_owned).collect()
            }
            _ => Vec::new(),
        })
        .collect()
}

/// The text of a header field of one's own ("X-Autoreply"), trimmed; empty if it is absent.
#[must_use]
pub(super) fn field(headers: &Message<'_>, name: &str) -> String {
    let found = headers.headers().iter().find(|header| header.name.as_str().eq_ignore_ascii_case(name));
    match found.map(|header| &header.value) {
        Some(HeaderValue::Text(text)) => text.trim().to_owned(),
        Some(HeaderValue::TextList(list)) => list.join(" ").trim().to_owned(),
        Some(HeaderValue::Empty) | None => String::new(),
        // Any other form (an address, a list id): it is there, which is all that is asked of such fields.
        Some(_) => "present".to_owned(),
    }
}
