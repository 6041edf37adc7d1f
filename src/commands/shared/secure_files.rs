//! Files of the user: read with a limit, written so that nobody else reads them and nothing is ever half there.
#![expect(clippy::disallowed_methods, reason = "edge: the one place that reads and writes the user's files")]

use std::fs::File;
use std::io::{BufReader, BufWriter, Read as _, Seek as _, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret as _, SecretString};

use crate::cluster::{LARGEST_KUBECONFIG, Unreadable, own_kubeconfigs, read_limited};
use crate::engine::snapshot::take::SnapshotFile;
use crate::error::{Fault, Kind, While as _};

/// More than any kubeadm file has.
const LIMIT: u64 = 1024 * 1024;

/// Of what 1 MiB is the limit.
const CONFIGURATION: &str = "a kubeadm configuration can be";

/// Reads a text file, or stdin for `-`. The name in the result is the one for messages.
pub(crate) fn read_text(path: &Path) -> Result<(String, String), Fault> {
    let stdin = path.as_os_str() == "-";
    let name = if stdin { "stdin".to_owned() } else { path.display().to_string() };
    let bytes = if stdin {
        let mut bytes = Vec::new();
        let read = std::io::stdin().lock().take(LIMIT + 1).read_to_end(&mut bytes);
        read.while_doing(Kind::Usage, || format!("read {name}"))?;
        if bytes.len() as u64 > LIMIT {
            return Err(too_large(&name, CONFIGURATION));
        }
        bytes
    } else {
        read_bytes(path, &name, CONFIGURATION)?
    };
    let text = as_text(bytes, &name)?;
    Ok((name, text))
}

/// Reads a file of at most 1 MiB; `limit` says of what that is the limit.
pub(crate) fn read_bytes(path: &Path, name: &str, limit: &str) -> Result<Vec<u8>, Fault> {
    read_limited(path, LIMIT).or_else(|why| unreadable(why, name, || too_large(name, limit)))
}

/// Reads a kubeconfig to add to, which may be that of a fleet.
pub(crate) fn read_kubeconfig(path: &Path) -> Result<(String, String), Fault> {
    let name = path.display().to_string();
    let too_large = || Fault::new(Kind::Usage, format!("{name} is larger than 16 MiB"));
    let bytes = read_limited(path, LARGEST_KUBECONFIG).or_else(|why| unreadable(why, &name, too_large))?;
    Ok((name.clone(), as_text(bytes, &name)?))
}

fn as_text(bytes: Vec<u8>, name: &str) -> Result<String, Fault> {
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Fault::new(Kind::Usage, format!("{name} is not UTF-8 text (byte {at})")).hint("save it as UTF-8")
    })
}

fn too_large(name: &str, limit: &str) -> Fault {
    Fault::new(Kind::Usage, format!("{name} is larger than 1 MiB, which is as large as {limit}"))
        .hint("see that it is the right file")
}

fn unreadable<T>(why: Unreadable, name: &str, too_large: impl FnOnce() -> Fault) -> Result<T, Fault> {
    Err(match why {
        Unreadable::Io(error) => {
            let failed = Err(error).while_doing(Kind::Usage, || format!("read {name}"));
            return failed.map_err(|fault| fault.hint("see that it is there and may be read"));
        }
        Unreadable::Folder => Fault::new(Kind::Usage, format!("{name} is a folder")).hint("name the file in it"),
        Unreadable::NobodyWrites => Fault::new(Kind::Usage, format!("{name} is a pipe that nobody writes to"))
            .hint("name a file; or start the program that writes to it first"),
        Unreadable::TooLarge => too_large(),
    })
}

/// Reads the files kubeadm keeps keys in, those that are there.
pub(crate) fn read_pki(dir: &Path) -> Result<std::collections::BTreeMap<String, Vec<u8>>, Fault> {
    let meta = std::fs::metadata(dir)
        .while_doing(Kind::Usage, || format!("read the folder {}", dir.display()))
        .map_err(|fault| fault.hint("--pki takes a folder like /etc/kubernetes/pki"))?;
    if !meta.is_dir() {
        return Err(Fault::new(Kind::Usage, format!("{} is not a folder", dir.display()))
            .hint("--pki takes a folder like /etc/kubernetes/pki"));
    }
    let mut files = std::collections::BTreeMap::new();
    for name in ["ca.crt", "ca.key", "front-proxy-ca.crt", "front-proxy-ca.key", "sa.key", "sa.pub"] {
        let path = dir.join(name);
        match std::fs::metadata(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            other => {
                other.while_doing(Kind::Usage, || format!("read {}", path.display()))?;
            }
        }
        let bytes = read_bytes(&path, &path.display().to_string(), "a key can be")?;
        files.insert(name.to_owned(), bytes);
    }
    if files.is_empty() {
        return Err(Fault::new(Kind::Usage, format!("{} holds none of the files that --pki reads", dir.display()))
            .hint("it takes ca.crt, ca.key, front-proxy-ca.crt, front-proxy-ca.key, sa.key"));
    }
    Ok(files)
}

/// Writes a secret file: mode 0600, all or nothing. A link is followed to the file it names, which is replaced; what is
/// no file is refused.
pub(crate) fn write_secret(path: &Path, text: &SecretString) -> Result<(), Fault> {
    write_private(path, text.expose_secret().as_bytes())
}

