//! Mails: templates and what they may say, links that are signed and counted, and the message that goes to the relay. Pure:
//! the same input gives the same bytes. Sending is [`crate::smtp`]'s.

mod check;
mod compose;
mod context;
mod edits;
mod engine;
mod fault;
mod fill;
mod home;
mod html;
mod led_away;
mod links;
mod markers;
mod mjml;
mod plain_text;
mod sample;
mod source;
mod statements;
mod suggest;
mod template;
mod tracking;
mod url;
mod values;
mod visible;

pub use check::{Known, Problem};
pub use compose::{ComposeError, Composed, Mailbox, Outgoing, Unsubscribe, compose};
pub use context::{
    ContactContext, JourneyContext, LeadContext, LinksContext, MailContext, OwnerContext, SenderContext,
};
pub use fault::{Part, Place, RenderError, TemplateError};
pub use links::{HONEYPOT, LinkKind, LinkSigner};
pub use source::TemplateSource;
pub use template::{LARGEST_HTML, LARGEST_SOURCE, LONGEST_LINE, MOST_LINKS, MailKind, Rendered, Template};
pub use tracking::{Destination, TrackError, Tracked, track};
pub use url::LinkFault;
