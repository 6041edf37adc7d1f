//! kubeadm's `networking`: ranges that are ranges, of the right size, and apart from each other.
//!
//! The limits are kubeadm's (`ValidateNetworking`, constants.go of 1.37), except that a service range has room for
//! sixteen addresses, because the tenth is the DNS service's.

use ipnet::IpNet;

use super::node_ranges;
use crate::config::schema::findings::Findings;
use crate::config::schema::view::View;
use crate::model::{Networking, is_v6};
use crate::yaml::shown;

const DEFAULT_SERVICES: &str = "10.96.0.0/12";
const DEFAULT_DOMAIN: &str = "cluster.local";
/// A service range has at most this many bits for addresses, because the API server keeps one bitmap of them.
const SERVICE_BITS: u8 = 20;

/// Ranges that mean something else than an address of a pod or service.
const RESERVED: [(&str, &str); 9] = [
    ("0.0.0.0/8", "this network"),
    ("127.0.0.0/8", "loopback"),
    ("169.254.0.0/16", "link-local"),
    ("224.0.0.0/4", "multicast"),
    ("240.0.0.0/4", "reserved"),
    ("::1/128", "loopback"),
    ("::ffff:0:0/96", "mapped IPv4"),
    ("fe80::/10", "link-local"),
    ("ff00::/8", "multicast"),
];

/// Reads `networking`; a wrong value is reported and left out.
pub(crate) fn read(cluster: &View<'_>, findings: &mut Findings<'_>) -> Networking {
    let services = cluster.text("networking.serviceSubnet");
    let service_subnets = match &services {
        Some((view, text)) => ranges(view, text, findings),
        None => vec![DEFAULT_SERVICES.parse().expect("the default is a range")],
    };
    if let Some((view, _)) = &services {
        for net in &service_subnets {
            check_service_size(view, net, findings);
        }
    }
    let pods = cluster.text("networking.podSubnet");
    let pod_subnets = pods.as_ref().map(|(view, text)| ranges(view, text, findings)).unwrap_or_default();
    if let Some((view, _)) = &pods {
        node_ranges::check(view, &pod_subnets, cluster, findings);
        check_together(view, &pod_subnets, &service_subnets, findings);
    }
    Networking { service_subnets, pod_subnets, dns_domain: domain(cluster, findings) }
}

fn domain(cluster: &View<'_>, findings: &mut Findings<'_>) -> String {
    let Some((view, text)) = cluster.text("networking.dnsDomain") else { return DEFAULT_DOMAIN.to_owned() };
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if text.len() > 200 || !text.split('.').all(label) {
        let rule = "is not a DNS domain: use labels of lower-case letters, digits and `-`, at most 200 characters";
        findings.refuse(&view, format!("`{}` {rule}", shown(text)), format!("write {DEFAULT_DOMAIN}, for example"));
    }
    text.to_owned()
}

fn ranges(view: &View<'_>, text: &str, findings: &mut Findings<'_>) -> Vec<IpNet> {
    let mut nets: Vec<IpNet> = Vec::new();
    for part in text.split(',') {
        match part.parse::<IpNet>() {
            Ok(net) if net.trunc() == net => nets.push(net),
            Ok(net) => {
                let text = format!("`{net}` has bits set behind its mask");
                findings.refuse(view, text, format!("write {}", net.trunc()));
            }
            Err(_) => {
                let remedy = "write it as 10.244.0.0/16, or two ranges with only a comma between";
                findings.refuse(view, format!("`{}` is not a range of addresses", shown(part)), remedy);
            }
        }
    }
    let families: Vec<bool> = nets.iter().map(is_v6).collect();
    if nets.len() > 2 || (nets.len() == 2 && families[0] == families[1]) {
        findings.refuse(view, "more than one range of one family", "write one range, or one IPv4 and one IPv6 range");
    }
    nets.truncate(2);
    for net in &nets {
        let reserved = RESERVED.iter().find(|(range, _)| range.parse().is_ok_and(|range: IpNet| overlap(net, &range)));
        if let Some((range, what)) = reserved {
            findings.refuse(view, format!("`{net}` overlaps with {range}, which is {what}"), "choose a private range");
        }
    }
    nets
}

fn check_service_size(view: &View<'_>, net: &IpNet, findings: &mut Findings<'_>) {
    let bits = net.max_prefix_len() - net.prefix_len();
    if bits > SERVICE_BITS {
        let longest = net.max_prefix_len() - SERVICE_BITS;
        findings.refuse(
            view,
            format!("`{net}` is too large for services"),
            format!("use a mask of /{longest} or longer"),
        );
    }
    if bits < 4 {
        let shortest = net.max_prefix_len() - 4;
        let remedy = format!("use a mask of /{shortest} or shorter");
        findings.refuse(view, format!("`{net}` has fewer than 16 addresses"), remedy);
    }
}

fn check_together(view: &View<'_>, pods: &[IpNet], services: &[IpNet], findings: &mut Findings<'_>) {
    for pod in pods {
        for service in services.iter().filter(|service| overlap(pod, service)) {
            let text = format!("the pod range `{pod}` and the service range `{service}` overlap");
            findings.refuse(view, text, "choose two ranges that have no address in common");
        }
    }
    if let (Some(pod), Some(service)) = (pods.first(), services.first())
        && is_v6(pod) != is_v6(service)
    {
        let text =
            format!("the first pod range `{pod}` and the first service range `{service}` are of different families");
        findings.refuse(view, text, "write the ranges of pods and services in the same order");
    }
}

fn overlap(left: &IpNet, right: &IpNet) -> bool {
    left.contains(right) || right.contains(left)
}
