//! Keys whose source the sources file does not name, or names no longer. Their events are taken, because refusing them would
//! lose them, but most of their names mean nothing any more: somebody should hear of it.

use std::collections::BTreeSet;
use std::time::Duration;

use leadflow_platform::access::{Access, Grant, Scope};
use leadflow_platform::clock::wall_now;
use leadflow_platform::run::Tasks;
use leadflow_platform::telemetry::metrics::INGEST_KEYS_WITHOUT_SOURCE;

use crate::sources::SourcesHandle;

/// Both files are read again every two seconds.
const INTERVAL: Duration = Duration::from_secs(2);

/// Name of a key and the source that is missing.
type Sourceless = BTreeSet<(String, String)>;

/// Looks now and whenever one of the files may have changed; each key is named once.
pub(crate) fn watch(tasks: &Tasks, access: Access, sources: SourcesHandle) {
    let stop = tasks.stop_token();
    tasks.spawn("sourceless-keys", async move {
        let number = INGEST_KEYS_WITHOUT_SOURCE.gauge();
        let mut known = Sourceless::new();
        loop {
            let grants = access.grants(wall_now());
            let found = find(grants.iter().map(AsRef::as_ref), &sources.current().names());
            tell(&known, &found);
            number.record(f64::from(u32::try_from(found.len()).unwrap_or(u32::MAX)), &[]);
            known = found;
            if stop.run_until_cancelled(tokio::time::sleep(INTERVAL)).await.is_none() {
                return Ok(());
            }
        }
    });
}

fn find<'a>(grants: impl Iterator<Item = &'a Grant>, sources: &BTreeSet<String>) -> Sourceless {
    let publishers = grants.filter(|grant| grant.scopes.contains(&Scope::Publish));
    let missing = |grant: &'a Grant| {
        let missing = grant.sources.iter().filter(|source| !sources.contains(*source));
        missing.map(|source| (grant.name.clone(), source.clone()))
    };
    publishers.flat_map(missing).collect()
}

fn tell(known: &Sourceless, found: &Sourceless) {
    for (key, source) in found.difference(known) {
        tracing::warn!(
            key,
            source,
            "the sources file has no source {source:?}, but the key {key:?} publishes as it: its events are taken, and \
             names that the file mapped become custom. Add the source again, or type `leadflow key revoke {key}`"
        );
    }
    for (key, source) in known.difference(found) {
        tracing::info!(key, source, "the source {source:?} of the key {key:?} is there again, or the key is gone");
    }
}
