//! How an etcd is: version, members, alarms, space; and how large a tenant is in it. Only reads.

use std::time::{Duration, Instant};

use etcd_client::{AlarmAction, AlarmType, GetOptions};

use super::etcd::EtcdAdmin;
use super::tenancy::{prefix_end, successor};
use super::{Error, prefix};
use crate::model::ControlPlaneId;

/// How many keys are read at a time when bytes are counted.
const PAGE: i64 = 500;

/// What an etcd says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EtcdHealth {
    /// For example `3.7.3`.
    pub version: String,
    /// The names of its members.
    pub members: Vec<String>,
    /// Alarms: `NOSPACE`, `CORRUPT`.
    pub alarms: Vec<String>,
    /// What it says is wrong with it.
    pub errors: Vec<String>,
    /// The size of its file, in bytes.
    pub size: u64,
    /// How much of it is in use.
    pub in_use: u64,
    /// How large it may become; 0 when it does not tell.
    pub quota: u64,
}

impl EtcdAdmin {
    /// How it is.
    pub async fn health(&mut self) -> Result<EtcdHealth, Error> {
        let status = self.ask("tell its state", |mut etcd| async move { etcd.status().await }).await?;
        let list = self.ask("list its members", |mut etcd| async move { etcd.member_list().await }).await?;
        let raised = self
            .ask("list its alarms", |mut etcd| async move { etcd.alarm(AlarmAction::Get, AlarmType::None, None).await })
            .await?;
        let alarm = |alarm: AlarmType| match alarm {
            AlarmType::None => "NONE",
            AlarmType::Nospace => "NOSPACE",
            AlarmType::Corrupt => "CORRUPT",
        };
        let mut errors: Vec<String> = status.errors().to_vec();
        if status.leader() == 0 {
            errors.push("it has no leader".to_owned());
        }
        Ok(EtcdHealth {
            version: status.version().to_owned(),
            members: list.members().iter().map(|member| member.name().to_owned()).collect(),
            alarms: raised.alarms().iter().map(|raised| alarm(raised.alarm()).to_owned()).collect(),
            errors,
            size: status.db_size().unsigned_abs(),
            in_use: status.raft_used_db_size().unsigned_abs(),
            quota: status.db_size_quota().unsigned_abs(),
        })
    }

    /// How many bytes the keys and values of a control plane are; not longer than `limit`, and whether that was all.
    pub async fn tenant_bytes(&mut self, id: &ControlPlaneId, limit: Duration) -> Result<(u64, bool), Error> {
        let begun = Instant::now();
        let prefix = prefix(id);
        let end = prefix_end(prefix.as_bytes());
        let mut from = prefix.into_bytes();
        let mut bytes: u64 = 0;
        loop {
            let (start, stop) = (from.clone(), end.clone());
            let page = self
                .ask("read keys", |mut etcd| {
                    let range = GetOptions::new().with_range(stop.clone()).with_limit(PAGE);
                    let start = start.clone();
                    async move { etcd.get(start, Some(range)).await }
                })
                .await?;
            let sizes = page.kvs().iter().map(|pair| pair.key().len() + pair.value().len());
            bytes += u64::try_from(sizes.sum::<usize>()).unwrap_or(u64::MAX);
            match page.kvs().last() {
                Some(last) if page.more() => from = successor(last.key()),
                Some(_) | None => return Ok((bytes, true)),
            }
            if begun.elapsed() > limit {
                return Ok((bytes, false));
            }
        }
    }
}
