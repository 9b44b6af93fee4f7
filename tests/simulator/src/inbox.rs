//! What people of the story do with a mail: they find it in their mailbox (the folder of the local mail catcher) and answer.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use jiff::Timestamp;
use mail_parser::MessageParser;

use crate::call::Call;
use crate::story::Reader;

/// A mail that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrived {
    /// Its subject.
    pub subject: String,
    /// Without the angle brackets.
    pub message_id: String,
    /// Where an answer goes.
    pub reply_to: String,
}

/// Waits for the first mail to this address; none came in that time.
///
/// # Errors
/// If the folder cannot be read.
pub async fn wait_for(folder: &Path, address: &str, patience: Duration) -> anyhow::Result<Option<Arrived>> {
    let until = tokio::time::Instant::now() + patience;
    while tokio::time::Instant::now() < until {
        if let Some(arrived) = find(folder, address)? {
            return Ok(Some(arrived));
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    Ok(None)
}

fn find(folder: &Path, address: &str) -> anyhow::Result<Option<Arrived>> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("read the mailbox {}", folder.display()))?;
    let mut files: Vec<_> = entries.filter_map(Result::ok).map(|entry| entry.path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "eml"));
    // The newest first: other runs have left theirs.
    files.sort_unstable_by(|a, b| b.cmp(a));
    for path in files {
        let Ok(bytes) = std::fs::read(&path) else { continue };
        if let Some(arrived) = read(&bytes, address) {
            return Ok(Some(arrived));
        }
    }
    Ok(None)
}

fn read(bytes: &[u8], address: &str) -> Option<Arrived> {
    let mail = MessageParser::default().parse(bytes)?;
    let to = mail.to()?.first()?.address()?.to_owned();
    if !to.eq_ignore_ascii_case(address) {
        return None;
    }
    let reply_to = mail.reply_to().or_else(|| mail.from())?.first()?.address()?.to_owned();
    Some(Arrived { subject: mail.subject()?.to_owned(), message_id: mail.message_id()?.to_owned(), reply_to })
}

/// The answer, with the mail quoted below as mail programs do.
#[must_use]
pub fn answer(reader: &Reader, mail: &Arrived, now: Timestamp) -> Call {
    let Reader { name, email, answer_id, .. } = reader;
    let Arrived { subject, message_id, reply_to } = mail;
    let date = now.strftime("%a, %d %b %Y %H:%M:%S +0000");
    let mime = format!(
        "From: {name} <{email}>\r\nTo: {reply_to}\r\nSubject: Re: {subject}\r\nDate: {date}\r\nMessage-ID: <{answer_id}@mail.example>\r\nIn-Reply-To: <{message_id}>\r\nReferences: <{message_id}>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nThis looks good. Could somebody call me on Thursday morning?\r\n\r\n{name}\r\n\r\nOn {date} Seller wrote:\r\n> Hello, here is what you asked for.\r\n> Read the guide.\r\n"
    );
    Call::Mail { mailbox: "sales", mime }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_is_found_by_its_recipient() {
        let mail = b"From: Seller <hello@seller.example>\r\nReply-To: reply+abc@mail.seller.example\r\nTo: ann@acme.example\r\nSubject: A guide\r\nMessage-ID: <1-2@mail.seller.example>\r\n\r\nHello\r\n";
        let arrived = read(mail, "Ann@acme.example").expect("hers");
        assert_eq!(
            (arrived.message_id.as_str(), arrived.reply_to.as_str()),
            ("1-2@mail.seller.example", "reply+abc@mail.seller.example")
        );
        assert_eq!(read(mail, "bob@acme.example"), None);
    }
}
