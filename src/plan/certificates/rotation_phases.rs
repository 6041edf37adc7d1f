//! The change of a key for a new one, in phases of which each leaves a control plane that serves: all trust both keys, then
//! the new one is used, then the old one goes. Up to the last there is a way back.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::{Advice, Kind};
use crate::model::NamespacedName;

/// What can be changed for another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RotationTarget {
    /// The key that signs tokens of service accounts.
    ServiceAccountKey,
    /// The key that encrypts Secrets in the datastore.
    EncryptionKey,
    /// The cluster's certificate authority.
    CertificateAuthority,
}

impl RotationTarget {
    /// For people.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::ServiceAccountKey => "service account key",
            Self::EncryptionKey => "encryption key",
            Self::CertificateAuthority => "certificate authority",
        }
    }

    /// The command that changes it.
    #[must_use]
    pub const fn verb(self) -> &'static str {
        match self {
            Self::ServiceAccountKey => "rotate-sa-key",
            Self::EncryptionKey => "rotate-encryption-key",
            Self::CertificateAuthority => "rotate-ca",
        }
    }
}

/// How far a change of keys goes or has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RotationPhase {
    /// Everything that reads takes both keys; the old one is used.
    Trust,
    /// The new key is used, and the old one still taken.
    Use,
    /// The old key goes. From here on there is no way back.
    Drop,
    /// The new key goes, before it was used or after the old one was put back.
    Back,
}

impl RotationPhase {
    /// The word that is typed.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Trust => "trust",
            Self::Use => "use",
            Self::Drop => "drop",
            Self::Back => "back",
        }
    }
}

/// A change of keys on its way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rotation {
    /// Of what.
    pub of: RotationTarget,
    /// The phase.
    pub phase: RotationPhase,
    /// Whether the phase was brought to its end.
    pub done: bool,
    /// When it began.
    pub began: Timestamp,
    /// When the phase was reached, or begun while it is not.
    pub since: Timestamp,
    /// Whether the new key may have been used.
    #[serde(default)]
    pub used: bool,
    /// The name or fingerprint of the new key, once there is one: a key that is lost is never replaced silently.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Whether the new one was given, and not made here.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub given: bool,
    /// Of an authority: who signs since when. Before the first of them it is the old one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signers: Vec<Signing>,
}

/// Who signs since when, while the authority is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signing {
    /// Since when.
    pub since: Timestamp,
    /// Who.
    pub by: Signer,
}

/// One of two authorities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Signer {
    /// The old one.
    Old,
    /// The new one.
    New,
    /// One of the two: pods are being replaced.
    Either,
}

impl Rotation {
    /// Notes who signs from now on.
    pub fn signs(&mut self, by: Signer, since: Timestamp) {
        self.signers.push(Signing { since, by });
    }

    /// Who signed at that time.
    #[must_use]
    pub fn signer_at(&self, time: Timestamp) -> Signer {
        self.signers.iter().rev().find(|signing| signing.since <= time).map_or(Signer::Old, |signing| signing.by)
    }
}

impl fmt::Display for Rotation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, phase) = (self.of.words(), self.phase.word());
        let state = if self.done { "reached" } else { "not finished" };
        write!(f, "change of the {what}: phase {phase} {state}")
    }
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RotationRequest {
    /// This phase.
    Phase(RotationPhase),
    /// One phase back.
    Back,
}

/// Why a phase cannot be gone to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RotationError {
    /// Another key is being changed.
    #[error("the {} of control plane `{control_plane}` is being changed ({rotation})", .rotation.of.words())]
    Other {
        /// The control plane.
        control_plane: NamespacedName,
        /// The change on its way.
        rotation: Box<Rotation>,
    },
    /// The phase before it was not reached.
    #[error("phase {} of control plane `{control_plane}` comes after phase {}, which was not reached", .phase.word(), .before.word())]
    TooEarly {
        /// The control plane.
        control_plane: NamespacedName,
        /// Of what.
        of: RotationTarget,
        /// What was asked for.
        phase: RotationPhase,
        /// What comes before.
        before: RotationPhase,
    },
    /// A later phase was reached or begun.
    #[error("phase {} of control plane `{control_plane}` is over: it is in phase {}", .phase.word(), .now.word())]
    Over {
        /// The control plane.
        control_plane: NamespacedName,
        /// Of what.
        of: RotationTarget,
        /// What was asked for.
        phase: RotationPhase,
        /// Where it is.
        now: RotationPhase,
    },
}

