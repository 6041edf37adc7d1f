//! Names: of control planes, namespaces and datastores, and of every object derived from them.
//!
//! The derived names are those of the Kamaji operator, so that Cluster API, its users' scripts and a move to or
//! from the operator work. They are made in one place only: [`ObjectNames`].

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Error;

fn dns_label(what: &'static str, text: &str, may_start_with_digit: bool) -> Result<String, Error> {
    let rule = if may_start_with_digit {
        "use at most 63 lower-case letters, digits and `-`, starting and ending with a letter or digit"
    } else {
        "use at most 63 lower-case letters, digits and `-`, starting with a letter and ending with a letter or digit"
    };
    let bytes = text.as_bytes();
    let fits = (1..=63).contains(&bytes.len());
    let chars = bytes.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-');
    let first = bytes.first().is_some_and(|b| b.is_ascii_lowercase() || (may_start_with_digit && b.is_ascii_digit()));
    let last = bytes.last().is_some_and(|b| *b != b'-');
    if fits && chars && first && last { Ok(text.to_owned()) } else { Err(Error::invalid(what, text, rule)) }
}

/// Names that no control plane has.
const TAKEN: &[&str] = &["kamaji", "kamaji-system", "kube-node-lease", "kube-public", "kube-system", "kubernetes"];

