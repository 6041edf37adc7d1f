//! Files, folders and volumes of the components: `extraVolumes`, and arguments whose value is a path. What they name is
//! given with `--file` or `--empty-dir`, or refused; nothing of a management node is ever mounted.

use std::collections::{BTreeMap, BTreeSet};

use super::contents;
use super::target::Target;
use crate::config::schema::findings::Findings;
use crate::config::schema::view::View;
use crate::model::{Extras, Keep, Mount, MountSource, Patches, PodVolume, SuppliedFile, SuppliedFiles};
use crate::yaml::shown;

/// Arguments whose value is a path although their name does not end like one.
const FILES: [&str; 4] = [
    "config",
    "allow-metric-labels-manifest",
    "pv-recycler-pod-template-filepath-hostpath",
    "pv-recycler-pod-template-filepath-nfs",
];
/// Arguments that name what the component writes.
const WRITTEN: [&str; 2] = ["audit-log-path", "debug-socket-path"];
/// Arguments whose files have no place for anything confidential by their APIs.
const OPEN: [&str; 9] = [
    "admission-control-config-file",
    "allow-metric-labels-manifest",
    "audit-policy-file",
    "authentication-config",
    "authorization-config",
    "config",
    "oidc-ca-file",
    "peer-ca-file",
    "tracing-config-file",
];
/// Where the programs of the images are, and what the kernel shows.
const SYSTEM: [&str; 12] =
    ["/", "/bin", "/dev", "/etc", "/lib", "/lib64", "/proc", "/sbin", "/sys", "/usr", "/usr/bin", "/usr/local/bin"];

/// What an argument's path is to the component.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum PathUse {
    /// It reads a file or folder.
    Read,
    /// It writes a file.
    Write,
}

/// Whether the value of an argument is a path. `audit-log-path: "-"` is none.
pub(crate) fn path_use(name: &str, value: &str) -> Option<PathUse> {
    if WRITTEN.contains(&name) {
        return (value != "-").then_some(PathUse::Write);
    }
    let endings = ["-file", "-config", "-kubeconfig", "-dir", "-path"];
    let is_path = FILES.contains(&name) || endings.iter().any(|ending| name.ends_with(ending));
    is_path.then_some(PathUse::Read)
}

/// Gives out what is there, and remembers what was named.
pub(crate) struct Files<'a> {
    given: &'a SuppliedFiles,
    used: BTreeSet<&'a str>,
    /// Whether only arguments of [`OPEN`] name the file.
    open: BTreeMap<&'a str, bool>,
    patches: Option<Patches>,
    /// What a `TenantControlPlane` describes.
    volumes: Vec<PodVolume>,
    mounts: Vec<(Target, Vec<Mount>)>,
}

impl<'a> Files<'a> {
    pub(crate) fn new(given: &'a SuppliedFiles) -> Self {
        let (volumes, mounts) = (Vec::new(), Vec::new());
        Self { given, used: BTreeSet::new(), open: BTreeMap::new(), patches: None, volumes, mounts }
    }

    pub(crate) fn set_volumes(&mut self, volumes: Vec<PodVolume>) {
        self.volumes = volumes;
    }

    pub(crate) fn set_mounts(&mut self, target: Target, mounts: Vec<Mount>) {
        self.mounts.push((target, mounts));
    }

    /// The mounts of volumes that are described by themselves.
    pub(crate) fn described(&self, target: Target) -> Vec<Mount> {
        self.mounts.iter().filter(|(of, _)| *of == target).flat_map(|(_, mounts)| mounts.clone()).collect()
    }

    /// The mounts that `extraVolumes` of a component ask for.
    pub(crate) fn volumes(&mut self, component: &View<'_>, target: Target, findings: &mut Findings<'_>) -> Vec<Mount> {
        let mut mounts = self.described(target);
        let mut names = BTreeSet::new();
        for item in component.list("extraVolumes") {
            let Some(volume) = Volume::read(&item, findings) else { continue };
            if !names.insert(volume.name) {
                findings.refuse(&item, format!("the volume `{}` is given twice", shown(volume.name)), "rename one");
            } else if let Err((text, remedy)) = place_allowed(target, volume.at) {
                findings.refuse(&volume.at_view, text, remedy);
            } else {
                self.volume(&volume, &mut mounts, findings);
            }
        }
        mounts
    }