/// The same for bytes.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> Result<(), Fault> {
    // What is there and is no file (a device, a pipe, a folder) would be replaced by a file.
    if let Ok(there) = std::fs::metadata(path)
        && !there.is_file()
    {
        return Err(Fault::new(Kind::Usage, format!("{} is not a regular file", path.display()))
            .hint("name a file; or leave the file out, and the text goes to stdout"));
    }
    let mut file = SecretFile::begin(path)?;
    let written = file.write_all(bytes);
    written.while_doing(Kind::Failed, || format!("write {}", path.display()))?;
    file.finish()
}

/// A file that only its owner reads, and that has its name only when it is whole: until then it lies beside, and goes
/// when it is dropped. A link is followed to the file it names.
pub(crate) struct SecretFile {
    file: BufWriter<File>,
    temporary: PathBuf,
    target: PathBuf,
}

impl SecretFile {
    pub(crate) fn begin(path: &Path) -> Result<Self, Fault> {
        let target = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
        let what = || format!("write {}", target.display());
        let dir = folder_of(&target);
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).while_doing(Kind::Failed, what)?;
        let name = target.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let temporary = dir.join(format!(".{name}.{}.tmp", std::process::id()));
        let options = std::fs::OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).clone();
        let file = BufWriter::new(options.open(&temporary).while_doing(Kind::Failed, what)?);
        Ok(Self { file, temporary, target })
    }

    /// What was written so far, from its beginning.
    pub(crate) fn read_back(&mut self) -> Result<BufReader<File>, Fault> {
        let opened = self.file.flush().and_then(|()| File::open(&self.temporary));
        Ok(BufReader::new(opened.while_doing(Kind::Failed, || format!("read {}", self.temporary.display()))?))
    }

    /// Gives it its name, once all of it is on the disk.
    pub(crate) fn finish(mut self) -> Result<(), Fault> {
        let finished = (|| {
            self.file.flush()?;
            self.file.get_ref().sync_all()?;
            std::fs::rename(&self.temporary, &self.target)?;
            File::open(folder_of(&self.target))?.sync_all()
        })();
        finished.while_doing(Kind::Failed, || format!("write {}", self.target.display()))
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

impl Write for SecretFile {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}

impl SnapshotFile for SecretFile {
    fn restart(&mut self) -> std::io::Result<()> {
        self.file.seek(SeekFrom::Start(0))?;
        self.file.get_ref().set_len(0)
    }
}

impl Drop for SecretFile {
    fn drop(&mut self) {
        // Once it has its name there is nothing; else what is half written is of no use, and that it cannot be removed
        // either is not the failure to tell.
        drop(std::fs::remove_file(&self.temporary));
    }
}

/// Opens a file of the user to read it more than once; `None` when there is none.
pub(crate) fn open_again_and_again(path: &Path) -> Result<Option<BufReader<File>>, Fault> {
    let name = path.display().to_string();
    match std::fs::metadata(path) {
        Ok(meta) if meta.is_file() => {}
        Ok(_) => {
            return Err(Fault::new(Kind::Usage, format!("{name} is not a regular file")).hint("name a file"));
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).while_doing(Kind::Usage, || format!("read {name}")),
    }
    let file = File::open(path).while_doing(Kind::Usage, || format!("read {name}"))?;
    Ok(Some(BufReader::new(file)))
}

/// The kubeconfig that kubectl would write to: the first that exists, else the last of those it would read.
pub(crate) fn own_kubeconfig() -> Result<PathBuf, Fault> {
    let mut paths = own_kubeconfigs();
    let first = paths.iter().position(|path| path.exists());
    let chosen = first.map(|at| paths.swap_remove(at)).or_else(|| paths.pop());
    chosen
        .ok_or_else(|| Fault::new(Kind::Usage, "neither KUBECONFIG nor HOME is set").hint("name the file: --file FILE"))
}

/// kubectl's lock of a kubeconfig: a file beside it. Removed when dropped.
pub(crate) struct KubeconfigLock(PathBuf);

impl KubeconfigLock {
    pub(crate) async fn acquire(path: &Path) -> Result<Self, Fault> {
        let lock = PathBuf::from(format!("{}.lock", path.display()));
        if let Some(dir) = lock.parent().filter(|dir| !dir.as_os_str().is_empty()) {
            std::fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(dir)
                .while_doing(Kind::Failed, || format!("write {}", path.display()))?;
        }
        for _ in 0..50 {
            match std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&lock) {
                Ok(_) => return Ok(Self(lock)),
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                }
                Err(error) => return Err(error).while_doing(Kind::Failed, || format!("lock {}", path.display())),
            }
        }
        Err(Fault::new(Kind::Conflict, format!("{} is locked by another program", path.display()))
            .hint(format!("if none is running, remove {}", lock.display())))
    }
}

impl Drop for KubeconfigLock {
    fn drop(&mut self) {
        // Nobody can be told here; a lock left behind is named by the next run.
        drop(std::fs::remove_file(&self.0));
    }
}

/// Whether the file exists.
pub(crate) fn exists(path: &Path) -> bool {
    path.exists()
}