macro_rules! name_type {
    ($(#[$doc:meta])* $type:ident, $what:literal, $digit:literal, $taken:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $type(String);

        impl $type {
            /// Reads and checks the name.
            pub fn parse(text: &str) -> Result<Self, Error> {
                let taken: &[&str] = $taken;
                if taken.contains(&text) {
                    let rule = "it is a name of Kubernetes' or kamaji's own, and would be mistaken for it; choose another";
                    return Err(Error::invalid($what, text, rule));
                }
                dns_label($what, text, $digit).map(Self)
            }

            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $type {
            type Error = Error;
            fn try_from(text: String) -> Result<Self, Error> {
                Self::parse(&text)
            }
        }

        impl From<$type> for String {
            fn from(name: $type) -> Self {
                name.0
            }
        }

        impl std::str::FromStr for $type {
            type Err = Error;
            fn from_str(text: &str) -> Result<Self, Error> {
                Self::parse(text)
            }
        }
    };
}

name_type! {
    /// The name of a control plane: a DNS-1035 label, because a Service carries it; and none of [`TAKEN`].
    ControlPlaneName, "control plane name", false, TAKEN
}
name_type! {
    /// A namespace of the management cluster: a DNS-1123 label.
    Namespace, "namespace", true, &[]
}
name_type! {
    /// The name of a datastore: a DNS-1035 label.
    DatastoreName, "datastore name", false, &[]
}

/// The identity of one control plane, made once: 32 lower-case hex digits.
///
/// It is the user, role and prefix in the datastore. 32 characters because that is the longest user name `MySQL` takes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ControlPlaneId(String);

impl ControlPlaneId {
    /// Reads an id.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let hex = text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        if text.len() == 32 && hex {
            Ok(Self(text.to_owned()))
        } else {
            Err(Error::invalid("control plane id", text, "it must be 32 lower-case hex digits"))
        }
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ControlPlaneId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for ControlPlaneId {
    type Error = Error;
    fn try_from(text: String) -> Result<Self, Error> {
        Self::parse(&text)
    }
}

impl From<ControlPlaneId> for String {
    fn from(id: ControlPlaneId) -> Self {
        id.0
    }
}

/// The names of the objects of one control plane in the management cluster.
#[derive(Debug, Clone, Copy)]
pub struct ObjectNames<'a>(pub &'a ControlPlaneName);

macro_rules! derived {
    ($($(#[$doc:meta])* $method:ident => $suffix:literal;)*) => {
        impl ObjectNames<'_> {
            $($(#[$doc])*
            #[must_use]
            pub fn $method(&self) -> String {
                format!("{}{}", self.0, $suffix)
            })*
        }
    };
}

derived! {
    /// The Service in front of the API server.
    service => "";
    /// The Deployment of the control plane.
    deployment => "";
    /// The `PodDisruptionBudget` of the control plane.
    disruption_budget => "";
    /// The `NetworkPolicy` of the pods.
    network_policy => "-network-policy";
    /// The `ServiceAccount` of the pods; it has no rights and its token is not mounted.
    service_account => "";
    /// The Lease that is the lock.
    lock => "-lock";
    /// The `ConfigMap` that is the record.
    record => "-record";
    /// The `ConfigMap` with the kubeadm configuration in use, as the operator has it.
    kubeadm_config => "-kubeadmconfig";
    /// The `ConfigMap` with audit policy and authentication configuration.
    policies => "-apiserver-policies";
    /// The Secret with the cluster's certificate authority.
    ca => "-ca";
    /// The Secret with the front proxy's certificate authority.
    front_proxy_ca => "-front-proxy-ca-certificate";
    /// The Secret with the service account key pair.
    service_account_key => "-sa-certificate";
    /// The Secret with the encryption configuration of the API server.
    encryption => "-encryption-config";
    /// The Secret with the key that is to take the place of another one, while keys are changed.
    rotation_key => "-rotation-key";
    /// The Secret with what pods read of both keys, while keys are changed.
    rotation_bundle => "-rotation-bundle";
    /// The Secret with the API server's serving certificate.
    api_server => "-api-server-certificate";
    /// The Secret with the API server's client certificate for kubelets.
    kubelet_client => "-api-server-kubelet-client-certificate";
    /// The Secret with the front proxy's client certificate.
    front_proxy_client => "-front-proxy-client-certificate";
    /// The Secret with admin.conf and super-admin.conf.
    admin_kubeconfig => "-admin-kubeconfig";
    /// The Secret with controller-manager.conf.
    controller_manager_kubeconfig => "-controller-manager-kubeconfig";
    /// The Secret with scheduler.conf.
    scheduler_kubeconfig => "-scheduler-kubeconfig";
    /// The Secret that says which datastore, prefix and user.
    datastore_config => "-datastore-config";
    /// The Secret with the datastore's CA and the client certificate of this control plane.
    datastore_certificate => "-datastore-certificate";
}

impl ObjectNames<'_> {
    /// The object that holds the file which the configuration names by this path, with this content: pods that serve keep
    /// theirs while others start with another one.
    #[must_use]
    pub fn file(&self, path: &str, digest: &str) -> String {
        format!("{}-file-{}", self.0, Self::short(&format!("{path}\n{digest}")))
    }

    /// Ten characters that stand for a path (FNV-1a): a name has no room for all of it, and paths are not secret.
    #[must_use]
    pub fn short(path: &str) -> String {
        let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        let hash = path.bytes().fold(0xcbf2_9ce4_8422_2325, step);
        format!("{hash:016x}")[..10].to_owned()
    }
}

/// Reads the name of an object such as a Secret: a DNS subdomain.
pub fn parse_object_name(what: &'static str, text: &str) -> Result<String, Error> {
    let edge = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let inner = |b: &u8| edge(b) || *b == b'-';
    let label = |label: &str| {
        let bytes = label.as_bytes();
        bytes.first().is_some_and(edge) && bytes.last().is_some_and(edge) && bytes.iter().all(inner)
    };
    if text.len() <= 253 && text.split('.').all(label) {
        return Ok(text.to_owned());
    }
    let rule = "use at most 253 lower-case letters, digits, `-` and `.`, with a letter or digit at both ends";
    Err(Error::invalid(what, text, rule))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_plane_names_are_dns_1035_labels() {
        for good in ["a", "prod", "eu-1", &"a".repeat(63)] {
            assert!(ControlPlaneName::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "1abc", "-a", "a-", "A", "a.b", "a_b", "ä", "a b", "a\u{1b}[31m", &"a".repeat(64)] {
            assert!(ControlPlaneName::parse(bad).is_err(), "{bad}");
        }
        for taken in ["kube-system", "kubernetes", "kamaji"] {
            assert!(ControlPlaneName::parse(taken).unwrap_err().to_string().contains("would be mistaken for it"));
        }
        assert!(Namespace::parse("1abc").is_ok() && Namespace::parse("kamaji-system").is_ok());
    }

    #[test]
    fn an_invalid_name_cannot_send_control_characters_to_the_terminal() {
        let message = ControlPlaneName::parse("a\u{1b}[31m").unwrap_err().to_string();
        assert!(!message.contains('\u{1b}'), "{message:?}");
    }
}
