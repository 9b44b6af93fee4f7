//! `leadflow erase` and `leadflow recompute`: commands about one person.

use leadflow_proto::qualification::v1::{
    ErasePersonRequest, RecomputePersonRequest, erase_person_request, recompute_person_request,
};

use crate::client::Connection;
use crate::figures::{count, points};
use crate::output::Output;

/// Who is meant: exactly one.
#[derive(Debug, clap::Args)]
pub(crate) struct PersonKey {
    /// An e-mail address, or the id of a lead.
    #[arg(value_name = "E-MAIL|LEAD", required_unless_present_any = ["person", "anonymous"])]
    who: Option<String>,
    /// Public id of the person.
    #[arg(long, value_name = "ID", conflicts_with = "who")]
    person: Option<String>,
    /// Browser id of a visitor.
    #[arg(long, value_name = "ID", conflicts_with_all = ["who", "person"])]
    anonymous: Option<String>,
}

/// Remove a person's data everywhere.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Their traces keep the numbers without the person; a tombstone keeps any replay from bringing them back."
)]
pub(crate) struct Erase {
    #[command(flatten)]
    key: PersonKey,
    /// Do it; without it nothing is removed.
    #[arg(long)]
    yes: bool,
}

enum Key {
    Lead(String),
    Person(String),
    Email(String),
    Anonymous(String),
}

impl PersonKey {
    fn parse(self) -> anyhow::Result<Key> {
        match (self.who, self.person, self.anonymous) {
            (Some(who), _, _) if who.contains('@') => Ok(Key::Email(who)),
            (Some(who), _, _) => {
                anyhow::ensure!(
                    uuid::Uuid::parse_str(&who).is_ok(),
                    "`{who}` is neither an e-mail address nor a lead id"
                );
                Ok(Key::Lead(who))
            }
            (None, Some(person), _) => Ok(Key::Person(person)),
            (None, None, Some(anonymous)) => Ok(Key::Anonymous(anonymous)),
            (None, None, None) => anyhow::bail!("name a person: an e-mail address, a lead id, --person or --anonymous"),
        }
    }
}

impl Erase {
    pub(crate) async fn run(self, connection: &Connection, output: Output) -> anyhow::Result<()> {
        use erase_person_request::Key as Wire;
        anyhow::ensure!(self.yes, "erasing cannot be undone; add --yes to do it");
        let key = match self.key.parse()? {
            Key::Lead(id) => Wire::LeadId(id),
            Key::Person(id) => Wire::PersonId(id),
            Key::Email(email) => Wire::Email(email),
            Key::Anonymous(id) => Wire::AnonymousId(id),
        };
        let request = ErasePersonRequest { key: Some(key), request_id: uuid::Uuid::now_v7().to_string() };
        let response = connection.qualification_admin().await?.erase_person(request).await?.into_inner();
        let sentence = format!(
            "erased person {}: {}, {}",
            response.person_id,
            count(response.timeline_entries, "timeline entry"),
            count(response.lead_ids.len(), "lead")
        );
        output.done(&response, sentence)
    }
}

/// Folds the timeline again.
pub(crate) async fn recompute(key: PersonKey, connection: &Connection, output: Output) -> anyhow::Result<()> {
    use recompute_person_request::Key as Wire;
    let key = match key.parse()? {
        Key::Lead(id) => Wire::LeadId(id),
        Key::Person(id) => Wire::PersonId(id),
        Key::Email(email) => Wire::Email(email),
        Key::Anonymous(id) => Wire::AnonymousId(id),
    };
    let request = RecomputePersonRequest { key: Some(key) };
    let response = connection.qualification_admin().await?.recompute_person(request).await?.into_inner();
    let sentence = format!(
        "person {}: {} points, grade {}{}",
        response.person_id,
        points(response.engagement_milli_points),
        response.fit_grade,
        if response.changed { ", changed" } else { ", as before" }
    );
    output.done(&response, sentence)
}
