//! What can be typed: commands, flags and their help. No I/O; `commands` does what was asked.

mod args;
mod certs;
mod config;
mod isolation;
mod node;
mod pods;
mod snapshot;
mod update;
mod upgrade;

use clap::{Parser, Subcommand};

pub use args::{
    Common, CompletionArgs, ControlPlaneArgs, CreateArgs, DeleteArgs, DoctorArgs, DurationArg, ExecArgs, FileArgs,
    Hosts, Identity, JoinArgs, JoinFormat, KubeconfigArgs, KubeconfigUser, ListArgs, RenderArgs, SettingArgs, SpecArgs,
    SupportBundleArgs, TokenCommand, TokenCreateArgs, TokenDeleteArgs,
};
pub use certs::{
    CertsCheckArgs, CertsCommand, CertsRenewArgs, ControlPlaneSelection, PhaseArg, RotateArgs, RotateCaArgs,
};
pub use config::{ConfigCommand, ConvertArgs, PrintDefaultsArgs, ValidateArgs};
pub use isolation::{IsolationArgs, PoliciesArg};
pub use node::{DrainArgs, DrainOptions, NodeCommand, NodeListArgs, NodesArgs, RemoveArgs};
pub use pods::{PodArgs, SizeArg};
pub use snapshot::{RestoreArgs, SnapshotArgs};
pub use update::{Addon, Reset, UpdateArgs};
pub use upgrade::{
    PauseArgs, RbacArgs, RollArgs, RollbackArgs, ScaleArgs, UpgradeArgs, UpgradeCommand, UpgradePlanArgs,
};

use crate::error::Kind;

const EXAMPLES: &str = "Examples:
  kamaji create prod --kubeadm-config prod.yaml   # a control plane, ready to be joined
  kamaji join prod                                # the line for its workers
  kamaji status prod                              # what there is, and what is wrong
  kamaji delete prod                              # everything of it, data too";

/// Examples, and what the exit codes mean.
fn end_of_help() -> String {
    let codes = Kind::ALL.iter().map(|kind| format!("\n  {}  {}", kind.exit_code(), kind.meaning()));
    format!("{EXAMPLES}\n\nExit codes:\n  0  done{}", codes.collect::<String>())
}

/// Manage fleets of hosted Kubernetes control planes
///
/// The control plane of each cluster (kube-apiserver, kube-controller-manager, kube-scheduler) runs as pods in one
/// management cluster; workers anywhere join it with `kubeadm join`. kamaji needs a kubeconfig for the management
/// cluster and the kubeadm configuration you already have, and nothing else: no operator, no CRD.
#[derive(Debug, Parser)]
#[command(
    name = "kamaji",
    version,
    propagate_version = true,
    max_term_width = 100,
    after_help = end_of_help()
)]
pub struct Cli {
    #[command(flatten)]
    /// Flags of every command.
    pub common: Common,
    #[command(subcommand)]
    /// What to do.
    pub command: Command,
}

