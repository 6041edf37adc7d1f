//! The flags. They mean the same for every command, and what kubectl's mean where kubectl has them.

use std::ffi::OsString;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::builder::{OsStringValueParser, TypedValueParser as _};
use clap::{Args, Subcommand, ValueEnum, ValueHint};
use clap_complete::ArgValueCandidates;

use super::isolation::IsolationArgs;
use super::pods::PodArgs;
use crate::model::{ControlPlaneName, DatastoreName, Endpoint, Exposure, Namespace};
use crate::ui::{Color, Format};

/// Flags of every command.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub struct Common {
    /// Use this namespace of the management cluster instead of the context's
    #[arg(short, long, global = true, value_name = "NAMESPACE", add = ArgValueCandidates::new(crate::complete::namespaces))]
    pub namespace: Option<Namespace>,
    /// Use this context of the kubeconfig
    #[arg(long, global = true, value_name = "NAME")]
    pub context: Option<String>,
    /// Use this kubeconfig for the management cluster
    #[arg(long, global = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub kubeconfig: Option<PathBuf>,
    /// Write results in this format
    #[arg(short, long, global = true, value_enum, default_value_t, value_name = "FORMAT")]
    pub output: Format,
    /// Use colours
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    pub color: Color,
    /// Log what is done on stderr; twice for every request
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

/// What describes a control plane.
#[derive(Debug, Args)]
pub struct SpecArgs {
    /// Name of the control plane
    #[arg(value_name = "NAME")]
    pub name: ControlPlaneName,
    /// Read the kubeadm configuration from this file; `-` is stdin
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, required_unless_present = "filename")]
    pub kubeadm_config: Option<PathBuf>,
    /// Read a TenantControlPlane of the Kamaji operator from this file instead; `-` is stdin
    #[expect(clippy::doc_markdown, reason = "this comment is the help, where backticks would be printed")]
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with = "kubeadm_config")]
    pub filename: Option<PathBuf>,
    /// Keep its data in this datastore [default: default]
    #[arg(long, value_name = "NAME")]
    pub datastore: Option<DatastoreName>,
    /// Use the keys in this folder: ca.crt, ca.key, front-proxy-ca.crt, front-proxy-ca.key, sa.key, as kubeadm names them
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub pki: Option<PathBuf>,
    #[command(flatten)]
    /// What may be changed later.
    pub settings: SettingArgs,
}

/// What describes a control plane beside the configuration, and may be changed later.
#[derive(Debug, Args)]
pub struct SettingArgs {
    /// Run this many pods; a new control plane has one
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=50))]
    pub replicas: Option<u32>,
    /// Expose the API server this way; a new control plane has a load balancer if the cluster gives one in time, else a
    /// node port
    #[arg(long, value_name = "HOW")]
    pub expose: Option<Expose>,
    /// Tell workers and users to connect to this name or address
    #[arg(long, value_name = "HOST[:PORT]", value_parser = endpoint, help = ENDPOINT_HELP)]
    pub endpoint: Option<Endpoint>,
    /// Label the control plane, for selecting it later (can be repeated)
    #[arg(short = 'l', long = "label", value_name = "KEY=VALUE", value_parser = crate::model::parse_label)]
    pub labels: Vec<(String, String)>,
    #[command(flatten)]
    /// The pods.
    pub pods: PodArgs,
    #[command(flatten)]
    /// Networks.
    pub isolation: IsolationArgs,
    /// Read kubeadm.k8s.io/v1 too, which kubeadm calls experimental
    #[arg(long)]
    pub allow_experimental_api: bool,
    #[command(flatten)]
    /// Files that the configuration names.
    pub given: FileArgs,
}

/// Files that a configuration names.
#[derive(Debug, Args)]
pub struct FileArgs {
    /// Give a file or folder of this machine for a path that the configuration names: a file of an argument such as
    /// audit-policy-file, the hostPath of a volume, or the folder of patches (can be repeated)
    #[arg(long = "file", value_name = "PATH=LOCAL", value_parser = OsStringValueParser::new().try_map(given_file), value_hint = ValueHint::AnyPath)]
    pub given_files: Vec<(String, PathBuf)>,
    /// Give an empty folder for a path that a component writes to, such as that of audit logs; it ends with the pod (can
    /// be repeated)
    #[arg(long = "empty-dir", value_name = "PATH", value_parser = crate::model::parse_given_path)]
    pub empty_dirs: Vec<String>,
}

