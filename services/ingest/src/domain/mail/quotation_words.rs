//! How mail programs mark that the mail which is answered begins, and what they and companies put below a mail.

use std::sync::LazyLock;

use regex::{Regex, RegexBuilder};

/// "On Monday, Ada wrote:": how it begins, what ends it.
static INTRODUCTION: LazyLock<Regex> = LazyLock::new(|| {
    let by_language = [
        r"on\b.+\bwrote\s*(:|-{2,})",
        r"am\b.+\bschrieb\b.*:",
        r".+\bschrieb am\b.+:",
        r"le\b.+\ba écrit\s*:",
        r"el\b.+\bescribió\s*:",
        r"il\b.+\bha scritto\s*:",
        r"op\b.+\b(schreef\b.*|het volgende geschreven\s*):",
        r"w dniu\b.+\b(napisał(\(a\)|a)?|pisze)\s*:",
        r".+\b(19|20)\d\d\b.+\bnapisał(\(a\)|a)?\s*:",
        r"em\b.+\bescreveu\s*:",
        r"(den|på)\b.+\bskrev\b.*:",
        r".+\bkirjoitti\s*:",
        r".+\bnapsala?(\(a\))?\s*:",
        r".+\bezt írta\b.*:",
        r".+\b(пишет|написала?|писал\(а\)|написал\(а\))\s*:",
        r".+\bşunu yazdı\s*:",
        r".+写道\s*[:：]",
    ];
    // Gmail's in all other languages: year, time and address, then a colon.
    let of_gmail = r".*\b?(19|20)\d\d.*\d\d?[:.]\d\d.*[<(][^<>\s]+@[^<>\s]+[>)]\s*[:：]";
    pattern(&format!(r"^[\s*_-]*(?:{}|{of_gmail})[\s*_-]*$", by_language.join("|")))
});

/// Whether a line may begin an introduction: asked first, for most lines do not.
#[must_use]
pub(super) fn may_introduce(line: &str) -> bool {
    let line = line.trim();
    !line.is_empty() && line.len() < 500
}

/// Whether the lines, joined, are an introduction. One without a digit ("On the wall somebody wrote:") has no date.
#[must_use]
pub(super) fn is_introduction(joined: &str) -> bool {
    let dated = joined.contains('@') || joined.bytes().any(|byte| byte.is_ascii_digit());
    // Without date and address only the usual English form counts: "On Monday, Sales wrote:".
    let of_weekday = || WEEKDAY.is_match(joined);
    joined.trim_end().ends_with([':', '-', '：', '*']) && (dated || of_weekday()) && INTRODUCTION.is_match(joined)
}

static WEEKDAY: LazyLock<Regex> = LazyLock::new(|| pattern(r"^on (mon|tues|wednes|thurs|fri|satur|sun)day\b"));

static BARE: LazyLock<Regex> = LazyLock::new(|| pattern(r"^\d{4}[/-]\d\d?[/-]\d\d?\s.*<[^<>\s]+@[^<>\s]+>:?$"));

/// "2011/4/7 Ada <ada@example.com>", which is one only above a quotation.
#[must_use]
pub(super) fn is_bare_introduction(joined: &str) -> bool {
    BARE.is_match(joined)
}

static WITHIN: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"[\s-]on (mon|tue|wed|thu|fri|sat|sun)[a-z]*, .+\d.* wrote:$"));

/// Where an introduction begins behind other words of its line.
#[must_use]
pub(super) fn introduction_within(line: &str) -> Option<usize> {
    if line.trim_start().starts_with('>') {
        return None;
    }
    WITHIN.find(line).map(|found| found.start() + 1)
}

