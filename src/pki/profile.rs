//! The certificates a control plane needs, as a table: names, groups, usages and who signs. Issuing them is
//! `issue.rs`; nothing here touches a key.
//!
//! Names and groups are kubeadm's (v1.37 cmd/kubeadm/app/phases/certs/certlist.go and phases/kubeconfig).

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::{Leaf, Usage};
use crate::model::{ControlPlaneId, ControlPlaneSpec, San};

/// Who signs a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Authority {
    /// The cluster's authority.
    Cluster,
    /// The front proxy's authority.
    FrontProxy,
    /// The authority of the datastore, which is not the control plane's own.
    Datastore,
}

/// The certificates that the API server's pods mount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Certificate {
    /// What the API server shows to its clients.
    ApiServer,
    /// What the API server shows to kubelets.
    ApiServerKubeletClient,
    /// What the API server shows to aggregated API servers.
    FrontProxyClient,
    /// What the API server shows to the datastore.
    DatastoreClient,
}

impl Certificate {
    /// All of them.
    pub const ALL: [Self; 4] =
        [Self::ApiServer, Self::ApiServerKubeletClient, Self::FrontProxyClient, Self::DatastoreClient];

    /// Who signs it.
    #[must_use]
    pub const fn authority(self) -> Authority {
        match self {
            Self::ApiServer | Self::ApiServerKubeletClient => Authority::Cluster,
            Self::FrontProxyClient => Authority::FrontProxy,
            Self::DatastoreClient => Authority::Datastore,
        }
    }
}

/// The kubeconfigs of a control plane; their client certificates are signed by the cluster's authority.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kubeconfig {
    /// admin.conf: a group that a `ClusterRoleBinding` makes administrator, so it can be revoked.
    Admin,
    /// super-admin.conf: `system:masters`, which no binding can revoke.
    SuperAdmin,
    /// controller-manager.conf.
    ControllerManager,
    /// scheduler.conf.
    Scheduler,
}

impl Kubeconfig {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Admin, Self::SuperAdmin, Self::ControllerManager, Self::Scheduler];

    /// kubeadm's file name.
    #[must_use]
    pub const fn file_name(self) -> &'static str {
        match self {
            Self::Admin => "admin.conf",
            Self::SuperAdmin => "super-admin.conf",
            Self::ControllerManager => "controller-manager.conf",
            Self::Scheduler => "scheduler.conf",
        }
    }

    /// The user: common name of the certificate and name in the file.
    #[must_use]
    pub const fn user(self) -> &'static str {
        match self {
            Self::Admin => "kubernetes-admin",
            Self::SuperAdmin => "kubernetes-super-admin",
            Self::ControllerManager => "system:kube-controller-manager",
            Self::Scheduler => "system:kube-scheduler",
        }
    }
}

/// The wish for a certificate of this control plane. `addresses` are those its API server is reached at besides the
/// names that always hold: the endpoint's host, advertised and service addresses.
#[must_use]
pub fn leaf_of(certificate: Certificate, spec: &ControlPlaneSpec, id: &ControlPlaneId, addresses: &[San]) -> Leaf {
    match certificate {
        Certificate::ApiServer => Leaf {
            common_name: "kube-apiserver".to_owned(),
            organizations: Vec::new(),
            usage: Usage::Server,
            sans: api_server_names(spec, addresses),
        },
        // Without a group since v1.36: kubeadm binds this name to system:kubelet-api-admin instead.
        Certificate::ApiServerKubeletClient => client("kube-apiserver-kubelet-client", None),
        Certificate::FrontProxyClient => client("front-proxy-client", None),
        // The datastore knows the control plane by its id: etcd takes the common name as the user.
        Certificate::DatastoreClient => client(id.as_str(), None),
    }
}

/// The wish for the client certificate in a kubeconfig.
#[must_use]
pub fn kubeconfig_leaf(kubeconfig: Kubeconfig) -> Leaf {
    let group = match kubeconfig {
        Kubeconfig::Admin => Some("kubeadm:cluster-admins"),
        Kubeconfig::SuperAdmin => Some("system:masters"),
        Kubeconfig::ControllerManager | Kubeconfig::Scheduler => None,
    };
    client(kubeconfig.user(), group)
}

fn client(common_name: &str, group: Option<&str>) -> Leaf {
    Leaf {
        common_name: common_name.to_owned(),
        organizations: group.map(str::to_owned).into_iter().collect(),
        usage: Usage::Client,
        sans: Vec::new(),
    }
}

