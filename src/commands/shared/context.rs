//! The context of a command: terminal, management cluster, namespace, clock and randomness.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use crate::ambient::{self, Ambient};
use crate::cli::Common;
use crate::cluster::{Connection, Refusal, Target};
use crate::engine::session::Session;
use crate::error::Fault;
use crate::event::Observer;
use crate::model::Namespace;
use crate::ui::Ui;

/// Retry budget while the management cluster is unavailable.
const RETRY_TIMEOUT: Duration = Duration::from_secs(60);

/// Retry budget of the first request, so that an unreachable management cluster is reported quickly.
const FIRST_REQUEST_TIMEOUT: Duration = Duration::from_secs(2);

/// The clock skew from which to warn.
const MAX_CLOCK_SKEW: Duration = Duration::from_secs(60);

pub(crate) struct Context {
    pub(crate) ui: Ui,
    pub(crate) ambient: Ambient,
    common: Common,
}

/// The connection to the management cluster, and the namespace.
pub(crate) struct Management {
    pub(crate) connection: Connection,
    pub(crate) namespace: Namespace,
}

impl Context {
    pub(crate) fn new(common: Common) -> Self {
        Self { ui: Ui::new(common.output, common.color), ambient: Ambient::real(), common }
    }

    pub(crate) fn into_ui(self) -> Ui {
        self.ui
    }

    /// Connects and sends one request, so that an unreachable server is reported quickly; later requests are retried
    /// longer.
    pub(crate) async fn management(&self) -> Result<Management, Fault> {
        let connection = self.unasked().await?;
        let namespace = self.namespace_or(connection.default_namespace())?;
        let ui = self.ui.announcer();
        connection.tell_outages(Box::new(move |outage| ui.say(&outage)));
        connection.clone().patient(FIRST_REQUEST_TIMEOUT).text("/version").await?;
        if let Some(there) = connection.server_time() {
            let apart = clock()().duration_since(there).unsigned_abs();
            if apart > MAX_CLOCK_SKEW {
                let text = format!(
                    "clock skew: the clocks of this machine and of {} differ by {} s",
                    connection.server(),
                    apart.as_secs()
                );
                self.ui.warn(&text);
            }
        }
        Ok(Management { connection: connection.patient(RETRY_TIMEOUT), namespace })
    }

    /// A connection to the management cluster without a first request and without retries.
    pub(crate) async fn unasked(&self) -> Result<Connection, Refusal> {
        let target = Target { kubeconfig: self.common.kubeconfig.clone(), context: self.common.context.clone() };
        Connection::open(&target).await
    }

    /// Whether the command line selects a management cluster.
    pub(crate) const fn names_a_cluster(&self) -> bool {
        self.common.kubeconfig.is_some() || self.common.context.is_some()
    }

    /// Whether the command line sets a namespace.
    pub(crate) const fn names_a_namespace(&self) -> bool {
        self.common.namespace.is_some()
    }

    pub(crate) fn namespace_or(&self, fallback: &str) -> Result<Namespace, Fault> {
        Ok(match &self.common.namespace {
            Some(namespace) => namespace.clone(),
            None => Namespace::parse(fallback)?,
        })
    }
}

impl Management {
    /// A session that times out after `timeout`.
    pub(crate) fn session<'a>(&'a self, observer: &'a dyn Observer, timeout: Duration) -> Session<'a> {
        let deadline = Instant::now() + timeout;
        self.connection.ends_by(deadline);
        Session { management: &self.connection, observer, deadline, clock: clock() }
    }
}

/// The clock, for long-running work.
pub(crate) fn clock() -> fn() -> Timestamp {
    ambient::clock
}
