//! The message that goes to the relay: headers, and both parts as MIME. The same input gives the same bytes; no header
//! holds a line break that somebody put into a value.

use jiff::Timestamp;
use lettre::address::{Address, Envelope};
use lettre::message::header::{ContentTransferEncoding, ContentType, HeaderName, HeaderValue, Headers};
use lettre::message::{Body, Message, MultiPart, SinglePart};
use uuid::Uuid;

use super::template::MailKind;
use super::values::as_line;

/// RFC 5322 allows no longer line, without its end.
const LONGEST_LINE: usize = 998;

/// Bytes of a value in a header.
const LONGEST_VALUE: usize = 900;

/// An address with an optional name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mailbox {
    /// What people see.
    pub name: Option<String>,
    /// `local@domain`. The domain may be international; the local part is ASCII.
    pub email: String,
}

/// How a marketing mail is unsubscribed from by the mail program (RFC 2369, RFC 8058).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsubscribe {
    /// Takes a POST of `List-Unsubscribe=One-Click`, from anybody, without a cookie. `https:`.
    pub one_click: String,
    /// Takes a mail, where somebody reads it.
    pub mailto: Option<String>,
}

/// A mail, ready to be put into a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// Key in the ledger; becomes the `Message-ID`.
    pub message_id: Uuid,
    /// Domain behind the `Message-ID`.
    pub message_id_domain: String,
    /// `From`.
    pub from: Mailbox,
    /// Where bounces go; the address of `from` if it is left out.
    pub envelope_from: Option<String>,
    /// `Reply-To`.
    pub reply_to: Option<Mailbox>,
    /// `To`, the only recipient.
    pub to: Mailbox,
    /// One line.
    pub subject: String,
    /// HTML part.
    pub html: String,
    /// Plain text part.
    pub text: String,
    /// What the mail is: a marketing mail must have `unsubscribe`, another may not.
    pub kind: MailKind,
    /// How to end such mails.
    pub unsubscribe: Option<Unsubscribe>,
    /// For `Feedback-ID`, most general last: journey, version, and so on. No person.
    pub feedback_id: Option<String>,
    /// `Date`.
    pub date: Timestamp,
}

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Composed {
    /// For MAIL FROM. ASCII.
    pub envelope_from: String,
    /// For RCPT TO. ASCII.
    pub envelope_to: String,
    /// Headers and body, lines ended by CR LF, not dot-stuffed. ASCII.
    pub bytes: Vec<u8>,
    /// `<...>`, as in the header.
    pub message_id_header: String,
}

/// Why no message can be made. Names the field, never the person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ComposeError {
    /// Not an address.
    #[error("{field} is not an e-mail address")]
    Address {
        /// Whose.
        field: &'static str,
    },
    /// Relays take it only with an extension that few have.
    #[error("the part before the @ of {field} is not ASCII, which mail servers do not take")]
    NonAsciiLocalPart {
        /// Whose.
        field: &'static str,
    },
    /// A line break or another control character in a header: an attempt to add headers, or a mistake.
    #[error("{field} holds a line break or another control character")]
    ControlCharacter {
        /// Which.
        field: &'static str,
    },
    /// Longer than a header may be.
    #[error("{field} is too long for a header")]
    TooLong {
        /// Which.
        field: &'static str,
    },
    /// Not an address of that scheme.
    #[error("{field} is not an address of the scheme it must have")]
    Link {
        /// Which.
        field: &'static str,
    },
    /// Marketing without a way out.
    #[error("a marketing mail needs an unsubscribe address")]
    MissingUnsubscribe,
    /// A way out of what nobody can leave.
    #[error("a transactional mail may have no unsubscribe address")]
    UnexpectedUnsubscribe,
    /// An empty part.
    #[error("{field} is empty")]
    Empty {
        /// Which.
        field: &'static str,
    },
    /// A year that no mail has.
    #[error("the date is not between 1970 and 9999")]
    Date,
    /// The library refused.
    #[error("the message cannot be put together")]
    Message,
}

