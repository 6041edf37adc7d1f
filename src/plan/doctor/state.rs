//! Checks a control plane's record, lock, objects and certificates.

use super::check_graph::{Fact, Finding, HealthCheckName};
use super::facts::{ControlPlaneFacts, LockHolder};
use crate::model::{ObjectNames, format_holder, format_time};
use crate::plan::apply::live_objects::Live;
use crate::plan::apply::plan::{Action, Change};
use crate::plan::certificates::inventory::{SOON_DAYS, certificates as held_certificates};
use crate::plan::doctor::facts::describe_change;
use crate::plan::lifecycle::desired::{is_wanted, object_refs};
use crate::plan::state::blockers::{operation_in_progress, paused};
use crate::plan::state::record::{LifecyclePhase, Record};
use crate::render::ObjectRef;

pub(crate) fn check_state(control_plane: &ControlPlaneFacts) -> Vec<(HealthCheckName, Finding)> {
    vec![
        (HealthCheckName::Record, Finding::of(&control_plane.record, |record| check_record(record, control_plane))),
        (HealthCheckName::Lock, Finding::of(&control_plane.lock, |holder| check_lock(holder.as_ref()))),
        (HealthCheckName::Objects, check_objects(control_plane)),
        (HealthCheckName::Certificates, check_certificates(control_plane)),
    ]
}

fn check_record(record: &Record, control_plane: &ControlPlaneFacts) -> Finding {
    let in_progress = control_plane.lock.as_ref().ok().and_then(Option::as_ref).filter(|holder| holder.alive);
    if let Some(holder) = in_progress
        && (record.step != LifecyclePhase::Ready || operation_in_progress(record).is_some())
    {
        let what = operation_in_progress(record).map_or_else(|| record.step.as_str().to_owned(), |busy| busy.summary);
        return Finding::warning(format!("{} is changing it: {what}", format_holder(&holder.name)))
            .remedy("wait until it finishes");
    }
    match record.step {
        LifecyclePhase::Creating if super::pods::any_pod_failing(control_plane) => {
            return Finding::warning("creation is incomplete; its pods are failing")
                .remedy(format!("once the pods can run: {}", control_plane.recreate));
        }
        LifecyclePhase::Creating => {
            return Finding::failed(format!("creation was interrupted (started {})", format_time(record.created)))
                .remedy(control_plane.recreate.clone());
        }
        LifecyclePhase::Deleting => {
            return Finding::failed("deletion was interrupted").remedy(control_plane.kamaji("delete", "--yes"));
        }
        LifecyclePhase::Ready => {}
    }
    if let Some(busy) = operation_in_progress(record) {
        return Finding::failed(busy.summary).remedies(busy.remedies);
    }
    if let Some(busy) = paused(record) {
        return Finding::warning(busy.summary).remedies(busy.remedies);
    }
    Finding::ok(format!("{}, written by kamaji {}", record.spec.version, record.written_by))
}

fn check_lock(holder: Option<&LockHolder>) -> Finding {
    match holder {
        None => Finding::ok("free"),
        Some(holder) if holder.alive => {
            Finding::warning(format!("held by {} since {}", format_holder(&holder.name), holder.since))
                .remedy("wait until it finishes")
        }
        Some(holder) => Finding::warning(format!(
            "stale: {} acquired it {} and no longer renews it; the next change takes it over",
            format_holder(&holder.name),
            holder.since
        )),
    }
}

/// Deployment and Service have their own checks.
fn is_plain(object: &ObjectRef) -> bool {
    object.kind != "Deployment" && object.kind != "Service"
}

fn check_objects(control_plane: &ControlPlaneFacts) -> Finding {
    Finding::of(&control_plane.live, |live| {
        let Some(record) = control_plane.record() else {
            return Finding::unknown("the record is missing, so the desired objects are unknown");
        };
        let missing = missing(record, live);
        if !missing.is_empty() {
            return Finding::failed(format!("missing: {}", missing.join(", ")))
                .details(refused(&control_plane.changes))
                .remedies(remedies(control_plane, &missing, record));
        }
        match &control_plane.changes {
            Ok(changes) => {
                let changes: Vec<&Change> =
                    changes.iter().filter(|change| change.action != Action::Unchanged).collect();
                if changes.is_empty() {
                    return Finding::ok("all present, no drift");
                }
                Finding::warning(format!("{} objects differ from the spec", changes.len()))
                    .details(changes.iter().map(|change| describe_change(change)))
                    .remedy(control_plane.kamaji("diff", ""))
                    .remedy(format!("to revert the drift: {}", control_plane.recreate))
            }
            Err(_) => Finding::of(&control_plane.changes, |_| Finding::ok("all present")),
        }
    })
}

