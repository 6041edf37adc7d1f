//! The examples at every Kubernetes minor in the table: what each minor gets, and that it knows all of it.

mod known;
mod shown;

use kamaji::model::{Endpoint, KubeVersion, RELEASES};
use kamaji::render::Manifest;
use kamaji::tenant::{self, TenantFacts};

use crate::control_plane::Plane;
use crate::examples;

/// An example as one minor gets it.
struct Rendered {
    example: String,
    /// In the management cluster, without Secrets; nothing for `rsa-certificates`, whose keys take their time.
    management: Vec<Manifest>,
    /// Inside the control plane's own cluster.
    tenant: Vec<Manifest>,
}

impl Rendered {
    fn objects(&self) -> impl Iterator<Item = &Manifest> {
        self.management.iter().chain(&self.tenant)
    }
}

/// All minors, oldest first.
fn minors() -> Vec<u64> {
    RELEASES.iter().map(|release| release.minor).collect()
}

/// All examples, as that minor gets them.
fn render(minor: u64) -> Vec<Rendered> {
    let endpoint = Endpoint::parse("192.0.2.10:6443", 6443).unwrap();
    let advertise = ["192.0.2.10".parse().unwrap()];
    let facts = TenantFacts { endpoint: &endpoint, advertise: &advertise, secure_port: 6443, ca_pem: "CA" };
    let render = |example: &examples::Example| {
        let mut spec = example.control_plane.spec.clone();
        spec.version = KubeVersion { major: 1, minor, patch: 0 };
        let tenant = tenant::objects(&spec, &facts);
        let management = if example.name == "rsa-certificates" {
            Vec::new()
        } else {
            let mut write = Plane::new(spec).desire().unwrap().write;
            write.retain(|manifest| !manifest.is_secret());
            write
        };
        Rendered { example: example.name.clone(), management, tenant }
    };
    examples::all().iter().map(render).collect()
}
