//! Flags of `kamaji certs`.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand, ValueEnum, ValueHint};

use super::args::{DurationArg, Hosts, control_planes};
use crate::model::{CertificateName, ControlPlaneName};

/// `kamaji certs`.
#[derive(Debug, Subcommand)]
pub enum CertsCommand {
    /// Check the expiration of certificates, kubeconfigs and keys
    ///
    /// Exits with code 10 if any of them has expired, expires within --within, is missing or does not match its CA;
    /// with code 7 if some of several control planes could not be checked; with code 0 otherwise. Reads only the
    /// management cluster.
    #[command(after_help = "Examples:
  kamaji certs check prod
  kamaji certs check -A --within 60d -o json
  kamaji certs check -l env=prod -o wide")]
    Check(CertsCheckArgs),
    /// Renew certificates and kubeconfigs, with new private keys
    ///
    /// Contacts only the management cluster, so it also works after all certificates have expired. New pods load the
    /// renewed certificates and replace the old pods once they are ready; renewing only admin.conf or super-admin.conf
    /// restarts nothing. Kubeconfigs that were already distributed remain valid until they expire. CAs and the
    /// ServiceAccount key are not renewed: see the rotate commands.
    #[command(after_help = "Examples:
  kamaji certs renew prod --dry-run
  kamaji certs renew prod --only admin.conf --only super-admin.conf
  kamaji certs renew -A --within 30d --yes")]
    Renew(CertsRenewArgs),
    /// Rotate the key that signs ServiceAccount tokens, in phases
    ///
    /// trust: a new key is created, and API servers accept tokens signed by either key. use: tokens are signed with the
    /// new key. drop: tokens signed by the old key are rejected, and the old key is deleted. An interrupted phase can
    /// be run again; --back returns to the previous phase, until the old key is dropped. Without --phase, the current
    /// phase is shown.
    #[command(after_help = "Examples:
  kamaji certs rotate-sa-key prod --phase trust
  kamaji certs rotate-sa-key prod --phase use
  kamaji certs rotate-sa-key prod --phase drop   # an hour later, when pods have new tokens
  kamaji certs rotate-sa-key prod --back")]
    RotateSaKey(RotateArgs),
    /// Rotate the key that encrypts Secrets in the datastore, in phases
    ///
    /// trust: a new key is created, and API servers can decrypt with either key. use: API servers encrypt with the new
    /// key, and every Secret is rewritten and verified in the datastore. drop: the old key is deleted. An interrupted
    /// phase can be run again; --back returns to the previous phase, until the old key is dropped. Without --phase, the
    /// current phase is shown.
    #[command(after_help = "Examples:
  kamaji certs rotate-encryption-key prod --phase trust
  kamaji certs rotate-encryption-key prod --phase use
  kamaji certs rotate-encryption-key prod --phase drop --yes
  kamaji certs rotate-encryption-key prod --back")]
    RotateEncryptionKey(RotateArgs),
    /// Rotate the cluster CA, in phases that workers follow
    ///
    /// trust: a new CA is created, and both CAs are trusted. use: certificates are issued by the new CA. drop: the old
    /// CA is no longer trusted and is deleted. Workers must follow each phase: over ssh with --host, or by running the
    /// script that --worker-script prints. An interrupted phase can be run again; --back returns to the previous phase,
    /// until the old CA is dropped. Without --phase, the current phase is shown.
    #[command(after_help = "Examples:
  kamaji certs rotate-ca prod --phase trust --host root@worker-1 --host root@worker-2
  kamaji certs rotate-ca prod --phase use --host root@worker-1 --host root@worker-2
  kamaji certs rotate-ca prod --phase drop --host root@worker-1 --host root@worker-2
  kamaji certs rotate-ca prod --worker-script | ssh root@worker-3 sh -s
  kamaji certs rotate-ca prod --back")]
    RotateCa(RotateCaArgs),
}

/// Flags of a key rotation.
#[expect(clippy::struct_excessive_bools, reason = "each is a command-line flag")]
#[derive(Debug, Args)]
pub struct RotateArgs {
    /// Name of the control plane
    #[arg(value_name = "NAME", add = control_planes())]
    pub name: ControlPlaneName,
    /// Phase to enter
    #[arg(long, value_enum, value_name = "PHASE")]
    pub phase: Option<PhaseArg>,
    /// Return to the previous phase
    #[arg(long, conflicts_with = "phase")]
    pub back: bool,
    /// Continue even if something would stop working
    #[arg(long)]
    pub force: bool,
    /// Do not ask for confirmation
    #[arg(short, long)]
    pub yes: bool,
    /// Show the plan without applying it
    #[arg(long)]
    pub dry_run: bool,
    /// Timeout for the operation
    #[arg(long, value_name = "DURATION", default_value = "10m")]
    pub timeout: DurationArg,
}

/// `kamaji certs rotate-ca`.
#[derive(Debug, Args)]
pub struct RotateCaArgs {
    #[command(flatten)]
    /// Phase and common flags.
    pub rotate: RotateArgs,
    /// Directory with the new CA (ca.crt and ca.key), instead of creating one
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub pki: Option<PathBuf>,
    #[command(flatten)]
    /// Workers to update.
    pub machines: Hosts,
    /// Print the script that updates a worker; it contains a bootstrap token that expires after one hour
    #[arg(long, conflicts_with_all = ["phase", "back", "hosts", "pki", "dry_run"])]
    pub worker_script: bool,
}

/// Phases of a rotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PhaseArg {
    /// Both keys are trusted; the old one is used
    Trust,
    /// Both keys are trusted; the new one is used
    Use,
    /// The old key is deleted
    Drop,
}

/// Selects control planes.
#[derive(Debug, Args)]
pub struct ControlPlaneSelection {
    /// Names of control planes
    #[arg(value_name = "NAME", add = control_planes())]
    pub names: Vec<ControlPlaneName>,
    /// Select control planes in all namespaces
    #[arg(short = 'A', long, conflicts_with = "names")]
    pub all_namespaces: bool,
    /// Label selector to filter control planes
    #[arg(short = 'l', long, value_name = "SELECTOR", conflicts_with = "names")]
    pub selector: Option<String>,
}

/// `kamaji certs check`.
#[derive(Debug, Args)]
pub struct CertsCheckArgs {
    #[command(flatten)]
    /// The control planes [default: all in the namespace].
    pub control_planes: ControlPlaneSelection,
    /// Report certificates that expire within this time
    #[arg(long, value_name = "DURATION", default_value = "30d")]
    pub within: DurationArg,
}

/// `kamaji certs renew`.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("which").required(true).multiple(true).args(["names", "all_namespaces", "selector"]))]
pub struct CertsRenewArgs {
    #[command(flatten)]
    /// The control planes.
    pub control_planes: ControlPlaneSelection,
    /// Renew only this certificate, by its name in `certs check` (can be repeated)
    #[arg(long = "only", value_name = "CERTIFICATE", value_parser = CertificateName::parse)]
    pub only: Vec<CertificateName>,
    /// Renew only certificates that expire within this time
    #[arg(long, value_name = "DURATION")]
    pub within: Option<DurationArg>,
    /// Do not ask for confirmation
    #[arg(short, long)]
    pub yes: bool,
    /// Show the plan without applying it
    #[arg(long)]
    pub dry_run: bool,
    /// Timeout for the rollout of each control plane
    #[arg(long, value_name = "DURATION", default_value = "5m")]
    pub timeout: DurationArg,
    /// Maximum number of control planes to renew in parallel
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=64))]
    pub parallel: u8,
}
