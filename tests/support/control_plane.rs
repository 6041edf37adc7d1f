//! A control plane decided from fixed inputs: a kubeadm file, an id, an address, a datastore and a time. Keys are made
//! anew at each run; no test may depend on their bytes.

use std::fs;
use std::path::Path;

use jiff::Timestamp;
use kamaji::ambient::Ambient;
use kamaji::config::{self, Settings, Source};
use kamaji::model::{
    ControlPlaneId, ControlPlaneName, ControlPlaneSpec, DatastoreName, Endpoint, Exposure, Family, Host, Namespace,
};
use kamaji::pki::{KeyAndCertificate, PartialUserPki};
use kamaji::plan::apply::live_objects::Live;
use kamaji::plan::certificates::renewal::RenewalRequest;
use kamaji::plan::certificates::rotation_phases::Rotation;
use kamaji::plan::datastore::authority::DatastoreAuthority;
use kamaji::plan::lifecycle::desired::error::Error;
use kamaji::plan::lifecycle::desired::{Desired, Inputs, desire};
use kamaji::plan::network::management_network::ManagementNetwork;
use kamaji::render::Address;

/// The smallest file that is a cluster.
pub(crate) const MINIMAL: &str = "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nkubernetesVersion: v1.37.2\nnetworking:\n  podSubnet: 10.244.0.0/16\n";

/// The wish of a kubeadm file for a control plane called `prod`, with the defaults of the command line.
pub(crate) fn spec(text: &str) -> ControlPlaneSpec {
    let settings = Settings {
        name: ControlPlaneName::parse("prod").unwrap(),
        namespace: Namespace::parse("team-a").unwrap(),
        replicas: 1,
        expose: None,
        endpoint: None,
        datastore: DatastoreName::parse("default").unwrap(),
        allow_experimental: false,
        given: kamaji::model::SuppliedFiles::default(),
    };
    config::load(&Source { name: "kubeadm.yaml", text }, settings).unwrap().spec
}

/// A time at which the fixtures are valid.
pub(crate) fn now() -> Timestamp {
    "2027-06-01T12:00:00Z".parse().unwrap()
}

/// The id of every control plane here.
pub(crate) fn id() -> ControlPlaneId {
    ControlPlaneId::parse("0123456789abcdef0123456789abcdef").unwrap()
}

/// A management cluster of two nodes, whose API server is on the first.
fn management_network() -> ManagementNetwork {
    let closed = ["10.89.0.2/31", "10.90.0.0/16", "172.31.0.0/20", "fd31::/112", "fd90::/48"];
    ManagementNetwork {
        closed: closed.iter().map(|range| range.parse().unwrap()).collect(),
        ..ManagementNetwork::default()
    }
}

/// A key and its certificate out of `tests/fixtures/pki`.
pub(crate) fn fixture(name: &str) -> KeyAndCertificate {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/pki");
    let read = |ending: &str| fs::read_to_string(folder.join(format!("{name}.{ending}"))).unwrap();
    KeyAndCertificate { certificate: read("crt"), key: read("key").into() }
}

/// Everything a decision is made from; tests change what they are about.
pub(crate) struct Plane {
    pub(crate) spec: ControlPlaneSpec,
    pub(crate) live: Live,
    pub(crate) given: PartialUserPki,
    pub(crate) recorded_ca: Option<String>,
    pub(crate) exposure: (Exposure, u16, Option<u16>),
    pub(crate) address: Option<Address>,
    pub(crate) now: Timestamp,
    pub(crate) reissue: RenewalRequest,
    pub(crate) rotation: Option<Rotation>,
}

impl Plane {
    /// A new control plane behind a load balancer.
    pub(crate) fn new(spec: ControlPlaneSpec) -> Self {
        let port = spec.bind_port;
        let (balancer, service_ip) = match spec.networking.primary_family() {
            Family::V4 => ("192.0.2.10", "10.0.0.20"),
            Family::V6 => ("2001:db8::10", "fd00::20"),
        };
        let balancer = balancer.parse().unwrap();
        let endpoint = spec.endpoint.clone().unwrap_or(Endpoint { host: Host::Ip(balancer), port });
        let endpoint = Endpoint { port: if endpoint.port == 0 { port } else { endpoint.port }, ..endpoint };
        let advertise = vec![endpoint.host.ip().unwrap_or(balancer)];
        let also = vec![service_ip.parse().unwrap(), balancer];
        let port = endpoint.port;
        Self {
            spec,
            live: Live::within(management_network()),
            given: PartialUserPki::default(),
            recorded_ca: None,
            exposure: (Exposure::LoadBalancer, port, None),
            address: Some(Address { endpoint, advertise, secure_port: port, also }),
            now: now(),
            reissue: RenewalRequest::default(),
            rotation: None,
        }
    }

    /// Decides.
    pub(crate) fn desire(&self) -> Result<Desired, Error> {
        let datastore = DatastoreAuthority {
            endpoints: vec!["etcd-default-0.etcd-default.kamaji-system.svc:2379".into()],
            ca: fixture("ec-pkcs8"),
        };
        let inputs = Inputs {
            spec: &self.spec,
            id: &id(),
            live: &self.live,
            given: &self.given,
            recorded_ca: self.recorded_ca.as_deref(),
            exposure: self.exposure,
            address: self.address.as_ref(),
            datastore: Some(&datastore),
            reissue: &self.reissue,
            rotation: self.rotation.as_ref(),
        };
        desire(&inputs, &mut Ambient::fixed(self.now, 7))
    }
}
