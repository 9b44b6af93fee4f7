//! What the section refuses, and in which words.

use std::path::Path;

use leadflow_platform::config::from_yaml;

use super::*;

fn config(sender: &str, more: &str) -> Result<NurtureConfig, String> {
    let text = format!(
        "listen: 127.0.0.1:0\ndatabase: {{ url: \"postgres://x\" }}\npublic_url: https://mail.seller.example\n\
         smtp: {{ url: \"smtp://relay.example\" }}\n\
         sender: {{ name: S, email: a@seller.example, postal_address: 1 Sample Street{sender} }}\n{more}\n"
    );
    from_yaml(Path::new("leadflow.yaml"), &text).map_err(|error| error.to_string())
}

#[test]
fn what_can_work_is_taken() {
    for (sender, more) in [
        ("", ""),
        (", message_id_domain: mail.seller.example, reply_domain: Reply.Seller.example", ""),
        (", reply_domain: müller.example", "allow_only: [\"@seller.example\", ada@buyer.example, \"@Müller.example\"]"),
        ("", "allow_only: []"),
        ("", "trusted_proxies: [203.0.113.0/24]"),
    ] {
        assert!(config(sender, more).is_ok(), "{sender} {more}: {:?}", config(sender, more).err());
    }
}

#[test]
fn what_cannot_work_is_refused_with_field_and_remedy() {
    for (sender, more, field, remedy) in [
        (", reply_domain: mail seller", "", "sender.reply_domain", "write one like mail.seller.example"),
        (", reply_domain: \"\"", "", "sender.reply_domain", "write one like"),
        (", reply_domain: \"reply@seller.example\"", "", "sender.reply_domain", "without @"),
        (", reply_domain: \"https://seller.example\"", "", "sender.reply_domain", "without https://"),
        (", reply_domain: \"seller.example \"", "", "sender.reply_domain", "write one like"),
        (", message_id_domain: \"x> evil\"", "", "sender.message_id_domain", "write one like"),
        ("", "allow_only: [seller.example]", "allow_only[0]", "a domain with its @ like \"@seller.example\""),
        ("", "allow_only: [ada@seller.example, \"@\"]", "allow_only[1]", "a domain with its @"),
        ("", "trusted_proxies: [proxy.example]", "trusted_proxies", "is not a network"),
        ("", "allow_only: [\"@ seller.example\"]", "allow_only[0]", "a domain with its @"),
    ] {
        let error = config(sender, more).expect_err(&format!("{sender} {more} was taken"));
        assert!(error.contains(field) && error.contains(remedy), "{error}");
    }
}
