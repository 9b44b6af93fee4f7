//! Who goes through it. Every word of theirs holds [`WORD`], but for numbers.

/// In every word of a canary, in either case. Nobody else says it.
pub(crate) const WORD: &str = "c4n4ry";
/// Digits of their telephone numbers, however they are written: each has one more, since a number is one person's.
pub(crate) const PHONE: &str = "309018277";
/// Of their browser; a documentation address (RFC 5737).
pub(crate) const ADDRESS: &str = "203.0.113.77";
/// Of their browser.
pub(crate) const PROGRAM: &str = "C4n4ryBrowser/7.7 (Zaunkönig)";

/// One of them, and the last digit of the telephone number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Person(&'static str, u8);

/// Gets every mail, does everything, answers, is erased.
pub(crate) const ALL_THROUGH: Person = Person("through", 1);
/// The relay says that there is no such address, and says the address.
pub(crate) const REFUSED: Person = Person("refused", 2);
/// The connection is cut after the last byte of the mail.
pub(crate) const UNCERTAIN: Person = Person("uncertain", 3);
/// The relay takes the mail until its end, and then does not want it.
pub(crate) const UNWANTED: Person = Person("unwanted", 4);
/// A report says that the address is gone.
pub(crate) const BOUNCED: Person = Person("bounced", 5);
/// Calls it spam.
pub(crate) const COMPLAINED: Person = Person("complained", 6);
/// Says stop.
pub(crate) const STOPPED: Person = Person("stopped", 7);

/// Everybody.
pub(crate) const EVERYBODY: [Person; 7] = [ALL_THROUGH, REFUSED, UNCERTAIN, UNWANTED, BOUNCED, COMPLAINED, STOPPED];

impl Person {
    /// As it was typed.
    pub(crate) fn email(self) -> String {
        format!("Zaunkoenig.C4n4ry.{}@c4n4ry-werke.example", self.0)
    }

    /// As it is known.
    pub(crate) fn normal(self) -> String {
        self.email().to_lowercase()
    }

    /// What the person types into a form.
    pub(crate) fn form(self) -> Vec<(&'static str, String)> {
        vec![
            ("email", self.email()),
            ("name", format!("C4n4ry Zaunkönig {}", self.0)),
            ("phone", format!("+49 {} {}{}", &PHONE[..2], &PHONE[2..], self.1)),
            ("company", "C4n4ry Werke & Söhne".to_owned()),
            ("message", "Please call c4n4ry, not after six: c4n4ry is asleep".to_owned()),
            ("topic", "c4n4ry seed, 25 kg".to_owned()),
            ("newsletter", "yes".to_owned()),
            ("message_id", format!("c4n4ry-{}", self.0)),
        ]
    }
}
