//! `process <topic>` spans: one for each sampled message, under what its sender was doing, so that the trace goes on through
//! the topic, and one for the batch, linked to all of them. Messages that are not sampled cost a look at their headers.

use tracing::Span;

use super::route::Route;
use crate::record::{Record, TraceParent};
use crate::telemetry::trace::{Kind, extract_record, span_with_links, span_with_parent, trace_parent_of};

/// The open spans of a batch; ended when dropped.
pub(crate) struct Spans {
    batch: Span,
    /// Held for their end.
    _messages: Vec<Span>,
}

/// Opens them. Gives also, per record, the context that its effects carry on.
pub(crate) fn open(route: &Route, records: &[Record]) -> (Spans, Vec<Option<TraceParent>>) {
    let mut traces = vec![None; records.len()];
    let mut messages = Vec::new();
    let mut senders = Vec::new();
    for (record, trace) in records.iter().zip(&mut traces) {
        let Some(sender) = extract_record(record.headers.iter()) else { continue };
        let span = span_with_parent(&name(route), Kind::Consumer, &sender);
        // Without a collector there is no span, and the sender's context goes on as it came.
        *trace = trace_parent_of(&span).or_else(|| Some(sender.clone()));
        messages.push(span);
        senders.push(sender);
    }
    let batch = if senders.is_empty() { Span::none() } else { span_with_links(&name(route), Kind::Consumer, &senders) };
    (Spans { batch, _messages: messages }, traces)
}

impl Spans {
    /// What happens in it is logged and traced under the batch.
    pub(crate) fn batch(&self) -> &Span {
        &self.batch
    }
}

fn name(route: &Route) -> String {
    format!("process {}", route.name)
}
