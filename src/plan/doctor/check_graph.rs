//! The links of the chain, on which others each one hangs, and what is left of many findings: the first broken link, and
//! what follows from it.

use std::time::Duration;

use serde::Serialize;

/// One link. The order is the order in which they are told and mended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LinkName {
    /// The kubeconfig can be used.
    Kubeconfig,
    /// The management cluster's API answers.
    ManagementApi,
    /// This machine's clock goes with the server's.
    Clock,
    /// kamaji may do what it does.
    Rights,
    /// Volumes for a datastore can be had.
    StorageClass,
    /// The namespace is there.
    Namespace,
    /// The namespace has room.
    Quota,
    /// The datastore answers, and is fit to be shared.
    Datastore,
    /// Nobody is in the datastore without a control plane, and the other way round.
    Tenancies,
    /// The record can be read, and nothing is half done.
    Record,
    /// Nobody holds the lock.
    Lock,
    /// The datastore knows this control plane.
    Tenancy,
    /// Secrets and `ConfigMap`s are there, and as they were asked for.
    Objects,
    /// Certificates do not end soon.
    Certificates,
    /// The pods run.
    Pods,
    /// The Service leads to them.
    Service,
    /// The endpoint's name resolves.
    Dns,
    /// The API server answers.
    ApiServer,
    /// It answers at its endpoint, with the right certificate.
    Endpoint,
    /// An authorised request with admin.conf.
    AdminConf,
    /// What `kubeadm join` reads.
    Join,
    /// Bootstrap tokens.
    Tokens,
    /// Where the tenant's pods find the API server.
    KubernetesService,
    /// Webhooks that would block.
    Webhooks,
    /// Workers are Ready.
    Nodes,
    /// Kubelets of a version that goes with the API server's.
    VersionSkew,
    /// The clocks of workers.
    NodeClocks,
    /// `CoreDNS` and kube-proxy.
    Addons,
    /// Files and inotify watches of nodes.
    Limits,
}

impl LinkName {
    /// The name as it is told.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Kubeconfig => "kubeconfig",
            Self::ManagementApi => "management-api",
            Self::Clock => "clock",
            Self::Rights => "rights",
            Self::StorageClass => "storage-class",
            Self::Namespace => "namespace",
            Self::Quota => "quota",
            Self::Datastore => "datastore",
            Self::Tenancies => "tenancies",
            Self::Record => "record",
            Self::Lock => "lock",
            Self::Tenancy => "tenancy",
            Self::Objects => "objects",
            Self::Pods => "pods",
            Self::Service => "service",
            Self::Dns => "dns",
            Self::ApiServer => "api-server",
            Self::Endpoint => "endpoint",
            Self::AdminConf => "admin-conf",
            Self::Certificates => "certificates",
            Self::Join => "join",
            Self::Tokens => "tokens",
            Self::KubernetesService => "kubernetes-service",
            Self::Webhooks => "webhooks",
            Self::Nodes => "nodes",
            Self::VersionSkew => "version-skew",
            Self::NodeClocks => "node-clocks",
            Self::Addons => "addons",
            Self::Limits => "limits",
        }
    }

    /// The links that must hold for this one to hold. Each is earlier in the order.
    const fn hangs_on(self) -> &'static [Self] {
        match self {
            Self::Kubeconfig => &[],
            Self::ManagementApi => &[Self::Kubeconfig],
            Self::Clock | Self::Rights | Self::StorageClass | Self::Namespace | Self::Datastore | Self::Limits => {
                &[Self::ManagementApi]
            }
            Self::Quota => &[Self::Namespace],
            Self::Tenancies => &[Self::Datastore],
            // A creation that is not finished may wait for any of these.
            Self::Record => &[Self::Namespace, Self::Quota, Self::Datastore],
            Self::Lock | Self::Dns | Self::Objects | Self::Service => &[Self::Record],
            Self::Tenancy => &[Self::Datastore, Self::Record],
            Self::Pods => &[Self::Quota, Self::Datastore, Self::Tenancy, Self::Objects, Self::Certificates],
            Self::ApiServer => &[Self::Pods],
            Self::Endpoint => &[Self::Service, Self::Dns, Self::ApiServer],
            Self::AdminConf => &[Self::Objects, Self::ApiServer],
            Self::Certificates => &[Self::Objects],
            Self::Join | Self::Webhooks | Self::KubernetesService | Self::Nodes => &[Self::ApiServer],
            Self::Tokens => &[Self::Join],
            Self::VersionSkew | Self::NodeClocks | Self::Addons => &[Self::Nodes],
        }
    }
}

