//! The company of a person: the one its sender named, else the one that owns the domain of the address.

use uuid::Uuid;

use crate::domain::rules::mail_domain::company_domain;

use super::Profile;

/// Namespace of account ids.
const ACCOUNT: Uuid = Uuid::from_u128(0x5f0b_6a3e_7d1c_5a44_9c6e_1d2f_8a90_b3c1);

/// A company.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// UUIDv5 of the sender's id of the company or of the domain.
    pub account_id: Uuid,
    /// Registrable domain; empty if only the sender's id is known.
    pub domain: String,
}

/// The account of a person with this main address. Free mail and throw-away domains make none.
#[must_use]
pub fn account_of(profile: &Profile, main_email: Option<&str>) -> Option<Account> {
    let domain = main_email.and_then(company_domain).unwrap_or_default();
    if let Some(group) = &profile.group_id {
        let account_id = Uuid::new_v5(&ACCOUNT, format!("group:{}", group.value).as_bytes());
        return Some(Account { account_id, domain: domain.to_owned() });
    }
    (!domain.is_empty()).then(|| Account {
        account_id: Uuid::new_v5(&ACCOUNT, format!("domain:{domain}").as_bytes()),
        domain: domain.to_owned(),
    })
}
