//! What is refused: everything that nobody signed, that is for other machines, or that cannot be put in its place.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use super::release::{Installed, MACHINE, Release, SAID, key, ok, pack, seal, sources};

#[test]
fn a_tampered_archive_is_refused() {
    let release = Release::over_an_old_one();
    let mut bytes = fs::read(release.archive()).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(release.archive(), &bytes).unwrap();
    release.is_refused(&["does not match", "SHA-256 is"]);
    fs::write(release.archive(), &bytes[..middle]).unwrap();
    release.is_refused(&["does not match", "SHA-256 is"]);
    fs::remove_file(release.archive()).unwrap();
    release.is_refused(&["cannot read"]);
}

#[test]
fn tampered_checksums_are_refused() {
    let release = Release::over_an_old_one();
    fs::write(release.archive(), "another").unwrap();
    let sums = fs::read_to_string(release.file("SHA256SUMS")).unwrap();
    let name = release.archive().file_name().unwrap().to_str().unwrap().to_owned();
    let sum = ok(Command::new("sha256sum").arg(release.archive())).split(' ').next().unwrap().to_owned();
    fs::write(release.file("SHA256SUMS"), format!("{sum}  {name}\n")).unwrap();
    release.is_refused(&["SHA256SUMS.sig is not a valid signature of", "nothing was installed"]);
    fs::write(release.file("SHA256SUMS"), format!("{sums}{sum}  {name}\n")).unwrap();
    release.is_refused(&["SHA256SUMS.sig is not a valid signature of"]);
    fs::remove_file(release.file("SHA256SUMS")).unwrap();
    release.is_refused(&["cannot read"]);
}

#[test]
fn checksums_that_do_not_name_one_archive_for_this_machine_are_refused() {
    for sums in ["", "0123  kamaji-1-riscv64-unknown-linux-musl.tar.gz\n"] {
        let release = resigned(sums);
        release.is_refused(&["lists no archive for", MACHINE]);
    }
    let line = |name: &str| format!("{}  {name}-{MACHINE}-unknown-linux-musl.tar.gz\n", "0".repeat(64));
    resigned(&(line("kamaji-1") + &line("kamaji-2"))).is_refused(&["must list one archive for"]);
    resigned(&line("../kamaji-1")).is_refused(&["must list one archive for"]);
}

/// A release whose checksums are these, well signed.
fn resigned(sums: &str) -> Release {
    let release = Release::new();
    fs::write(release.file("SHA256SUMS"), sums).unwrap();
    sign(&release, "key.pem");
    release
}

fn sign(release: &Release, with: &str) {
    let (signature, sums) = (release.file("SHA256SUMS.sig"), release.file("SHA256SUMS"));
    ok(Command::new("openssl").args(["dgst", "-sha256", "-sign"]).arg(key(with)).arg("-out").arg(signature).arg(sums));
}

#[test]
fn a_signature_that_is_missing_wrong_or_of_somebody_else_is_refused() {
    let release = Release::over_an_old_one();
    sign(&release, "other.pem");
    release.is_refused(&["is not a valid signature of", "by the release key"]);
    fs::write(release.file("SHA256SUMS.sig"), "").unwrap();
    release.is_refused(&["is not a valid signature of"]);
    fs::remove_file(release.file("SHA256SUMS.sig")).unwrap();
    release.is_refused(&["cannot read", "SHA256SUMS.sig"]);
}

#[test]
fn a_script_without_a_key_takes_one_from_its_user_or_refuses() {
    let release = Release::new();
    fs::copy(sources().join("install.sh"), release.file("install.sh")).unwrap();
    release.is_refused(&["contains no public key", "--public-key"]);
    let public = release.path("public.pem");
    for (name, accepted) in [("other.pem", false), ("key.pem", true)] {
        ok(Command::new("openssl").args(["pkey", "-pubout", "-out"]).arg(&public).arg("-in").arg(key(name)));
        let command = release.script(&["sh"], &["--release", "release", "--public-key", public.to_str().unwrap()]);
        if accepted {
            Installed::of(command).says(SAID);
        } else {
            release.refuses(command, &["is not a valid signature of"]);
        }
    }
}

#[test]
fn an_unsigned_release_needs_a_flag_that_says_what_it_is_and_its_checksum() {
    let release = Release::over_an_old_one();
    seal(&release.path("release"), None);
    release.is_refused(&["contains no public key"]);
    fs::write(release.archive(), "another").unwrap();
    release.refuses(
        release.script(&["sh"], &["--release", "release", "--insecure-skip-signature"]),
        &["warning: the signature of", "does not match"],
    );
    let release = Release::new();
    seal(&release.path("release"), None);
    release.install(&["--insecure-skip-signature"]).says("warning: the signature of");
}

#[test]
fn other_machines_are_refused() {
    let release = Release::over_an_old_one();
    let other = if MACHINE == "x86_64" { "aarch64" } else { "x86_64" };
    let name = release.archive().display().to_string().replace(MACHINE, other);
    fs::copy(release.archive(), &name).unwrap();
    release.refuses(release.script(&["sh"], &["--archive", &name]), &["is not for this machine"]);

    let tools = release.path("tools");
    fs::create_dir(&tools).unwrap();
    for told in ["Linux on riscv64", "Darwin on arm64"] {
        let (system, machine) = told.split_once(" on ").unwrap();
        let uname = tools.join("uname");
        fs::write(&uname, format!("#!/bin/sh\n[ $1 = -s ] && echo {system} || echo {machine}\n")).unwrap();
        fs::set_permissions(&uname, fs::Permissions::from_mode(0o755)).unwrap();
        let mut command = release.script(&["sh"], &["--release", "release"]);
        command.env("PATH", format!("{}:{}", tools.display(), std::env::var("PATH").unwrap()));
        release.refuses(command, &[told, "is not supported"]);
    }
}

#[test]
fn a_program_that_does_not_run_here_is_refused() {
    for program in [&b"\x7fELF\x02\x01\x01not for any machine"[..], b"#!/bin/sh\nexit 1\n"] {
        let release = Release::over_an_old_one();
        let file = release.path("program");
        fs::write(&file, program).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        pack(&file, &release.path("release"));
        seal(&release.path("release"), Some(&key("key.pem")));
        release.is_refused(&["does not run on this machine", "nothing was installed"]);
    }
}

#[test]
fn an_archive_with_something_else_in_it_is_refused() {
    let release = Release::over_an_old_one();
    let archive = release.archive();
    ok(Command::new("tar").arg("-czf").arg(&archive).arg("-C").arg(sources()).args(["LICENSE", "README.md"]));
    seal(&release.path("release"), Some(&key("key.pem")));
    release.is_refused(&["contains no kamaji"]);
    fs::write(&archive, "no archive").unwrap();
    seal(&release.path("release"), Some(&key("key.pem")));
    release.is_refused(&["cannot unpack"]);
}

#[test]
fn a_place_that_cannot_be_written_is_told_and_the_old_program_stays() {
    let release = Release::over_an_old_one();
    fs::remove_dir_all(release.prefix().join("share/elvish")).unwrap();
    fs::write(release.prefix().join("share/elvish"), "a file is in the way").unwrap();
    release.is_refused(&["cannot write to", "share/elvish", "choose another --prefix", "nothing was installed"]);

    // Where not even root may write.
    let mut command = release.script(&["sh"], &["--release", "release"]);
    command.args(["--prefix", "/proc/kamaji"]);
    release.refuses(command, &["cannot write to /proc/kamaji", "choose another --prefix"]);
}
