//! Checks whether a control plane may be upgraded from one version to another.
//!
//! The rules are kubeadm's (`cmd/kubeadm/app/phases/upgrade/policy.go`) and the version skew policy
//! (<https://kubernetes.io/releases/version-skew-policy/>): one minor up at a time, any patch, no minor down.

use crate::error::{Advice, Kind};
use crate::model::{ControlPlaneSpec, KubeVersion, NamespacedName, RELEASES, release_of};

/// The kind of a version change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VersionStep {
    /// To the next minor.
    Minor,
    /// To a later patch of the same minor.
    Patch,
    /// To an earlier patch of the same minor.
    PatchDowngrade,
}

/// Why a control plane cannot be upgraded to a version.
#[derive(Debug, thiserror::Error)]
pub enum VersionError {
    /// The version is not a supported release.
    #[error("control plane `{control_plane}` cannot be upgraded to {to}")]
    Unknown {
        /// The control plane.
        control_plane: NamespacedName,
        /// The requested version.
        to: String,
        /// The reason.
        #[source]
        source: crate::model::Error,
    },
    /// More than one minor up.
    #[error(
        "control plane `{control_plane}` cannot be upgraded from {from} to {to}: kube-apiserver can only be upgraded \
         one minor version at a time"
    )]
    SkipsMinors {
        /// The control plane.
        control_plane: NamespacedName,
        /// The current version.
        from: KubeVersion,
        /// The requested version.
        to: KubeVersion,
        /// The version to upgrade to first.
        first: KubeVersion,
    },
    /// A minor downgrade.
    #[error(
        "control plane `{control_plane}` cannot be downgraded from {from} to {to}: an older minor version may not be \
         able to read the stored objects"
    )]
    MinorDowngrade {
        /// The control plane.
        control_plane: NamespacedName,
        /// The current version.
        from: KubeVersion,
        /// The requested version.
        to: KubeVersion,
    },
    /// A patch downgrade without `--allow-patch-downgrade`.
    #[error("{to} is older than {from}, the current version of control plane `{control_plane}`")]
    PatchDowngradeNotAllowed {
        /// The control plane.
        control_plane: NamespacedName,
        /// The current version.
        from: KubeVersion,
        /// The requested version.
        to: KubeVersion,
    },
}

impl Advice for VersionError {
    fn kind(&self) -> Kind {
        Kind::Usage
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::Unknown { control_plane, .. } => {
                vec![format!("list the available versions: kamaji upgrade plan {}", control_plane.argument())]
            }
            Self::SkipsMinors { control_plane, first, .. } => {
                vec![format!(
                    "upgrade to v{} first: kamaji upgrade {} --to {first}",
                    first.minor_text(),
                    control_plane.argument()
                )]
            }
            Self::MinorDowngrade { control_plane, .. } => {
                vec![format!(
                    "restore a snapshot from before the upgrade: kamaji restore {} --from FILE",
                    control_plane.argument()
                )]
            }
            Self::PatchDowngradeNotAllowed { .. } => vec!["to downgrade anyway: --allow-patch-downgrade".into()],
        }
    }
}

/// Checks a version change; `None` if the control plane already has the version.
pub fn check_version_step(
    spec: &ControlPlaneSpec,
    to: KubeVersion,
    allow_patch_downgrade: bool,
) -> Result<Option<VersionStep>, VersionError> {
    let (from, control_plane) = (spec.version, || spec.namespaced_name());
    if to == from {
        return Ok(None);
    }
    release_of(to).map_err(|source| VersionError::Unknown {
        control_plane: control_plane(),
        to: to.to_string(),
        source,
    })?;
    if to.minor > from.minor + 1 {
        let first = newest_of(from.minor + 1).unwrap_or(KubeVersion { minor: from.minor + 1, patch: 0, ..from });
        return Err(VersionError::SkipsMinors { control_plane: control_plane(), from, to, first });
    }
    if to.minor < from.minor {
        return Err(VersionError::MinorDowngrade { control_plane: control_plane(), from, to });
    }
    if to.minor > from.minor {
        return Ok(Some(VersionStep::Minor));
    }
    if to.patch > from.patch {
        return Ok(Some(VersionStep::Patch));
    }
    if allow_patch_downgrade {
        Ok(Some(VersionStep::PatchDowngrade))
    } else {
        Err(VersionError::PatchDowngradeNotAllowed { control_plane: control_plane(), from, to })
    }
}

/// The newest known patch of a minor.
fn newest_of(minor: u64) -> Option<KubeVersion> {
    let release = RELEASES.iter().find(|release| release.minor == minor)?;
    Some(KubeVersion { major: 1, minor, patch: release.newest_patch })
}

