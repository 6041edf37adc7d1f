//! A file of the user's machine, read with a limit: no folder, no pipe that nobody writes to, no device without end.
//! What is in it, and how a failure is told, is the caller's.
#![expect(clippy::disallowed_methods, reason = "edge: reads files that the user names")]

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::FileTypeExt as _;
use std::path::Path;
use std::time::Duration;

/// Who writes to a pipe has opened it by then.
const MOMENT: Duration = Duration::from_millis(500);

/// Why a file was not read.
#[derive(Debug)]
pub enum Unreadable {
    /// The system says so.
    Io(io::Error),
    /// It is a folder.
    Folder,
    /// It is a pipe without a writer.
    NobodyWrites,
    /// It has more bytes than are read.
    TooLarge,
}

impl From<io::Error> for Unreadable {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Reads a file of at most `limit` bytes.
pub fn read_limited(path: &Path, limit: u64) -> Result<Vec<u8>, Unreadable> {
    let mut bytes = Vec::new();
    open(path)?.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit { Err(Unreadable::TooLarge) } else { Ok(bytes) }
}

fn open(path: &Path) -> Result<File, Unreadable> {
    let kind = std::fs::metadata(path)?.file_type();
    if kind.is_dir() {
        return Err(Unreadable::Folder);
    }
    if !kind.is_fifo() {
        return Ok(File::open(path)?);
    }
    // To open a pipe that nobody writes to takes for ever; the thread that does it ends with the program.
    let (opened, result) = std::sync::mpsc::channel();
    let pipe = path.to_owned();
    std::thread::spawn(move || opened.send(File::open(pipe)));
    match result.recv_timeout(MOMENT) {
        Ok(file) => Ok(file?),
        Err(_) => Err(Unreadable::NobodyWrites),
    }
}
