//! The new words of a mail: without the mail that is answered, wherever it stands, without signature and small print. What
//! marks those, in the languages of our customers and theirs, is in `quotation_words`.

use super::super::limits;
use super::quotation_words as words;

/// Lines beyond this are not looked at: nobody writes that many.
const LINES: usize = 5_000;
/// An introduction may be folded over that many lines.
const FOLDED: usize = 4;

/// Cuts what is not new off, then blank lines; at most 64 KiB. A mail that is nothing but quotation is kept whole: better too
/// much than nothing.
#[must_use]
pub(super) fn new_words(text: &str) -> String {
    let text = text.replace("\r\n", "\n").replace('\0', "");
    let lines: Vec<&str> = text.lines().flat_map(apart).take(LINES).collect();
    let new = keep_new(&lines).join("\n");
    let new = trim_rulers(&new);
    let kept = if new.is_empty() { text.trim() } else { new };
    limits::prefix(kept, limits::TEXT_BYTES).to_owned()
}

/// Some programs put the introduction at the end of the answer's last line.
fn apart(line: &str) -> impl Iterator<Item = &str> {
    let (before, after) = match words::introduction_within(line) {
        Some(at) => (line[..at].trim_end_matches(['-', ' ']), Some(&line[at..])),
        None => (line, None),
    };
    std::iter::once(before).chain(after)
}

fn keep_new<'a>(lines: &[&'a str]) -> Vec<&'a str> {
    let mut new: Vec<&str> = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let line = lines[at].trim();
        if is_quoted(line) || words::is_mobile_signature(line) {
            at += 1;
            continue;
        }
        if let Some(folded) = introduction(lines, at) {
            at += folded;
            // Without marks nobody knows where the old mail ends; with them the answer may stand below, or in between.
            if next_words(lines, at).is_some_and(is_quoted) {
                continue;
            }
            break;
        }
        let has_words = new.iter().any(|line| !line.trim().is_empty());
        if is_end(lines, at) || (has_words && words::is_small_print(line)) {
            break;
        }
        new.push(lines[at]);
        at += 1;
    }
    new
}

fn is_quoted(line: &str) -> bool {
    line.trim_start().starts_with('>')
}

fn next_words<'a>(lines: &[&'a str], from: usize) -> Option<&'a str> {
    lines.get(from..)?.iter().map(|line| line.trim()).find(|line| !line.is_empty())
}

/// How many lines the introduction ("On Monday, Ada wrote:") at `at` has; `None` if there is none.
fn introduction(lines: &[&str], at: usize) -> Option<usize> {
    if !words::may_introduce(lines[at]) {
        return None;
    }
    let mut joined = String::new();
    for (folded, line) in lines[at..].iter().take(FOLDED).enumerate() {
        let line = line.trim();
        if line.is_empty() && folded > 0 {
            return None;
        }
        joined.push_str(line);
        let quotation_follows = next_words(lines, at + folded + 1).is_some_and(is_quoted);
        if words::is_introduction(&joined) || (quotation_follows && words::is_bare_introduction(&joined)) {
            return Some(folded + 1);
        }
        joined.push(' ');
    }
    None
}

/// Whether everything from `at` on is old, or no words to us.
fn is_end(lines: &[&str], at: usize) -> bool {
    let line = lines[at].trim();
    // Two dashes and a space; the space is often lost on the way.
    if line == "--" || words::is_ruler(line) {
        return true;
    }
    // Outlook writes the header of the old mail instead of quoting it.
    let Some(name) = words::header_name(line) else { return false };
    let block: Vec<&str> = lines[at..].iter().map(|line| line.trim()).filter(|line| !line.is_empty()).take(6).collect();
    let others = block.iter().skip(1).take(4).filter_map(|line| words::header_name(line));
    let is_block = others.into_iter().any(|other| other != name);
    is_block && block.iter().any(|line| words::header_name(line).is_some() && words::is_address_or_time(line))
}