/// `PATH=LOCAL`; the path is that of the configuration, and text.
#[expect(clippy::needless_pass_by_value, reason = "clap hands the text over")]
fn given_file(text: OsString) -> Result<(String, PathBuf), String> {
    use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
    let bytes = text.as_bytes();
    let at = bytes.iter().position(|byte| *byte == b'=').filter(|at| *at > 0 && at + 1 < bytes.len());
    let at =
        at.ok_or("write it as PATH=LOCAL: the path in the configuration, and the file or folder on this machine")?;
    let path = std::str::from_utf8(&bytes[..at]).map_err(|_| "the path in the configuration is not UTF-8")?;
    let path = crate::model::parse_given_path(path).map_err(|error| error.to_string())?;
    Ok((path, OsString::from_vec(bytes[at + 1..].to_vec()).into()))
}

/// Not a comment of the field, where brackets would be a link.
const ENDPOINT_HELP: &str =
    "Tell workers and users to connect to this name or address, for example api.example.com:443 or [fd00::1]:6443";

fn endpoint(text: &str) -> Result<Endpoint, crate::model::Error> {
    Endpoint::parse(text, 0)
}

/// How an API server is exposed. The help names Kubernetes' types as they are written.
#[expect(clippy::doc_markdown, reason = "these comments are the help, where backticks would be printed")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Expose {
    /// A Service of type LoadBalancer
    LoadBalancer,
    /// A Service of type NodePort; the API server listens on that port too
    NodePort,
    /// A Service of type ClusterIP: workers inside the management cluster's network
    ClusterIp,
}

impl From<Expose> for Exposure {
    fn from(expose: Expose) -> Self {
        match expose {
            Expose::LoadBalancer => Self::LoadBalancer,
            Expose::NodePort => Self::NodePort,
            Expose::ClusterIp => Self::ClusterIp,
        }
    }
}

/// `kamaji create`.
#[derive(Debug, Args)]
pub struct CreateArgs {
    #[command(flatten)]
    /// The control plane.
    pub spec: SpecArgs,
    /// Show the plan and write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Change an existing control plane without asking
    #[arg(short, long)]
    pub yes: bool,
    /// Wait until the control plane can be used; `--wait=false` ends when its objects are written
    #[arg(long, default_value_t = true, num_args = 0..=1, require_equals = true, default_missing_value = "true", action = clap::ArgAction::Set, value_name = "BOOL")]
    pub wait: bool,
    /// Stop waiting after this long [default: 5m, or timeouts.controlPlaneComponentHealthCheck of the file]
    #[arg(long, value_name = "DURATION")]
    pub timeout: Option<DurationArg>,
}

/// `kamaji render`.
#[derive(Debug, Args)]
pub struct RenderArgs {
    #[command(flatten)]
    /// The control plane.
    pub spec: SpecArgs,
    /// Print Secrets too, with their keys
    #[arg(long)]
    pub show_secrets: bool,
}

/// `kamaji delete`.
#[derive(Debug, Args)]
pub struct DeleteArgs {
    /// Name of the control plane
    #[arg(value_name = "NAME", add = control_planes())]
    pub name: ControlPlaneName,
    /// Delete without asking
    #[arg(short, long)]
    pub yes: bool,
    /// Show what would be deleted and delete nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Leave data, user and role in the datastore
    #[arg(long)]
    pub keep_data: bool,
    /// Stop waiting after this long
    #[arg(long, value_name = "DURATION", default_value = "5m")]
    pub timeout: DurationArg,
}

/// A command about one control plane.
#[derive(Debug, Args)]
pub struct ControlPlaneArgs {
    /// Name of the control plane
    #[arg(value_name = "NAME", add = control_planes())]
    pub name: ControlPlaneName,
}

/// `kamaji doctor`.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Name of the control plane; without it, the management cluster and what is shared
    #[arg(value_name = "NAME", add = control_planes())]
    pub name: Option<ControlPlaneName>,
}

/// `kamaji support-bundle`.
#[derive(Debug, Args)]
pub struct SupportBundleArgs {
    /// Name of the control plane
    #[arg(value_name = "NAME", add = control_planes())]
    pub name: ControlPlaneName,
    /// Write this file [default: kamaji-support-NAMESPACE-NAME-TIME.tar.gz in this folder]
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: Option<PathBuf>,
    /// Take this many last lines of each log
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub lines: u32,
}