/// How a link is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LinkState {
    /// It holds.
    Ok,
    /// It holds, and is worth a look.
    Warning,
    /// It does not hold.
    Broken,
    /// It could not be looked at.
    Unknown,
}

/// Why something was not seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unavailable {
    /// A right is missing; nothing is wrong with the thing itself.
    NotAllowed(String),
    /// No answer, or a refusal: what was said, and what to do.
    Failed(String, Vec<String>),
    /// There was no way to it.
    NoWay(String),
}

impl Unavailable {
    /// A look that took too long.
    #[must_use]
    pub fn late(what: &str, limit: Duration) -> Self {
        Self::Failed(format!("{what}: no answer within {} s", limit.as_secs()), Vec::new())
    }
}

/// What was seen, or why not.
pub type Fact<T> = Result<T, Unavailable>;

/// What one check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) state: LinkState,
    pub(crate) text: String,
    pub(crate) details: Vec<String>,
    pub(crate) remedies: Vec<String>,
}

impl Finding {
    fn new(state: LinkState, text: impl Into<String>) -> Self {
        Self { state, text: text.into(), details: Vec::new(), remedies: Vec::new() }
    }

    pub(crate) fn ok(text: impl Into<String>) -> Self {
        Self::new(LinkState::Ok, text)
    }

    pub(crate) fn warning(text: impl Into<String>) -> Self {
        Self::new(LinkState::Warning, text)
    }

    pub(crate) fn broken(text: impl Into<String>) -> Self {
        Self::new(LinkState::Broken, text)
    }

    pub(crate) fn unknown(text: impl Into<String>) -> Self {
        Self::new(LinkState::Unknown, text)
    }

    pub(crate) fn details(mut self, details: impl IntoIterator<Item = String>) -> Self {
        self.details.extend(details);
        self
    }

    pub(crate) fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedies.push(remedy.into());
        self
    }

    pub(crate) fn remedies(mut self, remedies: impl IntoIterator<Item = String>) -> Self {
        self.remedies.extend(remedies);
        self
    }

    /// Judges what was seen; what was not seen is told with its reason.
    pub(crate) fn of<T>(seen: &Fact<T>, judge: impl FnOnce(&T) -> Self) -> Self {
        match seen {
            Ok(seen) => judge(seen),
            Err(Unavailable::NotAllowed(why)) => Self::unknown(format!("could not be looked at: {why}")),
            Err(Unavailable::NoWay(why)) => Self::unknown(why.clone()),
            Err(Unavailable::Failed(why, hints)) => Self::broken(why.clone()).remedies(hints.clone()),
        }
    }
}

/// A link as it is told. Its JSON is a public interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Link {
    /// Which.
    pub name: LinkName,
    /// How it is.
    pub state: LinkState,
    /// What was found.
    pub finding: String,
    /// More of it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub details: Vec<String>,
    /// What to do, best as a command.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub remedies: Vec<String>,
    /// The broken link from which this one follows: mend that first.
    #[serde(skip_serializing_if = "Option::is_none", rename = "followsFrom")]
    pub follows_from: Option<LinkName>,
}

/// All links, and the first that is broken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Diagnosis {
    /// Whether nothing is broken.
    pub healthy: bool,
    /// The link to mend first.
    pub broken: Option<LinkName>,
    /// All links in order.
    pub links: Vec<Link>,
}

impl Diagnosis {
    /// Whether this link was looked at, and holds.
    #[must_use]
    pub fn holds(&self, name: LinkName) -> bool {
        self.links.iter().any(|link| link.name == name && matches!(link.state, LinkState::Ok | LinkState::Warning))
    }