fn missing(record: &Record, live: &Live) -> Vec<String> {
    object_refs(&record.spec)
        .into_iter()
        .filter(is_plain)
        .filter(|object| is_wanted(&record.spec, object))
        .filter(|object| live.get(object).is_none())
        .map(|object| object.to_string())
        .collect()
}

/// CAs and keys cannot be regenerated; they must come from a backup.
fn remedies(control_plane: &ControlPlaneFacts, missing: &[String], record: &Record) -> Vec<String> {
    let names = ObjectNames(&record.spec.name);
    let once = [names.ca(), names.front_proxy_ca(), names.service_account_key(), names.encryption()];
    let secret = |name: &String| format!("Secret {}/{name}", record.spec.namespace);
    let lost: Vec<String> = once.iter().map(secret).filter(|secret| missing.contains(secret)).collect();
    if lost.is_empty() || record.ca.is_none() {
        return vec![control_plane.recreate.clone()];
    }
    vec![format!(
        "restore {} from a backup: kubectl apply -f BACKUP; a new one would not match the data",
        lost.join(" and ")
    )]
}

fn refused(changes: &Fact<Vec<Change>>) -> Vec<String> {
    let finding = Finding::of(changes, |_| Finding::ok(""));
    if finding.text.is_empty() { Vec::new() } else { vec![finding.text] }
}

fn check_certificates(control_plane: &ControlPlaneFacts) -> Finding {
    Finding::of(&control_plane.live, |live| {
        let Some(record) = control_plane.record() else { return Finding::unknown("the record is missing") };
        let days = |end: jiff::Timestamp| (end.as_second() - control_plane.now.as_second()).div_euclid(86400);
        let ends: Vec<(&str, i64)> = held_certificates(record, live)
            .into_iter()
            .filter_map(|held| Some((held.name, days(held.not_after?))))
            .collect();
        check_expiry(&ends, control_plane.kamaji("certs renew", ""))
    })
}

fn check_expiry(ends: &[(&str, i64)], renew: String) -> Finding {
    let Some((first, days)) = ends.iter().min_by_key(|(_, days)| days) else {
        return Finding::unknown("no certificate found");
    };
    let describe = |(name, days): &(&str, i64)| match days {
        days if *days < 0 => format!("{name} expired {} days ago", -days),
        days => format!("{name} expires in {days} days"),
    };
    let soon: Vec<String> = ends.iter().filter(|(_, days)| *days < SOON_DAYS).map(describe).collect();
    if *days < 0 {
        return Finding::failed(describe(&(first, *days))).details(soon).remedy(renew);
    }
    if soon.is_empty() {
        return Finding::ok(format!("{first} expires first, in {days} days"));
    }
    Finding::warning(format!("{} of {} expire within {SOON_DAYS} days", soon.len(), ends.len()))
        .details(soon)
        .remedy(renew)
}

#[cfg(test)]
mod tests {
    use super::super::check_graph::{HealthCheckState, Unavailable};
    use super::super::tests::{facts, now};
    use super::*;
    use crate::model::KubeVersion;
    use crate::plan::state::operations::{Phase, Upgrade};
    use crate::plan::state::record::Pause;

    fn record_with(change: impl FnOnce(&mut ControlPlaneFacts, &mut Record)) -> Finding {
        let mut control_plane = facts();
        let mut record = control_plane.record.clone().unwrap();
        change(&mut control_plane, &mut record);
        check_record(&record, &control_plane)
    }

    #[test]
    fn an_unfinished_operation_fails_unless_a_process_is_working_on_it() {
        let held = |alive| Ok(Some(LockHolder { name: "ci/1/x".into(), since: "t".into(), alive }));
        assert_eq!(record_with(|_, _| ()).state, HealthCheckState::Ok);
        let interrupted = record_with(|_, record| record.step = LifecyclePhase::Creating);
        assert_eq!((interrupted.state, interrupted.remedies), (HealthCheckState::Failed, vec!["recreate".to_owned()]));
        let dead = record_with(|control_plane, record| {
            record.step = LifecyclePhase::Creating;
            control_plane.lock = held(false);
        });
        assert_eq!(dead.state, HealthCheckState::Failed);
        let in_progress = record_with(|control_plane, record| {
            record.step = LifecyclePhase::Creating;
            control_plane.lock = held(true);
        });
        assert!(
            in_progress.state == HealthCheckState::Warning && in_progress.text.contains("process 1 on ci"),
            "{in_progress:?}"
        );
        let stuck = record_with(|control_plane, record| {
            record.step = LifecyclePhase::Creating;
            control_plane.pods = Ok(vec![serde_json::json!({"status": {"conditions": [
                {"type": "PodScheduled", "status": "False", "message": "0/1 nodes are available"}]}})]);
        });
        assert_eq!(stuck.state, HealthCheckState::Warning, "the pods are the root cause");
        let deleting = record_with(|_, record| record.step = LifecyclePhase::Deleting);
        assert_eq!(deleting.remedies, ["kamaji delete prod -n team-a --yes"]);
    }

