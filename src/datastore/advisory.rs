//! Which etcd versions may be shared by tenants. Only the rule: the version itself is read by `etcd`.

use semver::Version;

const NESTED_TXN: &str = "a tenant can read and write all keys by a nested transaction (CVE-2026-33343)";
const PUT_IN_TXN: &str = "a tenant can read values of others by a put inside a transaction (CVE-2026-44283)";
const WATCH: &str = "a tenant can watch the keys of others (GHSA-xg4h-6gfc-h4m8)";
const UNREADABLE: &str = "its version is not one that can be compared with the published advisories";

/// The first fixed version of each advisory, per release branch: 3.5, 3.6, 3.7. The worst comes first.
const FIXES: [(&str, [Version; 3]); 3] = [
    (NESTED_TXN, [Version::new(3, 5, 28), Version::new(3, 6, 9), Version::new(3, 7, 0)]),
    (PUT_IN_TXN, [Version::new(3, 5, 30), Version::new(3, 6, 11), Version::new(3, 7, 0)]),
    (WATCH, [Version::new(3, 5, 33), Version::new(3, 6, 14), Version::new(3, 7, 1)]),
];

/// Why an etcd of this version must not be shared by tenants, if so: before 3.5.33, 3.6.14 and 3.7.1 its published
/// holes let one tenant reach the keys of another.
#[must_use]
pub fn vulnerable(version: &str) -> Option<&'static str> {
    let Ok(version) = Version::parse(version.trim_start_matches('v')) else { return Some(UNREADABLE) };
    FIXES.iter().find(|(_, fixes)| !has_fix(&version, fixes)).map(|(reason, _)| *reason)
}

/// Branches newer than those with a backport were made after the fix; older ones never got it.
fn has_fix(version: &Version, fixes: &[Version; 3]) -> bool {
    let branch = |v: &Version| (v.major, v.minor);
    match fixes.iter().find(|fix| branch(fix) == branch(version)) {
        Some(fix) => version >= fix,
        None => fixes.iter().all(|fix| branch(version) > branch(fix)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_with_a_published_hole_between_tenants_are_refused() {
        let table = [
            ("3.7.3", None),
            ("v3.7.1", None),
            ("3.7.0", Some(WATCH)),
            ("3.7.1-rc.0", Some(WATCH)),
            ("3.7.0-beta.0", Some(NESTED_TXN)),
            ("3.6.14", None),
            ("3.6.13", Some(WATCH)),
            ("3.6.10", Some(PUT_IN_TXN)),
            ("3.6.8", Some(NESTED_TXN)),
            ("3.5.33", None),
            ("3.5.32", Some(WATCH)),
            ("3.5.29", Some(PUT_IN_TXN)),
            ("3.5.27", Some(NESTED_TXN)),
            ("3.4.99", Some(NESTED_TXN)),
            ("2.3.8", Some(NESTED_TXN)),
            ("3.8.0", None),
            ("4.0.0", None),
            ("", Some(UNREADABLE)),
            ("not-decided", Some(UNREADABLE)),
        ];
        for (version, reason) in table {
            assert_eq!(vulnerable(version), reason, "{version}");
        }
    }
}
