//! Encryption and passwords of a conversation.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use smtp_proto::{AUTH_LOGIN, AUTH_PLAIN, Error};

use super::{End, Flow, Session};
use crate::config::Auth;
use crate::mailbox::Acceptor;
use crate::wire::{Line, Wire};

impl Session {
    pub(super) async fn start_tls(&mut self) -> Flow {
        let Some(Acceptor(acceptor)) = self.server.acceptor.clone().filter(|_| !self.encrypted) else {
            return self.complain(&Error::UnknownCommand);
        };
        self.abandon().await?;
        self.wire.say(220, "2.0.0 go on encrypted");
        self.wire.flush().await?;
        let idle = self.server.config.limits.idle;
        let (nothing, _) = tokio::io::duplex(1);
        let plain = std::mem::replace(&mut self.wire, Wire::new(Box::new(nothing), idle)).into_stream();
        match tokio::time::timeout(idle, acceptor.accept(plain)).await {
            Ok(Ok(encrypted)) => self.wire = Wire::new(Box::new(encrypted), idle),
            Ok(Err(_)) | Err(_) => return Err(End::Drop),
        }
        (self.encrypted, self.greeted, self.authenticated) = (true, false, false);
        Ok(())
    }

    /// PLAIN (RFC 4616) and LOGIN; an answer of "*" takes the command back (RFC 4954 section 4).
    pub(super) async fn auth(&mut self, mechanism: u64, initial: String) -> Flow {
        if self.server.config.auth == Auth::Off || !(mechanism == AUTH_PLAIN || mechanism == AUTH_LOGIN) {
            self.wire.say(504, "5.5.4 no such mechanism here");
            return Ok(());
        }
        let prompts: &[&str] = if mechanism == AUTH_PLAIN { &[""] } else { &["VXNlcm5hbWU6", "UGFzc3dvcmQ6"] };
        let mut answers = Vec::new();
        for (number, prompt) in prompts.iter().enumerate() {
            if number == 0 && !initial.is_empty() {
                answers.push(initial.clone());
                continue;
            }
            self.wire.say(334, prompt);
            match self.wire.line().await? {
                Line::Text(line) if line.trim_ascii() != b"*" => {
                    answers.push(String::from_utf8_lossy(line.trim_ascii()).into_owned());
                }
                _ => {
                    self.wire.say(501, "5.7.0 taken back");
                    return Ok(());
                }
            }
        }
        let good = match &self.server.config.auth {
            Auth::Only { user, password } if mechanism == AUTH_PLAIN => {
                answers == [BASE64.encode(format!("\0{user}\0{password}"))]
            }
            Auth::Only { user, password } => answers == [BASE64.encode(user), BASE64.encode(password)],
            Auth::AcceptAny | Auth::Off => true,
        };
        self.authenticated = good;
        let (code, text) = if good { (235, "2.7.0 welcome") } else { (535, "5.7.8 wrong name or password") };
        self.wire.say(code, text);
        Ok(())
    }
}
