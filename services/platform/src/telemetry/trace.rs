//! One trace from a request to what it causes, through HTTP headers, which carry gRPC's metadata too, and Kafka headers (W3C
//! Trace Context).
//!
//! A trace begins at a door, for the configured share of requests; everything after follows what the door decided. What is
//! not sampled carries no header, makes no span and costs a comparison. Without a collector a sampled context that came
//! in is handed on as it is.

use std::sync::OnceLock;

use http::HeaderMap;
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use crate::record::TraceParent;

/// Target of the spans that are made here.
pub const TARGET: &str = "leadflow::trace";
/// Name of the header on every carrier.
pub const HEADER: &str = "traceparent";

/// The part that a span plays, by OpenTelemetry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Answers a request.
    Server,
    /// Makes a request.
    Client,
    /// Sends a record.
    Producer,
    /// Processes records.
    Consumer,
    /// Anything else.
    Internal,
}

impl Kind {
    const fn as_str(self) -> &'static str {
        match self {
            Kind::Server => "server",
            Kind::Client => "client",
            Kind::Producer => "producer",
            Kind::Consumer => "consumer",
            Kind::Internal => "internal",
        }
    }
}

#[derive(Debug)]
struct Settings {
    spans: bool,
    ratio: f64,
}

static SETTINGS: OnceLock<Settings> = OnceLock::new();

pub(super) fn configure(spans: bool, ratio: f64) {
    // The second of two calls has failed already, with the logs.
    let _ = SETTINGS.set(Settings { spans, ratio });
}

fn spans() -> bool {
    SETTINGS.get().is_some_and(|settings| settings.spans)
}

/// The context to hand on to whatever is caused now: of the current span if it is sampled; without a collector, the one that
/// the request brought. `None` costs nothing further.
#[must_use]
pub fn current_trace_parent() -> Option<TraceParent> {
    if spans() { trace_parent_of(&Span::current()) } else { crate::http::current_request_trace() }
}

/// The context of a span, if it is sampled.
#[must_use]
pub fn trace_parent_of(span: &Span) -> Option<TraceParent> {
    if span.is_none() {
        return None;
    }
    let context = span.context();
    let context = context.span().span_context().clone();
    (context.is_valid() && context.is_sampled())
        .then(|| TraceParent(format!("00-{:032x}-{:016x}-01", context.trace_id(), context.span_id()).into()))
}

/// A span for a request at a door: continues the caller's trace, or begins one for the configured share. A disabled span
/// for all others, whose name is then not even made.
#[must_use]
pub fn root_span(name: impl FnOnce() -> String, kind: Kind, parent: Option<&TraceParent>) -> Span {
    match parent {
        Some(parent) if spans() => span_with_parent(&name(), kind, parent),
        None if spans() && begins_here() => {
            let span = new_span(&name(), kind);
            let trace_id = span.context().span().span_context().trace_id();
            span.record("trace_id", tracing::field::display(trace_id));
            span
        }
        _ => Span::none(),
    }
}

/// A span under a context that came with a record or a request.
#[must_use]
pub fn span_with_parent(name: &str, kind: Kind, parent: &TraceParent) -> Span {
    let Some(remote) = sampled_context(parent).filter(|_| spans()) else { return Span::none() };
    let span = new_span(name, kind);
    // An error here means that no layer takes spans: then nothing is lost.
    let _ = span.set_parent(opentelemetry::Context::new().with_remote_span_context(remote.clone()));
    span.record("trace_id", tracing::field::display(remote.trace_id()));
    span
}

/// A span for several records at once, linked to each; under the first of them, so that a batch of one is one trace. A
/// disabled span if none is sampled.
#[must_use]
pub fn span_with_links<'a>(name: &str, kind: Kind, links: impl IntoIterator<Item = &'a TraceParent>) -> Span {
    let mut links = links.into_iter();
    let Some(first) = links.next() else { return Span::none() };
    let span = span_with_parent(name, kind, first);
    if !span.is_none() {
        for link in std::iter::once(first).chain(links).filter_map(sampled_context) {
            span.add_link(link);
        }
    }
    span
}

