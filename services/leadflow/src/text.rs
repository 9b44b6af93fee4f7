//! Text as a terminal may have it. Names, companies, messages and reasons were typed by strangers: what would move a
//! cursor, colour a screen, set a title or turn the reading direction is taken out here, when a [`Text`] is made, and
//! nothing else can be printed for people. Exact bytes (JSON, schemas, keys) do not come this way.

use owo_colors::OwoColorize as _;

/// How a piece of a line looks, where there is colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    Plain,
    Bold,
    Dim,
    Green,
    Yellow,
    Red,
}

/// A piece of one line. It holds nothing that a terminal would obey.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Text {
    style: Style,
    clean: String,
}

/// One line: pieces, each with its style.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Line(Vec<Text>);

/// A piece without a style.
pub(crate) fn plain(text: impl AsRef<str>) -> Text {
    Text::new(Style::Plain, text.as_ref())
}

/// What a line is about.
pub(crate) fn bold(text: impl AsRef<str>) -> Text {
    Text::new(Style::Bold, text.as_ref())
}

/// What is there for those who look for it.
pub(crate) fn dim(text: impl AsRef<str>) -> Text {
    Text::new(Style::Dim, text.as_ref())
}

/// All is well.
pub(crate) fn green(text: impl AsRef<str>) -> Text {
    Text::new(Style::Green, text.as_ref())
}

/// Somebody may want to know.
pub(crate) fn yellow(text: impl AsRef<str>) -> Text {
    Text::new(Style::Yellow, text.as_ref())
}

/// Somebody must act.
pub(crate) fn red(text: impl AsRef<str>) -> Text {
    Text::new(Style::Red, text.as_ref())
}

impl Text {
    fn new(style: Style, text: &str) -> Self {
        Self { style, clean: clean(text) }
    }

    /// For whoever lays it out.
    pub(crate) fn as_str(&self) -> &str {
        &self.clean
    }

    pub(crate) fn style(&self) -> Style {
        self.style
    }

    fn paint(&self) -> String {
        let text = &self.clean;
        match self.style {
            Style::Plain => text.clone(),
            Style::Bold => text.bold().to_string(),
            Style::Dim => text.dimmed().to_string(),
            Style::Green => text.green().to_string(),
            Style::Yellow => text.yellow().to_string(),
            Style::Red => text.red().to_string(),
        }
    }
}

impl Line {
    /// Adds a piece at the end.
    pub(crate) fn push(&mut self, text: Text) {
        self.0.push(text);
    }

    /// As it goes to the terminal, without a line end.
    pub(crate) fn render(&self, colour: bool) -> String {
        self.0.iter().map(|text| if colour { text.paint() } else { text.clean.clone() }).collect()
    }
}

impl From<Text> for Line {
    fn from(text: Text) -> Self {
        Self(vec![text])
    }
}

impl From<&str> for Line {
    fn from(text: &str) -> Self {
        plain(text).into()
    }
}

impl From<String> for Line {
    fn from(text: String) -> Self {
        plain(text).into()
    }
}

impl<const N: usize> From<[Text; N]> for Line {
    fn from(pieces: [Text; N]) -> Self {
        Self(pieces.into())
    }
}

/// A line end becomes a blank, everything else that a terminal would obey a sign that something stood there.
fn clean(text: &str) -> String {
    let visible = |c: char| match c {
        '\t' | '\n' | '\u{b}' | '\u{c}' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}' => ' ',
        c if obeyed(c) => char::REPLACEMENT_CHARACTER,
        c => c,
    };
    text.chars().map(visible).collect()
}

/// Characters that act on a terminal instead of being shown: the controls C0, DEL and C1 (which begin escape sequences by
/// ECMA-48), and those that embed, override or isolate the reading direction (UAX #9).
pub(crate) fn obeyed(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The first `most` characters of a long text, its blanks as one each.
pub(crate) fn shortened(text: &str, most: usize) -> String {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if words.chars().count() <= most {
        return words;
    }
    words.chars().take(most).chain(std::iter::once('…')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_taken_out_and_the_rest_stays() {
        for code in (0..=0x1f).chain(0x7f..=0x9f).chain(0x2028..=0x202e).chain(0x2066..=0x2069) {
            let c = char::from_u32(code).expect("a character");
            let shown = plain(format!("a{c}b"));
            assert!(shown.as_str() == "a b" || shown.as_str() == "a\u{fffd}b", "{code:x}: {shown:?}");
        }
        for kept in ["Łukasz Ångström", "山田 太郎", "نور", "a\u{200d}b", "€ 5"] {
            assert_eq!(plain(kept).as_str(), kept);
        }
        assert_eq!(plain("\u{1b}]0;OWNED\u{7}\u{1b}[2JBob\nSmith").as_str(), "�]0;OWNED��[2JBob Smith");
    }

    #[test]
    fn a_style_is_ours_and_only_where_there_is_colour() {
        let line = Line::from([bold("\u{1b}[8mA"), plain(" b")]);
        assert_eq!(line.render(false), "�[8mA b");
        assert_eq!(line.render(true), "\u{1b}[1m�[8mA\u{1b}[0m b");
    }

    #[test]
    fn a_long_text_is_cut_at_a_character() {
        assert_eq!(shortened("hi \r\n there", 50), "hi there");
        assert_eq!(shortened("äbcdef", 3), "äbc…");
    }
}
