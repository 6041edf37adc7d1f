//! The folders under `examples/`: each is a kubeadm file and the command line of its README.

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use clap::Parser as _;
use kamaji::cli::{Cli, Command, CreateArgs};
use kamaji::config::{self, Settings, Source};
use kamaji::model::{Keep, Namespace, SuppliedFile, SuppliedFiles};
use kamaji::pki::PartialUserPki;
use kamaji::plan::lifecycle::desired::Desired;
use serde_json::Value;

use crate::control_plane::{Plane, fixture};

/// One folder.
pub(crate) struct Example {
    pub(crate) name: String,
    pub(crate) control_plane: Plane,
    /// What is told about the file.
    pub(crate) warnings: Vec<String>,
    /// What should be, decided from nothing that lives.
    pub(crate) desired: Desired,
}

impl Example {
    /// The pods' part of the Deployment.
    pub(crate) fn pod(&self) -> &Value {
        let deployment = self.desired.write.iter().find(|manifest| manifest.object.kind == "Deployment");
        &deployment.unwrap().body["spec"]["template"]
    }
}

/// Decided once for all tests: RSA keys take their time.
static ALL: LazyLock<Vec<Example>> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut names: Vec<String> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().join("kubeadm.yaml").exists())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    names.sort();
    names.into_iter().map(|name| load(&folder.join(&name), name)).collect()
});

/// All folders with a kubeadm file, by name.
pub(crate) fn all() -> &'static [Example] {
    &ALL
}

/// The folder of that name.
pub(crate) fn named(name: &str) -> &'static Example {
    ALL.iter().find(|example| example.name == name).unwrap()
}

fn load(folder: &Path, name: String) -> Example {
    let text = fs::read_to_string(folder.join("kubeadm.yaml")).unwrap();
    let args = command_line(folder);
    let settings = Settings {
        name: args.spec.name,
        namespace: Namespace::parse("team-a").unwrap(),
        replicas: args.spec.settings.replicas.unwrap_or(1),
        expose: args.spec.settings.expose.map(Into::into),
        endpoint: args.spec.settings.endpoint,
        datastore: args.spec.datastore.unwrap_or_else(|| kamaji::model::DatastoreName::parse("default").unwrap()),
        allow_experimental: false,
        given: given(folder, &args.spec.settings.given),
    };
    let mut loaded = config::load(&Source { name: &name, text: &text }, settings).unwrap();
    loaded.spec.labels = args.spec.settings.labels.into_iter().collect();
    args.spec.settings.pods.apply(&mut loaded.spec.pods).unwrap();
    let mut control_plane = Plane::new(loaded.spec);
    if args.spec.pki.is_some() {
        control_plane.given = PartialUserPki {
            ca: Some(fixture("ec-sec1")),
            front_proxy_ca: Some(fixture("rsa-pkcs8")),
            service_account: None,
        };
    }
    let desired = control_plane.desire().unwrap();
    Example { name, control_plane, warnings: loaded.warnings.iter().map(ToString::to_string).collect(), desired }
}

/// What `--file` of the README's command gives; all in this folder, and each a single file or a flat folder.
fn given(folder: &Path, args: &kamaji::cli::FileArgs) -> SuppliedFiles {
    let files = args.given_files.iter().map(|(path, local)| {
        let local = folder.join(local);
        let named: Vec<(String, Vec<u8>)> = if local.is_dir() {
            let entries = fs::read_dir(&local).unwrap().map(|entry| entry.unwrap().path());
            entries.map(|path| (path.file_name().unwrap().to_str().unwrap().into(), fs::read(path).unwrap())).collect()
        } else {
            vec![(String::new(), fs::read(&local).unwrap())]
        };
        let key = |name: &str| if name.is_empty() { "content".to_owned() } else { name.to_owned() };
        SuppliedFile {
            path: path.clone(),
            keep: Keep::Secret,
            folder: local.is_dir(),
            keys: named.iter().map(|(name, _)| (key(name), name.clone())).collect(),
            digest: "0".repeat(64),
            content: Some(named.into_iter().map(|(name, bytes)| (key(&name), bytes.into())).collect()),
        }
    });
    SuppliedFiles { files: files.collect(), empty: args.empty_dirs.clone(), patches: None }
}

/// The README's command, which clap must accept.
fn command_line(folder: &Path) -> CreateArgs {
    let readme = fs::read_to_string(folder.join("README.md")).unwrap_or_default();
    let line = readme.lines().find(|line| line.starts_with("kamaji create "));
    let line = line.unwrap_or("kamaji create prod --kubeadm-config kubeadm.yaml");
    let command = Cli::try_parse_from(line.split_whitespace()).unwrap().command;
    let Command::Create(args) = command else { panic!("{line} is {command:?}") };
    args
}
