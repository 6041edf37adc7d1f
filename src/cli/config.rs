//! `kamaji config`: what can be asked about kubeadm files.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};

use super::FileArgs;
use crate::config::{EXAMPLE_VERSION, KubeadmApi};
use crate::model::KubeVersion;

/// `kamaji config`.
#[expect(clippy::doc_markdown, reason = "these comments are the help, where backticks would be printed")]
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Check kubeadm files and TenantControlPlanes: every problem at once, with place and remedy
    ///
    /// Exit code 2 when a control plane cannot be made of one of them. Warnings are on stderr. Files that they name are
    /// given as to create.
    #[command(after_help = "Examples:
  kamaji config validate prod.yaml
  kamaji config validate clusters/*.yaml -o json | jq '.files[].problems[]'
  kamaji config validate prod.yaml --file /etc/kubernetes/audit.yaml=audit.yaml")]
    Validate(ValidateArgs),
    /// Write a kubeadm file in another API, such as v1beta3 as v1beta4
    ///
    /// Everything in the file is kept, bootstrap tokens too, except comments and the order of keys.
    #[command(after_help = "Examples:
  kamaji config convert old.yaml > new.yaml
  kamaji config convert old.yaml --to kubeadm.k8s.io/v1beta4 | kamaji config validate -")]
    Convert(ConvertArgs),
    /// Print what kamaji uses where a file says nothing, as a kubeadm file
    #[command(after_help = "Examples:
  kamaji config print-defaults > prod.yaml
  kamaji config print-defaults --for v1.36.3")]
    PrintDefaults(PrintDefaultsArgs),
}

/// `kamaji config validate`.
#[derive(Debug, Args)]
pub struct ValidateArgs {
    /// The files; `-` is stdin
    #[arg(value_name = "FILE", required = true, value_hint = ValueHint::FilePath)]
    pub files: Vec<PathBuf>,
    /// Read kubeadm.k8s.io/v1 too, which kubeadm calls experimental
    #[arg(long)]
    pub allow_experimental_api: bool,
    #[command(flatten)]
    /// Files that the files name.
    pub given: FileArgs,
}

/// `kamaji config convert`.
#[derive(Debug, Args)]
pub struct ConvertArgs {
    /// The file; `-` is stdin
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// Write documents of kubeadm in this API
    #[arg(long, value_name = "API", default_value_t = KubeadmApi::V1beta4)]
    pub to: KubeadmApi,
    /// Read and write kubeadm.k8s.io/v1 too, which kubeadm calls experimental
    #[arg(long)]
    pub allow_experimental_api: bool,
}

/// `kamaji config print-defaults`.
#[derive(Debug, Args)]
pub struct PrintDefaultsArgs {
    /// Print them for this version of Kubernetes
    #[arg(long = "for", value_name = "VERSION", default_value_t = EXAMPLE_VERSION, value_parser = KubeVersion::parse)]
    pub kubernetes_version: KubeVersion,
}
