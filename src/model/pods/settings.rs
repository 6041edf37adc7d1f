//! What is wished of a control plane's pods and Service beside what runs in them: sizes, where they run, images,
//! metadata.

use std::collections::BTreeMap;

use ipnet::IpNet;
use k8s_openapi::api::apps::v1::DeploymentStrategy;
use k8s_openapi::api::core::v1::{Affinity, TopologySpreadConstraint};

use crate::model::names::parse_object_name;

pub use k8s_openapi::api::core::v1::{ServicePort, Toleration};
use serde::{Deserialize, Serialize};

use crate::model::{ComponentName, Error, LABEL_MANAGED_BY, Resources, Size};

/// Labels and annotations of the user's.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Metadata {
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Annotations.
    pub annotations: BTreeMap<String, String>,
}

/// A number of pods as people write it: `1 pod`, `2 pods`.
#[must_use]
pub fn pods_in_words(number: u32) -> String {
    if number == 1 { "1 pod".to_owned() } else { format!("{number} pods") }
}

/// Whether kamaji, or a rule that pods must keep, needs a label or annotation for itself.
#[must_use]
pub fn is_taken(key: &str) -> bool {
    key == LABEL_MANAGED_BY
        || key == "kubectl.kubernetes.io/default-container"
        || key == "deployment.kubernetes.io/revision"
        || key.starts_with("kamaji.clastix.io/")
        // With these a pod would leave Pod Security `restricted`.
        || key.starts_with("container.apparmor.security.beta.kubernetes.io/")
        || key.contains("seccomp.security.alpha.kubernetes.io/")
}

/// The numbers of one probe; what is not set stays kamaji's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ProbeNumbers {
    /// Seconds before the first.
    pub initial_delay_seconds: Option<i32>,
    /// Seconds that an answer may take.
    pub timeout_seconds: Option<i32>,
    /// Seconds between two.
    pub period_seconds: Option<i32>,
    /// How many successes in a row count.
    pub success_threshold: Option<i32>,
    /// How many failures in a row count.
    pub failure_threshold: Option<i32>,
}

/// The probes of one container.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Probes {
    /// When it is ended.
    pub liveness: ProbeNumbers,
    /// When it gets requests.
    pub readiness: ProbeNumbers,
    /// When it has started.
    pub startup: ProbeNumbers,
}

impl ProbeNumbers {
    /// These, and others where these say nothing.
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
            return Err("initialDelaySeconds is 0 or more");
        }
        if positive.into_iter().flatten().any(|number| number < 1) {
            return Err("timeoutSeconds, periodSeconds, successThreshold and failureThreshold are 1 or more");
        }
        Ok(())
    }
}

impl Probes {
    /// Kubernetes' rules for the numbers; the error is the rule that is broken.
    pub fn check(&self) -> Result<(), &'static str> {
        [self.liveness, self.readiness, self.startup].iter().try_for_each(ProbeNumbers::check)?;
        if [self.liveness, self.startup].iter().any(|numbers| numbers.success_threshold.is_some_and(|count| count != 1))
        {
            return Err("successThreshold of liveness and startup is 1");
        }
        Ok(())
    }
}

/// Names of images in the repository, where they are not those of Kubernetes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Images {
    /// By component; without an entry, the component's own name.
    pub names: BTreeMap<ComponentName, String>,
    /// What follows the version in the tag.
    pub tag_suffix: String,
}

/// Settings of the pods. Kept in the record: what is new needs a default.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PodSettings {
    /// The requests and limits of what [`PodSettings::resources`] does not say.
    pub size: Size,
    /// Requests and limits by component.
    pub resources: BTreeMap<ComponentName, Resources>,
    /// Secrets with which images are pulled.
    pub image_pull_secrets: Vec<String>,
    /// Taints of nodes that do not keep the pods away.
    pub tolerations: Vec<Toleration>,
    /// Labels that nodes must have.
    pub node_selector: BTreeMap<String, String>,
    /// Who goes first when nodes are full.
    pub priority_class: Option<String>,
    /// How containers are run.
    pub runtime_class: Option<String>,
    /// The account of the pods, instead of kamaji's; its token is not mounted either.
    pub service_account: Option<String>,
    /// Near and far, instead of kamaji's.
    pub affinity: Option<Affinity>,
    /// How pods are spread, instead of kamaji's.
    pub topology_spread: Option<Vec<TopologySpreadConstraint>>,
    /// How pods are replaced, instead of kamaji's.
    pub strategy: Option<DeploymentStrategy>,
    /// Probes by component.
    pub probes: BTreeMap<ComponentName, Probes>,
    /// Metadata of the Deployment.
    pub metadata: Metadata,
    /// Metadata of the pods.
    pub pod_metadata: Metadata,
    /// Images.
    pub images: Images,
}

