//! The members of an etcd datastore: one `StatefulSet` whose pods are admitted under Pod Security `restricted`.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::{StatefulSet, StatefulSetSpec};
use k8s_openapi::api::core::v1::{
    Affinity, LocalObjectReference, PersistentVolumeClaim, PersistentVolumeClaimSpec, PodAffinityTerm, PodAntiAffinity,
    PodSecurityContext, PodSpec, PodTemplateSpec, SeccompProfile, SecretVolumeSource, TopologySpreadConstraint, Volume,
    VolumeResourceRequirements, WeightedPodAffinityTerm,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};

use super::member::container;
use super::names::labels;
use super::{EtcdNames, EtcdPlan, metadata, selector};

const USER: i64 = 65532;
const HOSTNAME: &str = "kubernetes.io/hostname";

pub(super) fn stateful_set(plan: &EtcdPlan) -> StatefulSet {
    let names = EtcdNames(plan.name);
    StatefulSet {
        metadata: metadata(plan, names.stateful_set()),
        spec: Some(StatefulSetSpec {
            replicas: Some(i32::try_from(plan.members).unwrap_or(1)),
            service_name: Some(names.service()),
            selector: members(plan),
            // A member is ready only with a majority: they must start together.
            pod_management_policy: Some("Parallel".to_owned()),
            template: PodTemplateSpec {
                metadata: Some(ObjectMeta { labels: Some(labels(plan)), ..Default::default() }),
                spec: Some(pod(plan)),
            },
            volume_claim_templates: Some(vec![volume_claim(plan)]),
            ..Default::default()
        }),
        ..Default::default()
    }
}

fn pod(plan: &EtcdPlan) -> PodSpec {
    let names = EtcdNames(plan.name);
    let several = plan.members > 1;
    PodSpec {
        service_account_name: Some(names.service_account()),
        automount_service_account_token: Some(false),
        enable_service_links: Some(false),
        security_context: Some(PodSecurityContext {
            run_as_non_root: Some(true),
            run_as_user: Some(USER),
            run_as_group: Some(USER),
            fs_group: Some(USER),
            // With `Always` the kubelet would open etcd's directory to the group at every start.
            fs_group_change_policy: Some("OnRootMismatch".to_owned()),
            seccomp_profile: Some(SeccompProfile { type_: "RuntimeDefault".to_owned(), ..Default::default() }),
            ..Default::default()
        }),
        affinity: several.then(|| apart(plan)),
        topology_spread_constraints: several.then(|| vec![spread(plan)]),
        containers: vec![container(plan)],
        image_pull_secrets: (!plan.image_pull_secrets.is_empty()).then(|| pull_secrets(plan)),
        volumes: Some(vec![Volume {
            name: "certificates".to_owned(),
            secret: Some(SecretVolumeSource {
                secret_name: Some(names.member_certificate()),
                default_mode: Some(0o440),
                ..Default::default()
            }),
            ..Default::default()
        }]),
        ..Default::default()
    }
}

fn pull_secrets(plan: &EtcdPlan) -> Vec<LocalObjectReference> {
    plan.image_pull_secrets.iter().map(|name| LocalObjectReference { name: name.clone() }).collect()
}

fn members(plan: &EtcdPlan) -> LabelSelector {
    LabelSelector { match_labels: Some(selector(plan)), ..Default::default() }
}

fn spread(plan: &EtcdPlan) -> TopologySpreadConstraint {
    TopologySpreadConstraint {
        max_skew: 1,
        topology_key: HOSTNAME.to_owned(),
        when_unsatisfiable: "ScheduleAnyway".to_owned(),
        label_selector: Some(members(plan)),
        ..Default::default()
    }
}

fn apart(plan: &EtcdPlan) -> Affinity {
    Affinity {
        pod_anti_affinity: Some(PodAntiAffinity {
            preferred_during_scheduling_ignored_during_execution: Some(vec![WeightedPodAffinityTerm {
                weight: 100,
                pod_affinity_term: PodAffinityTerm {
                    topology_key: HOSTNAME.to_owned(),
                    label_selector: Some(members(plan)),
                    ..Default::default()
                },
            }]),
            ..Default::default()
        }),
        ..Default::default()
    }
}

fn volume_claim(plan: &EtcdPlan) -> PersistentVolumeClaim {
    PersistentVolumeClaim {
        metadata: ObjectMeta { name: Some("data".to_owned()), labels: Some(labels(plan)), ..Default::default() },
        spec: Some(PersistentVolumeClaimSpec {
            access_modes: Some(vec!["ReadWriteOnce".to_owned()]),
            storage_class_name: plan.storage_class.map(str::to_owned),
            resources: Some(VolumeResourceRequirements {
                requests: Some(BTreeMap::from([("storage".to_owned(), Quantity(plan.volume_size.to_owned()))])),
                ..Default::default()
            }),
            ..Default::default()
        }),
        ..Default::default()
    }
}
