//! User settings of a control plane's pods and Service: resources, placement, probes, images and metadata.

use std::collections::BTreeMap;

use ipnet::IpNet;
use k8s_openapi::api::apps::v1::DeploymentStrategy;
use k8s_openapi::api::core::v1::{Affinity, TopologySpreadConstraint};

use crate::model::names::parse_object_name;

pub use k8s_openapi::api::core::v1::{ServicePort, Toleration};
use serde::{Deserialize, Serialize};

use crate::model::{ComponentName, Error, LABEL_MANAGED_BY, Resources, Size};

/// Labels and annotations set by the user.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Metadata {
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Annotations.
    pub annotations: BTreeMap<String, String>,
}

/// Formats a number of pods: `1 pod`, `2 pods`.
#[must_use]
pub fn format_pod_count(number: u32) -> String {
    if number == 1 { "1 pod".to_owned() } else { format!("{number} pods") }
}

/// Whether a label or annotation key is reserved, by kamaji or because Kubernetes acts on it.
#[must_use]
pub fn is_reserved_key(key: &str) -> bool {
    key == LABEL_MANAGED_BY
        || key == "kubectl.kubernetes.io/default-container"
        || key == "deployment.kubernetes.io/revision"
        || key.starts_with("kamaji.clastix.io/")
        // These could violate Pod Security `restricted`.
        || key.starts_with("container.apparmor.security.beta.kubernetes.io/")
        || key.contains("seccomp.security.alpha.kubernetes.io/")
}

/// Timings and thresholds of a probe; unset fields keep kamaji's defaults.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ProbeNumbers {
    /// Seconds before the first probe.
    pub initial_delay_seconds: Option<i32>,
    /// Seconds until a probe times out.
    pub timeout_seconds: Option<i32>,
    /// Seconds between probes.
    pub period_seconds: Option<i32>,
    /// The consecutive successes after which the probe succeeds.
    pub success_threshold: Option<i32>,
    /// The consecutive failures after which the probe fails.
    pub failure_threshold: Option<i32>,
}

/// The probes of one container.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Probes {
    /// The liveness probe: failure restarts the container.
    pub liveness: ProbeNumbers,
    /// The readiness probe: failure takes the pod out of the Service.
    pub readiness: ProbeNumbers,
    /// The startup probe: the other probes wait for it.
    pub startup: ProbeNumbers,
}

impl ProbeNumbers {
    /// These settings, with unset fields taken from `others`.
    #[must_use]
    pub fn over(self, others: Self) -> Self {
        Self {
            initial_delay_seconds: self.initial_delay_seconds.or(others.initial_delay_seconds),
            timeout_seconds: self.timeout_seconds.or(others.timeout_seconds),
            period_seconds: self.period_seconds.or(others.period_seconds),
            success_threshold: self.success_threshold.or(others.success_threshold),
            failure_threshold: self.failure_threshold.or(others.failure_threshold),
        }
    }

    fn check(&self) -> Result<(), &'static str> {
        let positive = [self.timeout_seconds, self.period_seconds, self.success_threshold, self.failure_threshold];
        if self.initial_delay_seconds.is_some_and(|delay| delay < 0) {
            return Err("initialDelaySeconds must be 0 or more");
        }
        if positive.into_iter().flatten().any(|number| number < 1) {
            return Err("timeoutSeconds, periodSeconds, successThreshold and failureThreshold must be 1 or more");
        }
        Ok(())
    }
}

impl Probes {
    /// Validates the settings; the error is the violated rule.
    pub fn check(&self) -> Result<(), &'static str> {
        [self.liveness, self.readiness, self.startup].iter().try_for_each(ProbeNumbers::check)?;
        if [self.liveness, self.startup].iter().any(|numbers| numbers.success_threshold.is_some_and(|count| count != 1))
        {
            return Err("successThreshold of liveness and startup must be 1");
        }
        Ok(())
    }
}

/// Image names that differ from Kubernetes' own.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Images {
    /// The image name by component; defaults to the component's name.
    pub names: BTreeMap<ComponentName, String>,
    /// A suffix appended to the version in the tag.
    pub tag_suffix: String,
}

/// Settings of the pods. Stored in the record, so new fields need a default.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PodSettings {
    /// The default requests and limits; [`PodSettings::resources`] overrides them.
    pub size: Size,
    /// Requests and limits by component.
    pub resources: BTreeMap<ComponentName, Resources>,
    /// The image pull secrets.
    pub image_pull_secrets: Vec<String>,
    /// Tolerations of node taints.
    pub tolerations: Vec<Toleration>,
    /// Labels that nodes must have.
    pub node_selector: BTreeMap<String, String>,
    /// The priority class.
    pub priority_class: Option<String>,
    /// The runtime class.
    pub runtime_class: Option<String>,
    /// A `ServiceAccount` instead of kamaji's; its token is not mounted either.
    pub service_account: Option<String>,
    /// The affinity, instead of kamaji's.
    pub affinity: Option<Affinity>,
    /// The topology spread constraints, instead of kamaji's.
    pub topology_spread: Option<Vec<TopologySpreadConstraint>>,
    /// The rollout strategy, instead of kamaji's.
    pub strategy: Option<DeploymentStrategy>,
    /// Probes by component.
    pub probes: BTreeMap<ComponentName, Probes>,
    /// The Deployment's metadata.
    pub metadata: Metadata,
    /// The pods' metadata.
    pub pod_metadata: Metadata,
    /// The image names.
    pub images: Images,
}

