//! Flags of `upgrade`, `rollback`, `scale`, `pause` and `rbac`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};

use super::args::{DurationArg, control_planes};
use crate::model::{CheckName, ControlPlaneName, KubeVersion};

/// `kamaji upgrade`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct UpgradeArgs {
    /// The subcommand
    #[command(subcommand)]
    pub command: Option<UpgradeCommand>,
    /// Name of the control plane
    #[arg(value_name = "NAME", required = true, add = control_planes())]
    pub name: Option<ControlPlaneName>,
    /// Kubernetes version to upgrade to, such as v1.37.2
    #[arg(long, value_name = "VERSION", required = true, value_parser = KubeVersion::parse)]
    pub to: Option<KubeVersion>,
    #[command(flatten)]
    /// Rollout options.
    pub options: RollArgs,
    /// Allow a downgrade to an earlier patch version of the same minor
    #[arg(long)]
    pub allow_patch_downgrade: bool,
    /// Save a snapshot to this file first, for `kamaji restore`
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub snapshot: Option<PathBuf>,
    /// Ignore a failure of this preflight check (can be repeated)
    #[arg(long = "skip-check", value_name = "CHECK", value_parser = CheckName::parse)]
    pub skip_checks: Vec<CheckName>,
}

/// Options of a rollout.
#[derive(Debug, Args)]
pub struct RollArgs {
    /// Do not ask for confirmation
    #[arg(short, long)]
    pub yes: bool,
    /// Show the plan without applying it
    #[arg(long)]
    pub dry_run: bool,
    /// Roll back if the new pods are not ready within this time
    #[arg(long, value_name = "DURATION", default_value = "5m")]
    pub timeout: DurationArg,
}

/// `kamaji upgrade …`.
#[derive(Debug, Subcommand)]
pub enum UpgradeCommand {
    /// Show available versions, changes and failing preflight checks
    #[command(after_help = "Examples:
  kamaji upgrade plan prod
  kamaji upgrade plan -A
  kamaji upgrade plan -l env=test --to v1.37.2 -o json")]
    Plan(UpgradePlanArgs),
}

/// `kamaji upgrade plan`.
#[derive(Debug, Args)]
pub struct UpgradePlanArgs {
    /// Names of control planes [default: all in the namespace]
    #[arg(value_name = "NAME", add = control_planes())]
    pub names: Vec<ControlPlaneName>,
    /// Plan for control planes in all namespaces
    #[arg(short = 'A', long, conflicts_with = "names")]
    pub all_namespaces: bool,
    /// Label selector to filter control planes
    #[arg(short = 'l', long, value_name = "SELECTOR", default_value = "", conflicts_with = "names")]
    pub selector: String,
    /// Version to plan for [default: the newest supported version for each control plane]
    #[arg(long, value_name = "VERSION", value_parser = KubeVersion::parse)]
    pub to: Option<KubeVersion>,
}

/// `kamaji rollback`.
#[derive(Debug, Args)]
pub struct RollbackArgs {
    /// Name of the control plane
    #[arg(value_name = "NAME", add = control_planes())]
    pub name: ControlPlaneName,
    #[command(flatten)]
    /// Rollout options.
    pub options: RollArgs,
}

/// `kamaji scale`.
#[derive(Debug, Args)]
pub struct ScaleArgs {
    /// Name of the control plane
    #[arg(value_name = "NAME", add = control_planes())]
    pub name: ControlPlaneName,
    /// Number of replicas; 0 stops the control plane and keeps its data
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=50))]
    pub replicas: u32,
    /// Do not ask for confirmation before scaling to 0
    #[arg(short, long)]
    pub yes: bool,
    /// Timeout for the operation
    #[arg(long, value_name = "DURATION", default_value = "5m")]
    pub timeout: DurationArg,
}

/// `kamaji pause`.
#[derive(Debug, Args)]
pub struct PauseArgs {
    /// Name of the control plane
    #[arg(value_name = "NAME", add = control_planes())]
    pub name: ControlPlaneName,
    /// Reason, shown to other users
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub reason: String,
}

/// `kamaji rbac`.
#[derive(Debug, Args)]
pub struct RbacArgs {
    /// Print read-only permissions to list control planes in all namespaces, without access to Secrets
    #[arg(long, conflicts_with = "make_datastore")]
    pub viewer: bool,
    /// Include the permissions to create the datastore `default`
    #[arg(long)]
    pub make_datastore: bool,
    /// Grant the permissions to this user (can be repeated)
    #[arg(long = "user", value_name = "USER")]
    pub users: Vec<String>,
    /// Grant the permissions to this group (can be repeated)
    #[arg(long = "group", value_name = "GROUP")]
    pub groups: Vec<String>,
    /// Grant the permissions to this ServiceAccount (can be repeated)
    #[expect(clippy::doc_markdown, reason = "this comment is the help, where backticks would be printed")]
    #[arg(long = "service-account", value_name = "NAMESPACE:NAME")]
    pub service_accounts: Vec<String>,
}
