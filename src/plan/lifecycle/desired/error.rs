//! Why nothing can be decided, and what to do then.

use crate::error::{Advice, Kind};
use crate::model::NamespacedName;
use crate::plan::certificates::rotation_phases::{Rotation, RotationPhase};
use crate::{pki, render};

/// Why nothing can be decided.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The CA's Secret vanished although there was one.
    #[error(
        "the certificate authority of control plane `{control_plane}` is gone: Secret {secret} does not exist any more"
    )]
    AuthorityLost {
        /// The control plane.
        control_plane: String,
        /// Namespace and name of the Secret.
        secret: String,
    },
    /// The Secret of the key that signs tokens vanished although there was one.
    #[error(
        "the service account key of control plane `{control_plane}` is gone: Secret {secret} does not exist any more"
    )]
    ServiceAccountKeyLost {
        /// The control plane.
        control_plane: String,
        /// Namespace and name of the Secret.
        secret: String,
    },
    /// The encryption key's Secret vanished although there was one.
    #[error(
        "the key that encrypts Secrets of control plane `{control_plane}` is gone: Secret {secret} does not exist any more"
    )]
    EncryptionLost {
        /// The control plane.
        control_plane: String,
        /// Namespace and name of the Secret.
        secret: String,
    },
    /// The Secret with the new key vanished, or holds another one, while keys are changed.
    #[error("Secret {secret} does not hold the new key of control plane `{control_plane}` ({rotation})")]
    RotationKeyLost {
        /// The control plane.
        control_plane: NamespacedName,
        /// Namespace and name of the Secret.
        secret: String,
        /// The change on its way.
        rotation: Box<Rotation>,
    },
    /// The CA's Secret holds another CA than the one recorded.
    #[error(
        "Secret {secret} does not hold the certificate authority that control plane `{control_plane}` was made with"
    )]
    AuthorityChanged {
        /// The control plane.
        control_plane: String,
        /// Namespace and name of the Secret.
        secret: String,
    },
    /// The user gave keys for a control plane that has others.
    #[error("control plane `{control_plane}` has a {what} already, and --pki gives another one")]
    OtherKeysGiven {
        /// The control plane.
        control_plane: String,
        /// Which.
        what: &'static str,
    },
    /// A file that an earlier run was given vanished.
    #[error("the file that was given for {path} is gone: {object} does not exist any more")]
    FileLost {
        /// The control plane.
        control_plane: NamespacedName,
        /// The path in the configuration.
        path: String,
        /// The object that held it.
        object: String,
    },
    /// A patch of the user leads to what must not be.
    #[error(transparent)]
    Patch(#[from] render::PatchError),
    /// A key could not be made or read.
    #[error("{what} of control plane `{control_plane}` cannot be used")]
    Pki {
        /// The control plane.
        control_plane: String,
        /// Which.
        what: String,
        /// Why.
        #[source]
        source: pki::Error,
    },
}

/// What to do about a patch that is refused.
const PATCH_REMEDY: &str = "change the patch; arguments go to `extraArgs`, and files to `extraVolumes` with --file";

impl Advice for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::AuthorityLost { .. }
            | Self::AuthorityChanged { .. }
            | Self::ServiceAccountKeyLost { .. }
            | Self::EncryptionLost { .. }
            | Self::RotationKeyLost { .. }
            | Self::FileLost { .. }
            | Self::Pki { .. } => Kind::Failed,
            Self::OtherKeysGiven { .. } => Kind::Conflict,
            Self::Patch(_) => Kind::Usage,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::AuthorityLost { secret, .. } | Self::AuthorityChanged { secret, .. } => vec![format!(
                "restore Secret {secret} from a backup: a new authority would lock out every worker and user"
            )],
            Self::ServiceAccountKeyLost { secret, .. } => vec![format!(
                "restore Secret {secret} from a backup: with a new key, the token of every pod would be refused"
            )],
            Self::EncryptionLost { secret, .. } => vec![format!(
                "restore Secret {secret} from a backup: with a new key, no Secret that was written before could be read"
            )],
            Self::RotationKeyLost { control_plane, secret, rotation } => {
                let mut hints = vec![format!("restore Secret {secret} from a backup")];
                if rotation.phase == RotationPhase::Trust {
                    hints.push(format!(
                        "or go back: kamaji certs {} {} --back",
                        rotation.of.verb(),
                        control_plane.argument()
                    ));
                }
                hints
            }
            Self::FileLost { control_plane, path, .. } => {
                vec![format!("give it again: kamaji create {} … --file {path}=LOCAL", control_plane.argument())]
            }
            Self::OtherKeysGiven { .. } => vec!["leave --pki out: the keys that exist are kept".into()],
            Self::Patch(_) => vec![PATCH_REMEDY.to_owned()],
            Self::Pki { source, .. } => source.hints(),
        }
    }
}