/// Sorted and without duplicates, so that the same wish gives the same certificate.
fn api_server_names(spec: &ControlPlaneSpec, addresses: &[San]) -> Vec<San> {
    let (name, namespace) = (&spec.name, &spec.namespace);
    let mut names = BTreeSet::from([
        // Inside the tenant.
        San::Dns("kubernetes".to_owned()),
        San::Dns("kubernetes.default".to_owned()),
        San::Dns("kubernetes.default.svc".to_owned()),
        San::Dns(format!("kubernetes.default.svc.{}", spec.networking.dns_domain)),
        // Inside the pod.
        San::Dns("localhost".to_owned()),
        San::Ip(Ipv4Addr::LOCALHOST.into()),
        San::Ip(Ipv6Addr::LOCALHOST.into()),
        // Inside the management cluster, whose own domain is not known: the usual one, as the operator does.
        San::Dns(name.to_string()),
        San::Dns(format!("{name}.{namespace}")),
        San::Dns(format!("{name}.{namespace}.svc")),
        San::Dns(format!("{name}.{namespace}.svc.cluster.local")),
    ]);
    names.extend(spec.networking.first_service_ips().into_iter().map(San::Ip));
    names.extend(addresses.iter().cloned());
    names.extend(spec.cert_sans.iter().cloned());
    names.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;
    use crate::model::AddonImage;
    use crate::model::Addons;
    use crate::model::CertificatePolicy;
    use crate::model::Component;
    use crate::model::ControlPlaneName;
    use crate::model::DatastoreName;
    use crate::model::KubeVersion;
    use crate::model::Namespace;
    use crate::model::Networking;
    use crate::model::PodSettings;
    use crate::model::ServiceSettings;

    fn spec() -> ControlPlaneSpec {
        ControlPlaneSpec {
            name: ControlPlaneName::parse("prod").unwrap(),
            namespace: Namespace::parse("tenants").unwrap(),
            version: KubeVersion::parse("v1.37.2").unwrap(),
            cluster_name: "prod".into(),
            image_repository: "registry.k8s.io".into(),
            networking: Networking {
                service_subnets: vec!["10.96.0.0/12".parse().unwrap(), "fd00:1::/108".parse().unwrap()],
                pod_subnets: vec![],
                dns_domain: "corp.local".into(),
            },
            endpoint: None,
            bind_port: 6443,
            expose: None,
            cert_sans: ["*.example.com", "192.0.2.7"].map(|san| San::parse(san).unwrap()).into(),
            certificates: CertificatePolicy::default(),
            api_server: Component::default(),
            controller_manager: Component::default(),
            scheduler: Component::default(),
            replicas: 1,
            datastore: DatastoreName::parse("etcd").unwrap(),
            addons: Addons { coredns: None, kube_proxy: true, kube_proxy_image: AddonImage::default() },
            kubelet: serde_json::Map::new(),
            kubelet_patches: vec![],
            kube_proxy: serde_json::Map::new(),
            labels: std::collections::BTreeMap::new(),
            pods: PodSettings::default(),
            service: ServiceSettings::default(),
            isolation: crate::model::Isolation::default(),
            extras: crate::model::Extras::default(),
            bootstrap_tokens: vec![],
        }
    }

    #[test]
    fn the_table_is_kubeadms() {
        let id = ControlPlaneId::parse(&"0a".repeat(16)).unwrap();
        let addresses = ["192.0.2.7", "api.prod.example.com"].map(|san| San::parse(san).unwrap());
        let mut table = String::new();
        let mut row = |name: &str, signer: Authority, leaf: &Leaf| {
            let (groups, usage) = (&leaf.organizations, leaf.usage);
            writeln!(table, "{name}: CN={} O={groups:?} {usage:?} by {signer:?}", leaf.common_name).unwrap();
            for san in &leaf.sans {
                writeln!(table, "  {san}").unwrap();
            }
        };
        for certificate in Certificate::ALL {
            let leaf = leaf_of(certificate, &spec(), &id, &addresses);
            row(&format!("{certificate:?}"), certificate.authority(), &leaf);
        }
        for kubeconfig in Kubeconfig::ALL {
            row(kubeconfig.file_name(), Authority::Cluster, &kubeconfig_leaf(kubeconfig));
        }
        insta::assert_snapshot!(table, @r#"
        ApiServer: CN=kube-apiserver O=[] Server by Cluster
          10.96.0.1
          127.0.0.1
          192.0.2.7
          ::1
          fd00:1::1
          *.example.com
          api.prod.example.com
          kubernetes
          kubernetes.default
          kubernetes.default.svc
          kubernetes.default.svc.corp.local
          localhost
          prod
          prod.tenants
          prod.tenants.svc
          prod.tenants.svc.cluster.local
        ApiServerKubeletClient: CN=kube-apiserver-kubelet-client O=[] Client by Cluster
        FrontProxyClient: CN=front-proxy-client O=[] Client by FrontProxy
        DatastoreClient: CN=0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a O=[] Client by Datastore
        admin.conf: CN=kubernetes-admin O=["kubeadm:cluster-admins"] Client by Cluster
        super-admin.conf: CN=kubernetes-super-admin O=["system:masters"] Client by Cluster
        controller-manager.conf: CN=system:kube-controller-manager O=[] Client by Cluster
        scheduler.conf: CN=system:kube-scheduler O=[] Client by Cluster
        "#);
    }
}
