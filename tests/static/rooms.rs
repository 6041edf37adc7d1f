//! Which room may use which, and through which rooms outside crates come in. `docs/reference/rooms.md` is made from
//! these tables; a new row, or a new name in one, is a decision.

/// One room: a module at the top of `src/`.
pub(crate) struct Room {
    pub(crate) name: &'static str,
    /// Whether it touches the world.
    pub(crate) kind: &'static str,
    /// The rooms it may use; [`ALL`] is every one.
    pub(crate) uses: &'static [&'static str],
}

/// A room that wires the others.
pub(crate) const ALL: &[&str] = &["*"];

const fn room(name: &'static str, kind: &'static str, uses: &'static [&'static str]) -> Room {
    Room { name, kind, uses }
}

/// The rooms, in the way of the data.
pub(crate) const ROOMS: &[Room] = &[
    room("error", "pure", &[]),
    room("event", "pure", &[]),
    room("ambient", "edge", &[]),
    room("yaml", "pure", &["error"]),
    room("model", "pure", &["error"]),
    room("config", "pure", &["error", "model", "yaml"]),
    room("pki", "pure", &["error", "model", "yaml"]),
    room("render", "pure", &["model"]),
    room("tenant", "pure", &["model", "render", "yaml"]),
    room("plan", "pure", &["ambient", "error", "model", "pki", "render", "tenant", "yaml"]),
    room("datastore", "edge", &["error", "model"]),
    room("cluster", "edge", &["error", "model", "render"]),
    room(
        "engine",
        "edge",
        &["ambient", "cluster", "datastore", "error", "event", "model", "pki", "plan", "render", "tenant"],
    ),
    room("ui", "edge", &["error", "event", "plan", "yaml"]),
    room("complete", "edge", &["ambient", "cluster", "engine", "model", "plan", "start"]),
    room("cli", "pure", &["complete", "config", "error", "model", "ui"]),
    room("commands", "wiring", ALL),
    room("start", "edge", &[]),
];

/// Outside crates and the rooms that are their doors. `src/main.rs` may use what it starts.
pub(crate) const CRATES: &[(&str, &[&str])] = &[
    ("anyhow", &["error"]),
    ("base64", &["engine", "pki", "plan", "render"]),
    ("clap", &["cli", "complete", "ui"]),
    ("clap_complete", &["cli", "complete"]),
    ("comfy_table", &["ui"]),
    ("console", &["ui"]),
    ("dialoguer", &["ui"]),
    ("etcd_client", &["datastore"]),
    // Support bundles: gzip, by miniz_oxide, which is Rust.
    ("flate2", &["commands"]),
    ("futures", &["engine"]),
    ("http", &["cluster"]),
    ("indicatif", &["ui"]),
    ("json_patch", &["render", "tenant"]),
    // `model` keeps what a pod may be told (affinity, tolerations, ...) in Kubernetes' own types.
    ("k8s_openapi", &["cluster", "model", "render", "tenant"]),
    ("kube", &["cluster"]),
    ("rand", &["ambient"]),
    ("rcgen", &["pki"]),
    ("rustix", &["commands"]),
    ("rustls", &["start"]),
    ("semver", &["datastore", "model"]),
    // `pki` reads kubeconfigs straight into a type that wipes the key from memory; all else goes through `yaml`.
    ("serde_saphyr", &["pki", "yaml"]),
    ("sha2", &["commands", "pki", "plan"]),
    // Support bundles: an archive that every system opens.
    ("tar", &["commands"]),
    ("time", &["pki"]),
    ("tokio", &["cluster", "commands", "complete", "datastore", "engine"]),
    ("tracing", &["cluster", "start"]),
    ("tracing_subscriber", &["start"]),
    ("x509_parser", &["pki"]),
    ("yasna", &["pki"]),
    ("zeroize", &["pki"]),
];

/// Crates that are vocabulary: types and derives that mean the same in every room.
pub(crate) const VOCABULARY: &[&str] = &["ipnet", "jiff", "secrecy", "serde", "serde_json", "thiserror"];
