//! Who sends: the key, what it may do, from which pages, and how much at a time.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, NotUntil, Quota, RateLimiter};
use http::{HeaderMap, header};
use jiff::Timestamp;
use leadflow_platform::access::{Access, Grant, Scope};
use leadflow_platform::error::ApiError;
use leadflow_platform::run::Tasks;

use super::body::header_text;
use crate::domain::kind::Sender;

/// How often limiters of senders that were not seen for a while are forgotten.
const FORGET: Duration = Duration::from_secs(60);

/// Whether a request that names a key may publish.
///
/// # Errors
/// 401 without a valid key, 403 without the scope or from a page that may not use the key.
pub(crate) fn authenticate(
    access: &Access,
    headers: &HeaderMap,
    body_key: &str,
    now: Timestamp,
) -> Result<Arc<Grant>, ApiError> {
    let grant = match headers.get(header::AUTHORIZATION) {
        Some(_) => access.from_headers(headers, now)?,
        None if body_key.is_empty() => {
            let message =
                "send the write key: Basic auth with the key as user, a Bearer token, or writeKey in the body";
            return Err(ApiError::unauthenticated("API_KEY_MISSING", message));
        }
        None => access.authenticate(body_key, now)?,
    };
    may_publish(&grant, headers)?;
    Ok(grant)
}

/// The scope, and for keys of web pages the page's origin.
///
/// # Errors
/// 403.
pub(crate) fn may_publish(grant: &Grant, headers: &HeaderMap) -> Result<(), ApiError> {
    grant.require(Scope::Publish)?;
    let origin = Some(header_text(headers, header::ORIGIN)).filter(|origin| !origin.is_empty());
    if grant.allows_origin(origin) {
        return Ok(());
    }
    let message = match (grant.browser, origin) {
        (true, None) => "this key is for web pages: the request needs an Origin",
        (true, Some(_)) => "this key may not be used from pages of this origin: add the origin to the key",
        (false, _) => "this key is for servers and must not stand in a web page: make a browser key",
    };
    Err(ApiError::permission_denied("ORIGIN_NOT_ALLOWED", message))
}

/// A key that stands in a page is everybody's: with it one could write as anybody.
///
/// # Errors
/// 403.
pub(crate) fn may_send_mail(grant: &Grant) -> Result<(), ApiError> {
    if !grant.browser {
        return Ok(());
    }
    let message = "a browser key sends Segment calls and forms, no mail: use the key of a server";
    Err(ApiError::permission_denied("BROWSER_KEY_NOT_ALLOWED", message))
}

/// What the key says about its holder.
pub(crate) fn kind_of(grant: &Grant) -> Sender {
    if grant.browser { Sender::Browser } else { Sender::Server }
}

/// How much each sender may send.
#[derive(Debug)]
pub(crate) struct RateLimits {
    events: DefaultKeyedRateLimiter<Box<str>>,
    form_posts: DefaultKeyedRateLimiter<Box<str>>,
    clock: DefaultClock,
}

impl RateLimits {
    pub(crate) fn new(events_per_second: u32, form_posts_per_second: u32) -> Self {
        let quota = |per_second: u32, burst: u32| {
            let per_second = NonZeroU32::new(per_second).unwrap_or(NonZeroU32::MIN);
            Quota::per_second(per_second).allow_burst(NonZeroU32::new(burst).unwrap_or(per_second))
        };
        Self {
            events: RateLimiter::keyed(quota(events_per_second, events_per_second.saturating_mul(2))),
            form_posts: RateLimiter::keyed(quota(form_posts_per_second, form_posts_per_second.saturating_mul(10))),
            clock: DefaultClock::default(),
        }
    }

    /// Takes `events` from a key.
    ///
    /// # Errors
    /// 429 with Retry-After.
    pub(crate) fn take_events(&self, grant: &Grant, events: usize) -> Result<(), ApiError> {
        let Some(events) = u32::try_from(events).ok().and_then(NonZeroU32::new) else { return Ok(()) };
        let key: Box<str> = grant.prefix.as_str().into();
        match self.events.check_key_n(&key, events) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(not_until)) => Err(self.later(&not_until)),
            // More at once than the burst: configuration forbids that for every batch a door takes.
            Err(_) => {
                Err(ApiError::resource_exhausted("RATE_LIMITED", "too many events at once", Duration::from_secs(1)))
            }
        }
    }

    /// Takes one post from a public form.
    ///
    /// # Errors
    /// 429 with Retry-After.
    pub(crate) fn take_form_post(&self, form: &str) -> Result<(), ApiError> {
        self.form_posts.check_key(&form.into()).map_err(|not_until| self.later(&not_until))
    }

    fn later(&self, not_until: &NotUntil<<DefaultClock as governor::clock::Clock>::Instant>) -> ApiError {
        let wait = not_until.wait_time_from(self.clock.now()).max(Duration::from_secs(1));
        ApiError::resource_exhausted("RATE_LIMITED", "more than this key may send, send the same again later", wait)
    }

    /// Forgets the idle now and then.
    pub(crate) fn tend(self: &Arc<Self>, tasks: &Tasks) {
        let (limits, stop) = (Arc::clone(self), tasks.stop_token());
        tasks.spawn("rate-limits", async move {
            while stop.run_until_cancelled(tokio::time::sleep(FORGET)).await.is_some() {
                limits.events.retain_recent();
                limits.form_posts.retain_recent();
            }
            Ok(())
        });
    }
}
