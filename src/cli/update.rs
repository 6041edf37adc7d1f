//! Flags of `kamaji update`: those of create that may change, and a few for who has no file at hand.

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
    /// Read a changed kubeadm configuration from this file; `-` is stdin. Without a ClusterConfiguration in it, only the
    /// documents that it has are replaced
    #[expect(clippy::doc_markdown, reason = "this comment is the help, where backticks would be printed")]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub kubeadm_config: Option<PathBuf>,
    /// Put this name or address into the API server's certificate; with a dash at the end, take it out (can be repeated)
    #[arg(long = "cert-san", value_name = "NAME[-]", value_parser = parse_san_edit)]
    pub cert_sans: Vec<Edit<San>>,
    /// Set an argument of a component, such as kube-apiserver:audit-log-maxage=60; kube-apiserver:audit-log-maxage- takes
    /// it away (can be repeated)
    #[arg(long = "extra-arg", value_name = "COMPONENT:NAME=VALUE", value_parser = parse_arg_edit)]
    pub extra_args: Vec<ArgEdit>,
    /// Take images from this repository
    #[arg(long, value_name = "REPOSITORY")]
    pub image_repository: Option<String>,
    /// Switch an addon, such as kube-proxy=off; what kamaji made of it is removed (can be repeated)
    #[arg(long = "addon", value_name = "ADDON=on|off", value_parser = addon)]
    pub addons: Vec<(Addon, bool)>,
    /// Forget what was set by this flag before others of the command line are used (can be repeated)
    #[arg(long = "reset", value_enum, value_name = "FLAG")]
    pub resets: Vec<Reset>,
    /// Cannot change; here so that it is refused with the reason
    #[arg(long, value_name = "NAME", hide = true)]
    pub datastore: Option<DatastoreName>,
    #[command(flatten)]
    /// What create has too.
    pub settings: SettingArgs,
    #[command(flatten)]
    /// How.
    pub how: RollArgs,
}

/// An addon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Addon {
    /// `CoreDNS`
    Coredns,
    /// kube-proxy
    KubeProxy,
}

/// A flag whose values are added to those there are, and that can be begun anew.
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
    let form = || "write coredns=on, coredns=off, kube-proxy=on or kube-proxy=off".to_owned();
    let (name, switch) = text.split_once('=').ok_or_else(form)?;
    let on = match switch {
        "on" => true,
        "off" => false,
        _ => return Err(form()),
    };
    Ok((Addon::from_str(name, false).map_err(|_| form())?, on))
}

impl UpdateArgs {
    /// What is to be changed of the kubeadm documents.
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
