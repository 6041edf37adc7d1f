//! From the wish and what lives to the objects that should be. Keys that exist are kept; what is missing is made here.

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
use crate::plan::certificates::rotation_keys::{Authorities, RotationKeys, authority_data, rotating};
use crate::plan::certificates::rotation_phases::{Rotation, RotationPhase, RotationTarget};
use crate::plan::datastore::authority::DatastoreAuthority;
use crate::render::policy::{self, EncryptionKey};
use crate::render::{self, Address, DatastoreAccess, Manifest, ObjectRef, Write};
use crate::tenant;

pub use error::Error;

/// Everything a decision is made from.
#[derive(Debug)]
pub struct Inputs<'a> {
    /// The wish.
    pub spec: &'a ControlPlaneSpec,
    /// The identity.
    pub id: &'a ControlPlaneId,
    /// What exists.
    pub live: &'a Live,
    /// Keys the user gave.
    pub given: &'a PartialUserPki,
    /// The fingerprint of the CA that was made once, if one was.
    pub recorded_ca: Option<&'a str>,
    /// How it is exposed, the Service's port, and its node port if we choose it.
    pub exposure: (Exposure, u16, Option<u16>),
    /// Where it is reached, if that is known yet.
    pub address: Option<&'a Address>,
    /// The datastore, if it is there yet.
    pub datastore: Option<&'a DatastoreAuthority>,
    /// Certificates to be made anew although they could be kept.
    pub reissue: &'a RenewalRequest,
    /// A change of keys on its way.
    pub rotation: Option<&'a Rotation>,
}

/// How far a decision could go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApplyStep {
    /// Authorities, keys, Service: what needs no address.
    Identity,
    /// Everything.
    Complete,
}

/// What should be.
#[derive(Debug)]
pub struct Desired {
    /// How far this goes.
    pub step: ApplyStep,
    /// The objects in the order they are to be written; the Deployment is after what it mounts.
    pub write: Vec<Manifest>,
    /// Objects that should not be.
    pub delete: Vec<ObjectRef>,
    /// The certificates that are made anew.
    pub reissued: Vec<RenewedCertificate>,
    /// The SHA-256 of the CA's public key.
    pub ca: String,
    /// The certificates of the authorities that are trusted, PEM: one, or two while it is changed.
    pub ca_certificate: String,
    /// When the first certificate ends; `None` while there is none.
    pub certificates_end: Option<Timestamp>,
}

/// The objects a control plane consists of, known before anything exists.
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

/// Whether an object of [`object_refs`] is to be there; those that are not are removed.
#[must_use]
pub fn is_wanted(spec: &ControlPlaneSpec, object: &ObjectRef) -> bool {
    match object.kind.as_str() {
        "PodDisruptionBudget" => spec.replicas > 1,
        "NetworkPolicy" => spec.isolation.policies != Policies::Off,
        _ => true,
    }
}

/// Decides what should be.
pub fn desire(inputs: &Inputs<'_>, ambient: &mut Ambient) -> Result<Desired, Error> {
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
        let main = self.authority("certificate authority", &self.names.ca(), ["ca.crt", "ca.key"], "kubernetes")?;
        let fingerprint =
            pki::inspect(&main.certificate).map_err(|e| self.pki("the certificate authority", e))?.public_key_sha256;
        if self.inputs.recorded_ca.is_some_and(|recorded| recorded != fingerprint) && !self.takes_over(&fingerprint) {
            return Err(Error::AuthorityChanged {
                control_plane: spec.name.to_string(),
                secret: self.place(&self.names.ca()),
            });
        }
        let front_proxy_ca = self.authority(
            "front proxy's certificate authority",
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
            self.secret(self.names.ca(), "certificate-authority", Write::CreateOnly, &authority_data(&main)),
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
        let RotationKeys { bundle, keys, authorities } =
            rotating(self.inputs.spec, self.inputs.live, self.inputs.rotation)?;
        let Authorities { signer: ca, trusted } =
            authorities.unwrap_or_else(|| Authorities { trusted: main.certificate.clone(), signer: main });
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
        let unnamed = self.inputs.live.iter().filter(|(object, body)| is_file(body) && !wanted.contains(object));
        delete.extend(unnamed.map(|(object, _)| object.clone()));
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

    /// Whether an authority is the one that takes the place of the recorded one.
    fn takes_over(&self, fingerprint: &str) -> bool {
        self.inputs.rotation.is_some_and(|rotation| {
            (rotation.of, rotation.phase) == (RotationTarget::CertificateAuthority, RotationPhase::Drop)
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

    /// The objects of the user's files. One that an earlier run was given must still be there.
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

    /// Over everything the pods mount, so that a changed file replaces them.
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
            // A key that exists is not made anew: the live one is what the pods see.
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
            secret: self.place(&self.names.encryption()),
        }
    }

    fn place(&self, secret: &str) -> String {
        format!("{}/{secret}", self.inputs.spec.namespace)
    }

    fn pki(&self, what: &str, source: pki::Error) -> Error {
        Error::Pki { control_plane: self.inputs.spec.name.to_string(), what: what.to_owned(), source }
    }
}
