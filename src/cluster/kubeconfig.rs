//! The user's kubeconfig: found as kubectl finds it, read with a limit, and never repeated in a message, because it holds
//! keys and tokens. What it means is the client library's.
#![expect(clippy::disallowed_methods, reason = "edge: the environment names the kubeconfigs")]

use std::io::ErrorKind;
use std::path::{MAIN_SEPARATOR, Path, PathBuf};

use kube::config::{Kubeconfig, KubeconfigError};

use super::local_files::{Unreadable, read_limited};

/// Room for the kubeconfig of a fleet: some kilobytes for each control plane.
pub const LARGEST: u64 = 16 * 1024 * 1024;
/// More names of contexts are not listed.
const NAMES: usize = 10;

/// A kubeconfig, and the context in it that counts.
#[derive(Debug)]
pub(super) struct Chosen {
    pub(super) config: Kubeconfig,
    pub(super) context: String,
}

/// The files that kubectl reads where none is named; none where the environment names neither them nor a home.
#[must_use]
pub fn own_kubeconfigs() -> Vec<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let listed: Vec<PathBuf> = set("KUBECONFIG")
        .map(|list| std::env::split_paths(&list).filter(|path| !path.as_os_str().is_empty()).collect())
        .unwrap_or_default();
    if !listed.is_empty() {
        return listed;
    }
    set("HOME").map(|home| Path::new(&home).join(".kube/config")).into_iter().collect()
}

/// Reads the file that is named, else the user's own, and finds the context.
pub(super) fn choose(file: Option<&Path>, context: Option<&str>) -> Result<Chosen, String> {
    let (config, from) = match file {
        Some(path) => (read(path)?.ok_or_else(|| format!("{} does not exist", path.display()))?, shown(&[path])),
        None => own()?,
    };
    let asked = context.or(config.current_context.as_deref()).filter(|name| !name.is_empty());
    let Some(asked) = asked else { return Err(format!("no context is current in {from}{}", names(&config))) };
    if !config.contexts.iter().any(|named| named.name == asked) {
        return Err(format!("there is no context `{asked}` in {from}{}", names(&config)));
    }
    Ok(Chosen { context: asked.to_owned(), config })
}

/// All of the user's own that exist, put together: the first to say something wins.
fn own() -> Result<(Kubeconfig, String), String> {
    let paths = own_kubeconfigs();
    let mut merged: Option<Kubeconfig> = None;
    for path in &paths {
        let Some(next) = read(path)? else { continue };
        merged = Some(match merged {
            None => next,
            Some(before) => before.merge(next).map_err(|error| format!("{}: {error}", path.display()))?,
        });
    }
    let from = shown(&paths.iter().map(PathBuf::as_path).collect::<Vec<_>>());
    match merged {
        Some(config) => Ok((config, from)),
        None if paths.is_empty() => Err("neither KUBECONFIG nor HOME is set".to_owned()),
        None if paths.len() == 1 => Err(format!("{from} does not exist")),
        None => Err(format!("none of {from} exists")),
    }
}

