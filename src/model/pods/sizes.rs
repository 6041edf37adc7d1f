//! CPU and memory of control plane containers: predefined sizes, and overrides per component.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::model::{Error, Quantity};

/// A control plane component; each runs as a container of the pods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ComponentName {
    /// kube-apiserver.
    KubeApiserver,
    /// kube-controller-manager.
    KubeControllerManager,
    /// kube-scheduler.
    KubeScheduler,
}

impl ComponentName {
    /// All components, in the order of the pod's containers.
    pub const ALL: [Self; 3] = [Self::KubeApiserver, Self::KubeControllerManager, Self::KubeScheduler];

    /// The name of the container and the binary.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::KubeApiserver => "kube-apiserver",
            Self::KubeControllerManager => "kube-controller-manager",
            Self::KubeScheduler => "kube-scheduler",
        }
    }
}

impl fmt::Display for ComponentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A compute resource that can be requested and limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ResourceName {
    /// CPU.
    Cpu,
    /// Memory.
    Memory,
    /// The node's disk, for logs.
    EphemeralStorage,
}

impl ResourceName {
    /// All resources.
    pub const ALL: [Self; 3] = [Self::Cpu, Self::Memory, Self::EphemeralStorage];

    /// The resource's name in Kubernetes.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::EphemeralStorage => "ephemeral-storage",
        }
    }
}

/// Amounts by resource.
pub type Amounts = BTreeMap<ResourceName, Quantity>;

/// The requests and limits of one container.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Resources {
    /// The amounts that the scheduler reserves.
    pub requests: Amounts,
    /// The amounts that the container cannot exceed.
    pub limits: Amounts,
}

/// A predefined set of requests and limits for the whole control plane.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Size {
    /// Dozens of nodes and hundreds of pods.
    #[default]
    Small,
    /// Up to about a hundred nodes and thousands of pods.
    Medium,
    /// Hundreds of nodes or more.
    Large,
}

/// CPU request in millicores, memory request and memory limit in MiB, in the order of [`ComponentName::ALL`]. There is
/// no CPU limit: throttling would slow down the API server while the node has idle CPU.
const fn figures(size: Size) -> [(u32, u32, u32); 3] {
    match size {
        Size::Small => [(50, 256, 1024), (25, 64, 256), (10, 32, 192)],
        Size::Medium => [(250, 1024, 4096), (100, 256, 1024), (50, 128, 512)],
        Size::Large => [(1000, 4096, 16384), (300, 1024, 4096), (200, 512, 2048)],
    }
}

impl Size {
    /// All sizes, smallest first.
    pub const ALL: [Self; 3] = [Self::Small, Self::Medium, Self::Large];

    /// The name as the user types it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Small => "small",
            Self::Medium => "medium",
            Self::Large => "large",
        }
    }

    /// The requests and limits of a component.
    #[must_use]
    pub fn of(self, component: ComponentName) -> Resources {
        let [api_server, controller_manager, scheduler] = figures(self);
        let (cpu, memory, limit) = match component {
            ComponentName::KubeApiserver => api_server,
            ComponentName::KubeControllerManager => controller_manager,
            ComponentName::KubeScheduler => scheduler,
        };
        Resources {
            requests: Amounts::from([
                (ResourceName::Cpu, Quantity::millis(cpu)),
                (ResourceName::Memory, Quantity::mebibytes(memory)),
            ]),
            limits: Amounts::from([(ResourceName::Memory, Quantity::mebibytes(limit))]),
        }
    }
}

impl Resources {
    /// These resources, with unset amounts taken from a size and adjusted to the set ones: a default request is at most
    /// the set limit, and a default limit is at least twice the set request. An amount of 0 removes the request or
    /// limit.
    #[must_use]
    pub fn over(&self, size: &Self) -> Self {
        let mut all = Self::default();
        for name in ResourceName::ALL {
            let (request, limit) = (self.requests.get(&name), self.limits.get(&name));
            let (its_request, its_limit) = (size.requests.get(&name), size.limits.get(&name));
            let requested = request.or(its_request).map(|amount| match limit {
                Some(limit) if request.is_none() && !limit.is_zero() && limit.milli() < amount.milli() => limit,
                Some(_) | None => amount,
            });
            let limited = limit.or(its_limit).cloned().map(|amount| match request {
                Some(request) if limit.is_none() && amount.milli() < request.milli().saturating_mul(2) => {
                    Quantity::bytes(request.whole().saturating_mul(2))
                }
                Some(_) | None => amount,
            });
            all.requests.extend(requested.filter(|amount| !amount.is_zero()).map(|amount| (name, amount.clone())));
            all.limits.extend(limited.filter(|amount| !amount.is_zero()).map(|amount| (name, amount)));
        }
        all
    }

    /// Refuses a request above its limit, as the API server does.
    pub fn check(&self, component: ComponentName) -> Result<(), Error> {
        for (name, request) in &self.requests {
            if let Some(limit) = self.limits.get(name).filter(|limit| !limit.is_zero())
                && limit.milli() < request.milli()
            {
                let rule = format!("it exceeds the limit of {component}, {limit}");
                return Err(Error::invalid(request_of(*name), request.as_str(), rule));
            }
        }
        Ok(())
    }
}

