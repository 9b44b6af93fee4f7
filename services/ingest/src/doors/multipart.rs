//! `multipart/form-data` that is already in memory. Of a form files are not kept: their name is a field, their bytes go.
//! Of a mail that a provider took apart everything is.

use std::borrow::Cow;

use bytes::Bytes;
use futures::stream;

use crate::domain::form::Posted;
use crate::domain::hook::Part;
use crate::domain::limits;
use crate::domain::reject::{Reason, Reject};

/// The fields in order.
///
/// # Errors
/// `INVALID_FORM`, `TOO_MANY_FIELDS`.
pub(super) async fn fields(content_type: &str, body: Bytes) -> Result<Posted<'static>, Reject> {
    let mut parts = open(content_type, body)?;
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

/// Everything in order, files with their bytes.
///
/// # Errors
/// `INVALID_FORM`, `TOO_MANY_FIELDS`.
pub(super) async fn parts(content_type: &str, body: Bytes) -> Result<Vec<Part>, Reject> {
    let mut open = open(content_type, body)?;
    let mut parts = Vec::new();
    while let Some(part) = open.next_field().await.map_err(wrong)? {
        if parts.len() == limits::FIELDS {
            return Err(Reject::new(Reason::TooManyFields, "", "a form has at most 512 fields"));
        }
        parts.push(Part {
            name: part.name().unwrap_or_default().to_owned(),
            file: part.file_name().map(str::to_owned),
            media_type: part.content_type().map(|kind| kind.essence_str().to_owned()).unwrap_or_default(),
            bytes: part.bytes().await.map_err(wrong)?,
        });
    }
    Ok(parts)
}

fn open(content_type: &str, body: Bytes) -> Result<multer::Multipart<'static>, Reject> {
    let boundary = multer::parse_boundary(content_type).map_err(wrong)?;
    let whole = stream::iter([Ok::<_, std::convert::Infallible>(body)]);
    Ok(multer::Multipart::new(whole, boundary))
}

fn wrong(_: multer::Error) -> Reject {
    Reject::new(Reason::InvalidForm, "", "the body is not multipart/form-data with the boundary of its header")
}
