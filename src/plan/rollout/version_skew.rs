//! Which version a control plane may go to from the one it has.
//!
//! The rules are kubeadm's (`cmd/kubeadm/app/phases/upgrade/policy.go`) and the version skew policy
//! (<https://kubernetes.io/releases/version-skew-policy/>): one minor up at a time, patches freely, no minor down.

use crate::error::{Advice, Kind};
use crate::model::{ControlPlaneSpec, KubeVersion, NamespacedName, RELEASES, release_of};

/// What a change of version is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VersionStep {
    /// To the next minor.
    Minor,
    /// To a later patch of the same minor.
    Patch,
    /// To an earlier patch of the same minor.
    PatchBack,
}

/// Why a version cannot be gone to.
#[derive(Debug, thiserror::Error)]
pub enum VersionError {
    /// It is not in the table of releases, or not a version.
    #[error("control plane `{control_plane}` cannot go to {to}")]
    Unknown {
        /// The control plane.
        control_plane: NamespacedName,
        /// The version asked for.
        to: String,
        /// Why.
        #[source]
        source: crate::model::Error,
    },
    /// More than one minor up.
    #[error(
        "control plane `{control_plane}` cannot go from {from} to {to}: kube-apiserver moves one minor version at a time, \
         because only neighbours understand each other's stored objects"
    )]
    SkipsMinors {
        /// The control plane.
        control_plane: NamespacedName,
        /// The version it has.
        from: KubeVersion,
        /// The version asked for.
        to: KubeVersion,
        /// The version to go to first.
        first: KubeVersion,
    },
    /// A minor down.
    #[error(
        "control plane `{control_plane}` cannot go back from {from} to {to}: an older minor cannot read everything that a newer \
         one has written"
    )]
    MinorBack {
        /// The control plane.
        control_plane: NamespacedName,
        /// The version it has.
        from: KubeVersion,
        /// The version asked for.
        to: KubeVersion,
    },
    /// An earlier patch, and nobody said that this is meant.
    #[error("{to} is older than {from}, which control plane `{control_plane}` has")]
    PatchBackUnasked {
        /// The control plane.
        control_plane: NamespacedName,
        /// The version it has.
        from: KubeVersion,
        /// The version asked for.
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
                vec![format!("see where it can go: kamaji upgrade plan {}", control_plane.argument())]
            }
            Self::SkipsMinors { control_plane, first, .. } => {
                vec![format!(
                    "go to v{} first: kamaji upgrade {} --to {first}",
                    first.minor_text(),
                    control_plane.argument()
                )]
            }
            Self::MinorBack { control_plane, .. } => {
                vec![format!(
                    "put a snapshot from before the upgrade back: kamaji restore {} --from FILE",
                    control_plane.argument()
                )]
            }
            Self::PatchBackUnasked { .. } => vec!["if that is meant, add --allow-patch-downgrade".into()],
        }
    }
}

/// Judges the step of a control plane to another version; `None` is: it has that version already.
pub fn judge(spec: &ControlPlaneSpec, to: KubeVersion, patch_back: bool) -> Result<Option<VersionStep>, VersionError> {
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
        return Err(VersionError::MinorBack { control_plane: control_plane(), from, to });
    }
    if to.minor > from.minor {
        return Ok(Some(VersionStep::Minor));
    }
    if to.patch > from.patch {
        return Ok(Some(VersionStep::Patch));
    }
    if patch_back {
        Ok(Some(VersionStep::PatchBack))
    } else {
        Err(VersionError::PatchBackUnasked { control_plane: control_plane(), from, to })
    }
}

/// The newest patch of a minor that this program knows of.
fn newest_of(minor: u64) -> Option<KubeVersion> {
    let release = RELEASES.iter().find(|release| release.minor == minor)?;
    Some(KubeVersion { major: 1, minor, patch: release.newest_patch })
}

