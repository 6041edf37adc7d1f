//! What is kept about a control plane: the record, the lock, Secrets and `ConfigMap`s, certificates.

use super::check_graph::{Fact, Finding, LinkName};
use super::facts::{ControlPlaneFacts, LockHolder};
use crate::model::{ObjectNames, format_holder, format_time};
use crate::plan::apply::live_objects::Live;
use crate::plan::apply::plan::{Action, Change};
use crate::plan::certificates::inventory::{SOON_DAYS, certificates as held_certificates};
use crate::plan::doctor::facts::told;
use crate::plan::lifecycle::desired::{is_wanted, object_refs};
use crate::plan::state::blockers::{operation_in_progress, paused};
use crate::plan::state::record::{LifecyclePhase, Record};
use crate::render::ObjectRef;

pub(crate) fn judge(control_plane: &ControlPlaneFacts) -> Vec<(LinkName, Finding)> {
    vec![
        (LinkName::Record, Finding::of(&control_plane.record, |record| judge_record(record, control_plane))),
        (LinkName::Lock, Finding::of(&control_plane.lock, |holder| lock(holder.as_ref()))),
        (LinkName::Objects, objects(control_plane)),
        (LinkName::Certificates, certificates(control_plane)),
    ]
}

fn judge_record(record: &Record, control_plane: &ControlPlaneFacts) -> Finding {
    let at_work = control_plane.lock.as_ref().ok().and_then(Option::as_ref).filter(|holder| holder.alive);
    if let Some(holder) = at_work
        && (record.step != LifecyclePhase::Ready || operation_in_progress(record).is_some())
    {
        let what = operation_in_progress(record).map_or_else(|| record.step.word().to_owned(), |busy| busy.what);
        return Finding::warning(format!("being changed now by {}: {what}", format_holder(&holder.name)))
            .remedy("wait until it is done");
    }
    match record.step {
        LifecyclePhase::Creating if super::pods::are_in_trouble(control_plane) => {
            return Finding::warning("its creation is not finished, and its pods do not run")
                .remedy(format!("once they can: {}", control_plane.recreate));
        }
        LifecyclePhase::Creating => {
            return Finding::broken(format!("its creation was interrupted (begun {})", format_time(record.created)))
                .remedy(control_plane.recreate.clone());
        }
        LifecyclePhase::Deleting => {
            return Finding::broken("its deletion was interrupted").remedy(control_plane.kamaji("delete", "--yes"));
        }
        LifecyclePhase::Ready => {}
    }
    if let Some(busy) = operation_in_progress(record) {
        return Finding::broken(busy.what).remedies(busy.remedies);
    }
    if let Some(busy) = paused(record) {
        return Finding::warning(busy.what).remedies(busy.remedies);
    }
    Finding::ok(format!("{}, written by kamaji {}", record.spec.version, record.written_by))
}

fn lock(holder: Option<&LockHolder>) -> Finding {
    match holder {
        None => Finding::ok("nobody holds it"),
        Some(holder) if holder.alive => {
            Finding::warning(format!("held by {} since {}", format_holder(&holder.name), holder.since))
                .remedy("wait until it is done")
        }
        Some(holder) => Finding::warning(format!(
            "left by {} (since {}), which is gone; the next change takes it over",
            format_holder(&holder.name),
            holder.since
        )),
    }
}

/// Pods and Service have links of their own.
fn is_plain(object: &ObjectRef) -> bool {
    object.kind != "Deployment" && object.kind != "Service"
}

