//! A mail that a provider took apart, as raw MIME again: what a mail means is said in one place only, for mails that came by
//! the e-mail door and for these alike.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::super::reject::{Reason, Reject};

/// No base64 text begins a line like this.
const BOUNDARY: &str = "=_leadflow_";
/// Fields of the structure: it is another one now.
const STRUCTURE: [&str; 3] = ["content-type", "content-transfer-encoding", "mime-version"];

/// Bytes of an attachment.
#[derive(Clone, Copy, Debug)]
pub(super) enum Attached<'a> {
    /// Already encoded.
    Base64(&'a str),
    /// As they are.
    Bytes(&'a [u8]),
}

/// A mail in the making.
#[derive(Debug, Default)]
pub(super) struct Letter {
    head: Vec<u8>,
    body: Vec<u8>,
    report_type: Option<&'static str>,
}

impl Letter {
    /// Adds a header field. What is no field name is left out; a value is one line.
    pub(super) fn field(&mut self, name: &str, value: &str) {
        let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':');
        if !is_name || value.trim().is_empty() {
            return;
        }
        let lower = name.to_ascii_lowercase();
        if lower == "content-type" {
            self.note_report(value);
        }
        if !STRUCTURE.contains(&lower.as_str()) {
            self.head.extend_from_slice(format!("{name}: {}\r\n", one_line(value)).as_bytes());
        }
    }

    /// Adds a header block.
    pub(super) fn fields(&mut self, block: &[u8]) {
        let block = String::from_utf8_lossy(block);
        let mut unfolded: Vec<String> = Vec::new();
        for line in block.lines() {
            match unfolded.last_mut() {
                Some(last) if line.starts_with([' ', '\t']) => last.push_str(line),
                _ => unfolded.push(line.to_owned()),
            }
        }
        for (name, value) in unfolded.iter().filter_map(|line| line.split_once(':')) {
            self.field(name.trim(), value);
        }
    }

    fn note_report(&mut self, value: &str) {
        let value = value.to_ascii_lowercase();
        if value.trim_start().starts_with("multipart/report") {
            let known = ["delivery-status", "feedback-report", "disposition-notification"];
            self.report_type = known.into_iter().find(|kind| value.contains(kind));
        }
    }

    /// Adds the plain text.
    pub(super) fn text(&mut self, bytes: &[u8], charset: &str) {
        self.part(&format!("text/plain; charset={}", token(charset)), "", Attached::Bytes(bytes));
    }

    /// Adds the HTML text.
    pub(super) fn html(&mut self, bytes: &[u8], charset: &str) {
        self.part(&format!("text/html; charset={}", token(charset)), "", Attached::Bytes(bytes));
    }

    /// Adds an attachment.
    pub(super) fn attach(&mut self, name: &str, media_type: &str, bytes: Attached<'_>) {
        let media_type = media_type.split(';').next().unwrap_or_default().trim();
        let media_type = if media_type.contains('/') { token(media_type) } else { "application/octet-stream".into() };
        let name: String = one_line(name).chars().filter(|c| !matches!(c, '"' | '\\')).collect();
        self.part(&media_type, &format!("Content-Disposition: attachment; filename=\"{name}\"\r\n"), bytes);
    }

    fn part(&mut self, media_type: &str, more: &str, bytes: Attached<'_>) {
        let encoded = match bytes {
            Attached::Bytes(bytes) => Cow::Owned(STANDARD.encode(bytes)),
            Attached::Base64(text) => Cow::Borrowed(text),
        };
        let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'\r' | b'\n');
        if encoded.is_empty() || !encoded.bytes().all(is_base64) {
            return;
        }
        let head =
            format!("--{BOUNDARY}\r\nContent-Type: {media_type}\r\nContent-Transfer-Encoding: base64\r\n{more}\r\n");
        self.body.extend_from_slice(head.as_bytes());
        self.body.extend_from_slice(encoded.as_bytes());
        self.body.extend_from_slice(b"\r\n");
    }

    /// The mail.
    pub(super) fn finish(mut self) -> Vec<u8> {
        let kind = self.report_type.map_or_else(|| "mixed".to_owned(), |kind| format!("report; report-type={kind}"));
        let structure = format!("MIME-Version: 1.0\r\nContent-Type: multipart/{kind}; boundary=\"{BOUNDARY}\"\r\n\r\n");
        self.head.extend_from_slice(structure.as_bytes());
        self.head.append(&mut self.body);
        self.head.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
        self.head
    }

    /// A mail that came whole, below the fields so far.
    pub(super) fn around(mut self, raw: &[u8]) -> Vec<u8> {
        self.head.extend_from_slice(raw);
        self.head
    }
}

/// Without line ends, which would begin another field, and without U+0000.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if matches!(c, '\r' | '\n' | '\0') { ' ' } else { c }).collect::<String>().trim().to_owned()
}

/// Only what may stand in a media type or a charset.
fn token(text: &str) -> String {
    let fits = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '/' | '-' | '+' | '.' | '_');
    text.chars().filter(fits).take(100).collect()
}

/// A delivery that serde could not read. Never holds what was sent.
pub(super) fn not_json(error: &serde_json::Error, text: &str) -> Reject {
    if !text.trim_start().starts_with('{') && !error.is_syntax() && !error.is_eof() {
        return Reject::new(Reason::NotAnObject, "", "must be an object");
    }
    let reason = if error.is_data() { Reason::WrongType } else { Reason::InvalidJson };
    let message = format!("not as expected at line {} column {}", error.line(), error.column());
    Reject { reason, pointer: "".into(), message: message.into() }
}
