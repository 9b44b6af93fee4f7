//! How attempts end that are not kept: refused, cut, hung, taken back, left. The line is in the log before the client sees
//! anything of it.

use super::{End, Flow, Session};
use crate::fault::Fault;
use crate::log::{Outcome, Phase};
use crate::transaction::Transaction;

impl Session {
    /// Plays a fault that ends the attempt.
    pub(crate) async fn fail(&mut self, fault: Fault, phase: Phase) -> Flow {
        let mut mail = self.mail.take().unwrap_or_else(|| Transaction::new(String::new()));
        mail.phase = phase;
        let (outcome, reply) = how(fault);
        self.note(mail.entry(outcome, Some(fault), reply.map(|(code, _)| code))).await?;
        if let Some((code, text)) = reply {
            self.wire.say(code, text);
            return if code == 421 { Err(End::Leave) } else { Ok(()) };
        }
        match outcome {
            Outcome::Hung if fault == Fault::HangInBody => self.wire.stall(self.server.play.hang()).await,
            Outcome::Hung => self.wire.hang(self.server.play.hang()).await,
            _ => {}
        }
        Err(End::Drop)
    }

    /// The mail is not taken, without a fault of the script.
    pub(crate) async fn refuse(&mut self, fault: Option<Fault>, code: u16, text: &str) -> Flow {
        if let Some(mail) = self.mail.take() {
            self.note(mail.entry(Outcome::Refused, fault, Some(code))).await?;
        }
        self.wire.say(code, text);
        Ok(())
    }

    /// The client begins anew. An attempt whose recipients were all refused is in the log already.
    pub(crate) async fn abandon(&mut self) -> Flow {
        match self.mail.take() {
            Some(mail) if is_open(&mail) => self.note(mail.entry(Outcome::Abandoned, mail.fault, None)).await,
            _ => Ok(()),
        }
    }

    /// The client is gone in the middle, or was sent away for its silence.
    pub(crate) async fn left(&mut self, outcome: Outcome, code: Option<u16>) {
        if let Some(mail) = self.mail.take()
            && is_open(&mail)
        {
            // Nobody is there who could be told that it failed; `note` has said it to the operator.
            let _ = self.note(mail.entry(outcome, mail.fault, code)).await;
        }
    }
}

fn is_open(mail: &Transaction) -> bool {
    mail.named == 0 || !mail.to.is_empty()
}

/// How a fault ends an attempt, and the reply it gives, if any.
fn how(fault: Fault) -> (Outcome, Option<(u16, &'static str)>) {
    let reply = match fault {
        Fault::TurnAwayAtGreeting => (421, "4.3.2 come back later"),
        Fault::LeaveAtRcpt | Fault::LeaveAtEnd => (421, "4.3.2 closing now"),
        Fault::MailLater => (451, "4.3.0 not now"),
        Fault::MailNever => (550, "5.7.1 this sender is not welcome"),
        Fault::DataLater => (451, "4.3.1 no room now"),
        Fault::DataNever => (554, "5.7.1 no data from you"),
        Fault::EndLater => (451, "4.7.1 greylisted, try again"),
        Fault::EndNever => (554, "5.7.1 this looks like spam"),
        Fault::RefuseConnection | Fault::CutInBody | Fault::CutAfterBody => return (Outcome::Cut, None),
        _ => return (Outcome::Hung, None),
    };
    (Outcome::Refused, Some(reply))
}
