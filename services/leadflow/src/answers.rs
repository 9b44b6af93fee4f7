//! Whether what comes back to mails is known as such: nurture writes two domains into them, and ingest must know both. Looked
//! at where one file configures both roles.

use leadflow_ingest::sources::OwnDomains;
use leadflow_nurture::config::SenderConfig;

use crate::config::RootConfig;

/// Looks at the file of the sources.
///
/// # Errors
/// What does not fit and what to write where, or that the file cannot be read.
pub(crate) fn check(config: &RootConfig) -> anyhow::Result<()> {
    let (Some(ingest), Some(nurture)) = (&config.ingest, &config.nurture) else { return Ok(()) };
    let wrong = misfits(&nurture.sender, &leadflow_ingest::own_domains(&ingest.sources_file)?);
    anyhow::ensure!(wrong.is_empty(), "{}: {}", ingest.sources_file.display(), wrong.join("; "));
    Ok(())
}

fn misfits(sender: &SenderConfig, known: &OwnDomains) -> Vec<String> {
    let mut wrong = Vec::new();
    // Whoever takes no mails back needs no mailbox.
    let ids = sender.message_id_domain().to_ascii_lowercase();
    if !known.message_ids.is_empty() && !known.message_ids.contains(&ids) {
        wrong.push(format!(
            "no mailbox has {ids} (nurture.sender.message_id_domain) under our_message_ids, so bounces and answers would not be \
             known as such; add it there"
        ));
    }
    let replies = sender.reply_domain.as_deref().map(str::to_ascii_lowercase);
    if let Some(replies) = replies.filter(|domain| !known.replies.contains(domain)) {
        wrong.push(format!(
            "no mailbox has {replies} (nurture.sender.reply_domain) under reply_domains, so answers to our mails would not be \
             known as such, and journeys would go on; add it there"
        ));
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(ids: &[&str], replies: &[&str]) -> OwnDomains {
        let set = |domains: &[&str]| domains.iter().map(|domain| (*domain).to_owned()).collect();
        OwnDomains { message_ids: set(ids), replies: set(replies) }
    }

    fn sender(more: &str) -> SenderConfig {
        let yaml = format!("{{ name: Seller, email: hello@seller.example, postal_address: 1 Sample Street{more} }}");
        serde_saphyr::from_str(&yaml).expect("a sender")
    }

    #[test]
    fn what_ingest_does_not_know_is_said_with_its_place() {
        let both = ", message_id_domain: Mail.seller.example, reply_domain: reply.seller.example";
        for (more, known, expected) in [
            (both, known(&["mail.seller.example"], &["reply.seller.example"]), vec![]),
            (both, known(&["mail.seller.example"], &["mail.seller.example"]), vec!["reply.seller.example"]),
            (both, known(&["seller.example"], &["x.example"]), vec!["mail.seller.example", "reply.seller.example"]),
            (both, known(&[], &[]), vec!["reply.seller.example"]),
            ("", known(&["seller.example"], &[]), vec![]),
            ("", known(&["mail.seller.example"], &[]), vec!["seller.example"]),
            ("", known(&[], &[]), vec![]),
        ] {
            let found = misfits(&sender(more), &known);
            assert_eq!(found.len(), expected.len(), "{more}: {found:?}");
            for (text, domain) in found.iter().zip(expected) {
                assert!(text.starts_with(&format!("no mailbox has {domain} (nurture.sender.")), "{text}");
            }
        }
    }

    #[test]
    fn the_samples_fit() {
        let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/config/sources.yaml");
        let file: leadflow_ingest::sources::file::SourcesFile =
            serde_saphyr::from_str(&std::fs::read_to_string(file).expect("the sample")).expect("a sources file");
        let sources = leadflow_ingest::sources::Sources::compile(&file, |_| Ok("a-secret-of-some-length".to_owned()));
        let known = sources.expect("it is right").own_domains();
        // As `make run` writes it.
        let sample = ", message_id_domain: mail.seller.example, reply_domain: mail.seller.example";
        let script = include_str!("../../../deploy/local/lib/leadflow.sh");
        for line in sample.trim_start_matches(", ").split(", ") {
            assert!(script.contains(line), "{line}");
        }
        assert_eq!(misfits(&sender(sample), &known), Vec::<String>::new());
    }
}
