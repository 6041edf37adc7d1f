//! Checks datastores: version, members, alarms, space, and users of one control plane or of none.

use super::check_graph::{Finding, HealthCheckName, HealthCheckState};
use super::facts::{ControlPlaneFacts, DatastoreHealth, Orphans, SharedFacts, TenancyFacts};

/// At this percentage of its quota a datastore counts as nearly full.
const NEARLY_FULL_PERCENT: u64 = 80;
/// The number of orphans to list.
const MAX_LISTED: usize = 20;

/// Checks what all control planes share.
pub(super) fn check_shared(shared: &SharedFacts) -> Vec<(HealthCheckName, Finding)> {
    let healths = shared.datastores.iter().map(|fact| Finding::of(fact, check_health)).collect();
    let orphans = shared.orphans.iter().map(|fact| Finding::of(fact, check_orphans)).collect();
    vec![
        (HealthCheckName::Datastore, merge(healths, "no datastore yet; creating the first control plane deploys one")),
        (HealthCheckName::DatastoreOrphans, merge(orphans, "no datastore")),
    ]
}

/// Merges findings, the most severe first.
fn merge(findings: Vec<Finding>, none: &str) -> Finding {
    let rank = |state: HealthCheckState| match state {
        HealthCheckState::Failed => 0,
        HealthCheckState::Warning => 1,
        HealthCheckState::Unknown => 2,
        HealthCheckState::Ok => 3,
    };
    let mut findings = findings;
    findings.sort_by_key(|finding| rank(finding.state));
    let mut findings = findings.into_iter();
    let Some(mut worst) = findings.next() else { return Finding::ok(none) };
    for other in findings {
        worst.details.push(other.text);
        worst.details.extend(other.details);
        worst.remedies.extend(other.remedies);
    }
    worst
}

pub(super) fn check_health(health: &DatastoreHealth) -> Finding {
    let name = &health.name;
    let down: Vec<&str> =
        health.members.iter().filter(|member| member.ready == Some(false)).map(|member| member.name.as_str()).collect();
    let (size, quota) = (mebibytes(health.size), mebibytes(health.quota));
    let percent = (health.size * 100).checked_div(health.quota).unwrap_or(0);
    let details = health.errors.iter().map(|error| format!("etcd reports: {error}"));
    let space = "free space: delete unneeded data, then in one of its pods: etcdctl compact REVISION; etcdctl defrag; \
                 etcdctl alarm disarm";
    let finding = if health.alarms.iter().any(|alarm| alarm == "NOSPACE") {
        Finding::failed(format!("{name} is full ({size} of {quota}) and rejects writes")).remedy(space)
    } else if let Some(alarm) = health.alarms.first() {
        Finding::failed(format!("{name} raises the alarm {alarm}"))
            .remedy("stop writing to it; restore the damaged member from the others or from a snapshot")
    } else if let Some(vulnerability) = &health.vulnerability {
        Finding::failed(format!(
            "{name}: etcd {} is unsafe to share between control planes: {vulnerability}",
            health.version
        ))
        .remedy("upgrade it to 3.5.33, 3.6.14, 3.7.1 or later")
    } else if !down.is_empty() {
        let (count, all) = (health.members.len() - down.len(), health.members.len());
        Finding::warning(format!("{name}: {count} of {all} members are ready; not ready: {}", down.join(", ")))
            .remedy(format!("kubectl describe pod -n kamaji-system {}", down[0]))
    } else if percent >= NEARLY_FULL_PERCENT {
        Finding::warning(format!("{name} is nearly full: {size} of {quota}")).remedy(space)
    } else {
        Finding::ok(format!(
            "{name}: etcd {}, {} of {} members, {size} of {quota}, {} in use",
            health.version,
            health.members.len(),
            health.members.len(),
            mebibytes(health.in_use)
        ))
    };
    finding.details(details)
}

pub(super) fn check_tenancy(tenancy: &TenancyFacts, control_plane: &ControlPlaneFacts) -> Finding {
    let bytes = match tenancy.bytes {
        Some((bytes, true)) => format!(", {}", mebibytes(bytes)),
        Some((bytes, false)) => format!(", more than {}", mebibytes(bytes)),
        None => String::new(),
    };
    let held = format!("{} keys{bytes} under {}", tenancy.keys, tenancy.prefix);
    if tenancy.missing.is_empty() {
        return Finding::ok(held);
    }
    Finding::failed(format!("the datastore is missing the control plane's {}; {held}", tenancy.missing.join(", ")))
        .remedy(control_plane.recreate.clone())
}