fn shown(paths: &[&Path]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

fn names(config: &Kubeconfig) -> String {
    let mut names: Vec<&str> = config.contexts.iter().map(|named| named.name.as_str()).collect();
    let more = names.len().saturating_sub(NAMES);
    names.truncate(NAMES);
    match (names.is_empty(), more) {
        (true, _) => ", and it has no contexts".to_owned(),
        (false, 0) => format!(", which has {}", names.join(", ")),
        (false, more) => format!(", which has {} and {more} more", names.join(", ")),
    }
}

/// One file; none where there is no such file.
fn read(path: &Path) -> Result<Option<Kubeconfig>, String> {
    let name = path.display();
    let bytes = match read_limited(path, LARGEST) {
        Ok(bytes) => bytes,
        Err(Unreadable::Io(error)) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(Unreadable::Io(error)) => return Err(format!("{name} cannot be read: {error}")),
        Err(Unreadable::Folder) => return Err(format!("{name} is a folder")),
        Err(Unreadable::NobodyWrites) => return Err(format!("{name} is a pipe that nobody writes to")),
        Err(Unreadable::TooLarge) => return Err(format!("{name} is larger than 16 MiB")),
    };
    // UTF-16 without a mark is UTF-8 with many NULs.
    let text = String::from_utf8(bytes).ok().filter(|text| !text.contains('\0'));
    let text = text.ok_or_else(|| format!("{name} is not UTF-8 text"))?;
    let mut config = Kubeconfig::from_yaml(text.trim_start_matches('\u{feff}')).map_err(|error| told(path, &error))?;
    resolve(&mut config, path.parent().unwrap_or(Path::new("")));
    // To kubectl, an empty name is none.
    config.current_context = config.current_context.filter(|name| !name.is_empty());
    Ok(Some(config))
}

/// The place of a fault, but never what stands there.
fn told(path: &Path, error: &KubeconfigError) -> String {
    let KubeconfigError::Parse(parse) = error else { return format!("{}: {error}", path.display()) };
    let place = parse.location().map(|at| format!(":{}:{}", at.line(), at.column())).unwrap_or_default();
    format!("{}{place}: this is not what a kubeconfig has there, or it is no YAML", path.display())
}

/// Files that a kubeconfig names are relative to it.
fn resolve(config: &mut Kubeconfig, folder: &Path) {
    let absolute = |path: &mut Option<String>| {
        if let Some(relative) = path.as_deref().filter(|path| !path.is_empty() && Path::new(path).is_relative()) {
            *path = Some(folder.join(relative).to_string_lossy().into_owned());
        }
    };
    for cluster in config.clusters.iter_mut().filter_map(|named| named.cluster.as_mut()) {
        absolute(&mut cluster.certificate_authority);
    }
    for user in config.auth_infos.iter_mut().filter_map(|named| named.auth_info.as_mut()) {
        absolute(&mut user.client_certificate);
        absolute(&mut user.client_key);
        absolute(&mut user.token_file);
        // A bare name is looked for in PATH.
        if let Some(exec) = user
            .exec
            .as_mut()
            .filter(|exec| exec.command.as_deref().is_some_and(|command| command.contains(MAIN_SEPARATOR)))
        {
            absolute(&mut exec.command);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "apiVersion: v1\nkind: Config\ncurrent-context: a\ncontexts:\n- name: a\n  context: {cluster: a, user: a}\n\
        clusters:\n- name: a\n  cluster: {server: 'https://a', certificate-authority: ca.crt}\n\
        users:\n- name: a\n  user: {client-key: /keys/a.key, exec: {command: ./token, apiVersion: v1}}\n";

    fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config");
        std::fs::write(&path, text).unwrap();
        (folder, path)
    }

    #[test]
    fn files_that_a_kubeconfig_names_are_relative_to_it() {
        let (folder, path) = file(GOOD);
        let config = choose(Some(&path), None).unwrap().config;
        let at = |name: &str| Some(folder.path().join(name).display().to_string());
        assert_eq!(config.clusters[0].cluster.as_ref().unwrap().certificate_authority, at("ca.crt"));
        let user = config.auth_infos[0].auth_info.as_ref().unwrap();
        assert_eq!(user.client_key.as_deref(), Some("/keys/a.key"));
        assert_eq!(user.exec.as_ref().unwrap().command, at("./token"));
    }

    #[test]
    fn a_context_that_is_not_there_is_told_with_those_that_are() {
        let (_folder, path) = file(GOOD);
        let why = choose(Some(&path), Some("b")).unwrap_err();
        assert!(why.starts_with("there is no context `b` in ") && why.ends_with(", which has a"), "{why}");
        let (_folder, path) = file(&GOOD.replace("current-context: a", "current-context: ''"));
        assert!(choose(Some(&path), None).unwrap_err().starts_with("no context is current in "));
        assert_eq!(choose(Some(&path), Some("a")).unwrap().context, "a");
    }

    #[test]
    fn nothing_of_a_kubeconfig_is_repeated() {
        for text in [
            "users:\n- name: a\n  user: {token: s3cr3tvalue",
            "users:\n- name: a\n  user: s3cr3tvalue\n",
            "users:\n- s3cr3tvalue\n",
            "users: s3cr3tvalue\n",
            "current-context: [s3cr3tvalue]\n",
            "users:\n- name: a\n  user:\n    token: \"s3cr3tvalue\n",
            "s3cr3tvalue",
        ] {
            let (_folder, path) = file(text);
            let why = choose(Some(&path), None).unwrap_err();
            assert!(!why.contains("s3cr3t"), "{why}");
        }
    }
}
