//! Which words may stand in which layer of a service: the domain is pure, SQL lives in `store`, the platform knows no
//! business.

use crate::{
    Finding,
    checkout::File,
    rust_code::{lex, words},
};

/// Words that bring I/O, waiting, time, chance or a log into code that has none.
const IMPURE_WORDS: [&str; 26] = [
    "async",
    "await",
    "axum",
    "hyper",
    "eprintln",
    "getrandom",
    "Instant",
    "opentelemetry",
    "println",
    "rand",
    "rdkafka",
    "reqwest",
    "sqlx",
    "SystemTime",
    "thread",
    "tokio",
    "tonic",
    "tower",
    "tracing",
    "new_v4",
    "now_v7",
    "rand_chacha",
    "UnixStream",
    "TcpListener",
    "TcpStream",
    "UdpSocket",
];
const IMPURE_PATHS: [&str; 7] =
    ["std::env", "std::fs", "std::io", "std::process", "std::thread", "Timestamp::now", "Zoned::now"];
/// The platform does I/O; these modules of it are as pure as the domain.
const PURE_PLATFORM: [&str; 1] = ["leadflow_platform::identifier"];

/// Whether a file belongs to the pure part of a service. Its tests may draw at random and read files.
#[must_use]
pub fn is_domain(file: &File) -> bool {
    let of_service = file.path.starts_with("services/") && file.path.contains("/src/");
    let pure = file.is_in("domain") || file.name() == "domain.rs";
    of_service && pure && file.path.ends_with(".rs") && !is_test(file)
}

fn is_test(file: &File) -> bool {
    file.is_in("tests") || file.name() == "tests.rs" || file.name().ends_with("_tests.rs")
}

/// What a domain file must not name.
#[must_use]
pub fn impure(file: &File) -> Vec<Finding> {
    let lexed = lex(&file.text);
    let mut findings = Vec::new();
    for (number, line) in lexed.code_before_tests() {
        let word = words(line).find(|word| IMPURE_WORDS.contains(word));
        let path = IMPURE_PATHS.iter().copied().find(|path| line.contains(path));
        let platform = line.match_indices("leadflow_platform").find_map(|(at, name)| {
            let pure = PURE_PLATFORM.iter().any(|module| line[at..].starts_with(module));
            (!pure).then_some(name)
        });
        if let Some(found) = word.or(path).or(platform) {
            findings.push(Finding::new(file, number, format!("`{found}` in the domain")));
        }
    }
    findings
}

/// Whether SQL is forbidden in a file: everywhere in the services but in `store`, in the platform, and in tests, which
/// look at rows to see what happened.
#[must_use]
pub fn is_without_sql(file: &File) -> bool {
    let in_store = file.is_in("store") || file.name() == "store.rs";
    let of_service = file.path.starts_with("services/") && file.path.ends_with(".rs");
    of_service && !file.path.starts_with("services/platform/") && !in_store && !is_test(file)
}

/// Calls that send a statement, by their name before the bracket.
const SQL_CALLS: [&str; 6] = ["query", "query_as", "query_scalar", "query_with", "raw_sql", "QueryBuilder"];

/// Where a file talks SQL.
#[must_use]
pub fn sql(file: &File) -> Vec<Finding> {
    let lexed = lex(&file.text);
    let mut findings = Vec::new();
    for (number, line) in lexed.code_before_tests() {
        let call = SQL_CALLS.iter().find(|name| {
            line.match_indices(**name).any(|(at, _)| {
                let before = line[..at].chars().next_back().unwrap_or(' ');
                let after = line[at + name.len()..].chars().next().unwrap_or(' ');
                // `.query(...)` is a method of an HTTP client, `fn query(` a function of ours.
                !(before.is_alphanumeric() || before == '_' || before == '.' || line[..at].trim_end().ends_with("fn"))
                    && (after == '(' || line[at + name.len()..].starts_with("::"))
            })
        });
        if let Some(name) = call {
            findings.push(Finding::new(file, number, format!("`{name}` outside of store")));
        }
    }
    findings
}

