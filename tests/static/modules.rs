//! Which modules and which external crates each module may use. `docs/reference/modules.md` is generated from these
//! tables. Adding a dependency here is a design decision.

/// A top-level module of `src/`.
pub(crate) struct Module {
    pub(crate) name: &'static str,
    /// `pure`, `edge` (does I/O) or `wiring`.
    pub(crate) kind: &'static str,
    /// The modules it may use; [`ALL`] allows every module.
    pub(crate) uses: &'static [&'static str],
}

/// For the module that wires the others together.
pub(crate) const ALL: &[&str] = &["*"];

const fn module(name: &'static str, kind: &'static str, uses: &'static [&'static str]) -> Module {
    Module { name, kind, uses }
}

/// The modules, each after those it uses where possible.
pub(crate) const MODULES: &[Module] = &[
    module("error", "pure", &[]),
    module("event", "pure", &[]),
    module("ambient", "edge", &[]),
    module("yaml", "pure", &["error"]),
    module("model", "pure", &["error"]),
    module("config", "pure", &["error", "model", "yaml"]),
    module("pki", "pure", &["error", "model", "yaml"]),
    module("render", "pure", &["model"]),
    module("tenant", "pure", &["model", "render", "yaml"]),
    module("plan", "pure", &["ambient", "error", "model", "pki", "render", "tenant", "yaml"]),
    module("datastore", "edge", &["error", "model"]),
    module("cluster", "edge", &["error", "model", "render"]),
    module(
        "engine",
        "edge",
        &["ambient", "cluster", "datastore", "error", "event", "model", "pki", "plan", "render", "tenant"],
    ),
    module("ui", "edge", &["error", "event", "plan", "yaml"]),
    module("complete", "edge", &["ambient", "cluster", "engine", "model", "plan", "start"]),
    module("cli", "pure", &["complete", "config", "error", "model", "ui"]),
    module("commands", "wiring", ALL),
    module("start", "edge", &[]),
];

/// External crates, with the modules that may use them. `src/main.rs` and `src/lib.rs` are not checked.
pub(crate) const CRATES: &[(&str, &[&str])] = &[
    ("anyhow", &["error"]),
    ("base64", &["engine", "pki", "plan", "render"]),
    ("clap", &["cli", "complete", "ui"]),
    ("clap_complete", &["cli", "complete"]),
    ("comfy_table", &["ui"]),
    ("console", &["ui"]),
    ("dialoguer", &["ui"]),
    ("etcd_client", &["datastore"]),
    // Gzip for support bundles, with miniz_oxide (pure Rust).
    ("flate2", &["commands"]),
    ("futures", &["engine"]),
    ("http", &["cluster"]),
    ("indicatif", &["ui"]),
    ("json_patch", &["render", "tenant"]),
    // `model` keeps pod settings (affinity, tolerations, ...) in Kubernetes' own types.
    ("k8s_openapi", &["cluster", "model", "render", "tenant"]),
    ("kube", &["cluster"]),
    ("rand", &["ambient"]),
    ("rcgen", &["pki"]),
    ("rustix", &["commands"]),
    ("rustls", &["start"]),
    ("semver", &["datastore", "model"]),
    // `pki` parses kubeconfigs directly into a type that wipes the key from memory; everything else uses `yaml`.
    ("serde_saphyr", &["pki", "yaml"]),
    ("sha2", &["commands", "pki", "plan"]),
    // The archive format of support bundles.
    ("tar", &["commands"]),
    ("time", &["pki"]),
    ("tokio", &["cluster", "commands", "complete", "datastore", "engine"]),
    ("tracing", &["cluster", "start"]),
    ("tracing_subscriber", &["start"]),
    ("x509_parser", &["pki"]),
    ("yasna", &["pki"]),
    ("zeroize", &["pki"]),
];

/// Crates with common types and derives that every module may use.
pub(crate) const COMMON_CRATES: &[&str] = &["ipnet", "jiff", "secrecy", "serde", "serde_json", "thiserror"];
