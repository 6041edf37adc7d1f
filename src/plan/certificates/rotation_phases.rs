//! The phases of a key rotation: trust both keys, use the new one, remove the old one. The control plane keeps serving
//! requests in every phase. Every phase but the last can be rolled back.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::{Advice, Kind};
use crate::model::NamespacedName;

/// The key or CA that is rotated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RotationTarget {
    /// The key that signs service account tokens.
    ServiceAccountKey,
    /// The key that encrypts Secrets in the datastore.
    EncryptionKey,
    /// The cluster's CA.
    CertificateAuthority,
}

impl RotationTarget {
    /// The name of the key, for messages.
    #[must_use]
    pub const fn description(self) -> &'static str {
        match self {
            Self::ServiceAccountKey => "service account key",
            Self::EncryptionKey => "encryption key",
            Self::CertificateAuthority => "CA",
        }
    }

    /// The subcommand of `kamaji certs` that rotates it.
    #[must_use]
    pub const fn command(self) -> &'static str {
        match self {
            Self::ServiceAccountKey => "rotate-sa-key",
            Self::EncryptionKey => "rotate-encryption-key",
            Self::CertificateAuthority => "rotate-ca",
        }
    }
}

/// The phase of a rotation, requested or reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum RotationPhase {
    /// Both keys are accepted; the old one is used.
    #[serde(rename = "trust")]
    TrustBoth,
    /// The new key is used; the old one is still accepted.
    #[serde(rename = "use")]
    SignWithNew,
    /// The old key is removed. This cannot be undone.
    #[serde(rename = "drop")]
    RemoveOld,
    /// The new key is removed, either before it was used or after the old one is in use again.
    #[serde(rename = "rollback")]
    Rollback,
}

impl RotationPhase {
    /// The name of the phase, as `--phase` takes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TrustBoth => "trust",
            Self::SignWithNew => "use",
            Self::RemoveOld => "drop",
            Self::Rollback => "rollback",
        }
    }
}

/// A rotation in progress.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rotation {
    /// The key or CA that is rotated.
    pub target: RotationTarget,
    /// The current phase.
    pub phase: RotationPhase,
    /// Whether the phase is complete.
    pub done: bool,
    /// When the rotation began.
    pub began: Timestamp,
    /// When the phase was completed, or when it began if it is not complete.
    pub since: Timestamp,
    /// Whether the new key may have been used.
    #[serde(default)]
    pub used: bool,
    /// The name or fingerprint of the new key, once it exists. A lost key is never replaced silently.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Whether the new CA was supplied by the user instead of generated.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub supplied: bool,
    /// For a CA: which CA signs since when. Before the first entry it is the old one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signers: Vec<Signing>,
}

/// Which CA signs since when, during a CA rotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signing {
    /// When it started to sign.
    pub since: Timestamp,
    /// The CA that signs.
    pub by: Signer,
}

/// The CA that signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Signer {
    /// The old one.
    Old,
    /// The new one.
    New,
    /// Either of the two, because pods are being replaced.
    Either,
}

impl Rotation {
    /// Records which CA signs from `since` on.
    pub fn signs(&mut self, by: Signer, since: Timestamp) {
        self.signers.push(Signing { since, by });
    }

    /// The CA that signed at `time`.
    #[must_use]
    pub fn signer_at(&self, time: Timestamp) -> Signer {
        self.signers.iter().rev().find(|signing| signing.since <= time).map_or(Signer::Old, |signing| signing.by)
    }
}

impl fmt::Display for Rotation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, phase) = (self.target.description(), self.phase.as_str());
        let state = if self.done { "complete" } else { "incomplete" };
        write!(f, "rotation of the {what}: phase {phase} {state}")
    }
}

/// What the user requested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RotationRequest {
    /// Enter this phase.
    Phase(RotationPhase),
    /// Return to the previous phase.
    Rollback,
}

/// Why a phase cannot be entered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RotationError {
    /// Another key is being rotated.
    #[error("another rotation of control plane `{control_plane}` is in progress ({rotation})")]
    Other {
        /// The control plane.
        control_plane: NamespacedName,
        /// The rotation in progress.
        rotation: Box<Rotation>,
    },
    /// The phase before it is not complete.
    #[error("control plane `{control_plane}` cannot enter phase {} before phase {} is complete", .phase.as_str(), .before.as_str())]
    TooEarly {
        /// The control plane.
        control_plane: NamespacedName,
        /// The key or CA that is rotated.
        target: RotationTarget,
        /// The requested phase.
        phase: RotationPhase,
        /// The phase to complete first.
        before: RotationPhase,
    },
    /// A later phase has begun.
    #[error("control plane `{control_plane}` cannot enter phase {}: it is already in phase {}", .phase.as_str(), .now.as_str())]
    Over {
        /// The control plane.
        control_plane: NamespacedName,
        /// The key or CA that is rotated.
        target: RotationTarget,
        /// The requested phase.
        phase: RotationPhase,
        /// The current phase.
        now: RotationPhase,
    },
}

