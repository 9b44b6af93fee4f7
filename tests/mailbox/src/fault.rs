//! The faults that a mailbox can play, one for each way in which a relay fails its client.

use serde::{Deserialize, Serialize};

/// One way to fail. In scripts and in the log by its name in snake case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// The connection is taken and closed.
    RefuseConnection,
    /// No greeting comes.
    HangAtGreeting,
    /// The greeting is 421.
    TurnAwayAtGreeting,
    /// EHLO gets no answer.
    HangAtEhlo,
    /// 451 to MAIL.
    MailLater,
    /// 550 to MAIL.
    MailNever,
    /// MAIL gets no answer.
    HangAtMail,
    /// 450 to RCPT.
    RcptLater,
    /// 550 5.1.1 to RCPT, with the address in the text, as real servers do.
    RcptNever,
    /// 421 to RCPT, then the connection is closed.
    LeaveAtRcpt,
    /// RCPT gets no answer.
    HangAtRcpt,
    /// Every second recipient of the message is refused with 550; the others get it.
    PartialRecipients,
    /// 451 to DATA.
    DataLater,
    /// 554 to DATA.
    DataNever,
    /// DATA gets no answer.
    HangAtData,
    /// Closed when the first bytes of the message were read.
    CutInBody,
    /// After 354 nothing is read.
    HangInBody,
    /// 451 to the end of the message; not kept.
    EndLater,
    /// 554 to the end of the message; not kept.
    EndNever,
    /// 421 to the end of the message, then closed; not kept.
    LeaveAtEnd,
    /// The end of the message gets no answer; not kept.
    HangAfterBody,
    /// Closed at the end of the message; not kept.
    CutAfterBody,
    /// Kept, and closed before the 250.
    KeepThenCut,
    /// Kept, and the 250 never comes.
    KeepThenHang,
    /// Kept, and the 250 comes byte by byte.
    KeepAndDrip,
    /// Kept and answered with 250, then closed at once.
    KeepThenLeave,
}

/// Where a fault is decided: the client has told only so much by then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    /// A connection came.
    Connection,
    /// MAIL named the sender.
    Mail,
    /// RCPT named the first recipient; everything after it is decided here too.
    Recipient,
}

impl Fault {
    /// All of them, in the order of a conversation.
    pub const ALL: [Fault; 26] = [
        Fault::RefuseConnection,
        Fault::HangAtGreeting,
        Fault::TurnAwayAtGreeting,
        Fault::HangAtEhlo,
        Fault::MailLater,
        Fault::MailNever,
        Fault::HangAtMail,
        Fault::RcptLater,
        Fault::RcptNever,
        Fault::LeaveAtRcpt,
        Fault::HangAtRcpt,
        Fault::PartialRecipients,
        Fault::DataLater,
        Fault::DataNever,
        Fault::HangAtData,
        Fault::CutInBody,
        Fault::HangInBody,
        Fault::EndLater,
        Fault::EndNever,
        Fault::LeaveAtEnd,
        Fault::HangAfterBody,
        Fault::CutAfterBody,
        Fault::KeepThenCut,
        Fault::KeepThenHang,
        Fault::KeepAndDrip,
        Fault::KeepThenLeave,
    ];

    /// Where it is decided.
    #[must_use]
    pub fn point(self) -> Point {
        match self {
            Fault::RefuseConnection | Fault::HangAtGreeting | Fault::TurnAwayAtGreeting | Fault::HangAtEhlo => {
                Point::Connection
            }
            Fault::MailLater | Fault::MailNever | Fault::HangAtMail => Point::Mail,
            _ => Point::Recipient,
        }
    }

    /// Whether a message that meets it is kept (by those of its recipients that were taken).
    #[must_use]
    pub fn keeps(self) -> bool {
        matches!(
            self,
            Fault::PartialRecipients
                | Fault::KeepThenCut
                | Fault::KeepThenHang
                | Fault::KeepAndDrip
                | Fault::KeepThenLeave
        )
    }

    /// Whether the client is left without a complete reply between its DATA and the end of the message: the only case in
    /// which it cannot know.
    #[must_use]
    pub fn leaves_uncertain(self) -> bool {
        matches!(
            self,
            Fault::HangAtData
                | Fault::CutInBody
                | Fault::HangInBody
                | Fault::HangAfterBody
                | Fault::CutAfterBody
                | Fault::KeepThenCut
                | Fault::KeepThenHang
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_are_listed_once_and_named() {
        let mut sorted = Fault::ALL.to_vec();
        sorted.sort_unstable();
        assert_eq!(sorted, Fault::ALL, "in the order of their declaration, so none twice");
        // The last one of the declaration is there, and as many as its number says.
        assert_eq!(Fault::KeepThenLeave as usize + 1, Fault::ALL.len());
        assert_eq!(serde_json::to_string(&Fault::KeepThenCut).unwrap(), "\"keep_then_cut\"");
    }
}
