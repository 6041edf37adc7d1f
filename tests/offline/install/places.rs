//! What is put where, and that nothing of it stays.

use std::fs;
use std::process::Command;

use super::release::{Installed, MACHINE, Release, SAID, Tree, ok, pack, seal, sources};

/// The man pages that are made from the code.
fn man_pages() -> Vec<String> {
    let folder = fs::read_dir(sources().join("docs/reference/man")).unwrap();
    folder.map(|page| format!("share/man/man1/{}", page.unwrap().file_name().into_string().unwrap())).collect()
}

#[test]
fn everything_is_where_shells_and_man_look_for_it_and_nothing_else_is_there() {
    let release = Release::new();
    let installed = release.install(&[]).says("kamaji 9.9.9 is installed");
    assert!(installed.said.contains("a prefix/bin is not on your PATH"), "{}", installed.said);
    let tree = release.tree();
    let mut files = vec![
        "bin/kamaji".to_owned(),
        "share/bash-completion/completions/kamaji".to_owned(),
        "share/elvish/lib/kamaji.elv".to_owned(),
        "share/fish/vendor_completions.d/kamaji.fish".to_owned(),
        "share/kamaji/installed".to_owned(),
        "share/powershell/Modules/kamaji/kamaji.psm1".to_owned(),
        "share/zsh/site-functions/_kamaji".to_owned(),
    ];
    files.extend(man_pages());
    files.sort();
    assert_eq!(tree.keys().filter(|name| !name.ends_with('/')).cloned().collect::<Vec<_>>(), files);
    for (name, (mode, bytes)) in &tree {
        let wanted = if name.ends_with('/') || name == "bin/kamaji" { 0o755 } else { 0o644 };
        assert_eq!(format!("{mode:o}"), format!("{wanted:o}"), "{name}");
        assert!(name.ends_with('/') || !bytes.is_empty(), "{name} is empty");
    }
    let told = installed.stdout.lines().map(|line| line.split_once("a prefix/").unwrap().1.to_owned());
    let mut told: Vec<String> = told.collect();
    told.sort();
    assert_eq!(told, files, "it says what it installed");

    release.install(&[]).says(SAID);
    assert!(release.tree() == tree, "installing again changes nothing");
}

#[test]
fn uninstalling_removes_what_was_installed_and_nothing_else() {
    let release = Release::new();
    fs::create_dir_all(release.prefix().join("share/man/man1")).unwrap();
    fs::create_dir_all(release.prefix().join("bin")).unwrap();
    fs::write(release.prefix().join("bin/kamaji-of-mine"), "mine").unwrap();
    let before = release.tree();
    release.install(&[]).says(SAID);
    release.install(&[]).says(SAID);
    release.uninstall().says("");
    assert!(release.tree() == before, "{:?}", release.tree().keys());

    release.uninstall().says("nothing to remove");
    assert!(release.tree() == before);

    // What somebody put into a folder of ours stays, with its folder.
    release.install(&[]).says(SAID);
    fs::write(release.prefix().join("share/elvish/lib/mine.elv"), "mine").unwrap();
    release.uninstall().says("");
    let left: Vec<String> = release.tree().into_keys().filter(|name| !before.contains_key(name)).collect();
    assert_eq!(left, ["share/elvish/", "share/elvish/lib/", "share/elvish/lib/mine.elv"]);
}

#[test]
fn a_prefix_that_was_made_goes_too() {
    let release = Release::new();
    release.install(&[]).says(SAID);
    release.uninstall().says("");
    assert!(!release.prefix().exists());
}

#[test]
fn a_kamaji_that_was_not_installed_by_the_script_is_not_removed() {
    let release = Release::new();
    fs::create_dir_all(release.prefix().join("bin")).unwrap();
    fs::write(release.prefix().join("bin/kamaji"), "another").unwrap();
    release.uninstall().says("nothing to remove");
    assert!(release.tree().contains_key("bin/kamaji"));
}

#[test]
fn what_an_older_version_had_goes_with_the_upgrade() {
    let release = Release::new();
    release.install(&[]).says(SAID);
    let page = "share/man/man1/kamaji-gone.1";
    fs::write(release.prefix().join(page), "old").unwrap();
    let list = release.prefix().join("share/kamaji/installed");
    fs::write(&list, fs::read_to_string(&list).unwrap() + page + "\n").unwrap();
    release.install(&[]).says(SAID);
    assert!(!release.tree().contains_key(page));
}

#[test]
fn a_damaged_list_removes_nothing() {
    for entry in ["../../etc/passwd", "/etc/passwd", "", "bin/*", "share/../../x"] {
        let release = Release::new();
        release.install(&[]).says(SAID);
        let list = release.prefix().join("share/kamaji/installed");
        fs::write(&list, format!("{}{entry}\n", fs::read_to_string(&list).unwrap())).unwrap();
        release.refuses(release.script(&["sh"], &["--uninstall"]), &["is damaged", "nothing was removed"]);
    }
}

#[test]
fn one_archive_is_installed_by_its_name() {
    let release = Release::new();
    let archive = release.archive();
    Installed::of(release.script(&["sh"], &["--archive", archive.to_str().unwrap()])).says(SAID);

    let mut here = release.script(&["sh"], &["--archive", archive.file_name().unwrap().to_str().unwrap()]);
    here.current_dir(release.path("release"));
    Installed::of(here).says(SAID);
}

#[test]
fn packing_twice_gives_the_same_bytes() {
    let release = Release::new();
    let program = release.path("program");
    fs::write(&program, "#!/bin/sh\n").unwrap();
    let first = pack(&program, &release.path("one"));
    ok(Command::new("touch").args(["-d", "2001-01-01"]).arg(&program));
    let second = pack(&program, &release.path("two"));
    assert!(fs::read(first).unwrap() == fs::read(&second).unwrap());
    let listed = ok(Command::new("tar").args(["-tvzf"]).arg(second));
    let top = format!("kamaji-{}-{MACHINE}-unknown-linux-musl/", env!("CARGO_PKG_VERSION"));
    for name in ["kamaji", "LICENSE", "README.md", "sbom.cdx.json", "completions/kamaji.zsh", "man/kamaji-create.1"] {
        assert!(listed.contains(&format!("{top}{name}\n")), "{name} is not in {listed}");
    }
    assert!(listed.lines().all(|line| line.contains(" 0/0 ") && line.contains(" 2023-11-14 ")), "{listed}");
}

/// The built program itself, not the line of shell.
#[test]
fn the_real_program_is_installed_and_completes() {
    let release = Release::new();
    let program = release.path("program");
    ok(Command::new("strip").arg("-o").arg(&program).arg(env!("CARGO_BIN_EXE_kamaji")));
    fs::remove_file(release.archive()).unwrap();
    pack(&program, &release.path("release"));
    seal(&release.path("release"), Some(&super::release::key("key.pem")));
    release.install(&[]).says(&format!("kamaji {} is installed", env!("CARGO_PKG_VERSION")));

    let prefix = release.prefix();
    let path = format!("{}:{}", prefix.join("bin").display(), std::env::var("PATH").unwrap());
    let completes = "COMP_WORDS=(kamaji stat) COMP_CWORD=1; . \"$1\"; complete -p kamaji";
    let told = ok(Command::new("bash")
        .args(["-c", completes, "bash"])
        .arg(prefix.join("share/bash-completion/completions/kamaji"))
        .env("PATH", path));
    assert!(told.ends_with(" kamaji\n"), "{told}");
    release.uninstall().says("");
    assert_eq!(release.tree(), Tree::new());
}