/// Lines of dashes and the like at the end belong to what was cut.
fn trim_rulers(text: &str) -> &str {
    let mut text = text.trim();
    while let Some((before, last)) = text.rsplit_once('\n') {
        let last = last.trim();
        if last.len() < 3 || !last.chars().all(|c| matches!(c, '-' | '_' | '=' | '*')) {
            break;
        }
        text = before.trim_end();
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::new_words;

    #[test]
    fn only_the_new_words_are_kept() {
        let table = [
            (
                "Yes please.\n\nOn Mon, 23 Nov 2026 at 10:00, Sales <sales@acme.test> wrote:\n> Shall we call?\n",
                "Yes please.",
            ),
            ("Ja.\r\n\r\nAm 23.11.2026 um 10:00 schrieb Sales\r\n<sales@acme.test>:\r\n\r\n> Sollen wir?\r\n", "Ja."),
            ("Call me.\n\n-- \nAda\nCTO", "Call me."),
            ("Fine.\n\n-----Original Message-----\nFrom: Sales\n", "Fine."),
            ("Fine.\n\nFrom: Sales <sales@acme.test>\nSent: Monday\nTo: Ada\n\nOld", "Fine."),
            ("Oui\n\n________________________________\nDe: Sales", "Oui"),
            ("> quoted first\nMy answer below\n> and more", "My answer below"),
            ("> nothing but quotation", "> nothing but quotation"),
            ("On the wall someone wrote a word.\nAnd I read it.", "On the wall someone wrote a word.\nAnd I read it."),
            ("From: my point of view\nall is well", "From: my point of view\nall is well"),
            (
                "Freight please:\nFrom: Berlin\nTo: Munich\nDate: 5 May",
                "Freight please:\nFrom: Berlin\nTo: Munich\nDate: 5 May",
            ),
            ("On Mon, 23 Nov 2026, Sales wrote:\n> One?\nYes.\n> Two?\nNo.", "Yes.\nNo."),
            ("", ""),
        ];
        for (text, expected) in table {
            assert_eq!(new_words(text), expected, "{text:?}");
        }
    }

    /// One of each language and form.
    const INTRODUCTIONS: &[&str] = &[
        "On Mon, Nov 23, 2026 at 10:00 AM Sales Acme <sales@acme.test> wrote:",
        "Am Mo., 23. Nov. 2026 um 10:00 Uhr schrieb Sales Acme <sales@acme.test>:",
        "Le lun. 23 nov. 2026 à 10:00, Sales Acme <sales@acme.test> a écrit :",
        "El lun, 23 nov 2026 a las 10:00, Sales Acme (<sales@acme.test>) escribió:",
        "Il giorno lun 23 nov 2026 alle ore 10:00 Sales Acme <sales@acme.test> ha scritto:",
        "Op ma 23 nov 2026 om 10:00 schreef Sales Acme <sales@acme.test>:",
        "Op 23 nov. 2026, om 10:00 heeft Sales Acme <sales@acme.test> het volgende geschreven:",
        "pon., 23 lis 2026 o 10:00 Sales Acme <sales@acme.test> napisał(a):",
        "Em seg., 23 de nov. de 2026 às 10:00, Sales Acme <sales@acme.test> escreveu:",
        "Den mån 23 nov. 2026 kl 10:00 skrev Sales Acme <sales@acme.test>:",
        "Den man. 23. nov. 2026 kl. 10.00 skrev Sales Acme <sales@acme.test>:",
        "ma 23. marrask. 2026 klo 10.00 Sales Acme (sales@acme.test) kirjoitti:",
        "po 23. 11. 2026 v 10:00 odesílatel Sales Acme <sales@acme.test> napsal:",
        "пн, 23 нояб. 2026 г. в 10:00, Sales Acme <sales@acme.test>:",
        "2026年11月23日(月) 10:00 Sales Acme <sales@acme.test>:",
        "-----Ursprüngliche Nachricht-----",
        "-----Message d'origine-----",
        "-----Mensaje original-----",
        "-----Messaggio originale-----",
        "-----Oorspronkelijk bericht-----",
        "-----Oryginalna wiadomość-----",
        "-----Mensagem original-----",
        "-----Ursprungligt meddelande-----",
        "-----Oprindelig meddelelse-----",
        "Von: Sales <sales@acme.test>\nGesendet: Montag, 23. November 2026 10:00\nAn: Ada\nBetreff: Angebot",
        "De : Sales <sales@acme.test>\nEnvoyé : lundi 23 novembre 2026 10:00\nÀ : Ada\nObjet : Offre",
        "De: Sales <sales@acme.test>\nEnviado: lunes, 23 de noviembre de 2026 10:00\nPara: Ada\nAsunto: Oferta",
        "Da: Sales <sales@acme.test>\nInviato: lunedì 23 novembre 2026 10:00\nA: Ada\nOggetto: Offerta",
        "Van: Sales <sales@acme.test>\nVerzonden: maandag 23 november 2026 10:00\nAan: Ada\nOnderwerp: Aanbod",
        "Od: Sales <sales@acme.test>\nWysłano: poniedziałek, 23 listopada 2026 10:00\nDo: Ada\nTemat: Oferta",
        "Från: Sales <sales@acme.test>\nSkickat: den 23 november 2026 10:00\nTill: Ada\nÄmne: Offert",
        "Fra: Sales <sales@acme.test>\nSendt: 23. november 2026 10:00\nTil: Ada\nEmne: Tilbud",
    ];

    #[test]
    fn in_every_language_of_our_customers() {
        for old in INTRODUCTIONS {
            for (marks, answer) in [("> ", "Yes, call me."), ("", "Yes, call me.\n\nAda")] {
                let text = format!("{answer}\n\n{old}\n\n{marks}Shall we?\n{marks}Sales\n");
                assert_eq!(new_words(&text), answer, "{text}");
            }
        }
    }

    #[test]
    fn what_phones_and_companies_put_below_is_cut() {
        let signatures = [
            "Sent from my iPhone",
            "Von meinem iPhone gesendet",
            "Envoyé de mon iPhone",
            "Enviado desde mi iPhone",
            "Inviato da iPhone",
            "Verstuurd vanaf mijn iPhone",
            "Wysłane z iPhone'a",
            "Enviado do meu iPhone",
            "Skickat från min iPhone",
            "Sendt fra min iPhone",
            "Get Outlook for iOS<https://aka.ms/o0ukef>",
            "Gesendet mit der GMX Mail App",
            "This e-mail is confidential and intended solely for the addressee.",
            "Diese E-Mail enthält vertrauliche Informationen.",
            "Ce message et ses pièces jointes sont confidentiels.",
        ];
        for signature in signatures {
            assert_eq!(new_words(&format!("Yes, call me.\n\n{signature}\n")), "Yes, call me.", "{signature}");
        }
        let words = [
            "Sent from my point of view it is fine.",
            "Our e-mail is confidential? Yes.",
            "Am Montag schrieb ich euch.",
        ];
        for words in words {
            assert_eq!(new_words(words), words);
        }
    }

    proptest! {
        #[test]
        fn any_text_gives_words_of_it(text in "(\\PC{0,30}|On |wrote:|> |-- |From: a@b[.]test|\n){0,40}") {
            let new = new_words(&text);
            for line in new.lines().filter(|line| !line.trim().is_empty()) {
                prop_assert!(text.contains(line.trim()), "{line:?}");
            }
        }
    }
}