    #[test]
    fn an_unfinished_upgrade_fails_and_a_pause_is_a_warning() {
        let version = |text| KubeVersion::parse(text).unwrap();
        let upgrade = record_with(|_, record| {
            record.upgrade = Some(Upgrade {
                from: version("v1.36.3"),
                to: version("v1.37.2"),
                phase: Phase::Pods,
                began: now(),
                is_rollback: false,
            });
        });
        assert!(
            upgrade.state == HealthCheckState::Failed && upgrade.remedies[0].contains("--to v1.37.2"),
            "{upgrade:?}"
        );
        let pause = record_with(|_, record| {
            record.paused = Some(Pause { by: "anna".into(), since: now(), reason: "holiday".into() });
        });
        assert!(pause.state == HealthCheckState::Warning && pause.text.contains("holiday"), "{pause:?}");
        assert!(pause.remedies[0].contains("kamaji resume prod -n team-a"));
    }

    #[test]
    fn a_held_or_stale_lock_is_a_warning() {
        let holder = |alive| LockHolder { name: "ci/1/x".into(), since: "t".into(), alive };
        assert_eq!(check_lock(None).state, HealthCheckState::Ok);
        assert!(check_lock(Some(&holder(true))).text.starts_with("held by"));
        assert!(check_lock(Some(&holder(false))).text.contains("takes it over"));
    }

    #[test]
    fn missing_objects_are_recreated_except_cas_and_keys() {
        let mut control_plane = facts();
        control_plane.live = Ok(Live::default());
        let all = check_objects(&control_plane);
        assert!(all.state == HealthCheckState::Failed && all.remedies[0].contains("from a backup"), "{all:?}");
        assert!(!all.text.contains("Service ") && !all.text.contains("Deployment"), "{}", all.text);
        let record = control_plane.record.clone().unwrap();
        let scheduler = "Secret team-a/prod-scheduler-kubeconfig".to_owned();
        assert_eq!(remedies(&control_plane, std::slice::from_ref(&scheduler), &record), ["recreate"]);
        let ca = "Secret team-a/prod-ca".to_owned();
        assert!(
            remedies(&control_plane, &[scheduler, ca.clone()], &record)[0].contains("restore Secret team-a/prod-ca")
        );
        let unfinished = Record { ca: None, ..record };
        assert_eq!(remedies(&control_plane, &[ca], &unfinished), ["recreate"], "no CA existed yet");
    }

    #[test]
    fn drift_is_a_warning_that_names_the_field_manager() {
        let mut control_plane = facts();
        let mut live = Live::default();
        for object in object_refs(&control_plane.record.as_ref().unwrap().spec) {
            live.insert(object, serde_json::json!({}));
        }
        control_plane.live = Ok(live);
        assert_eq!(check_objects(&control_plane).state, HealthCheckState::Ok);
        let mut change = Change::of("Service team-a/prod", Action::Update, "");
        change.fields.push(crate::plan::apply::field_change::FieldChange {
            field: "metadata.labels".into(),
            from: None,
            to: None,
            manager: Some("anna".into()),
        });
        control_plane.changes = Ok(vec![change]);
        let drift = check_objects(&control_plane);
        assert_eq!(drift.details, ["~ Service team-a/prod: metadata.labels, set by anna"]);
        assert_eq!(drift.state, HealthCheckState::Warning);
        control_plane.changes = Err(Unavailable::Forbidden("not allowed".into()));
        assert_eq!(check_objects(&control_plane).state, HealthCheckState::Unknown);
    }

    #[test]
    fn certificates_are_a_warning_before_they_expire() {
        assert_eq!(check_expiry(&[("ca", 3000), ("apiserver", 300)], "again".into()).state, HealthCheckState::Ok);
        let soon = check_expiry(&[("ca", 3000), ("apiserver", 29)], "again".into());
        assert_eq!(
            (soon.state, soon.details),
            (HealthCheckState::Warning, vec!["apiserver expires in 29 days".to_owned()])
        );
        let ended = check_expiry(&[("ca", 3000), ("apiserver", -2)], "again".into());
        assert_eq!((ended.state, ended.remedies), (HealthCheckState::Failed, vec!["again".to_owned()]));
    }
}
