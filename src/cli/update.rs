//! Flags of `kamaji update`: the mutable flags of create, and edits of the stored kubeadm configuration.

use std::path::PathBuf;

use clap::{Args, ValueEnum, ValueHint};

use super::args::{SettingArgs, control_planes};
use super::upgrade::RollArgs;
use crate::model::{ArgEdit, ControlPlaneName, DatastoreName, Edit, Edits, San, parse_arg_edit, parse_san_edit};

/// `kamaji update`.
#[derive(Debug, Args)]
pub struct UpdateArgs {
    /// Name of the control plane
    #[arg(value_name = "NAME", add = control_planes())]
    pub name: ControlPlaneName,
    /// Path to a changed kubeadm configuration file; `-` reads stdin. If it has no ClusterConfiguration, only the
    /// documents that it contains are replaced
    #[expect(clippy::doc_markdown, reason = "this comment is the help, where backticks would be printed")]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub kubeadm_config: Option<PathBuf>,
    /// Add a DNS name or IP address to the API server's certificate, or remove it with a trailing dash (can be
    /// repeated)
    #[arg(long = "cert-san", value_name = "NAME[-]", value_parser = parse_san_edit)]
    pub cert_sans: Vec<Edit<San>>,
    /// Set an argument of a component, such as kube-apiserver:audit-log-maxage=60, or remove it with a trailing dash,
    /// such as kube-apiserver:audit-log-maxage- (can be repeated)
    #[arg(long = "extra-arg", value_name = "COMPONENT:NAME=VALUE", value_parser = parse_arg_edit)]
    pub extra_args: Vec<ArgEdit>,
    /// Repository to pull images from
    #[arg(long, value_name = "REPOSITORY")]
    pub image_repository: Option<String>,
    /// Enable or disable an addon, such as kube-proxy=off; disabling removes the objects kamaji created (can be
    /// repeated)
    #[arg(long = "addon", value_name = "ADDON=on|off", value_parser = addon)]
    pub addons: Vec<(Addon, bool)>,
    /// Clear all values of this flag before applying the other flags (can be repeated)
    #[arg(long = "reset", value_enum, value_name = "FLAG")]
    pub resets: Vec<Reset>,
    /// Immutable; accepted only to report why it is rejected
    #[arg(long, value_name = "NAME", hide = true)]
    pub datastore: Option<DatastoreName>,
    #[command(flatten)]
    /// Settings shared with create.
    pub settings: SettingArgs,
    #[command(flatten)]
    /// Rollout options.
    pub options: RollArgs,
}

/// An addon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Addon {
    /// `CoreDNS`
    Coredns,
    /// kube-proxy
    KubeProxy,
}

/// Flags that can be reset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Reset {
    /// --label
    Label,
    /// --requests
    Requests,
    /// --limits
    Limits,
    /// --image-pull-secret
    ImagePullSecret,
    /// --toleration
    Toleration,
    /// --node-selector
    NodeSelector,
    /// --priority-class
    PriorityClass,
    /// --deny-egress
    DenyEgress,
    /// --endpoint, and controlPlaneEndpoint
    Endpoint,
}

fn addon(text: &str) -> Result<(Addon, bool), String> {
    let form = || "expected coredns=on, coredns=off, kube-proxy=on or kube-proxy=off".to_owned();
    let (name, switch) = text.split_once('=').ok_or_else(form)?;
    let on = match switch {
        "on" => true,
        "off" => false,
        _ => return Err(form()),
    };
    Ok((Addon::from_str(name, false).map_err(|_| form())?, on))
}

impl UpdateArgs {
    /// The edits to the kubeadm documents.
    #[must_use]
    pub fn edits(&self) -> Edits {
        let switch = |addon: Addon| self.addons.iter().rev().find(|(named, _)| *named == addon).map(|(_, on)| *on);
        Edits {
            cert_sans: self.cert_sans.clone(),
            extra_args: self.extra_args.clone(),
            image_repository: self.image_repository.clone(),
            coredns: switch(Addon::Coredns),
            kube_proxy: switch(Addon::KubeProxy),
        }
    }
}
