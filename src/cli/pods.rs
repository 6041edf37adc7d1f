//! The flags about the pods of a control plane, and what they change in the wish.

use clap::{Args, ValueEnum};

use crate::model::{
    Amounts, ComponentName, Error, PodSettings, Size, Toleration, parse_component_amounts, parse_node_selector,
    parse_priority_class, parse_pull_secret, parse_toleration,
};

const HEADING: &str = "Pods of the control plane";

/// What describes the pods.
#[derive(Debug, Clone, Default, Args)]
pub struct PodArgs {
    /// Give the containers this much CPU and memory; those of a new control plane have `small`
    #[arg(help_heading = HEADING, long, value_enum, value_name = "SIZE")]
    pub size: Option<SizeArg>,
    /// Request this much for a component instead, such as kube-apiserver=cpu=500m,memory=1Gi; 0 is nothing (can be repeated)
    #[arg(help_heading = HEADING, long, value_name = "COMPONENT=cpu=N,memory=N", value_parser = parse_component_amounts)]
    pub requests: Vec<(ComponentName, Amounts)>,
    /// Limit a component to this much instead; 0 is no limit (can be repeated)
    #[arg(help_heading = HEADING, long, value_name = "COMPONENT=cpu=N,memory=N", value_parser = parse_component_amounts)]
    pub limits: Vec<(ComponentName, Amounts)>,
    /// Pull images with this Secret of the namespace (can be repeated)
    #[arg(help_heading = HEADING, long = "image-pull-secret", value_name = "NAME", value_parser = parse_pull_secret)]
    pub image_pull_secrets: Vec<String>,
    /// Run on nodes with this taint too, as kubectl taint writes it; without a value, any (can be repeated)
    #[arg(help_heading = HEADING, long = "toleration", value_name = "KEY[=VALUE]:EFFECT", value_parser = parse_toleration)]
    pub tolerations: Vec<Toleration>,
    /// Run only on nodes with this label (can be repeated)
    #[arg(help_heading = HEADING, long = "node-selector", value_name = "KEY=VALUE", value_parser = parse_node_selector)]
    pub node_selector: Vec<(String, String)>,
    /// Let this priority class say who goes first when nodes are full
    #[arg(help_heading = HEADING, long, value_name = "NAME", value_parser = parse_priority_class)]
    pub priority_class: Option<String>,
    /// Allow a priority class of Kubernetes' own (system-...), before which even parts of the management cluster give way
    #[arg(help_heading = HEADING, long, requires = "priority_class")]
    pub allow_system_priority: bool,
}

/// A size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SizeArg {
    /// Some dozen nodes and some hundred pods
    Small,
    /// Up to about a hundred nodes and some thousand pods
    Medium,
    /// Some hundred nodes
    Large,
}

impl From<SizeArg> for Size {
    fn from(size: SizeArg) -> Self {
        match size {
            SizeArg::Small => Self::Small,
            SizeArg::Medium => Self::Medium,
            SizeArg::Large => Self::Large,
        }
    }
}

impl PodArgs {
    /// Lays what was typed over what a file says.
    pub fn apply(&self, pods: &mut PodSettings) -> Result<(), Error> {
        if let Some(size) = self.size {
            pods.size = size.into();
        }
        for (component, amounts) in &self.requests {
            pods.resources.entry(*component).or_default().requests.extend(amounts.clone());
        }
        for (component, amounts) in &self.limits {
            pods.resources.entry(*component).or_default().limits.extend(amounts.clone());
        }
        for secret in &self.image_pull_secrets {
            if !pods.image_pull_secrets.contains(secret) {
                pods.image_pull_secrets.push(secret.clone());
            }
        }
        for toleration in &self.tolerations {
            if !pods.tolerations.contains(toleration) {
                pods.tolerations.push(toleration.clone());
            }
        }
        for (index, (key, value)) in self.node_selector.iter().enumerate() {
            if self.node_selector[..index].iter().any(|(other, than)| other == key && than != value) {
                let rule = "the same key is given with another value, and no node has both";
                return Err(Error::invalid("node selector", &format!("{key}={value}"), rule));
            }
            pods.node_selector.insert(key.clone(), value.clone());
        }
        if let Some(class) = &self.priority_class {
            if class.starts_with("system-") && !self.allow_system_priority {
                let rule = "pods of tenants would push out parts of the management cluster; make a class of your own, or \
                            add --allow-system-priority";
                return Err(Error::invalid("priority class", class, rule));
            }
            pods.priority_class = Some(class.clone());
        }
        pods.check()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ResourceName;

    fn amounts(text: &str) -> (ComponentName, Amounts) {
        parse_component_amounts(text).unwrap()
    }

    #[test]
    fn what_is_typed_wins_over_what_a_file_says() {
        let args = PodArgs {
            size: Some(SizeArg::Medium),
            requests: vec![amounts("kube-scheduler=cpu=1"), amounts("kube-scheduler=memory=64Mi")],
            node_selector: vec![("pool".into(), "b".into())],
            tolerations: vec![parse_toleration("a:NoSchedule").unwrap()],
            ..Default::default()
        };
        let mut pods = PodSettings { tolerations: args.tolerations.clone(), ..Default::default() };
        pods.node_selector.insert("pool".into(), "a".into());
        args.apply(&mut pods).unwrap();
        assert_eq!((pods.size, pods.tolerations.len(), pods.node_selector["pool"].as_str()), (Size::Medium, 1, "b"));
        let scheduler = pods.resources_of(ComponentName::KubeScheduler);
        assert_eq!(scheduler.requests[&ResourceName::Cpu].as_str(), "1");
        assert_eq!(scheduler.requests[&ResourceName::Memory].as_str(), "64Mi");
        assert_eq!(scheduler.limits[&ResourceName::Memory].as_str(), "512Mi");
    }

    #[test]
    fn contradictions_are_refused() {
        let class = |name: &str, allow_system_priority| PodArgs {
            priority_class: Some(name.into()),
            allow_system_priority,
            ..Default::default()
        };
        let selector = [("pool", "a"), ("pool", "b")].map(|(key, value)| (key.to_owned(), value.to_owned()));
        let over = PodArgs {
            requests: vec![amounts("kube-apiserver=memory=2Gi")],
            limits: vec![amounts("kube-apiserver=memory=1Gi")],
            ..Default::default()
        };
        for bad in [
            class("system-node-critical", false),
            PodArgs { node_selector: selector.into(), ..Default::default() },
            over,
        ] {
            assert!(bad.apply(&mut PodSettings::default()).is_err(), "{bad:?}");
        }
        for good in [class("system-node-critical", true), class("tenants", false)] {
            good.apply(&mut PodSettings::default()).unwrap();
        }
    }
}
