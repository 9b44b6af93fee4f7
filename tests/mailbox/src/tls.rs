//! The certificate of a mailbox: made at its start for localhost, trusted by whoever is handed it.

use std::net::IpAddr;
use std::sync::Arc;

use anyhow::Context as _;
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio_rustls::TlsAcceptor;

/// An acceptor, and the PEM of the certificate that a client has to trust.
pub(crate) fn acceptor(listen: IpAddr) -> anyhow::Result<(TlsAcceptor, String)> {
    let names = vec!["localhost".to_owned(), listen.to_string()];
    let made = rcgen::generate_simple_self_signed(names).context("could not make a certificate")?;
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).map_err(anyhow::Error::msg)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)?;
    Ok((TlsAcceptor::from(Arc::new(config)), made.cert.pem()))
}