/// A span inside the current one; a disabled span if that is not sampled.
#[must_use]
pub fn child_span(name: &str, kind: Kind) -> Span {
    if !spans() {
        return Span::none();
    }
    let Some(parent) = trace_parent_of(&Span::current()) else { return Span::none() };
    let span = new_span(name, kind);
    // Log lines show the innermost span only.
    span.record("trace_id", parent.0.split('-').nth(1).unwrap_or_default());
    span
}

/// The sampled context of HTTP headers.
#[must_use]
pub fn extract(headers: &HeaderMap) -> Option<TraceParent> {
    sampled(headers.get(HEADER)?.to_str().ok()?)
}

/// Whether the caller has a trace and decided not to sample it: then none is begun here either.
#[must_use]
pub fn is_unsampled(headers: &HeaderMap) -> bool {
    let Some(text) = headers.get(HEADER).and_then(|value| value.to_str().ok()) else { return false };
    span_context(text.trim()).is_some_and(|context| !context.is_sampled())
}

/// Writes the current context into HTTP headers.
pub fn inject(headers: &mut HeaderMap) {
    if let Some(value) = current_trace_parent().and_then(|parent| parent.0.parse().ok()) {
        headers.insert(HEADER, value);
    }
}

/// The sampled context of a record's headers.
#[must_use]
pub fn extract_record<'a>(headers: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Option<TraceParent> {
    let (_, value) = headers.into_iter().find(|(name, _)| *name == HEADER)?;
    sampled(std::str::from_utf8(value).ok()?)
}

/// The header of a record that carries this context.
#[must_use]
pub fn record_header(parent: &TraceParent) -> (&'static str, &[u8]) {
    (HEADER, parent.0.as_bytes())
}

fn sampled(text: &str) -> Option<TraceParent> {
    let parent = TraceParent(text.trim().into());
    sampled_context(&parent).map(|_| parent)
}

fn sampled_context(parent: &TraceParent) -> Option<SpanContext> {
    span_context(&parent.0).filter(SpanContext::is_sampled)
}

/// Parses W3C `traceparent`; `None` if it is not valid. Versions after 00 may have further fields.
fn span_context(text: &str) -> Option<SpanContext> {
    let mut fields = text.split('-');
    let (version, trace, span, flags) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
    let is_hex =
        |text: &str, length| text.len() == length && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let right = is_hex(version, 2) && is_hex(trace, 32) && is_hex(span, 16) && is_hex(flags, 2);
    if !right || version == "ff" || (version == "00" && fields.next().is_some()) {
        return None;
    }
    let flags = TraceFlags::new(u8::from_str_radix(flags, 16).ok()?) & TraceFlags::SAMPLED;
    let (trace, span) = (TraceId::from_hex(trace).ok()?, SpanId::from_hex(span).ok()?);
    let context = SpanContext::new(trace, span, flags, true, TraceState::default());
    context.is_valid().then_some(context)
}

fn begins_here() -> bool {
    let ratio = SETTINGS.get().map_or(0.0, |settings| settings.ratio);
    ratio > 0.0 && rand::random::<f64>() < ratio
}

fn new_span(name: &str, kind: Kind) -> Span {
    tracing::info_span!(
        target: TARGET,
        "span",
        otel.name = name,
        otel.kind = kind.as_str(),
        otel.status_code = tracing::field::Empty,
        trace_id = tracing::field::Empty,
        http.request.method = tracing::field::Empty,
        http.route = tracing::field::Empty,
        http.response.status_code = tracing::field::Empty,
        rpc.method = tracing::field::Empty,
        rpc.response.status_code = tracing::field::Empty,
        request_id = tracing::field::Empty,
    )
}
