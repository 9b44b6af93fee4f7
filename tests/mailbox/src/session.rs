//! One conversation: commands in, replies and faults out. The message itself is read in `body.rs`.

mod ending;
mod security;

use std::sync::Arc;

use smtp_proto::request::receiver::MAX_LINE_LENGTH;
use smtp_proto::{
    AUTH_LOGIN, AUTH_PLAIN, EXT_8BIT_MIME, EXT_AUTH, EXT_ENHANCED_STATUS_CODES, EXT_PIPELINING, EXT_SIZE,
    EXT_SMTP_UTF8, EXT_START_TLS, EhloResponse, Error, MailFrom, Request,
};

use crate::config::{Auth, Tls};
use crate::fault::{Fault, Point};
use crate::log::{Entry, Outcome, Phase};
use crate::mailbox::Server;
use crate::transaction::Transaction;
use crate::wire::{Gone, Line, Wire};

/// What a mailbox calls itself.
const NAME: &str = "mailbox.test";
/// Commands that made no sense before a client is sent away.
const MOST_ERRORS: u32 = 50;

/// Whether the conversation goes on. `Err` ends it.
pub(crate) type Flow = Result<(), End>;

/// Why a conversation ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The client is gone or silent; what it had begun is logged.
    Gone(Gone),
    /// What was said is still to be sent.
    Leave,
    /// Closed as it stands.
    Drop,
}

impl From<Gone> for End {
    fn from(gone: Gone) -> Self {
        End::Gone(gone)
    }
}

pub(crate) struct Session {
    pub(crate) wire: Wire,
    pub(crate) server: Arc<Server>,
    pub(crate) mail: Option<Transaction>,
    peer: String,
    connection: u64,
    fault: Option<Fault>,
    greeted: bool,
    authenticated: bool,
    encrypted: bool,
    errors: u32,
}

impl Session {
    pub(crate) fn new(wire: Wire, server: Arc<Server>, peer: String, connection: u64) -> Self {
        let fault = server.play.on_connection();
        let encrypted = server.config.tls == Tls::Implicit;
        let (greeted, authenticated, errors) = (false, false, 0);
        Self { wire, server, mail: None, peer, connection, fault, greeted, authenticated, encrypted, errors }
    }

    /// Talks until one of both leaves.
    pub(crate) async fn run(mut self) {
        let Err(end) = self.talk().await else { return };
        match end {
            End::Gone(Gone::Closed) => self.left(Outcome::Left, None).await,
            End::Gone(Gone::Idle) => {
                self.left(Outcome::Refused, Some(421)).await;
                self.wire.say(421, "4.4.2 you have been silent for too long");
                self.wire.leave().await;
            }
            End::Leave => self.wire.leave().await,
            End::Drop => {}
        }
    }

    async fn talk(&mut self) -> Flow {
        match self.fault {
            Some(fault @ (Fault::RefuseConnection | Fault::HangAtGreeting | Fault::TurnAwayAtGreeting)) => {
                return self.fail(fault, Phase::Greeting).await;
            }
            _ => self.wire.say(220, &format!("{NAME} ESMTP keeps what it takes")),
        }
        loop {
            match self.wire.line().await? {
                Line::Text(line) if line.len() <= MAX_LINE_LENGTH => match Request::parse(&mut line.iter()) {
                    Ok(request) => self.answer(request.into_owned()).await?,
                    Err(error) => self.complain(&error)?,
                },
                Line::Text(_) | Line::TooLong => self.complain(&Error::ResponseTooLong)?,
            }
        }
    }

    async fn answer(&mut self, request: Request<String>) -> Flow {
        match request {
            Request::Ehlo { host } => return self.ehlo(&host).await,
            Request::Helo { .. } => {
                self.abandon().await?;
                self.greeted = true;
                self.wire.say(250, NAME);
            }
            Request::Mail { from } => return self.mail(from).await,
            Request::Rcpt { to } => return self.recipient(to.address).await,
            Request::Data => return self.data().await,
            Request::Auth { mechanism, initial_response } => return self.auth(mechanism, initial_response).await,
            Request::StartTls => return self.start_tls().await,
            Request::Rset => {
                self.abandon().await?;
                self.wire.say(250, "2.0.0 forgotten");
            }
            Request::Noop { .. } => self.wire.say(250, "2.0.0 here"),
            Request::Quit => {
                self.abandon().await?;
                self.wire.say(221, "2.0.0 bye");
                return Err(End::Leave);
            }
            Request::Vrfy { .. } => self.wire.say(252, "2.1.5 send it and see"),
            Request::Help { .. } => self.wire.say(214, "2.0.0 RFC 5321"),
            _ => return self.complain(&Error::UnknownCommand),
        }
        Ok(())
    }

