//! Flags of `kamaji config`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};

use super::FileArgs;
use crate::config::{EXAMPLE_VERSION, KubeadmApi};
use crate::model::KubeVersion;

/// `kamaji config`.
#[expect(clippy::doc_markdown, reason = "these comments are the help, where backticks would be printed")]
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Validate kubeadm files and TenantControlPlane manifests
    ///
    /// Reports all problems at once, with their position and how to fix them. Exits with code 2 if a control plane
    /// cannot be created from one of the files. Warnings are written to stderr. Provide files that the configuration
    /// refers to as for create.
    #[command(after_help = "Examples:
  kamaji config validate prod.yaml
  kamaji config validate clusters/*.yaml -o json | jq '.files[].problems[]'
  kamaji config validate prod.yaml --file /etc/kubernetes/audit.yaml=audit.yaml")]
    Validate(ValidateArgs),
    /// Convert a kubeadm file to another API version, such as v1beta3 to v1beta4
    ///
    /// Keeps the contents of the file, including bootstrap tokens, except for comments and the order of keys.
    #[command(after_help = "Examples:
  kamaji config convert old.yaml > new.yaml
  kamaji config convert old.yaml --to kubeadm.k8s.io/v1beta4 | kamaji config validate -")]
    Convert(ConvertArgs),
    /// Print kamaji's defaults as a kubeadm file
    #[command(after_help = "Examples:
  kamaji config print-defaults > prod.yaml
  kamaji config print-defaults --for v1.36.3")]
    PrintDefaults(PrintDefaultsArgs),
}

/// `kamaji config validate`.
#[derive(Debug, Args)]
pub struct ValidateArgs {
    /// Files to validate; `-` reads stdin
    #[arg(value_name = "FILE", required = true, value_hint = ValueHint::FilePath)]
    pub files: Vec<PathBuf>,
    /// Accept kubeadm.k8s.io/v1, which is experimental in kubeadm
    #[arg(long)]
    pub allow_experimental_api: bool,
    #[command(flatten)]
    /// Files that the configuration refers to.
    pub given: FileArgs,
}

/// `kamaji config convert`.
#[derive(Debug, Args)]
pub struct ConvertArgs {
    /// File to convert; `-` reads stdin
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// API version to convert to
    #[arg(long, value_name = "API", default_value_t = KubeadmApi::V1beta4)]
    pub to: KubeadmApi,
    /// Accept and write kubeadm.k8s.io/v1, which is experimental in kubeadm
    #[arg(long)]
    pub allow_experimental_api: bool,
}

/// `kamaji config print-defaults`.
#[derive(Debug, Args)]
pub struct PrintDefaultsArgs {
    /// Kubernetes version to print the defaults for
    #[arg(long = "for", value_name = "VERSION", default_value_t = EXAMPLE_VERSION, value_parser = KubeVersion::parse)]
    pub kubernetes_version: KubeVersion,
}
