//! From the wish and what lives to the objects that should be. Keys that exist are kept; what is missing is made here.

use std::collections::BTreeMap;

use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

use super::rotating::{Authorities, Rotating, authority_data, rotating};
use super::{DatastoreAuthority, Live, Reissue, Reissued, Rotated, Rotation, RotationPhase};
use crate::ambient::Ambient;
use crate::error::{Advice, Kind};
use crate::model::{ControlPlaneSpec, Exposure, GivenFile, LABEL_COMPONENT, LeafName, ObjectNames, PlaneId, Policies};
use crate::pki::{self, Certificate, KeyAndCertificate, KeyPair, Kubeconfig, PartialUserPki};
use crate::render::policy::{self, EncryptionKey};
use crate::render::{self, Address, DatastoreAccess, Manifest, ObjectRef, Write};
use crate::tenant;

/// Everything a decision is made from.
#[derive(Debug)]
pub struct Inputs<'a> {
    /// The wish.
    pub spec: &'a ControlPlaneSpec,
    /// The identity.
    pub id: &'a PlaneId,
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
    pub reissue: &'a Reissue,
    /// A change of keys on its way.
    pub rotation: Option<&'a Rotation>,
}

/// How far a decision could go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Authorities, keys, Service: what needs no address.
    Identity,
    /// Everything.
    Complete,
}

/// What should be.
#[derive(Debug)]
pub struct Desired {
    /// How far this goes.
    pub step: Step,
    /// The objects in the order they are to be written; the Deployment is after what it mounts.
    pub write: Vec<Manifest>,
    /// Objects that should not be.
    pub delete: Vec<ObjectRef>,
    /// The certificates that are made anew.
    pub reissued: Vec<Reissued>,
    /// The SHA-256 of the CA's public key.
    pub ca: String,
    /// The certificates of the authorities that are trusted, PEM: one, or two while it is changed.
    pub ca_certificate: String,
    /// When the first certificate ends; `None` while there is none.
    pub certificates_end: Option<Timestamp>,
}

/// Why nothing can be decided.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The CA's Secret vanished although there was one.
    #[error("the certificate authority of control plane `{plane}` is gone: Secret {secret} does not exist any more")]
    AuthorityLost {
        /// The control plane.
        plane: String,
        /// Namespace and name of the Secret.
        secret: String,
    },
    /// The encryption key's Secret vanished although there was one.
    #[error(
        "the key that encrypts Secrets of control plane `{plane}` is gone: Secret {secret} does not exist any more"
    )]
    EncryptionLost {
        /// The control plane.
        plane: String,
        /// Namespace and name of the Secret.
        secret: String,
    },
    /// The Secret with the new key vanished, or holds another one, while keys are changed.
    #[error("Secret {secret} does not hold the new key of control plane `{plane}` ({rotation})")]
    RotationKeyLost {
        /// The control plane.
        plane: String,
        /// Namespace and name of the Secret.
        secret: String,
        /// The change on its way.
        rotation: Box<Rotation>,
    },
    /// The CA's Secret holds another CA than the one recorded.
    #[error("Secret {secret} does not hold the certificate authority that control plane `{plane}` was made with")]
    AuthorityChanged {
        /// The control plane.
        plane: String,
        /// Namespace and name of the Secret.
        secret: String,
    },
    /// The user gave keys for a control plane that has others.
    #[error("control plane `{plane}` has a {what} already, and --pki gives another one")]
    OtherKeysGiven {
        /// The control plane.
        plane: String,
        /// Which.
        what: &'static str,
    },
    /// A file that an earlier run was given vanished.
    #[error("the file that was given for {path} is gone: {object} does not exist any more")]
    FileLost {
        /// The control plane.
        plane: String,
        /// The path in the configuration.
        path: String,
        /// The object that held it.
        object: String,
    },
    /// A patch of the user leads to what must not be.
    #[error(transparent)]
    Patch(#[from] render::PatchError),
    /// A key could not be made or read.
    #[error("{what} of control plane `{plane}` cannot be used")]
    Pki {
        /// The control plane.
        plane: String,
        /// Which.
        what: String,
        /// Why.
        #[source]
        source: pki::Error,
    },
}

/// What to do about a patch that is refused.
const PATCH_REMEDY: &str = "change the patch; arguments go to `extraArgs`, and files to `extraVolumes` with --file";

