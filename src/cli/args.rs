//! Arguments and flags of the commands. A flag means the same for every command; kubectl's flags keep their meaning.

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

/// Global flags.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub struct Common {
    /// Namespace in the management cluster [default: the namespace of the context]
    #[arg(short, long, global = true, value_name = "NAMESPACE", add = ArgValueCandidates::new(crate::complete::namespaces))]
    pub namespace: Option<Namespace>,
    /// Name of the kubeconfig context to use
    #[arg(long, global = true, value_name = "NAME")]
    pub context: Option<String>,
    /// Path to the kubeconfig of the management cluster
    #[arg(long, global = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub kubeconfig: Option<PathBuf>,
    /// Output format
    #[arg(short, long, global = true, value_enum, default_value_t, value_name = "FORMAT")]
    pub output: Format,
    /// When to use colors
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    pub color: Color,
    /// Log to stderr; -vv also logs every request
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

/// Arguments that specify a control plane.
#[derive(Debug, Args)]
pub struct SpecArgs {
    /// Name of the control plane
    #[arg(value_name = "NAME")]
    pub name: ControlPlaneName,
    /// Path to the kubeadm configuration file; `-` reads stdin
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, required_unless_present = "filename")]
    pub kubeadm_config: Option<PathBuf>,
    /// Path to a TenantControlPlane manifest of the Kamaji operator, instead of a kubeadm file; `-` reads stdin
    #[expect(clippy::doc_markdown, reason = "this comment is the help, where backticks would be printed")]
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with = "kubeadm_config")]
    pub filename: Option<PathBuf>,
    /// Name of the datastore [default: default]
    #[arg(long, value_name = "NAME")]
    pub datastore: Option<DatastoreName>,
    /// Directory with existing CAs and keys, with kubeadm's file names: ca.crt, ca.key, front-proxy-ca.crt,
    /// front-proxy-ca.key, sa.key
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub pki: Option<PathBuf>,
    #[command(flatten)]
    /// Settings that update can change.
    pub settings: SettingArgs,
}

/// Settings outside of the kubeadm configuration that update can change.
#[derive(Debug, Args)]
pub struct SettingArgs {
    /// Number of replicas; 1 for a new control plane
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=50))]
    pub replicas: Option<u32>,
    /// How to expose the API server; a new control plane uses a load balancer if the management cluster provides one in
    /// time, and a node port otherwise
    #[arg(long, value_name = "HOW")]
    pub expose: Option<Expose>,
    /// Endpoint that workers and users connect to
    #[arg(long, value_name = "HOST[:PORT]", value_parser = endpoint, help = ENDPOINT_HELP)]
    pub endpoint: Option<Endpoint>,
    /// Label of the control plane, for selectors (can be repeated)
    #[arg(short = 'l', long = "label", value_name = "KEY=VALUE", value_parser = crate::model::parse_label)]
    pub labels: Vec<(String, String)>,
    #[command(flatten)]
    /// Pod settings.
    pub pods: PodArgs,
    #[command(flatten)]
    /// Network isolation.
    pub isolation: IsolationArgs,
    /// Accept kubeadm.k8s.io/v1, which is experimental in kubeadm
    #[arg(long)]
    pub allow_experimental_api: bool,
    #[command(flatten)]
    /// Files that the configuration refers to.
    pub given: FileArgs,
}

/// Files that a configuration refers to.
#[derive(Debug, Args)]
pub struct FileArgs {
    /// Provide a local file or directory for a path in the configuration: the file of an argument such as
    /// audit-policy-file, the hostPath of a volume, or the patches directory (can be repeated)
    #[arg(long = "file", value_name = "PATH=LOCAL", value_parser = OsStringValueParser::new().try_map(parse_supplied_file), value_hint = ValueHint::AnyPath)]
    pub supplied_files: Vec<(String, PathBuf)>,
    /// Mount an emptyDir at a path that a component writes to, such as the directory of audit logs; its data is lost
    /// with the pod (can be repeated)
    #[arg(long = "empty-dir", value_name = "PATH", value_parser = crate::model::parse_supplied_path)]
    pub empty_dirs: Vec<String>,
}