/// The available upgrades: the newest known patch of the current and of the next minor, if newer than `from`.
#[must_use]
pub fn targets(from: KubeVersion) -> Vec<KubeVersion> {
    [from.minor, from.minor + 1].into_iter().filter_map(newest_of).filter(|to| *to > from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(from: &str, to: &str, back: bool) -> Result<Option<VersionStep>, String> {
        let version = |text: &str| KubeVersion::parse(text).unwrap();
        check_version_step(&crate::tenant::fixture::spec(from), version(to), back)
            .map_err(|error| format!("{error} | {}", error.hints().join(" ")))
    }

    #[test]
    fn one_minor_up_and_any_patch_up_are_allowed() {
        assert_eq!(step("v1.36.3", "v1.37.2", false), Ok(Some(VersionStep::Minor)));
        assert_eq!(step("v1.36.3", "v1.37.0", false), Ok(Some(VersionStep::Minor)));
        assert_eq!(step("v1.36.0", "v1.36.3", false), Ok(Some(VersionStep::Patch)));
        assert_eq!(step("v1.36.3", "v1.36.3", false), Ok(None));
    }

    /// Every kind of wrong version, with the error and the hint.
    #[test]
    fn every_wrong_version_gets_a_clear_error_and_a_hint() {
        let table = [
            // (current version, requested version, fragments of the message)
            ("v1.35.4", "v1.37.2", &["one minor version at a time", "upgrade to v1.36 first", "--to v1.36.3"][..]),
            ("v1.30.14", "v1.37.2", &["one minor version at a time", "--to v1.31.14"]),
            ("v1.37.2", "v1.36.3", &["cannot be downgraded", "kamaji restore prod -n tenants --from FILE"]),
            ("v1.37.2", "v1.30.0", &["cannot be downgraded"]),
            ("v1.37.2", "v1.37.1", &["v1.37.1 is older than v1.37.2", "--allow-patch-downgrade"]),
            ("v1.37.2", "99.0.0", &["cannot be upgraded to v99.0.0", "upgrade plan prod -n tenants"]),
            ("v1.37.2", "v2.37.2", &["cannot be upgraded to v2.37.2", "upgrade plan prod -n tenants"]),
            ("v1.37.2", "v1.38.0", &["cannot be upgraded to v1.38.0", "upgrade plan prod -n tenants"]),
            ("v1.30.14", "v1.29.0", &["cannot be upgraded to v1.29.0", "upgrade plan prod -n tenants"]),
            ("v1.36.3", "v1.37", &["`v1.37` is not valid", "write it as v1.37.2"]),
            ("v1.36.3", "1.37.2+k3s1", &["without a suffix"]),
            ("v1.36.3", "v1.37.2-rc.0", &["without a suffix"]),
            ("v1.36.3", "latest", &["exact version", "channel"]),
            ("v1.36.3", "stable-1.37", &["exact version"]),
            ("v1.36.3", "", &["exact version"]),
            ("v1.36.3", "1.37.2.1", &["write it as v1.37.2"]),
            ("v1.36.3", " v1.37.2", &["exact version"]),
        ];
        for (from, to, fragments) in table {
            let message = match KubeVersion::parse(to) {
                Err(error) => error.to_string(),
                Ok(version) => step(from, &version.to_string(), false).unwrap_err(),
            };
            for fragment in fragments {
                assert!(message.contains(fragment), "{from} -> {to:?}: `{fragment}` is not in: {message}");
            }
        }
        // The cause lists the supported versions.
        let unknown = check_version_step(&crate::tenant::fixture::spec("v1.37.2"), v("99.0.0"), true).unwrap_err();
        let cause = std::error::Error::source(&unknown).unwrap().to_string();
        assert!(cause.contains("v1.30 to v1.37"), "{cause}");
    }

    fn v(text: &str) -> KubeVersion {
        KubeVersion::parse(text).unwrap()
    }

    #[test]
    fn the_v_in_a_version_is_optional() {
        assert_eq!(check_version_step(&crate::tenant::fixture::spec("v1.37.2"), v("1.37.2"), false).unwrap(), None);
        assert_eq!(step("v1.36.3", "1.37.2", false), Ok(Some(VersionStep::Minor)));
        assert_eq!(step("v1.37.2", "v1.37.99", false), Ok(Some(VersionStep::Patch)), "patches newer than this program");
    }

    #[test]
    fn the_error_for_skipped_minors_names_the_version_to_upgrade_to_first() {
        let refused = step("v1.35.1", "v1.37.2", false).unwrap_err();
        assert!(refused.contains("one minor version at a time") && refused.contains("--to v1.36.3"), "{refused}");
    }

    #[test]
    fn minor_downgrades_are_refused_and_patch_downgrades_need_a_flag() {
        assert!(step("v1.37.2", "v1.36.3", true).unwrap_err().contains("cannot be downgraded"));
        assert!(step("v1.37.2", "v1.37.1", false).unwrap_err().contains("--allow-patch-downgrade"));
        assert_eq!(step("v1.37.2", "v1.37.1", true), Ok(Some(VersionStep::PatchDowngrade)));
    }

    #[test]
    fn an_unknown_minor_is_refused() {
        assert!(step("v1.37.2", "v1.38.0", false).unwrap_err().contains("v1.38.0"));
    }

    #[test]
    fn targets_are_the_newest_patches_of_this_minor_and_the_next() {
        let of =
            |text: &str| targets(KubeVersion::parse(text).unwrap()).iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(of("v1.36.1"), ["v1.36.3", "v1.37.2"]);
        assert_eq!(of("v1.36.3"), ["v1.37.2"]);
        assert_eq!(of("v1.37.9"), Vec::<String>::new());
    }
}
