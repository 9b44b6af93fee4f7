//! The message itself: DATA, its bytes, its end; and the faults from there on.

use std::io;

use smtp_proto::request::receiver::{DataReceiver, DummyDataReceiver};

use crate::fault::Fault;
use crate::log::{Outcome, Phase};
use crate::session::{End, Flow, Session};
use crate::wire::Wire;

/// Why a whole message is not taken, by limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TooMuch {
    Bytes,
    Line,
}

impl Session {
    pub(crate) async fn data(&mut self) -> Flow {
        let Some(mail) = &mut self.mail else {
            self.wire.say(503, "5.5.1 MAIL first");
            return Ok(());
        };
        if mail.to.is_empty() {
            self.wire.say(554, "5.5.1 no recipient was taken");
            return Ok(());
        }
        mail.phase = Phase::Data;
        if let Some(fault @ (Fault::DataLater | Fault::DataNever | Fault::HangAtData)) = mail.fault {
            return self.fail(fault, Phase::Data).await;
        }
        self.wire.say(354, "go on, and end with a dot");
        let fault = mail.fault;
        if let Some(fault @ Fault::HangInBody) = fault {
            return self.fail(fault, Phase::Data).await;
        }
        if let Some(fault @ Fault::CutInBody) = fault {
            // At least one byte, so that the client has certainly begun.
            if self.wire.unread().is_empty() {
                self.wire.fill().await?;
            }
            return self.fail(fault, Phase::Body).await;
        }
        let too_much = self.read_message().await?;
        self.end_of_message(fault, too_much).await
    }

    /// Reads to the dot. What is too large is read too, and forgotten: only then can a reply be understood.
    async fn read_message(&mut self) -> Result<Option<TooMuch>, End> {
        let limits = self.server.config.limits;
        // The line before the message ended with CRLF: a message may begin with a dot.
        let mut receiver = DataReceiver::new();
        receiver.ingest(&mut b"\r\n".iter(), &mut Vec::new());
        let mut forgetting: Option<DummyDataReceiver> = None;
        loop {
            let Some(mail) = &mut self.mail else { return Ok(None) };
            if !self.wire.unread().is_empty() {
                mail.phase = Phase::Body;
            }
            let done = take(&mut self.wire, |rest| match &mut forgetting {
                None => receiver.ingest(rest, &mut mail.bytes),
                Some(forgetting) => forgetting.ingest(rest),
            });
            if done {
                mail.phase = Phase::End;
                break;
            }
            if forgetting.is_none() && mail.bytes.len() > limits.message {
                forgetting = Some(DummyDataReceiver::new_data(&receiver));
            }
            self.wire.fill().await?;
        }
        let bytes = self.mail.as_ref().map_or(&[][..], |mail| &mail.bytes);
        let longest = bytes.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line).len());
        Ok(match longest.max() {
            _ if bytes.len() > limits.message => Some(TooMuch::Bytes),
            Some(longest) if longest > limits.line => Some(TooMuch::Line),
            _ => None,
        })
    }

    async fn end_of_message(&mut self, fault: Option<Fault>, too_much: Option<TooMuch>) -> Flow {
        match (fault, too_much) {
            (_, Some(TooMuch::Bytes)) => self.refuse(None, 552, "5.3.4 the message is too large").await,
            (_, Some(TooMuch::Line)) => self.refuse(None, 554, "5.6.0 a line of the message is too long").await,
            (
                Some(
                    fault @ (Fault::EndLater
                    | Fault::EndNever
                    | Fault::LeaveAtEnd
                    | Fault::HangAfterBody
                    | Fault::CutAfterBody),
                ),
                None,
            ) => self.fail(fault, Phase::End).await,
            (fault, None) => self.keep(fault).await,
        }
    }

    /// On the disk first, then the 250, or what the script makes of it.
    async fn keep(&mut self, fault: Option<Fault>) -> Flow {
        let Some(mut mail) = self.mail.take() else { return Ok(()) };
        let told = match fault {
            Some(Fault::KeepThenCut | Fault::KeepThenHang) => None,
            _ => Some(250),
        };
        let entry = self.stamped(mail.entry(Outcome::Kept, fault, told));
        let bytes = std::mem::take(&mut mail.bytes);
        // Before the disk: the next attempt of the same recipient may come from another connection at once.
        self.server.play.kept(&mail.to);
        let kept = match self.server.keeper.keep(entry, bytes).await {
            Ok(entry) => entry,
            Err(error) => return self.not_kept(&error),
        };
        self.wire.say(250, &format!("2.0.0 kept as {}", kept.file.as_deref().unwrap_or_default()));
        match fault {
            Some(Fault::KeepThenCut) => Err(End::Drop),
            Some(Fault::KeepThenHang) => {
                self.wire.unsay();
                self.wire.hang(self.server.play.hang()).await;
                Err(End::Drop)
            }
            Some(Fault::KeepAndDrip) => Ok(self.wire.drip().await?),
            Some(Fault::KeepThenLeave) => Err(End::Leave),
            _ => Ok(()),
        }
    }

    fn not_kept(&mut self, error: &io::Error) -> Flow {
        tracing::error!("a mail could not be kept: {error}");
        self.wire.say(452, "4.3.1 it could not be kept");
        Ok(())
    }
}

/// Lets `reader` use what was read; it moves the iterator behind what it used.
fn take(wire: &mut Wire, reader: impl FnOnce(&mut std::slice::Iter<'_, u8>) -> bool) -> bool {
    let unread = wire.unread();
    let mut rest = unread.iter();
    let done = reader(&mut rest);
    let used = unread.len() - rest.len();
    wire.consume(used);
    done
}
