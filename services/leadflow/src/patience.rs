//! Waiting for a broker or a database: never silent on a terminal, never longer than somebody looks at one.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use leadflow_platform::kafka::KafkaConfig;
use leadflow_platform::pg::PgConfig;
use secrecy::ExposeSecret as _;

/// Longest wait for one question of an operator.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// A sign of life on stderr while something is waited for; nothing where stderr is no terminal. Ends with its value.
pub(crate) struct Waiting(ProgressBar);

impl Waiting {
    /// `what` is our own words: "asking the broker at 127.0.0.1:9092".
    pub(crate) fn for_(what: impl Into<std::borrow::Cow<'static, str>>) -> Self {
        let bar = ProgressBar::new_spinner().with_message(what);
        bar.enable_steady_tick(Duration::from_millis(200));
        Self(bar)
    }

    /// As [`Waiting::for_`], of so many steps.
    pub(crate) fn for_steps(what: impl Into<std::borrow::Cow<'static, str>>, steps: usize) -> Self {
        let bar = ProgressBar::new(u64::try_from(steps).unwrap_or(u64::MAX)).with_message(what);
        if let Ok(style) = ProgressStyle::with_template("{msg} {pos}/{len} {wide_bar}") {
            bar.set_style(style);
        }
        Self(bar)
    }

    /// One step is done.
    pub(crate) fn step(&self) {
        self.0.inc(1);
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// The answer of a question to the broker.
///
/// # Errors
/// What the question says, or that the broker does not answer within [`PATIENCE`].
pub(crate) async fn of_broker<T, E>(
    kafka: &KafkaConfig,
    question: impl Future<Output = Result<T, E>>,
) -> anyhow::Result<T>
where
    anyhow::Error: From<E>,
{
    within(PATIENCE, kafka, question).await
}

async fn within<T, E>(
    limit: Duration,
    kafka: &KafkaConfig,
    question: impl Future<Output = Result<T, E>>,
) -> anyhow::Result<T>
where
    anyhow::Error: From<E>,
{
    match tokio::time::timeout(limit, question).await {
        Ok(answer) => Ok(answer?),
        Err(_) => anyhow::bail!(away(kafka)),
    }
}

/// "the broker at 127.0.0.1:9092 does not answer within 5 s: ..."
pub(crate) fn away(kafka: &KafkaConfig) -> String {
    format!(
        "the broker at {} does not answer within {} s; start it, or correct `kafka.brokers`",
        kafka.brokers,
        PATIENCE.as_secs()
    )
}

/// Host and port of a database, without anything secret of its URL.
pub(crate) fn place(config: &PgConfig) -> String {
    let Ok(url) = config.url.expose_secret().parse::<tonic::transport::Uri>() else {
        return "the configured address".to_owned();
    };
    match url.host() {
        Some(host) => format!("{host}:{}", url.port_u16().unwrap_or(5432)),
        None => "the configured address".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kafka() -> KafkaConfig {
        serde_json::from_value(serde_json::json!({ "brokers": "127.0.0.1:1" })).expect("a configuration")
    }

    #[tokio::test]
    async fn a_broker_that_never_answers_is_named() {
        let never = std::future::pending::<Result<(), anyhow::Error>>();
        let error = within(Duration::ZERO, &kafka(), never).await.expect_err("it never answers");
        assert!(format!("{error:#}").starts_with("the broker at 127.0.0.1:1 does not answer within 5 s"), "{error:#}");
        let own = of_broker(&kafka(), async { Err::<(), _>(anyhow::anyhow!("no such topic")) }).await;
        assert_eq!(format!("{:#}", own.expect_err("its own error")), "no such topic");
    }

    #[test]
    fn a_database_is_named_without_its_password() {
        let table = [
            ("postgres://role:s3cret@db.example:5433/leadflow", "db.example:5433"),
            ("postgres://role:s3cret@db.example/leadflow?sslmode=require", "db.example:5432"),
            ("postgres://role:s3c ret@db.example/leadflow", "the configured address"),
            ("postgres:///leadflow?host=/run/postgresql", "the configured address"),
        ];
        for (url, expected) in table {
            let config = serde_json::from_value(serde_json::json!({ "url": url })).expect("a configuration");
            assert_eq!(place(&config), expected, "{url}");
        }
    }
}