static RULER: LazyLock<Regex> = LazyLock::new(|| {
    let words = [
        "original message",
        "original appointment",
        "ursprüngliche nachricht",
        "originalnachricht",
        "message d'origine",
        "message original",
        "mensaje original",
        "messaggio originale",
        "oorspronkelijk bericht",
        "origineel bericht",
        "oryginalna wiadomość",
        "wiadomość oryginalna",
        "mensagem original",
        "ursprungligt meddelande",
        "originalmeddelande",
        "oprindelig meddelelse",
        "opprinnelig melding",
        "alkuperäinen viesti",
        "původní zpráva",
        "eredeti üzenet",
        "исходное сообщение",
        "пересылаемое сообщение",
        "orijinal mesaj",
        "forwarded message",
        "forwarded by .{0,80}",
        "weitergeleitete nachricht",
        "message transféré",
        "mensaje reenviado",
        "messaggio inoltrato",
        "doorgestuurd bericht",
        "mensagem encaminhada",
        "reply message",
        "please reply above this line",
    ];
    pattern(&format!(
        r"^[-_=*#\s]{{2,}}({})[-_=*#:\s]{{2,}}$|^_{{20,}}$|^begin forwarded message:$|^##-? ?please type your reply above this line.*$",
        words.join("|")
    ))
});

/// "-----Original Message-----", "________________________________".
#[must_use]
pub(super) fn is_ruler(line: &str) -> bool {
    RULER.is_match(line)
}

/// Fields of the header that Outlook and others write above the old mail, by language, each under one name.
const HEADERS: [(&str, &[&str]); 6] = [
    (
        "from",
        &[
            "from",
            "von",
            "de",
            "da",
            "van",
            "od",
            "från",
            "fra",
            "lähettäjä",
            "feladó",
            "от",
            "kimden",
            "差出人",
            "发件人",
        ],
    ),
    (
        "sent",
        &[
            "sent",
            "date",
            "gesendet",
            "datum",
            "envoyé",
            "enviado",
            "enviado el",
            "enviada",
            "enviada em",
            "fecha",
            "data",
            "inviato",
            "verzonden",
            "wysłano",
            "skickat",
            "sendt",
            "dato",
            "lähetetty",
            "odesláno",
            "elküldve",
            "отправлено",
            "gönderildi",
            "送信日時",
            "发送时间",
        ],
    ),
    (
        "to",
        &[
            "to",
            "an",
            "à",
            "para",
            "a",
            "aan",
            "do",
            "till",
            "til",
            "vastaanottaja",
            "címzett",
            "komu",
            "кому",
            "kime",
            "宛先",
            "收件人",
        ],
    ),
    ("cc", &["cc", "kopie", "copie", "kopia", "kopi", "dw", "copia"]),
    (
        "subject",
        &[
            "subject",
            "betreff",
            "objet",
            "asunto",
            "assunto",
            "oggetto",
            "onderwerp",
            "temat",
            "ämne",
            "emne",
            "aihe",
            "předmět",
            "tárgy",
            "тема",
            "konu",
            "件名",
            "主题",
        ],
    ),
    ("reply-to", &["reply-to", "antwort an", "répondre à", "importance"]),
];

/// Which header field a line is; `None` if it is none.
#[must_use]
pub(super) fn header_name(line: &str) -> Option<&'static str> {
    let line = line.trim_start_matches(['*', '>', ' ', '|']);
    let (name, _) = line.split_once([':', '：'])?;
    if name.len() > 40 {
        return None;
    }
    let name = name.trim_end_matches(['*', ' ', '\u{a0}']).to_lowercase();
    HEADERS.iter().find(|(_, names)| names.contains(&name.as_str())).map(|(name, _)| *name)
}

static TIME: LazyLock<Regex> = LazyLock::new(|| pattern(r"\d\d?[:.h]\d\d\b|@"));

/// Whether a line has an address or a time of day.
#[must_use]
pub(super) fn is_address_or_time(line: &str) -> bool {
    TIME.is_match(line)
}

