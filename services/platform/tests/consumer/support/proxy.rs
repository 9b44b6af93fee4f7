//! A TCP proxy in front of PostgreSQL that can be down, and that can swallow the answer to a COMMIT which the server has
//! carried out.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use leadflow_platform::pg::{Database, PgConfig};
use leadflow_platform::testing::TestDatabase;
use secrecy::ExposeSecret as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::{CancellationToken, DropGuard};

/// See the head of this file.
pub(crate) struct FaultProxy {
    config: PgConfig,
    state: Arc<State>,
    _ended: DropGuard,
}

struct State {
    server: String,
    /// Cancelled: down. Replaced when it comes up again.
    up: Mutex<CancellationToken>,
    /// Answers to COMMIT that will be swallowed.
    cuts_left: AtomicUsize,
    cuts_done: AtomicUsize,
}

impl FaultProxy {
    /// In front of this database; up.
    pub(crate) async fn before(database: &TestDatabase, tasks: &leadflow_platform::run::Tasks) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let mut config = database.config();
        let url = config.url.expose_secret().to_owned();
        let (head, tail) = url.split_once('@').expect("a user");
        let (server, name) = tail.split_once('/').expect("a database");
        config.url = format!("{head}@{address}/{name}").into();
        let state = Arc::new(State {
            server: server.to_owned(),
            up: Mutex::default(),
            cuts_left: AtomicUsize::new(0),
            cuts_done: AtomicUsize::new(0),
        });
        let ended = CancellationToken::new();
        let (serving, stop) = (Arc::clone(&state), ended.clone());
        tasks.spawn("fault proxy", async move {
            let _ = stop.run_until_cancelled(serve(listener, serving)).await;
            Ok(())
        });
        Self { config, state, _ended: ended.drop_guard() }
    }

    /// A pool that goes through the proxy.
    pub(crate) async fn connect(&self) -> Database {
        Database::connect(&self.config, "platform", "tested").await.expect("a pool through the proxy")
    }

    /// Cuts every connection and lets none in.
    pub(crate) fn take_down(&self) {
        self.state.up.lock().expect("no panic while held").cancel();
    }

    /// As before.
    pub(crate) fn bring_up(&self) {
        *self.state.up.lock().expect("no panic while held") = CancellationToken::new();
    }

    /// The next COMMITs are carried out, but their answers do not arrive: the connection is cut instead.
    pub(crate) fn cut_commits(&self, count: usize) {
        self.state.cuts_left.store(count, Ordering::SeqCst);
    }

    /// How many were.
    pub(crate) fn cuts_done(&self) -> usize {
        self.state.cuts_done.load(Ordering::SeqCst)
    }
}

async fn serve(listener: TcpListener, state: Arc<State>) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        let up = state.up.lock().expect("no panic while held").clone();
        let state = Arc::clone(&state);
        connections.spawn(async move {
            // Down: the connection is dropped right away.
            let _ = up.run_until_cancelled(pump(client, &state)).await;
        });
    }
}

async fn pump(mut client: TcpStream, state: &State) -> std::io::Result<()> {
    let mut server = TcpStream::connect(&state.server).await?;
    let (mut up, mut down) = (vec![0; 64 * 1024], vec![0; 64 * 1024]);
    let mut swallow = false;
    loop {
        tokio::select! {
            read = client.read(&mut up) => {
                let bytes = &up[..read?];
                if bytes.is_empty() {
                    return Ok(());
                }
                let left = &state.cuts_left;
                if has_commit(bytes) && left.load(Ordering::SeqCst) > 0 {
                    left.fetch_sub(1, Ordering::SeqCst);
                    swallow = true;
                }
                server.write_all(bytes).await?;
            }
            read = server.read(&mut down) => {
                let bytes = &down[..read?];
                if bytes.is_empty() {
                    return Ok(());
                }
                if swallow && has_commit(bytes) {
                    state.cuts_done.fetch_add(1, Ordering::SeqCst);
                    return Ok(());
                }
                client.write_all(bytes).await?;
            }
        }
    }
}

/// The statement, and the server's word that it was carried out.
fn has_commit(bytes: &[u8]) -> bool {
    bytes.windows(7).any(|window| window == b"COMMIT\0")
}
