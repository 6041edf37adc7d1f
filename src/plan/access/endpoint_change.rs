//! Decides whether joined workers can still reach and trust the API server after a change of exposure or endpoint.

use std::net::IpAddr;

use serde_json::Value;

use super::exposure::{live_node_port, live_port};
use crate::model::{ControlPlaneSpec, Endpoint, Exposure, Host, San};
use crate::render::Address;

/// The exposure and endpoint before and after the change.
#[derive(Debug)]
pub struct EndpointChange<'a> {
    /// The recorded address.
    pub recorded: &'a Address,
    /// The current exposure.
    pub from: Exposure,
    /// The new exposure.
    pub to: Exposure,
    /// The live Service.
    pub service: &'a Value,
    /// The Service after the change, from a server-side dry run.
    pub preview: &'a Value,
    /// The new spec.
    pub spec: &'a ControlPlaneSpec,
    /// The new address, if it is known.
    pub address: Option<&'a Address>,
}

/// The effect of the change on workers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WorkerImpact {
    /// Workers stay connected.
    Unaffected {
        /// What the user has to do or expect; may be empty.
        note: String,
    },
    /// Workers lose the API server.
    Disconnected {
        /// The reason.
        cause: String,
        /// A hint for the user.
        remedy: String,
    },
}

impl EndpointChange<'_> {
    /// Decides how the change affects workers.
    #[must_use]
    pub fn impact(&self) -> WorkerImpact {
        let old = &self.recorded.endpoint;
        if let Some(cause) = self.lost_endpoint(old) {
            let remedy = "keep the exposure; or set --endpoint to a DNS name that you control, join the workers again, \
                          and then change the exposure";
            return WorkerImpact::Disconnected { cause, remedy: remedy.into() };
        }
        if !self.is_certified(&old.host) {
            let cause = format!("workers connect to {}, which the new certificate would not contain", old.host);
            return WorkerImpact::Disconnected {
                cause,
                remedy: format!("keep it in the certificate: --cert-san {}", old.host),
            };
        }
        let user_provided = self.provider_of(&old.host) == EndpointProvider::User;
        let moves = self.from != self.to || live_port(self.service) != live_port(self.preview);
        let mut notes = Vec::new();
        if live_port(self.service) != live_port(self.preview) {
            notes.push("the API server is unavailable until the new pods are ready".to_owned());
        }
        if user_provided && moves {
            notes.push(format!("make {old} point to the new address yourself"));
        }
        WorkerImpact::Unaffected { note: notes.join("; ") }
    }

    /// Why the endpoint that workers use would stop working, if it would.
    fn lost_endpoint(&self, old: &Endpoint) -> Option<String> {
        let port = live_port(self.preview);
        let lost = |why: &str| Some(format!("workers connect to {old}, but {why}"));
        match self.provider_of(&old.host) {
            EndpointProvider::User => None,
            EndpointProvider::ClusterIp if port == Some(old.port) => None,
            EndpointProvider::ClusterIp => lost("the port of the Service would change"),
            EndpointProvider::LoadBalancer if self.to == Exposure::LoadBalancer && port == Some(old.port) => None,
            EndpointProvider::LoadBalancer if self.to == Exposure::LoadBalancer => {
                lost("the port of the Service would change")
            }
            EndpointProvider::LoadBalancer => lost("the load balancer would be removed"),
            EndpointProvider::Node
                if self.to != Exposure::ClusterIp && live_node_port(self.preview) == Some(old.port) =>
            {
                None
            }
            EndpointProvider::Node => lost("this node port would be removed"),
        }
    }

    fn is_certified(&self, host: &Host) -> bool {
        let requested = self.spec.endpoint.as_ref().map(|endpoint| &endpoint.host);
        let san = San::from(host.clone());
        let known = || self.address.is_some_and(|address| address.sans().contains(&san));
        requested == Some(host) || self.spec.cert_sans.contains(&san) || known()
    }

    /// What provides the host that workers connect to.
    fn provider_of(&self, host: &Host) -> EndpointProvider {
        let ips = |pointer: &str| -> Vec<IpAddr> {
            let list = self.service.pointer(pointer).and_then(Value::as_array).into_iter().flatten();
            list.filter_map(|ip| ip.as_str()?.parse().ok()).collect()
        };
        let ingress = self.service.pointer("/status/loadBalancer/ingress").and_then(Value::as_array);
        let balanced = |entry: &Value| match host {
            Host::Ip(ip) => entry["ip"] == ip.to_string(),
            Host::Name(name) => entry["hostname"] == name.as_str(),
        };
        if ingress.is_some_and(|entries| entries.iter().any(balanced)) {
            return EndpointProvider::LoadBalancer;
        }
        match host {
            Host::Ip(ip) if ips("/spec/clusterIPs").contains(ip) => EndpointProvider::ClusterIp,
            Host::Ip(ip) if self.from == Exposure::NodePort && self.recorded.extra_ips.contains(ip) => {
                EndpointProvider::Node
            }
            Host::Ip(_) | Host::Name(_) => EndpointProvider::User,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum EndpointProvider {
    LoadBalancer,
    ClusterIp,
    Node,
    /// The user: a DNS name, proxy or load balancer of their own.
    User,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config::{self, Settings, Source};
    use crate::model::{ControlPlaneName, DatastoreName, Namespace};

    fn spec(endpoint: Option<&str>, sans: &[&str]) -> ControlPlaneSpec {
        let text = "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nkubernetesVersion: v1.37.2\n";
        let settings = Settings::new(
            ControlPlaneName::parse("a").unwrap(),
            Namespace::parse("a").unwrap(),
            DatastoreName::parse("default").unwrap(),
        );
        let spec = config::load(&Source { name: "a", text }, settings).unwrap().spec;
        ControlPlaneSpec {
            endpoint: endpoint.map(|text| Endpoint::parse(text, 0).unwrap()),
            cert_sans: sans.iter().map(|text| San::parse(text).unwrap()).collect(),
            ..spec
        }
    }

    fn service(port: u16, node_port: Option<u16>, ingress: &[&str]) -> Value {
        let ingress: Vec<Value> = ingress.iter().map(|ip| json!({"ip": ip})).collect();
        json!({"spec": {"clusterIPs": ["10.0.0.9"], "ports": [{"name": "kube-apiserver", "port": port, "nodePort": node_port}]},
               "status": {"loadBalancer": {"ingress": ingress}}})
    }

    fn address(endpoint: &str) -> Address {
        let endpoint = Endpoint::parse(endpoint, 0).unwrap();
        let ips = |list: &[&str]| list.iter().map(|ip| ip.parse().unwrap()).collect();
        Address {
            secure_port: endpoint.port,
            endpoint,
            advertise: Vec::new(),
            extra_ips: ips(&["10.0.0.9", "192.0.2.1"]),
        }
    }

    type Side<'a> = (Exposure, &'a Value);

    fn impact_of(
        endpoint: &str,
        (from, service): Side<'_>,
        (to, preview): Side<'_>,
        spec: &ControlPlaneSpec,
    ) -> String {
        let recorded = address(endpoint);
        match (EndpointChange { recorded: &recorded, from, to, service, preview, spec, address: None }).impact() {
            WorkerImpact::Unaffected { note } => format!("unaffected: {note}"),
            WorkerImpact::Disconnected { cause, remedy } => format!("disconnected: {cause}; {remedy}"),
        }
    }

    #[test]
    fn workers_on_a_node_port_need_the_port_and_the_node_in_the_certificate() {
        let from = (Exposure::NodePort, &service(30443, Some(30443), &[]));
        let kept = service(6443, Some(30443), &[]);
        let impact =
            |to, preview: &Value, sans: &[&str]| impact_of("192.0.2.1:30443", from, (to, preview), &spec(None, sans));
        assert!(
            impact(Exposure::LoadBalancer, &kept, &["192.0.2.1"])
                .starts_with("unaffected: the API server is unavailable")
        );
        assert!(impact(Exposure::LoadBalancer, &kept, &[]).contains("--cert-san 192.0.2.1"));
        assert!(
            impact(Exposure::ClusterIp, &service(6443, None, &[]), &["192.0.2.1"])
                .contains("node port would be removed")
        );
    }

    #[test]
    fn removing_the_load_balancer_disconnects_workers_that_use_its_address() {
        let from = (Exposure::LoadBalancer, &service(6443, None, &["192.0.2.7"]));
        let impact =
            |to, preview: &Value| impact_of("192.0.2.7:6443", from, (to, preview), &spec(None, &["192.0.2.7"]));
        assert!(
            impact(Exposure::NodePort, &service(30443, Some(30443), &[])).contains("load balancer would be removed")
        );
        assert!(impact(Exposure::LoadBalancer, &service(443, None, &[])).contains("port of the Service would change"));
        assert_eq!(impact(Exposure::LoadBalancer, &service(6443, None, &[])), "unaffected: ");
    }

    #[test]
    fn a_dns_name_of_the_user_can_point_to_the_new_address() {
        let from = (Exposure::LoadBalancer, &service(6443, None, &["192.0.2.7"]));
        let to = (Exposure::NodePort, &service(30443, Some(30443), &[]));
        let named = impact_of("api.example.com:6443", from, to, &spec(Some("api.example.com:6443"), &[]));
        assert!(named.contains("make api.example.com:6443 point to the new address"), "{named}");
        let renamed = impact_of("api.example.com:6443", from, from, &spec(Some("other.example.com:6443"), &[]));
        assert!(renamed.contains("--cert-san api.example.com"), "{renamed}");
    }
}