/// Parses `PATH=LOCAL`. PATH is a path in the configuration and must be UTF-8; LOCAL may be any bytes.
#[expect(clippy::needless_pass_by_value, reason = "clap passes the value")]
fn parse_supplied_file(text: OsString) -> Result<(String, PathBuf), String> {
    use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
    let bytes = text.as_bytes();
    let at = bytes.iter().position(|byte| *byte == b'=').filter(|at| *at > 0 && at + 1 < bytes.len());
    let at = at.ok_or("expected PATH=LOCAL: the path in the configuration, and the local file or directory")?;
    let path = std::str::from_utf8(&bytes[..at]).map_err(|_| "the path in the configuration is not UTF-8")?;
    let path = crate::model::parse_supplied_path(path).map_err(|error| error.to_string())?;
    Ok((path, OsString::from_vec(bytes[at + 1..].to_vec()).into()))
}

/// A constant, because rustdoc would read the brackets in a doc comment as a link.
const ENDPOINT_HELP: &str =
    "Endpoint that workers and users connect to, for example api.example.com:443 or [fd00::1]:6443";

fn endpoint(text: &str) -> Result<Endpoint, crate::model::Error> {
    Endpoint::parse(text, 0)
}

/// How an API server is exposed.
#[expect(clippy::doc_markdown, reason = "these comments are the help, where backticks would be printed")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Expose {
    /// A Service of type LoadBalancer
    LoadBalancer,
    /// A Service of type NodePort; the API server also listens on that port
    NodePort,
    /// A Service of type ClusterIP, for workers on the management cluster's network
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
    /// The spec.
    pub spec: SpecArgs,
    /// Show the plan without applying it
    #[arg(long)]
    pub dry_run: bool,
    /// Do not ask for confirmation before changing an existing control plane
    #[arg(short, long)]
    pub yes: bool,
    /// Wait until the control plane is ready; with `--wait=false`, exit once its objects are applied
    #[arg(long, default_value_t = true, num_args = 0..=1, require_equals = true, default_missing_value = "true", action = clap::ArgAction::Set, value_name = "BOOL")]
    pub wait: bool,
    /// Timeout for the wait [default: 5m, or timeouts.controlPlaneComponentHealthCheck of the file]
    #[arg(long, value_name = "DURATION")]
    pub timeout: Option<DurationArg>,
}

/// `kamaji render`.
#[derive(Debug, Args)]
pub struct RenderArgs {
    #[command(flatten)]
    /// The spec.
    pub spec: SpecArgs,
    /// Include Secrets and their private keys
    #[arg(long)]
    pub show_secrets: bool,
}

/// `kamaji delete`.
#[derive(Debug, Args)]
pub struct DeleteArgs {
    /// Name of the control plane
    #[arg(value_name = "NAME", add = control_planes())]
    pub name: ControlPlaneName,
    /// Do not ask for confirmation
    #[arg(short, long)]
    pub yes: bool,
    /// Show what would be deleted without deleting it
    #[arg(long)]
    pub dry_run: bool,
    /// Keep the data, user and role in the datastore
    #[arg(long)]
    pub keep_data: bool,
    /// Timeout for the operation
    #[arg(long, value_name = "DURATION", default_value = "5m")]
    pub timeout: DurationArg,
}

/// Arguments of commands that take only a control plane.
#[derive(Debug, Args)]
pub struct ControlPlaneArgs {
    /// Name of the control plane
    #[arg(value_name = "NAME", add = control_planes())]
    pub name: ControlPlaneName,
}