/// Makes the message.
///
/// # Errors
/// [`ComposeError`].
pub fn compose(mail: &Outgoing) -> Result<Composed, ComposeError> {
    check(mail)?;
    let from = address(&mail.from.email, "from")?;
    let to = address(&mail.to.email, "to")?;
    let envelope_from = match &mail.envelope_from {
        Some(email) => address(email, "envelope_from")?,
        None => from.clone(),
    };
    let domain = ascii_domain(&mail.message_id_domain).ok_or(ComposeError::Address { field: "message_id_domain" })?;
    let message_id_header = format!("<{}@{domain}>", mail.message_id);
    let envelope = Envelope::new(Some(envelope_from.clone()), vec![to.clone()]).map_err(|_| ComposeError::Message)?;
    let mut builder = Message::builder()
        .envelope(envelope)
        .date(mail.date.into())
        .message_id(Some(message_id_header.clone()))
        .from(mailbox(&mail.from, from))
        .to(mailbox(&mail.to, to.clone()))
        .subject(as_line(&mail.subject));
    if let Some(reply_to) = &mail.reply_to {
        builder = builder.reply_to(mailbox(reply_to, address(&reply_to.email, "reply_to")?));
    }
    let mut message = builder.multipart(body(mail)?).map_err(|_| ComposeError::Message)?;
    add_headers(message.headers_mut(), mail);
    let bytes = message.formatted();
    check_lines(&bytes)?;
    Ok(Composed { envelope_from: envelope_from.to_string(), envelope_to: to.to_string(), bytes, message_id_header })
}

fn body(mail: &Outgoing) -> Result<MultiPart, ComposeError> {
    // No part can end the message early: `=_` stands neither in quoted-printable nor in base64.
    let boundary = format!("=_leadflow_{}", mail.message_id.simple());
    Ok(MultiPart::alternative()
        .boundary(boundary)
        .singlepart(SinglePart::builder().header(ContentType::TEXT_PLAIN).body(encoded(&mail.text)?))
        .singlepart(SinglePart::builder().header(ContentType::TEXT_HTML).body(encoded(&mail.html)?)))
}

/// Quoted-printable, or base64 where that is shorter; never plain, so that no relay touches lines.
fn encoded(text: &str) -> Result<Body, ComposeError> {
    let text = text.replace("\r\n", "\n").replace('\r', "\n").replace('\0', "");
    let body = Body::new(text.clone());
    if body.encoding() == ContentTransferEncoding::Base64 {
        return Ok(body);
    }
    Body::new_with_encoding(text, ContentTransferEncoding::QuotedPrintable).map_err(|_| ComposeError::Message)
}

fn add_headers(headers: &mut Headers, mail: &Outgoing) {
    let mut add =
        |name, value: String| headers.insert_raw(HeaderValue::new(HeaderName::new_from_ascii_str(name), value));
    if let Some(Unsubscribe { one_click, mailto }) = &mail.unsubscribe {
        let mailto = mailto.as_ref().map_or_else(String::new, |mailto| format!(", <{mailto}>"));
        add("List-Unsubscribe", format!("<{one_click}>{mailto}"));
        add("List-Unsubscribe-Post", "List-Unsubscribe=One-Click".to_owned());
    }
    if let Some(feedback_id) = &mail.feedback_id {
        add("Feedback-ID", feedback_id.clone());
    }
    // RFC 3834: no vacation answer, no loop.
    add("Auto-Submitted", "auto-generated".to_owned());
}

