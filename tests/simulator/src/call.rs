//! One call at a public door, as data: it can be sent, and it can be printed as the curl that sends it again.

use serde_json::Value;

/// What is sent, and where.
#[derive(Clone, Debug)]
pub enum Call {
    /// `POST /v1/{method}` with the write key.
    Segment {
        /// track, page, identify, group, alias, batch.
        method: &'static str,
        /// The message.
        body: Value,
    },
    /// `POST /v1/forms/{form}`, urlencoded.
    Form {
        /// Name of the form in the sources file.
        form: &'static str,
        /// Fields in order.
        fields: Vec<(&'static str, String)>,
    },
    /// `POST /v1/email/{mailbox}`, raw MIME.
    Mail {
        /// Name of the mailbox in the sources file.
        mailbox: &'static str,
        /// The mail as it came from the relay.
        mime: String,
    },
}

impl Call {
    /// Path of the door.
    #[must_use]
    pub fn path(&self) -> String {
        match self {
            Call::Segment { method, .. } => format!("/v1/{method}"),
            Call::Form { form, .. } => format!("/v1/forms/{form}"),
            Call::Mail { mailbox, .. } => format!("/v1/email/{mailbox}"),
        }
    }

    /// A command line that sends the very same call; keys and addresses from the environment of `.local/env`.
    #[must_use]
    pub fn curl(&self) -> String {
        let url = format!("\"$LEADFLOW_INGEST_URL{}\"", self.path());
        match self {
            Call::Segment { body, .. } => {
                format!(
                    "curl -sS -u \"$LEADFLOW_WRITE_KEY:\" -H 'content-type: application/json' -d {} {url}",
                    quoted(&body.to_string())
                )
            }
            Call::Form { fields, .. } => {
                let fields: Vec<String> = fields
                    .iter()
                    .map(|(name, value)| format!("--data-urlencode {}", quoted(&format!("{name}={value}"))))
                    .collect();
                format!("curl -sS {} {url}", fields.join(" "))
            }
            Call::Mail { mime, .. } => format!(
                "printf '%b' {} | curl -sS -u \"$LEADFLOW_WRITE_KEY:\" -H 'content-type: message/rfc822' --data-binary @- {url}",
                quoted(&mime.replace('\\', "\\\\").replace("\r\n", "\\r\\n"))
            ),
        }
    }
}

/// In single quotes for a POSIX shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_in_the_words_of_a_visitor_does_not_end_the_shell_word() {
        let call = Call::Segment { method: "track", body: serde_json::json!({ "event": "it's" }) };
        assert!(call.curl().contains(r#"'{"event":"it'\''s"}'"#));
    }
}
