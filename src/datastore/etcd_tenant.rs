//! User, role, permission and keys of one control plane in an etcd. What is to be written decides `tenancy`.

use etcd_client::{Client, DeleteOptions, GetOptions, PermissionType, RoleRevokePermissionOptions};

use super::etcd::{EtcdAdmin, add_user, changed_unless};
use super::refusal::{
    PERMISSION_NOT_GRANTED, ROLE_EXISTS, ROLE_NOT_FOUND, ROLE_NOT_GRANTED, USER_EXISTS, USER_NOT_FOUND, about_us,
};
use super::tenancy::{BATCH, Found, Permission, TenancyStep, prefix_end, successor};
use super::{Change, Error, TenantState, prefix};
use crate::model::ControlPlaneId;

/// How many values are read by one request: each may have a megabyte.
const PAGE: i64 = 100;

impl EtcdAdmin {
    /// What of a control plane is there. Only reads.
    pub async fn tenant(&mut self, id: &ControlPlaneId) -> Result<TenantState, Error> {
        let found = self.find(id).await?;
        let keys = self.count_keys(id).await?;
        Ok(found.state(id, keys))
    }

    /// Makes user, role, permission and grant of a control plane, and takes back rights beyond them. Writes only
    /// what is missing; refuses an etcd whose authentication is off.
    pub async fn ensure_tenant(&mut self, id: &ControlPlaneId) -> Result<Change, Error> {
        if !self.auth_enabled().await? {
            return Err(Error::Open { endpoint: self.at.endpoint.clone() });
        }
        let steps = self.find(id).await?.missing(id);
        let mut change = Change::Unchanged;
        for step in steps {
            if self.take(id, step).await? == Change::Changed {
                change = Change::Changed;
            }
        }
        Ok(change)
    }

    /// Removes a control plane: the user first, so that nobody writes any more, then the role, then the keys in
    /// batches. `progress` is told the number of keys removed so far. Succeeds when nothing is there.
    pub async fn remove_tenant(&mut self, id: &ControlPlaneId, progress: impl Fn(u64)) -> Result<Change, Error> {
        let found = self.find(id).await?;
        let name = id.as_str();
        let mut changed = false;
        if found.roles_of_user.is_some() {
            let doing = format!("delete user `{id}`");
            let deleted = self.ask(&doing, |mut etcd| async move { etcd.user_delete(name).await }).await;
            changed |= changed_unless(deleted, USER_NOT_FOUND)? == Change::Changed;
        }
        if found.permissions_of_role.is_some() {
            let doing = format!("delete role `{id}`");
            let deleted = self.ask(&doing, |mut etcd| async move { etcd.role_delete(name).await }).await;
            changed |= changed_unless(deleted, ROLE_NOT_FOUND)? == Change::Changed;
        }
        changed |= self.remove_keys(id, progress).await?;
        Ok(changed.into())
    }

    /// The control planes that have a user or a role here, sorted.
    pub async fn tenants(&mut self) -> Result<Vec<String>, Error> {
        let roles = self.ask("list roles", |mut etcd| async move { etcd.role_list().await }).await.map_err(about_us)?;
        let users = self.ask("list users", |mut etcd| async move { etcd.user_list().await }).await.map_err(about_us)?;
        let all = roles.roles().iter().chain(users.users());
        let mut ids: Vec<String> = all.filter(|name| ControlPlaneId::parse(name).is_ok()).cloned().collect();
        ids.sort_unstable();
        ids.dedup();
        Ok(ids)
    }

    /// The keys of a control plane below `below` whose value does not begin so; without prefix and `below`.
    pub async fn values_unlike(
        &mut self,
        id: &ControlPlaneId,
        below: &str,
        beginning: &[u8],
    ) -> Result<Vec<String>, Error> {
        let start = format!("{}{below}", prefix(id));
        let end = prefix_end(start.as_bytes());
        let mut from = start.clone().into_bytes();
        let mut unlike = Vec::new();
        loop {
            let page = |mut etcd: Client| {
                let (from, range) = (from.clone(), GetOptions::new().with_range(end.clone()).with_limit(PAGE));
                async move { etcd.get(from, Some(range)).await }
            };
            let answer = self.ask(&format!("read values under `{start}`"), page).await?;
            let values = answer.kvs().iter().filter(|pair| !pair.value().starts_with(beginning));
            unlike.extend(values.map(|pair| String::from_utf8_lossy(&pair.key()[start.len()..]).into_owned()));
            match answer.kvs().last() {
                Some(last) if answer.more() => from = successor(last.key()),
                Some(_) | None => return Ok(unlike),
            }
        }
    }

    async fn find(&self, id: &ControlPlaneId) -> Result<Found, Error> {
        let name = id.as_str();
        let doing = format!("read user `{id}`");
        let user = self.ask(&doing, |mut etcd| async move { etcd.user_get(name).await }).await;
        let doing = format!("read role `{id}`");
        let role = self.ask(&doing, |mut etcd| async move { etcd.role_get(name).await }).await.map_err(about_us);
        Ok(Found {
            roles_of_user: unless(user, USER_NOT_FOUND)?.map(|user| user.roles().to_vec()),
            permissions_of_role: unless(role, ROLE_NOT_FOUND)?
                .map(|role| role.permissions().iter().map(observed).collect()),
        })
    }

