//! The ranges that nodes get out of the pod ranges: kube-controller-manager cuts them, as its arguments say. What it
//! would not start with is refused here.

use ipnet::IpNet;

use crate::config::components::args;
use crate::config::components::args::Entry;
use crate::config::components::target::Target;
use crate::config::schema::findings::Findings;
use crate::config::schema::view::View;
use crate::model::is_v6;

/// The controller manager's bitmap of node ranges: a pod range holds at most 2^16 of them.
const NODE_RANGE_BITS: u8 = 16;

const MASK: &str = "node-cidr-mask-size";
const MASK_V4: &str = "node-cidr-mask-size-ipv4";
const MASK_V6: &str = "node-cidr-mask-size-ipv6";

/// Checks the size of each pod range, and that the sizes of node ranges are given for families that there are.
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
    /// The last one counts, as with kubeadm.
    fn entry(&self, name: &str) -> Option<&Entry<'_>> {
        let named = |entry: &&Entry<'_>| entry.pair().is_some_and(|(given, _)| given == name);
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
            let text = format!("`{MASK}` cannot say the sizes of two families");
            entry.refuse(text, &format!("write {MASK_V4} and {MASK_V6}"), findings);
        }
        for (name, v6, family) in by_family {
            let Some(entry) = self.entry(name) else { continue };
            if !pods.iter().any(|net| is_v6(net) == v6) {
                entry.refuse(format!("`{name}`: there is no {family} range of pods"), "remove it", findings);
            } else if !both && self.entry(MASK).is_some() {
                entry.refuse(format!("`{name}` cannot stand beside `{MASK}`"), "keep one of the two", findings);
            }
        }
    }

    fn check_size(&self, view: &View<'_>, net: &IpNet, findings: &mut Findings<'_>) {
        let node_mask = self.node_mask(is_v6(net));
        if net.prefix_len() > node_mask {
            let text = format!("`{net}` is smaller than the range of one node, which is a /{node_mask}");
            let name = if is_v6(net) { MASK_V6 } else { MASK_V4 };
            findings.refuse(view, text, format!("use a larger range, or set {name} in controllerManager.extraArgs"));
        } else if node_mask - net.prefix_len() > NODE_RANGE_BITS {
            let text = format!("`{net}` holds more than 65536 ranges of nodes, which are /{node_mask}");
            findings.refuse(view, text, format!("use a mask of /{} or longer", node_mask - NODE_RANGE_BITS));
        }
    }

    fn node_mask(&self, v6: bool) -> u8 {
        let (name, default) = if v6 { (MASK_V6, 64) } else { (MASK_V4, 24) };
        let given = self.value(name).or_else(|| self.value(MASK));
        given.and_then(|text| text.parse().ok()).unwrap_or(default)
    }
}
