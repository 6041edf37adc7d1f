//! Builds the desired objects from the spec and the live objects. Existing keys are kept; missing ones are generated.

pub mod error;
pub mod secrets;

use std::collections::BTreeMap;

use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

use crate::ambient::Ambient;
use crate::model::{ControlPlaneId, ControlPlaneSpec, Exposure, LABEL_COMPONENT, ObjectNames, Policies, SuppliedFile};
use crate::pki::{self, KeyAndCertificate, PartialUserPki};
use crate::plan::apply::live_objects::Live;
use crate::plan::certificates::renewal::{RenewalRequest, RenewedCertificate};
use crate::plan::certificates::rotation_keys::{RotationCas, RotationKeys, ca_data, keys_of_phase};
use crate::plan::certificates::rotation_phases::{Rotation, RotationPhase, RotationTarget};
use crate::plan::datastore::authority::DatastoreAuthority;
use crate::render::policy::{self, EncryptionKey};
use crate::render::{self, Address, DatastoreAccess, Manifest, ObjectRef, Write};
use crate::tenant;

pub use error::Error;

/// The input of [`build_desired`].
#[derive(Debug)]
pub struct Inputs<'a> {
    /// The spec.
    pub spec: &'a ControlPlaneSpec,
    /// The ID of the control plane.
    pub id: &'a ControlPlaneId,
    /// The live objects.
    pub live: &'a Live,
    /// Keys supplied by the user.
    pub supplied: &'a PartialUserPki,
    /// The fingerprint of the CA in the record, if there is one.
    pub recorded_ca: Option<&'a str>,
    /// The exposure, the port of the Service, and its node port if kamaji chooses it.
    pub exposure: (Exposure, u16, Option<u16>),
    /// The address, if it is known yet.
    pub address: Option<&'a Address>,
    /// The datastore, if it exists yet.
    pub datastore: Option<&'a DatastoreAuthority>,
    /// Certificates to reissue although they are still usable.
    pub reissue: &'a RenewalRequest,
    /// The rotation in progress.
    pub rotation: Option<&'a Rotation>,
}

/// Which objects could be built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApplyStep {
    /// CAs, keys and Service, which do not need an address.
    Identity,
    /// All objects.
    Complete,
}

/// The desired state.
#[derive(Debug)]
pub struct Desired {
    /// Which objects it contains.
    pub step: ApplyStep,
    /// The objects in the order to write them: the Deployment comes after what it mounts.
    pub write: Vec<Manifest>,
    /// The objects to delete.
    pub delete: Vec<ObjectRef>,
    /// The certificates that are reissued.
    pub reissued: Vec<RenewedCertificate>,
    /// The SHA-256 of the CA's public key.
    pub ca: String,
    /// The certificates of the trusted CAs, in PEM: one, or two during a CA rotation.
    pub ca_certificate: String,
    /// When the first certificate expires; `None` if there is none.
    pub certificates_end: Option<Timestamp>,
}

/// References to the objects of a control plane.
#[must_use]
pub fn object_refs(spec: &ControlPlaneSpec) -> Vec<ObjectRef> {
    let names = ObjectNames(&spec.name);
    let object = |api_version: &str, kind: &str, name: String| ObjectRef {
        api_version: api_version.to_owned(),
        kind: kind.to_owned(),
        namespace: Some(spec.namespace.to_string()),
        name,
    };
    let secrets = [
        names.ca(),
        names.front_proxy_ca(),
        names.service_account_key(),
        names.encryption(),
        names.api_server(),
        names.kubelet_client(),
        names.front_proxy_client(),
        names.admin_kubeconfig(),
        names.controller_manager_kubeconfig(),
        names.scheduler_kubeconfig(),
        names.datastore_config(),
        names.datastore_certificate(),
    ];
    let mut refs = vec![
        object("v1", "ServiceAccount", names.service_account()),
        object("v1", "Service", names.service()),
        object("v1", "ConfigMap", names.kubeadm_config()),
        object("v1", "ConfigMap", names.policies()),
    ];
    refs.extend(secrets.into_iter().map(|name| object("v1", "Secret", name)));
    refs.extend(spec.extras.files.iter().map(|file| render::file_ref(spec, file)));
    refs.push(object("networking.k8s.io/v1", "NetworkPolicy", names.network_policy()));
    refs.push(object("policy/v1", "PodDisruptionBudget", names.disruption_budget()));
    refs.push(object("apps/v1", "Deployment", names.deployment()));
    refs
}

/// Whether the spec wants an object of [`object_refs`]. Unwanted objects are deleted.
#[must_use]
pub fn is_wanted(spec: &ControlPlaneSpec, object: &ObjectRef) -> bool {
    match object.kind.as_str() {
        "PodDisruptionBudget" => spec.replicas > 1,
        "NetworkPolicy" => spec.isolation.policies != Policies::Off,
        _ => true,
    }
}

