//! Endpoints of others that journeys call, and a relay with a fault for each of those who meet one.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::http::StatusCode;
use leadflow_e2e::Otherwise;
use leadflow_mailbox::{Fault, Script};
use leadflow_platform::run::Tasks;
use leadflow_platform::server::{self, Limits};

use crate::people::{REFUSED, UNCERTAIN, UNWANTED, WORD};

/// Endpoints of others, who repeat in their answers what they were sent.
pub(crate) struct Endpoints {
    folder: PathBuf,
    address: SocketAddr,
    called: Arc<AtomicUsize>,
    _tasks: Tasks,
}

impl Endpoints {
    pub(crate) async fn start() -> Self {
        let called = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&called);
        let answer = move |axum::extract::Path(name): axum::extract::Path<String>, body: axum::body::Bytes| {
            assert!(String::from_utf8_lossy(&body).to_lowercase().contains(WORD), "the call carries the lead");
            counted.fetch_add(1, Ordering::SeqCst);
            let status = if name == "crm" { StatusCode::OK } else { StatusCode::INTERNAL_SERVER_ERROR };
            std::future::ready((status, body))
        };
        let routes = axum::Router::new().route("/{name}", axum::routing::post(answer));
        let (tasks, listener) = (Tasks::new(), server::bind(([127, 0, 0, 1], 0).into()).await.expect("a port"));
        let address = listener.local_addr();
        server::serve(&tasks, "endpoints", listener, routes, Limits::default());
        let folder = std::env::temp_dir().join(format!("leadflow-canary-{}", uuid::Uuid::now_v7()));
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::write(folder.join("secret"), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("a secret");
        Self { folder, address, called, _tasks: tasks }
    }

    /// How often, by anybody.
    pub(crate) fn called(&self) -> usize {
        self.called.load(Ordering::SeqCst)
    }

    /// Configuration with them, and a relay with a fault for each of those who meet one.
    pub(crate) fn otherwise(&self) -> Otherwise {
        let pinned = [
            (REFUSED.normal(), Fault::RcptNever),
            (UNCERTAIN.normal(), Fault::KeepThenCut),
            (UNWANTED.normal(), Fault::EndNever),
        ];
        let (address, secret) = (self.address, self.folder.join("secret"));
        let secret = secret.display();
        let endpoint =
            |name: &str, url: String| format!("  {name}: {{ url: \"{url}\", secret_files: [\"{secret}\"] }}\n");
        let nurture_lines = format!(
            "topics: {{ news: News }}\nwebhook_client: {{ allow_http: true, allow_networks: [127.0.0.0/8] }}\nwebhooks:\n{}{}{}",
            endpoint("crm", format!("http://{address}/crm")),
            endpoint("broken", format!("http://{address}/broken")),
            // A top-level domain that nobody has (RFC 2606).
            endpoint("nowhere", "http://no-such-name.invalid:8080/".to_owned()),
        );
        Otherwise { script: Script { pinned: pinned.into(), ..Script::default() }, nurture_lines }
    }
}

impl Drop for Endpoints {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