impl Advice for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::AuthorityLost { .. }
            | Self::AuthorityChanged { .. }
            | Self::EncryptionLost { .. }
            | Self::RotationKeyLost { .. }
            | Self::FileLost { .. }
            | Self::Pki { .. } => Kind::Failed,
            Self::OtherKeysGiven { .. } => Kind::Conflict,
            Self::Patch(_) => Kind::Usage,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::AuthorityLost { secret, .. } | Self::AuthorityChanged { secret, .. } => vec![format!(
                "restore Secret {secret} from a backup: a new authority would lock out every worker and user"
            )],
            Self::EncryptionLost { secret, .. } => vec![format!(
                "restore Secret {secret} from a backup: with a new key, no Secret that was written before could be read"
            )],
            Self::RotationKeyLost { plane, secret, rotation } => {
                let mut hints = vec![format!("restore Secret {secret} from a backup")];
                if rotation.phase == RotationPhase::Trust {
                    hints.push(format!("or go back: kamaji certs {} {plane} --back", rotation.of.verb()));
                }
                hints
            }
            Self::FileLost { plane, path, .. } => {
                vec![format!("give it again: kamaji create {plane} … --file {path}=LOCAL")]
            }
            Self::OtherKeysGiven { .. } => vec!["leave --pki out: the keys that exist are kept".into()],
            Self::Patch(_) => vec![PATCH_REMEDY.to_owned()],
            Self::Pki { source, .. } => source.hints(),
        }
    }
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

/// Who, in which file, connecting where.
type KubeconfigFile<'a> = (Kubeconfig, &'a str, &'a str);

const fn name_of(kubeconfig: Kubeconfig) -> LeafName {
    match kubeconfig {
        Kubeconfig::Admin => LeafName::Admin,
        Kubeconfig::SuperAdmin => LeafName::SuperAdmin,
        Kubeconfig::ControllerManager => LeafName::ControllerManager,
        Kubeconfig::Scheduler => LeafName::Scheduler,
    }
}

struct Decision<'a> {
    inputs: &'a Inputs<'a>,
    names: ObjectNames<'a>,
    now: Timestamp,
    reissued: Vec<Reissued>,
    ends: Vec<Timestamp>,
}