impl Advice for RotationError {
    fn kind(&self) -> Kind {
        Kind::Conflict
    }

    fn hints(&self) -> Vec<String> {
        let complete = |control_plane: &NamespacedName, target: RotationTarget, phase: RotationPhase| {
            format!(
                "complete it first: kamaji certs {} {} --phase {}",
                target.command(),
                control_plane.argument(),
                phase.as_str()
            )
        };
        match self {
            Self::Other { control_plane, rotation } => {
                vec![format!(
                    "complete or roll back that rotation first: kamaji certs {} {}",
                    rotation.target.command(),
                    control_plane.argument()
                )]
            }
            Self::TooEarly { control_plane, target, before, .. } => vec![complete(control_plane, *target, *before)],
            Self::Over { now: RotationPhase::SignWithNew, control_plane, target, .. } => {
                vec![format!(
                    "return to the previous phase: kamaji certs {} {} --back",
                    target.command(),
                    control_plane.argument()
                )]
            }
            Self::Over { control_plane, target, now, .. } => vec![format!(
                "the old key may already be deleted; complete the phase: kamaji certs {} {} --phase {}",
                target.command(),
                control_plane.argument(),
                now.as_str()
            )],
        }
    }
}

/// The timestamp without fractions of a second, as records store it.
#[must_use]
pub fn whole_seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

/// The rotation after `requested`, with its next phase; `None` if there is nothing to do.
pub fn next_rotation(
    current: Option<&Rotation>,
    control_plane: &NamespacedName,
    (target, requested): (RotationTarget, RotationRequest),
    now: Timestamp,
) -> Result<Option<Rotation>, RotationError> {
    use RotationPhase::{RemoveOld, Rollback, SignWithNew, TrustBoth};
    let control_plane = || control_plane.clone();
    let now = whole_seconds(now);
    let Some(current) = current else {
        let new = Rotation {
            target,
            phase: TrustBoth,
            done: false,
            began: now,
            since: now,
            used: false,
            key: None,
            supplied: false,
            signers: Vec::new(),
        };
        return match requested {
            RotationRequest::Phase(TrustBoth) => Ok(Some(new)),
            RotationRequest::Phase(SignWithNew) => Err(RotationError::TooEarly {
                control_plane: control_plane(),
                target,
                phase: SignWithNew,
                before: TrustBoth,
            }),
            // Both end with a single key, and there is only one.
            RotationRequest::Phase(RemoveOld | Rollback) | RotationRequest::Rollback => Ok(None),
        };
    };
    if current.target != target {
        return Err(RotationError::Other { control_plane: control_plane(), rotation: Box::new(current.clone()) });
    }
    let to = |phase| Ok(Some(Rotation { phase, done: false, since: now, ..current.clone() }));
    let resume = || Ok((!current.done).then(|| current.clone()));
    let early = |phase, before| Err(RotationError::TooEarly { control_plane: control_plane(), target, phase, before });
    let over = |phase| Err(RotationError::Over { control_plane: control_plane(), target, phase, now: current.phase });
    match (requested, current.phase) {
        (RotationRequest::Phase(TrustBoth), Rollback) | (RotationRequest::Rollback, SignWithNew) => to(TrustBoth),
        (RotationRequest::Phase(SignWithNew), TrustBoth) if current.done => to(SignWithNew),
        (RotationRequest::Phase(RemoveOld), SignWithNew) if current.done => to(RemoveOld),
        (RotationRequest::Phase(Rollback) | RotationRequest::Rollback, TrustBoth) => to(Rollback),
        (RotationRequest::Phase(TrustBoth), TrustBoth)
        | (RotationRequest::Phase(SignWithNew), SignWithNew)
        | (RotationRequest::Phase(RemoveOld), RemoveOld)
        | (RotationRequest::Phase(Rollback) | RotationRequest::Rollback, Rollback) => resume(),
        (RotationRequest::Phase(SignWithNew), TrustBoth | Rollback) => early(SignWithNew, TrustBoth),
        (RotationRequest::Phase(RemoveOld), TrustBoth | SignWithNew | Rollback) => early(RemoveOld, SignWithNew),
        (RotationRequest::Phase(phase @ (TrustBoth | SignWithNew | Rollback)), SignWithNew | RemoveOld) => over(phase),
        (RotationRequest::Rollback, RemoveOld) => over(Rollback),
    }
}

