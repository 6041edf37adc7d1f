//! Errors of building the desired objects, with hints.

use crate::error::{Advice, Kind};
use crate::model::NamespacedName;
use crate::plan::certificates::rotation_phases::{Rotation, RotationPhase};
use crate::{pki, render};

/// Why the desired objects cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The Secret of the CA was deleted.
    #[error("the CA of control plane `{control_plane}` is lost: Secret {secret} does not exist")]
    CaLost {
        /// The control plane.
        control_plane: String,
        /// Namespace and name of the Secret.
        secret: String,
    },
    /// The Secret of the service account key was deleted.
    #[error("the service account key of control plane `{control_plane}` is lost: Secret {secret} does not exist")]
    ServiceAccountKeyLost {
        /// The control plane.
        control_plane: String,
        /// Namespace and name of the Secret.
        secret: String,
    },
    /// The Secret of the encryption key was deleted.
    #[error("the encryption key of control plane `{control_plane}` is lost: Secret {secret} does not exist")]
    EncryptionLost {
        /// The control plane.
        control_plane: String,
        /// Namespace and name of the Secret.
        secret: String,
    },
    /// During a rotation, the Secret with the new key was deleted or contains another key.
    #[error("Secret {secret} does not contain the new key of control plane `{control_plane}` ({rotation})")]
    RotationKeyLost {
        /// The control plane.
        control_plane: NamespacedName,
        /// Namespace and name of the Secret.
        secret: String,
        /// The rotation in progress.
        rotation: Box<Rotation>,
    },
    /// The Secret of the CA contains another CA than the recorded one.
    #[error("Secret {secret} does not contain the CA that control plane `{control_plane}` was created with")]
    CaChanged {
        /// The control plane.
        control_plane: String,
        /// Namespace and name of the Secret.
        secret: String,
    },
    /// The user supplied keys for a control plane that has others.
    #[error("control plane `{control_plane}` already has a {what}, and --pki supplies a different one")]
    SuppliedKeyConflict {
        /// The control plane.
        control_plane: String,
        /// The key or CA.
        what: &'static str,
    },
    /// A file that was supplied to an earlier run was deleted.
    #[error("the file supplied for {path} is lost: {object} does not exist")]
    FileLost {
        /// The control plane.
        control_plane: NamespacedName,
        /// The path in the configuration.
        path: String,
        /// The object that contained it.
        object: String,
    },
    /// A patch of the user is not allowed.
    #[error(transparent)]
    Patch(#[from] render::PatchError),
    /// A key or certificate could not be created or read.
    #[error("{what} of control plane `{control_plane}` cannot be used")]
    Pki {
        /// The control plane.
        control_plane: String,
        /// The key or certificate.
        what: String,
        /// The reason.
        #[source]
        source: pki::Error,
    },
}

/// The hint for a refused patch.
const PATCH_REMEDY: &str = "change the patch; use `extraArgs` for arguments, and `extraVolumes` with --file for files";

impl Advice for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::CaLost { .. }
            | Self::CaChanged { .. }
            | Self::ServiceAccountKeyLost { .. }
            | Self::EncryptionLost { .. }
            | Self::RotationKeyLost { .. }
            | Self::FileLost { .. }
            | Self::Pki { .. } => Kind::Failed,
            Self::SuppliedKeyConflict { .. } => Kind::Conflict,
            Self::Patch(_) => Kind::Usage,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::CaLost { secret, .. } | Self::CaChanged { secret, .. } => {
                vec![format!("restore Secret {secret} from a backup: a new CA would lock out every worker and user")]
            }
            Self::ServiceAccountKeyLost { secret, .. } => vec![format!(
                "restore Secret {secret} from a backup: a new key would invalidate the token of every pod"
            )],
            Self::EncryptionLost { secret, .. } => vec![format!(
                "restore Secret {secret} from a backup: with a new key, existing Secrets could not be decrypted"
            )],
            Self::RotationKeyLost { control_plane, secret, rotation } => {
                let mut hints = vec![format!("restore Secret {secret} from a backup")];
                if rotation.phase == RotationPhase::TrustBoth {
                    hints.push(format!(
                        "or return to the previous phase: kamaji certs {} {} --back",
                        rotation.target.command(),
                        control_plane.argument()
                    ));
                }
                hints
            }
            Self::FileLost { control_plane, path, .. } => {
                vec![format!("supply it again: kamaji create {} … --file {path}=LOCAL", control_plane.argument())]
            }
            Self::SuppliedKeyConflict { .. } => vec!["omit --pki to keep the existing keys".into()],
            Self::Patch(_) => vec![PATCH_REMEDY.to_owned()],
            Self::Pki { source, .. } => source.hints(),
        }
    }
}
