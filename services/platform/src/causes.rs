//! An error with its causes in one line, each said once: many libraries repeat their cause in their own text.

/// What was tried, and why it failed.
#[must_use]
pub fn causes(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if !text.contains(&cause) {
            if !text.is_empty() {
                text.push_str(": ");
            }
            text.push_str(&cause);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pg::PgError;

    #[test]
    fn each_cause_is_said_once() {
        let refused = std::io::Error::new(std::io::ErrorKind::ConnectionRefused, "Connection refused (os error 111)");
        let error = PgError::new("connect to the database", sqlx::Error::Io(refused));
        let said = causes(&anyhow::Error::from(error).context("start the role"));
        assert_eq!(said.matches("refused").count(), 1, "{said}");
        assert!(said.starts_with("start the role: connect to the database: "), "{said}");
    }
}
