//! Kubeconfigs with an embedded client certificate, as kubeadm writes them, and reading such a file back.
//!
//! A kubeconfig from outside can name programs to run and files to read. Nothing here runs or opens anything: what is
//! not embedded is refused.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};
use zeroize::{Zeroize as _, Zeroizing};

use super::{Error, KeyAndCertificate};

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
    written(&kubeconfig_document(cluster_name, user, server, ca_pem, client))
}

/// A kubeconfig for a way round: connects to `server`, and verifies the certificate there by `name`.
#[must_use]
pub fn kubeconfig_via(
    cluster_name: &str,
    server: &str,
    name: &str,
    ca_pem: &str,
    client: &KeyAndCertificate,
) -> SecretString {
    let mut document = kubeconfig_document(cluster_name, "kamaji", server, ca_pem, client);
    document["clusters"][0]["cluster"]["tls-server-name"] = json!(name);
    written(&document)
}

fn written(document: &Value) -> SecretString {
    crate::yaml::write(document).into()
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

#[cfg(test)]
mod tests {
    use super::super::fixtures::fixture;
    use super::super::fixtures::pair;
    use super::*;
    use crate::error::Advice as _;

    fn written() -> String {
        let client = pair(fixture!("rsa-pkcs8.crt"), fixture!("rsa-pkcs8.key"));
        let ca = std::str::from_utf8(fixture!("ec-sec1.crt")).unwrap();
        kubeconfig_yaml("yes", "kubernetes-admin", "https://10.0.0.1:6443", ca, &client).expose_secret().to_owned()
    }

    #[test]
    fn it_looks_as_kubeadm_writes_it() {
        let shortened: Vec<String> = written().lines().map(|line| line.chars().take(70).collect()).collect();
        insta::assert_snapshot!(shortened.join("\n"), @r#"
        apiVersion: v1
        clusters:
        - cluster:
            certificate-authority-data: LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk
            server: https://10.0.0.1:6443
          name: "yes"
        contexts:
        - context:
            cluster: "yes"
            user: kubernetes-admin
          name: kubernetes-admin@yes
        current-context: kubernetes-admin@yes
        kind: Config
        users:
        - name: kubernetes-admin
          user:
            client-certificate-data: LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JS
            client-key-data: LS0tLS1CRUdJTiBQUklWQVRFIEtFWS0tLS0tCk1JSUV2d0lCQ
        "#);
    }

    #[test]
    fn what_was_written_is_read_back() {
        let (client, server, ca) = kubeconfig_client(&written()).unwrap();
        assert_eq!(client.certificate.as_bytes(), fixture!("rsa-pkcs8.crt"));
        assert_eq!(client.key.expose_secret().as_bytes(), fixture!("rsa-pkcs8.key"));
        assert_eq!(server, "https://10.0.0.1:6443");
        assert_eq!(ca.as_bytes(), fixture!("ec-sec1.crt"));
    }

    #[test]
    fn what_points_outside_the_file_is_refused() {
        let key = "    client-key-data:";
        for (field, text) in [
            ("exec", "    exec: {command: /bin/evil}"),
            ("client-certificate", "    client-certificate: /etc/shadow"),
            ("tokenFile", "    tokenFile: /etc/shadow"),
            ("auth-provider", "    auth-provider: {name: x}"),
        ] {
            let hostile = written().replace(key, &format!("{text}\n{key}"));
            let error = kubeconfig_client(&hostile).unwrap_err();
            assert!(error.to_string().contains(&format!("`{field}` is not followed")), "{error}");
            assert!(!error.hints().is_empty());
        }
        let server = "    server: ";
        for field in ["insecure-skip-tls-verify: true", "proxy-url: http://evil"] {
            let hostile = written().replace(server, &format!("    {field}\n{server}"));
            assert!(kubeconfig_client(&hostile).unwrap_err().to_string().contains("is not followed"), "{field}");
        }
    }

    #[test]
    fn a_broken_file_is_refused_without_repeating_it() {
        let broken = written().replace("client-key-data: ", "client-key-data: [\"");
        let error = kubeconfig_client(&broken).unwrap_err();
        assert!(error.to_string().contains("it is not a kubeconfig"), "{error}");
        assert!(!format!("{error:?} {error}").contains("LS0t"), "{error:?}");
    }

    #[test]
    fn missing_parts_are_named() {
        let why = |from: &str, to: &str| kubeconfig_client(&written().replace(from, to)).unwrap_err().to_string();
        assert!(why("client-key-data", "x").contains("`client-key-data` is missing"));
        assert!(why("current-context: ", "current-context: x").contains("its current-context does not exist"));
        assert!(why("client-key-data: LS", "client-key-data: '!' # LS").contains("`client-key-data` is not base64"));
        assert!(kubeconfig_client("").is_err());
        assert!(kubeconfig_client("[]").is_err());
    }
}