impl PodSettings {
    /// The requests and limits of a component's container.
    #[must_use]
    pub fn resources_of(&self, component: ComponentName) -> Resources {
        let size = self.size.of(component);
        self.resources.get(&component).map_or_else(|| size.clone(), |own| own.over(&size))
    }

    /// The image reference of a component.
    #[must_use]
    pub fn image(&self, component: ComponentName, repository: &str, version: &str) -> String {
        let name = self.images.names.get(&component).map_or(component.as_str(), String::as_str);
        format!("{repository}/{name}:{version}{}", self.images.tag_suffix)
    }

    /// Refuses requests above limits.
    pub fn check(&self) -> Result<(), Error> {
        ComponentName::ALL.into_iter().try_for_each(|component| self.resources_of(component).check(component))
    }

    /// A readable list of the settings that differ from the defaults.
    #[must_use]
    pub fn summary(&self) -> String {
        let mut parts = Vec::new();
        let mut add = |condition: bool, part: String| parts.extend(condition.then_some(part));
        let name = |what: &str, name: &Option<String>| format!("{what} {}", name.as_deref().unwrap_or_default());
        add(self.size != Size::default(), format!("size {}", self.size.as_str()));
        add(!self.resources.is_empty(), "custom requests and limits".to_owned());
        add(!self.image_pull_secrets.is_empty(), format!("pulls with {}", self.image_pull_secrets.join(", ")));
        let selector: Vec<String> = self.node_selector.iter().map(|(key, value)| format!("{key}={value}")).collect();
        add(!selector.is_empty(), format!("on nodes with {}", selector.join(", ")));
        add(!self.tolerations.is_empty(), format!("tolerations {}", self.tolerations.len()));
        add(self.priority_class.is_some(), name("priority class", &self.priority_class));
        add(self.runtime_class.is_some(), name("runtime class", &self.runtime_class));
        parts.join("; ")
    }
}

/// Settings of the Service. Stored in the record, so new fields need a default.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ServiceSettings {
    /// The Service's metadata.
    pub metadata: Metadata,
    /// Additional ports.
    pub additional_ports: Vec<ServicePort>,
    /// The load balancer class; immutable.
    pub load_balancer_class: Option<String>,
    /// The source CIDRs that may connect through the load balancer; empty allows all.
    pub load_balancer_source_ranges: Vec<IpNet>,
    /// Whether a load balancer Service also allocates node ports.
    pub allocate_load_balancer_node_ports: Option<bool>,
}

impl ServiceSettings {
    /// Whether the settings require a load balancer.
    #[must_use]
    pub const fn needs_load_balancer(&self) -> bool {
        self.load_balancer_class.is_some() || !self.load_balancer_source_ranges.is_empty()
    }
}

/// Parses the name of an image pull secret.
pub fn parse_pull_secret(text: &str) -> Result<String, Error> {
    parse_object_name("name of a Secret", text)
}

/// Parses the name of a priority class.
pub fn parse_priority_class(text: &str) -> Result<String, Error> {
    parse_object_name("name of a priority class", text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_settings_default() {
        let settings: PodSettings = serde_json::from_str("{}").unwrap();
        assert_eq!(settings, PodSettings::default());
        assert_eq!(settings.summary(), "");
        assert_eq!(serde_json::from_str::<ServiceSettings>("{}").unwrap(), ServiceSettings::default());
    }

    #[test]
    fn settings_round_trip_through_the_record() {
        let (component, amounts) = crate::model::parse_component_amounts("kube-apiserver=memory=2Gi").unwrap();
        let settings = PodSettings {
            size: Size::Large,
            resources: BTreeMap::from([(component, Resources { requests: amounts, ..Default::default() })]),
            tolerations: vec![crate::model::parse_toleration("a=b:NoSchedule").unwrap()],
            affinity: Some(Affinity::default()),
            topology_spread: Some(Vec::new()),
            priority_class: Some("tenants".into()),
            ..Default::default()
        };
        let text = serde_json::to_string(&settings).unwrap();
        assert_eq!(serde_json::from_str::<PodSettings>(&text).unwrap(), settings);
        assert_eq!(settings.summary(), "size large; custom requests and limits; tolerations 1; priority class tenants");
    }

    #[test]
    fn secret_names_follow_kubernetes_rules() {
        for good in ["a", "reg-cred", "0.x", "1"] {
            assert!(parse_pull_secret(good).is_ok(), "{good}");
        }
        for bad in ["", "A", "a_b", "-a", "a.", "a b", "a/b", &"a".repeat(254)] {
            assert!(parse_pull_secret(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn image_names_default_to_kubernetes_names() {
        let mut settings = PodSettings::default();
        let image = |settings: &PodSettings| settings.image(ComponentName::KubeApiserver, "r.example", "v1.37.2");
        assert_eq!(image(&settings), "r.example/kube-apiserver:v1.37.2");
        settings.images.tag_suffix = "-fips".into();
        settings.images.names.insert(ComponentName::KubeApiserver, "hardened/api".into());
        assert_eq!(image(&settings), "r.example/hardened/api:v1.37.2-fips");
    }
}
