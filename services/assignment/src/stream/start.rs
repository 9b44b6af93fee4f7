//! Where a reader begins: a cursor, a named subscription, a time, the earliest, the latest.

use leadflow_platform::error::ApiError;
use leadflow_platform::pg::Database;
use leadflow_proto::assignment::v1::{Start, start::Position};

use super::cursor::Cursor;
use super::store;

/// Resolves a start to a cursor. Without one: earliest.
///
/// # Errors
/// `INVALID_ARGUMENT` for what is no cursor, `OUT_OF_RANGE` with the oldest cursor for one that begins before what is kept.
pub(super) async fn resolve(
    database: &Database,
    incarnation: i32,
    partitions: i32,
    start: Option<Start>,
) -> Result<Cursor, ApiError> {
    let pool = database.pool();
    let floor = store::floor(pool, incarnation).await?;
    let cursor = match start.and_then(|start| start.position) {
        None | Some(Position::Earliest(_)) => return Ok(floor),
        Some(Position::Latest(_)) => return Ok(store::latest(pool, incarnation, partitions).await?),
        Some(Position::Since(at)) => {
            let at = jiff::Timestamp::new(at.seconds, at.nanos)
                .map_err(|_| ApiError::invalid("start.since", "is no time between the years -9999 and 9999"))?;
            return Ok(store::since(pool, incarnation, partitions, at).await?);
        }
        Some(Position::AfterCursor(text)) => parse("start.after_cursor", &text)?,
        Some(Position::Subscription(name)) => {
            check_name("start.subscription", &name)?;
            match store::subscription(pool, &name).await? {
                Some(text) => parse("start.subscription", &text)?,
                None => return Ok(floor),
            }
        }
    };
    check_age(&cursor, &floor)?;
    check_end("start.after_cursor", &cursor, &store::latest(pool, incarnation, partitions).await?, &floor)?;
    Ok(cursor)
}

/// A cursor is only ever made of what was read: one that lies behind the end is made up, and would wait in vain.
///
/// # Errors
/// `INVALID_ARGUMENT` with the field.
pub(super) fn check_end(field: &str, cursor: &Cursor, latest: &Cursor, floor: &Cursor) -> Result<(), ApiError> {
    let end = |partition: i32| latest.next_of(partition).max(floor.next_of(partition));
    if cursor.next.iter().all(|(partition, next)| *next <= end(*partition)) {
        return Ok(());
    }
    let message = "lies behind the end of the stream; take one from an item, a response or a heartbeat";
    Err(ApiError::invalid(field, message).with_reason("CURSOR_INVALID"))
}

/// A cursor in a request.
///
/// # Errors
/// `INVALID_ARGUMENT` with the field.
pub(super) fn parse(field: &str, text: &str) -> Result<Cursor, ApiError> {
    text.parse::<Cursor>().map_err(|error| ApiError::invalid(field, error.to_string()).with_reason("CURSOR_INVALID"))
}

/// Name of a subscription: 1 to 64 characters of `A-Z a-z 0-9 . _ -`.
///
/// # Errors
/// `INVALID_ARGUMENT` with the field.
pub(super) fn check_name(field: &str, name: &str) -> Result<(), ApiError> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    if name.is_empty() || name.len() > 64 || !name.bytes().all(fits) {
        return Err(ApiError::invalid(field, "takes 1 to 64 letters, digits, dots, dashes and underscores"));
    }
    Ok(())
}

fn check_age(cursor: &Cursor, floor: &Cursor) -> Result<(), ApiError> {
    let before_floor = floor.next.iter().any(|(partition, kept)| cursor.next_of(*partition) < *kept);
    if cursor.incarnation == floor.incarnation && !before_floor {
        return Ok(());
    }
    let message = "the cursor begins before what is kept; read the present state (GetAssignment), then go on from the oldest cursor";
    Err(ApiError::out_of_range("CURSOR_EXPIRED", message).with_metadata("oldest_cursor", floor.to_string()))
}
