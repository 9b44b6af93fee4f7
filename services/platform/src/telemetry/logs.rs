//! Log lines: text for people, JSON for machines, both on standard error (standard output belongs to data).

use std::io::IsTerminal as _;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_appender_tracing::layer::OpenTelemetryTracingBridge;
use tracing::Metadata;
use tracing_subscriber::filter::{EnvFilter, FilterExt as _, dynamic_filter_fn};
use tracing_subscriber::layer::{Context, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer, Registry};

use super::otlp::Push;
use super::{LogFormat, TelemetryConfig, trace};

/// What libraries say at `info` is for their authors; what sqlx's pool says of a server that went away, we say ourselves, once.
const QUIET: &str = "h2=warn,hyper=warn,hyper_util=warn,tonic=warn,tower=warn,rustls=warn,sqlx=warn,sqlx::pool=error,\
                     sqlx_core::pool=error,sqlx::postgres::notice=error,rdkafka=warn,\
                     librdkafka=warn,opentelemetry=error,opentelemetry_sdk=error,opentelemetry-otlp=error,opentelemetry_otlp=error";
/// The exporter's own stack: exporting its lines would make more of them.
const OWN_STACK: &str = "h2=off,hyper=off,hyper_util=off,tonic=off,tower=off,opentelemetry=off,opentelemetry_sdk=off,\
                         opentelemetry-otlp=off,opentelemetry_otlp=off";
/// Readers of HTML, by which the plain text of a mail is made: at debug they repeat every word of it. Whatever level an operator
/// asks for, nobody's mail belongs into a log.
const NEVER: &str = "html5ever=off,markup5ever=off,html2text=off";

type Boxed = Box<dyn Layer<Registry> + Send + Sync>;

pub(super) fn install(config: &TelemetryConfig, push: Option<&Push>) -> anyhow::Result<()> {
    let on_terminal = std::io::stderr().is_terminal();
    let json = match config.log_format {
        LogFormat::Auto => !on_terminal,
        LogFormat::Text => false,
        LogFormat::Json => true,
    };
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let lines: Boxed = if json {
        lines.json().flatten_event(true).with_current_span(true).with_span_list(false).boxed()
    } else {
        let colour = on_terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        lines.with_ansi(colour).with_target(false).compact().boxed()
    };
    let filter_lines = filter(&config.log, QUIET)?.and(dynamic_filter_fn(seldom_about_the_exporter));
    let mut layers: Vec<Boxed> = vec![lines.with_filter(filter_lines).boxed()];
    if let Some(push) = push {
        let spans = tracing_opentelemetry::layer()
            .with_tracer(push.traces.tracer("leadflow"))
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false)
            .with_target(false);
        layers.push(spans.with_filter(dynamic_filter_fn(belongs_to_a_trace)).boxed());
        let bridge = OpenTelemetryTracingBridge::new(&push.logs);
        layers.push(bridge.with_filter(filter(&config.log, OWN_STACK)?).boxed());
    }
    tracing_subscriber::registry().with(layers).try_init().context("logs were set up before")?;
    if json {
        std::panic::set_hook(Box::new(log_panic));
    }
    Ok(())
}

/// Our rules first, so that what the operator writes for the same target wins; but for [`NEVER`].
fn filter(directives: &str, first: &str) -> anyhow::Result<EnvFilter> {
    EnvFilter::try_new(format!("{first},{directives},{NEVER}")).with_context(|| {
        format!("telemetry.log = {directives:?} is not understood; expected a level like info, or info,leadflow_ingest=debug")
    })
}

/// Spans that `trace` began, and what other code opens inside of them. Everything else costs one comparison.
fn belongs_to_a_trace<S>(metadata: &Metadata<'_>, context: &Context<'_, S>) -> bool
where
    S: tracing::Subscriber + for<'lookup> LookupSpan<'lookup>,
{
    metadata.is_span()
        && (metadata.target() == trace::TARGET
            || (metadata.target().starts_with("leadflow") && context.lookup_current().is_some()))
}

/// While a collector is away the exporter complains about every batch: once a minute is enough to know.
fn seldom_about_the_exporter<S>(metadata: &Metadata<'_>, _: &Context<'_, S>) -> bool {
    static LAST: Mutex<Option<Instant>> = Mutex::new(None);
    if !metadata.target().starts_with("opentelemetry") {
        return true;
    }
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    let say = last.is_none_or(|last| last.elapsed() >= Duration::from_secs(60));
    if say {
        *last = Some(Instant::now());
    }
    say
}

/// A panic as one line. Its text is shown only if it stood in the source as it is: one that was formatted may hold data of a
/// person. The place is enough to find it.
fn log_panic(panic: &std::panic::PanicHookInfo<'_>) {
    let message =
        panic.payload().downcast_ref::<&'static str>().copied().unwrap_or("(text withheld, it may hold data)");
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    let thread = std::thread::current().name().unwrap_or_default().to_owned();
    tracing::error!(place, thread, "panic at {place}: {message}");
}