/// What to do.
#[expect(clippy::doc_markdown, reason = "these comments are the help, where backticks would be printed")]
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Create a control plane, or finish one that was interrupted
    ///
    /// Running the same command again changes nothing. With another file or other flags it changes a control plane that
    /// exists, as update does; but what the command line does not say gets its default, where update leaves it as it is. A
    /// value that cannot change is refused.
    #[command(after_help = "Examples:
  kamaji create prod --kubeadm-config prod.yaml
  kamaji create prod --kubeadm-config prod.yaml --replicas 2 --expose node-port
  kamaji create prod --kubeadm-config prod.yaml --size medium --node-selector pool=tenants
  kamaji create prod --kubeadm-config - --endpoint api.example.com:6443 --dry-run < prod.yaml
  kamaji create prod --kubeadm-config prod.yaml --pki ./pki --yes -o json
  kamaji create prod --kubeadm-config prod.yaml --file /etc/kubernetes/audit.yaml=audit.yaml")]
    Create(CreateArgs),
    /// Change the settings of a control plane that exists while it serves
    ///
    /// By a changed kubeadm file, by flags, or both; what is not named stays as it is. The plan is shown first. New pods are
    /// made beside the old ones and take over when they are ready; settings with which they do not become ready are taken
    /// back by themselves. Values that cannot change are refused before anything is written. Without a file and flags, an
    /// interrupted change is finished, and what others changed is put back. Unlike create, update never makes a control
    /// plane.
    #[command(after_help = "Examples:
  kamaji update prod --kubeadm-config prod.yaml --dry-run
  kamaji update prod --cert-san api.example.com --cert-san old.example.com-
  kamaji update prod --extra-arg kube-apiserver:audit-log-maxage=60 --yes
  kamaji update prod --extra-arg kube-apiserver:audit-log-maxage-
  kamaji update prod --size medium --reset node-selector --node-selector pool=large
  kamaji update prod --addon kube-proxy=off -o json --yes
  kamaji update prod --kubeadm-config kubelet.yaml   # a file with a KubeletConfiguration alone")]
    Update(UpdateArgs),
    /// Give a control plane another Kubernetes version while it serves
    ///
    /// New pods are made beside the old ones and take over when they are ready; then CoreDNS, kube-proxy and what kubelets
    /// read become what kubeadm of that minor would leave. A version that does not become ready is taken back by itself.
    /// Kubelets are upgraded by you, node by node: `kamaji upgrade plan` says which.
    #[command(after_help = "Examples:
  kamaji upgrade plan                       # where each control plane can go, and what is in the way
  kamaji upgrade prod --to v1.37.2
  kamaji upgrade prod --to v1.37.2 --dry-run
  kamaji upgrade prod --to v1.37.2 --snapshot prod-v1.36.snapshot
  kamaji upgrade prod --to v1.37.2 --yes --skip-check webhooks")]
    Upgrade(UpgradeArgs),
    /// Put a control plane back to the settings or the version it had before
    ///
    /// Takes back a change that was interrupted, or the last finished one: of settings, or of the version within its minor.
    /// An older minor cannot read everything that a newer one has written, so a finished upgrade to another minor is not
    /// taken back. What is taken back already stays so: run again, or after a change that went back by itself, it changes
    /// nothing.
    #[command(after_help = "Examples:
  kamaji rollback prod
  kamaji rollback prod --dry-run")]
    Rollback(RollbackArgs),
    /// Save the data of a control plane to a file
    ///
    /// All keys of it at one moment, while it serves on. The file is checked after it was written, and has its name only
    /// then; a file of that name is replaced only if it is a snapshot of the same control plane. Secrets in it are
    /// encrypted, but all else is readable: keep it as you keep a kubeconfig of an administrator. It can be put back only
    /// into this control plane, whose keys are not in it.
    #[command(after_help = "Examples:
  kamaji snapshot prod prod.snapshot
  kamaji snapshot prod prod.snapshot -o json
  head -n 1 prod.snapshot | jq .   # whose it is, of when, which version")]
    Snapshot(SnapshotArgs),
    /// Put a snapshot back into the control plane that it is of
    ///
    /// The control plane stops, its data becomes the snapshot's, and the version that wrote the snapshot serves again. What
    /// was written since the snapshot is lost. Interrupted, it is finished by the same command.
    #[command(after_help = "Examples:
  kamaji restore prod --from prod.snapshot --dry-run
  kamaji restore prod --from prod.snapshot")]
    Restore(RestoreArgs),
    /// Change the number of a control plane's pods; with none it sleeps
    ///
    /// A control plane that sleeps uses no memory and no processor; its data, keys and address stay, and its workers' pods
    /// run on. `--replicas 1` wakes it.
    #[command(after_help = "Examples:
  kamaji scale prod --replicas 2
  kamaji scale test --replicas 0 --yes   # sleep
  kamaji scale test --replicas 1         # wake")]
    Scale(ScaleArgs),
    /// Let nobody's kamaji change a control plane
    #[command(after_help = "Examples:
  kamaji pause prod --reason \"restore from backup, ask anna\"
  kamaji resume prod")]
    Pause(PauseArgs),
    /// Let a paused control plane be changed again
    #[command(after_help = "Examples:
  kamaji resume prod")]
    Resume(ControlPlaneArgs),
    /// Show where a control plane differs from what was asked for, and who changed it
    ///
    /// In the management cluster and inside its own cluster. What has a `!` was set by others and stays; the rest is put
    /// back by update. Ends with exit code 10 when there are differences, and 0 when there are none. Nothing is written.
    #[command(after_help = "Examples:
  kamaji diff prod
  kamaji diff prod -o json")]
    Diff(ControlPlaneArgs),
    /// List a control plane's changes of version and settings, the last one first
    #[command(after_help = "Examples:
  kamaji history prod
  kamaji history prod -o json")]
    History(ControlPlaneArgs),
    /// Delete a control plane with its data
    ///
    /// Succeeds when there is nothing to delete. Other control planes are not touched.
    #[command(after_help = "Examples:
  kamaji delete prod
  kamaji delete prod -n team-a --yes")]
    Delete(DeleteArgs),
    /// Print the `kubeadm join` line for workers
    ///
    /// Makes a bootstrap token and prints exactly one line. The token ends by itself.
    #[command(after_help = "Examples:
  kamaji join prod
  kamaji join prod --format cloud-init > user-data
  kamaji join prod --host root@worker-1 --host admin@worker-2 --dry-run
  kamaji join prod --host root@worker-1 --host admin@worker-2 --ssh-config ./ssh.config
  ssh root@worker-1 \"$(kamaji join prod --ttl 10m)\"")]
    Join(JoinArgs),
    /// Run a command with a kubeconfig for a control plane
    ///
    /// Works where the endpoint cannot be reached: the connection then goes through the management cluster. Signals are
    /// passed on to the command. Ends with the command's exit code (128 and the signal's number if one ended it), and
    /// leaves no file behind, however it ends.
    #[command(after_help = "Examples:
  kamaji exec prod -- kubectl get nodes
  kamaji exec prod -- helm list -A")]
    Exec(ExecArgs),
    /// List control planes
    #[command(
        visible_alias = "ls",
        after_help = "Examples:
  kamaji list -A
  kamaji list -l env=prod -o wide"
    )]
    List(ListArgs),
    /// Show a control plane: pods, service, datastore, certificates, addons, nodes
    #[command(after_help = "Examples:
  kamaji status prod
  kamaji status prod -o json")]
    Status(ControlPlaneArgs),
    /// Find the first broken link: of a control plane, or without a name of what all share
    ///
    /// Walks the chain from the kubeconfig to the workers' clocks, names the first link that is broken, what follows from it
    /// and how to mend it. Only reads, and takes less than half a minute even when half of it hangs. Ends with exit code 0
    /// when nothing is broken (warnings alone are 0) and 1 when something is.
    #[command(after_help = "Examples:
  kamaji doctor          # the management cluster, the datastores and who is in them
  kamaji doctor prod     # the chain of one control plane
  kamaji doctor prod -o json")]
    Doctor(DoctorArgs),
    /// Write one archive about a control plane for somebody who is to help
    ///
    /// The diagnosis on top, then objects, events, logs and what is in the cluster itself. Values of Secrets, keys, tokens and
    /// passwords are left out, of logs too; only you can read the file. It is also made of a control plane that is broken:
    /// what could not be had is listed in it.
    #[command(after_help = "Examples:
  kamaji support-bundle prod
  kamaji support-bundle prod prod.tar.gz --lines 1000")]
    SupportBundle(SupportBundleArgs),
    /// Print or merge a kubeconfig of one control plane or of many
    ///
    /// Of many it is one file with a context for each, called kamaji-NAMESPACE-NAME; those that are not ready are told, and
    /// the exit code is 7 then. With --user NAME it holds a short-lived client certificate that is stored nowhere, and that
    /// cannot be revoked before it ends.
    #[command(after_help = "Examples:
  kamaji kubeconfig prod > prod.conf
  kamaji kubeconfig prod --merge && kubectl --context kamaji-default-prod get nodes
  kamaji kubeconfig -A --file fleet.conf
  kamaji kubeconfig -l env=prod --merge
  kamaji kubeconfig prod --user jane --group viewers --ttl 2h --file jane.conf")]
    Kubeconfig(KubeconfigArgs),
    /// Look at workers, move pods away from them, take them out
    #[command(subcommand)]
    Node(NodeCommand),
    /// Look at certificates and keys, and make new ones
    #[command(subcommand)]
    Certs(CertsCommand),
    /// Manage bootstrap tokens of a control plane
    #[command(subcommand)]
    Token(TokenCommand),
    /// Print Roles with exactly the rights that kamaji needs
    ///
    /// One Role for the namespace of control planes, one for the namespace of datastores, and a ClusterRole that only reads
    /// nodes, namespaces and storage classes.
    #[command(after_help = "Examples:
  kamaji rbac -n team-a --user anna | kubectl apply -f -
  kamaji rbac -n team-a --service-account ci:deployer --make-datastore | kubectl apply -f -
  kamaji rbac --viewer --group oncall | kubectl apply -f -")]
    Rbac(RbacArgs),
    /// Print a control plane's objects for GitOps
    ///
    /// Secrets are left out unless asked for. Nothing is written to any cluster.
    #[command(after_help = "Examples:
  kamaji render prod --kubeadm-config prod.yaml --endpoint 192.0.2.10:6443 > prod-objects.yaml
  kamaji render prod --kubeadm-config prod.yaml --endpoint 192.0.2.10:6443 --show-secrets | kubectl apply -f -")]
    Render(RenderArgs),
    /// Check and convert kubeadm files, without any cluster
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print the completion script of a shell
    #[command(after_help = "Examples:
  source <(kamaji completion bash)
  kamaji completion zsh > ~/.zfunc/_kamaji
  kamaji completion fish > ~/.config/fish/completions/kamaji.fish")]
    Completion(CompletionArgs),
}
