//! A release in a folder, made and sealed by the scripts that make real ones, with a key of the tests.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::LazyLock;

use tempfile::TempDir;

pub(crate) const MACHINE: &str = std::env::consts::ARCH;
/// What the program of the release says.
pub(crate) const SAID: &str = "kamaji 9.9.9";

/// A file's mode and what is in it, by path; folders end with a slash.
pub(crate) type Tree = BTreeMap<String, (u32, Vec<u8>)>;

/// The release, with two keys beside it: `release/`, `key.pem`, `other.pem`.
static MADE: LazyLock<TempDir> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    for key in ["key.pem", "other.pem"] {
        let key = folder.path().join(key);
        let arguments = ["ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key.to_str().unwrap()];
        ok(Command::new("openssl").args(arguments));
    }
    let program = folder.path().join("program");
    fs::write(&program, format!("#!/bin/sh\necho {SAID}\n")).unwrap();
    pack(&program, &folder.path().join("release"));
    seal(&folder.path().join("release"), Some(&folder.path().join("key.pem")));
    folder
});

/// The folder of the sources.
pub(crate) fn sources() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Runs a command that must succeed; its stdout.
pub(crate) fn ok(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The archive of a program for this machine.
pub(crate) fn pack(program: &Path, folder: &Path) -> PathBuf {
    let mut pack = Command::new(sources().join("tests/release/pack"));
    pack.arg(program).arg(format!("{MACHINE}-unknown-linux-musl")).arg(sources().join("Cargo.lock")).arg(folder);
    ok(pack.env("SOURCE_DATE_EPOCH", "1700000000")).trim().into()
}

pub(crate) fn seal(folder: &Path, key: Option<&Path>) {
    ok(Command::new(sources().join("tests/release/seal")).arg(folder).args(key));
}

/// One of the two keys.
pub(crate) fn key(name: &str) -> PathBuf {
    MADE.path().join(name)
}

/// A copy of the release to do harm to, and a prefix to install to.
pub(crate) struct Release {
    folder: TempDir,
}

impl Release {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        ok(Command::new("cp").arg("-r").arg(MADE.path().join("release")).arg(folder.path()));
        fs::create_dir(folder.path().join("tmp")).unwrap();
        Self { folder }
    }

    /// With an older program installed already, which must survive all that goes wrong.
    pub(crate) fn over_an_old_one() -> Self {
        let release = Self::new();
        release.install(&[]).says(SAID);
        fs::write(release.prefix().join("bin/kamaji"), "#!/bin/sh\necho the old one\n").unwrap();
        release
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path("release").join(name)
    }

    pub(crate) fn archive(&self) -> PathBuf {
        let name = format!("kamaji-{}-{MACHINE}-unknown-linux-musl.tar.gz", env!("CARGO_PKG_VERSION"));
        self.file(&name)
    }

    pub(crate) fn prefix(&self) -> PathBuf {
        self.path("a prefix")
    }

    /// The release's install.sh, run by a shell that is a program and its first arguments.
    pub(crate) fn script(&self, shell: &[&str], arguments: &[&str]) -> Command {
        let mut command = Command::new(shell[0]);
        command.args(&shell[1..]).arg(self.file("install.sh")).args(arguments).arg("--prefix").arg(self.prefix());
        command.env_clear().env("PATH", std::env::var("PATH").unwrap()).env("TMPDIR", self.path("tmp"));
        command.stdin(Stdio::null()).current_dir(self.folder.path());
        command
    }

    /// Installs from the folder.
    pub(crate) fn install(&self, more: &[&str]) -> Installed {
        Installed::of(self.script(&["sh"], &[&["--release", "release"], more].concat()))
    }

    pub(crate) fn uninstall(&self) -> Installed {
        Installed::of(self.script(&["sh"], &["--uninstall"]))
    }

    /// What is below the prefix.
    pub(crate) fn tree(&self) -> Tree {
        let mut tree = Tree::new();
        read(&self.prefix(), "", &mut tree);
        tree
    }

    /// Refuses with these words, and leaves the prefix and the folder for temporary files as they were.
    #[track_caller]
    pub(crate) fn refuses(&self, command: Command, words: &[&str]) {
        let before = self.tree();
        let installed = Installed::of(command);
        assert_ne!(installed.code, Some(0), "it was not refused: {}", installed.said);
        for word in words {
            assert!(installed.said.contains(word), "`{word}` is not in: {}", installed.said);
        }
        assert!(self.tree() == before, "the prefix was changed: {}", installed.said);
        assert_eq!(fs::read_dir(self.path("tmp")).unwrap().count(), 0, "temporary files stayed");
    }

    /// The same for an installation from the folder.
    #[track_caller]
    pub(crate) fn is_refused(&self, words: &[&str]) {
        self.refuses(self.script(&["sh"], &["--release", "release"]), words);
    }
}

fn read(folder: &Path, below: &str, tree: &mut Tree) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.map(Result::unwrap) {
        let name = format!("{below}{}", entry.file_name().into_string().unwrap());
        let mode = entry.metadata().unwrap().permissions().mode() & 0o7777;
        if entry.path().is_dir() {
            tree.insert(format!("{name}/"), (mode, Vec::new()));
            read(&entry.path(), &format!("{name}/"), tree);
        } else {
            tree.insert(name, (mode, fs::read(entry.path()).unwrap()));
        }
    }
}

/// What a run of install.sh left.
pub(crate) struct Installed {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) said: String,
}

impl Installed {
    pub(crate) fn of(mut command: Command) -> Self {
        let Output { status, stdout, stderr } = command.output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: status.code(), stdout: text(stdout), said: text(stderr) }
    }

    /// It succeeded, and said this.
    #[track_caller]
    pub(crate) fn says(self, words: &str) -> Self {
        assert_eq!(self.code, Some(0), "{}", self.said);
        assert!(self.said.contains(words), "`{words}` is not in: {}", self.said);
        self
    }
}
