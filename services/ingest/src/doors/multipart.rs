//! `multipart/form-data` of a form that is already in memory. Files are not kept: their name is a field, their bytes go.

use std::borrow::Cow;

use bytes::Bytes;
use futures::stream;

use crate::domain::form::Posted;
use crate::domain::limits;
use crate::domain::reject::{Reason, Reject};

/// The fields in order.
///
/// # Errors
/// `INVALID_FORM`, `TOO_MANY_FIELDS`.
pub(super) async fn fields(content_type: &str, body: Bytes) -> Result<Posted<'static>, Reject> {
    let wrong =
        |_| Reject::new(Reason::InvalidForm, "", "the body is not multipart/form-data with the boundary of its header");
    let boundary = multer::parse_boundary(content_type).map_err(wrong)?;
    let whole = stream::iter([Ok::<_, std::convert::Infallible>(body)]);
    let mut parts = multer::Multipart::new(whole, boundary);
    let mut fields: Posted<'static> = Vec::new();
    while let Some(part) = parts.next_field().await.map_err(wrong)? {
        if fields.len() == limits::FIELDS {
            return Err(Reject::new(Reason::TooManyFields, "", "a form has at most 512 fields"));
        }
        let name = part.name().unwrap_or_default().to_owned();
        let file = part.file_name().map(str::to_owned);
        let value = match file {
            Some(file) => file,
            None => String::from_utf8_lossy(&part.bytes().await.map_err(wrong)?).into_owned(),
        };
        fields.push((Cow::Owned(name), Cow::Owned(value)));
    }
    Ok(fields)
}
