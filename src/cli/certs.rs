//! `kamaji certs`: certificates, kubeconfigs and keys, how long they last, and new ones.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand, ValueEnum, ValueHint};

use super::args::{DurationArg, Hosts, control_planes};
use crate::model::{ControlPlaneName, LeafName};

/// `kamaji certs`.
#[derive(Debug, Subcommand)]
pub enum CertsCommand {
    /// Show every certificate, kubeconfig and key, when it ends, and what is wrong with it
    ///
    /// Ends with exit code 10 when something ends within the time, has ended, is missing or does not fit its authority;
    /// with 7 when some of several control planes could not be looked at; with 0 when all is well. Only Secrets of the
    /// management cluster are read.
    #[command(after_help = "Examples:
  kamaji certs check prod
  kamaji certs check -A --within 60d -o json
  kamaji certs check -l env=prod -o wide")]
    Check(CertsCheckArgs),
    /// Make certificates and kubeconfigs anew, with new keys
    ///
    /// Only the management cluster is asked, so it works as well when all have expired. What pods read is read anew by new
    /// pods, which take over when they are ready; admin.conf and super-admin.conf alone replace none. Kubeconfigs that were
    /// handed out stay valid until they end. Authorities and keys stay.
    #[command(after_help = "Examples:
  kamaji certs renew prod --dry-run
  kamaji certs renew prod --only admin.conf --only super-admin.conf
  kamaji certs renew -A --within 30d --yes")]
    Renew(CertsRenewArgs),
    /// Change the key that signs tokens of service accounts, in phases
    ///
    /// trust: a new key is made, and API servers take tokens of both. use: tokens are signed with the new key. drop: tokens of
    /// the old key are refused, and the old key is gone. Each phase can be run again when it was interrupted; --back goes
    /// one phase back, until the old key goes. Without --phase, it says where it stands.
    #[command(after_help = "Examples:
  kamaji certs rotate-sa-key prod --phase trust
  kamaji certs rotate-sa-key prod --phase use
  kamaji certs rotate-sa-key prod --phase drop   # an hour later, when pods have new tokens
  kamaji certs rotate-sa-key prod --back")]
    RotateSaKey(RotateArgs),
    /// Change the key that encrypts Secrets in the datastore, in phases
    ///
    /// trust: a new key is made, and API servers read with both. use: they encrypt with the new key, and every Secret is
    /// written anew, which the datastore is asked about. drop: the old key is gone. Each phase can be run again when it
    /// was interrupted; --back goes one phase back, until the old key goes. Without --phase, it says where it stands.
    #[command(after_help = "Examples:
  kamaji certs rotate-encryption-key prod --phase trust
  kamaji certs rotate-encryption-key prod --phase use
  kamaji certs rotate-encryption-key prod --phase drop --yes
  kamaji certs rotate-encryption-key prod --back")]
    RotateEncryptionKey(RotateArgs),
    /// Change the cluster's certificate authority, in phases which workers follow
    ///
    /// trust: a new authority is made, and both are trusted. use: the new one signs. drop: the old one is trusted no more,
    /// and is gone. Workers follow each phase: with --host over ssh with your own configuration, else by the script that
    /// --worker-script prints. Each phase can be run again when it was interrupted; --back goes one phase back, until the
    /// old one goes. Without --phase, it says where it stands.
    #[command(after_help = "Examples:
  kamaji certs rotate-ca prod --phase trust --host root@worker-1 --host root@worker-2
  kamaji certs rotate-ca prod --phase use --host root@worker-1 --host root@worker-2
  kamaji certs rotate-ca prod --phase drop --host root@worker-1 --host root@worker-2
  kamaji certs rotate-ca prod --worker-script | ssh root@worker-3 sh -s
  kamaji certs rotate-ca prod --back")]
    RotateCa(RotateCaArgs),
}

/// A change of keys.
#[expect(clippy::struct_excessive_bools, reason = "each is a flag that is typed or not")]
#[derive(Debug, Args)]
pub struct RotateArgs {
    /// Name of the control plane
    #[arg(value_name = "NAME", add = control_planes())]
    pub name: ControlPlaneName,
    /// Go to this phase
    #[arg(long, value_enum, value_name = "PHASE")]
    pub phase: Option<PhaseArg>,
    /// Go one phase back
    #[arg(long, conflicts_with = "phase")]
    pub back: bool,
    /// Go on although something would stop working
    #[arg(long)]
    pub force: bool,
    /// Do it without asking
    #[arg(short, long)]
    pub yes: bool,
    /// Show the plan and write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Stop waiting after this long
    #[arg(long, value_name = "DURATION", default_value = "10m")]
    pub timeout: DurationArg,
}

/// A change of the authority.
#[derive(Debug, Args)]
pub struct RotateCaArgs {
    #[command(flatten)]
    /// To which phase.
    pub rotate: RotateArgs,
    /// Take the new authority, ca.crt and ca.key, from this folder, instead of making one
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub pki: Option<PathBuf>,
    #[command(flatten)]
    /// Which workers follow.
    pub machines: Hosts,
    /// Print the script by which a worker follows; its bootstrap token ends after an hour
    #[arg(long, conflicts_with_all = ["phase", "back", "hosts", "pki", "dry_run"])]
    pub worker_script: bool,
}

/// A phase that can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PhaseArg {
    /// Both keys are taken, and the old one is used
    Trust,
    /// The new key is used, and both are taken
    Use,
    /// The old key is gone
    Drop,
}

/// Which control planes.
#[derive(Debug, Args)]
pub struct ControlPlaneSelection {
    /// Names of control planes
    #[arg(value_name = "NAME", add = control_planes())]
    pub names: Vec<ControlPlaneName>,
    /// All control planes of all namespaces
    #[arg(short = 'A', long, conflicts_with = "names")]
    pub all_namespaces: bool,
    /// Those whose record has these labels
    #[arg(short = 'l', long, value_name = "SELECTOR", conflicts_with = "names")]
    pub selector: Option<String>,
}

/// `kamaji certs check`.
#[derive(Debug, Args)]
pub struct CertsCheckArgs {
    #[command(flatten)]
    /// Which; by default all of the namespace.
    pub control_planes: ControlPlaneSelection,
    /// Point out what ends so soon
    #[arg(long, value_name = "DURATION", default_value = "30d")]
    pub within: DurationArg,
}

/// `kamaji certs renew`.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("which").required(true).multiple(true).args(["names", "all_namespaces", "selector"]))]
pub struct CertsRenewArgs {
    #[command(flatten)]
    /// Which.
    pub control_planes: ControlPlaneSelection,
    /// Renew only this one, as `certs check` names it (can be repeated)
    #[arg(long = "only", value_name = "CERTIFICATE", value_parser = LeafName::parse)]
    pub only: Vec<LeafName>,
    /// Renew only what ends so soon
    #[arg(long, value_name = "DURATION")]
    pub within: Option<DurationArg>,
    /// Renew without asking
    #[arg(short, long)]
    pub yes: bool,
    /// Show the plan and write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Stop waiting for a control plane's new pods after this long
    #[arg(long, value_name = "DURATION", default_value = "5m")]
    pub timeout: DurationArg,
    /// Renew this many control planes at a time
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=64))]
    pub parallel: u8,
}
