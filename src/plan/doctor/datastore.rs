//! Datastores: version, members, alarms, space; what is in them of one control plane, and of none.

use super::check_graph::{Finding, LinkName, LinkState};
use super::facts::{ControlPlaneFacts, DatastoreHealth, Orphans, SharedFacts, TenancyFacts};

/// Above this part of its quota a datastore is nearly full.
const NEARLY_FULL_PERCENT: u64 = 80;
/// How many orphans are told by name.
const NAMED: usize = 20;

/// The links of what control planes share.
pub(super) fn judge_shared(shared: &SharedFacts) -> Vec<(LinkName, Finding)> {
    let healths = shared.datastores.iter().map(|seen| Finding::of(seen, health)).collect();
    let orphans = shared.orphans.iter().map(|seen| Finding::of(seen, orphans)).collect();
    vec![
        (LinkName::Datastore, together(healths, "there is no datastore yet: the first control plane makes it")),
        (LinkName::Tenancies, together(orphans, "no datastore, no tenants")),
    ]
}

/// Several findings as one: the worst of them first.
fn together(findings: Vec<Finding>, none: &str) -> Finding {
    let rank = |state: LinkState| match state {
        LinkState::Broken => 0,
        LinkState::Warning => 1,
        LinkState::Unknown => 2,
        LinkState::Ok => 3,
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

pub(super) fn health(health: &DatastoreHealth) -> Finding {
    let name = &health.name;
    let down: Vec<&str> =
        health.members.iter().filter(|member| member.ready == Some(false)).map(|member| member.name.as_str()).collect();
    let (size, quota) = (mebibytes(health.size), mebibytes(health.quota));
    let percent = (health.size * 100).checked_div(health.quota).unwrap_or(0);
    let details = health.errors.iter().map(|error| format!("it says: {error}"));
    let space = "make room: delete what is not needed, then in a pod of it: etcdctl compact REVISION; etcdctl defrag; \
                 etcdctl alarm disarm";
    let finding = if health.alarms.iter().any(|alarm| alarm == "NOSPACE") {
        Finding::broken(format!("{name} is full ({size} of {quota}): it takes no write any more")).remedy(space)
    } else if let Some(alarm) = health.alarms.first() {
        Finding::broken(format!("{name} raises the alarm {alarm}"))
            .remedy("do not write to it; restore the member that is damaged from the others, or a snapshot")
    } else if let Some(hole) = &health.hole {
        Finding::broken(format!("{name}: etcd {} must not be shared: {hole}", health.version))
            .remedy("upgrade it to 3.5.33, 3.6.14, 3.7.1 or later")
    } else if !down.is_empty() {
        let (count, all) = (health.members.len() - down.len(), health.members.len());
        Finding::warning(format!("{name}: {count} of {all} members are well; not {}", down.join(", ")))
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

pub(super) fn tenancy(tenancy: &TenancyFacts, control_plane: &ControlPlaneFacts) -> Finding {
    let bytes = match tenancy.bytes {
        Some((bytes, true)) => format!(", {}", mebibytes(bytes)),
        Some((bytes, false)) => format!(", more than {}", mebibytes(bytes)),
        None => String::new(),
    };
    let held = format!("{} keys{bytes} under {}", tenancy.keys, tenancy.prefix);
    if tenancy.missing.is_empty() {
        return Finding::ok(held);
    }
    Finding::broken(format!("the datastore lacks the control plane's {}; {held}", tenancy.missing.join(", ")))
        .remedy(control_plane.recreate.clone())
}

fn orphans(orphans: &Orphans) -> Finding {
    let name = &orphans.datastore;
    let without_plane = orphans
        .without_plane
        .iter()
        .map(|(id, keys)| format!("{name}: {id} belongs to no control plane; {keys} keys under /{id}/"))
        .take(NAMED);
    if !orphans.without_tenancy.is_empty() {
        let remedies = orphans.without_tenancy.iter().filter_map(|control_plane| control_plane.split_once('/'));
        return Finding::broken(format!("{name} has no user and role for {}", orphans.without_tenancy.join(", ")))
            .details(without_plane)
            .remedies(
                remedies.map(|(namespace, control_plane)| format!("kamaji doctor {control_plane} -n {namespace}")),
            );
    }
    if orphans.without_plane.is_empty() {
        return Finding::ok(format!("{name} serves {} control planes, and holds nothing else", orphans.tenants));
    }
    let (count, ids) = (orphans.without_plane.len(), orphans.without_plane.keys());
    let removal = ids.take(NAMED).map(|id| {
        format!(
            "if nobody knows it, with etcdctl as root: etcdctl user delete {id}; etcdctl role delete {id}; \
             etcdctl del --prefix /{id}/"
        )
    });
    Finding::warning(format!("{name} holds {count} tenants that belong to no control plane"))
        .details(without_plane)
        .remedies(removal)
}

/// Bytes for people.
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
            hole: None,
            members: vec![Member { name: "etcd-default-0".into(), ready: Some(true) }],
            alarms: Vec::new(),
            errors: Vec::new(),
            size: 20 << 20,
            in_use: 10 << 20,
            quota: 8 << 30,
        }
    }

    #[test]
    fn a_datastore_is_judged_by_what_hurts_most() {
        let of = |change: &dyn Fn(&mut DatastoreHealth)| {
            let mut health = well();
            change(&mut health);
            let finding = super::health(&health);
            (finding.state, finding.text)
        };
        assert_eq!(of(&|_| ()).1, "default: etcd 3.7.3, 1 of 1 members, 20.0 MiB of 8192.0 MiB, 10.0 MiB in use");
        assert_eq!(of(&|_| ()).0, LinkState::Ok);
        assert_eq!(of(&|health| health.size = 7 << 30).0, LinkState::Warning);
        assert_eq!(of(&|health| health.members[0].ready = Some(false)).0, LinkState::Warning);
        assert_eq!(of(&|health| health.hole = Some("CVE".into())).0, LinkState::Broken);
        assert_eq!(of(&|health| health.alarms = vec!["CORRUPT".into()]).0, LinkState::Broken);
        let full = of(&|health| {
            health.alarms = vec!["NOSPACE".into()];
            health.hole = Some("CVE".into());
        });
        assert!(full.0 == LinkState::Broken && full.1.contains("is full"), "{full:?}");
        assert_eq!(of(&|health| health.quota = 0).0, LinkState::Ok, "an etcd that does not tell its quota");
    }

    #[test]
    fn tenants_without_a_control_plane_are_a_warning_and_the_other_way_round_is_broken() {
        let mut found = Orphans {
            datastore: "default".into(),
            tenants: 3,
            without_plane: BTreeMap::from([("ab".into(), 7)]),
            without_tenancy: Vec::new(),
        };
        let warned = orphans(&found);
        assert_eq!((warned.state, warned.details.len()), (LinkState::Warning, 1));
        assert!(warned.remedies[0].contains("etcdctl user delete ab"));
        found.without_tenancy.push("team-a/prod".into());
        let broken = orphans(&found);
        assert_eq!(
            (broken.state, broken.remedies),
            (LinkState::Broken, vec!["kamaji doctor prod -n team-a".to_owned()])
        );
    }

    #[test]
    fn of_several_datastores_the_worst_is_told_first() {
        let full = DatastoreHealth { name: "b".into(), alarms: vec!["NOSPACE".into()], ..well() };
        let finding = together(vec![health(&well()), health(&full)], "none");
        assert!(finding.state == LinkState::Broken && finding.text.starts_with("b is full"), "{finding:?}");
        assert!(finding.details[0].starts_with("default:"), "{finding:?}");
        assert_eq!(together(Vec::new(), "none").state, LinkState::Ok);
    }
}