/// `kamaji join`.
#[derive(Debug, Args)]
pub struct JoinArgs {
    /// Name of the control plane
    #[arg(value_name = "NAME", add = control_planes())]
    pub name: ControlPlaneName,
    /// Let the token end after this long; `0` is never
    #[arg(long, value_name = "DURATION", default_value = "24h")]
    pub ttl: DurationArg,
    /// Print this instead of the command line
    #[arg(long, value_enum, default_value_t, value_name = "FORM", conflicts_with = "hosts")]
    pub format: JoinFormat,
    #[command(flatten)]
    /// The machines to join.
    pub machines: Hosts,
    /// With --host: look at the machines, say what would be done and do nothing
    #[arg(long, requires = "hosts")]
    pub dry_run: bool,
    /// Stop waiting for the token after this long
    #[arg(long, value_name = "DURATION", default_value = "1m")]
    pub timeout: DurationArg,
}

/// Machines that are reached over the user's own ssh.
#[derive(Debug, Args)]
pub struct Hosts {
    /// Do it on this machine, over ssh with your own configuration (can be repeated)
    #[arg(long = "host", value_name = "USER@HOST", value_hint = ValueHint::Hostname, value_parser = ssh_host)]
    pub hosts: Vec<String>,
    /// With --host: use this ssh configuration instead of ~/.ssh/config
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "hosts")]
    pub ssh_config: Option<PathBuf>,
    /// With --host: work on this many machines at a time
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u8).range(1..=64), requires = "hosts")]
    pub parallel: u8,
}

/// A host for ssh; what ssh would take for an option is refused.
fn ssh_host(text: &str) -> Result<String, String> {
    if text.is_empty() || text.starts_with('-') || text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err("write it as HOST or USER@HOST".to_owned());
    }
    Ok(text.to_owned())
}

/// What a worker is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum JoinFormat {
    /// The `kubeadm join` line
    #[default]
    Command,
    /// A kubeadm `JoinConfiguration`
    KubeadmConfig,
    /// User data for cloud-init
    CloudInit,
    /// A shell script
    Script,
}

/// `kamaji list`.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// List control planes of all namespaces
    #[arg(short = 'A', long)]
    pub all_namespaces: bool,
    /// List only those whose record has these labels
    #[arg(short = 'l', long, value_name = "SELECTOR", default_value = "")]
    pub selector: String,
}

/// Which of the two kubeconfigs that every control plane has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum KubeconfigUser {
    /// Cluster administrator by RBAC: can be revoked
    #[default]
    Admin,
    /// Member of system:masters: cannot be revoked, for emergencies
    SuperAdmin,
}

impl KubeconfigUser {
    /// kubeadm's file with it.
    #[must_use]
    pub const fn file(self) -> &'static str {
        match self {
            Self::Admin => "admin.conf",
            Self::SuperAdmin => "super-admin.conf",
        }
    }
}

/// Whose kubeconfig.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Identity {
    /// One that the control plane has.
    Stored(KubeconfigUser),
    /// A user of its own, by a certificate made now.
    Named(String),
}

impl FromStr for Identity {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(match KubeconfigUser::from_str(text, false) {
            Ok(stored) => Self::Stored(stored),
            Err(_) => Self::Named(text.to_owned()),
        })
    }
}

/// `kamaji kubeconfig`.
#[derive(Debug, Args)]
pub struct KubeconfigArgs {
    /// Names of control planes; with several, one file has a context for each
    #[arg(value_name = "NAME", required_unless_present_any = ["all_namespaces", "selector"], add = control_planes())]
    pub names: Vec<ControlPlaneName>,
    /// All control planes of all namespaces
    #[arg(short = 'A', long, conflicts_with = "names")]
    pub all_namespaces: bool,
    /// All control planes that have these labels
    #[arg(short = 'l', long, value_name = "SELECTOR", conflicts_with = "names")]
    pub selector: Option<String>,
    /// Write it to this file, readable by you only
    #[arg(long, value_name = "FILE", conflicts_with = "merge", value_hint = ValueHint::FilePath)]
    pub file: Option<PathBuf>,
    /// Merge it into your kubeconfig (KUBECONFIG, else ~/.kube/config) as context kamaji-NAMESPACE-NAME
    #[arg(long)]
    pub merge: bool,
    /// `admin`, `super-admin` (member of system:masters, for emergencies), or the name of a user, who gets a new
    /// client certificate that is stored nowhere
    #[arg(long, value_name = "USER", default_value = "admin")]
    pub user: Identity,
    /// With a user's name: make them a member of this group (can be repeated)
    #[arg(long = "group", value_name = "GROUP")]
    pub groups: Vec<String>,
    /// With a user's name: let the certificate end after this long; it cannot be revoked before [default: 8h]
    #[arg(long, value_name = "DURATION")]
    pub ttl: Option<DurationArg>,
    /// With a user's name: allow users and groups that begin with `system:`, which Kubernetes keeps for itself
    #[arg(long)]
    pub allow_system: bool,
}