    async fn take(&self, id: &ControlPlaneId, step: TenancyStep) -> Result<Change, Error> {
        let name = id.as_str();
        match step {
            TenancyStep::AddRole => {
                let doing = format!("add role `{id}`");
                let done = self.ask(&doing, |mut etcd| async move { etcd.role_add(name).await }).await;
                changed_unless(done, ROLE_EXISTS)
            }
            TenancyStep::RevokePermission(permission) => self.revoke_permission(name, &permission).await,
            TenancyStep::GrantPermission(permission) => self.grant_permission(name, &permission).await,
            TenancyStep::AddUser => {
                let doing = format!("add user `{id}`");
                let done = self.ask(&doing, |mut etcd| async move { add_user(&mut etcd, name).await }).await;
                changed_unless(done, USER_EXISTS)
            }
            TenancyStep::RevokeRole(role) => {
                let doing = format!("revoke role `{role}` of user `{id}`");
                let role = role.as_str();
                let done = self.ask(&doing, |mut etcd| async move { etcd.user_revoke_role(name, role).await }).await;
                changed_unless(done, ROLE_NOT_GRANTED)
            }
            TenancyStep::GrantRole => {
                let doing = format!("grant user `{id}` its role");
                self.ask(&doing, |mut etcd| async move { etcd.user_grant_role(name, name).await }).await?;
                Ok(Change::Changed)
            }
        }
    }

    async fn grant_permission(&self, role: &str, permission: &Permission) -> Result<Change, Error> {
        let grant = |mut etcd: Client| async move {
            let range_end = permission.range_end.clone();
            let wanted = etcd_client::Permission::read_write(permission.key.clone()).with_range_end(range_end);
            etcd.role_grant_permission(role, wanted).await
        };
        self.ask(&format!("grant role `{role}` its prefix"), grant).await?;
        Ok(Change::Changed)
    }

    async fn revoke_permission(&self, role: &str, permission: &Permission) -> Result<Change, Error> {
        let revoke = |mut etcd: Client| async move {
            let range = RoleRevokePermissionOptions::new().with_range_end(permission.range_end.clone());
            etcd.role_revoke_permission(role, permission.key.clone(), Some(range)).await
        };
        let done = self.ask(&format!("revoke a foreign permission of role `{role}`"), revoke).await;
        changed_unless(done, PERMISSION_NOT_GRANTED)
    }

    async fn count_keys(&self, id: &ControlPlaneId) -> Result<u64, Error> {
        let count = |mut etcd: Client| async move {
            etcd.get(prefix(id), Some(GetOptions::new().with_prefix().with_count_only())).await
        };
        let answer = self.ask(&format!("count keys under `{}`", prefix(id)), count).await?;
        Ok(answer.count().unsigned_abs())
    }

    /// Removes all keys that are there at the start; keys that somebody adds meanwhile are an error, not a long loop.
    async fn remove_keys(&self, id: &ControlPlaneId, progress: impl Fn(u64)) -> Result<bool, Error> {
        let before = self.count_keys(id).await?;
        if before == 0 {
            return Ok(false);
        }
        let mut removed = 0;
        while removed < before {
            let Some(last) = self.last_of_first_batch(id).await? else { break };
            removed += self.delete_up_to(id, &last).await?;
            progress(removed);
        }
        match self.count_keys(id).await? {
            0 => Ok(true),
            keys => Err(Error::KeysLeft { endpoint: self.at.endpoint.clone(), prefix: prefix(id), keys }),
        }
    }

    async fn last_of_first_batch(&self, id: &ControlPlaneId) -> Result<Option<Vec<u8>>, Error> {
        let list = |mut etcd: Client| async move {
            let prefix = prefix(id);
            let range = GetOptions::new().with_range(prefix_end(prefix.as_bytes()));
            etcd.get(prefix, Some(range.with_keys_only().with_limit(BATCH))).await
        };
        let answer = self.ask(&format!("list keys under `{}`", prefix(id)), list).await?;
        Ok(answer.kvs().last().map(|key| key.key().to_vec()))
    }

    async fn delete_up_to(&self, id: &ControlPlaneId, last: &[u8]) -> Result<u64, Error> {
        let delete = |mut etcd: Client| async move {
            etcd.delete(prefix(id), Some(DeleteOptions::new().with_range(successor(last)))).await
        };
        let answer = self.ask(&format!("delete keys under `{}`", prefix(id)), delete).await?;
        Ok(answer.deleted().unsigned_abs())
    }
}

fn observed(permission: &etcd_client::Permission) -> Permission {
    Permission {
        read_write: permission.get_type() == i32::from(PermissionType::Readwrite),
        key: permission.key().to_vec(),
        range_end: permission.range_end().to_vec(),
    }
}

/// The answer, or nothing when etcd says these `words`.
fn unless<T>(answer: Result<T, Error>, words: &str) -> Result<Option<T>, Error> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.says(words) => Ok(None),
        Err(error) => Err(error),
    }
}