#[cfg(test)]
mod tests {
    use super::RotationPhase::{RemoveOld, Rollback, SignWithNew, TrustBoth};
    use super::*;

    const SA: RotationTarget = RotationTarget::ServiceAccountKey;

    fn now() -> Timestamp {
        "2027-06-01T12:00:00Z".parse().unwrap()
    }

    fn at(phase: RotationPhase, done: bool) -> Rotation {
        Rotation {
            target: SA,
            phase,
            done,
            began: now(),
            since: now(),
            used: false,
            key: None,
            supplied: false,
            signers: Vec::new(),
        }
    }

    fn prod() -> NamespacedName {
        crate::tenant::fixture::spec("v1.37.2").namespaced_name()
    }

    /// The phase that the request enters; `None` if there is nothing to do.
    fn request(current: Option<&Rotation>, requested: RotationRequest) -> Result<Option<RotationPhase>, Kind> {
        let next = next_rotation(current, &prod(), (SA, requested), now());
        next.map(|next| next.map(|next| next.phase)).map_err(|error| {
            assert!(error.hints()[0].contains("kamaji certs rotate-sa-key prod"), "{:?}", error.hints());
            error.kind()
        })
    }

    #[test]
    fn a_phase_can_be_entered_only_when_the_previous_one_is_complete() {
        assert_eq!(request(None, RotationRequest::Phase(TrustBoth)), Ok(Some(TrustBoth)));
        assert_eq!(request(Some(&at(TrustBoth, true)), RotationRequest::Phase(SignWithNew)), Ok(Some(SignWithNew)));
        assert_eq!(request(Some(&at(SignWithNew, true)), RotationRequest::Phase(RemoveOld)), Ok(Some(RemoveOld)));
        assert_eq!(request(None, RotationRequest::Phase(SignWithNew)), Err(Kind::Conflict));
        assert_eq!(request(Some(&at(TrustBoth, false)), RotationRequest::Phase(SignWithNew)), Err(Kind::Conflict));
        assert_eq!(request(Some(&at(TrustBoth, true)), RotationRequest::Phase(RemoveOld)), Err(Kind::Conflict));
        assert_eq!(request(Some(&at(SignWithNew, false)), RotationRequest::Phase(RemoveOld)), Err(Kind::Conflict));
    }

    #[test]
    fn an_interrupted_phase_resumes_and_a_complete_phase_is_a_noop() {
        for phase in [TrustBoth, SignWithNew, RemoveOld] {
            assert_eq!(request(Some(&at(phase, false)), RotationRequest::Phase(phase)), Ok(Some(phase)));
            assert_eq!(request(Some(&at(phase, true)), RotationRequest::Phase(phase)), Ok(None));
        }
        assert_eq!(request(None, RotationRequest::Phase(RemoveOld)), Ok(None), "it is complete");
        assert_eq!(request(None, RotationRequest::Rollback), Ok(None), "it was rolled back");
    }

    #[test]
    fn a_rotation_can_be_rolled_back_until_the_old_key_is_removed() {
        assert_eq!(request(Some(&at(SignWithNew, true)), RotationRequest::Rollback), Ok(Some(TrustBoth)));
        assert_eq!(request(Some(&at(SignWithNew, false)), RotationRequest::Rollback), Ok(Some(TrustBoth)));
        assert_eq!(request(Some(&at(TrustBoth, true)), RotationRequest::Rollback), Ok(Some(Rollback)));
        assert_eq!(request(Some(&at(TrustBoth, false)), RotationRequest::Rollback), Ok(Some(Rollback)));
        assert_eq!(request(Some(&at(Rollback, false)), RotationRequest::Rollback), Ok(Some(Rollback)));
        assert_eq!(request(Some(&at(Rollback, false)), RotationRequest::Phase(TrustBoth)), Ok(Some(TrustBoth)));
        assert_eq!(request(Some(&at(RemoveOld, false)), RotationRequest::Rollback), Err(Kind::Conflict));
        assert_eq!(request(Some(&at(RemoveOld, false)), RotationRequest::Phase(TrustBoth)), Err(Kind::Conflict));
        assert_eq!(request(Some(&at(SignWithNew, true)), RotationRequest::Phase(TrustBoth)), Err(Kind::Conflict));
    }

    #[test]
    fn only_one_key_is_rotated_at_a_time() {
        let other = Rotation { target: RotationTarget::EncryptionKey, ..at(SignWithNew, true) };
        let refused = next_rotation(Some(&other), &prod(), (SA, RotationRequest::Phase(TrustBoth)), now()).unwrap_err();
        assert!(refused.to_string().contains("encryption key"), "{refused}");
    }
}
