//! Refusals of the rules, in the words of the API.

use leadflow_platform::error::ApiError;

/// Every refusal that a rep's command can meet: reason, and what to do about it.
const REFUSALS: [(&str, &str); 7] = [
    ("NOT_OFFERED", "no offer of this lead is open; look at its present state with GetAssignment"),
    ("NOT_YOURS", "this lead is with another rep at the moment"),
    ("OFFER_EXPIRED", "the time to answer this offer is over; it passes on"),
    ("NOT_ACCEPTED", "accept the lead first"),
    ("REP_INACTIVE", "this rep was deactivated and takes no leads"),
    ("STAGE_UNCHANGED", "the lead has this stage already"),
    ("NO_OUTCOME", "an outcome is sql, recycled, won or lost"),
];

/// `FAILED_PRECONDITION` with the refusal as its reason.
pub(super) fn to_error(refusal: &str) -> ApiError {
    match REFUSALS.iter().find(|(reason, _)| *reason == refusal) {
        Some((reason, message)) => ApiError::failed_precondition(reason, *message),
        None => ApiError::internal("a command was refused for a reason without words", refusal),
    }
}
