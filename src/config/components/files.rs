//! Maps `extraVolumes`, and arguments whose value is a path, to files supplied with `--file` and `--empty-dir`. Other
//! paths are refused; nothing from a management cluster node is ever mounted.

use std::collections::{BTreeMap, BTreeSet};

use super::contents;
use super::target::Target;
use crate::config::schema::findings::Findings;
use crate::config::schema::view::View;
use crate::model::{Extras, FileStorage, Mount, MountSource, Patches, PodVolume, SuppliedFile, SuppliedFiles};
use crate::yaml::shown;

/// Arguments whose value is a path although their names have no such suffix.
const FILE_FLAGS: [&str; 4] = [
    "config",
    "allow-metric-labels-manifest",
    "pv-recycler-pod-template-filepath-hostpath",
    "pv-recycler-pod-template-filepath-nfs",
];
/// Arguments that name a file that the component writes.
const OUTPUT_FLAGS: [&str; 2] = ["audit-log-path", "debug-socket-path"];
/// Arguments whose files cannot hold anything confidential, according to their APIs.
const PUBLIC_FLAGS: [&str; 9] = [
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
/// Directories with the image's programs, and those that the kernel provides.
const SYSTEM_DIRECTORIES: [&str; 12] =
    ["/", "/bin", "/dev", "/etc", "/lib", "/lib64", "/proc", "/sbin", "/sys", "/usr", "/usr/bin", "/usr/local/bin"];

/// How the component uses an argument's path.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum PathUse {
    /// It reads a file or directory.
    Read,
    /// It writes a file.
    Write,
}

/// How the component uses the argument's value, if it is a path. `audit-log-path: "-"` is not one.
pub(crate) fn path_use(name: &str, value: &str) -> Option<PathUse> {
    if OUTPUT_FLAGS.contains(&name) {
        return (value != "-").then_some(PathUse::Write);
    }
    let endings = ["-file", "-config", "-kubeconfig", "-dir", "-path"];
    let is_path = FILE_FLAGS.contains(&name) || endings.iter().any(|ending| name.ends_with(ending));
    is_path.then_some(PathUse::Read)
}

/// Finds the supplied files and records which of them are used.
pub(crate) struct Files<'a> {
    supplied: &'a SuppliedFiles,
    used: BTreeSet<&'a str>,
    /// Whether only arguments of [`PUBLIC_FLAGS`] name the file.
    public: BTreeMap<&'a str, bool>,
    patches: Option<Patches>,
    /// The `additionalVolumes` of a `TenantControlPlane`.
    volumes: Vec<PodVolume>,
    mounts: Vec<(Target, Vec<Mount>)>,
}

impl<'a> Files<'a> {
    pub(crate) fn new(supplied: &'a SuppliedFiles) -> Self {
        let (volumes, mounts) = (Vec::new(), Vec::new());
        Self { supplied, used: BTreeSet::new(), public: BTreeMap::new(), patches: None, volumes, mounts }
    }

    pub(crate) fn set_volumes(&mut self, volumes: Vec<PodVolume>) {
        self.volumes = volumes;
    }

    pub(crate) fn set_mounts(&mut self, target: Target, mounts: Vec<Mount>) {
        self.mounts.push((target, mounts));
    }

    /// The `additionalVolumeMounts` of a component.
    pub(crate) fn volume_mounts(&self, target: Target) -> Vec<Mount> {
        self.mounts.iter().filter(|(of, _)| *of == target).flat_map(|(_, mounts)| mounts.clone()).collect()
    }

    /// The mounts for `extraVolumes` of a component, after its `additionalVolumeMounts`.
    pub(crate) fn volumes(&mut self, component: &View<'_>, target: Target, findings: &mut Findings<'_>) -> Vec<Mount> {
        let mut mounts = self.volume_mounts(target);
        let mut names = BTreeSet::new();
        for item in component.list("extraVolumes") {
            let Some(volume) = Volume::read(&item, findings) else { continue };
            if !names.insert(volume.name) {
                findings.refuse(&item, format!("duplicate volume `{}`", shown(volume.name)), "rename one");
            } else if let Err((text, remedy)) = check_mount_path(target, volume.at) {
                findings.refuse(&volume.at_view, text, remedy);
            } else {
                self.mount_volume(&volume, &mut mounts, findings);
            }
        }
        mounts
    }

