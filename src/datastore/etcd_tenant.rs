//! User, role, permission and keys of one control plane in an etcd. What is to be written decides `tenancy`.

use etcd_client::{DeleteOptions, GetOptions, PermissionType, RoleRevokePermissionOptions, UserAddOptions};

use super::etcd::{EtcdAdmin, ask, changed_unless};
use super::refusal::{
    PERMISSION_NOT_GRANTED, ROLE_EXISTS, ROLE_NOT_FOUND, ROLE_NOT_GRANTED, USER_EXISTS, USER_NOT_FOUND,
};
use super::tenancy::{BATCH, Found, Permission, Step, prefix_end, successor};
use super::{Change, Error, TenantState, prefix};
use crate::model::PlaneId;

impl EtcdAdmin {
    /// What of a control plane is there. Only reads.
    pub async fn tenant(&mut self, id: &PlaneId) -> Result<TenantState, Error> {
        let found = self.find(id).await?;
        let keys = self.count_keys(id).await?;
        Ok(found.state(id, keys))
    }

    /// Makes user, role, permission and grant of a control plane, and takes back rights beyond them. Writes only
    /// what is missing; refuses an etcd whose authentication is off.
    pub async fn ensure_tenant(&mut self, id: &PlaneId) -> Result<Change, Error> {
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
    pub async fn remove_tenant(&mut self, id: &PlaneId, progress: impl Fn(u64)) -> Result<Change, Error> {
        let found = self.find(id).await?;
        let mut changed = false;
        if found.roles_of_user.is_some() {
            let deleted = ask(&self.at, &format!("delete user `{id}`"), self.client.user_delete(id.as_str())).await;
            changed |= changed_unless(deleted, USER_NOT_FOUND)? == Change::Changed;
        }
        if found.permissions_of_role.is_some() {
            let deleted = ask(&self.at, &format!("delete role `{id}`"), self.client.role_delete(id.as_str())).await;
            changed |= changed_unless(deleted, ROLE_NOT_FOUND)? == Change::Changed;
        }
        changed |= self.remove_keys(id, progress).await?;
        Ok(changed.into())
    }

    /// The control planes that have a role here, sorted.
    pub async fn tenants(&mut self) -> Result<Vec<String>, Error> {
        let roles = ask(&self.at, "list roles", self.client.role_list()).await?;
        let mut ids: Vec<String> = roles.roles().iter().filter(|role| PlaneId::parse(role).is_ok()).cloned().collect();
        ids.sort_unstable();
        Ok(ids)
    }

    async fn find(&mut self, id: &PlaneId) -> Result<Found, Error> {
        let user = ask(&self.at, &format!("read user `{id}`"), self.client.user_get(id.as_str())).await;
        let role = ask(&self.at, &format!("read role `{id}`"), self.client.role_get(id.as_str())).await;
        Ok(Found {
            roles_of_user: unless(user, USER_NOT_FOUND)?.map(|user| user.roles().to_vec()),
            permissions_of_role: unless(role, ROLE_NOT_FOUND)?
                .map(|role| role.permissions().iter().map(observed).collect()),
        })
    }

    async fn take(&mut self, id: &PlaneId, step: Step) -> Result<Change, Error> {
        let name = id.as_str();
        match step {
            Step::AddRole => {
                let done = ask(&self.at, &format!("add role `{id}`"), self.client.role_add(name)).await;
                changed_unless(done, ROLE_EXISTS)
            }
            Step::RevokePermission(permission) => {
                let doing = format!("revoke a foreign permission of role `{id}`");
                let range = Some(RoleRevokePermissionOptions::new().with_range_end(permission.range_end));
                let done = ask(&self.at, &doing, self.client.role_revoke_permission(name, permission.key, range)).await;
                changed_unless(done, PERMISSION_NOT_GRANTED)
            }
            Step::GrantPermission(permission) => {
                let doing = format!("grant role `{id}` its prefix");
                let grant = etcd_client::Permission::read_write(permission.key).with_range_end(permission.range_end);
                ask(&self.at, &doing, self.client.role_grant_permission(name, grant)).await?;
                Ok(Change::Changed)
            }
            Step::AddUser => {
                let no_password = Some(UserAddOptions::new().with_no_pwd());
                let done =
                    ask(&self.at, &format!("add user `{id}`"), self.client.user_add(name, "", no_password)).await;
                changed_unless(done, USER_EXISTS)
            }
            Step::RevokeRole(role) => {
                let doing = format!("revoke role `{role}` of user `{id}`");
                let done = ask(&self.at, &doing, self.client.user_revoke_role(name, role)).await;
                changed_unless(done, ROLE_NOT_GRANTED)
            }
            Step::GrantRole => {
                ask(&self.at, &format!("grant user `{id}` its role"), self.client.user_grant_role(name, name)).await?;
                Ok(Change::Changed)
            }
        }
    }

    async fn count_keys(&mut self, id: &PlaneId) -> Result<u64, Error> {
        let prefix = prefix(id);
        let options = Some(GetOptions::new().with_prefix().with_count_only());
        let answer = ask(&self.at, &format!("count keys under `{prefix}`"), self.client.get(prefix, options)).await?;
        Ok(answer.count().unsigned_abs())
    }

    /// Removes all keys that are there at the start; keys that somebody adds meanwhile are an error, not a long loop.
    async fn remove_keys(&mut self, id: &PlaneId, progress: impl Fn(u64)) -> Result<bool, Error> {
        let before = self.count_keys(id).await?;
        if before == 0 {
            return Ok(false);
        }
        let mut removed = 0;
        while removed < before {
            let Some(last) = self.last_of_first_batch(id).await? else { break };
            let prefix = prefix(id);
            let doing = format!("delete keys under `{prefix}`");
            let options = Some(DeleteOptions::new().with_range(successor(&last)));
            removed += ask(&self.at, &doing, self.client.delete(prefix, options)).await?.deleted().unsigned_abs();
            progress(removed);
        }
        match self.count_keys(id).await? {
            0 => Ok(true),
            keys => Err(Error::KeysLeft { endpoint: self.at.endpoint.clone(), prefix: prefix(id), keys }),
        }
    }

    async fn last_of_first_batch(&mut self, id: &PlaneId) -> Result<Option<Vec<u8>>, Error> {
        let prefix = prefix(id);
        let end = prefix_end(prefix.as_bytes());
        let options = Some(GetOptions::new().with_range(end).with_keys_only().with_limit(BATCH));
        let answer = ask(&self.at, &format!("list keys under `{prefix}`"), self.client.get(prefix, options)).await?;
        Ok(answer.kvs().last().map(|key| key.key().to_vec()))
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
