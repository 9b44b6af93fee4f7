//! A database that cannot be reached: noted by whoever runs into it, told by [`Outage`] alone.

use std::str::FromStr as _;
use std::time::Duration;

use secrecy::ExposeSecret as _;
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};

use super::{Database, PgConfig, PgError, error, timed_out};
use crate::outage::{Outage, OutageMemory, Words};

/// Between two attempts at the start of a role.
const RETRY: Duration = Duration::from_secs(1);
/// One attempt to find out why the pool has no connection.
const LOOK: Duration = Duration::from_secs(3);

impl Database {
    /// Waits for a server that is away, as after a power cut, and says so. A schema that is not there yet, or a wrong
    /// password, is not waited for: connecting says it.
    pub async fn wait_until_there(config: &PgConfig, schema: &'static str) {
        let Ok(options) = PgConnectOptions::from_str(config.url.expose_secret()) else { return };
        let outage = outage_of(&options, schema);
        while let Err(error) = look(&options).await {
            if !error::is_disconnect(&error) {
                break;
            }
            outage.lost(&error.to_string());
            tokio::time::sleep(RETRY).await;
        }
        outage.served();
    }

    /// True if the database cannot be reached: that is told already, and whoever ran into it need say nothing.
    pub(crate) fn is_away(&self, error: &anyhow::Error) -> bool {
        of_the_driver(error).is_some_and(|error| self.note(error))
    }

    /// As [`Database::is_away`].
    pub(crate) fn note(&self, error: &sqlx::Error) -> bool {
        match error {
            // Everybody may have a connection and keep it; or there may be none because the server is away.
            sqlx::Error::PoolTimedOut => {
                self.outage.still();
                self.outage.is_away()
            }
            // The server ended the session of somebody who slept inside a transaction; it is there.
            sqlx::Error::Database(error) if error.code().as_deref() == Some("25P03") => false,
            error if error::is_disconnect(error) => {
                self.outage.lost(&error.to_string());
                true
            }
            _ => false,
        }
    }

    /// For the health of a part.
    pub(crate) fn outage(&self) -> &Outage {
        &self.outage
    }
}

/// The driver's error in an error of a service, which may have kept it as it was.
fn of_the_driver(error: &anyhow::Error) -> Option<&sqlx::Error> {
    error.chain().find_map(|cause| {
        let ours = cause.downcast_ref::<PgError>().map(|error| &error.source);
        ours.or_else(|| cause.downcast_ref::<sqlx::Error>())
    })
}

/// As [`PgError::is_disconnect`], for an error of a service.
pub(crate) fn is_disconnected(error: &anyhow::Error) -> bool {
    of_the_driver(error).is_some_and(error::is_disconnect)
}

/// Names the host, never the user or the password.
pub(super) fn outage_of(options: &PgConnectOptions, schema: &str) -> Outage {
    let place = match options.get_socket() {
        Some(socket) => socket.display().to_string(),
        None => format!("{}:{}", options.get_host(), options.get_port()),
    };
    let words = Words {
        what: format!("database of {schema}"),
        subject: format!("the database of {schema} at {place}"),
        meaning: "What needs it waits or gets 503",
    };
    Outage::new(words, OutageMemory::default())
}

/// The pool says only that it waited long enough: the reason is asked for.
pub(super) async fn why(options: &PgConnectOptions, error: sqlx::Error) -> sqlx::Error {
    match error {
        sqlx::Error::PoolTimedOut => look(options).await.err().unwrap_or(error),
        error => error,
    }
}

async fn look(options: &PgConnectOptions) -> Result<(), sqlx::Error> {
    let connected = tokio::time::timeout(LOOK, options.connect()).await;
    let connection = connected.map_err(|_| timed_out("connect to the database").source)??;
    // It did what it was for.
    let _ = connection.close().await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    use super::*;

    /// A role whose recomputing asked the pool itself ended after a minute without its database.
    #[test]
    fn a_connection_that_is_gone_is_seen_in_every_wrapping() {
        let gone = || sqlx::Error::Io(std::io::ErrorKind::ConnectionRefused.into());
        let wrapped = [
            anyhow::Error::from(gone()),
            anyhow::Error::from(PgError::new("begin", gone())),
            Err::<(), _>(gone()).context("fold again").expect_err("an error"),
            anyhow::Error::from(PgError::from(sqlx::Error::PoolTimedOut)).context("fold again"),
        ];
        for error in &wrapped {
            assert!(is_disconnected(error), "{error:#}");
        }
        for other in [anyhow::anyhow!("no model"), anyhow::Error::from(sqlx::Error::RowNotFound)] {
            assert!(!is_disconnected(&other), "{other:#}");
        }
    }

    #[test]
    fn a_place_is_a_host_and_a_port_and_no_secret() {
        let options = PgConnectOptions::from_str("postgres://role:secret@db.example:6543/leadflow").expect("a URL");
        let outage = outage_of(&options, "tested");
        outage.lost("refused");
        let said = outage.describe().expect("away");
        assert!(said.starts_with("the database of tested at db.example:6543 does not answer"), "{said}");
        assert!(!said.contains("secret"), "{said}");
    }
}
