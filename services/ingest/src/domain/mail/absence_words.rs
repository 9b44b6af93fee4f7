//! What programs put into the subject of an answer that nobody wrote, in the languages of our customers and theirs. People
//! write about holidays, too, and answer to such subjects: only words that programs alone begin a subject with count.

use std::sync::LazyLock;

use regex::{Regex, RegexBuilder};

/// Patterns in lower case; `.` stands for a letter whose accent programs drop now and then.
const PHRASES: [&str; 72] = [
    // English
    "out[ -]of[ -](the )?office",
    "out of my office",
    "automatic (reply|response|e?-?mail reply)",
    "auto(mated)?[ -]?(reply|response|responder|answer)",
    "vacation (reply|response|message|notice|notification)",
    "away from (my|the) (office|desk|mail)",
    "i am (currently )?(away|out of|on vacation|on leave)",
    "absence (notice|notification)",
    "your (message|mail|e-?mail) (was|has been) (received|registered)",
    // German
    "automatische (antwort|r.?ckantwort|e-?mail-?antwort|benachrichtigung|eingangsbest.tigung)",
    "abwesenheits?(notiz|nachricht|agent|meldung|assistent|info)",
    "abwesenheit:",
    "abwesend:",
    "au(ß|ss)er haus",
    "nicht im b(ü|ue)ro",
    "ich bin (derzeit |zur ?zeit |bis |im urlaub|nicht)",
    "urlaubs?(notiz|benachrichtigung|meldung)",
    // French
    "r.ponse automatique",
    "message automatique",
    "absen(ce|t) du bureau",
    "message d.absence",
    "notification d.absence",
    "avis d.absence",
    // Spanish, Catalan
    "respuesta autom.tica",
    "resposta autom.tica",
    "fuera de (la )?oficina",
    "mensaje autom.tico",
    "aviso de ausencia",
    // Italian
    "risposta automatica",
    "messaggio automatico",
    "fuori (ufficio|sede)",
    "assenza dall.ufficio",
    // Dutch
    "automatisch (antwoord|bericht)",
    "automatische (reactie|beantwoording)",
    "afwezigheids?(bericht|melding|assistent)",
    "niet aanwezig:",
    // Polish
    "automatyczna odpowied.",
    "odpowied. automatyczna",
    "autoodpowied.",
    "poza biurem",
    "nieobecno.{1,2} w biurze",
    // Portuguese
    "fora do escrit.rio",
    "aus.ncia tempor.ria",
    "mensagem autom.tica",
    // Swedish, Danish, Norwegian
    "auto(matisk(t)?[ -]?)?svar",
    "fr.nvaro",
    "frav.r(smelding|sbesked|sassistent|:)",
    "ikke p. kontoret",
    "inte p. kontoret",
    "ikke til stede",
    // Finnish, Estonian, Latvian, Lithuanian
    "automaattinen (vastaus|poissaoloviesti)",
    "poissaoloilmoitus",
    "automaatvastus",
    "autom.tisk. atbilde",
    "automatiska atbilde",
    "[āa]rpus biroja",
    "automatinis atsakymas",
    // Czech, Slovak, Hungarian, Romanian, Slovenian, Croatian
    "automatick. odpov..",
    "mimo kancel.{1,2}",
    "automatikus v.lasz",
    "r.spuns automat",
    "samodejni odgovor",
    "automatski odgovor",
    // Russian, Ukrainian, Bulgarian, Greek, Turkish
    "автоматический ответ",
    "автоответ",
    "автоматична відповідь",
    "автоматичен отговор",
    "αυτόματη απάντηση",
    "otomatik (yan.t|cevap)",
    // Japanese, Chinese, Korean
    "自動(応答|返信)|不在通知",
    "自动(回复|答复)|自動回覆",
    "자동 ?(회신|응답)|부재중",
];

static BEGIN: LazyLock<Regex> =
    LazyLock::new(|| pattern(&format!(r"^[\s\[(*\x22<]*(?:auto\s*:|{})", PHRASES.join("|"))));
static END: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"[\[(](?:automatic (?:response|reply)|auto(?:mated)?[ -]?(?:response|reply)|out of office|vacation)[\])]\s*$",
    )
});

/// Whether a subject is that of an answer that nobody wrote.
#[must_use]
pub(super) fn are_in_subject(subject: &str) -> bool {
    BEGIN.is_match(subject) || END.is_match(subject)
}

fn pattern(text: &str) -> Regex {
    // Unicode classes make large programs of so many phrases; the default limit of 10 MiB is meant for strangers' patterns.
    let built = RegexBuilder::new(text).case_insensitive(true).size_limit(64 * 1024 * 1024).build();
    built.expect("the patterns of this file are valid, as its tests see")
}

#[cfg(test)]
mod tests {
    use super::are_in_subject;

    #[test]
    fn programs_and_people_are_told_apart() {
        let programs = [
            "Out of Office: Offer",
            "Out of office",
            "Automatic reply: Offer",
            "AUTO: Smith, John is out of the office. (returning 2)",
            "Auto-Reply: x",
            "Autoreply",
            "Re:   blah blah (Automatic Response)",
            "Automatische Antwort: Angebot",
            "Abwesenheitsnotiz",
            "Abwesend: Angebot",
            "Réponse automatique : offre",
            "Reponse automatique: x",
            "Absence du bureau",
            "Respuesta automática: oferta",
            "Risposta automatica: offerta",
            "Automatisch antwoord: aanbod",
            "Afwezigheidsbericht",
            "[Automatyczna odpowiedź] temat",
            "Odpowiedź automatyczna: x",
            "Resposta automática: x",
            "Autosvar: x",
            "Automatiskt svar: x",
            "Automatisk svar: x",
            "Frånvaro: x",
            "Fraværsmelding",
            "Automaattinen vastaus: x",
            "Automatická odpověď: x",
            "Automatikus válasz: x",
            "Автоматический ответ: x",
            "自動応答: x",
            "自动回复: x",
            "Otomatik yanıt: x",
            "Arpus biroja atrasanas automatiska atbilde: subjecting",
        ];
        for subject in programs {
            assert!(are_in_subject(subject), "{subject}");
        }
        let people = [
            "Re: Out of Office: Offer",
            "AW: Abwesenheitsnotiz",
            "Vacation rentals for our team",
            "Urlaub im August",
            "Automatic gates, please quote",
            "Office furniture",
            "Automation",
            "Autos",
            "Our offices",
            "Question about auto-reply in your product",
            "Are you out of office next week?",
            "",
            "Fwd: Automatic reply: x",
            "Response times",
        ];
        for subject in people {
            assert!(!are_in_subject(subject), "{subject}");
        }
    }
}
