//! STARTTLS: what was said in the clear is forgotten.

use leadflow_mailbox::{Config, Mailbox, Tls};

use crate::support::{Client, Folder};

#[tokio::test]
async fn starttls_is_offered_and_nothing_in_the_clear_survives_it() {
    let folder = Folder::new();
    let mailbox = Mailbox::start(Config { tls: Tls::StartTls, ..Config::new(&folder.0) }).await.unwrap();
    assert!(mailbox.certificate().unwrap().starts_with("-----BEGIN CERTIFICATE-----"));
    let mut client = Client::silent(&mailbox).await;
    client.reply().await;
    client.say("EHLO client.test").await;
    assert!(client.reply().await.contains("STARTTLS"));
    // Behind STARTTLS in the same packet: an injected command must not be answered, and what follows is no handshake.
    client.send(b"STARTTLS\r\nNOOP\r\n").await;
    assert!(client.reply().await.starts_with("220"));
    client.say("NOOP").await;
    let after = client.reply().await;
    assert!(!after.starts_with("250"), "{after:?}");
}
