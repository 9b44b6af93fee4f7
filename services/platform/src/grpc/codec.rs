//! What tonic's codec says about a message that it cannot read: INTERNAL, or OUT_OF_RANGE, as if the fault were ours or a
//! cursor had expired. It is the caller's, so the caller is told so, with a reason as in every other error.
//!
//! The codec answers before any service of ours is reached, without details; errors of ours always have details, so that none
//! of them is taken for one of the codec's. Its words are no promise of tonic's: a test holds them.

use axum::response::Response;
use tonic::{Code, Status};

use crate::error::{ApiError, Code as ApiCode};

const DETAILS: &str = "grpc-status-details-bin";
/// Of prost; the type, the field and what is wrong with it follow, never a value.
const UNREADABLE: &str = "failed to decode Protobuf message";
/// Both lengths follow.
const TOO_LARGE: &str = "Error, decoded message length too large";

/// The same answer, unless it blames us for the caller's bytes.
pub(crate) fn blame_the_caller(response: Response) -> Response {
    let refused = Status::from_header_map(response.headers()).filter(|_| !response.headers().contains_key(DETAILS));
    match refused.as_ref().and_then(in_our_words) {
        Some(error) => Status::from(error).into_http(),
        None => response,
    }
}

fn in_our_words(status: &Status) -> Option<ApiError> {
    match status.code() {
        Code::Internal => {
            let rest = status.message().strip_prefix(UNREADABLE)?;
            let message = format!("the request is not the protobuf message of this method{rest}");
            Some(ApiError::new(ApiCode::InvalidArgument, message).with_reason("INVALID_PROTOBUF"))
        }
        Code::OutOfRange => {
            let rest = status.message().strip_prefix(TOO_LARGE)?;
            Some(ApiError::new(ApiCode::PayloadTooLarge, format!("the message is too large{rest}")))
        }
        _ => None,
    }
}
