//! Tells every waiting reader of every process that rows were added: one notification after each commit, coalesced, and a
//! listener with a poll as a net. Readers wait on a counter, not on the database.

use std::sync::Arc;
use std::time::Duration;

use leadflow_platform::pg::Database;
use leadflow_platform::run::Tasks;
use sqlx::postgres::PgListener;
use tokio::sync::{Notify, watch};

use super::store;

/// If a notification is lost, readers look all the same after this long.
const NET: Duration = Duration::from_secs(1);

/// Starts the two tasks; the receiver's value changes whenever rows may have been added.
pub fn start(tasks: &Tasks, database: &Database, added: Arc<Notify>) -> watch::Receiver<u64> {
    let (changed, receiver) = watch::channel(0);
    let changed = Arc::new(changed);
    tasks.spawn("stream-notifier", notifier(tasks.handle(), database.clone(), added, Arc::clone(&changed)));
    tasks.spawn("stream-listener", listener(tasks.handle(), database.clone(), changed));
    receiver
}

/// Own readers at once, those of other processes through the database.
async fn notifier(
    tasks: Tasks,
    database: Database,
    added: Arc<Notify>,
    changed: Arc<watch::Sender<u64>>,
) -> anyhow::Result<()> {
    let stop = tasks.stop_token();
    loop {
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = added.notified() => {}
        }
        changed.send_modify(|count| *count += 1);
        let told = tokio::time::timeout(Duration::from_secs(5), store::notify(database.pool())).await;
        if !matches!(told, Ok(Ok(()))) {
            // The others poll: nothing is lost but a moment.
            tracing::debug!("other processes were not told of new stream rows");
        }
    }
}

async fn listener(tasks: Tasks, database: Database, changed: Arc<watch::Sender<u64>>) -> anyhow::Result<()> {
    let stop = tasks.stop_token();
    let mut listener = None;
    while !stop.is_cancelled() {
        if listener.is_none() {
            listener = connect(&database).await;
        }
        let heard = async {
            match &mut listener {
                Some(listener) => listener.recv().await.is_ok(),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            alive = heard => if !alive { listener = None },
            () = tokio::time::sleep(NET) => {}
        }
        changed.send_modify(|count| *count += 1);
    }
    Ok(())
}

async fn connect(database: &Database) -> Option<PgListener> {
    let attempt = async {
        let mut listener = PgListener::connect_with(database.pool()).await?;
        listener.listen(store::CHANNEL).await?;
        Ok::<_, sqlx::Error>(listener)
    };
    tokio::time::timeout(Duration::from_secs(5), attempt).await.ok()?.ok()
}