/// Builds the desired objects.
pub fn build_desired(inputs: &Inputs<'_>, ambient: &mut Ambient) -> Result<Desired, Error> {
    Decision {
        inputs,
        names: ObjectNames(&inputs.spec.name),
        now: ambient.now(),
        reissued: Vec::new(),
        ends: Vec::new(),
    }
    .run(ambient)
}

struct Decision<'a> {
    inputs: &'a Inputs<'a>,
    names: ObjectNames<'a>,
    now: Timestamp,
    reissued: Vec<RenewedCertificate>,
    ends: Vec<Timestamp>,
}

impl Decision<'_> {
    fn run(mut self, ambient: &mut Ambient) -> Result<Desired, Error> {
        let spec = self.inputs.spec;
        let main = self.ca("CA", &self.names.ca(), ["ca.crt", "ca.key"], "kubernetes")?;
        let fingerprint = pki::inspect(&main.certificate).map_err(|e| self.pki("the CA", e))?.public_key_sha256;
        if self.inputs.recorded_ca.is_some_and(|recorded| recorded != fingerprint)
            && !self.replaces_recorded_ca(&fingerprint)
        {
            return Err(Error::CaChanged {
                control_plane: spec.name.to_string(),
                secret: self.full_name(&self.names.ca()),
            });
        }
        let front_proxy_ca = self.ca(
            "front proxy CA",
            &self.names.front_proxy_ca(),
            ["front-proxy-ca.crt", "front-proxy-ca.key"],
            "front-proxy-ca",
        )?;
        let service_account = self.service_account_key()?;
        let encryption = match self.value(&self.names.encryption(), "encryption.yaml") {
            Some(existing) => existing,
            None if self.inputs.recorded_ca.is_some() => return Err(self.encryption_lost()),
            None => policy::encryption(&[EncryptionKey::first(&ambient.bytes())]),
        };

        let live_service = self.inputs.live.named("Service", &self.names.service());
        let mut write = vec![
            render::service_account(spec),
            render::service(spec, self.inputs.exposure, live_service),
            self.secret(self.names.ca(), "certificate-authority", Write::CreateOnly, &ca_data(&main)),
            self.secret(
                self.names.front_proxy_ca(),
                "certificate-authority",
                Write::CreateOnly,
                &[
                    ("front-proxy-ca.crt", front_proxy_ca.certificate.clone().into()),
                    ("front-proxy-ca.key", front_proxy_ca.key.clone()),
                ],
            ),
            self.secret(
                self.names.service_account_key(),
                "certificate",
                Write::CreateOnly,
                &[("sa.pub", service_account.public.clone().into()), ("sa.key", service_account.private.clone())],
            ),
            self.secret(self.names.encryption(), "encryption", Write::CreateOnly, &[("encryption.yaml", encryption)]),
            self.policies(),
        ];
        let mut step = ApplyStep::Identity;
        let RotationKeys { bundle, keys, cas } =
            keys_of_phase(self.inputs.spec, self.inputs.live, self.inputs.rotation)?;
        let RotationCas { signer: ca, trusted } =
            cas.unwrap_or_else(|| RotationCas { trusted: main.certificate.clone(), signer: main });
        if let (Some(address), Some(datastore)) = (self.inputs.address, self.inputs.datastore) {
            step = ApplyStep::Complete;
            write.push(self.kubeadm_config(address));
            write.extend(self.certificates(&ca, &front_proxy_ca, address)?);
            write.extend(self.kubeconfigs(&ca, &trusted, address)?);
            write.extend(self.datastore_secrets(datastore)?);
            write.extend(bundle);
            let checksum = self.checksum(&write);
            let access = DatastoreAccess { endpoints: datastore.endpoints.clone() };
            write.extend(self.files()?);
            write.extend(self.network_policy(address, &datastore.endpoints));
            write.extend(render::disruption_budget(spec));
            let deployment = render::deployment(spec, self.inputs.id, address, &access, &keys, &checksum);
            write.push(render::patch_pods(spec, deployment)?);
        }
        let wanted = object_refs(spec);
        let mut delete: Vec<ObjectRef> = wanted
            .iter()
            .filter(|object| !is_wanted(spec, object))
            .filter(|object| self.inputs.live.get(object).is_some())
            .cloned()
            .collect();
        let is_file = |body: &serde_json::Value| {
            let component = body.pointer("/metadata/labels").and_then(|labels| labels.get(LABEL_COMPONENT));
            component.is_some_and(|component| component == render::FILE_COMPONENT)
        };
        let obsolete_files = self.inputs.live.iter().filter(|(object, body)| is_file(body) && !wanted.contains(object));
        delete.extend(obsolete_files.map(|(object, _)| object.clone()));
        self.ends.sort_unstable();
        Ok(Desired {
            step,
            write,
            delete,
            reissued: self.reissued,
            ca: fingerprint,
            ca_certificate: trusted,
            certificates_end: self.ends.first().copied(),
        })
    }

    /// Whether this CA replaces the recorded one at the end of a rotation.
    fn replaces_recorded_ca(&self, fingerprint: &str) -> bool {
        self.inputs.rotation.is_some_and(|rotation| {
            (rotation.target, rotation.phase) == (RotationTarget::CertificateAuthority, RotationPhase::RemoveOld)
                && rotation.key.as_deref() == Some(fingerprint)
        })
    }

    fn policies(&self) -> Manifest {
        let spec = self.inputs.spec;
        let authentication = policy::authentication(spec.version).map(|file| ("authentication.yaml", file));
        let files = [("audit.yaml", policy::audit_policy())].into_iter().chain(authentication);
        let data = files.map(|(name, file)| (name.to_owned(), crate::yaml::write(&file))).collect();
        render::config_map(&spec.namespace, &spec.name, self.names.policies(), "policies", data)
    }

    fn network_policy(&self, address: &Address, datastore: &[String]) -> Option<Manifest> {
        let (spec, live) = (self.inputs.spec, self.inputs.live);
        (spec.isolation.policies != Policies::Off).then(|| {
            let policy = live.named("NetworkPolicy", &self.names.network_policy());
            let closed = live.management_network.denied_cidrs(spec, policy);
            render::network_policy(spec, address.secure_port, datastore, &closed)
        })
    }

    fn kubeadm_config(&self, address: &Address) -> Manifest {
        let spec = self.inputs.spec;
        let cluster = tenant::cluster_configuration(spec, &address.endpoint).to_string();
        let data = BTreeMap::from([("ClusterConfiguration".to_owned(), cluster)]);
        render::config_map(&spec.namespace, &spec.name, self.names.kubeadm_config(), "kubeadm-config", data)
    }

    /// The objects of the user's files. Files supplied to an earlier run must still exist.
    fn files(&self) -> Result<Vec<Manifest>, Error> {
        let spec = self.inputs.spec;
        let lost = |file: &&SuppliedFile| {
            file.content.is_none() && self.inputs.live.get(&render::file_ref(spec, file)).is_none()
        };
        if let Some(file) = spec.extras.files.iter().find(lost) {
            let object = render::file_ref(spec, file).to_string();
            return Err(Error::FileLost { control_plane: spec.namespaced_name(), path: file.path.clone(), object });
        }
        Ok(spec.extras.files.iter().filter_map(|file| render::file(spec, file)).collect())
    }

    /// The checksum of everything the pods mount. A changed file replaces the pods.
    fn checksum(&self, write: &[Manifest]) -> String {
        let unmounted = [
            self.names.admin_kubeconfig(),
            self.names.datastore_config(),
            self.names.kubeadm_config(),
            self.names.service(),
            self.names.service_account(),
        ];
        let mut hash = Sha256::new();
        for manifest in write.iter().filter(|manifest| !unmounted.contains(&manifest.object.name)) {
            hash.update(manifest.object.name.as_bytes());
            // An existing key is not overwritten, so the pods see the live one.
            let live = self.inputs.live.get(&manifest.object).filter(|_| manifest.write == Write::CreateOnly);
            let body = live.unwrap_or(&manifest.body);
            hash.update(body.get("data").map(ToString::to_string).unwrap_or_default().as_bytes());
            hash.update([0]);
        }
        for file in &self.inputs.spec.extras.files {
            hash.update(file.path.as_bytes());
            hash.update([0]);
            hash.update(file.digest.as_bytes());
        }
        hash.finalize().iter().take(16).fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
    }

    fn secret(&self, name: String, component: &str, write: Write, data: &[(&str, SecretString)]) -> Manifest {
        render::secret(&self.inputs.spec.namespace, &self.inputs.spec.name, name, component, write, data)
    }

    fn value(&self, secret: &str, key: &str) -> Option<SecretString> {
        self.inputs.live.secret_value(secret, key)
    }

    fn pair(&self, secret: &str, certificate: &str, key: &str) -> Option<KeyAndCertificate> {
        let certificate = self.value(secret, certificate)?.expose_secret().to_owned();
        Some(KeyAndCertificate { certificate, key: self.value(secret, key)? })
    }

    fn encryption_lost(&self) -> Error {
        Error::EncryptionLost {
            control_plane: self.inputs.spec.name.to_string(),
            secret: self.full_name(&self.names.encryption()),
        }
    }

    fn full_name(&self, secret: &str) -> String {
        format!("{}/{secret}", self.inputs.spec.namespace)
    }

    fn pki(&self, what: &str, source: pki::Error) -> Error {
        Error::Pki { control_plane: self.inputs.spec.name.to_string(), what: what.to_owned(), source }
    }
}