/// `kamaji doctor`.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Name of the control plane; without it, check the management cluster and the datastores
    #[arg(value_name = "NAME", add = control_planes())]
    pub name: Option<ControlPlaneName>,
}

/// `kamaji support-bundle`.
#[derive(Debug, Args)]
pub struct SupportBundleArgs {
    /// Name of the control plane
    #[arg(value_name = "NAME", add = control_planes())]
    pub name: ControlPlaneName,
    /// Path of the archive [default: kamaji-support-NAMESPACE-NAME-TIME.tar.gz in the current directory]
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: Option<PathBuf>,
    /// Number of lines to collect from the end of each log
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub lines: u32,
}

/// `kamaji join`.
#[derive(Debug, Args)]
pub struct JoinArgs {
    /// Name of the control plane
    #[arg(value_name = "NAME", add = control_planes())]
    pub name: ControlPlaneName,
    /// Lifetime of the token; `0` means that it never expires
    #[arg(long, value_name = "DURATION", default_value = "24h")]
    pub ttl: DurationArg,
    /// Output format of the join instructions
    #[arg(long, value_enum, default_value_t, value_name = "FORM", conflicts_with = "hosts")]
    pub format: JoinFormat,
    #[command(flatten)]
    /// Machines to join.
    pub machines: Hosts,
    /// With --host: check the machines and show what would be done, without changing them
    #[arg(long, requires = "hosts")]
    pub dry_run: bool,
    /// Timeout for creating the token
    #[arg(long, value_name = "DURATION", default_value = "1m")]
    pub timeout: DurationArg,
}

/// Machines to connect to with the user's ssh.
#[derive(Debug, Args)]
pub struct Hosts {
    /// Run on this machine over ssh, with your ssh configuration (can be repeated)
    #[arg(long = "host", value_name = "USER@HOST", value_hint = ValueHint::Hostname, value_parser = ssh_host)]
    pub hosts: Vec<String>,
    /// With --host: path to the ssh configuration file [default: ~/.ssh/config]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "hosts")]
    pub ssh_config: Option<PathBuf>,
    /// With --host: maximum number of machines processed in parallel
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u8).range(1..=64), requires = "hosts")]
    pub parallel: u8,
}

/// Parses an ssh host; rejects values that ssh would parse as an option.
fn ssh_host(text: &str) -> Result<String, String> {
    if text.is_empty() || text.starts_with('-') || text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err("expected HOST or USER@HOST".to_owned());
    }
    Ok(text.to_owned())
}

/// Formats of the join instructions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum JoinFormat {
    /// The `kubeadm join` command
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
    /// List control planes in all namespaces
    #[arg(short = 'A', long)]
    pub all_namespaces: bool,
    /// Label selector to filter control planes
    #[arg(short = 'l', long, value_name = "SELECTOR", default_value = "")]
    pub selector: String,
}

/// The stored kubeconfigs of a control plane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum KubeconfigUser {
    /// Cluster administrator by RBAC; access can be revoked
    #[default]
    Admin,
    /// Member of system:masters, for emergencies; access cannot be revoked
    SuperAdmin,
}

impl KubeconfigUser {
    /// kubeadm's name for the file.
    #[must_use]
    pub const fn file(self) -> &'static str {
        match self {
            Self::Admin => "admin.conf",
            Self::SuperAdmin => "super-admin.conf",
        }
    }
}

