//! Authorities that the user brings, and names for the serving certificate: by what the program says, and by what openssl
//! reads in the certificate it makes.

use std::fs;
use std::path::Path;

use base64::Engine as _;

use super::{limited, refused};
use crate::control_plane::MINIMAL;
use crate::program::{Place, Ran};

fn fixture(name: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/pki").join(name)).unwrap()
}

fn render(place: &Place, more: &[&str]) -> Ran {
    let arguments =
        ["render", "prod", "--kubeadm-config", "prod.yaml", "--endpoint", "192.0.2.10:6443", "--show-secrets"];
    limited(place, &[&arguments[..], more].concat())
}

fn with_authority(certificate: &[u8], key: &[u8]) -> Ran {
    let place = Place::new();
    place.file("prod.yaml", MINIMAL);
    fs::create_dir(place.path().join("pki")).unwrap();
    fs::write(place.path().join("pki/ca.crt"), certificate).unwrap();
    fs::write(place.path().join("pki/ca.key"), key).unwrap();
    render(&place, &["--pki", "pki"])
}

/// The value of a key of a Secret in the YAML that was printed.
fn secret(ran: &Ran, name: &str, key: &str) -> Vec<u8> {
    let documents = kamaji::yaml::read_documents("stdout", &ran.stdout).unwrap();
    let all: Vec<_> = documents.iter().map(|document| document.root.to_json()).collect();
    let found = all.iter().find(|object| object["kind"] == "Secret" && object["metadata"]["name"] == name).unwrap();
    base64::engine::general_purpose::STANDARD.decode(found["data"][key].as_str().unwrap()).unwrap()
}

#[test]
fn an_authority_that_cannot_be_used_is_refused_with_its_fault() {
    for (certificate, key, said) in [
        ("expired.crt", "ec-sec1.key", "`ca.crt` expired on"),
        ("not-a-ca.crt", "ec-sec1.key", "is not a certificate authority"),
        ("no-cert-sign.crt", "ec-sec1.key", "does not allow to sign certificates"),
        ("ec-sec1.crt", "ec-pkcs8.key", "`ca.key` does not belong to `ca.crt`"),
        ("rsa-1024.crt", "rsa-1024.key", "fewer than 2048 are not safe"),
        ("sha1.crt", "rsa-pkcs1.key", "SHA-1, which clients refuse"),
        ("rsa-pkcs8.crt", "encrypted-pkcs8.key", "is encrypted with a passphrase"),
        ("rsa-pkcs1.crt", "encrypted-pkcs1.key", "is encrypted with a passphrase"),
        ("der.crt", "ec-sec1.key", "`ca.crt` is DER, not PEM"),
        ("chain-of-two.crt", "ec-sec1.key", "holds 2 certificates"),
        ("ed25519.crt", "ed25519.key", "Ed25519"),
        ("ec-sec1.key", "ec-sec1.crt", "has no certificate"),
    ] {
        let key_text = String::from_utf8_lossy(&fixture(key)).into_owned();
        let ran = with_authority(&fixture(certificate), key_text.as_bytes());
        refused(&ran, certificate, said);
        assert!(ran.stderr.contains("hint: "), "{certificate}: {}", ran.stderr);
        let secret = key_text.lines().find(|line| line.len() > 50).unwrap_or("no such line");
        assert!(!ran.stderr.contains(&secret[..24.min(secret.len())]), "{certificate}: the key is repeated");
    }
    refused(&with_authority(b"", &fixture("ec-sec1.key")), "empty", "`ca.crt` is empty");
    refused(&with_authority(&vec![b'x'; 10 << 20], b"x"), "ten megabytes", "larger than 1 MiB");
}

#[test]
fn an_authority_of_every_form_is_used_as_it_is() {
    for (certificate, key) in [
        ("ec-sec1.crt", "ec-sec1.key"),
        ("ec-pkcs8.crt", "ec-pkcs8.key"),
        ("rsa-pkcs1.crt", "rsa-pkcs1.key"),
        ("rsa-pkcs8.crt", "rsa-pkcs8.key"),
        ("pathlen-0.crt", "ec-sec1.key"),
        ("leading-text-crlf.crt", "ec-sec1.key"),
    ] {
        let ran = with_authority(&fixture(certificate), &fixture(key));
        assert_eq!(ran.code, 0, "{certificate}: {}", ran.stderr);
        let place = Place::new();
        fs::write(place.path().join("ca.crt"), secret(&ran, "prod-ca", "ca.crt")).unwrap();
        fs::write(place.path().join("leaf.crt"), secret(&ran, "prod-api-server-certificate", "apiserver.crt")).unwrap();
        let verified = std::process::Command::new("openssl")
            .args(["verify", "-CAfile", "ca.crt", "-attime", "1811851200", "leaf.crt"])
            .current_dir(place.path())
            .output()
            .unwrap();
        assert!(verified.status.success(), "{certificate}: {}", String::from_utf8_lossy(&verified.stderr));
    }
}

fn with_names(names: &str) -> Ran {
    let place = Place::new();
    place.file("prod.yaml", &format!("{MINIMAL}apiServer:\n  certSANs: [{names}]\n"));
    render(&place, &[])
}

#[test]
fn names_of_the_certificate_have_the_type_that_clients_look_for() {
    let hundred: Vec<String> = (0..100).map(|number| format!("n{number}.example")).collect();
    let names = "'fd00::1', '*.example.com', 192.0.2.1, 192.0.2.1, '::ffff:192.0.2.2', A.Example, a.example, xn--bcher-kva.example";
    let ran = with_names(&format!("{names}, {}", hundred.join(", ")));
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let place = Place::new();
    fs::write(place.path().join("leaf.crt"), secret(&ran, "prod-api-server-certificate", "apiserver.crt")).unwrap();
    let shown = std::process::Command::new("openssl")
        .args(["x509", "-noout", "-ext", "subjectAltName", "-in", "leaf.crt"])
        .current_dir(place.path())
        .output()
        .unwrap();
    let shown = String::from_utf8(shown.stdout).unwrap();
    let all: Vec<&str> = shown.lines().last().unwrap().trim().split(", ").collect();
    let times = |name: &str| all.iter().filter(|one| **one == name).count();
    for name in [
        "IP Address:FD00:0:0:0:0:0:0:1",
        "IP Address:192.0.2.1",
        "IP Address:192.0.2.2",
        "DNS:*.example.com",
        "DNS:a.example",
        "DNS:xn--bcher-kva.example",
        "DNS:n99.example",
        "DNS:kubernetes.default.svc.cluster.local",
        "IP Address:10.96.0.1",
    ] {
        assert_eq!(times(name), 1, "{name} in {all:?}");
    }
    for name in [
        "'1.2.3'",
        "'*'",
        "'a.*.b'",
        "''",
        "'192.0.2.1:6443'",
        "'https://a.example'",
        "'fe80::1%eth0'",
        "b\u{fc}cher.example",
        "'a b'",
        "256.1.1.1",
    ] {
        refused(&with_names(name), name, "ClusterConfiguration.apiServer.certSANs[0]: ");
    }
}
