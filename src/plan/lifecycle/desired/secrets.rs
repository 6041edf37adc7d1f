//! Authorities, keys, certificates and kubeconfigs: what exists and still serves is kept, the rest is made here.

use secrecy::{ExposeSecret as _, SecretString};

use super::Decision;
use super::error::Error;
use crate::model::LeafName;
use crate::pki::{self, Certificate, KeyAndCertificate, KeyPair, Kubeconfig};
use crate::plan::certificates::renewal::RenewedCertificate;
use crate::plan::datastore::authority::DatastoreAuthority;
use crate::render::{Address, Manifest, Write};

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

impl Decision<'_> {
    /// The existing authority, else the given one, else a new one.
    pub(crate) fn authority(
        &mut self,
        what: &'static str,
        secret: &str,
        [certificate, key]: [&str; 2],
        common_name: &str,
    ) -> Result<KeyAndCertificate, Error> {
        let control_plane = || self.inputs.spec.name.to_string();
        let given = match common_name {
            "kubernetes" => self.inputs.given.ca.as_ref(),
            _ => self.inputs.given.front_proxy_ca.as_ref(),
        };
        let pair = match (self.value(secret, certificate), self.value(secret, key)) {
            (Some(certificate), Some(key)) => {
                let existing = KeyAndCertificate { certificate: certificate.expose_secret().to_owned(), key };
                if given.is_some_and(|given| given.certificate.trim() != existing.certificate.trim()) {
                    return Err(Error::OtherKeysGiven { control_plane: control_plane(), what });
                }
                existing
            }
            _ if self.inputs.recorded_ca.is_some() => {
                return Err(Error::AuthorityLost { control_plane: control_plane(), secret: self.place(secret) });
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

    pub(crate) fn service_account_key(&self) -> Result<KeyPair, Error> {
        let what = "service account key";
        let secret = self.names.service_account_key();
        if let (Some(public), Some(private)) = (self.value(&secret, "sa.pub"), self.value(&secret, "sa.key")) {
            let existing = KeyPair { public: public.expose_secret().to_owned(), private };
            let given = self.inputs.given.service_account.as_ref();
            if given.is_some_and(|given| given.public.trim() != existing.public.trim()) {
                return Err(Error::OtherKeysGiven { control_plane: self.inputs.spec.name.to_string(), what });
            }
            return Ok(existing);
        }
        if self.inputs.recorded_ca.is_some() {
            let control_plane = self.inputs.spec.name.to_string();
            return Err(Error::ServiceAccountKeyLost { control_plane, secret: self.place(&secret) });
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
            self.reissued.push(RenewedCertificate { leaf: name, what: what.to_owned(), why, ended, ends });
        }
        self.ends.push(ends);
        Ok(pair)
    }

    pub(crate) fn certificates(
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

    pub(crate) fn kubeconfigs(
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

    pub(crate) fn datastore_secrets(&mut self, datastore: &DatastoreAuthority) -> Result<Vec<Manifest>, Error> {
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
}
