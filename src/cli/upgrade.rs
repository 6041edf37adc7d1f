//! Flags of the verbs for the days after: versions, size, pause.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};

use super::args::{DurationArg, control_planes};
use crate::model::{CheckName, ControlPlaneName, KubeVersion};

/// `kamaji upgrade`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct UpgradeArgs {
    /// What to do instead of upgrading
    #[command(subcommand)]
    pub command: Option<UpgradeCommand>,
    /// Name of the control plane
    #[arg(value_name = "NAME", required = true, add = control_planes())]
    pub name: Option<ControlPlaneName>,
    /// Give it this version, such as v1.37.2
    #[arg(long, value_name = "VERSION", required = true, value_parser = KubeVersion::parse)]
    pub to: Option<KubeVersion>,
    #[command(flatten)]
    /// How.
    pub how: RollArgs,
    /// Go to an earlier patch of the same minor
    #[arg(long)]
    pub allow_patch_downgrade: bool,
    /// Save the data to this file first, so that `kamaji restore` can go back to it
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub snapshot: Option<PathBuf>,
    /// Do not be stopped by this check (can be repeated)
    #[arg(long = "skip-check", value_name = "CHECK", value_parser = CheckName::parse)]
    pub skip_checks: Vec<CheckName>,
}

/// How a version is changed.
#[derive(Debug, Args)]
pub struct RollArgs {
    /// Do it without asking
    #[arg(short, long)]
    pub yes: bool,
    /// Show the plan and write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Go back if the new pods are not ready after this long
    #[arg(long, value_name = "DURATION", default_value = "5m")]
    pub timeout: DurationArg,
}

/// `kamaji upgrade …`.
#[derive(Debug, Subcommand)]
pub enum UpgradeCommand {
    /// Show where control planes can go, what would change, and what stands in the way
    #[command(after_help = "Examples:
  kamaji upgrade plan prod
  kamaji upgrade plan -A
  kamaji upgrade plan -l env=test --to v1.37.2 -o json")]
    Plan(UpgradePlanArgs),
}

/// `kamaji upgrade plan`.
#[derive(Debug, Args)]
pub struct UpgradePlanArgs {
    /// Names of control planes [default: all of the namespace]
    #[arg(value_name = "NAME", add = control_planes())]
    pub names: Vec<ControlPlaneName>,
    /// Plan for control planes of all namespaces
    #[arg(short = 'A', long, conflicts_with = "names")]
    pub all_namespaces: bool,
    /// Plan for those whose record has these labels
    #[arg(short = 'l', long, value_name = "SELECTOR", default_value = "", conflicts_with = "names")]
    pub selector: String,
    /// Plan for this version instead of the newest one that each can go to
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
    /// How.
    pub how: RollArgs,
}

/// `kamaji scale`.
#[derive(Debug, Args)]
pub struct ScaleArgs {
    /// Name of the control plane
    #[arg(value_name = "NAME", add = control_planes())]
    pub name: ControlPlaneName,
    /// Run this many pods; with 0 it sleeps: nothing runs, and the data stays
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=50))]
    pub replicas: u32,
    /// Do not ask before putting it to sleep
    #[arg(short, long)]
    pub yes: bool,
    /// Stop waiting after this long
    #[arg(long, value_name = "DURATION", default_value = "5m")]
    pub timeout: DurationArg,
}

/// `kamaji pause`.
#[derive(Debug, Args)]
pub struct PauseArgs {
    /// Name of the control plane
    #[arg(value_name = "NAME", add = control_planes())]
    pub name: ControlPlaneName,
    /// Tell others why
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub reason: String,
}

/// `kamaji rbac`.
#[derive(Debug, Args)]
pub struct RbacArgs {
    /// Print the right to list control planes of all namespaces instead, without any Secret
    #[arg(long, conflicts_with = "make_datastore")]
    pub viewer: bool,
    /// Include the rights to make the datastore `default`
    #[arg(long)]
    pub make_datastore: bool,
    /// Give them to this user (can be repeated)
    #[arg(long = "user", value_name = "USER")]
    pub users: Vec<String>,
    /// Give them to this group (can be repeated)
    #[arg(long = "group", value_name = "GROUP")]
    pub groups: Vec<String>,
    /// Give them to this ServiceAccount (can be repeated)
    #[expect(clippy::doc_markdown, reason = "this comment is the help, where backticks would be printed")]
    #[arg(long = "service-account", value_name = "NAMESPACE:NAME")]
    pub service_accounts: Vec<String>,
}