/// Where a control plane can go: the newest known patch of its minor, and of the next; without those it is past.
#[must_use]
pub fn targets(from: KubeVersion) -> Vec<KubeVersion> {
    [from.minor, from.minor + 1].into_iter().filter_map(newest_of).filter(|to| *to > from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(from: &str, to: &str, back: bool) -> Result<Option<VersionStep>, String> {
        let version = |text: &str| KubeVersion::parse(text).unwrap();
        judge(&crate::tenant::fixture::spec(from), version(to), back)
            .map_err(|error| format!("{error} | {}", error.hints().join(" ")))
    }

    #[test]
    fn one_minor_up_and_any_patch_up_are_allowed() {
        assert_eq!(step("v1.36.3", "v1.37.2", false), Ok(Some(VersionStep::Minor)));
        assert_eq!(step("v1.36.3", "v1.37.0", false), Ok(Some(VersionStep::Minor)));
        assert_eq!(step("v1.36.0", "v1.36.3", false), Ok(Some(VersionStep::Patch)));
        assert_eq!(step("v1.36.3", "v1.36.3", false), Ok(None));
    }

    /// Every kind of wrong version, as typed, with the answer and what is to be done.
    #[test]
    fn each_wrong_version_has_a_clear_answer_and_a_remedy() {
        let table = [
            // (has, asked for, words of the answer)
            ("v1.35.4", "v1.37.2", &["one minor version at a time", "go to v1.36 first", "--to v1.36.3"][..]),
            ("v1.30.14", "v1.37.2", &["one minor version at a time", "--to v1.31.14"]),
            ("v1.37.2", "v1.36.3", &["cannot go back", "kamaji restore prod -n tenants --from FILE"]),
            ("v1.37.2", "v1.30.0", &["cannot go back"]),
            ("v1.37.2", "v1.37.1", &["v1.37.1 is older than v1.37.2", "--allow-patch-downgrade"]),
            ("v1.37.2", "99.0.0", &["cannot go to v99.0.0", "upgrade plan prod -n tenants"]),
            ("v1.37.2", "v2.37.2", &["cannot go to v2.37.2", "upgrade plan prod -n tenants"]),
            ("v1.37.2", "v1.38.0", &["cannot go to v1.38.0", "upgrade plan prod -n tenants"]),
            ("v1.30.14", "v1.29.0", &["cannot go to v1.29.0", "upgrade plan prod -n tenants"]),
            ("v1.36.3", "v1.37", &["`v1.37` is not valid", "write it as v1.37.2"]),
            ("v1.36.3", "1.37.2+k3s1", &["without suffix"]),
            ("v1.36.3", "v1.37.2-rc.0", &["without suffix"]),
            ("v1.36.3", "latest", &["exact version", "channel"]),
            ("v1.36.3", "stable-1.37", &["exact version"]),
            ("v1.36.3", "", &["exact version"]),
            ("v1.36.3", "1.37.2.1", &["write it as v1.37.2"]),
            ("v1.36.3", " v1.37.2", &["exact version"]),
        ];
        for (from, to, words) in table {
            let answer = match KubeVersion::parse(to) {
                Err(error) => error.to_string(),
                Ok(version) => step(from, &version.to_string(), false).unwrap_err(),
            };
            for word in words {
                assert!(answer.contains(word), "{from} -> {to:?}: `{word}` is not in: {answer}");
            }
        }
        // What is said beside the version's own error is what it is caused by.
        let unknown = judge(&crate::tenant::fixture::spec("v1.37.2"), v("99.0.0"), true).unwrap_err();
        let cause = std::error::Error::source(&unknown).unwrap().to_string();
        assert!(cause.contains("v1.30 to v1.37"), "{cause}");
    }

    fn v(text: &str) -> KubeVersion {
        KubeVersion::parse(text).unwrap()
    }

    #[test]
    fn with_or_without_v_it_is_the_same_version() {
        assert_eq!(judge(&crate::tenant::fixture::spec("v1.37.2"), v("1.37.2"), false).unwrap(), None);
        assert_eq!(step("v1.36.3", "1.37.2", false), Ok(Some(VersionStep::Minor)));
        assert_eq!(
            step("v1.37.2", "v1.37.99", false),
            Ok(Some(VersionStep::Patch)),
            "patches that came after this program"
        );
    }

    #[test]
    fn a_skipped_minor_names_the_one_to_go_to_first() {
        let refused = step("v1.35.1", "v1.37.2", false).unwrap_err();
        assert!(refused.contains("one minor version at a time") && refused.contains("--to v1.36.3"), "{refused}");
    }

    #[test]
    fn going_back_is_refused_for_minors_and_needs_a_flag_for_patches() {
        assert!(step("v1.37.2", "v1.36.3", true).unwrap_err().contains("cannot go back"));
        assert!(step("v1.37.2", "v1.37.1", false).unwrap_err().contains("--allow-patch-downgrade"));
        assert_eq!(step("v1.37.2", "v1.37.1", true), Ok(Some(VersionStep::PatchBack)));
    }

    #[test]
    fn a_minor_that_is_not_in_the_table_is_refused() {
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