/// The user of a kubeconfig.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Identity {
    /// A kubeconfig stored with the control plane.
    Stored(KubeconfigUser),
    /// A user with a newly issued client certificate.
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
    /// Names of control planes; for several, the kubeconfig has one context per control plane
    #[arg(value_name = "NAME", required_unless_present_any = ["all_namespaces", "selector"], add = control_planes())]
    pub names: Vec<ControlPlaneName>,
    /// Select control planes in all namespaces
    #[arg(short = 'A', long, conflicts_with = "names")]
    pub all_namespaces: bool,
    /// Label selector to filter control planes
    #[arg(short = 'l', long, value_name = "SELECTOR", conflicts_with = "names")]
    pub selector: Option<String>,
    /// Write the kubeconfig to this file, readable only by you
    #[arg(long, value_name = "FILE", conflicts_with = "merge", value_hint = ValueHint::FilePath)]
    pub file: Option<PathBuf>,
    /// Merge into your kubeconfig (KUBECONFIG or ~/.kube/config) as context kamaji-NAMESPACE-NAME
    #[arg(long)]
    pub merge: bool,
    /// `admin`, `super-admin` (member of system:masters, for emergencies), or a user name, for which a new client
    /// certificate is issued and not stored
    #[arg(long, value_name = "USER", default_value = "admin")]
    pub user: Identity,
    /// With a user name: group of the user (can be repeated)
    #[arg(long = "group", value_name = "GROUP")]
    pub groups: Vec<String>,
    /// With a user name: lifetime of the certificate, which cannot be revoked earlier [default: 8h]
    #[arg(long, value_name = "DURATION")]
    pub ttl: Option<DurationArg>,
    /// With a user name: allow users and groups with the prefix `system:`, which is reserved for Kubernetes
    #[arg(long)]
    pub allow_system: bool,
}

/// `kamaji exec`.
#[derive(Debug, Args)]
pub struct ExecArgs {
    /// Name of the control plane
    #[arg(value_name = "NAME", add = control_planes())]
    pub name: ControlPlaneName,
    /// User of the kubeconfig
    #[arg(long, value_enum, default_value_t, value_name = "USER")]
    pub user: KubeconfigUser,
    /// Command to run, with its arguments
    #[arg(value_name = "COMMAND", last = true, required = true, num_args = 1..)]
    pub command: Vec<OsString>,
}

/// `kamaji token`.
#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Create a bootstrap token and print it
    #[command(after_help = "Examples:
  kamaji token create prod --ttl 2h --description 'for the new rack'")]
    Create(TokenCreateArgs),
    /// Generate a bootstrap token for a kubeadm file, without contacting a cluster
    #[command(after_help = "Examples:
  kamaji token generate")]
    Generate,
    /// List bootstrap tokens without their secrets
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
    /// Lifetime of the token; `0` means that it never expires
    #[arg(long, value_name = "DURATION", default_value = "24h")]
    pub ttl: DurationArg,
    /// Description of the token
    #[arg(long, value_name = "TEXT", default_value = "created by kamaji")]
    pub description: String,
    /// Timeout for the operation
    #[arg(long, value_name = "DURATION", default_value = "1m")]
    pub timeout: DurationArg,
}

/// `kamaji token delete`.
#[derive(Debug, Args)]
pub struct TokenDeleteArgs {
    /// Name of the control plane
    #[arg(value_name = "NAME", add = control_planes())]
    pub name: ControlPlaneName,
    /// The token ID (the six characters before the dot) or the full token
    #[arg(value_name = "TOKEN")]
    pub token: String,
}

/// `kamaji completion`.
#[derive(Debug, Args)]
pub struct CompletionArgs {
    /// Shell to complete for
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}

/// Completes names of control planes.
pub(super) fn control_planes() -> ArgValueCandidates {
    ArgValueCandidates::new(crate::complete::control_planes)
}

/// Completes names of workers of the control plane named earlier on the command line.
pub(super) fn nodes() -> ArgValueCandidates {
    ArgValueCandidates::new(crate::complete::nodes)
}

/// A duration such as `90s`, `5m` or `24h`.
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
            // Limited to ten years: longer values are typos and would overflow dates.
            .filter(|duration| duration.as_secs() <= 10 * 366 * 24 * 3600)
            .map(Self)
            .ok_or_else(|| "expected a duration such as 90s, 5m, 24h or 30d".to_owned())
    }
}

impl std::fmt::Display for DurationArg {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}s", self.0.as_secs())
    }
}
