//! What the process needs before anything else: one TLS provider, and a log that holds no secrets. An edge.

use tracing::{Level, Metadata};
use tracing_subscriber::filter::{LevelFilter, Targets, filter_fn};
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

/// Prepares the process. `verbose` counts the `-v`.
pub fn prepare(verbose: u8) {
    if rustls::crypto::aws_lc_rs::default_provider().install_default().is_err() {
        tracing::debug!("a TLS provider was installed already");
    }
    if verbose == 0 {
        return;
    }
    let level = if verbose == 1 { LevelFilter::DEBUG } else { LevelFilter::TRACE };
    // Only our own messages, and the client library's names of requests: bodies and headers are logged by neither. What
    // the library warns of is left out: it quotes whole answers that it cannot read.
    let targets = Targets::new().with_target("kamaji", level).with_target("kube_client::client", LevelFilter::DEBUG);
    let quotes = |about: &Metadata<'_>| about.target().starts_with("kube_client") && *about.level() == Level::WARN;
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_target(false).without_time();
    let layer = layer.with_filter(filter_fn(move |about| !quotes(about)));
    tracing_subscriber::registry().with(targets).with(layer).init();
}