impl Decision<'_> {
    fn run(mut self, ambient: &mut Ambient) -> Result<Desired, Error> {
        let spec = self.inputs.spec;
        let main = self.authority("certificate authority", &self.names.ca(), ["ca.crt", "ca.key"], "kubernetes")?;
        let fingerprint =
            pki::inspect(&main.certificate).map_err(|e| self.pki("the certificate authority", e))?.public_key_sha256;
        if self.inputs.recorded_ca.is_some_and(|recorded| recorded != fingerprint) && !self.takes_over(&fingerprint) {
            return Err(Error::AuthorityChanged { plane: spec.name.to_string(), secret: self.place(&self.names.ca()) });
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
        let mut step = Step::Identity;
        let Rotating { bundle, keys, authorities } = rotating(self.inputs, self.names)?;
        let Authorities { signer: ca, trusted } =
            authorities.unwrap_or_else(|| Authorities { trusted: main.certificate.clone(), signer: main });
        if let (Some(address), Some(datastore)) = (self.inputs.address, self.inputs.datastore) {
            step = Step::Complete;
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
            (rotation.of, rotation.phase) == (Rotated::CertificateAuthority, RotationPhase::Drop)
                && rotation.key.as_deref() == Some(fingerprint)
        })
    }

    /// The existing authority, else the given one, else a new one.
    fn authority(
        &mut self,
        what: &'static str,
        secret: &str,
        [certificate, key]: [&str; 2],
        common_name: &str,
    ) -> Result<KeyAndCertificate, Error> {
        let plane = || self.inputs.spec.name.to_string();
        let given = match common_name {
            "kubernetes" => self.inputs.given.ca.as_ref(),
            _ => self.inputs.given.front_proxy_ca.as_ref(),
        };
        let pair = match (self.value(secret, certificate), self.value(secret, key)) {
            (Some(certificate), Some(key)) => {
                let existing = KeyAndCertificate { certificate: certificate.expose_secret().to_owned(), key };
                if given.is_some_and(|given| given.certificate.trim() != existing.certificate.trim()) {
                    return Err(Error::OtherKeysGiven { plane: plane(), what });
                }
                existing
            }
            _ if self.inputs.recorded_ca.is_some() => {
                return Err(Error::AuthorityLost { plane: plane(), secret: self.place(secret) });
            }
            _ => match given {
                Some(given) => given.clone(),
                None => pki::issue_ca(common_name, &self.inputs.spec.certificates, self.now)
                    .map_err(|source| self.pki(what, source))?,
            },
        };
        let facts = pki::inspect(&pair.certificate).map_err(|source| self.pki(what, source))?;
        self.ends.push(facts.not_after);
        Ok(pair)
    }

    fn service_account_key(&self) -> Result<KeyPair, Error> {
        let what = "service account key";
        let secret = self.names.service_account_key();
        if let (Some(public), Some(private)) = (self.value(&secret, "sa.pub"), self.value(&secret, "sa.key")) {
            let existing = KeyPair { public: public.expose_secret().to_owned(), private };
            let given = self.inputs.given.service_account.as_ref();
            if given.is_some_and(|given| given.public.trim() != existing.public.trim()) {
                return Err(Error::OtherKeysGiven { plane: self.inputs.spec.name.to_string(), what });
            }
            return Ok(existing);
        }
        if self.inputs.recorded_ca.is_some() {
            return Err(Error::AuthorityLost { plane: self.inputs.spec.name.to_string(), secret: self.place(&secret) });
        }
        match &self.inputs.given.service_account {
            Some(given) => Ok(given.clone()),
            None => pki::generate_key_pair(self.inputs.spec.certificates.algorithm).map_err(|e| self.pki(what, e)),
        }
    }

    /// The existing leaf certificate if it still serves and no new one is asked for, else a new one.
    fn leaf(
        &mut self,
        name: LeafName,
        what: &str,
        leaf: &pki::Leaf,
        existing: Option<KeyAndCertificate>,
        ca: &KeyAndCertificate,
    ) -> Result<KeyAndCertificate, Error> {
        let facts = existing.as_ref().and_then(|pair| pki::inspect(&pair.certificate).ok());
        let ended = facts.as_ref().map(|facts| facts.not_after);
        let why = match &existing {
            None => None,
            Some(pair) => pki::why_not_usable(leaf, pair, &ca.certificate, self.now).or_else(|| {
                let has = facts.map(|facts| facts.sans).unwrap_or_default();
                if let Some(san) = self.inputs.reissue.unwanted(name, &has, &leaf.sans) {
                    return Some(format!("without the name {san}"));
                }
                let asked = ended.is_some_and(|end| self.inputs.reissue.asks_for(name, end, self.now));
                asked.then(|| "asked for".to_owned())
            }),
        };
        let pair = match (existing, &why) {
            (Some(pair), None) => pair,
            (None, _) | (_, Some(_)) => {
                pki::issue_leaf(leaf, ca, &self.inputs.spec.certificates, self.now).map_err(|e| self.pki(what, e))?
            }
        };
        let ends = pki::inspect(&pair.certificate).map_err(|e| self.pki(what, e))?.not_after;
        if let Some(why) = why {
            self.reissued.push(Reissued { leaf: name, what: what.to_owned(), why, ended, ends });
        }
        self.ends.push(ends);
        Ok(pair)
    }

    fn certificates(
        &mut self,
        ca: &KeyAndCertificate,
        front_proxy_ca: &KeyAndCertificate,
        address: &Address,
    ) -> Result<Vec<Manifest>, Error> {
        let sans = address.sans();
        let table = [
            (Certificate::ApiServer, self.names.api_server(), LeafName::ApiServer, ca),
            (Certificate::ApiServerKubeletClient, self.names.kubelet_client(), LeafName::ApiServerKubeletClient, ca),
            (
                Certificate::FrontProxyClient,
                self.names.front_proxy_client(),
                LeafName::FrontProxyClient,
                front_proxy_ca,
            ),
        ];
        let mut manifests = Vec::new();
        for (certificate, secret, file, signer) in table {
            let leaf = pki::leaf_of(certificate, self.inputs.spec, self.inputs.id, &sans);
            let (crt, key) = (format!("{file}.crt"), format!("{file}.key"));
            let existing = self.pair(&secret, &crt, &key);
            let pair = self.leaf(file, &format!("certificate {file}"), &leaf, existing, signer)?;
            let data = [(crt.as_str(), pair.certificate.into()), (key.as_str(), pair.key)];
            manifests.push(self.secret(secret, "certificate", Write::Apply, &data));
        }
        Ok(manifests)
    }

    fn kubeconfigs(
        &mut self,
        ca: &KeyAndCertificate,
        trusted: &str,
        address: &Address,
    ) -> Result<Vec<Manifest>, Error> {
        let spec = self.inputs.spec;
        let outside = address.endpoint.url();
        let service = format!("https://{}.{}.svc:{}", spec.name, spec.namespace, address.secure_port);
        let local = format!("https://127.0.0.1:{}", address.secure_port);
        let table: [(String, &[KubeconfigFile<'_>]); 3] = [
            (
                self.names.admin_kubeconfig(),
                &[
                    (Kubeconfig::Admin, "admin.conf", &outside),
                    (Kubeconfig::Admin, "admin.svc", &service),
                    (Kubeconfig::SuperAdmin, "super-admin.conf", &outside),
                    (Kubeconfig::SuperAdmin, "super-admin.svc", &service),
                ],
            ),
            (
                self.names.controller_manager_kubeconfig(),
                &[(Kubeconfig::ControllerManager, "controller-manager.conf", &local)],
            ),
            (self.names.scheduler_kubeconfig(), &[(Kubeconfig::Scheduler, "scheduler.conf", &local)]),
        ];
        let mut manifests = Vec::new();
        for (secret, files) in table {
            let mut data = Vec::new();
            for (kind, file, server) in files {
                let leaf = pki::kubeconfig_leaf(*kind);
                let text = self.value(&secret, file);
                let existing =
                    text.and_then(|text| pki::kubeconfig_client(text.expose_secret()).ok()).map(|(pair, _, _)| pair);
                let pair = self.leaf(name_of(*kind), file, &leaf, existing, ca)?;
                let yaml = pki::kubeconfig_yaml(&spec.cluster_name, &leaf.common_name, server, trusted, &pair);
                data.push((*file, yaml));
            }
            manifests.push(self.secret(secret, "kubeconfig", Write::Apply, &data));
        }
        Ok(manifests)
    }

    fn datastore_secrets(&mut self, datastore: &DatastoreAuthority) -> Result<Vec<Manifest>, Error> {
        let secret = self.names.datastore_certificate();
        let leaf = pki::leaf_of(Certificate::DatastoreClient, self.inputs.spec, self.inputs.id, &[]);
        let existing = self.pair(&secret, "server.crt", "server.key");
        let pair = self.leaf(LeafName::DatastoreClient, "datastore certificate", &leaf, existing, &datastore.ca)?;
        let certificate = self.secret(
            secret,
            "datastore",
            Write::Apply,
            &[
                ("ca.crt", datastore.ca.certificate.clone().into()),
                ("server.crt", pair.certificate.into()),
                ("server.key", pair.key),
            ],
        );
        let id = self.inputs.id.to_string();
        let config = self.secret(
            self.names.datastore_config(),
            "datastore",
            Write::Apply,
            &[
                ("DB_CONNECTION_STRING", datastore.endpoints.join(",").into()),
                ("DB_SCHEMA", id.clone().into()),
                ("DB_USER", id.into()),
                ("DB_PASSWORD", SecretString::default()),
            ],
        );
        Ok(vec![certificate, config])
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
            let closed = live.surroundings.closed_to(spec, live);
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
        let lost =
            |file: &&GivenFile| file.content.is_none() && self.inputs.live.get(&render::file_ref(spec, file)).is_none();
        if let Some(file) = spec.extras.files.iter().find(lost) {
            let object = render::file_ref(spec, file).to_string();
            return Err(Error::FileLost { plane: spec.name.to_string(), path: file.path.clone(), object });
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
        Error::EncryptionLost { plane: self.inputs.spec.name.to_string(), secret: self.place(&self.names.encryption()) }
    }

    fn place(&self, secret: &str) -> String {
        format!("{}/{secret}", self.inputs.spec.namespace)
    }

    fn pki(&self, what: &str, source: pki::Error) -> Error {
        Error::Pki { plane: self.inputs.spec.name.to_string(), what: what.to_owned(), source }
    }
}
