//! A sales tool that follows the stream through every fault: it keeps its cursor, is cut off again and again, and writes
//! down what it saw. The oracle compares that with the topic.

use std::fs::File;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use leadflow_proto::assignment::v1::{
    Filter, Start, WatchAssignmentsRequest, assignment_stream_service_client::AssignmentStreamServiceClient,
    start::Position,
};
use leadflow_simulator::setup;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

/// One event as the stream delivered it, in order of delivery.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Seen {
    pub(crate) lead_id: String,
    pub(crate) incarnation: i32,
    pub(crate) sequence: i32,
    pub(crate) event_id: String,
}

/// Follows until `stop`; the connection is dropped on purpose every few seconds, on alternating replicas.
pub(crate) async fn follow(
    urls: Vec<String>,
    api_key: String,
    path: PathBuf,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let mut file = File::create(path)?;
    let mut cursor = None;
    for connection in 0usize.. {
        let url = &urls[connection % urls.len()];
        let piece = tokio::time::timeout(Duration::from_secs(4), read(url, &api_key, &mut cursor, &mut file));
        tokio::select! {
            () = stop.cancelled() => break,
            // A timeout is our own cut; an error is the role's fault or ours: either way the cursor is all we keep.
            _ = piece => tokio::time::sleep(Duration::from_millis(200)).await,
        }
    }
    Ok(())
}

async fn read(url: &str, api_key: &str, cursor: &mut Option<String>, file: &mut File) -> anyhow::Result<()> {
    let mut client = AssignmentStreamServiceClient::new(setup::connect(url, api_key).await?);
    let position = cursor.clone().map_or(Position::Earliest(true), Position::AfterCursor);
    let filter = Filter { include_test: true, ..Default::default() };
    let request = WatchAssignmentsRequest {
        start: Some(Start { position: Some(position) }),
        filter: Some(filter),
        max_batch: 100,
    };
    let mut responses = client.watch_assignments(request).await?.into_inner();
    while let Some(response) = responses.message().await? {
        for item in response.items {
            let Some(event) = item.event else { continue };
            let seen = Seen {
                lead_id: event.lead_id,
                incarnation: event.incarnation,
                sequence: event.sequence,
                event_id: event.event_id,
            };
            // Written and kept in one step without an await between: what was written is what the cursor says.
            serde_json::to_writer(&mut *file, &seen)?;
            file.write_all(b"\n")?;
            *cursor = Some(item.cursor);
        }
    }
    Ok(())
}
