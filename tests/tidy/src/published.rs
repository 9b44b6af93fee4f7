//! What must not be published with the sources: paths of somebody's machine, and where somebody's packages come from.

use crate::{Finding, checkout::File};

/// Beginnings of absolute paths that exist on the machine of one person only. Put together here, so that this file does
/// not contain them.
const PRIVATE_PATHS: [&str; 3] = [concat!("/wo", "rk/"), concat!("/ho", "me/"), concat!("/Us", "ers/")];

/// Where a file names a path of one machine.
#[must_use]
pub fn private_paths(file: &File) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, line) in file.text.lines().enumerate() {
        for path in PRIVATE_PATHS {
            // As part of a longer path or an address it is somebody else's name.
            let found = line
                .match_indices(path)
                .any(|(at, _)| !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '.'));
            if found {
                findings.push(Finding::new(file, index + 1, format!("names a path below {path}")));
            }
        }
    }
    findings
}

/// Where a lock file records an address other than that of the public index of crates: a mirror of one company.
#[must_use]
pub fn recorded_addresses(file: &File) -> Vec<Finding> {
    let cargo = file.name() == "Cargo.lock";
    let mut findings = Vec::new();
    for (index, line) in file.text.lines().enumerate() {
        let foreign_index =
            cargo && line.starts_with("source = ") && !line.contains("github.com/rust-lang/crates.io-index");
        let download = !cargo && (line.contains("\"resolved\"") || line.contains("://"));
        if foreign_index || download {
            findings.push(Finding::new(file, index + 1, line.trim().to_owned()));
        }
    }
    findings
}

/// Whether a file is one that a package manager wrote.
#[must_use]
pub fn is_lock_file(file: &File) -> bool {
    matches!(file.name(), "Cargo.lock" | "package-lock.json" | ".npmrc" | "pip.conf" | "requirements.txt")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_one_machine_are_found() {
        let bad = format!("cd {}main\nsee \"{}ada/x\"", PRIVATE_PATHS[0], PRIVATE_PATHS[1]);
        assert_eq!(private_paths(&File::sample("a.md", &bad)).len(), 2);
        let good = format!("https://a.example{}x\na net{}x", PRIVATE_PATHS[0], PRIVATE_PATHS[0]);
        assert_eq!(private_paths(&File::sample("a.md", &good)), []);
    }

    #[test]
    fn a_mirror_in_a_lock_file_is_found() {
        let lock = "source = \"registry+https://github.com/rust-lang/crates.io-index\"\nsource = \"registry+https://mirror.example/index\"";
        let findings = recorded_addresses(&File::sample("Cargo.lock", lock));
        assert_eq!(findings.iter().map(|finding| finding.line).collect::<Vec<_>>(), [2]);
        let npm = File::sample("package-lock.json", "\"resolved\": \"https://mirror.example/a.tgz\"");
        assert_eq!(recorded_addresses(&npm).len(), 1);
    }
}
