//! A kubeconfig for another program that nobody else reads, and that is gone when kamaji is, however kamaji ends.
//!
//! On Linux it has no name in any folder: it is memory of this process, shown to the program under `/proc`. Elsewhere it is
//! a file in a folder of its own, and what a killed run left is removed by the next one.
#![expect(clippy::disallowed_methods, reason = "edge: writes what another program reads")]

use std::fs::{File, Permissions};
use std::io::Write as _;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret as _, SecretString};

use crate::error::{Fault, Kind, While as _};

/// What the folders of files with a name begin with; the id of the process follows.
const PREFIX: &str = "kamaji-exec-";

/// A kubeconfig that exists as long as this does.
pub(crate) struct TempKubeconfig {
    path: PathBuf,
    folder: Option<PathBuf>,
    _file: File,
}

impl TempKubeconfig {
    pub(crate) fn new(text: &SecretString) -> Result<Self, Fault> {
        let folder = std::env::temp_dir();
        remove_leftovers(&folder, |id| Path::new(&format!("/proc/{id}")).exists());
        let made = match in_memory(text) {
            Some(handed) => Ok(handed),
            None => in_folder(&folder, text),
        };
        made.while_doing(Kind::Failed, || "write a kubeconfig for the command".to_owned())
    }

    /// Where the program finds it.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for TempKubeconfig {
    fn drop(&mut self) {
        if let Some(folder) = &self.folder {
            // Nobody can be told here; the next run removes it.
            drop(std::fs::remove_dir_all(folder));
        }
    }
}

/// Memory that is a file; `None` where there is no such thing, or a process cannot show its files.
fn in_memory(text: &SecretString) -> Option<TempKubeconfig> {
    #[cfg(target_os = "linux")]
    {
        let memory = rustix::fs::memfd_create("kubeconfig", rustix::fs::MemfdFlags::CLOEXEC).ok()?;
        let mut file = File::from(memory);
        // Programs look at the mode, and warn when others could read it.
        file.set_permissions(Permissions::from_mode(0o600)).ok()?;
        file.write_all(text.expose_secret().as_bytes()).ok()?;
        let path = PathBuf::from(format!("/proc/{}/fd/{}", std::process::id(), file.as_raw_fd()));
        let shown = std::fs::metadata(&path).ok()?;
        (shown.is_file() && shown.len() == text.expose_secret().len() as u64).then_some(TempKubeconfig {
            path,
            folder: None,
            _file: file,
        })
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = text;
        None
    }
}

fn in_folder(parent: &Path, text: &SecretString) -> std::io::Result<TempKubeconfig> {
    use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
    let fresh = crate::ambient::Ambient::real().word(12);
    let folder = parent.join(format!("{PREFIX}{}-{fresh}", std::process::id()));
    std::fs::DirBuilder::new().mode(0o700).create(&folder)?;
    let path = folder.join("kubeconfig");
    let written = (|| {
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        file.write_all(text.expose_secret().as_bytes())?;
        Ok(file)
    })();
    match written {
        Ok(file) => Ok(TempKubeconfig { path, folder: Some(folder), _file: file }),
        Err(error) => {
            drop(std::fs::remove_dir_all(&folder));
            Err(error)
        }
    }
}

/// Removes what runs left that were killed: folders and files of ours whose process is gone. Those of other users cannot
/// be removed, and are passed over.
fn remove_leftovers(parent: &Path, is_alive: impl Fn(u32) -> bool) {
    let Ok(entries) = std::fs::read_dir(parent) else { return };
    for entry in entries.filter_map(Result::ok) {
        let name = entry.file_name();
        let id = name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.split('-').next()?.parse().ok());
        if id.is_some_and(|id: u32| id != std::process::id() && !is_alive(id)) {
            let path = entry.path();
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            drop(if is_folder { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) });
        }
    }
}

/// Whether this process has a terminal, which sends Ctrl-C to all it runs.
pub(crate) fn has_terminal() -> bool {
    File::open("/dev/tty").is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_like_a_file_of_its_owner() {
        let handed = in_memory(&"text".to_owned().into()).unwrap();
        assert_eq!(std::fs::read_to_string(handed.path()).unwrap(), "text");
        assert_eq!(std::fs::metadata(handed.path()).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_file_with_a_name_goes_with_its_folder() {
        let parent = tempfile::tempdir().unwrap();
        let handed = in_folder(parent.path(), &"text".to_owned().into()).unwrap();
        let folder = handed.path().parent().unwrap().to_owned();
        assert_eq!(std::fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(std::fs::metadata(handed.path()).unwrap().permissions().mode() & 0o777, 0o600);
        drop(handed);
        assert!(!folder.exists());
    }

    #[test]
    fn leftovers_of_killed_runs_are_removed_and_nothing_else() {
        let parent = tempfile::tempdir().unwrap();
        for name in ["kamaji-exec-1-dead", "kamaji-exec-2-alive", "kamaji-exec-x", "other-1"] {
            std::fs::create_dir(parent.path().join(name)).unwrap();
        }
        std::fs::write(parent.path().join("kamaji-exec-1-file"), "").unwrap();
        remove_leftovers(parent.path(), |id| id == 2);
        let mut left: Vec<_> =
            std::fs::read_dir(parent.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["kamaji-exec-2-alive", "kamaji-exec-x", "other-1"]);
    }
}
