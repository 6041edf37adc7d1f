//! The command line: commands, flags and their help texts. No I/O; `commands` implements them.

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
  kamaji create prod --kubeadm-config prod.yaml   # create a control plane
  kamaji join prod                                # print the kubeadm join command for workers
  kamaji status prod                              # show its pods, certificates and problems
  kamaji delete prod                              # delete it and its data";

/// The examples and the table of exit codes.
fn end_of_help() -> String {
    let codes = Kind::ALL.iter().map(|kind| format!("\n  {}  {}", kind.exit_code(), kind.meaning()));
    format!("{EXAMPLES}\n\nExit codes:\n  0  success{}", codes.collect::<String>())
}

/// Manage fleets of hosted Kubernetes control planes
///
/// The control plane of each cluster (kube-apiserver, kube-controller-manager, kube-scheduler) runs as pods in a
/// management cluster; workers anywhere join it with `kubeadm join`. kamaji needs only a kubeconfig for the management
/// cluster and a kubeadm configuration file; it installs no operator and no CRDs.
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
    /// Global flags.
    pub common: Common,
    #[command(subcommand)]
    /// The command to run.
    pub command: Command,
}

/// The command to run.
#[expect(clippy::doc_markdown, reason = "these comments are the help, where backticks would be printed")]
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Create a control plane, or resume an interrupted creation
    ///
    /// The command is idempotent. If the control plane exists, create updates it to match the file and the flags.
    /// Unlike update, which keeps settings that are not specified, create resets them to their defaults. Changes to
    /// immutable fields are rejected.
    #[command(after_help = "Examples:
  kamaji create prod --kubeadm-config prod.yaml
  kamaji create prod --kubeadm-config prod.yaml --replicas 2 --expose node-port
  kamaji create prod --kubeadm-config prod.yaml --size medium --node-selector pool=tenants
  kamaji create prod --kubeadm-config - --endpoint api.example.com:6443 --dry-run < prod.yaml
  kamaji create prod --kubeadm-config prod.yaml --pki ./pki --yes -o json
  kamaji create prod --kubeadm-config prod.yaml --file /etc/kubernetes/audit.yaml=audit.yaml")]
    Create(CreateArgs),
    /// Update the settings of a control plane without downtime
    ///
    /// Takes a changed kubeadm file, flags, or both; settings that are not specified keep their values. The plan is
    /// shown first. New pods start next to the old ones and replace them once they are ready; if they do not become
    /// ready, the update is rolled back automatically. Changes to immutable fields are rejected before anything is
    /// written. Without a file or flags, update resumes an interrupted update and corrects drift. Unlike create, update
    /// fails if the control plane does not exist.
    #[command(after_help = "Examples:
  kamaji update prod --kubeadm-config prod.yaml --dry-run
  kamaji update prod --cert-san api.example.com --cert-san old.example.com-
  kamaji update prod --extra-arg kube-apiserver:audit-log-maxage=60 --yes
  kamaji update prod --extra-arg kube-apiserver:audit-log-maxage-
  kamaji update prod --size medium --reset node-selector --node-selector pool=large
  kamaji update prod --addon kube-proxy=off -o json --yes
  kamaji update prod --kubeadm-config kubelet.yaml   # a file with only a KubeletConfiguration")]
    Update(UpdateArgs),
    /// Upgrade a control plane to another Kubernetes version without downtime
    ///
    /// New pods start next to the old ones and replace them once they are ready; then CoreDNS, kube-proxy and the
    /// kubelet configuration are upgraded as kubeadm of that minor version would. If the new pods do not become ready,
    /// the upgrade is rolled back automatically. Kubelets are not upgraded: upgrade them node by node; `kamaji upgrade
    /// plan` lists them.
    #[command(after_help = "Examples:
  kamaji upgrade plan                       # show available versions and failing preflight checks
  kamaji upgrade prod --to v1.37.2
  kamaji upgrade prod --to v1.37.2 --dry-run
  kamaji upgrade prod --to v1.37.2 --snapshot prod-v1.36.snapshot
  kamaji upgrade prod --to v1.37.2 --yes --skip-check webhooks")]
    Upgrade(UpgradeArgs),
    /// Roll back the last change of settings or version
    ///
    /// Reverts an interrupted change, or else the last completed one: a change of settings, or of the version within
    /// the same minor. A completed upgrade to another minor version cannot be rolled back, because an older minor
    /// cannot read everything that a newer one has written. If the last change has already been rolled back, manually
    /// or automatically, rollback is a no-op.
    #[command(after_help = "Examples:
  kamaji rollback prod
  kamaji rollback prod --dry-run")]
    Rollback(RollbackArgs),
    /// Save the data of a control plane to a snapshot file
    ///
    /// Saves all of its etcd keys at a single revision, without downtime. The file is verified before it is renamed to
    /// FILE; an existing FILE is replaced only if it is a snapshot of the same control plane. Secrets in the snapshot
    /// are encrypted, but everything else is readable: protect the file like an administrator's kubeconfig. It can be
    /// restored only into the same control plane, because it does not contain the encryption keys.
    #[command(after_help = "Examples:
  kamaji snapshot prod prod.snapshot
  kamaji snapshot prod prod.snapshot -o json
  head -n 1 prod.snapshot | jq .   # show the control plane, time and version of the snapshot")]
    Snapshot(SnapshotArgs),
    /// Restore the data of a control plane from a snapshot
    ///
    /// Stops the control plane, replaces its data with the snapshot's, and starts it with the version that wrote the
    /// snapshot. Everything written since the snapshot is lost. Run the same command again to resume an interrupted
    /// restore.
    #[command(after_help = "Examples:
  kamaji restore prod --from prod.snapshot --dry-run
  kamaji restore prod --from prod.snapshot")]
    Restore(RestoreArgs),
    /// Set the number of replicas of a control plane; 0 stops it
    ///
    /// A control plane with 0 replicas uses no CPU and no memory. Its data, keys and address are kept, and pods on its
    /// workers keep running. Use `--replicas 1` to start it again.
    #[command(after_help = "Examples:
  kamaji scale prod --replicas 2
  kamaji scale test --replicas 0 --yes   # stop
  kamaji scale test --replicas 1         # start again")]
    Scale(ScaleArgs),
    /// Pause changes to a control plane
    #[command(after_help = "Examples:
  kamaji pause prod --reason \"restore from backup, ask anna\"
  kamaji resume prod")]
    Pause(PauseArgs),
    /// Resume changes to a paused control plane
    #[command(after_help = "Examples:
  kamaji resume prod")]
    Resume(ControlPlaneArgs),
    /// Show drift between the spec and the live objects of a control plane
    ///
    /// Compares the objects in the management cluster and in the tenant cluster, and shows which field manager changed
    /// each field. Differences marked with `!` are owned by other field managers and are kept; update corrects all
    /// others. Exits with code 10 if there are differences and 0 if there are none. Read-only.
    #[command(after_help = "Examples:
  kamaji diff prod
  kamaji diff prod -o json")]
    Diff(ControlPlaneArgs),
    /// List past changes of version and settings, newest first
    #[command(after_help = "Examples:
  kamaji history prod
  kamaji history prod -o json")]
    History(ControlPlaneArgs),
    /// Delete a control plane and its data
    ///
    /// Succeeds if the control plane does not exist. Other control planes are not affected.
    #[command(after_help = "Examples:
  kamaji delete prod
  kamaji delete prod -n team-a --yes")]
    Delete(DeleteArgs),
    /// Print the `kubeadm join` command for workers
    ///
    /// Creates a bootstrap token that expires after --ttl and prints the command on a single line. With --host, joins
    /// the machines over ssh instead.
    #[command(after_help = "Examples:
  kamaji join prod
  kamaji join prod --format cloud-init > user-data
  kamaji join prod --host root@worker-1 --host admin@worker-2 --dry-run
  kamaji join prod --host root@worker-1 --host admin@worker-2 --ssh-config ./ssh.config
  ssh root@worker-1 \"$(kamaji join prod --ttl 10m)\"")]
    Join(JoinArgs),
    /// Run a command with a kubeconfig for a control plane
    ///
    /// Sets KUBECONFIG for the command. If the endpoint is not reachable from this machine, the connection is tunneled
    /// through the management cluster. Signals are forwarded to the command, and its exit code is returned (128 plus
    /// the signal number if it was killed by a signal). No file is left behind.
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
    /// Show the status of a control plane: pods, service, datastore, certificates, addons, nodes
    #[command(after_help = "Examples:
  kamaji status prod
  kamaji status prod -o json")]
    Status(ControlPlaneArgs),
    /// Diagnose a control plane or, without a name, the management cluster and the datastores
    ///
    /// Runs checks from the kubeconfig to the workers' clocks and reports the first failed check, the failures that it
    /// explains, and how to fix it. Read-only; takes less than 30 seconds even if servers do not respond. Exits with
    /// code 0 if there are at most warnings, and 1 if a check failed.
    #[command(after_help = "Examples:
  kamaji doctor          # check the management cluster, the datastores and their users
  kamaji doctor prod     # check one control plane
  kamaji doctor prod -o json")]
    Doctor(DoctorArgs),
    /// Collect diagnostics of a control plane in an archive
    ///
    /// The archive contains the output of doctor, objects, events, logs and objects of the tenant cluster. Values of
    /// Secrets, keys, tokens and passwords are redacted, in logs too. The file is readable only by you. It also works
    /// for a failing control plane: the archive lists what could not be collected.
    #[command(after_help = "Examples:
  kamaji support-bundle prod
  kamaji support-bundle prod prod.tar.gz --lines 1000")]
    SupportBundle(SupportBundleArgs),
    /// Print, write or merge kubeconfigs of one or more control planes
    ///
    /// For several control planes, the kubeconfig has one context per control plane, named kamaji-NAMESPACE-NAME;
    /// control planes that are not ready are reported, and the exit code is then 7. With --user NAME, the kubeconfig
    /// contains a new short-lived client certificate, which is not stored anywhere and cannot be revoked before it
    /// expires.
    #[command(after_help = "Examples:
  kamaji kubeconfig prod > prod.conf
  kamaji kubeconfig prod --merge && kubectl --context kamaji-default-prod get nodes
  kamaji kubeconfig -A --file fleet.conf
  kamaji kubeconfig -l env=prod --merge
  kamaji kubeconfig prod --user jane --group viewers --ttl 2h --file jane.conf")]
    Kubeconfig(KubeconfigArgs),
    /// List, cordon, drain and remove workers
    #[command(subcommand)]
    Node(NodeCommand),
    /// Check and renew certificates, and rotate keys
    #[command(subcommand)]
    Certs(CertsCommand),
    /// Manage bootstrap tokens of a control plane
    #[command(subcommand)]
    Token(TokenCommand),
    /// Print the Roles with the minimum permissions that kamaji needs
    ///
    /// Prints a Role for the namespace of the control planes, a Role for the namespace of the datastores, and a
    /// ClusterRole that can only read nodes, namespaces and storage classes.
    #[command(after_help = "Examples:
  kamaji rbac -n team-a --user anna | kubectl apply -f -
  kamaji rbac -n team-a --service-account ci:deployer --make-datastore | kubectl apply -f -
  kamaji rbac --viewer --group oncall | kubectl apply -f -")]
    Rbac(RbacArgs),
    /// Print the objects of a control plane, for use with GitOps
    ///
    /// Secrets are omitted unless --show-secrets is set. Nothing is written to any cluster.
    #[command(after_help = "Examples:
  kamaji render prod --kubeadm-config prod.yaml --endpoint 192.0.2.10:6443 > prod-objects.yaml
  kamaji render prod --kubeadm-config prod.yaml --endpoint 192.0.2.10:6443 --show-secrets | kubectl apply -f -")]
    Render(RenderArgs),
    /// Validate and convert kubeadm files; no cluster is needed
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print the completion script for a shell
    #[command(after_help = "Examples:
  source <(kamaji completion bash)
  kamaji completion zsh > ~/.zfunc/_kamaji
  kamaji completion fish > ~/.config/fish/completions/kamaji.fish")]
    Completion(CompletionArgs),
}
