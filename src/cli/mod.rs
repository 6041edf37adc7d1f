//! What can be typed: commands, flags and their help. No I/O; `commands` does what was asked.

mod args;
mod config;
mod pods;

use clap::{Parser, Subcommand};

pub use args::{
    Common, CompletionArgs, CreateArgs, DeleteArgs, ExecArgs, JoinArgs, JoinFormat, KubeconfigArgs, KubeconfigUser,
    ListArgs, PlaneArgs, RenderArgs, SpecArgs, TokenCommand, TokenCreateArgs, TokenDeleteArgs,
};
pub use config::{ConfigCommand, ConvertArgs, PrintDefaultsArgs, ValidateArgs};
pub use pods::{PodArgs, SizeArg};

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
    after_help = "Examples:
  kamaji create prod --kubeadm-config prod.yaml   # a control plane, ready to be joined
  kamaji join prod                                # the line for its workers
  kamaji status prod                              # what there is, and what is wrong
  kamaji delete prod                              # everything of it, data too

Exit codes: 0 done, 1 failed, 2 usage or invalid input, 3 not found, 4 conflict or locked,
5 unreachable (try again), 6 timed out, 7 some of several failed, 8 declined."
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
    /// Running the same command again changes nothing. A value that cannot change is refused.
    #[command(after_help = "Examples:
  kamaji create prod --kubeadm-config prod.yaml
  kamaji create prod --kubeadm-config prod.yaml --replicas 2 --expose node-port
  kamaji create prod --kubeadm-config prod.yaml --size medium --node-selector pool=tenants
  kamaji create prod --kubeadm-config - --endpoint api.example.com:6443 --dry-run < prod.yaml
  kamaji create prod --kubeadm-config prod.yaml --pki ./pki --yes -o json")]
    Create(CreateArgs),
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
  kamaji join prod --host root@worker-1 --host admin@worker-2
  ssh root@worker-1 \"$(kamaji join prod --ttl 10m)\"")]
    Join(JoinArgs),
    /// Run a command with a kubeconfig for a control plane
    ///
    /// Works where the endpoint cannot be reached: the connection then goes through the management cluster. Ends with
    /// the command's exit code, and leaves no file behind.
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
    Status(PlaneArgs),
    /// Print or merge a kubeconfig of a control plane
    #[command(after_help = "Examples:
  kamaji kubeconfig prod > prod.conf
  kamaji kubeconfig prod --file prod.conf
  kamaji kubeconfig prod --merge && kubectl --context kamaji-default-prod get nodes")]
    Kubeconfig(KubeconfigArgs),
    /// Manage bootstrap tokens of a control plane
    #[command(subcommand)]
    Token(TokenCommand),
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
  source <(kamaji completion bash)")]
    Completion(CompletionArgs),
}
