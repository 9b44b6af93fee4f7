//! Just enough of Rust's lexical rules to tell code from comments and strings, line by line. Not a parser: it knows no
//! syntax and never fails.

/// A string literal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Literal {
    /// Line of its opening quote, from 1.
    pub line: usize,
    /// Between the quotes, escapes as written.
    pub text: String,
}

/// A file taken apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lexed {
    /// Each line without comments and without what is inside quotes.
    pub lines: Vec<String>,
    /// The strings, in order.
    pub literals: Vec<Literal>,
}

impl Lexed {
    /// Lines with their numbers (from 1), up to the test module that closes a file.
    pub fn code_before_tests(&self) -> impl Iterator<Item = (usize, &str)> {
        self.lines
            .iter()
            .map(String::as_str)
            .enumerate()
            .take_while(|(_, line)| line.trim() != "#[cfg(test)]")
            .map(|(index, line)| (index + 1, line))
    }
}

/// The words of a line: runs of letters, digits and underscores.
pub fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !is_word(c)).filter(|word| !word.is_empty())
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Takes a Rust file apart.
#[must_use]
pub fn lex(text: &str) -> Lexed {
    let mut lexer =
        Lexer { rest: text, line: 1, before: ' ', out: Lexed { lines: vec![String::new()], literals: Vec::new() } };
    while !lexer.rest.is_empty() {
        lexer.step();
    }
    lexer.out
}

struct Lexer<'a> {
    rest: &'a str,
    line: usize,
    /// The last character of code.
    before: char,
    out: Lexed,
}

impl Lexer<'_> {
    fn step(&mut self) {
        if self.rest.starts_with("//") {
            let length = self.rest.find('\n').unwrap_or(self.rest.len());
            self.skip(length);
        } else if self.rest.starts_with("/*") {
            self.skip(block_comment_length(self.rest));
        } else if let Some(hashes) = self.raw_string_hashes() {
            let opening = 2 + hashes;
            let closing = format!("\"{}", "#".repeat(hashes));
            let inside = self.rest[opening..].find(&closing).unwrap_or(self.rest.len() - opening);
            self.literal(opening, inside, closing.len());
        } else if self.rest.starts_with('"') {
            self.literal(1, string_length(&self.rest[1..]), 1);
        } else if let Some(length) = char_literal_length(self.rest) {
            self.skip(length);
        } else {
            self.take();
        }
    }

    /// `r"`, `r#"`, `br"` ...: how many hashes; the rest begins at the `r`.
    fn raw_string_hashes(&self) -> Option<usize> {
        if is_word(self.before) && !matches!(self.before, 'b' | 'c') {
            return None;
        }
        let after = self.rest.strip_prefix('r')?;
        let hashes = after.len() - after.trim_start_matches('#').len();
        after[hashes..].starts_with('"').then_some(hashes)
    }

    fn literal(&mut self, opening: usize, inside: usize, closing: usize) {
        let text = self.rest[opening..opening + inside].to_owned();
        self.out.literals.push(Literal { line: self.line, text });
        self.push('"');
        self.skip((opening + inside + closing).min(self.rest.len()));
        self.push('"');
    }

    /// Goes on without keeping anything but the line breaks.
    fn skip(&mut self, length: usize) {
        let skipped = &self.rest[..length];
        self.rest = &self.rest[length..];
        for _ in skipped.matches('\n') {
            self.new_line();
        }
        self.before = ' ';
    }

    fn take(&mut self) {
        let mut characters = self.rest.chars();
        if let Some(c) = characters.next() {
            self.rest = characters.as_str();
            if c == '\n' {
                self.new_line()
            } else {
                self.push(c)
            }
            self.before = c;
        }
    }

    fn new_line(&mut self) {
        self.line += 1;
        self.out.lines.push(String::new());
    }

    fn push(&mut self, c: char) {
        if let Some(line) = self.out.lines.last_mut() {
            line.push(c);
        }
    }
}

/// Block comments nest.
fn block_comment_length(text: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < text.len() {
        let rest = &text.as_bytes()[at..];
        if rest.starts_with(b"/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if rest.starts_with(b"*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    text.len()
}

/// Up to the closing quote.
fn string_length(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at,
            _ => {}
        }
    }
    text.len()
}

/// `'x'` and `'\n'`, but not the lifetime `'x`.
fn char_literal_length(text: &str) -> Option<usize> {
    let inside = text.strip_prefix('\'')?;
    if inside.starts_with('\\') {
        // The escaped character may itself be a quote.
        let end = inside.char_indices().skip(2).find(|(_, c)| *c == '\'').map(|(at, _)| at)?;
        return Some(1 + end + 1);
    }
    let c = inside.chars().next()?;
    inside[c.len_utf8()..].starts_with('\'').then(|| 1 + c.len_utf8() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, lines: &[&str], literals: &[(usize, &str)]) {
        let lexed = lex(text);
        assert_eq!(lexed.lines, lines, "{text}");
        let found: Vec<_> = lexed.literals.iter().map(|l| (l.line, l.text.as_str())).collect();
        assert_eq!(found, literals, "{text}");
    }

    #[test]
    fn comments_and_strings_are_no_code() {
        check("a // async\nb", &["a ", "b"], &[]);
        check("a /* x /* async */ \n y */ b", &["a ", " b"], &[]);
        check("let s = \"async // no\";", &["let s = \"\";"], &[(1, "async // no")]);
        check("\"a\\\"b\" c", &["\"\" c"], &[(1, "a\\\"b")]);
        check("x(r#\"say \"hi\"\n\"#, y)", &["x(\"", "\", y)"], &[(1, "say \"hi\"\n")]);
        check("br\"q\" r\"w\"", &["b\"\" \"\""], &[(1, "q"), (1, "w")]);
    }

    #[test]
    fn quotes_of_characters_and_lifetimes_open_no_string() {
        check("'\"' \"a\"", &[" \"\""], &[(1, "a")]);
        check("'\\'' 'é' \"a\"", &["  \"\""], &[(1, "a")]);
        check("fn f<'a>(x: &'a str, y: 'static) \"a\"", &["fn f<'a>(x: &'a str, y: 'static) \"\""], &[(1, "a")]);
        check("var\"a\"", &["var\"\""], &[(1, "a")]);
    }

    #[test]
    fn code_ends_where_the_tests_begin() {
        let lexed = lex("a\n    #[cfg(test)]\nmod tests {}");
        assert_eq!(lexed.code_before_tests().collect::<Vec<_>>(), [(1, "a")]);
        assert_eq!(words("a::b_c(&d1)").collect::<Vec<_>>(), ["a", "b_c", "d1"]);
    }
}
