//! What every verb needs: the terminal, the management cluster, the namespace, clock and randomness.

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

/// How long requests are repeated while the management cluster is away for a moment.
const PATIENCE: Duration = Duration::from_secs(60);

/// The same for the first request: who cannot reach the management cluster learns so soon.
const FIRST_PATIENCE: Duration = Duration::from_secs(2);

/// How far clocks may be apart before it is worth a word.
const CLOCKS_APART: Duration = Duration::from_secs(60);

pub(crate) struct Context {
    pub(crate) ui: Ui,
    pub(crate) ambient: Ambient,
    common: Common,
}

/// The management cluster as this run uses it.
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

    /// Connects, and asks the server once: who cannot reach it learns so soon, later it is waited for.
    pub(crate) async fn management(&self) -> Result<Management, Fault> {
        let connection = self.unasked().await?;
        let namespace = self.namespace_or(connection.default_namespace())?;
        let ui = self.ui.announcer();
        connection.tell_outages(Box::new(move |outage| ui.say(&outage)));
        connection.clone().patient(FIRST_PATIENCE).text("/version").await?;
        if let Some(there) = connection.server_time() {
            let apart = clock()().duration_since(there).unsigned_abs();
            if apart > CLOCKS_APART {
                let text = format!(
                    "the clock of this machine and that of {} are {} s apart",
                    connection.server(),
                    apart.as_secs()
                );
                self.ui.warn(&text);
            }
        }
        Ok(Management { connection: connection.patient(PATIENCE), namespace })
    }

    /// A connection to the management cluster that nobody has asked anything yet, and that is not waited for.
    pub(crate) async fn unasked(&self) -> Result<Connection, Refusal> {
        let target = Target { kubeconfig: self.common.kubeconfig.clone(), context: self.common.context.clone() };
        Connection::open(&target).await
    }

    /// Whether a management cluster was named on the command line.
    pub(crate) const fn names_a_cluster(&self) -> bool {
        self.common.kubeconfig.is_some() || self.common.context.is_some()
    }

    /// Whether a namespace was named on the command line.
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
    /// A session whose waits end after `timeout`.
    pub(crate) fn session<'a>(&'a self, observer: &'a dyn Observer, timeout: Duration) -> Session<'a> {
        let deadline = Instant::now() + timeout;
        self.connection.ends_by(deadline);
        Session { management: &self.connection, observer, deadline, clock: clock() }
    }
}

/// The clock, for work that goes on while time passes.
pub(crate) fn clock() -> fn() -> Timestamp {
    ambient::clock
}
