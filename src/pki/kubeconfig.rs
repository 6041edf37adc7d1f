//! Kubeconfigs with an embedded client certificate, as kubeadm writes them, and reading such a file back.
//!
//! A kubeconfig from outside can name programs to run and files to read. Nothing here runs or opens anything: what is
//! not embedded is refused.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::ExposeSecret as _;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::Value;
use serde_json::json;
use zeroize::Zeroize as _;
use zeroize::Zeroizing;

use super::Error;
use super::KeyAndCertificate;

/// The kubeconfig as a value. It contains the private key.
#[must_use]
pub fn kubeconfig_document(
    cluster_name: &str,
    user: &str,
    server: &str,
    ca_pem: &str,
    client: &KeyAndCertificate,
) -> Value {
    let context = format!("{user}@{cluster_name}");
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{
            "name": cluster_name,
            "cluster": { "certificate-authority-data": STANDARD.encode(ca_pem), "server": server },
        }],
        "contexts": [{ "name": context, "context": { "cluster": cluster_name, "user": user } }],
        "current-context": context,
        "users": [{
            "name": user,
            "user": {
                "client-certificate-data": STANDARD.encode(&client.certificate),
                "client-key-data": STANDARD.encode(client.key.expose_secret()),
            },
        }],
    })
}

/// The kubeconfig as kubeadm writes it: context `user@cluster`, everything embedded.
#[must_use]
pub fn kubeconfig_yaml(
    cluster_name: &str,
    user: &str,
    server: &str,
    ca_pem: &str,
    client: &KeyAndCertificate,
) -> SecretString {
    let document = kubeconfig_document(cluster_name, user, server, ca_pem, client);
    // JSON is YAML as well, should the writer ever refuse.
    serde_saphyr::to_string(&document).unwrap_or_else(|_| document.to_string()).into()
}

/// Reads the client certificate with its key, the server and the authority (PEM) of the current context.
pub fn kubeconfig_client(yaml: &str) -> Result<(KeyAndCertificate, String, String), Error> {
    // The parser's own message may quote the line, and with it a key: only the place is told.
    let file: File = serde_saphyr::from_str(yaml).map_err(|error| {
        let place = error.location().map_or_else(String::new, |place| format!(" (line {})", place.line()));
        refuse(format!("it is not a kubeconfig{place}"))
    })?;
    let (cluster, user) = file.current()?;
    let forbidden = [
        (cluster.certificate_authority.is_some(), "certificate-authority"),
        (cluster.insecure_skip_tls_verify == Some(true), "insecure-skip-tls-verify"),
        (cluster.proxy_url.is_some(), "proxy-url"),
        (user.client_certificate.is_some(), "client-certificate"),
        (user.client_key.is_some(), "client-key"),
        (user.exec.is_some(), "exec"),
        (user.auth_provider.is_some(), "auth-provider"),
        (user.token_file.is_some(), "tokenFile"),
    ];
    if let Some((_, field)) = forbidden.iter().find(|(present, _)| *present) {
        return Err(refuse(format!("`{field}` is not followed, only what the file itself contains is used")));
    }
    let server = cluster.server.clone().ok_or_else(|| refuse("`server` is missing".to_owned()))?;
    let ca = embedded("certificate-authority-data", cluster.certificate_authority_data.as_ref())?;
    let certificate = embedded("client-certificate-data", user.client_certificate_data.as_ref())?;
    let key = embedded("client-key-data", user.client_key_data.as_ref())?;
    let client = KeyAndCertificate { certificate: certificate.to_string(), key: SecretString::from(key.as_str()) };
    Ok((client, server, ca.to_string()))
}

fn embedded(field: &str, value: Option<impl AsRef<str>>) -> Result<Zeroizing<String>, Error> {
    let value = value.ok_or_else(|| refuse(format!("`{field}` is missing")))?;
    let bytes = STANDARD.decode(value.as_ref().trim()).map_err(|_| refuse(format!("`{field}` is not base64")))?;
    String::from_utf8(bytes).map(Zeroizing::new).map_err(|_| refuse(format!("`{field}` is not PEM")))
}

fn refuse(problem: String) -> Error {
    Error::Kubeconfig { problem }
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct File {
    #[serde(default)]
    clusters: Vec<NamedCluster>,
    #[serde(default)]
    contexts: Vec<NamedContext>,
    #[serde(default)]
    current_context: String,
    #[serde(default)]
    users: Vec<NamedUser>,
}

impl File {
    /// The cluster and the user of the current context; of the only context when none is current.
    fn current(&self) -> Result<(&Cluster, &User), Error> {
        let context = match (self.current_context.as_str(), self.contexts.as_slice()) {
            ("", [only]) => Some(only),
            ("", _) => return Err(refuse("it has no current-context".to_owned())),
            (name, contexts) => contexts.iter().find(|context| context.name == name),
        };
        let context = &context.ok_or_else(|| refuse("its current-context does not exist".to_owned()))?.context;
        let cluster = self.clusters.iter().find(|cluster| cluster.name == context.cluster);
        let user = self.users.iter().find(|user| user.name == context.user);
        match (cluster, user) {
            (Some(cluster), Some(user)) => Ok((&cluster.cluster, &user.user)),
            (None, _) => Err(refuse("the cluster of its context does not exist".to_owned())),
            (Some(_), None) => Err(refuse("the user of its context does not exist".to_owned())),
        }
    }
}

#[derive(Deserialize)]
struct NamedCluster {
    name: String,
    cluster: Cluster,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Cluster {
    server: Option<String>,
    certificate_authority_data: Option<String>,
    certificate_authority: Option<String>,
    insecure_skip_tls_verify: Option<bool>,
    proxy_url: Option<String>,
}

#[derive(Deserialize)]
struct NamedContext {
    name: String,
    context: Context,
}

#[derive(Deserialize)]
struct Context {
    cluster: String,
    user: String,
}

#[derive(Deserialize)]
struct NamedUser {
    name: String,
    user: User,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct User {
    client_certificate_data: Option<String>,
    client_key_data: Option<String>,
    client_certificate: Option<String>,
    client_key: Option<String>,
    exec: Option<Value>,
    auth_provider: Option<Value>,
    #[serde(rename = "tokenFile")]
    token_file: Option<String>,
}

impl Drop for User {
    fn drop(&mut self) {
        self.client_key_data.zeroize();
    }
}
