//! Flags of `snapshot` and `restore`.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::args::{DurationArg, control_planes};
use crate::model::ControlPlaneName;

/// `kamaji snapshot`.
#[derive(Debug, Args)]
pub struct SnapshotArgs {
    /// Name of the control plane
    #[arg(value_name = "NAME", add = control_planes())]
    pub name: ControlPlaneName,
    /// Path of the snapshot file
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// Timeout for the operation
    #[arg(long, value_name = "DURATION", default_value = "10m")]
    pub timeout: DurationArg,
}

/// `kamaji restore`.
#[derive(Debug, Args)]
pub struct RestoreArgs {
    /// Name of the control plane
    #[arg(value_name = "NAME", add = control_planes())]
    pub name: ControlPlaneName,
    /// Path of the snapshot file
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub from: PathBuf,
    /// Do not ask for confirmation
    #[arg(short, long)]
    pub yes: bool,
    /// Show what would be lost and restored, without changing anything
    #[arg(long)]
    pub dry_run: bool,
    /// Timeout for the operation
    #[arg(long, value_name = "DURATION", default_value = "10m")]
    pub timeout: DurationArg,
}