    fn volume(&mut self, volume: &Volume<'_>, mounts: &mut Vec<Mount>, findings: &mut Findings<'_>) {
        let (host, at) = (volume.host, volume.at);
        if let Some(path) = self.given.empty.iter().find(|path| *path == host) {
            self.used.insert(path);
            if matches!(volume.path_type, "File" | "FileOrCreate") {
                findings.refuse(
                    &volume.host_view,
                    "--empty-dir makes a folder, and this is a file",
                    "give the file with --file",
                );
            }
            mounts.push(mount(MountSource::Empty(path.clone()), at));
            return;
        }
        let below = |path: &'a str| {
            let rest = path.strip_prefix(host)?;
            (rest.is_empty() || rest.starts_with('/')).then_some(rest)
        };
        let mut found = false;
        for file in &self.given.files {
            let Some(rest) = below(&file.path) else { continue };
            found = true;
            let folder = file.folder || !rest.is_empty();
            let wrong = match volume.path_type {
                "File" | "FileOrCreate" if folder => Some("a file, and what is given is a folder"),
                "Directory" | "DirectoryOrCreate" if !folder => Some("a folder, and what is given is a file"),
                _ => None,
            };
            if let Some(wrong) = wrong {
                findings.refuse(
                    &volume.host_view,
                    format!("`pathType` says that it is {wrong}"),
                    "give what it says, or remove `pathType`",
                );
            }
            self.take(file, false);
            mounts.push(mount(MountSource::SuppliedFiles(file.path.clone()), &format!("{at}{rest}")));
        }
        if !found {
            let text = format!("`{}` would be a path of a management node", shown(host));
            let writable = !volume.read_only && !matches!(volume.path_type, "File" | "FileOrCreate");
            let or = if writable { format!(", or --empty-dir {host} for a folder to write to") } else { String::new() };
            findings.want(&volume.host_view, host, text, format!("give it with --file {host}=LOCAL{or}"));
        }
    }

    /// Finds the file that an argument names, and mounts it unless a volume has it already.
    pub(crate) fn argument(
        &mut self,
        target: Target,
        (name, value, kind): (&str, &str, PathUse),
        view: &View<'_>,
        mounts: &mut Vec<Mount>,
        findings: &mut Findings<'_>,
    ) {
        if !value.starts_with('/') || crate::model::parse_given_path(value).is_err() {
            let text = format!("`{name}` names a file, and `{}` is no absolute path", shown(value));
            findings.refuse(view, text, "write the path that the component is to find it at");
            return;
        }
        let value = value.trim_end_matches('/');
        if let Some(mounted) = mounts.iter().find(|mount| is_below(value, &mount.at)) {
            let problem = match (&mounted.source, kind) {
                (MountSource::Empty(_), PathUse::Write) | (MountSource::Volume(_), _) => None,
                (MountSource::Empty(path), PathUse::Read) => {
                    Some((format!("--empty-dir {path} has no files"), "give the file with --file"))
                }
                (MountSource::SuppliedFiles(path), PathUse::Write) => {
                    Some((format!("`{path}` can only be read"), "name a folder of --empty-dir"))
                }
                (MountSource::SuppliedFiles(path), PathUse::Read) => {
                    let rest = value[mounted.at.len()..].trim_start_matches('/');
                    let file = self.given.files.iter().find(|file| file.path == *path);
                    let has = file.is_some_and(|file| (rest.is_empty() && file.folder) || file.key_of(rest).is_some());
                    if let Some(file) = file.filter(|_| has) {
                        Self::look_into(file, (name, &format!("{path}{}", &value[mounted.at.len()..])), view, findings);
                    }
                    (!has).then(|| {
                        (
                            format!("the folder given for `{path}` has no file `{}`", shown(rest)),
                            "add the file to the folder",
                        )
                    })
                }
            };
            if let Some((text, remedy)) = problem {
                findings.refuse(view, text, remedy);
            }
            return;
        }
        match kind {
            PathUse::Read => self.read(target, (name, value), view, mounts, findings),
            PathUse::Write => self.written(target, value, view, mounts, findings),
        }
    }

    fn read(
        &mut self,
        target: Target,
        (name, value): (&str, &str),
        view: &View<'_>,
        mounts: &mut Vec<Mount>,
        findings: &mut Findings<'_>,
    ) {
        let given = self.given;
        let has = |file: &&SuppliedFile| {
            is_below(value, &file.path)
                && (file.path == value || file.key_of(value[file.path.len()..].trim_start_matches('/')).is_some())
        };
        let Some(file) = given.files.iter().find(has) else {
            let text = format!("`{name}` names a file that was not given");
            findings.want(view, value, text, format!("give it with --file {value}=LOCAL"));
            return;
        };
        if let Err((text, remedy)) = place_allowed(target, &file.path) {
            findings.refuse(view, text, remedy);
            return;
        }
        self.take(file, OPEN.contains(&name));
        Self::look_into(file, (name, value), view, findings);
        mounts.push(mount(MountSource::SuppliedFiles(file.path.clone()), &file.path));
    }

    /// `value` is the file itself, or a path below the folder.
    fn look_into(file: &SuppliedFile, (name, value): (&str, &str), view: &View<'_>, findings: &mut Findings<'_>) {
        use secrecy::ExposeSecret as _;
        let key = file.key_of(value.strip_prefix(file.path.as_str()).unwrap_or_default().trim_start_matches('/'));
        if let Some(bytes) = key.and_then(|key| file.content.as_ref()?.get(key)) {
            contents::check(name, value, bytes.expose_secret(), view, findings);
        }
    }

    fn written(
        &mut self,
        target: Target,
        value: &str,
        view: &View<'_>,
        mounts: &mut Vec<Mount>,
        findings: &mut Findings<'_>,
    ) {
        let given = self.given;
        let Some(path) = given.empty.iter().find(|path| is_below(value, path) && value != path.as_str()) else {
            let folder = value.rsplit_once('/').map_or("/", |(folder, _)| folder);
            let text = format!("`{}` is written, and the container can write nowhere", shown(value));
            findings.want(view, folder, text, format!("add --empty-dir {folder}, which ends with the pod"));
            return;
        };
        if let Err((text, remedy)) = place_allowed(target, path) {
            findings.refuse(view, text, remedy);
            return;
        }
        self.used.insert(path);
        mounts.push(mount(MountSource::Empty(path.clone()), path));
    }

    /// A folder that a field names: the patches.
    pub(crate) fn folder(&mut self, path: &str) -> Option<&'a SuppliedFile> {
        let file = self.given.files.iter().find(|file| file.path == path)?;
        self.used.insert(&file.path);
        Some(file)
    }

    /// The patches of an earlier run from this folder.
    pub(crate) fn kept_patches(&self, directory: &str) -> Option<Patches> {
        self.given.patches.clone().filter(|patches| patches.directory == directory)
    }

    pub(crate) fn set_patches(&mut self, patches: Patches) {
        self.patches = Some(patches);
    }

    fn take(&mut self, file: &'a SuppliedFile, open: bool) {
        self.used.insert(&file.path);
        let all = self.open.entry(&file.path).or_insert(true);
        *all &= open && !file.folder;
    }

    /// The files that are used. A file that nothing names is a slip, unless it is left over from an earlier run.
    pub(crate) fn finish(self, findings: &mut Findings<'_>) -> Extras {
        let (given, used) = (self.given, &self.used);
        let fresh = given.files.iter().filter(|file| file.content.is_some()).map(|file| file.path.as_str());
        for path in fresh.filter(|path| !used.contains(path)) {
            findings.missing(format!("--file {}: nothing in the file names this path", shown(path)), "remove it");
        }
        let mut files: Vec<SuppliedFile> = Vec::new();
        for file in given.files.iter().filter(|file| self.open.contains_key(file.path.as_str())) {
            let keep = if self.open[file.path.as_str()] && !holds_key(file) { Keep::ConfigMap } else { Keep::Secret };
            // What an earlier run kept stays where it is.
            let keep = if file.content.is_some() { keep } else { file.keep };
            files.push(SuppliedFile { keep, ..file.clone() });
        }
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Extras { files, volumes: self.volumes, patches: self.patches }
    }
}