/// Where a file says the word "lead", in any form. "leadflow" is a name, "leading" another word.
#[must_use]
pub fn says_lead(file: &File) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, line) in file.text.lines().enumerate() {
        let lower = line.to_ascii_lowercase();
        let said = lower.match_indices("lead").any(|(at, _)| {
            let after = &lower[at + 4..];
            let letters_after = after.chars().take_while(char::is_ascii_lowercase).collect::<String>();
            // LeadEvent: a capital after it begins the next word, although the whole line was lowered.
            let capital_after = line[at + 4..].starts_with(|c: char| c.is_ascii_uppercase());
            let our_name = after.starts_with("flow");
            let part_of_word = line[..at].ends_with(|c: char| c.is_ascii_alphabetic()) && line[at..].starts_with('l');
            !our_name && !part_of_word && (letters_after.is_empty() || letters_after == "s" || capital_after)
        });
        if said {
            findings.push(Finding::new(file, index + 1, line.trim().to_owned()));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(findings: &[Finding]) -> Vec<usize> {
        findings.iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn a_domain_that_waits_reads_or_looks_at_the_clock_is_found() {
        let bad = "use sqlx::PgPool;\nlet a = std::fs::read(p);\npub async fn f() {}\nlet t = Timestamp::now();\nlet i: Instant;\nuse leadflow_platform::pg;";
        assert_eq!(lines(&impure(&File::sample("services/x/src/domain/a.rs", bad))), [1, 2, 3, 4, 5, 6]);
        let good = "use leadflow_platform::identifier::{self, X};\n// no async here\nlet s = \"tokio\";\nlet t: jiff::Timestamp;\n#[cfg(test)]\nmod tests { use rand::Rng; }";
        assert_eq!(impure(&File::sample("services/x/src/domain/a.rs", good)), []);
    }

    #[test]
    fn domain_files_are_known_by_their_folder() {
        for path in ["services/x/src/domain/a.rs", "services/x/src/domain.rs", "services/x/src/domain/rules/a.rs"] {
            assert!(is_domain(&File::sample(path, "")), "{path}");
        }
        for path in ["services/x/src/store.rs", "services/x/src/domain/tests.rs", "services/x/tests/domain/a.rs"] {
            assert!(!is_domain(&File::sample(path, "")), "{path}");
        }
    }

    #[test]
    fn sql_is_found_however_it_is_called() {
        let bad = "sqlx::query(\"select 1\")\n  query_as::<_, Row>(SQL)\nQueryBuilder::new()\nraw_sql(x)";
        assert_eq!(lines(&sql(&File::sample("services/x/src/grpc.rs", bad))), [1, 2, 3, 4]);
        let good = "client.get(u).query(&[(1, 2)])\nfn query(a: u8)\n// sqlx::query(\nQuery(q): Query<Q>, my_query(1)";
        assert_eq!(sql(&File::sample("services/x/src/grpc.rs", good)), []);
    }

    #[test]
    fn store_platform_and_tests_may_use_sql() {
        for path in [
            "services/x/src/store.rs",
            "services/x/src/store/lead.rs",
            "services/platform/src/pg.rs",
            "services/x/tests/a.rs",
        ] {
            assert!(!is_without_sql(&File::sample(path, "")), "{path}");
        }
        assert!(is_without_sql(&File::sample("services/x/src/handler.rs", "")));
    }

    #[test]
    fn the_word_is_found_in_names_and_sentences_and_not_in_others() {
        let bad = "let lead_id = 1;\nstruct LeadEvent;\n// no lead here\nleads\nSPEED_TO_LEAD\nLEAD_ID\ntopicLead";
        assert_eq!(lines(&says_lead(&File::sample("services/platform/src/a.rs", bad))), [1, 2, 3, 4, 5, 6, 7]);
        let good = "leadflow_proto\nLEADFLOW_CONFIG\nleading zeros, the leader misleads\nplead\nLeadflow";
        assert_eq!(says_lead(&File::sample("services/platform/src/a.rs", good)), []);
    }
}