/// Everything that is not left to the library.
fn check(mail: &Outgoing) -> Result<(), ComposeError> {
    let reply_name = mail.reply_to.as_ref().and_then(|mailbox| mailbox.name.as_deref());
    let unsubscribe = mail.unsubscribe.as_ref();
    let lines = [
        ("subject", Some(mail.subject.as_str())),
        ("from", mail.from.name.as_deref()),
        ("to", mail.to.name.as_deref()),
        ("reply_to", reply_name),
        ("feedback_id", mail.feedback_id.as_deref()),
        ("unsubscribe.one_click", unsubscribe.map(|unsubscribe| unsubscribe.one_click.as_str())),
        ("unsubscribe.mailto", unsubscribe.and_then(|unsubscribe| unsubscribe.mailto.as_deref())),
    ];
    for (field, line) in lines {
        let line = line.unwrap_or_default();
        if line.chars().any(char::is_control) {
            return Err(ComposeError::ControlCharacter { field });
        }
        if line.len() > LONGEST_VALUE {
            return Err(ComposeError::TooLong { field });
        }
    }
    for (field, text) in [("subject", &mail.subject), ("html", &mail.html), ("text", &mail.text)] {
        if text.trim().is_empty() {
            return Err(ComposeError::Empty { field });
        }
    }
    if mail.date < Timestamp::UNIX_EPOCH {
        return Err(ComposeError::Date);
    }
    match (mail.kind, unsubscribe) {
        (MailKind::Marketing, None) => Err(ComposeError::MissingUnsubscribe),
        (MailKind::Transactional, Some(_)) => Err(ComposeError::UnexpectedUnsubscribe),
        (MailKind::Marketing, Some(unsubscribe)) => check_unsubscribe(unsubscribe),
        (MailKind::Transactional, None) => Ok(()),
    }
}

/// RFC 8058 wants HTTPS; a machine's own address may do without, for trials.
fn check_unsubscribe(unsubscribe: &Unsubscribe) -> Result<(), ComposeError> {
    let is_uri = |uri: &str| uri.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'<' | b'>' | b',' | b'"'));
    let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| unsubscribe.one_click.starts_with(prefix));
    if !is_uri(&unsubscribe.one_click)
        || !starts(&["https://", "http://localhost:", "http://localhost/", "http://127.0.0.1", "http://[::1]"])
    {
        return Err(ComposeError::Link { field: "unsubscribe.one_click" });
    }
    match &unsubscribe.mailto {
        Some(mailto) if !is_uri(mailto) || !mailto.starts_with("mailto:") => {
            Err(ComposeError::Link { field: "unsubscribe.mailto" })
        }
        _ => Ok(()),
    }
}

fn mailbox(mailbox: &Mailbox, address: Address) -> lettre::message::Mailbox {
    let name = mailbox.name.as_deref().map(as_line).filter(|name| !name.is_empty());
    lettre::message::Mailbox::new(name, address)
}

/// With an ASCII domain.
fn address(email: &str, field: &'static str) -> Result<Address, ComposeError> {
    let (local, domain) = email.trim().rsplit_once('@').ok_or(ComposeError::Address { field })?;
    if !local.is_ascii() {
        return Err(ComposeError::NonAsciiLocalPart { field });
    }
    let is_atom = |b: u8| b.is_ascii_graphic() && !b"<>()[]\\,;:\"@".contains(&b);
    if !local.bytes().all(is_atom) || local.len() > 64 {
        return Err(ComposeError::Address { field });
    }
    let domain = ascii_domain(domain).ok_or(ComposeError::Address { field })?;
    Address::new(local, domain).map_err(|_| ComposeError::Address { field })
}

/// `xn--` for international names.
fn ascii_domain(domain: &str) -> Option<String> {
    let ascii = idna::domain_to_ascii_strict(domain).ok()?;
    let is_domain = !ascii.is_empty()
        && ascii.len() <= 253
        && ascii.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.'));
    is_domain.then_some(ascii)
}

fn check_lines(bytes: &[u8]) -> Result<(), ComposeError> {
    let is_long = |line: &[u8]| line.len() > LONGEST_LINE + 1;
    if bytes.split(|byte| *byte == b'\n').any(is_long) {
        Err(ComposeError::TooLong { field: "a header" })
    } else {
        Ok(())
    }
}