/// Whether a private key is in it, whatever the argument is for.
fn holds_key(file: &SuppliedFile) -> bool {
    use secrecy::ExposeSecret as _;
    let has = |bytes: &[u8]| bytes.windows(11).any(|window| window == b"PRIVATE KEY");
    file.content.iter().flat_map(BTreeMap::values).any(|content| has(content.expose_secret()))
}

/// Two mounts of a component must not be at one place, or one within the other.
pub(crate) fn check_overlaps(component: &View<'_>, mounts: &[Mount], findings: &mut Findings<'_>) {
    for (index, one) in mounts.iter().enumerate() {
        for other in &mounts[..index] {
            if is_below(&one.at, &other.at) || is_below(&other.at, &one.at) {
                let text = if one.at == other.at {
                    format!("two volumes are mounted at `{}`", shown(&one.at))
                } else {
                    format!("`{}` and `{}` lie within each other", shown(&one.at), shown(&other.at))
                };
                findings.refuse(component, text, "put the files into one folder and give that");
            }
        }
    }
}

fn mount(source: MountSource, at: &str) -> Mount {
    let read_only = !matches!(source, MountSource::Empty(_));
    Mount { source, at: at.to_owned(), sub_path: None, read_only }
}

/// Whether `path` is `folder` or below it.
fn is_below(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Whether something may be mounted there, beside what kamaji mounts and what the image has.
pub(crate) fn place_allowed(target: Target, at: &str) -> Result<(), (String, &'static str)> {
    const OTHER: &str = "choose another path, such as one below /etc/kubernetes/files";
    if SYSTEM.contains(&at) || ["/proc", "/sys", "/dev"].iter().any(|system| is_below(at, system)) {
        return Err((format!("`{}` is the system's own in the container", shown(at)), OTHER));
    }
    for (folder, names) in target.own_folders() {
        if is_below(folder, at) {
            return Err((format!("kamaji mounts its own files at `{folder}`"), OTHER));
        }
        let Some(rest) = at.strip_prefix(folder).and_then(|rest| rest.strip_prefix('/')) else { continue };
        let own = names.contains(&rest) || names.iter().any(|name| is_below(rest, name) || is_below(name, rest));
        if own || names.is_empty() {
            return Err((format!("kamaji mounts its own files at `{folder}`"), OTHER));
        }
    }
    Ok(())
}

/// An entry of `extraVolumes` that is complete.
struct Volume<'a> {
    name: &'a str,
    host: &'a str,
    host_view: View<'a>,
    at: &'a str,
    at_view: View<'a>,
    read_only: bool,
    path_type: &'a str,
}

