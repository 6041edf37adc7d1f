//! What a control plane has in a shared etcd, and which writes are missing. Pure: `etcd_tenant` reads and writes.
//!
//! One user (no password: its name is the common name of a client certificate), one role of the same name, and on
//! that role exactly one permission: read and write of the keys under `/<id>/`.

use crate::model::ControlPlaneId;

/// How many keys are removed by one request, so that a large tenant does not block the others.
pub(super) const BATCH: i64 = 1000;

/// Whether anything was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Something was written.
    Changed,
    /// Everything was there already.
    Unchanged,
}

impl From<bool> for Change {
    fn from(changed: bool) -> Self {
        if changed { Self::Changed } else { Self::Unchanged }
    }
}

/// What of a control plane is in an etcd.
#[expect(clippy::struct_excessive_bools, reason = "four facts about etcd, each of which can be missing alone")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TenantState {
    /// The user exists.
    pub user: bool,
    /// The role exists.
    pub role: bool,
    /// The role has the one permission that it must have, and no other.
    pub permission: bool,
    /// The user has the role, and no other.
    pub grant: bool,
    /// The number of keys under the prefix.
    pub keys: u64,
}

impl TenantState {
    /// Whether a control plane can use it.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.user && self.role && self.permission && self.grant
    }

    /// Whether nothing at all is there.
    #[must_use]
    pub const fn is_absent(&self) -> bool {
        !self.user && !self.role && self.keys == 0
    }
}

/// The prefix of all keys of a control plane. The slash at the end keeps its range from reaching into others
/// (CVE-2024-42480).
#[must_use]
pub fn prefix(id: &ControlPlaneId) -> String {
    format!("/{id}/")
}

/// The first key after all keys that start with `prefix`; `"\0"` (no end) when there is none, as etcd has it.
pub(super) fn prefix_end(prefix: &[u8]) -> Vec<u8> {
    match prefix.iter().rposition(|byte| *byte < u8::MAX) {
        None => vec![0],
        Some(last) => {
            let mut end = prefix[..=last].to_vec();
            end[last] += 1;
            end
        }
    }
}

/// The first key after `key`.
pub(super) fn successor(key: &[u8]) -> Vec<u8> {
    [key, &[0]].concat()
}

/// A permission of a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Permission {
    pub(super) read_write: bool,
    pub(super) key: Vec<u8>,
    pub(super) range_end: Vec<u8>,
}

impl Permission {
    /// The one permission that the role of `id` must have.
    pub(super) fn of(id: &ControlPlaneId) -> Self {
        let key = prefix(id).into_bytes();
        Self { read_write: true, range_end: prefix_end(&key), key }
    }

    fn same_range(&self, other: &Self) -> bool {
        self.key == other.key && self.range_end == other.range_end
    }
}

/// What etcd says about a user and the role of the same name; `None` when it does not exist.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Found {
    pub(super) roles_of_user: Option<Vec<String>>,
    pub(super) permissions_of_role: Option<Vec<Permission>>,
}

/// One write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TenancyStep {
    AddRole,
    RevokePermission(Permission),
    GrantPermission(Permission),
    AddUser,
    RevokeRole(String),
    GrantRole,
}

impl Found {
    /// The writes that are missing, in an order in which the user never has more than it must have for longer.
    pub(super) fn missing(&self, id: &ControlPlaneId) -> Vec<TenancyStep> {
        let mut steps = self.missing_on_role(&Permission::of(id));
        steps.extend(self.missing_on_user(id));
        steps
    }

    fn missing_on_role(&self, wanted: &Permission) -> Vec<TenancyStep> {
        let Some(permissions) = &self.permissions_of_role else {
            return vec![TenancyStep::AddRole, TenancyStep::GrantPermission(wanted.clone())];
        };
        let foreign = permissions.iter().filter(|permission| !permission.same_range(wanted));
        let mut steps: Vec<TenancyStep> = foreign.cloned().map(TenancyStep::RevokePermission).collect();
        if !permissions.contains(wanted) {
            steps.push(TenancyStep::GrantPermission(wanted.clone()));
        }
        steps
    }

