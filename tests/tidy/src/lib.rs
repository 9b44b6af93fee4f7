//! The rules of the house as functions: a file goes in, findings come out. The tests under `tests/` hold them against the
//! checkout; the tests beside each rule hold them against a bad sample, so that no rule is one that cannot fail.
//!
//! Not a linter for style: clippy and rustfmt do that. These are the rules about which room a line belongs in.

pub mod architecture;
pub mod checkout;
pub mod layers;
pub mod manifest;
pub mod published;
pub mod rust_code;
pub mod shape;

/// A place where a rule is broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Path from the root of the checkout.
    pub path: String,
    /// Counted from 1; 0 where the whole file is meant.
    pub line: usize,
    /// What stands there that should not, or is missing.
    pub what: String,
}

impl Finding {
    /// A finding in `file` at `line` (from 1; 0: the whole file).
    #[must_use]
    pub fn new(file: &checkout::File, line: usize, what: impl Into<String>) -> Self {
        Self { path: file.path.clone(), line, what: what.into() }
    }
}

/// Fails with one line per finding, the rule and the remedy.
///
/// # Panics
/// When there are findings, or when fewer than `at_least` things were `visited`: a rule that looks at nothing is broken too.
pub fn hold(rule: &str, remedy: &str, visited: usize, at_least: usize, findings: &[Finding]) {
    assert!(
        visited >= at_least,
        "the rule \"{rule}\" looked at {visited} things and should have found at least {at_least}: \
         has a folder moved? Mend the rule in tests/tidy"
    );
    let list: String = findings.iter().map(|f| format!("\n  {}:{}  {}", f.path, f.line, f.what)).collect();
    assert!(findings.is_empty(), "\nrule:   {rule}\nremedy: {remedy}{list}\n");
}
