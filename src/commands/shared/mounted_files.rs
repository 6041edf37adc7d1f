//! `--file` and `--empty-dir`: what the user gives for paths that the configuration names. Reads regular files only, and
//! none outside a folder that is given.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use secrecy::SecretSlice;
use sha2::{Digest as _, Sha256};

use super::secure_files;
use crate::cli::FileArgs;
use crate::error::{Fault, Kind, While as _};
use crate::model::{Keep, SuppliedFile, SuppliedFiles};

/// More than this an object of Kubernetes does not hold.
const MOST_BYTES: usize = 1024 * 1024;
/// More files than this are no configuration, but a slip such as `/`.
const MOST_FILES: usize = 256;

/// Reads everything that the command line gives.
pub(crate) fn read(args: &FileArgs) -> Result<SuppliedFiles, Fault> {
    let mut given = SuppliedFiles { empty: args.empty_dirs.clone(), ..SuppliedFiles::default() };
    let twice = |path: &str| {
        Fault::new(Kind::Usage, format!("--file and --empty-dir give {} more than once", crate::ui::safe(path)))
    };
    for (index, path) in given.empty.iter().enumerate() {
        if given.empty[..index].contains(path) {
            return Err(twice(path));
        }
    }
    for (path, local) in &args.given_files {
        if given.empty.contains(path) || given.files.iter().any(|file| file.path == *path) {
            return Err(twice(path));
        }
        given.files.push(read_one(path, local)?);
    }
    Ok(given)
}

fn read_one(path: &str, local: &Path) -> Result<SuppliedFile, Fault> {
    let what = || format!("read {} for --file {path}", local.display());
    let folder = std::fs::metadata(local).while_doing(Kind::Usage, what)?.is_dir();
    let mut named = BTreeMap::new();
    if folder {
        let root = std::fs::canonicalize(local).while_doing(Kind::Usage, what)?;
        Walk { root: &root, named: &mut named, bytes: 0 }.folder(&root, "")?;
        if named.is_empty() {
            return Err(Fault::new(Kind::Usage, format!("the folder {} has no files", local.display())));
        }
    } else {
        let bytes = secure_files::read_bytes(local, &local.display().to_string(), "a pod can be given")?;
        named.insert(String::new(), bytes);
    }
    let mut digest = Sha256::new();
    let (mut keys, mut content) = (BTreeMap::new(), BTreeMap::new());
    for (name, bytes) in named {
        digest.update(name.as_bytes());
        digest.update([0]);
        digest.update(Sha256::digest(&bytes));
        let key = key_of(if name.is_empty() { path.rsplit('/').next().unwrap_or(path) } else { &name });
        if let Some(other) = keys.insert(key.clone(), name.clone()) {
            let text = format!("the files `{other}` and `{name}` in {} cannot be told apart", local.display());
            return Err(Fault::new(Kind::Usage, text).hint("rename one of the two"));
        }
        content.insert(key, SecretSlice::from(bytes));
    }
    let digest = hex(&digest.finalize());
    Ok(SuppliedFile { path: path.to_owned(), keep: Keep::Secret, folder, keys, digest, content: Some(content) })
}

/// All regular files of a folder.
struct Walk<'a> {
    root: &'a Path,
    named: &'a mut BTreeMap<String, Vec<u8>>,
    bytes: usize,
}

impl Walk<'_> {
    fn folder(&mut self, folder: &Path, below: &str) -> Result<(), Fault> {
        let what = || format!("read the folder {}", folder.display());
        for entry in std::fs::read_dir(folder).while_doing(Kind::Usage, what)? {
            let path = entry.while_doing(Kind::Usage, what)?.path();
            let name = path.file_name().and_then(|name| name.to_str()).ok_or_else(|| {
                Fault::new(Kind::Usage, format!("the name of {} is not UTF-8", path.display())).hint("rename it")
            })?;
            if name.chars().any(char::is_control) || name.starts_with("..") {
                return Err(Fault::new(Kind::Usage, format!("{} has a name that no pod takes", path.display()))
                    .hint("rename it, or leave it out of the folder"));
            }
            let name = if below.is_empty() { name.to_owned() } else { format!("{below}/{name}") };
            self.entry(&path, name)?;
        }
        Ok(())
    }

    fn entry(&mut self, path: &Path, name: String) -> Result<(), Fault> {
        let refuse = |why: &str| Fault::new(Kind::Usage, format!("{} {why}", path.display()));
        let own = std::fs::symlink_metadata(path).while_doing(Kind::Usage, || format!("read {}", path.display()))?;
        let mut target: PathBuf = path.to_owned();
        if own.is_symlink() {
            target = std::fs::canonicalize(path).while_doing(Kind::Usage, || format!("follow {}", path.display()))?;
            if !target.starts_with(self.root) {
                return Err(refuse("is a link that leads out of the folder").hint("copy what it names into the folder"));
            }
            if target.is_dir() {
                return Err(refuse("is a link to a folder").hint("copy what it names into the folder"));
            }
        }
        let kind = std::fs::metadata(&target).while_doing(Kind::Usage, || format!("read {}", path.display()))?;
        if kind.is_dir() {
            return self.folder(&target, &name);
        }
        if !kind.is_file() {
            return Err(refuse("is neither a file nor a folder").hint("leave it out of the folder"));
        }
        let bytes = secure_files::read_bytes(&target, &path.display().to_string(), "a pod can be given")?;
        self.bytes += bytes.len();
        if self.bytes > MOST_BYTES || self.named.len() >= MOST_FILES {
            let text = format!("the folder {} holds more than 1 MiB or {MOST_FILES} files", self.root.display());
            return Err(Fault::new(Kind::Usage, text).hint("give a folder with what the component reads, and no more"));
        }
        self.named.insert(name, bytes);
        Ok(())
    }
}

/// A key of a Secret: letters, digits, `-`, `_` and `.`; a name that is none gets one of its own.
fn key_of(name: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.len() <= 200 && name.chars().all(fits) && name != "." && !name.starts_with("..") {
        return name.to_owned();
    }
    let tail: String = name.chars().map(|c| if fits(c) { c } else { '_' }).take(200).collect();
    format!("{}-{}", hex(&Sha256::digest(name.as_bytes())[..4]), tail.trim_start_matches('.'))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_has_a_key_that_kubernetes_takes() {
        assert_eq!(key_of("policy.yaml"), "policy.yaml");
        for name in ["a/b.yaml", "ä", "🦀", ".", "..x", "a b", &"x".repeat(255), "a/../b"] {
            let key = key_of(name);
            assert!(key.len() <= 253 && key != name, "{key}");
            assert!(key.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)), "{key}");
            assert!(!key.starts_with('.'), "{key}");
        }
        assert_ne!(key_of("a/b"), key_of("a b"));
    }
}