    fn missing_on_user(&self, id: &ControlPlaneId) -> Vec<TenancyStep> {
        let Some(roles) = &self.roles_of_user else { return vec![TenancyStep::AddUser, TenancyStep::GrantRole] };
        let foreign = roles.iter().filter(|role| *role != id.as_str());
        let mut steps: Vec<TenancyStep> = foreign.cloned().map(TenancyStep::RevokeRole).collect();
        if !roles.iter().any(|role| role == id.as_str()) {
            steps.push(TenancyStep::GrantRole);
        }
        steps
    }

    /// The state as told to others.
    pub(super) fn state(&self, id: &ControlPlaneId, keys: u64) -> TenantState {
        TenantState {
            user: self.roles_of_user.is_some(),
            role: self.permissions_of_role.is_some(),
            permission: self.permissions_of_role.as_deref() == Some(&[Permission::of(id)]),
            grant: self.roles_of_user.as_deref() == Some(&[id.to_string()]),
            keys,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id() -> ControlPlaneId {
        ControlPlaneId::parse(&"a1".repeat(16)).unwrap()
    }

    fn permission(key: &str, end: &str) -> Permission {
        Permission { read_write: true, key: key.into(), range_end: end.into() }
    }

    fn complete() -> Found {
        Found { roles_of_user: Some(vec![id().to_string()]), permissions_of_role: Some(vec![Permission::of(&id())]) }
    }

    #[test]
    fn the_range_ends_right_behind_the_prefix() {
        assert_eq!(prefix_end(b"/a/"), b"/a0");
        assert_eq!(prefix_end(b"a\xff"), b"b");
        assert_eq!(prefix_end(b"\xff\xff"), b"\0");
        assert_eq!(prefix_end(b""), b"\0");
        assert_eq!(successor(b"/a/x"), b"/a/x\0");
    }

    #[test]
    fn the_range_of_one_tenant_holds_no_key_of_another() {
        let Permission { key, range_end, .. } = Permission::of(&id());
        let inside = |other: &[u8]| key.as_slice() <= other && other < range_end.as_slice();
        assert!(inside(format!("/{}/registry/pods", id()).as_bytes()));
        let next = format!("{}2", "a1".repeat(15) + "a");
        for other in [format!("/{next}/x"), format!("/{}", id()), format!("/{}0", id()), format!("/{}f/x", id())] {
            assert!(!inside(other.as_bytes()), "{other}");
        }
    }

    #[test]
    fn a_complete_tenant_needs_no_write() {
        assert_eq!(complete().missing(&id()), []);
        assert!(complete().state(&id(), 7).is_complete());
    }

    #[test]
    fn a_new_tenant_gets_its_role_before_its_user() {
        let wanted = Permission::of(&id());
        let steps = Found::default().missing(&id());
        assert_eq!(
            steps,
            [TenancyStep::AddRole, TenancyStep::GrantPermission(wanted), TenancyStep::AddUser, TenancyStep::GrantRole]
        );
        assert!(Found::default().state(&id(), 0).is_absent());
        assert!(!Found::default().state(&id(), 1).is_absent());
    }

    #[test]
    fn rights_beyond_the_own_prefix_are_taken_away() {
        let all = permission("\0", "\0");
        let found = Found {
            roles_of_user: Some(vec!["root".into(), id().to_string()]),
            permissions_of_role: Some(vec![all.clone(), Permission::of(&id())]),
        };
        assert_eq!(found.missing(&id()), [TenancyStep::RevokePermission(all), TenancyStep::RevokeRole("root".into())]);
        assert!(!found.state(&id(), 0).is_complete());
    }

    #[test]
    fn a_read_only_permission_becomes_read_write() {
        let wanted = Permission::of(&id());
        let read_only = Permission { read_write: false, ..wanted.clone() };
        let found = Found { permissions_of_role: Some(vec![read_only]), ..complete() };
        assert_eq!(found.missing(&id()), [TenancyStep::GrantPermission(wanted)]);
    }
}