fn objects(control_plane: &ControlPlaneFacts) -> Finding {
    Finding::of(&control_plane.live, |live| {
        let Some(record) = control_plane.record() else {
            return Finding::unknown("what there should be is not known without a record");
        };
        let missing = missing(record, live);
        if !missing.is_empty() {
            return Finding::broken(format!("missing: {}", missing.join(", ")))
                .details(refused(&control_plane.changes))
                .remedies(remedies(control_plane, &missing, record));
        }
        match &control_plane.changes {
            Ok(changes) => {
                let changes: Vec<&Change> =
                    changes.iter().filter(|change| change.action != Action::Unchanged).collect();
                if changes.is_empty() {
                    return Finding::ok("all there, as they were asked for");
                }
                Finding::warning(format!("{} differ from what was asked for", changes.len()))
                    .details(changes.iter().map(|change| told(change)))
                    .remedy(control_plane.kamaji("diff", ""))
                    .remedy(format!("to put them right: {}", control_plane.recreate))
            }
            Err(_) => Finding::of(&control_plane.changes, |_| Finding::ok("all there")),
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

/// What cannot be made again must come from a backup.
fn remedies(control_plane: &ControlPlaneFacts, missing: &[String], record: &Record) -> Vec<String> {
    let names = ObjectNames(&record.spec.name);
    let once = [names.ca(), names.front_proxy_ca(), names.service_account_key(), names.encryption()];
    let secret = |name: &String| format!("Secret {}/{name}", record.spec.namespace);
    let lost: Vec<String> = once.iter().map(secret).filter(|secret| missing.contains(secret)).collect();
    if lost.is_empty() || record.ca.is_none() {
        return vec![control_plane.recreate.clone()];
    }
    vec![format!("restore {} from a backup: kubectl apply -f BACKUP; no new one would do", lost.join(" and "))]
}

fn refused(changes: &Fact<Vec<Change>>) -> Vec<String> {
    let finding = Finding::of(changes, |_| Finding::ok(""));
    if finding.text.is_empty() { Vec::new() } else { vec![finding.text] }
}

fn certificates(control_plane: &ControlPlaneFacts) -> Finding {
    Finding::of(&control_plane.live, |live| {
        let Some(record) = control_plane.record() else { return Finding::unknown("none is known without a record") };
        let days = |end: jiff::Timestamp| (end.as_second() - control_plane.now.as_second()).div_euclid(86400);
        let ends: Vec<(&str, i64)> = held_certificates(record, live)
            .into_iter()
            .filter_map(|held| Some((held.name, days(held.not_after?))))
            .collect();
        judge_ends(&ends, control_plane.kamaji("certs renew", ""))
    })
}

fn judge_ends(ends: &[(&str, i64)], renew: String) -> Finding {
    let Some((first, days)) = ends.iter().min_by_key(|(_, days)| days) else {
        return Finding::unknown("there is none to look at");
    };
    let told = |(name, days): &(&str, i64)| match days {
        days if *days < 0 => format!("{name} ended {} days ago", -days),
        days => format!("{name} ends in {days} days"),
    };
    let soon: Vec<String> = ends.iter().filter(|(_, days)| *days < SOON_DAYS).map(told).collect();
    if *days < 0 {
        return Finding::broken(told(&(first, *days))).details(soon).remedy(renew);
    }
    if soon.is_empty() {
        return Finding::ok(format!("the first, {first}, ends in {days} days"));
    }
    Finding::warning(format!("{} of {} end within {SOON_DAYS} days", soon.len(), ends.len()))
        .details(soon)
        .remedy(renew)
}

#[cfg(test)]
mod tests {
    use super::super::check_graph::{LinkState, Unavailable};
    use super::super::tests::{facts, now};
    use super::*;
    use crate::model::KubeVersion;
    use crate::plan::state::operations::{Phase, Upgrade};
    use crate::plan::state::record::Pause;

    fn record_with(change: impl FnOnce(&mut ControlPlaneFacts, &mut Record)) -> Finding {
        let mut control_plane = facts();
        let mut record = control_plane.record.clone().unwrap();
        change(&mut control_plane, &mut record);
        judge_record(&record, &control_plane)
    }

    #[test]
    fn what_is_half_done_is_broken_unless_somebody_is_at_it() {
        let held = |alive| Ok(Some(LockHolder { name: "ci/1/x".into(), since: "t".into(), alive }));
        assert_eq!(record_with(|_, _| ()).state, LinkState::Ok);
        let interrupted = record_with(|_, record| record.step = LifecyclePhase::Creating);
        assert_eq!((interrupted.state, interrupted.remedies), (LinkState::Broken, vec!["recreate".to_owned()]));
        let dead = record_with(|control_plane, record| {
            record.step = LifecyclePhase::Creating;
            control_plane.lock = held(false);
        });
        assert_eq!(dead.state, LinkState::Broken);
        let at_work = record_with(|control_plane, record| {
            record.step = LifecyclePhase::Creating;
            control_plane.lock = held(true);
        });
        assert!(at_work.state == LinkState::Warning && at_work.text.contains("process 1 on ci"), "{at_work:?}");
        let stuck = record_with(|control_plane, record| {
            record.step = LifecyclePhase::Creating;
            control_plane.pods = Ok(vec![serde_json::json!({"status": {"conditions": [
                {"type": "PodScheduled", "status": "False", "message": "0/1 nodes are available"}]}})]);
        });
        assert_eq!(stuck.state, LinkState::Warning, "the pods are the ones to mend");
        let deleting = record_with(|_, record| record.step = LifecyclePhase::Deleting);
        assert_eq!(deleting.remedies, ["kamaji delete prod -n team-a --yes"]);
    }

    #[test]
    fn an_unfinished_upgrade_is_broken_and_a_pause_is_a_warning() {
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
        assert!(upgrade.state == LinkState::Broken && upgrade.remedies[0].contains("--to v1.37.2"), "{upgrade:?}");
        let pause = record_with(|_, record| {
            record.paused = Some(Pause { by: "anna".into(), since: now(), reason: "holiday".into() });
        });
        assert!(pause.state == LinkState::Warning && pause.text.contains("holiday"), "{pause:?}");
        assert!(pause.remedies[0].contains("kamaji resume prod -n team-a"));
    }

    #[test]
    fn a_lock_that_is_held_or_left_is_worth_a_look() {
        let holder = |alive| LockHolder { name: "ci/1/x".into(), since: "t".into(), alive };
        assert_eq!(lock(None).state, LinkState::Ok);
        assert!(lock(Some(&holder(true))).text.starts_with("held by"));
        assert!(lock(Some(&holder(false))).text.contains("takes it over"));
    }

    #[test]
    fn what_is_missing_is_made_again_but_for_what_is_made_once() {
        let mut control_plane = facts();
        control_plane.live = Ok(Live::default());
        let all = objects(&control_plane);
        assert!(all.state == LinkState::Broken && all.remedies[0].contains("from a backup"), "{all:?}");
        assert!(!all.text.contains("Service ") && !all.text.contains("Deployment"), "{}", all.text);
        let record = control_plane.record.clone().unwrap();
        let scheduler = "Secret team-a/prod-scheduler-kubeconfig".to_owned();
        assert_eq!(remedies(&control_plane, std::slice::from_ref(&scheduler), &record), ["recreate"]);
        let ca = "Secret team-a/prod-ca".to_owned();
        assert!(
            remedies(&control_plane, &[scheduler, ca.clone()], &record)[0].contains("restore Secret team-a/prod-ca")
        );
        let unfinished = Record { ca: None, ..record };
        assert_eq!(remedies(&control_plane, &[ca], &unfinished), ["recreate"], "there was none yet");
    }

    #[test]
    fn drift_is_a_warning_that_says_who() {
        let mut control_plane = facts();
        let mut live = Live::default();
        for object in object_refs(&control_plane.record.as_ref().unwrap().spec) {
            live.insert(object, serde_json::json!({}));
        }
        control_plane.live = Ok(live);
        assert_eq!(objects(&control_plane).state, LinkState::Ok);
        let mut change = Change::of("Service team-a/prod", Action::Update, "");
        change.fields.push(crate::plan::apply::field_change::FieldChange {
            field: "metadata.labels".into(),
            from: None,
            to: None,
            by: Some("anna".into()),
        });
        control_plane.changes = Ok(vec![change]);
        let drift = objects(&control_plane);
        assert_eq!(drift.details, ["~ Service team-a/prod: metadata.labels, set by anna"]);
        assert_eq!(drift.state, LinkState::Warning);
        control_plane.changes = Err(Unavailable::NotAllowed("not allowed".into()));
        assert_eq!(objects(&control_plane).state, LinkState::Unknown);
    }

    #[test]
    fn certificates_are_warned_of_before_they_end() {
        assert_eq!(judge_ends(&[("ca", 3000), ("apiserver", 300)], "again".into()).state, LinkState::Ok);
        let soon = judge_ends(&[("ca", 3000), ("apiserver", 29)], "again".into());
        assert_eq!((soon.state, soon.details), (LinkState::Warning, vec!["apiserver ends in 29 days".to_owned()]));
        let ended = judge_ends(&[("ca", 3000), ("apiserver", -2)], "again".into());
        assert_eq!((ended.state, ended.remedies), (LinkState::Broken, vec!["again".to_owned()]));
    }
}
