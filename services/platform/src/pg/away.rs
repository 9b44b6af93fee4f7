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
        error.chain().any(|cause| {
            let pg = cause.downcast_ref::<PgError>().map(|error| &error.source);
            pg.or_else(|| cause.downcast_ref::<sqlx::Error>()).is_some_and(|error| self.note(error))
        })
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
