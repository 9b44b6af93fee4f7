//! The new words of a mail: what stands above the quoted thread and the signature.

use super::super::limits;

/// Cuts the quoted mail, its introduction and the signature off, then blank lines; at most 64 KiB. A mail that is nothing
/// but quotation is kept whole: better too much than nothing.
#[must_use]
pub(super) fn new_words(text: &str) -> String {
    let text = text.replace("\r\n", "\n").replace('\0', "");
    let lines: Vec<&str> = text.lines().collect();
    let end = (0..lines.len()).find(|at| begins_old_part(&lines, *at)).unwrap_or(lines.len());
    let new: Vec<&str> = lines[..end].iter().filter(|line| !line.trim_start().starts_with('>')).copied().collect();
    let new = new.join("\n");
    let kept = if new.trim().is_empty() { text.trim() } else { new.trim() };
    limits::prefix(kept, limits::TEXT_BYTES).to_owned()
}

fn begins_old_part(lines: &[&str], at: usize) -> bool {
    let line = lines[at].trim();
    // The signature: two dashes and a space; the space is often lost on the way.
    if line == "--" || is_ruler(line) {
        return true;
    }
    // An introduction ends with a colon and may be folded over up to three lines; the quotation follows.
    let quoted_next = lines[at + 1..]
        .iter()
        .take(4)
        .find(|next| !next.trim().is_empty())
        .is_some_and(|next| next.trim_start().starts_with('>'));
    let joined = lines[at..].iter().take(3).map(|line| line.trim()).collect::<Vec<_>>().join(" ");
    let is_introduction = INTRODUCTIONS.iter().any(|(begin, word)| {
        line.starts_with(begin)
            && joined.find(word).is_some_and(|found| {
                joined[found + word.len()..].trim_start().starts_with(':') || joined[found..].contains(':')
            })
    });
    if is_introduction && (quoted_next || joined.contains('@') || joined.ends_with(':')) {
        return true;
    }
    // Outlook writes the old mail's header instead of quoting it.
    let is_header =
        |line: &str, names: &[&str]| names.iter().any(|name| line.trim().trim_start_matches('*').starts_with(name));
    is_header(line, &["From:", "Von:", "De:", "Da:"])
        && lines[at + 1..]
            .iter()
            .take(3)
            .any(|line| is_header(line, &["Sent:", "Gesendet:", "Envoyé", "Enviado", "Inviato", "Date:", "Datum:"]))
}

/// "On Monday, Ada wrote:" in the languages of our customers: how it begins, and the word near its end.
const INTRODUCTIONS: [(&str, &str); 6] = [
    ("On ", "wrote"),
    ("Am ", "schrieb"),
    ("Le ", "a écrit"),
    ("El ", "escribió"),
    ("Il ", "ha scritto"),
    ("Op ", "schreef"),
];

/// "-----Original Message-----", "________________________________".
fn is_ruler(line: &str) -> bool {
    let dashed = line.starts_with("-----") && line.ends_with("-----") && line.len() > 10;
    let words = line.trim_matches('-').trim().to_lowercase();
    let known = [
        "original message",
        "ursprüngliche nachricht",
        "message d'origine",
        "mensaje original",
        "forwarded message",
        "weitergeleitete nachricht",
    ];
    (dashed && known.contains(&words.as_str())) || (line.len() >= 30 && line.bytes().all(|byte| byte == b'_'))
}

#[cfg(test)]
mod tests {
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
            ("", ""),
        ];
        for (text, expected) in table {
            assert_eq!(new_words(text), expected, "{text:?}");
        }
    }
}
