//! The sender: one HTTP client that knows where ingest is and waits for its acknowledgement.

use std::time::Duration;

use anyhow::Context as _;

use crate::call::Call;

/// Where the doors are.
#[derive(Clone, Debug)]
pub struct Doors {
    client: reqwest::Client,
    url: String,
    write_key: String,
}

/// What a door said.
#[derive(Clone, Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Body, cut at 2 KiB.
    pub body: String,
}

impl Answer {
    /// Whether the broker has it: any 2xx, or the redirect of a form.
    #[must_use]
    pub fn accepted(&self) -> bool {
        (200..300).contains(&self.status) || self.status == 303
    }

    /// Whether the same call should be sent again later.
    #[must_use]
    pub fn try_again(&self) -> bool {
        self.status == 429 || self.status == 503
    }
}

impl Doors {
    /// `url` without a trailing slash.
    ///
    /// # Errors
    /// If the HTTP client cannot be made.
    pub fn new(url: &str, write_key: &str) -> anyhow::Result<Self> {
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(Duration::from_secs(5))
            .timeout(Duration::from_secs(30))
            .build()
            .context("cannot make an HTTP client")?;
        Ok(Self { client, url: url.trim_end_matches('/').to_owned(), write_key: write_key.to_owned() })
    }

    /// Sends once and returns the answer, whatever it is.
    ///
    /// # Errors
    /// If no answer came: nobody knows whether the call was taken; the same call may be sent again.
    pub async fn send(&self, call: &Call) -> anyhow::Result<Answer> {
        let url = format!("{}{}", self.url, call.path());
        let request = match call {
            Call::Segment { body, .. } => self.client.post(&url).basic_auth(&self.write_key, Some("")).json(body),
            Call::Form { fields, .. } => self.client.post(&url).form(fields),
            Call::Mail { mime, .. } => self
                .client
                .post(&url)
                .basic_auth(&self.write_key, Some(""))
                .header("content-type", "message/rfc822")
                .body(mime.clone()),
        };
        let response = request.send().await.with_context(|| format!("no answer from {url}"))?;
        let status = response.status().as_u16();
        let mut body = response.text().await.unwrap_or_default();
        if body.len() > 2048 {
            let end = (0..=2048).rev().find(|at| body.is_char_boundary(*at)).unwrap_or(0);
            body.truncate(end);
        }
        Ok(Answer { status, body })
    }

    /// Sends until the broker has it, at most `attempts` times: the sender's own message id makes that harmless.
    ///
    /// # Errors
    /// If the door refuses the call, or never answers.
    pub async fn deliver(&self, call: &Call, attempts: u32) -> anyhow::Result<Answer> {
        let mut pause = Duration::from_millis(200);
        let mut last = None;
        for _ in 0..attempts {
            match self.send(call).await {
                Ok(answer) if answer.accepted() => return Ok(answer),
                Ok(answer) if !answer.try_again() => {
                    anyhow::bail!("{} answered {}: {}", call.path(), answer.status, answer.body)
                }
                Ok(answer) => last = Some(anyhow::anyhow!("{} answered {}", call.path(), answer.status)),
                Err(error) => last = Some(error),
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(2));
        }
        Err(last.unwrap_or_else(|| anyhow::anyhow!("no attempt was made")))
    }
}
