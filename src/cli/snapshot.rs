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
    /// Write it to this file
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// Give up after this long
    #[arg(long, value_name = "DURATION", default_value = "10m")]
    pub timeout: DurationArg,
}

/// `kamaji restore`.
#[derive(Debug, Args)]
pub struct RestoreArgs {
    /// Name of the control plane
    #[arg(value_name = "NAME", add = control_planes())]
    pub name: ControlPlaneName,
    /// Put this snapshot back
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub from: PathBuf,
    /// Do it without asking
    #[arg(short, long)]
    pub yes: bool,
    /// Say what would be lost and put back, and write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Stop waiting after this long
    #[arg(long, value_name = "DURATION", default_value = "10m")]
    pub timeout: DurationArg,
}
