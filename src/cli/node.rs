//! Flags of `kamaji node`.

use clap::{Args, Subcommand};

use super::args::{DurationArg, Hosts, control_planes, nodes};
use crate::model::{ControlPlaneName, NodeName};

/// `kamaji node`.
#[expect(clippy::doc_markdown, reason = "these comments are the help, where backticks would be printed")]
#[derive(Debug, Subcommand)]
pub enum NodeCommand {
    /// List the workers of a control plane
    ///
    /// Also shows why a worker is not ready, and which kubelets violate the version skew policy: kubelets may be up to
    /// three minor versions older than the control plane, and never newer.
    #[command(
        visible_alias = "ls",
        after_help = "Examples:
  kamaji node list prod
  kamaji node list prod -o wide   # also OS, kernel and expiration of the kubelet's certificate"
    )]
    List(NodeListArgs),
    /// Cordon workers and evict their pods
    ///
    /// Cordons the workers, then evicts their pods through the Eviction API, which respects PodDisruptionBudgets.
    /// DaemonSet pods and static pods stay. If pods or data would be lost, the command fails without changing anything
    /// unless --force or --delete-emptydir-data is set. Run it again to resume.
    #[command(after_help = "Examples:
  kamaji node drain prod worker-1 --dry-run
  kamaji node drain prod worker-1 worker-2 --timeout 15m
  kamaji node drain prod worker-1 --force --delete-emptydir-data")]
    Drain(DrainArgs),
    /// Mark workers as unschedulable
    #[command(after_help = "Examples:
  kamaji node cordon prod worker-1")]
    Cordon(NodesArgs),
    /// Mark workers as schedulable
    #[command(after_help = "Examples:
  kamaji node uncordon prod worker-1")]
    Uncordon(NodesArgs),
    /// Remove workers from the cluster
    ///
    /// Drains the workers after confirmation, then deletes their Nodes, leases and certificate signing requests. A
    /// worker that is not ready is not drained, because its kubelet cannot terminate the pods. With --host, the machine
    /// is also reset; machines are matched to workers by their kubelet certificate, and machines of other clusters are
    /// left unchanged.
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

/// Arguments of commands that take workers.
#[derive(Debug, Args)]
pub struct NodesArgs {
    /// Name of the control plane
    #[arg(value_name = "NAME", add = control_planes())]
    pub name: ControlPlaneName,
    /// Names of workers
    #[arg(value_name = "NODE", required = true, add = nodes())]
    pub nodes: Vec<NodeName>,
}

/// Options for draining.
#[derive(Debug, Args)]
pub struct DrainOptions {
    /// Also delete pods without a controller, which are not recreated
    #[arg(long)]
    pub force: bool,
    /// Also evict pods that use emptyDir volumes, whose data is lost
    #[arg(long)]
    pub delete_emptydir_data: bool,
    /// Seconds for each pod to terminate gracefully [default: the pod's own grace period]
    #[arg(long, value_name = "SECONDS")]
    pub grace_period: Option<u32>,
    /// Timeout for the operation
    #[arg(long, value_name = "DURATION", default_value = "5m")]
    pub timeout: DurationArg,
    /// Show what would be done without changing anything
    #[arg(long)]
    pub dry_run: bool,
}

/// `kamaji node drain`.
#[derive(Debug, Args)]
pub struct DrainArgs {
    #[command(flatten)]
    /// The workers.
    pub of: NodesArgs,
    #[command(flatten)]
    /// Drain options.
    pub options: DrainOptions,
}

/// `kamaji node remove`.
#[derive(Debug, Args)]
pub struct RemoveArgs {
    #[command(flatten)]
    /// The workers.
    pub of: NodesArgs,
    #[command(flatten)]
    /// Drain options.
    pub options: DrainOptions,
    /// Do not evict the pods
    #[arg(long)]
    pub no_drain: bool,
    /// Do not ask for confirmation
    #[arg(short, long)]
    pub yes: bool,
    #[command(flatten)]
    /// Machines to reset.
    pub machines: Hosts,
}