impl PodSettings {
    /// Requests and limits of a container.
    #[must_use]
    pub fn resources_of(&self, component: ComponentName) -> Resources {
        let size = self.size.of(component);
        self.resources.get(&component).map_or_else(|| size.clone(), |given| given.over(&size))
    }

    /// The image of a component.
    #[must_use]
    pub fn image(&self, component: ComponentName, repository: &str, version: &str) -> String {
        let name = self.images.names.get(&component).map_or(component.as_str(), String::as_str);
        format!("{repository}/{name}:{version}{}", self.images.tag_suffix)
    }

    /// Refuses what contradicts itself.
    pub fn check(&self) -> Result<(), Error> {
        ComponentName::ALL.into_iter().try_for_each(|component| self.resources_of(component).check(component))
    }

    /// What is not the default, for people; empty when all is.
    #[must_use]
    pub fn summary(&self) -> String {
        let mut parts = Vec::new();
        let mut say = |is: bool, part: String| parts.extend(is.then_some(part));
        let name = |what: &str, name: &Option<String>| format!("{what} {}", name.as_deref().unwrap_or_default());
        say(self.size != Size::default(), format!("size {}", self.size.as_str()));
        say(!self.resources.is_empty(), "resources of its own".to_owned());
        say(!self.image_pull_secrets.is_empty(), format!("pulls with {}", self.image_pull_secrets.join(", ")));
        let selector: Vec<String> = self.node_selector.iter().map(|(key, value)| format!("{key}={value}")).collect();
        say(!selector.is_empty(), format!("on nodes with {}", selector.join(", ")));
        say(!self.tolerations.is_empty(), format!("tolerations {}", self.tolerations.len()));
        say(self.priority_class.is_some(), name("priority class", &self.priority_class));
        say(self.runtime_class.is_some(), name("runtime class", &self.runtime_class));
        parts.join("; ")
    }
}

/// Settings of the Service. Kept in the record: what is new needs a default.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ServiceSettings {
    /// Metadata.
    pub metadata: Metadata,
    /// Further ports of the pods.
    pub additional_ports: Vec<ServicePort>,
    /// Which load balancer; immutable.
    pub load_balancer_class: Option<String>,
    /// Who may connect through the load balancer; empty is everybody.
    pub load_balancer_source_ranges: Vec<IpNet>,
    /// Whether a load balancer gets node ports too.
    pub allocate_load_balancer_node_ports: Option<bool>,
}

impl ServiceSettings {
    /// Whether only a load balancer can do what is asked.
    #[must_use]
    pub const fn needs_load_balancer(&self) -> bool {
        self.load_balancer_class.is_some() || !self.load_balancer_source_ranges.is_empty()
    }
}

/// Reads the name of a Secret with which images are pulled.
pub fn parse_pull_secret(text: &str) -> Result<String, Error> {
    parse_object_name("name of a Secret", text)
}

/// Reads the name of a priority class.
pub fn parse_priority_class(text: &str) -> Result<String, Error> {
    parse_object_name("name of a priority class", text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_from_before_these_settings_has_the_defaults() {
        let settings: PodSettings = serde_json::from_str("{}").unwrap();
        assert_eq!(settings, PodSettings::default());
        assert_eq!(settings.summary(), "");
        assert_eq!(serde_json::from_str::<ServiceSettings>("{}").unwrap(), ServiceSettings::default());
    }

    #[test]
    fn settings_survive_the_record() {
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
        assert_eq!(settings.summary(), "size large; resources of its own; tolerations 1; priority class tenants");
    }

    #[test]
    fn objects_are_named_as_kubernetes_names_them() {
        for good in ["a", "reg-cred", "0.x", "1"] {
            assert!(parse_pull_secret(good).is_ok(), "{good}");
        }
        for bad in ["", "A", "a_b", "-a", "a.", "a b", "a/b", &"a".repeat(254)] {
            assert!(parse_pull_secret(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn images_have_the_names_of_kubernetes_unless_told_otherwise() {
        let mut settings = PodSettings::default();
        let image = |settings: &PodSettings| settings.image(ComponentName::KubeApiserver, "r.example", "v1.37.2");
        assert_eq!(image(&settings), "r.example/kube-apiserver:v1.37.2");
        settings.images.tag_suffix = "-fips".into();
        settings.images.names.insert(ComponentName::KubeApiserver, "hardened/api".into());
        assert_eq!(image(&settings), "r.example/hardened/api:v1.37.2-fips");
    }
}