/// `kamaji exec`.
#[derive(Debug, Args)]
pub struct ExecArgs {
    /// Name of the control plane
    #[arg(value_name = "NAME", add = control_planes())]
    pub name: ControlPlaneName,
    /// Choose the user
    #[arg(long, value_enum, default_value_t, value_name = "USER")]
    pub user: KubeconfigUser,
    /// The command and its arguments
    #[arg(value_name = "COMMAND", last = true, required = true, num_args = 1..)]
    pub command: Vec<OsString>,
}

/// `kamaji token`.
#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Make a bootstrap token and print it
    #[command(after_help = "Examples:
  kamaji token create prod --ttl 2h --description 'for the new rack'")]
    Create(TokenCreateArgs),
    /// Print a new token for a kubeadm file; no cluster is asked or changed
    #[command(after_help = "Examples:
  kamaji token generate")]
    Generate,
    /// List bootstrap tokens, without their secrets
    #[command(
        visible_alias = "ls",
        after_help = "Examples:
  kamaji token list prod"
    )]
    List(ControlPlaneArgs),
    /// Delete a bootstrap token
    #[command(after_help = "Examples:
  kamaji token delete prod abcdef")]
    Delete(TokenDeleteArgs),
}

/// `kamaji token create`.
#[derive(Debug, Args)]
pub struct TokenCreateArgs {
    /// Name of the control plane
    #[arg(value_name = "NAME", add = control_planes())]
    pub name: ControlPlaneName,
    /// Let the token end after this long; `0` is never
    #[arg(long, value_name = "DURATION", default_value = "24h")]
    pub ttl: DurationArg,
    /// Describe it for people
    #[arg(long, value_name = "TEXT", default_value = "made by kamaji")]
    pub description: String,
    /// Stop waiting after this long
    #[arg(long, value_name = "DURATION", default_value = "1m")]
    pub timeout: DurationArg,
}

/// `kamaji token delete`.
#[derive(Debug, Args)]
pub struct TokenDeleteArgs {
    /// Name of the control plane
    #[arg(value_name = "NAME", add = control_planes())]
    pub name: ControlPlaneName,
    /// The token's id (the six characters before the dot), or the whole token
    #[arg(value_name = "TOKEN")]
    pub token: String,
}

/// `kamaji completion`.
#[derive(Debug, Args)]
pub struct CompletionArgs {
    /// The shell
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}

/// Names of control planes, for the Tab key.
pub(super) fn control_planes() -> ArgValueCandidates {
    ArgValueCandidates::new(crate::complete::control_planes)
}

/// Names of the workers of the control plane that is typed before, for the Tab key.
pub(super) fn nodes() -> ArgValueCandidates {
    ArgValueCandidates::new(crate::complete::nodes)
}

/// A length of time such as `90s`, `5m` or `24h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DurationArg(pub Duration);

impl FromStr for DurationArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "0" {
            return Ok(Self(Duration::ZERO));
        }
        let days = text.strip_suffix('d').and_then(|days| days.parse::<u64>().ok()?.checked_mul(24 * 3600));
        let short = || Duration::try_from(text.parse::<jiff::SignedDuration>().ok()?).ok();
        days.map(Duration::from_secs)
            .or_else(short)
            // Ten years: what is longer is a slip, and would overflow dates.
            .filter(|duration| duration.as_secs() <= 10 * 366 * 24 * 3600)
            .map(Self)
            .ok_or_else(|| "write a length of time such as 90s, 5m, 24h or 30d".to_owned())
    }
}

impl std::fmt::Display for DurationArg {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}s", self.0.as_secs())
    }
}
