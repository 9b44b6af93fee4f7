//! Certificates that hold and certificates that do not.

use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::Router;
use axum::extract::Request;
use axum::routing::post;
use leadflow_platform::run::Tasks;
use leadflow_platform::server::{self, TlsConfig};
use leadflow_platform::webhook::{Delivery, Failure, Limits, SystemNames, WebhookClient, WebhookConfig};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};

use crate::support::{Names, PATIENCE, client_with, config, deliver};

/// A folder of the test's own, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("leadflow-webhook-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, text).expect("written");
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut params = CertificateParams::new([]).expect("no names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("a certificate")
}

/// A receiver with the certificate of an authority. It answers with the version of HTTP that was spoken: 201 for HTTP/2.
struct Secured {
    address: SocketAddr,
    tasks: Tasks,
}

impl Secured {
    async fn start(folder: &Folder, authority: &Authority, params: CertificateParams) -> Self {
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, authority).expect("a certificate");
        let tls = TlsConfig {
            certificate_file: folder.write("tls.crt", &certificate.pem()),
            key_file: folder.write("tls.key", &key.serialize_pem()),
        };
        let router = Router::new().route(
            "/",
            post(async |request: Request| match request.version() {
                http::Version::HTTP_2 => http::StatusCode::CREATED,
                _ => http::StatusCode::OK,
            }),
        );
        let tasks = Tasks::new();
        let listener = server::bind(([127, 0, 0, 1], 0).into()).await.expect("a free port");
        let listener = listener.with_tls(&tls).expect("usable files");
        let address = listener.local_addr();
        server::serve(&tasks, "public", listener, router, server::Limits::default());
        Self { address, tasks }
    }

    fn url(&self) -> String {
        format!("https://hooks.customer.test:{}/", self.address.port())
    }

    async fn stop(self) {
        self.tasks.run_until(std::future::ready(()), PATIENCE).await.expect("a clean end");
    }
}

fn client(authorities_file: Option<PathBuf>) -> WebhookClient {
    let config = WebhookConfig { allow_http: false, authorities_file, ..config(&["127.0.0.1"]) };
    client_with(config, Limits::default(), Names::new([&["127.0.0.1"]]))
}

fn named(name: &str) -> CertificateParams {
    CertificateParams::new([name.to_owned()]).expect("a name")
}

#[tokio::test]
async fn a_certificate_of_an_authority_that_the_operator_trusts_holds() {
    let (folder, authority) = (Folder::new(), authority());
    let receiver = Secured::start(&folder, &authority, named("hooks.customer.test")).await;
    let trusting = client(Some(folder.write("ca.pem", &authority.pem())));
    assert_eq!(deliver(&trusting, &receiver.url()).await, Delivery::Delivered { status: 201 }, "over HTTP/2");
    drop(trusting);
    receiver.stop().await;
}

#[tokio::test]
async fn certificates_that_do_not_hold_say_why() {
    let (folder, authority) = (Folder::new(), authority());
    let trusting = client(Some(folder.write("ca.pem", &authority.pem())));
    let mut expired = named("hooks.customer.test");
    expired.not_before = date_time_ymd(2020, 1, 1);
    expired.not_after = date_time_ymd(2021, 1, 1);
    let mut future = named("hooks.customer.test");
    future.not_before = date_time_ymd(4000, 1, 1);
    for (client, params, expected) in [
        (&client(None), named("hooks.customer.test"), "authority that is not trusted"),
        (&trusting, named("other.customer.test"), "for another name"),
        (&trusting, expired, "has expired"),
        (&trusting, future, "not valid yet"),
    ] {
        let receiver = Secured::start(&folder, &authority, params).await;
        match deliver(client, &receiver.url()).await {
            Delivery::Retry { reason: Failure::Tls(words), after: None } => {
                assert!(words.contains(expected), "{words}, expected {expected}");
            }
            other => panic!("{expected}: {other:?}"),
        }
        receiver.stop().await;
    }
}

#[tokio::test]
async fn plain_text_where_tls_is_expected_gets_nothing() {
    let talkative = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("https://hooks.customer.test:{}/", talkative.local_addr().expect("an address").port());
    let answering = std::thread::spawn(move || {
        let (mut stream, _) = talkative.accept().expect("a connection");
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").expect("sent");
        let mut came = Vec::new();
        let _ = stream.read_to_end(&mut came);
        came
    });
    match deliver(&client(None), &url).await {
        Delivery::Retry { reason: Failure::Tls(words), .. } => assert_eq!(words, "the handshake failed"),
        other => panic!("{other:?}"),
    }
    let came = answering.join().expect("an end");
    assert_eq!(came.first(), Some(&0x16), "a handshake");
    for private in ["POST", "webhook", "something.happened"] {
        assert!(!came.windows(private.len()).any(|bytes| bytes == private.as_bytes()), "{private} in plain text");
    }
}

#[tokio::test]
async fn a_file_of_authorities_that_is_none_is_named_at_start() {
    let folder = Folder::new();
    let _ = client(None);
    for (path, expected) in [
        (folder.0.join("missing.pem"), "could not read"),
        (folder.write("empty.pem", ""), "holds no certificate"),
        (folder.write("text.pem", "no certificate\n"), "holds no certificate"),
    ] {
        let config = WebhookConfig { authorities_file: Some(path.clone()), ..WebhookConfig::default() };
        let error = WebhookClient::with(config, Limits::default(), Arc::new(SystemNames));
        let error = format!("{:#}", error.expect_err("refused"));
        assert!(error.contains(expected) && error.contains(&path.display().to_string()), "{error}");
    }
}