static MOBILE: LazyLock<Regex> = LazyLock::new(|| {
    let device = r"(i ?phone|i ?pad|blackberry|android|samsung|galaxy|huawei|xiaomi|nokia|windows phone|mobile|mobil|handy|smartphone|telefon|tel[eé]fono|t[eé]l[eé]phone|telefono|mobiel|outlook|yahoo|mail|proton|thunderbird|gmx|web\.de|t-online|acompli|tablet)";
    let sent = [
        r"sent (from|via|with|by) (my |a |the |our )?",
        r"(von|via) (meinem|meiner|unserem) ",
        r"(diese nachricht wurde )?gesendet (von|mit|über|aus)( der| dem| meinem)? ?",
        r"envoyé (de|depuis|à partir de|avec)( mon| l'application)? ?",
        r"enviado (desde|do|de|con|a partir do)( mi| meu| el)? ?",
        r"inviato (da|dal|con)( mio| il mio)? ?",
        r"(verstuurd|verzonden) (vanaf|met|via)( mijn)? ?",
        r"wysłan[eo] (z|ze|przez)( mojego)? ?",
        r"skickat från (min )?",
        r"sendt fra (min )?",
        r"lähetetty ",
        r"odesláno z(e)? (mého )?",
        r"отправлено с ",
        r"get ",
        r"outlook (für|pour|para|per|voor|för|til) ",
        r"(hol|obtenir|obtener|scarica|download|hämta|hent|pobierz|obter) (dir )?",
    ];
    pattern(&format!(r"^(?:{})[\w.'’ -]{{0,30}}{device}\b.{{0,60}}$", sent.join("|")))
});

/// "Sent from my iPhone".
#[must_use]
pub(super) fn is_mobile_signature(line: &str) -> bool {
    line.len() < 160 && MOBILE.is_match(line)
}

static SMALL_PRINT: LazyLock<Regex> = LazyLock::new(|| {
    let begins = [
        r"(this|the information (contained )?in this) (e-?mail|message|communication|transmission).*(confidential|intended (only|solely)|privileged)",
        r"(confidentiality|legal|privacy|data protection) (notice|note|disclaimer)\b",
        r"disclaimer\s*:",
        r"(please )?consider the environment",
        r"(diese|der inhalt dieser) (e-?mail|nachricht).*(vertraulich|ausschließlich|rechtlich geschützt)",
        r"(haftungsausschluss|rechtlicher hinweis|vertraulichkeitshinweis|datenschutzhinweis)\b",
        r"(ce|le contenu de ce) (message|courriel|e-?mail).*(confidenti|destinataire)",
        r"(este|o conteúdo deste|el contenido de este) (mensaje|correo|e-?mail|mensagem).*(confiden|destinatari)",
        r"(questo|il presente|le informazioni contenute in quest[oa]) (messaggio|e-?mail|comunicazione).*(riservat|confidenzial|destinatari)",
        r"(dit|deze|de informatie in (dit|deze)) (bericht|e-?mail).*(vertrouwelijk|uitsluitend|bestemd)",
        r"(ta|niniejsza|treść tej) (wiadomość|wiadomości|korespondencja).*(poufn|przeznaczon)",
        r"(detta|denna) (meddelande|e-?post).*(konfidentiell|avsett)",
        r"(denne|dette) (e-?mail|e-?post|besked|meddelelse).*(fortrolig)",
    ];
    pattern(&format!("^[*_\\s]*(?:{})", begins.join("|")))
});

/// The first line of what a company's mail server puts below every mail.
#[must_use]
pub(super) fn is_small_print(line: &str) -> bool {
    SMALL_PRINT.is_match(line)
}

fn pattern(text: &str) -> Regex {
    // Unicode classes make large programs of so many words; the default limit of 10 MiB is meant for strangers' patterns.
    let built = RegexBuilder::new(text).case_insensitive(true).size_limit(64 * 1024 * 1024).build();
    built.expect("the patterns of this file are valid, as the tests of reply_text see")
}
