//! Builds CAs, keys, certificates and kubeconfigs. Usable ones are kept, the others are issued.

use secrecy::{ExposeSecret as _, SecretString};

use super::Decision;
use super::error::Error;
use crate::model::CertificateName;
use crate::pki::{self, Certificate, KeyAndCertificate, KeyPair, Kubeconfig};
use crate::plan::certificates::renewal::RenewedCertificate;
use crate::plan::datastore::authority::DatastoreAuthority;
use crate::render::{Address, Manifest, Write};

/// The user, file and server of a kubeconfig.
type KubeconfigFile<'a> = (Kubeconfig, &'a str, &'a str);

const fn name_of(kubeconfig: Kubeconfig) -> CertificateName {
    match kubeconfig {
        Kubeconfig::Admin => CertificateName::Admin,
        Kubeconfig::SuperAdmin => CertificateName::SuperAdmin,
        Kubeconfig::ControllerManager => CertificateName::ControllerManager,
        Kubeconfig::Scheduler => CertificateName::Scheduler,
    }
}

impl Decision<'_> {
    /// The existing CA, otherwise the supplied one, otherwise a new one.
    pub(crate) fn ca(
        &mut self,
        what: &'static str,
        secret: &str,
        [certificate, key]: [&str; 2],
        common_name: &str,
    ) -> Result<KeyAndCertificate, Error> {
        let control_plane = || self.inputs.spec.name.to_string();
        let supplied = match common_name {
            "kubernetes" => self.inputs.supplied.ca.as_ref(),
            _ => self.inputs.supplied.front_proxy_ca.as_ref(),
        };
        let pair = match (self.value(secret, certificate), self.value(secret, key)) {
            (Some(certificate), Some(key)) => {
                let existing = KeyAndCertificate { certificate: certificate.expose_secret().to_owned(), key };
                if supplied.is_some_and(|supplied| supplied.certificate.trim() != existing.certificate.trim()) {
                    return Err(Error::SuppliedKeyConflict { control_plane: control_plane(), what });
                }
                existing
            }
            _ if self.inputs.recorded_ca.is_some() => {
                return Err(Error::CaLost { control_plane: control_plane(), secret: self.full_name(secret) });
            }
            _ => match supplied {
                Some(supplied) => supplied.clone(),
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
            let supplied = self.inputs.supplied.service_account.as_ref();
            if supplied.is_some_and(|supplied| supplied.public.trim() != existing.public.trim()) {
                return Err(Error::SuppliedKeyConflict { control_plane: self.inputs.spec.name.to_string(), what });
            }
            return Ok(existing);
        }
        if self.inputs.recorded_ca.is_some() {
            let control_plane = self.inputs.spec.name.to_string();
            return Err(Error::ServiceAccountKeyLost { control_plane, secret: self.full_name(&secret) });
        }
        match &self.inputs.supplied.service_account {
            Some(supplied) => Ok(supplied.clone()),
            None => pki::generate_key_pair(self.inputs.spec.certificates.algorithm).map_err(|e| self.pki(what, e)),
        }
    }

    /// The existing leaf certificate if it is usable and no renewal is requested, otherwise a new one.
    fn leaf(
        &mut self,
        name: CertificateName,
        what: &str,
        leaf: &pki::Leaf,
        existing: Option<KeyAndCertificate>,
        ca: &KeyAndCertificate,
    ) -> Result<KeyAndCertificate, Error> {
        let facts = existing.as_ref().and_then(|pair| pki::inspect(&pair.certificate).ok());
        let old_expiry = facts.as_ref().map(|facts| facts.not_after);
        let reason = match &existing {
            None => None,
            Some(pair) => pki::renewal_reason(leaf, pair, &ca.certificate, self.now).or_else(|| {
                let has = facts.map(|facts| facts.sans).unwrap_or_default();
                if let Some(san) = self.inputs.reissue.removed_san(name, &has, &leaf.sans) {
                    return Some(format!("SAN {san} was removed"));
                }
                let requested = old_expiry.is_some_and(|end| self.inputs.reissue.includes(name, end, self.now));
                requested.then(|| "renewal requested".to_owned())
            }),
        };
        let pair = match (existing, &reason) {
            (Some(pair), None) => pair,
            (None, _) | (_, Some(_)) => {
                pki::issue_leaf(leaf, ca, &self.inputs.spec.certificates, self.now).map_err(|e| self.pki(what, e))?
            }
        };
        let new_expiry = pki::inspect(&pair.certificate).map_err(|e| self.pki(what, e))?.not_after;
        if let Some(reason) = reason {
            self.reissued.push(RenewedCertificate {
                leaf: name,
                name: what.to_owned(),
                reason,
                old_expiry,
                new_expiry,
            });
        }
        self.ends.push(new_expiry);
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
            (Certificate::ApiServer, self.names.api_server(), CertificateName::ApiServer, ca),
            (
                Certificate::ApiServerKubeletClient,
                self.names.kubelet_client(),
                CertificateName::ApiServerKubeletClient,
                ca,
            ),
            (
                Certificate::FrontProxyClient,
                self.names.front_proxy_client(),
                CertificateName::FrontProxyClient,
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
        let pair =
            self.leaf(CertificateName::DatastoreClient, "datastore certificate", &leaf, existing, &datastore.ca)?;
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
