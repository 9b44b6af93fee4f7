//! TLS by files: both protocols by ALPN, silence before the handshake, files that do not fit.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get as on_get;
use leadflow_platform::run::Tasks;
use leadflow_platform::server::{self, Limits, Listener, TlsConfig};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::support::{Answer, Folder, PATIENCE, get};

struct Files {
    folder: Folder,
    certificate: rcgen::Certificate,
}

impl Files {
    fn new() -> Self {
        let folder = Folder::new();
        let certificate = write_pair(&folder);
        Self { folder, certificate }
    }

    fn config(&self) -> TlsConfig {
        TlsConfig { certificate_file: self.folder.path("tls.crt"), key_file: self.folder.path("tls.key") }
    }

    fn connector(&self, protocol: &[u8]) -> TlsConnector {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.der().clone()).expect("a root");
        let mut config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![protocol.to_vec()];
        TlsConnector::from(Arc::new(config))
    }

    async fn connect(&self, listener: std::net::SocketAddr, protocol: &[u8]) -> TlsStream<TcpStream> {
        let stream = TcpStream::connect(listener).await.expect("a connection");
        let name = ServerName::try_from("localhost").expect("a name");
        self.connector(protocol).connect(name, stream).await.expect("a handshake")
    }
}

fn write_pair(folder: &Folder) -> rcgen::Certificate {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    folder.write("tls.crt", &made.cert.pem());
    folder.write("tls.key", &made.signing_key.serialize_pem());
    made.cert
}

async fn listener() -> Listener {
    server::bind(([127, 0, 0, 1], 0).into()).await.expect("a free port")
}

fn router() -> Router {
    Router::new().route("/", on_get(|| async { "hello" }))
}

#[tokio::test]
async fn https_speaks_both_protocols_by_alpn() {
    let files = Files::new();
    let listener = listener().await.with_tls(&files.config()).expect("usable files");
    let (address, tasks) = (listener.local_addr(), Tasks::new());
    server::serve(&tasks, "public", listener, router(), Limits::default());

    let mut stream = files.connect(address, b"http/1.1").await;
    stream.write_all(get("/").as_bytes()).await.expect("sent");
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes).await;
    assert_eq!(Answer(String::from_utf8(bytes).expect("text")).body(), "hello");

    let stream = files.connect(address, b"h2").await;
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let (client, connection) = h2::client::handshake(stream).await.expect("HTTP/2");
    let ask = async {
        let mut client = client.ready().await.expect("ready");
        let request = http::Request::get(format!("https://{address}/")).body(()).expect("a request");
        let (response, _) = client.send_request(request, true).expect("sent");
        response.await.expect("an answer").status()
    };
    tokio::select! {
        status = ask => assert_eq!(status, 200),
        ended = connection => panic!("{ended:?}"),
    }
    tasks.run_until(std::future::ready(()), PATIENCE).await.expect("a clean end");
}

#[tokio::test]
async fn silence_and_plain_text_before_the_handshake_are_closed() {
    let files = Files::new();
    let listener = listener().await.with_tls(&files.config()).expect("usable files");
    let (address, tasks) = (listener.local_addr(), Tasks::new());
    let limits = Limits { first_request: Duration::from_millis(200), ..Limits::default() };
    server::serve(&tasks, "public", listener, router(), limits);
    for start in ["", "\u{16}", "GET / HTTP/1.1\r\n\r\n"] {
        let mut stream = TcpStream::connect(address).await.expect("a connection");
        stream.write_all(start.as_bytes()).await.expect("sent");
        Answer::read_to_end(&mut stream).await;
    }
    // The time of the handshake and of the first request is one.
    let mut stream = files.connect(address, b"http/1.1").await;
    let ended = tokio::time::timeout(PATIENCE, stream.read_u8()).await.expect("closed");
    ended.expect_err("nothing was asked for");
    tasks.run_until(std::future::ready(()), PATIENCE).await.expect("a clean end");
}

#[tokio::test]
async fn files_that_do_not_fit_are_named_at_start() {
    let files = Files::new();
    let refused = async |expected: &str| {
        let error = format!("{:#}", listener().await.with_tls(&files.config()).expect_err("refused"));
        assert!(error.contains(expected), "{error}");
    };
    let other = rcgen::generate_simple_self_signed(["other.test".to_owned()]).expect("a certificate");
    files.folder.write("tls.key", &other.signing_key.serialize_pem());
    refused("certificate and key do not belong together").await;
    files.folder.write("tls.key", "nonsense");
    refused("the key file holds no private key in PEM").await;
    files.folder.write("tls.crt", "nonsense");
    refused("the certificate file holds no certificate").await;
    std::fs::remove_file(files.folder.path("tls.crt")).expect("removed");
    refused("could not read ").await;
}
