//! How much CPU and memory the containers of a control plane get: sizes, and what is said otherwise.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::model::{Error, Quantity};

/// A component of a control plane, which is a container of its pods.
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
    /// All of them, in the order of the pod's containers.
    pub const ALL: [Self; 3] = [Self::KubeApiserver, Self::KubeControllerManager, Self::KubeScheduler];

    /// The name of the container and of the program.
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

/// What a container asks for or is limited to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ResourceName {
    /// Processors.
    Cpu,
    /// Bytes of memory.
    Memory,
    /// Bytes of the node's disk, for logs.
    EphemeralStorage,
}

impl ResourceName {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Cpu, Self::Memory, Self::EphemeralStorage];

    /// Kubernetes' name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::EphemeralStorage => "ephemeral-storage",
        }
    }
}

/// Amounts by what they are of.
pub type Amounts = BTreeMap<ResourceName, Quantity>;

/// Requests and limits of one container.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Resources {
    /// What the scheduler reserves.
    pub requests: Amounts,
    /// What the container never gets more of.
    pub limits: Amounts,
}

/// A set of requests and limits for the whole control plane.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Size {
    /// Some dozen nodes and some hundred pods.
    #[default]
    Small,
    /// Up to about a hundred nodes and some thousand pods.
    Medium,
    /// Some hundred nodes and more.
    Large,
}

/// CPU request in thousandths, memory request and memory limit in MiB, in the order of [`ComponentName::ALL`]. No CPU
/// limit: a throttled API server answers nobody in time, and CPU that nobody else wants is free.
const fn figures(size: Size) -> [(u32, u32, u32); 3] {
    match size {
        Size::Small => [(50, 256, 1024), (25, 64, 256), (10, 32, 192)],
        Size::Medium => [(250, 1024, 4096), (100, 256, 1024), (50, 128, 512)],
        Size::Large => [(1000, 4096, 16384), (300, 1024, 4096), (200, 512, 2048)],
    }
}

impl Size {
    /// All of them, the smallest first.
    pub const ALL: [Self; 3] = [Self::Small, Self::Medium, Self::Large];

    /// The name as it is typed.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Small => "small",
            Self::Medium => "medium",
            Self::Large => "large",
        }
    }

    /// Requests and limits of one component.
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
    /// These over those of a size. What is not said follows what is: a request is never more than a limit that was
    /// given, and a limit is at least twice a request that was given. An amount of 0 takes the request or limit away.
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

    /// Refuses a request above its limit, as the API server would.
    pub fn check(&self, component: ComponentName) -> Result<(), Error> {
        for (name, request) in &self.requests {
            if let Some(limit) = self.limits.get(name).filter(|limit| !limit.is_zero())
                && limit.milli() < request.milli()
            {
                let rule = format!("{component} has a limit of {limit}, and a request is never more than the limit");
                return Err(Error::invalid(request_of(*name), request.as_str(), rule));
            }
        }
        Ok(())
    }
}

const fn request_of(name: ResourceName) -> &'static str {
    match name {
        ResourceName::Cpu => "request of cpu",
        ResourceName::Memory => "request of memory",
        ResourceName::EphemeralStorage => "request of ephemeral-storage",
    }
}

/// Reads one amount; memory of less than a byte is a slip.
pub fn parse_amount(name: &str, text: &str) -> Result<(ResourceName, Quantity), Error> {
    let Some(known) = ResourceName::ALL.into_iter().find(|known| known.as_str() == name) else {
        return Err(Error::invalid("resource", name, "write cpu, memory or ephemeral-storage"));
    };
    let amount = Quantity::parse(text)?;
    if known != ResourceName::Cpu && !amount.milli().is_multiple_of(1000) {
        let rule = "it is a fraction of a byte; Mi stands for mebibytes, M for megabytes";
        return Err(Error::invalid("quantity", text, rule));
    }
    Ok((known, amount))
}

/// Reads `COMPONENT=cpu=500m,memory=1Gi`.
pub fn parse_component_amounts(text: &str) -> Result<(ComponentName, Amounts), Error> {
    let form =
        "write it as COMPONENT=cpu=500m,memory=1Gi with kube-apiserver, kube-controller-manager or kube-scheduler";
    let refuse = || Error::invalid("amount", text, form);
    let (component, rest) = text.split_once('=').ok_or_else(refuse)?;
    let component = ComponentName::ALL.into_iter().find(|known| known.as_str() == component).ok_or_else(refuse)?;
    let mut amounts = Amounts::new();
    for part in rest.split(',') {
        let (name, amount) = part.split_once('=').ok_or_else(refuse)?;
        let (name, amount) = parse_amount(name, amount)?;
        if amounts.insert(name, amount).is_some() {
            return Err(Error::invalid("amount", text, format!("{} is given twice", name.as_str())));
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
        let given = Resources { requests: amounts(requests), limits: amounts(limits) };
        let all = given.over(&Size::Small.of(ComponentName::KubeApiserver));
        all.check(ComponentName::KubeApiserver).map_or_else(|error| error.to_string(), |()| shown(&all))
    }

    #[test]
    fn every_size_limits_memory_above_its_request_and_is_larger_than_the_one_before() {
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
    fn what_is_said_wins_and_what_is_not_said_follows_it() {
        assert_eq!(over("", ""), "cpu=50m,memory=256Mi / memory=1Gi");
        assert_eq!(over("cpu=1", "cpu=2,memory=2Gi"), "cpu=1,memory=256Mi / cpu=2,memory=2Gi");
        assert_eq!(over("memory=2Gi", ""), "cpu=50m,memory=2Gi / memory=4Gi");
        assert_eq!(over("", "memory=128Mi"), "cpu=50m,memory=128Mi / memory=128Mi");
        assert_eq!(over("cpu=0", "memory=0"), "memory=256Mi / ");
        assert_eq!(
            over("memory=2Gi", "memory=1Gi"),
            "request of memory `2Gi` is not valid: kube-apiserver has a limit of 1Gi, and a request is never more than the limit"
        );
    }

    #[test]
    fn amounts_name_a_component_and_known_resources() {
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
