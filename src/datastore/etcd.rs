//! The connection to an etcd as its administrator: version and authentication. What a single control plane has there
//! is `etcd_tenant`.

use std::future::Future;
use std::time::Duration;

use etcd_client::{Certificate, Client, ConnectOptions, Identity, TlsOptions, UserAddOptions};
use secrecy::ExposeSecret;

use super::refusal::{AUTH_FAILED, AUTH_OFF, Address, ROLE_EXISTS, USER_EXISTS, USER_NOT_FOUND};
use super::{Change, Error, TlsIdentity, vulnerable};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// The administrator and its role; etcd knows both by this name.
const ROOT: &str = "root";
/// A user that never exists. Its name is what etcd's log shows when we ask whether authentication is on.
const NOBODY: &str = "kamaji-asks-whether-auth-is-enabled";

/// A connection to one etcd as user `root`.
pub struct EtcdAdmin {
    pub(super) client: Client,
    pub(super) at: Address,
}

impl EtcdAdmin {
    /// Connects to `endpoint` (`host:port`, also the near end of a tunnel); the server must prove to be `server_name`.
    ///
    /// The common name of the identity's certificate must be `root`: [`Self::ensure_auth`] would lock out any other.
    pub async fn connect(endpoint: &str, server_name: &str, identity: &TlsIdentity) -> Result<Self, Error> {
        let at = Address { endpoint: endpoint.to_owned(), server_name: server_name.to_owned() };
        let tls = TlsOptions::new()
            .domain_name(server_name)
            .ca_certificate(Certificate::from_pem(&identity.ca))
            .identity(Identity::from_pem(&identity.certificate, identity.key.expose_secret()));
        let options = ConnectOptions::new().with_tls(tls).with_connect_timeout(CONNECT_TIMEOUT);
        let url = format!("https://{endpoint}");
        let client = ask(&at, "connect", Client::connect([url], Some(options))).await?;
        let mut admin = Self { client, at };
        // The client connects with the first request; the caller wants to know now.
        admin.version().await?;
        Ok(admin)
    }

    /// The version of the server, for example `3.7.3`.
    pub async fn version(&mut self) -> Result<String, Error> {
        let status = ask(&self.at, "tell its version", self.client.status()).await?;
        Ok(status.version().to_owned())
    }

    /// The version, unless it has a published hole between tenants ([`vulnerable`]).
    pub async fn check_version(&mut self) -> Result<String, Error> {
        let version = self.version().await?;
        match vulnerable(&version) {
            None => Ok(version),
            Some(reason) => Err(Error::Vulnerable { endpoint: self.at.endpoint.clone(), version, reason }),
        }
    }

    /// Switches authentication on, with `root` as the administrator. Nothing is written where it is on already; a
    /// run that was interrupted is completed.
    pub async fn ensure_auth(&mut self) -> Result<Change, Error> {
        if self.auth_enabled().await? {
            return Ok(Change::Unchanged);
        }
        let no_password = Some(UserAddOptions::new().with_no_pwd());
        let added = ask(&self.at, "add user `root`", self.client.user_add(ROOT, "", no_password)).await;
        changed_unless(added, USER_EXISTS)?;
        let added = ask(&self.at, "add role `root`", self.client.role_add(ROOT)).await;
        changed_unless(added, ROLE_EXISTS)?;
        let root = ask(&self.at, "read user `root`", self.client.user_get(ROOT)).await?;
        if !root.roles().iter().any(|role| role == ROOT) {
            ask(&self.at, "grant `root` its role", self.client.user_grant_role(ROOT, ROOT)).await?;
        }
        ask(&self.at, "enable authentication", self.client.auth_enable()).await?;
        // Answers only to a root: a certificate of another name must not go unnoticed here.
        ask(&self.at, "read user `root`", self.client.user_get(ROOT)).await?;
        Ok(Change::Changed)
    }

    /// Whether authentication is on, by a login that cannot succeed: the client has no call for it, and the answer
    /// differs. Nothing is written.
    pub(super) async fn auth_enabled(&mut self) -> Result<bool, Error> {
        let mut auth = self.client.auth_client();
        let doing = "tell whether authentication is on";
        match ask(&self.at, doing, auth.authenticate(NOBODY.to_owned(), String::new())).await {
            Ok(_) => Ok(true),
            Err(error) if error.says(AUTH_FAILED) || error.says(USER_NOT_FOUND) => Ok(true),
            Err(error) if error.says(AUTH_OFF) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// Waits for an answer, not longer than [`REQUEST_TIMEOUT`].
pub(super) async fn ask<T>(
    at: &Address,
    doing: &str,
    request: impl Future<Output = Result<T, etcd_client::Error>>,
) -> Result<T, Error> {
    match tokio::time::timeout(REQUEST_TIMEOUT, request).await {
        Err(_) => Err(at.silent(doing, REQUEST_TIMEOUT.as_secs())),
        Ok(answer) => answer.map_err(|error| at.explain(doing, &error)),
    }
}

/// Whether something was written; an answer in these `words` means that it was so already.
pub(super) fn changed_unless<T>(answer: Result<T, Error>, words: &str) -> Result<Change, Error> {
    match answer {
        Ok(_) => Ok(Change::Changed),
        Err(error) if error.says(words) => Ok(Change::Unchanged),
        Err(error) => Err(error),
    }
}
