//! The connection to an etcd as its administrator: version and authentication. What a single control plane has there
//! is `etcd_tenant`.

use std::future::Future;
use std::time::Duration;

use etcd_client::{Certificate, Client, ConnectOptions, Identity, TlsOptions, UserAddOptions, UserAddResponse};
use secrecy::ExposeSecret;

use super::refusal::{AUTH_CHANGED, AUTH_FAILED, AUTH_OFF, Address, ROLE_EXISTS, USER_EXISTS, about_us};
use super::{Change, Error, TlsIdentity, vulnerable};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// How often a request is sent that met a change of users or a broken connection, and the time between.
const ATTEMPTS: u32 = 20;
const PAUSE: Duration = Duration::from_millis(50);
/// The administrator and its role; etcd knows both by this name.
const ROOT: &str = "root";
/// A user that never exists. Its name is what etcd's log shows when we ask whether authentication is on.
const NOBODY: &str = "kamaji-asks-whether-auth-is-enabled";

/// A connection to one etcd as user `root`.
pub struct EtcdAdmin {
    client: Client,
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
        let client = Client::connect([url], Some(options)).await.map_err(|error| at.explain("connect", &error))?;
        let mut admin = Self { client, at };
        // The client connects with the first request; the caller wants to know now.
        admin.answer_or_reason().await?;
        Ok(admin)
    }

    /// A server that refuses our certificate says so only after the handshake (TLS 1.3), and its word is lost when the
    /// connection breaks first. Then another try is worth more than a wrong "try again".
    async fn answer_or_reason(&mut self) -> Result<(), Error> {
        let mut attempt = 1;
        loop {
            match self.version().await {
                Err(error) if error.is_hang_up() && attempt < ATTEMPTS => tokio::time::sleep(PAUSE).await,
                answer => return answer.map(drop),
            }
            attempt += 1;
        }
    }

    /// The version of the server, for example `3.7.3`.
    pub async fn version(&mut self) -> Result<String, Error> {
        let status = self.ask("tell its version", |mut etcd| async move { etcd.status().await }).await?;
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
            self.check_root().await?;
            return Ok(Change::Unchanged);
        }
        let added = self.ask("add user `root`", |mut etcd| async move { add_user(&mut etcd, ROOT).await }).await;
        changed_unless(added, USER_EXISTS)?;
        let added = self.ask("add role `root`", |mut etcd| async move { etcd.role_add(ROOT).await }).await;
        changed_unless(added, ROLE_EXISTS)?;
        let root = self.ask("read user `root`", |mut etcd| async move { etcd.user_get(ROOT).await }).await?;
        if !root.roles().iter().any(|role| role == ROOT) {
            let doing = "grant `root` its role";
            self.ask(doing, |mut etcd| async move { etcd.user_grant_role(ROOT, ROOT).await }).await?;
        }
        self.ask("enable authentication", |mut etcd| async move { etcd.auth_enable().await }).await?;
        self.check_root().await?;
        Ok(Change::Changed)
    }

    /// Only a root gets an answer: a certificate of another name must not go unnoticed.
    async fn check_root(&self) -> Result<(), Error> {
        let answer = self.ask("read user `root`", |mut etcd| async move { etcd.user_get(ROOT).await }).await;
        answer.map(drop).map_err(about_us)
    }

    /// Whether authentication is on, by a login that cannot succeed: the client has no call for it, and the answer
    /// differs. Nothing is written.
    pub(super) async fn auth_enabled(&self) -> Result<bool, Error> {
        let log_in =
            |etcd: Client| async move { etcd.auth_client().authenticate(NOBODY.to_owned(), String::new()).await };
        match self.ask("tell whether authentication is on", log_in).await {
            Ok(_) => Ok(true),
            Err(error) if error.says(AUTH_FAILED) => Ok(true),
            Err(error) if error.says(AUTH_OFF) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Sends a request and waits for the answer, not longer than [`REQUEST_TIMEOUT`]. Asks again when users or roles
    /// changed meanwhile; every request of ours can be sent twice.
    pub(super) async fn ask<T, F>(&self, doing: &str, request: impl Fn(Client) -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, etcd_client::Error>>,
    {
        let mut attempt = 1;
        loop {
            let error = match tokio::time::timeout(REQUEST_TIMEOUT, request(self.client.clone())).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(error)) => self.at.explain(doing, &error),
                Err(_) => return Err(self.at.silent(doing, REQUEST_TIMEOUT.as_secs())),
            };
            if attempt == ATTEMPTS || !error.says(AUTH_CHANGED) {
                return Err(error);
            }
            attempt += 1;
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// Adds a user that can only log in by a client certificate of its name.
pub(super) async fn add_user(etcd: &mut Client, name: &str) -> Result<UserAddResponse, etcd_client::Error> {
    etcd.user_add(name, "", Some(UserAddOptions::new().with_no_pwd())).await
}

/// Whether something was written; an answer in these `words` means that it was so already.
pub(super) fn changed_unless<T>(answer: Result<T, Error>, words: &str) -> Result<Change, Error> {
    match answer {
        Ok(_) => Ok(Change::Changed),
        Err(error) if error.says(words) => Ok(Change::Unchanged),
        Err(error) => Err(error),
    }
}