impl Advice for RotationError {
    fn kind(&self) -> Kind {
        Kind::Conflict
    }

    fn hints(&self) -> Vec<String> {
        let go = |control_plane: &NamespacedName, of: RotationTarget, phase: RotationPhase| {
            format!("go there first: kamaji certs {} {} --phase {}", of.verb(), control_plane.argument(), phase.word())
        };
        match self {
            Self::Other { control_plane, rotation } => {
                vec![format!(
                    "finish that, or go back: kamaji certs {} {}",
                    rotation.of.verb(),
                    control_plane.argument()
                )]
            }
            Self::TooEarly { control_plane, of, before, .. } => vec![go(control_plane, *of, *before)],
            Self::Over { now: RotationPhase::Use, control_plane, of, .. } => {
                vec![format!("go one phase back: kamaji certs {} {} --back", of.verb(), control_plane.argument())]
            }
            Self::Over { control_plane, of, now, .. } => vec![format!(
                "the old key may be gone already; finish it: kamaji certs {} {} --phase {}",
                of.verb(),
                control_plane.argument(),
                now.word()
            )],
        }
    }
}

/// As records and people have it.
#[must_use]
pub fn whole_seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

/// The phase to be brought about; `None` when what is asked for is so already.
pub fn next_rotation(
    current: Option<&Rotation>,
    control_plane: &NamespacedName,
    (of, asked): (RotationTarget, RotationRequest),
    now: Timestamp,
) -> Result<Option<Rotation>, RotationError> {
    use RotationPhase::{Back, Drop, Trust, Use};
    let control_plane = || control_plane.clone();
    let now = whole_seconds(now);
    let Some(current) = current else {
        let new = Rotation {
            of,
            phase: Trust,
            done: false,
            began: now,
            since: now,
            used: false,
            key: None,
            given: false,
            signers: Vec::new(),
        };
        return match asked {
            RotationRequest::Phase(Trust) => Ok(Some(new)),
            RotationRequest::Phase(Use) => {
                Err(RotationError::TooEarly { control_plane: control_plane(), of, phase: Use, before: Trust })
            }
            // There is one key only, which is what they end with.
            RotationRequest::Phase(Drop | Back) | RotationRequest::Back => Ok(None),
        };
    };
    if current.of != of {
        return Err(RotationError::Other { control_plane: control_plane(), rotation: Box::new(current.clone()) });
    }
    let to = |phase| Ok(Some(Rotation { phase, done: false, since: now, ..current.clone() }));
    let resume = || Ok((!current.done).then(|| current.clone()));
    let early = |phase, before| Err(RotationError::TooEarly { control_plane: control_plane(), of, phase, before });
    let over = |phase| Err(RotationError::Over { control_plane: control_plane(), of, phase, now: current.phase });
    match (asked, current.phase) {
        (RotationRequest::Phase(Trust), Back) | (RotationRequest::Back, Use) => to(Trust),
        (RotationRequest::Phase(Use), Trust) if current.done => to(Use),
        (RotationRequest::Phase(Drop), Use) if current.done => to(Drop),
        (RotationRequest::Phase(Back) | RotationRequest::Back, Trust) => to(Back),
        (RotationRequest::Phase(Trust), Trust)
        | (RotationRequest::Phase(Use), Use)
        | (RotationRequest::Phase(Drop), Drop)
        | (RotationRequest::Phase(Back) | RotationRequest::Back, Back) => resume(),
        (RotationRequest::Phase(Use), Trust | Back) => early(Use, Trust),
        (RotationRequest::Phase(Drop), Trust | Use | Back) => early(Drop, Use),
        (RotationRequest::Phase(phase @ (Trust | Use | Back)), Use | Drop) => over(phase),
        (RotationRequest::Back, Drop) => over(Back),
    }
}

#[cfg(test)]
mod tests {
    use super::RotationPhase::{Back, Drop, Trust, Use};
    use super::*;

