//! Whether workers that joined still find the API server, under the name that they know and trust, once it is exposed in
//! another way or told to others by another name.

use std::net::IpAddr;

use serde_json::Value;

use super::exposure::{live_node_port, live_port};
use crate::model::{ControlPlaneSpec, Endpoint, Exposure, Host, San};
use crate::render::Address;

/// What is known of both sides of the change.
#[derive(Debug)]
pub struct EndpointChange<'a> {
    /// Where it is reached.
    pub recorded: &'a Address,
    /// How it is exposed.
    pub was: Exposure,
    /// How it would be exposed.
    pub becomes: Exposure,
    /// The Service that is there.
    pub service: &'a Value,
    /// The Service as it would become.
    pub preview: &'a Value,
    /// What would be asked for.
    pub spec: &'a ControlPlaneSpec,
    /// Where it would be reached, if that is known.
    pub address: Option<&'a Address>,
}

/// What the change means to workers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WorkerImpact {
    /// They notice nothing; there may be something to do before it begins.
    Unaffected {
        /// What is left to people; may be empty.
        note: String,
    },
    /// They are lost.
    Disconnected {
        /// Why.
        cause: String,
        /// What to do instead.
        remedy: String,
    },
}

impl EndpointChange<'_> {
    /// Decides.
    #[must_use]
    pub fn judge(&self) -> WorkerImpact {
        let old = &self.recorded.endpoint;
        if let Some(cause) = self.unserved(old) {
            let remedy = "keep the exposure; or give workers a name that you can lead elsewhere, and join them again with it: \
                          --endpoint NAME, which must lead here first";
            return WorkerImpact::Disconnected { cause, remedy: remedy.into() };
        }
        if !self.is_certified(&old.host) {
            let cause = format!("the certificate would not name {} any more, which workers connect to", old.host);
            return WorkerImpact::Disconnected {
                cause,
                remedy: format!("keep it in the certificate: --cert-san {}", old.host),
            };
        }
        let own = self.place_of(&old.host) == Place::Users;
        let moves = self.was != self.becomes || live_port(self.service) != live_port(self.preview);
        let mut notes = Vec::new();
        if live_port(self.service) != live_port(self.preview) {
            notes.push("nobody is answered until the new pods are ready".to_owned());
        }
        if own && moves {
            notes.push(format!("{old} must lead to the new address, which is yours to do"));
        }
        WorkerImpact::Unaffected { note: notes.join("; ") }
    }

    /// Why nobody would answer any more where workers connect to.
    fn unserved(&self, old: &Endpoint) -> Option<String> {
        let port = live_port(self.preview);
        let gone = |what: &str| Some(format!("workers connect to {old}, {what}"));
        match self.place_of(&old.host) {
            Place::Users => None,
            Place::ClusterIp if port == Some(old.port) => None,
            Place::ClusterIp => gone("and the Service would have another port"),
            Place::Balancer if self.becomes == Exposure::LoadBalancer && port == Some(old.port) => None,
            Place::Balancer if self.becomes == Exposure::LoadBalancer => {
                gone("and the Service would have another port")
            }
            Place::Balancer => gone("and the load balancer would go"),
            Place::Node if self.becomes != Exposure::ClusterIp && live_node_port(self.preview) == Some(old.port) => {
                None
            }
            Place::Node => gone("and that node port would go"),
        }
    }

    fn is_certified(&self, host: &Host) -> bool {
        let asked = self.spec.endpoint.as_ref().map(|endpoint| &endpoint.host);
        let san = San::from(host.clone());
        let known = || self.address.is_some_and(|address| address.sans().contains(&san));
        asked == Some(host) || self.spec.cert_sans.contains(&san) || known()
    }

    /// Whose the host is that workers connect to.
    fn place_of(&self, host: &Host) -> Place {
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
            return Place::Balancer;
        }
        match host {
            Host::Ip(ip) if ips("/spec/clusterIPs").contains(ip) => Place::ClusterIp,
            Host::Ip(ip) if self.was == Exposure::NodePort && self.recorded.also.contains(ip) => Place::Node,
            Host::Ip(_) | Host::Name(_) => Place::Users,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Balancer,
    ClusterIp,
    Node,
    /// A name or balancer before it, which is the user's.
    Users,
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
        Address { secure_port: endpoint.port, endpoint, advertise: Vec::new(), also: ips(&["10.0.0.9", "192.0.2.1"]) }
    }

    type Side<'a> = (Exposure, &'a Value);

    fn judged(
        endpoint: &str,
        (was, service): Side<'_>,
        (becomes, preview): Side<'_>,
        spec: &ControlPlaneSpec,
    ) -> String {
        let recorded = address(endpoint);
        match (EndpointChange { recorded: &recorded, was, becomes, service, preview, spec, address: None }).judge() {
            WorkerImpact::Unaffected { note } => format!("still {note}"),
            WorkerImpact::Disconnected { cause, remedy } => format!("lost {cause}; {remedy}"),
        }
    }

    #[test]
    fn a_node_port_stays_where_the_load_balancer_keeps_it_and_the_certificate_names_it() {
        let was = (Exposure::NodePort, &service(30443, Some(30443), &[]));
        let kept = service(6443, Some(30443), &[]);
        let judge = |becomes, preview: &Value, sans: &[&str]| {
            judged("192.0.2.1:30443", was, (becomes, preview), &spec(None, sans))
        };
        assert!(judge(Exposure::LoadBalancer, &kept, &["192.0.2.1"]).starts_with("still nobody is answered"));
        assert!(judge(Exposure::LoadBalancer, &kept, &[]).contains("--cert-san 192.0.2.1"));
        assert!(judge(Exposure::ClusterIp, &service(6443, None, &[]), &["192.0.2.1"]).contains("node port would go"));
    }

    #[test]
    fn the_address_of_a_load_balancer_goes_with_it() {
        let was = (Exposure::LoadBalancer, &service(6443, None, &["192.0.2.7"]));
        let judge =
            |becomes, preview: &Value| judged("192.0.2.7:6443", was, (becomes, preview), &spec(None, &["192.0.2.7"]));
        assert!(judge(Exposure::NodePort, &service(30443, Some(30443), &[])).contains("load balancer would go"));
        assert!(judge(Exposure::LoadBalancer, &service(443, None, &[])).contains("another port"));
        assert_eq!(judge(Exposure::LoadBalancer, &service(6443, None, &[])), "still ");
    }

    #[test]
    fn a_name_of_the_users_can_be_led_elsewhere() {
        let was = (Exposure::LoadBalancer, &service(6443, None, &["192.0.2.7"]));
        let becomes = (Exposure::NodePort, &service(30443, Some(30443), &[]));
        let named = judged("api.example.com:6443", was, becomes, &spec(Some("api.example.com:6443"), &[]));
        assert!(named.contains("api.example.com:6443 must lead to the new address"), "{named}");
        let renamed = judged("api.example.com:6443", was, was, &spec(Some("other.example.com:6443"), &[]));
        assert!(renamed.contains("--cert-san api.example.com"), "{renamed}");
    }
}
