//! A release on a web server: only https, only from whom its authority vouches for, and no page taken for an archive.

use std::process::Command;

use super::release::{Installed, Release, SAID};
use super::site::{Answer, Reply, Site};

/// The release's install.sh, told to fetch from a site that it trusts.
fn from(release: &Release, site: &Site, scheme: &str) -> Command {
    let url = format!("{scheme}://127.0.0.1:{}", site.port);
    let mut command = release.script(&["sh"], &["--release", &url]);
    command.env("CURL_CA_BUNDLE", &site.authority).env("no_proxy", "127.0.0.1");
    command
}

/// The release's files, but for those paths for which `other` has an answer.
fn files(release: &Release, other: impl Fn(&str, &Reply) -> Option<Reply> + Send + Sync + 'static) -> Answer {
    let folder = release.path("release");
    Box::new(move |path| {
        let file = Reply::file(&folder, path);
        other(path, &file).unwrap_or(file)
    })
}

#[test]
fn a_release_is_installed_from_a_web_server() {
    let release = Release::new();
    let site = Site::new(true, files(&release, |_, _| None));
    Installed::of(from(&release, &site, "https")).says(SAID);
    assert!(release.tree().contains_key("bin/kamaji"));
}

#[test]
fn only_https_is_fetched_also_when_redirected() {
    let release = Release::over_an_old_one();
    let plain = Site::new(false, files(&release, |_, _| None));
    release.refuses(from(&release, &plain, "http"), &["only https is"]);

    let to = format!("http://127.0.0.1:{}", plain.port);
    let redirect = move |path: &str, _: &Reply| {
        Some(Reply { location: Some(format!("{to}{path}")), ..Reply::new("302 Found", "") })
    };
    let site = Site::new(true, files(&release, redirect));
    release.refuses(from(&release, &site, "https"), &["cannot fetch", "SHA256SUMS"]);
}

#[test]
fn a_server_that_nobody_vouches_for_is_refused() {
    let release = Release::over_an_old_one();
    let site = Site::new(true, files(&release, |_, _| None));
    let mut command = from(&release, &site, "https");
    command.env_remove("CURL_CA_BUNDLE");
    release.refuses(command, &["certificate", "cannot fetch"]);
}

#[test]
fn a_page_that_says_404_is_no_archive_no_checksum_and_no_signature() {
    for missing in ["SHA256SUMS", "SHA256SUMS.sig", ".tar.gz"] {
        let release = Release::over_an_old_one();
        let not_there = move |path: &str, _: &Reply| {
            path.ends_with(missing).then(|| Reply::new("404 Not Found", "<html>It is not here.</html>"))
        };
        let site = Site::new(true, files(&release, not_there));
        release.refuses(from(&release, &site, "https"), &["cannot fetch", missing, "404"]);
    }
}

#[test]
fn a_page_that_says_200_to_everything_is_refused_too() {
    for (page, said) in [
        ("SHA256SUMS", "is not a valid signature"),
        ("SHA256SUMS.sig", "is not a valid signature"),
        (".tar.gz", "does not match"),
    ] {
        let release = Release::over_an_old_one();
        let welcome = move |path: &str, _: &Reply| {
            path.ends_with(page).then(|| Reply::new("200 OK", "<html>Please log in to this network.</html>"))
        };
        let site = Site::new(true, files(&release, welcome));
        release.refuses(from(&release, &site, "https"), &[said]);
    }
}

#[test]
fn an_archive_that_ends_early_is_refused() {
    let release = Release::over_an_old_one();
    let cut = |path: &str, file: &Reply| {
        let half = file.body.len() / 2;
        path.ends_with(".tar.gz").then(|| Reply { sent: half, ..Reply::new("200 OK", file.body.clone()) })
    };
    let site = Site::new(true, files(&release, cut));
    release.refuses(from(&release, &site, "https"), &["cannot fetch"]);
}