const fn request_of(name: ResourceName) -> &'static str {
    match name {
        ResourceName::Cpu => "cpu request",
        ResourceName::Memory => "memory request",
        ResourceName::EphemeralStorage => "ephemeral-storage request",
    }
}

/// Parses one amount. Fractions of a byte are refused: `500m` of memory is a typo for `500M`.
pub fn parse_amount(name: &str, text: &str) -> Result<(ResourceName, Quantity), Error> {
    let Some(known) = ResourceName::ALL.into_iter().find(|known| known.as_str() == name) else {
        return Err(Error::invalid("resource", name, "it must be cpu, memory or ephemeral-storage"));
    };
    let amount = Quantity::parse(text)?;
    if known != ResourceName::Cpu && !amount.milli().is_multiple_of(1000) {
        let rule = "it is a fraction of a byte; use Mi for mebibytes or M for megabytes";
        return Err(Error::invalid("quantity", text, rule));
    }
    Ok((known, amount))
}

/// Parses `COMPONENT=cpu=500m,memory=1Gi`.
pub fn parse_component_amounts(text: &str) -> Result<(ComponentName, Amounts), Error> {
    let form = "write it as COMPONENT=cpu=500m,memory=1Gi; COMPONENT is kube-apiserver, kube-controller-manager or kube-scheduler";
    let refuse = || Error::invalid("amount", text, form);
    let (component, rest) = text.split_once('=').ok_or_else(refuse)?;
    let component = ComponentName::ALL.into_iter().find(|known| known.as_str() == component).ok_or_else(refuse)?;
    let mut amounts = Amounts::new();
    for part in rest.split(',') {
        let (name, amount) = part.split_once('=').ok_or_else(refuse)?;
        let (name, amount) = parse_amount(name, amount)?;
        if amounts.insert(name, amount).is_some() {
            return Err(Error::invalid("amount", text, format!("{} is set twice", name.as_str())));
        }
    }
    Ok((component, amounts))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(resources: &Resources) -> String {
        let side = |amounts: &Amounts| {
            amounts.iter().map(|(name, amount)| format!("{}={amount}", name.as_str())).collect::<Vec<_>>().join(",")
        };
        format!("{} / {}", side(&resources.requests), side(&resources.limits))
    }

    fn over(requests: &str, limits: &str) -> String {
        let amounts = |text: &str| {
            parse_component_amounts(&format!("kube-apiserver={text}")).map(|(_, all)| all).unwrap_or_default()
        };
        let own = Resources { requests: amounts(requests), limits: amounts(limits) };
        let all = own.over(&Size::Small.of(ComponentName::KubeApiserver));
        all.check(ComponentName::KubeApiserver).map_or_else(|error| error.to_string(), |()| shown(&all))
    }

    #[test]
    fn every_size_limits_memory_above_its_request_and_exceeds_the_previous_size() {
        for component in ComponentName::ALL {
            let sizes = Size::ALL.map(|size| size.of(component));
            for resources in &sizes {
                resources.check(component).unwrap();
                assert!(resources.limits.contains_key(&ResourceName::Memory));
            }
            for pair in sizes.windows(2) {
                for name in [ResourceName::Cpu, ResourceName::Memory] {
                    assert!(pair[0].requests[&name].milli() < pair[1].requests[&name].milli(), "{component}");
                }
            }
        }
    }

    #[test]
    fn set_amounts_win_and_defaults_adjust_to_them() {
        assert_eq!(over("", ""), "cpu=50m,memory=256Mi / memory=1Gi");
        assert_eq!(over("cpu=1", "cpu=2,memory=2Gi"), "cpu=1,memory=256Mi / cpu=2,memory=2Gi");
        assert_eq!(over("memory=2Gi", ""), "cpu=50m,memory=2Gi / memory=4Gi");
        assert_eq!(over("", "memory=128Mi"), "cpu=50m,memory=128Mi / memory=128Mi");
        assert_eq!(over("cpu=0", "memory=0"), "memory=256Mi / ");
        assert_eq!(
            over("memory=2Gi", "memory=1Gi"),
            "memory request `2Gi` is not valid: it exceeds the limit of kube-apiserver, 1Gi"
        );
    }

    #[test]
    fn amounts_require_a_known_component_and_resource() {
        let (component, amounts) = parse_component_amounts("kube-scheduler=cpu=100m,memory=64Mi").unwrap();
        assert_eq!((component, amounts.len()), (ComponentName::KubeScheduler, 2));
        for bad in [
            "cpu=1",
            "kube-apiserver",
            "kube-apiserver=",
            "kube-apiserver=cpu",
            "kube-apiserver=cpu=",
            "etcd=cpu=1",
            "kube-apiserver=gpu=1",
            "kube-apiserver=cpu=1,cpu=2",
            "kube-apiserver=memory=512m",
            "kube-apiserver=memory=-1",
        ] {
            assert!(parse_component_amounts(bad).is_err(), "{bad}");
        }
    }
}