    const SA: RotationTarget = RotationTarget::ServiceAccountKey;

    fn now() -> Timestamp {
        "2027-06-01T12:00:00Z".parse().unwrap()
    }

    fn at(phase: RotationPhase, done: bool) -> Rotation {
        Rotation {
            of: SA,
            phase,
            done,
            began: now(),
            since: now(),
            used: false,
            key: None,
            given: false,
            signers: Vec::new(),
        }
    }

    fn prod() -> NamespacedName {
        crate::tenant::fixture::spec("v1.37.2").namespaced_name()
    }

    /// The phase that follows, `Some` and unfinished; `None` when nothing is to be done.
    fn go(current: Option<&Rotation>, asked: RotationRequest) -> Result<Option<RotationPhase>, Kind> {
        let next = next_rotation(current, &prod(), (SA, asked), now());
        next.map(|next| next.map(|next| next.phase)).map_err(|error| {
            assert!(error.hints()[0].contains("kamaji certs rotate-sa-key prod"), "{:?}", error.hints());
            error.kind()
        })
    }

    #[test]
    fn each_phase_follows_the_one_before_when_that_was_reached() {
        assert_eq!(go(None, RotationRequest::Phase(Trust)), Ok(Some(Trust)));
        assert_eq!(go(Some(&at(Trust, true)), RotationRequest::Phase(Use)), Ok(Some(Use)));
        assert_eq!(go(Some(&at(Use, true)), RotationRequest::Phase(Drop)), Ok(Some(Drop)));
        assert_eq!(go(None, RotationRequest::Phase(Use)), Err(Kind::Conflict));
        assert_eq!(go(Some(&at(Trust, false)), RotationRequest::Phase(Use)), Err(Kind::Conflict));
        assert_eq!(go(Some(&at(Trust, true)), RotationRequest::Phase(Drop)), Err(Kind::Conflict));
        assert_eq!(go(Some(&at(Use, false)), RotationRequest::Phase(Drop)), Err(Kind::Conflict));
    }

    #[test]
    fn a_phase_that_was_interrupted_is_gone_on_with_and_one_that_was_reached_is_left() {
        for phase in [Trust, Use, Drop] {
            assert_eq!(go(Some(&at(phase, false)), RotationRequest::Phase(phase)), Ok(Some(phase)));
            assert_eq!(go(Some(&at(phase, true)), RotationRequest::Phase(phase)), Ok(None));
        }
        assert_eq!(go(None, RotationRequest::Phase(Drop)), Ok(None), "it was finished");
        assert_eq!(go(None, RotationRequest::Back), Ok(None), "it was taken back");
    }

    #[test]
    fn there_is_a_way_back_until_the_old_one_goes() {
        assert_eq!(go(Some(&at(Use, true)), RotationRequest::Back), Ok(Some(Trust)));
        assert_eq!(go(Some(&at(Use, false)), RotationRequest::Back), Ok(Some(Trust)));
        assert_eq!(go(Some(&at(Trust, true)), RotationRequest::Back), Ok(Some(Back)));
        assert_eq!(go(Some(&at(Trust, false)), RotationRequest::Back), Ok(Some(Back)));
        assert_eq!(go(Some(&at(Back, false)), RotationRequest::Back), Ok(Some(Back)));
        assert_eq!(go(Some(&at(Back, false)), RotationRequest::Phase(Trust)), Ok(Some(Trust)));
        assert_eq!(go(Some(&at(Drop, false)), RotationRequest::Back), Err(Kind::Conflict));
        assert_eq!(go(Some(&at(Drop, false)), RotationRequest::Phase(Trust)), Err(Kind::Conflict));
        assert_eq!(go(Some(&at(Use, true)), RotationRequest::Phase(Trust)), Err(Kind::Conflict));
    }

    #[test]
    fn one_key_is_changed_at_a_time() {
        let other = Rotation { of: RotationTarget::EncryptionKey, ..at(Use, true) };
        let refused = next_rotation(Some(&other), &prod(), (SA, RotationRequest::Phase(Trust)), now()).unwrap_err();
        assert!(refused.to_string().contains("encryption key"), "{refused}");
    }
}
