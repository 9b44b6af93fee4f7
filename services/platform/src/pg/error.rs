//! Database errors by whose fault they are: the data of one event, the moment, or something only a human can mend.

/// Whose fault an error is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// The data of one event: SQLSTATE 22xxx, 23502, 23505, 23514 on a data table's own check. Never helped by trying again.
    Data,
    /// Everything else, unknown codes included: the same again later.
    Transient,
    /// A missing partition, or the check of the offset ledger: stop the lane, call a human.
    Stop,
}

/// A database error with its kind.
#[derive(Debug, thiserror::Error)]
#[error("{what}: {source}")]
pub struct PgError {
    /// What we tried.
    pub what: &'static str,
    /// Whose fault.
    pub kind: FailureKind,
    /// The driver's error.
    #[source]
    pub source: sqlx::Error,
}

impl PgError {
    /// Classifies the driver's error and says what was tried.
    #[must_use]
    pub fn new(what: &'static str, source: sqlx::Error) -> Self {
        Self { what, kind: kind_of(&source), source }
    }

    /// Says what was tried; the kind stays.
    #[must_use]
    pub fn tried(mut self, what: &'static str) -> Self {
        self.what = what;
        self
    }

    /// SQLSTATE, if the server spoke.
    #[must_use]
    pub fn sqlstate(&self) -> Option<String> {
        self.source.as_database_error().and_then(|error| error.code()).map(std::borrow::Cow::into_owned)
    }

    /// True if the connection is gone or cannot be had: the server is down, restarting, cut off, or ended the session.
    #[must_use]
    pub fn is_disconnect(&self) -> bool {
        is_disconnect(&self.source)
    }
}

impl From<sqlx::Error> for PgError {
    fn from(source: sqlx::Error) -> Self {
        Self::new("statement", source)
    }
}

/// A statement that took longer than the client waits; the connection cannot be used again.
pub(crate) fn timed_out(what: &'static str) -> PgError {
    let source = sqlx::Error::Io(std::io::Error::new(std::io::ErrorKind::TimedOut, "no answer from the database"));
    PgError { what, kind: FailureKind::Transient, source }
}

pub(crate) fn is_disconnect(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => true,
        // 08: connection exception; 57P01-57P05: shut down, crashed, starting, database dropped, idle session ended;
        // 25P03: idle in transaction. The server closes the session after each of them.
        sqlx::Error::Database(error) => error.code().is_some_and(|code| {
            code.starts_with("08") || (code.starts_with("57P") && code.len() == 5) || code == "25P03"
        }),
        _ => false,
    }
}

fn kind_of(error: &sqlx::Error) -> FailureKind {
    match error {
        // What we were about to send cannot be put into the protocol: trying again sends the same.
        sqlx::Error::Encode(_) => FailureKind::Data,
        sqlx::Error::Database(error) => {
            let code = error.code().unwrap_or_default();
            kind_of_code(&code, error.table(), error.constraint())
        }
        _ => FailureKind::Transient,
    }
}

fn kind_of_code(code: &str, table: Option<&str>, constraint: Option<&str>) -> FailureKind {
    match code {
        // The ledger's own checks, and "no partition of relation found for row", which names no constraint.
        "23514" if table == Some("kafka_offset") || constraint.is_none() => FailureKind::Stop,
        "23502" | "23505" | "23514" => FailureKind::Data,
        _ if code.len() == 5 && code.starts_with("22") => FailureKind::Data,
        _ => FailureKind::Transient,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_fall_into_their_kinds() {
        let table = [
            ("22P05", Some("person"), None, FailureKind::Data),
            ("22021", None, None, FailureKind::Data),
            ("23502", Some("thing"), None, FailureKind::Data),
            ("23505", Some("thing"), Some("thing_open"), FailureKind::Data),
            ("23514", Some("thing"), Some("thing_stage"), FailureKind::Data),
            ("23514", Some("kafka_offset"), Some("kafka_offset_balance"), FailureKind::Stop),
            ("23514", Some("timeline"), None, FailureKind::Stop),
            ("23503", Some("thing"), Some("thing_person"), FailureKind::Transient),
            ("25P03", None, None, FailureKind::Transient),
            ("57014", None, None, FailureKind::Transient),
            ("40001", None, None, FailureKind::Transient),
            ("40P01", None, None, FailureKind::Transient),
            ("55P03", None, None, FailureKind::Transient),
            ("XX000", None, None, FailureKind::Transient),
            ("ZZZZZ", None, None, FailureKind::Transient),
            ("", None, None, FailureKind::Transient),
        ];
        for (code, table, constraint, expected) in table {
            assert_eq!(kind_of_code(code, table, constraint), expected, "{code} {table:?} {constraint:?}");
        }
    }

    #[test]
    fn client_side_errors_have_kinds() {
        assert_eq!(kind_of(&sqlx::Error::PoolTimedOut), FailureKind::Transient);
        assert_eq!(kind_of(&sqlx::Error::Encode("too long".into())), FailureKind::Data);
        assert!(timed_out("commit").is_disconnect());
    }
}
