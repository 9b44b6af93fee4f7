//! TLS by files. Renewed files are taken up within half a minute; a pair that does not fit is refused and the old one stays.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde::{Deserialize, Serialize};
use tokio_rustls::TlsAcceptor;

const LOOK_EVERY: Duration = Duration::from_secs(30);

/// Where certificate and key are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, garde::Validate, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    /// PEM, the server's certificate first, then the intermediate ones.
    #[garde(skip)]
    pub certificate_file: PathBuf,
    /// PEM, PKCS#8, PKCS#1 or SEC1.
    #[garde(skip)]
    pub key_file: PathBuf,
}

#[derive(Debug)]
pub(super) struct Acceptor {
    config: TlsConfig,
    state: Mutex<State>,
}

struct State {
    acceptor: TlsAcceptor,
    content: (Vec<u8>, Vec<u8>),
    looked: Instant,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("State")
    }
}

impl Acceptor {
    pub(super) fn new(config: &TlsConfig) -> anyhow::Result<Self> {
        let content = read(config)?;
        let acceptor = build(&content)
            .with_context(|| format!("could not use the certificate {}", config.certificate_file.display()))?;
        let state = State { acceptor, content, looked: Instant::now() };
        Ok(Self { config: config.clone(), state: Mutex::new(state) })
    }

    /// For the next handshake. Two small files are read in place, twice a minute.
    pub(super) fn current(&self) -> TlsAcceptor {
        self.current_after(LOOK_EVERY)
    }

    fn current_after(&self, age: Duration) -> TlsAcceptor {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.looked.elapsed() >= age {
            state.looked = Instant::now();
            self.renew(&mut state);
        }
        state.acceptor.clone()
    }

    fn renew(&self, state: &mut State) {
        let renewed = read(&self.config).and_then(|content| {
            if content == state.content {
                return Ok(None);
            }
            Ok(Some((build(&content)?, content)))
        });
        match renewed {
            Ok(None) => {}
            Ok(Some((acceptor, content))) => {
                tracing::info!("the TLS certificate was renewed");
                (state.acceptor, state.content) = (acceptor, content);
            }
            Err(error) => tracing::warn!("the TLS files changed and are not usable, the old ones stay: {error:#}"),
        }
    }
}

fn read(config: &TlsConfig) -> anyhow::Result<(Vec<u8>, Vec<u8>)> {
    let read = |path: &Path| std::fs::read(path).with_context(|| format!("could not read {}", path.display()));
    Ok((read(&config.certificate_file)?, read(&config.key_file)?))
}

fn build((certificate, key): &(Vec<u8>, Vec<u8>)) -> anyhow::Result<TlsAcceptor> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(certificate)
        .collect::<Result<_, _>>()
        .context("the certificate file is not PEM")?;
    anyhow::ensure!(!chain.is_empty(), "the certificate file holds no certificate");
    let key = PrivateKeyDer::from_pem_slice(key).context("the key file holds no private key in PEM")?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .context("certificate and key do not belong together")?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write_pair(folder: &Path) {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
        std::fs::write(folder.join("tls.crt"), made.cert.pem()).expect("written");
        std::fs::write(folder.join("tls.key"), made.signing_key.serialize_pem()).expect("written");
    }

    #[test]
    fn renewed_files_are_taken_and_bad_ones_are_not() {
        let folder = std::env::temp_dir().join(format!("leadflow-tls-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        write_pair(&folder);
        let config = TlsConfig { certificate_file: folder.join("tls.crt"), key_file: folder.join("tls.key") };
        let acceptor = Acceptor::new(&config).expect("usable files");
        let first = acceptor.current_after(Duration::ZERO);
        let same = |other: &TlsAcceptor| Arc::ptr_eq(first.config(), other.config());
        assert!(same(&acceptor.current_after(Duration::ZERO)), "nothing changed");
        for bad in ["", "nonsense"] {
            std::fs::write(folder.join("tls.key"), bad).expect("written");
            assert!(same(&acceptor.current_after(Duration::ZERO)), "the old one stays");
        }
        write_pair(&folder);
        assert!(same(&acceptor.current_after(LOOK_EVERY)), "not looked at yet");
        assert!(!same(&acceptor.current_after(Duration::ZERO)), "renewed");
        std::fs::remove_dir_all(&folder).expect("removed");
    }
}