impl<'a> Volume<'a> {
    fn read(item: &View<'a>, findings: &mut Findings<'_>) -> Option<Self> {
        let mut parts = Vec::new();
        for field in ["name", "hostPath", "mountPath"] {
            match item.text(field) {
                Some(part) => parts.push(part),
                None if item.at(field).is_none_or(|at| at.node.text().is_some()) => {
                    findings.refuse(item, format!("a volume needs `{field}`"), format!("write `{field}`"));
                }
                None => {}
            }
        }
        let [(name_view, name), (host_view, host), (at_view, at)] = <[_; 3]>::try_from(parts).ok()?;
        let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if name.len() > 63 || !name.bytes().all(fits) || name.starts_with('-') || name.ends_with('-') {
            let rule = "use at most 63 lower-case letters, digits and `-`";
            findings.refuse(&name_view, format!("`{}` is not the name of a volume", shown(name)), rule);
        }
        for (view, path) in [(&host_view, host), (&at_view, at)] {
            if !path.starts_with('/') || path.len() > 1 && crate::model::parse_given_path(path).is_err() {
                let text = format!("`{}` is not an absolute path", shown(path));
                findings.refuse(view, text, "write it without `..`, `//` and colons");
                return None;
            }
        }
        let path_type = item.text("pathType").map_or("", |(_, text)| text);
        if !matches!(path_type, "" | "File" | "FileOrCreate" | "Directory" | "DirectoryOrCreate") {
            let view = item.at("pathType").unwrap_or_else(|| item.clone());
            let text = format!("`{}` is nothing that a pod can be given", shown(path_type));
            findings.refuse(&view, text, "give a file or a folder");
            return None;
        }
        let read_only = item.is_true("readOnly");
        let trimmed = |path: &'a str| if path.len() > 1 { path.trim_end_matches('/') } else { path };
        Some(Self { name, host: trimmed(host), host_view, at: trimmed(at), at_view, read_only, path_type })
    }
}
