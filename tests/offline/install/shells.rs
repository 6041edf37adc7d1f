//! The script itself: every shell it may meet, and a script that did not arrive whole.

use std::fs;
use std::process::Command;

use super::release::{Installed, Release, SAID};

/// Those of the shells of Debian and Alpine that are here; `tests/run` installs them all.
fn shells() -> Vec<Vec<&'static str>> {
    let all = [vec!["sh"], vec!["dash"], vec!["bash", "--posix"], vec!["busybox", "sh"]];
    all.into_iter().filter(|shell| Command::new(shell[0]).args(["-c", ":"]).output().is_ok()).collect()
}

#[test]
fn every_shell_installs_and_uninstalls() {
    for shell in shells() {
        let release = Release::new();
        Installed::of(release.script(&shell, &["--release", "release"])).says(SAID);
        assert!(release.tree().contains_key("bin/kamaji"), "{shell:?}");
        Installed::of(release.script(&shell, &["--uninstall"])).says("");
        assert!(release.tree().is_empty(), "{shell:?} left {:?}", release.tree().keys());
        fs::write(release.file("SHA256SUMS"), "").unwrap();
        release.refuses(release.script(&shell, &["--release", "release"]), &["is not a valid signature of"]);
    }
}

#[test]
fn it_can_be_read_from_a_pipe() {
    let release = Release::new();
    let mut command = release.script(&["sh", "-c", "exec sh -s -- --release release --prefix \"$3\" <\"$0\""], &["-"]);
    command.stdin(std::process::Stdio::null());
    Installed::of(command).says(SAID);
}

#[test]
fn a_script_that_was_cut_off_anywhere_does_nothing() {
    let release = Release::over_an_old_one();
    let whole = fs::read(release.file("install.sh")).unwrap();
    let before = release.tree();
    let last = whole.len() - 1; // without its last line break it is whole
    for end in (0..last).step_by(200).chain(last - 60..last) {
        fs::write(release.file("install.sh"), &whole[..end]).unwrap();
        for arguments in [&["--release", "release"][..], &["--uninstall"]] {
            let cut = Installed::of(release.script(&["sh"], arguments));
            assert_eq!(cut.stdout, "", "cut off after {end} bytes, it did something");
        }
        assert!(release.tree() == before, "cut off after {end} bytes, it changed something");
    }
    fs::write(release.file("install.sh"), &whole[..last]).unwrap();
    release.install(&[]).says(SAID);
}

#[test]
fn what_is_typed_wrong_is_told_with_the_usage() {
    let release = Release::new();
    for (arguments, word) in [
        (&[][..], "is required"),
        (&["--release", ""], "--release needs a value"),
        (&["--sudo", "--from-source"], "unknown option: --sudo"),
        (&["--from-source", "--uninstall"], "--from-source and --uninstall exclude each other"),
    ] {
        let told = Installed::of(release.script(&["sh"], arguments));
        assert_eq!(told.code, Some(2), "{arguments:?}: {}", told.said);
        assert!(told.said.contains(word), "{}", told.said);
        assert!(told.said.contains("usage: install.sh"), "{}", told.said);
    }
    assert!(release.tree().is_empty());
}
