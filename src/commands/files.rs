//! Files of the user: read with a limit, written so that nobody else reads them and nothing is ever half there.
#![expect(clippy::disallowed_methods, reason = "edge: the one place that reads and writes the user's files")]

use std::fs::File;
use std::io::{BufReader, BufWriter, Read as _, Seek as _, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt as _, FileTypeExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};

use crate::engine::SnapshotFile;
use crate::error::{Fault, Kind, While as _};

/// More than any kubeadm file has.
const LIMIT: u64 = 1024 * 1024;

/// Of what 1 MiB is the limit.
const CONFIGURATION: &str = "a kubeadm configuration can be";

/// Reads a text file, or stdin for `-`. The name in the result is the one for messages.
pub(super) fn read_text(path: &Path) -> Result<(String, String), Fault> {
    let stdin = path.as_os_str() == "-";
    let name = if stdin { "stdin".to_owned() } else { path.display().to_string() };
    let what = || format!("read {name}");
    let bytes = if stdin {
        let mut bytes = Vec::new();
        std::io::stdin().lock().take(LIMIT + 1).read_to_end(&mut bytes).while_doing(Kind::Usage, what)?;
        within_limit(bytes, &name, CONFIGURATION)?
    } else {
        read_bytes(path, &name, CONFIGURATION)?
    };
    let text = String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Fault::new(Kind::Usage, format!("{name} is not UTF-8 text (byte {at})")).hint("save it as UTF-8")
    })?;
    Ok((name, text))
}

/// Reads a file of at most 1 MiB; `limit` says of what that is the limit.
pub(super) fn read_bytes(path: &Path, name: &str, limit: &str) -> Result<Vec<u8>, Fault> {
    let file = open_regular(path, name)?;
    let mut bytes = Vec::new();
    file.take(LIMIT + 1).read_to_end(&mut bytes).while_doing(Kind::Usage, || format!("read {name}"))?;
    within_limit(bytes, name, limit)
}

fn within_limit(bytes: Vec<u8>, name: &str, limit: &str) -> Result<Vec<u8>, Fault> {
    if bytes.len() as u64 > LIMIT {
        return Err(Fault::new(Kind::Usage, format!("{name} is larger than 1 MiB, which is as large as {limit}")));
    }
    Ok(bytes)
}

/// Opens a file that can be read to an end: no folder, and a pipe only where somebody writes.
fn open_regular(path: &Path, name: &str) -> Result<std::fs::File, Fault> {
    /// Who writes to a pipe has opened it by then.
    const MOMENT: Duration = Duration::from_millis(500);
    let what = || format!("read {name}");
    let kind = std::fs::metadata(path).while_doing(Kind::Usage, what)?.file_type();
    if kind.is_dir() {
        return Err(Fault::new(Kind::Usage, format!("{name} is a folder")).hint("name the file in it"));
    }
    if !kind.is_fifo() {
        return std::fs::OpenOptions::new().read(true).open(path).while_doing(Kind::Usage, what);
    }
    // To open a pipe that nobody writes to takes for ever; the thread that does it ends with the program.
    let (opened, result) = std::sync::mpsc::channel();
    let pipe = path.to_owned();
    std::thread::spawn(move || opened.send(std::fs::OpenOptions::new().read(true).open(pipe)));
    match result.recv_timeout(MOMENT) {
        Ok(file) => file.while_doing(Kind::Usage, what),
        Err(_) => Err(Fault::new(Kind::Usage, format!("{name} is a pipe that nobody writes to"))),
    }
}

/// Reads the files kubeadm keeps keys in, those that are there.
pub(super) fn read_pki(dir: &Path) -> Result<std::collections::BTreeMap<String, Vec<u8>>, Fault> {
    let meta = std::fs::metadata(dir).while_doing(Kind::Usage, || format!("read the folder {}", dir.display()))?;
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
pub(super) fn write_secret(path: &Path, text: &SecretString) -> Result<(), Fault> {
    write_private(path, text.expose_secret().as_bytes())
}

/// The same for bytes.
pub(super) fn write_private(path: &Path, bytes: &[u8]) -> Result<(), Fault> {
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
pub(super) struct SecretFile {
    file: BufWriter<File>,
    temporary: PathBuf,
    target: PathBuf,
}

impl SecretFile {
    pub(super) fn begin(path: &Path) -> Result<Self, Fault> {
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
    pub(super) fn read_back(&mut self) -> Result<BufReader<File>, Fault> {
        let opened = self.file.flush().and_then(|()| File::open(&self.temporary));
        Ok(BufReader::new(opened.while_doing(Kind::Failed, || format!("read {}", self.temporary.display()))?))
    }

    /// Gives it its name, once all of it is on the disk.
    pub(super) fn finish(mut self) -> Result<(), Fault> {
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
pub(super) fn open_again_and_again(path: &Path) -> Result<Option<BufReader<File>>, Fault> {
    let name = path.display().to_string();
    match std::fs::metadata(path) {
        Ok(meta) if meta.is_file() => {}
        Ok(_) => {
            return Err(Fault::new(Kind::Usage, format!("{name} is not a regular file")).hint("name a file"));
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).while_doing(Kind::Usage, || format!("read {name}")),
    }
    Ok(Some(BufReader::new(open_regular(path, &name)?)))
}

/// The kubeconfig that kubectl would write to.
pub(super) fn own_kubeconfig() -> Result<PathBuf, Fault> {
    if let Some(list) = std::env::var_os("KUBECONFIG").filter(|list| !list.is_empty())
        && let Some(first) = std::env::split_paths(&list).find(|path| !path.as_os_str().is_empty())
    {
        return Ok(first);
    }
    let home = std::env::var_os("HOME").filter(|home| !home.is_empty()).ok_or_else(|| {
        Fault::new(Kind::Usage, "neither KUBECONFIG nor HOME is set").hint("name the file: --file FILE")
    })?;
    Ok(Path::new(&home).join(".kube/config"))
}

/// kubectl's lock of a kubeconfig: a file beside it. Removed when dropped.
pub(super) struct KubeconfigLock(PathBuf);

impl KubeconfigLock {
    pub(super) async fn acquire(path: &Path) -> Result<Self, Fault> {
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
pub(super) fn exists(path: &Path) -> bool {
    path.exists()
}