    fn mount_volume(&mut self, volume: &Volume<'_>, mounts: &mut Vec<Mount>, findings: &mut Findings<'_>) {
        let (host, at) = (volume.host, volume.at);
        if let Some(path) = self.supplied.empty.iter().find(|path| *path == host) {
            self.used.insert(path);
            if matches!(volume.path_type, "File" | "FileOrCreate") {
                findings.refuse(
                    &volume.host_view,
                    "--empty-dir creates a directory, but `pathType` requires a file",
                    "supply the file with --file",
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
        for file in &self.supplied.files {
            let Some(rest) = below(&file.path) else { continue };
            found = true;
            let folder = file.folder || !rest.is_empty();
            let wrong = match volume.path_type {
                "File" | "FileOrCreate" if folder => Some("a file, but a directory was supplied"),
                "Directory" | "DirectoryOrCreate" if !folder => Some("a directory, but a file was supplied"),
                _ => None,
            };
            if let Some(wrong) = wrong {
                findings.refuse(
                    &volume.host_view,
                    format!("`pathType` requires {wrong}"),
                    "supply what it requires, or remove `pathType`",
                );
            }
            self.mark_used(file, false);
            mounts.push(mount(MountSource::SuppliedFile(file.path.clone()), &format!("{at}{rest}")));
        }
        if !found {
            let text = format!("`{}` is a path on a management cluster node and is not mounted", shown(host));
            let writable = !volume.read_only && !matches!(volume.path_type, "File" | "FileOrCreate");
            let or =
                if writable { format!(", or use --empty-dir {host} for a writable directory") } else { String::new() };
            findings.refuse_missing_file(
                &volume.host_view,
                host,
                text,
                format!("supply it with --file {host}=LOCAL{or}"),
            );
        }
    }

    /// Mounts the file that an argument names, unless a volume already contains it.
    pub(crate) fn argument(
        &mut self,
        target: Target,
        (name, value, kind): (&str, &str, PathUse),
        view: &View<'_>,
        mounts: &mut Vec<Mount>,
        findings: &mut Findings<'_>,
    ) {
        if !value.starts_with('/') || crate::model::parse_supplied_path(value).is_err() {
            let text = format!("`{name}` names a file, but `{}` is not an absolute path", shown(value));
            findings.refuse(view, text, "use the absolute path inside the container");
            return;
        }
        let value = value.trim_end_matches('/');
        if let Some(mounted) = mounts.iter().find(|mount| is_below(value, &mount.at)) {
            let problem = match (&mounted.source, kind) {
                (MountSource::Empty(_), PathUse::Write) | (MountSource::Volume(_), _) => None,
                (MountSource::Empty(path), PathUse::Read) => {
                    Some((format!("--empty-dir {path} contains no files"), "supply the file with --file"))
                }
                (MountSource::SuppliedFile(path), PathUse::Write) => {
                    Some((format!("`{path}` is read-only"), "use a directory of --empty-dir"))
                }
                (MountSource::SuppliedFile(path), PathUse::Read) => {
                    let rest = value[mounted.at.len()..].trim_start_matches('/');
                    let file = self.supplied.files.iter().find(|file| file.path == *path);
                    let has = file.is_some_and(|file| (rest.is_empty() && file.folder) || file.key_of(rest).is_some());
                    if let Some(file) = file.filter(|_| has) {
                        Self::check_contents(
                            file,
                            (name, &format!("{path}{}", &value[mounted.at.len()..])),
                            view,
                            findings,
                        );
                    }
                    (!has).then(|| {
                        (
                            format!("the directory supplied for `{path}` has no file `{}`", shown(rest)),
                            "add the file to the directory",
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
            PathUse::Read => self.mount_readable(target, (name, value), view, mounts, findings),
            PathUse::Write => self.mount_writable(target, value, view, mounts, findings),
        }
    }

    fn mount_readable(
        &mut self,
        target: Target,
        (name, value): (&str, &str),
        view: &View<'_>,
        mounts: &mut Vec<Mount>,
        findings: &mut Findings<'_>,
    ) {
        let supplied = self.supplied;
        let has = |file: &&SuppliedFile| {
            is_below(value, &file.path)
                && (file.path == value || file.key_of(value[file.path.len()..].trim_start_matches('/')).is_some())
        };
        let Some(file) = supplied.files.iter().find(has) else {
            let text = format!("`{name}` names a file that was not supplied");
            findings.refuse_missing_file(view, value, text, format!("supply it with --file {value}=LOCAL"));
            return;
        };
        if let Err((text, remedy)) = check_mount_path(target, &file.path) {
            findings.refuse(view, text, remedy);
            return;
        }
        self.mark_used(file, PUBLIC_FLAGS.contains(&name));
        Self::check_contents(file, (name, value), view, findings);
        mounts.push(mount(MountSource::SuppliedFile(file.path.clone()), &file.path));
    }

    /// Checks the contents of `value`, which is the file itself or a path below the directory.
    fn check_contents(file: &SuppliedFile, (name, value): (&str, &str), view: &View<'_>, findings: &mut Findings<'_>) {
        use secrecy::ExposeSecret as _;
        let key = file.key_of(value.strip_prefix(file.path.as_str()).unwrap_or_default().trim_start_matches('/'));
        if let Some(bytes) = key.and_then(|key| file.content.as_ref()?.get(key)) {
            contents::check(name, value, bytes.expose_secret(), view, findings);
        }
    }

    fn mount_writable(
        &mut self,
        target: Target,
        value: &str,
        view: &View<'_>,
        mounts: &mut Vec<Mount>,
        findings: &mut Findings<'_>,
    ) {
        let supplied = self.supplied;
        let Some(path) = supplied.empty.iter().find(|path| is_below(value, path) && value != path.as_str()) else {
            let folder = value.rsplit_once('/').map_or("/", |(folder, _)| folder);
            let text = format!("`{}` is not writable: the container has a read-only file system", shown(value));
            findings.refuse_missing_file(
                view,
                folder,
                text,
                format!("add --empty-dir {folder}, which is deleted with the pod"),
            );
            return;
        };
        if let Err((text, remedy)) = check_mount_path(target, path) {
            findings.refuse(view, text, remedy);
            return;
        }
        self.used.insert(path);
        mounts.push(mount(MountSource::Empty(path.clone()), path));
    }

    /// The supplied directory of patches.
    pub(crate) fn directory(&mut self, path: &str) -> Option<&'a SuppliedFile> {
        let file = self.supplied.files.iter().find(|file| file.path == path)?;
        self.used.insert(&file.path);
        Some(file)
    }

    /// The recorded patches of an earlier run from this directory.
    pub(crate) fn recorded_patches(&self, directory: &str) -> Option<Patches> {
        self.supplied.patches.clone().filter(|patches| patches.directory == directory)
    }

    pub(crate) fn set_patches(&mut self, patches: Patches) {
        self.patches = Some(patches);
    }

    fn mark_used(&mut self, file: &'a SuppliedFile, public: bool) {
        self.used.insert(&file.path);
        let all = self.public.entry(&file.path).or_insert(true);
        *all &= public && !file.folder;
    }

    /// The files that are used. Reports supplied files that nothing refers to, unless they are from an earlier run.
    pub(crate) fn finish(self, findings: &mut Findings<'_>) -> Extras {
        let (supplied, used) = (self.supplied, &self.used);
        let fresh = supplied.files.iter().filter(|file| file.content.is_some()).map(|file| file.path.as_str());
        for path in fresh.filter(|path| !used.contains(path)) {
            findings.refuse_file(format!("--file {}: no field refers to this path", shown(path)), "remove it");
        }
        let mut files: Vec<SuppliedFile> = Vec::new();
        for file in supplied.files.iter().filter(|file| self.public.contains_key(file.path.as_str())) {
            let storage = if self.public[file.path.as_str()] && !has_private_key(file) {
                FileStorage::ConfigMap
            } else {
                FileStorage::Secret
            };
            // Files from an earlier run stay in the same kind of object.
            let storage = if file.content.is_some() { storage } else { file.storage };
            files.push(SuppliedFile { storage, ..file.clone() });
        }
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Extras { files, volumes: self.volumes, patches: self.patches }
    }
}

/// Whether the file contains a private key, whatever the argument is for.
fn has_private_key(file: &SuppliedFile) -> bool {
    use secrecy::ExposeSecret as _;
    let has = |bytes: &[u8]| bytes.windows(11).any(|window| window == b"PRIVATE KEY");
    file.content.iter().flat_map(BTreeMap::values).any(|content| has(content.expose_secret()))
}

/// Reports mounts of a component at the same path, or one inside the other.
pub(crate) fn check_overlaps(component: &View<'_>, mounts: &[Mount], findings: &mut Findings<'_>) {
    for (index, one) in mounts.iter().enumerate() {
        for other in &mounts[..index] {
            if is_below(&one.at, &other.at) || is_below(&other.at, &one.at) {
                let text = if one.at == other.at {
                    format!("two volumes are mounted at `{}`", shown(&one.at))
                } else {
                    format!("the mount paths `{}` and `{}` overlap", shown(&one.at), shown(&other.at))
                };
                findings.refuse(component, text, "put the files into one directory and supply that");
            }
        }
    }
}

fn mount(source: MountSource, at: &str) -> Mount {
    let read_only = !matches!(source, MountSource::Empty(_));
    Mount { source, at: at.to_owned(), sub_path: None, read_only }
}

/// Whether `path` is `folder` or inside it.
fn is_below(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Reports a mount path that would hide system directories or files that kamaji mounts.
pub(crate) fn check_mount_path(target: Target, at: &str) -> Result<(), (String, &'static str)> {
    const OTHER: &str = "use another path, such as one below /etc/kubernetes/files";
    if SYSTEM_DIRECTORIES.contains(&at) || ["/proc", "/sys", "/dev"].iter().any(|system| is_below(at, system)) {
        return Err((format!("`{}` is a system directory of the container", shown(at)), OTHER));
    }
    for (folder, names) in target.own_directories() {
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

/// A complete entry of `extraVolumes`.
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
                    findings.refuse(item, format!("`{field}` is required"), format!("add `{field}`"));
                }
                None => {}
            }
        }
        let [(name_view, name), (host_view, host), (at_view, at)] = <[_; 3]>::try_from(parts).ok()?;
        let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if name.len() > 63 || !name.bytes().all(fits) || name.starts_with('-') || name.ends_with('-') {
            let rule = "use at most 63 lower-case letters, digits and `-`";
            findings.refuse(&name_view, format!("`{}` is not a valid volume name", shown(name)), rule);
        }
        for (view, path) in [(&host_view, host), (&at_view, at)] {
            if !path.starts_with('/') || path.len() > 1 && crate::model::parse_supplied_path(path).is_err() {
                let text = format!("`{}` is not an absolute path", shown(path));
                findings.refuse(view, text, "use an absolute path without `..`, `//` and colons");
                return None;
            }
        }
        let path_type = item.text("pathType").map_or("", |(_, text)| text);
        if !matches!(path_type, "" | "File" | "FileOrCreate" | "Directory" | "DirectoryOrCreate") {
            let view = item.at("pathType").unwrap_or_else(|| item.clone());
            let text = format!("`pathType: {}` is not supported", shown(path_type));
            findings.refuse(&view, text, "supply a file or a directory");
            return None;
        }
        let read_only = item.is_true("readOnly");
        let trimmed = |path: &'a str| if path.len() > 1 { path.trim_end_matches('/') } else { path };
        Some(Self { name, host: trimmed(host), host_view, at: trimmed(at), at_view, read_only, path_type })
    }
}
