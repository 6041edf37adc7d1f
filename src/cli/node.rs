//! `kamaji node`: what can be asked about workers, and how they leave.

use clap::{Args, Subcommand};

use super::args::{DurationArg, Hosts, control_planes, nodes};
use crate::model::{ControlPlaneName, NodeName};

/// `kamaji node`.
#[expect(clippy::doc_markdown, reason = "these comments are the help, where backticks would be printed")]
#[derive(Debug, Subcommand)]
pub enum NodeCommand {
    /// List the workers of a control plane
    ///
    /// A worker that is not ready is told with the reason, one whose kubelet does not go with the control plane too:
    /// kubelets may be up to three minors older, never newer.
    #[command(
        visible_alias = "ls",
        after_help = "Examples:
  kamaji node list prod
  kamaji node list prod -o wide   # also system, kernel, and when the kubelet's certificate ends"
    )]
    List(NodeListArgs),
    /// Move the pods away from workers, and let no new ones come
    ///
    /// Cordons the workers, then evicts their pods through the Eviction API, so PodDisruptionBudgets hold. Pods of
    /// DaemonSets and static pods stay. What would be lost for good needs a flag of its own, and without it nothing is
    /// changed. Running it again goes on.
    #[command(after_help = "Examples:
  kamaji node drain prod worker-1 --dry-run
  kamaji node drain prod worker-1 worker-2 --timeout 15m
  kamaji node drain prod worker-1 --force --delete-emptydir-data")]
    Drain(DrainArgs),
    /// Let no new pods come to workers
    #[command(after_help = "Examples:
  kamaji node cordon prod worker-1")]
    Cordon(NodesArgs),
    /// Let pods come to workers again
    #[command(after_help = "Examples:
  kamaji node uncordon prod worker-1")]
    Uncordon(NodesArgs),
    /// Take workers out of the cluster
    ///
    /// Shows the plan and asks; then drains, and deletes the Node with its lease and certificate requests. A worker that
    /// is not ready is not drained: nobody there would end the pods. With --host the machine is reset too; which machine
    /// is which worker is read from its certificate, and a machine of another cluster is left alone.
    #[command(after_help = "Examples:
  kamaji node remove prod worker-1 --dry-run
  kamaji node remove prod worker-1 --host root@worker-1 --yes
  kamaji node remove prod worker-3 --no-drain")]
    Remove(RemoveArgs),
}

/// `kamaji node list`.
#[derive(Debug, Args)]
pub struct NodeListArgs {
    /// Name of the control plane
    #[arg(value_name = "NAME", add = control_planes())]
    pub name: ControlPlaneName,
}

/// A command about some workers.
#[derive(Debug, Args)]
pub struct NodesArgs {
    /// Name of the control plane
    #[arg(value_name = "NAME", add = control_planes())]
    pub name: ControlPlaneName,
    /// Names of workers
    #[arg(value_name = "NODE", required = true, add = nodes())]
    pub nodes: Vec<NodeName>,
}

/// How pods are moved away.
#[derive(Debug, Args)]
pub struct DrainOptions {
    /// Also delete pods that nobody makes again: those without a controller
    #[arg(long)]
    pub force: bool,
    /// Also move pods that keep data in an emptyDir, which is lost
    #[arg(long)]
    pub delete_emptydir_data: bool,
    /// Give each pod this many seconds to end [default: what it asks for]
    #[arg(long, value_name = "SECONDS")]
    pub grace_period: Option<u32>,
    /// Stop waiting after this long
    #[arg(long, value_name = "DURATION", default_value = "5m")]
    pub timeout: DurationArg,
    /// Show what would be done and change nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// `kamaji node drain`.
#[derive(Debug, Args)]
pub struct DrainArgs {
    #[command(flatten)]
    /// Which workers.
    pub of: NodesArgs,
    #[command(flatten)]
    /// How.
    pub how: DrainOptions,
}

/// `kamaji node remove`.
#[derive(Debug, Args)]
pub struct RemoveArgs {
    #[command(flatten)]
    /// Which workers.
    pub of: NodesArgs,
    #[command(flatten)]
    /// How.
    pub how: DrainOptions,
    /// Leave the pods where they are
    #[arg(long)]
    pub no_drain: bool,
    /// Remove without asking
    #[arg(short, long)]
    pub yes: bool,
    #[command(flatten)]
    /// The machines to reset.
    pub machines: Hosts,
}
