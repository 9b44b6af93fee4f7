//! Links and the picture. A hit is kept and answered at once; whether it was a person's is judged a minute later.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, Path, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use leadflow_platform::error::ApiError;
use uuid::Uuid;

use super::page::{Page, quiet};
use super::{Door, Visitor};
use crate::domain::verdict::{HONEYPOT, PICTURE};
use crate::mail::LinkKind;
use crate::store;

/// A transparent picture of one point.
const GIF: &[u8] =
    b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00,\x00\x00\x00\x00\
\x01\x00\x01\x00\x00\x02\x02D\x01\x00;";

/// `GET|HEAD /c/{token}`: to where the link leads. The destination stands in our table and nowhere else.
pub(super) async fn click(
    State(door): State<Door>,
    Path(token): Path<String>,
    method: Method,
    peer: Option<axum::Extension<ConnectInfo<SocketAddr>>>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let Some((message_id, number)) = door.signer.open(LinkKind::Click, &token) else {
        return Ok(door.unknown());
    };
    let visitor = door.visitor(peer.as_ref().map(|peer| &peer.0), &headers);
    let link_no = i32::from(number);
    let links = match store::link::target(door.database.pool(), message_id).await? {
        Some(target) => {
            door.keep(message_id, link_no, &method, &visitor).await?;
            target.links
        }
        // A test that a marketer sent to himself: it leads on, and nobody counts.
        None => store::sample::links(door.database.pool(), message_id).await?.unwrap_or_default(),
    };
    let destination = usize::from(number).checked_sub(1).and_then(|place| links.get(place));
    let location = destination.and_then(|url| HeaderValue::from_str(url).ok()).filter(|_| link_no != HONEYPOT);
    let Some(location) = location else { return Ok(door.unknown()) };
    let mut answer = StatusCode::FOUND.into_response();
    quiet(&mut answer);
    answer.headers_mut().insert(header::LOCATION, location);
    Ok(answer)
}

/// `GET /o/{token}.gif`: somebody's program has shown the mail. Many show nothing, and some show everything: unreliable.
pub(super) async fn picture(
    State(door): State<Door>,
    Path(token): Path<String>,
    method: Method,
    peer: Option<axum::Extension<ConnectInfo<SocketAddr>>>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let token = token.strip_suffix(".gif").unwrap_or(&token);
    if let Some((message_id, _)) = door.signer.open(LinkKind::Open, token)
        && store::link::target(door.database.pool(), message_id).await?.is_some()
    {
        let visitor = door.visitor(peer.as_ref().map(|peer| &peer.0), &headers);
        door.keep(message_id, PICTURE, &method, &visitor).await?;
    }
    let mut answer = ([(header::CONTENT_TYPE, "image/gif")], GIF).into_response();
    quiet(&mut answer);
    Ok(answer)
}

impl Door {
    async fn keep(&self, message_id: Uuid, link_no: i32, method: &Method, visitor: &Visitor) -> Result<(), ApiError> {
        let mut tx = self.database.write_tx("link_hit").await?;
        let now = tx.now();
        store::link::insert(tx.connection(), message_id, link_no, now, method.as_str(), &visitor.0).await?;
        tx.commit().await?;
        Ok(())
    }

    /// The same for every token that leads nowhere: nobody learns anything by trying.
    pub(super) fn unknown(&self) -> Response {
        let page = Page {
            title: "This link leads nowhere".to_owned(),
            lines: vec!["It may have been cut when it was copied. Take it from the mail once more.".to_owned()],
            sender: self.sender_line(),
            ..Page::default()
        };
        page.answer(StatusCode::NOT_FOUND)
    }

    /// Name and postal address; many write the name into the address as well, as it stands on an envelope.
    pub(super) fn sender_line(&self) -> String {
        let sender = &self.config.sender;
        let names_itself = sender.postal_address.to_lowercase().starts_with(&sender.name.to_lowercase());
        if names_itself { sender.postal_address.clone() } else { format!("{}, {}", sender.name, sender.postal_address) }
    }
}