    fn complain(&mut self, error: &Error) -> Flow {
        self.errors += 1;
        if self.errors > MOST_ERRORS {
            self.wire.say(421, "4.7.0 too many errors");
            return Err(End::Leave);
        }
        match error {
            Error::UnknownCommand => self.wire.say(502, "5.5.1 no such command here"),
            Error::ResponseTooLong => self.wire.say(500, "5.5.6 line too long"),
            Error::InvalidSenderAddress => self.wire.say(553, "5.1.7 not an address"),
            Error::InvalidRecipientAddress => self.wire.say(553, "5.1.3 not an address"),
            Error::UnsupportedParameter { .. } => self.wire.say(555, "5.5.4 unknown parameter"),
            _ => self.wire.say(501, "5.5.4 syntax error"),
        }
        Ok(())
    }

    async fn ehlo(&mut self, host: &str) -> Flow {
        self.abandon().await?;
        if let Some(fault @ Fault::HangAtEhlo) = self.fault {
            return self.fail(fault, Phase::Ehlo).await;
        }
        self.greeted = true;
        tracing::debug!(connection = self.connection, "EHLO of {} bytes", host.len());
        let config = &self.server.config;
        let mut reply = EhloResponse::new(NAME);
        reply.capabilities = EXT_PIPELINING | EXT_SIZE | EXT_ENHANCED_STATUS_CODES;
        reply.size = config.limits.message;
        if config.extensions.eight_bit_mime {
            reply.capabilities |= EXT_8BIT_MIME;
        }
        if config.extensions.smtp_utf8 {
            reply.capabilities |= EXT_SMTP_UTF8;
        }
        if config.tls == Tls::StartTls && !self.encrypted {
            reply.capabilities |= EXT_START_TLS;
        }
        if config.auth != Auth::Off {
            reply.capabilities |= EXT_AUTH;
            reply.auth_mechanisms = AUTH_PLAIN | AUTH_LOGIN;
        }
        let mut bytes = Vec::new();
        if reply.write(&mut bytes).is_ok() {
            self.wire.say_raw(&bytes);
        }
        Ok(())
    }

    async fn mail(&mut self, from: MailFrom<String>) -> Flow {
        if !self.greeted || self.mail.is_some() {
            self.wire.say(503, "5.5.1 not now");
            return Ok(());
        }
        if matches!(self.server.config.auth, Auth::Only { .. }) && !self.authenticated {
            self.wire.say(530, "5.7.0 authentication required");
            return Ok(());
        }
        let fault = self.server.play.on_mail(&from.address);
        debug_assert!(fault.is_none_or(|fault| fault.point() == Point::Mail), "{fault:?}");
        self.mail = Some(Transaction::new(from.address));
        match fault {
            Some(fault) => self.fail(fault, Phase::Mail).await,
            None if from.size > self.server.config.limits.message => {
                self.refuse(None, 552, "5.3.4 the message is too large").await
            }
            None => {
                self.wire.say(250, "2.1.0 sender taken");
                Ok(())
            }
        }
    }

    async fn recipient(&mut self, address: String) -> Flow {
        let Some(mail) = &mut self.mail else {
            self.wire.say(503, "5.5.1 MAIL first");
            return Ok(());
        };
        mail.phase = Phase::Rcpt;
        mail.named += 1;
        if mail.named > self.server.config.limits.recipients {
            self.wire.say(452, "4.5.3 too many recipients");
            return Ok(());
        }
        if mail.named == 1 {
            mail.fault = self.server.play.on_recipient(&address);
        }
        let refused_part = mail.fault == Some(Fault::PartialRecipients) && mail.named.is_multiple_of(2);
        match mail.fault {
            Some(fault @ Fault::RcptNever) => self.refuse_recipient(fault, address, 550, "5.1.1").await,
            Some(fault @ Fault::PartialRecipients) if refused_part => {
                self.refuse_recipient(fault, address, 550, "5.1.1").await
            }
            Some(fault @ Fault::RcptLater) => self.refuse_recipient(fault, address, 450, "4.2.1").await,
            Some(fault @ (Fault::LeaveAtRcpt | Fault::HangAtRcpt)) => {
                mail.to.push(address);
                self.fail(fault, Phase::Rcpt).await
            }
            _ => {
                mail.to.push(address);
                self.wire.say(250, "2.1.5 recipient taken");
                Ok(())
            }
        }
    }

    /// One recipient is not taken; the mail may have others.
    async fn refuse_recipient(&mut self, fault: Fault, address: String, code: u16, class: &str) -> Flow {
        let Some(mail) = &self.mail else { return Ok(()) };
        // Real servers tell the address again: a client must not put such a reply into its log.
        let text = format!("{class} <{address}>: Recipient address rejected: user unknown in virtual mailbox table");
        let mut entry = mail.entry(Outcome::Refused, Some(fault), Some(code));
        entry.to = vec![address];
        self.note(entry).await?;
        self.wire.say(code, &text);
        Ok(())
    }

    /// Writes a line of the log. A mailbox that cannot write cannot go on.
    pub(crate) async fn note(&mut self, entry: Entry) -> Flow {
        let entry = self.stamped(entry);
        if let Err(error) = self.server.keeper.note(entry).await {
            tracing::error!("the log could not be written: {error}");
            return Err(End::Drop);
        }
        Ok(())
    }

    pub(crate) fn stamped(&self, entry: Entry) -> Entry {
        Entry { connection: self.connection, peer: self.peer.clone(), ..entry }
    }
}
