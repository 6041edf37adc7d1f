//! Who a kubeconfig says we are: address, authority, client certificate. Read by kubectl, so any form is understood.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;

use crate::support::Kube;

/// The parts of a kubeconfig's current context, as PEM.
#[derive(Clone)]
pub(crate) struct Identity {
    /// `HOST:PORT`.
    pub(crate) server: String,
    /// The authority of the server.
    pub(crate) ca: String,
    /// The client certificate.
    pub(crate) certificate: String,
    /// Its key.
    pub(crate) key: String,
}

impl Identity {
    /// Reads it.
    #[track_caller]
    pub(crate) fn of(kube: &Kube) -> Self {
        let config = kube.run(&["config", "view", "--raw", "--minify", "-o", "json"]).json();
        let text = |pointer: &str| {
            config.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("the kubeconfig has no {pointer}"))
        };
        let server = text("/clusters/0/cluster/server");
        Self {
            server: server.trim_start_matches("https://").trim_end_matches('/').to_owned(),
            ca: decoded(text("/clusters/0/cluster/certificate-authority-data")),
            certificate: decoded(text("/users/0/user/client-certificate-data")),
            key: decoded(text("/users/0/user/client-key-data")),
        }
    }
}

/// Text as base64.
pub(crate) fn encoded(text: &str) -> String {
    BASE64_STANDARD.encode(text)
}

/// The text behind base64.
pub(crate) fn decoded(base64: &str) -> String {
    String::from_utf8(BASE64_STANDARD.decode(base64).expect("it is base64")).expect("it is text")
}