    /// The link to mend first.
    #[must_use]
    pub fn first(&self) -> Option<&Link> {
        self.links.iter().find(|link| Some(link.name) == self.broken)
    }
}

/// Walks the chain: what is not well and hangs on a broken link follows from it.
pub(crate) fn walk(mut findings: Vec<(LinkName, Finding)>) -> Diagnosis {
    findings.sort_by_key(|(name, _)| *name);
    let mut links: Vec<Link> = Vec::new();
    for (name, finding) in findings {
        let cause = (finding.state != LinkState::Ok).then(|| cause_of(name, &links)).flatten();
        links.push(Link {
            name,
            state: finding.state,
            finding: super::redact::redact(&finding.text),
            details: finding.details.iter().map(|detail| super::redact::redact(detail)).collect(),
            remedies: finding.remedies,
            follows_from: cause,
        });
    }
    let root = |link: &&Link| link.state == LinkState::Broken && link.follows_from.is_none();
    let broken = links.iter().find(root).map(|link| link.name);
    Diagnosis { healthy: broken.is_none(), broken, links }
}

/// The broken link at the root of those that this one hangs on.
fn cause_of(name: LinkName, before: &[Link]) -> Option<LinkName> {
    name.hangs_on().iter().find_map(|need| match before.iter().find(|link| link.name == *need) {
        Some(link) if link.follows_from.is_some() => link.follows_from,
        Some(link) if link.state == LinkState::Broken => Some(link.name),
        // Nothing was wrong with that link itself, or it is not part of this walk.
        Some(_) | None => cause_of(*need, before),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_hangs_on_a_broken_link_follows_from_it_and_the_rest_does_not() {
        let diagnosis = walk(vec![
            (LinkName::Nodes, Finding::unknown("no way in")),
            (LinkName::Tokens, Finding::unknown("no way in")),
            (LinkName::Datastore, Finding::ok("etcd 3.7.3")),
            (LinkName::Pods, Finding::broken("0 of 1 ready").remedy("look")),
            (LinkName::ApiServer, Finding::broken("no answer")),
            (LinkName::Service, Finding::broken("gone")),
            (LinkName::Endpoint, Finding::broken("no answer")),
        ]);
        let follows = |name| diagnosis.links.iter().find(|link| link.name == name).unwrap().follows_from;
        assert_eq!(diagnosis.broken, Some(LinkName::Pods));
        assert_eq!(follows(LinkName::Service), None, "it is broken by itself");
        assert_eq!(follows(LinkName::Endpoint), Some(LinkName::Service));
        for name in [LinkName::ApiServer, LinkName::Nodes, LinkName::Tokens] {
            assert_eq!(follows(name), Some(LinkName::Pods), "{name:?}");
        }
        assert!(!diagnosis.healthy);
    }

    #[test]
    fn warnings_and_what_may_not_be_seen_are_no_disease() {
        let forbidden: Fact<()> = Err(Unavailable::NotAllowed("not allowed to list events".into()));
        let diagnosis = walk(vec![
            (LinkName::Clock, Finding::warning("12 s apart")),
            (LinkName::Quota, Finding::of(&forbidden, |()| Finding::ok(""))),
        ]);
        assert!(diagnosis.healthy && diagnosis.broken.is_none());
        assert_eq!(diagnosis.links[1].state, LinkState::Unknown);
    }

    #[test]
    fn a_look_that_hangs_is_broken() {
        let late: Fact<()> = Err(Unavailable::late("list pods", Duration::from_secs(6)));
        let diagnosis = walk(vec![(LinkName::Pods, Finding::of(&late, |()| Finding::ok("")))]);
        assert_eq!(diagnosis.broken, Some(LinkName::Pods));
        assert_eq!(diagnosis.links[0].finding, "list pods: no answer within 6 s");
    }

    #[test]
    fn a_link_hangs_on_earlier_ones_only() {
        let mut name = Some(LinkName::Limits);
        let all: Vec<LinkName> = std::iter::from_fn(|| {
            let this = name?;
            name = this.hangs_on().iter().max().copied();
            Some(this)
        })
        .collect();
        assert!(all.windows(2).all(|pair| pair[0] > pair[1]), "{all:?}");
    }
}
