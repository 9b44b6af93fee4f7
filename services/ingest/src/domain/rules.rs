//! What a source's own words mean: its names for kinds, its consent categories, its traits. Compiled from the sources
//! file; the domain only reads it.

use std::collections::HashMap;
use std::sync::Arc;

use uuid::Uuid;

use super::kind::{Kind, Sender};

/// Every source id becomes a name space below this one, so that two sources never share an event id. Frozen: it is part
/// of the deduplication key.
const SOURCES: Uuid = Uuid::from_u128(0x8f0c_3d1e_5b77_4c1a_9d55_6c65_6164_666c);

/// Where in an event a value stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FieldPath {
    /// "properties.email".
    Property(Box<str>),
    /// "traits.email": the event's traits, else `context.traits`.
    Trait(Box<str>),
}

impl FieldPath {
    /// Reads "properties.NAME" or "traits.NAME"; NAME may have dots.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text.split_once('.')? {
            (_, "") => None,
            ("properties", name) => Some(Self::Property(name.into())),
            ("traits", name) => Some(Self::Trait(name.into())),
            _ => None,
        }
    }
}

/// What one of a sender's names means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameRule {
    /// The kind.
    pub kind: Kind,
    /// Where the person's e-mail address stands, if not where it usually does.
    pub email: Option<FieldPath>,
    /// The same for the phone number.
    pub phone: Option<FieldPath>,
    /// The same for what the person wrote.
    pub text: Option<FieldPath>,
}

impl NameRule {
    /// A kind with everything in its usual place.
    #[must_use]
    pub const fn plain(kind: Kind) -> Self {
        Self { kind, email: None, phone: None, text: None }
    }
}

/// One source.
#[derive(Clone, Debug)]
pub struct SourceRules {
    /// Its id, as in keys and on the timeline.
    pub id: Arc<str>,
    /// Name space of its event ids.
    pub namespace: Uuid,
    /// By the sender's name, as it is written.
    pub names: HashMap<Box<str>, NameRule>,
    /// Consent category to purpose.
    pub consent: HashMap<Box<str>, Arc<str>>,
    /// The sender's trait name to ours, before the built-in table.
    pub traits: HashMap<Box<str>, Arc<str>>,
    /// ISO 3166-1 alpha-2 region of phone numbers that have no country code.
    pub region: Option<Box<str>>,
    /// Batches up to 4 MiB.
    pub rudderstack: bool,
    /// Everything from here is smoke-test traffic.
    pub test: bool,
}

impl SourceRules {
    /// A source without a mapping of its own.
    #[must_use]
    pub fn new(id: &str) -> Self {
        Self {
            id: id.into(),
            namespace: Uuid::new_v5(&SOURCES, id.as_bytes()),
            names: HashMap::new(),
            consent: HashMap::new(),
            traits: HashMap::new(),
            region: None,
            rudderstack: false,
            test: false,
        }
    }

    /// What `name` means: the source's mapping first, then our own word for a kind, else custom.
    #[must_use]
    pub fn rule_of(&self, name: &str, sender: Sender) -> NameRule {
        if let Some(rule) = self.names.get(name) {
            return rule.clone();
        }
        let own = Kind::from_name(name).filter(|kind| kind.may_be_named_by(sender));
        NameRule::plain(own.unwrap_or(Kind::Custom))
    }

    /// Our name of one of the sender's traits.
    #[must_use]
    pub fn trait_name<'a>(&'a self, name: &'a str) -> &'a str {
        if let Some(ours) = self.traits.get(name) {
            return ours;
        }
        match name {
            "firstName" | "first_name" | "firstname" | "givenName" => "given_name",
            "lastName" | "last_name" | "lastname" | "familyName" => "family_name",
            "fullName" | "full_name" => "name",
            "company.name" | "companyName" | "company_name" | "organization" | "organisation" => "company",
            "company.industry" => "industry",
            "company.employees" | "company.employee_count" | "employeeCount" | "employee_count" => "employees",
            "address.country" | "country_code" | "countryCode" => "country",
            "address.city" => "city",
            "jobTitle" | "job_title" | "position" => "title",
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mapping_comes_before_our_own_words() {
        let mut rules = SourceRules::new("website");
        rules.names.insert("Demo Requested".into(), NameRule::plain(Kind::DemoRequest));
        rules.names.insert("chat".into(), NameRule::plain(Kind::Custom));
        let kind = |name: &str, sender| rules.rule_of(name, sender).kind;
        assert_eq!(kind("Demo Requested", Sender::Browser), Kind::DemoRequest);
        assert_eq!(kind("demo_request", Sender::Browser), Kind::DemoRequest);
        assert_eq!(kind("chat", Sender::Browser), Kind::Custom);
        assert_eq!(kind("unsubscribed", Sender::Browser), Kind::Custom);
        assert_eq!(kind("unsubscribed", Sender::Server), Kind::Unsubscribed);
        assert_eq!(kind("Something Else", Sender::Server), Kind::Custom);
    }

    #[test]
    fn the_name_space_of_a_source_never_changes() {
        assert_eq!(SourceRules::new("website").namespace.to_string(), "fd829669-96c9-5a00-9868-d790372bb7a1");
    }

    #[test]
    fn paths_name_a_property_or_a_trait() {
        assert_eq!(FieldPath::parse("properties.a.b"), Some(FieldPath::Property("a.b".into())));
        assert_eq!(FieldPath::parse("traits.email"), Some(FieldPath::Trait("email".into())));
        for wrong in ["email", "context.email", "properties."] {
            assert_eq!(FieldPath::parse(wrong), None, "{wrong}");
        }
    }
}
