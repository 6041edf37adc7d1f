//! Checks the node CIDRs that kube-controller-manager allocates from the pod CIDRs, as its arguments configure. Reports
//! settings with which it would not start.

use ipnet::IpNet;

use crate::config::components::args::{self, Entry};
use crate::config::components::target::Target;
use crate::config::schema::findings::Findings;
use crate::config::schema::view::View;
use crate::model::is_v6;

/// A pod CIDR contains at most 2^16 node CIDRs, the size of the controller manager's bitmap.
const MAX_NODE_BITS: u8 = 16;

const MASK: &str = "node-cidr-mask-size";
const MASK_V4: &str = "node-cidr-mask-size-ipv4";
const MASK_V6: &str = "node-cidr-mask-size-ipv6";

/// Checks the size of each pod CIDR, and that node mask sizes are set only for families that the pod CIDRs have.
pub(crate) fn check(view: &View<'_>, pods: &[IpNet], cluster: &View<'_>, findings: &mut Findings<'_>) {
    let manager = cluster.at(Target::ControllerManager.path());
    let entries = manager.as_ref().map(args::entries).unwrap_or_default();
    let arguments = Arguments(&entries);
    if pods.is_empty() || arguments.value("allocate-node-cidrs") == Some("false") {
        return;
    }
    arguments.check(pods, findings);
    for net in pods {
        arguments.check_size(view, net, findings);
    }
}

/// The arguments of the controller manager.
struct Arguments<'a>(&'a [Entry<'a>]);

impl Arguments<'_> {
    /// The last entry of this name wins, as in kubeadm.
    fn entry(&self, name: &str) -> Option<&Entry<'_>> {
        let named = |entry: &&Entry<'_>| entry.pair().is_some_and(|(entry, _)| entry == name);
        self.0.iter().rev().find(named)
    }

    fn value(&self, name: &str) -> Option<&str> {
        self.entry(name)?.pair().map(|(_, value)| value).filter(|value| !value.is_empty())
    }

    /// The rules of `setNodeCIDRMaskSizes` in `cmd/kube-controller-manager/app/core.go`.
    fn check(&self, pods: &[IpNet], findings: &mut Findings<'_>) {
        let both = pods.iter().any(is_v6) && !pods.iter().all(is_v6);
        let by_family = [(MASK_V4, false, "IPv4"), (MASK_V6, true, "IPv6")];
        if both && let Some(entry) = self.entry(MASK) {
            let text = format!("`{MASK}` cannot be used with CIDRs of two IP families");
            entry.refuse(text, &format!("use {MASK_V4} and {MASK_V6}"), findings);
        }
        for (name, v6, family) in by_family {
            let Some(entry) = self.entry(name) else { continue };
            if !pods.iter().any(|net| is_v6(net) == v6) {
                entry.refuse(format!("`{name}` is set, but there is no {family} pod CIDR"), "remove it", findings);
            } else if !both && self.entry(MASK).is_some() {
                entry.refuse(
                    format!("`{name}` and `{MASK}` are mutually exclusive"),
                    "remove one of the two",
                    findings,
                );
            }
        }
    }

    fn check_size(&self, view: &View<'_>, net: &IpNet, findings: &mut Findings<'_>) {
        let node_mask = self.node_mask(is_v6(net));
        if net.prefix_len() > node_mask {
            let text = format!("`{net}` is smaller than the CIDR of one node, a /{node_mask}");
            let name = if is_v6(net) { MASK_V6 } else { MASK_V4 };
            findings.refuse(view, text, format!("use a larger CIDR, or set {name} in controllerManager.extraArgs"));
        } else if node_mask - net.prefix_len() > MAX_NODE_BITS {
            let text = format!("`{net}` contains more than 65536 node CIDRs of /{node_mask}");
            findings.refuse(view, text, format!("use a prefix of /{} or longer", node_mask - MAX_NODE_BITS));
        }
    }

    fn node_mask(&self, v6: bool) -> u8 {
        let (name, default) = if v6 { (MASK_V6, 64) } else { (MASK_V4, 24) };
        let value = self.value(name).or_else(|| self.value(MASK));
        value.and_then(|text| text.parse().ok()).unwrap_or(default)
    }
}