fn check_orphans(orphans: &Orphans) -> Finding {
    let name = &orphans.datastore;
    let orphan_ids = orphans
        .orphan_ids
        .iter()
        .map(|(id, keys)| format!("{name}: user {id} has no control plane; {keys} keys under /{id}/"))
        .take(MAX_LISTED);
    if !orphans.missing_tenants.is_empty() {
        let remedies = orphans.missing_tenants.iter().filter_map(|control_plane| control_plane.split_once('/'));
        return Finding::failed(format!("{name} has no user and role for {}", orphans.missing_tenants.join(", ")))
            .details(orphan_ids)
            .remedies(
                remedies.map(|(namespace, control_plane)| format!("kamaji doctor {control_plane} -n {namespace}")),
            );
    }
    if orphans.orphan_ids.is_empty() {
        return Finding::ok(format!("{name} serves {} control planes and has no orphans", orphans.tenants));
    }
    let (count, ids) = (orphans.orphan_ids.len(), orphans.orphan_ids.keys());
    let removal = ids.take(MAX_LISTED).map(|id| {
        format!(
            "if it is unused, run as etcd root: etcdctl user delete {id}; etcdctl role delete {id}; \
             etcdctl del --prefix /{id}/"
        )
    });
    Finding::warning(format!("{name} has {count} users without a control plane")).details(orphan_ids).remedies(removal)
}

/// Formats bytes as MiB.
pub(super) fn mebibytes(bytes: u64) -> String {
    let tenths = bytes * 10 / (1024 * 1024);
    format!("{}.{} MiB", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::facts::Member;
    use super::*;

    fn well() -> DatastoreHealth {
        DatastoreHealth {
            name: "default".into(),
            version: "3.7.3".into(),
            vulnerability: None,
            members: vec![Member { name: "etcd-default-0".into(), ready: Some(true) }],
            alarms: Vec::new(),
            errors: Vec::new(),
            size: 20 << 20,
            in_use: 10 << 20,
            quota: 8 << 30,
        }
    }

    #[test]
    fn the_most_severe_datastore_problem_is_reported() {
        let of = |change: &dyn Fn(&mut DatastoreHealth)| {
            let mut health = well();
            change(&mut health);
            let finding = super::check_health(&health);
            (finding.state, finding.text)
        };
        assert_eq!(of(&|_| ()).1, "default: etcd 3.7.3, 1 of 1 members, 20.0 MiB of 8192.0 MiB, 10.0 MiB in use");
        assert_eq!(of(&|_| ()).0, HealthCheckState::Ok);
        assert_eq!(of(&|health| health.size = 7 << 30).0, HealthCheckState::Warning);
        assert_eq!(of(&|health| health.members[0].ready = Some(false)).0, HealthCheckState::Warning);
        assert_eq!(of(&|health| health.vulnerability = Some("CVE".into())).0, HealthCheckState::Failed);
        assert_eq!(of(&|health| health.alarms = vec!["CORRUPT".into()]).0, HealthCheckState::Failed);
        let full = of(&|health| {
            health.alarms = vec!["NOSPACE".into()];
            health.vulnerability = Some("CVE".into());
        });
        assert!(full.0 == HealthCheckState::Failed && full.1.contains("is full"), "{full:?}");
        assert_eq!(of(&|health| health.quota = 0).0, HealthCheckState::Ok, "an etcd that reports no quota");
    }

    #[test]
    fn a_user_without_a_control_plane_is_a_warning_and_a_control_plane_without_a_user_fails() {
        let mut found = Orphans {
            datastore: "default".into(),
            tenants: 3,
            orphan_ids: BTreeMap::from([("ab".into(), 7)]),
            missing_tenants: Vec::new(),
        };
        let warned = check_orphans(&found);
        assert_eq!((warned.state, warned.details.len()), (HealthCheckState::Warning, 1));
        assert!(warned.remedies[0].contains("etcdctl user delete ab"));
        found.missing_tenants.push("team-a/prod".into());
        let broken = check_orphans(&found);
        assert_eq!(
            (broken.state, broken.remedies),
            (HealthCheckState::Failed, vec!["kamaji doctor prod -n team-a".to_owned()])
        );
    }

    #[test]
    fn the_most_severe_finding_of_several_datastores_comes_first() {
        let full = DatastoreHealth { name: "b".into(), alarms: vec!["NOSPACE".into()], ..well() };
        let finding = merge(vec![check_health(&well()), check_health(&full)], "none");
        assert!(finding.state == HealthCheckState::Failed && finding.text.starts_with("b is full"), "{finding:?}");
        assert!(finding.details[0].starts_with("default:"), "{finding:?}");
        assert_eq!(merge(Vec::new(), "none").state, HealthCheckState::Ok);
    }
}
