//! Damaged keys, certificates and kubeconfigs.

use std::collections::BTreeMap;
use std::path::Path;

use kamaji::pki;

use super::for_a_while;
use super::mutate::{damaged, damaged_one};
use crate::control_plane::{fixture, now};

#[test]
fn no_damage_to_a_key_or_a_certificate_makes_reading_it_fail() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/pki");
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let files: Vec<Vec<u8>> = paths.iter().map(|path| std::fs::read(path).unwrap()).collect();
    let good = fixture("ec-sec1");
    for_a_while(
        |random| damaged_one(&files, random),
        |bytes| {
            use secrecy::ExposeSecret as _;
            let key = good.key.expose_secret().as_bytes();
            let pair = |certificate: &[u8], key: &[u8]| {
                BTreeMap::from([("ca.crt".to_owned(), certificate.to_vec()), ("ca.key".to_owned(), key.to_vec())])
            };
            for files in [
                pair(bytes, key),
                pair(good.certificate.as_bytes(), bytes),
                BTreeMap::from([("sa.key".to_owned(), bytes.to_vec()), ("sa.pub".to_owned(), bytes.to_vec())]),
            ] {
                match pki::read_user_pki(&files, now()) {
                    Ok(given) => {
                        // What is taken is clean PEM that is taken again.
                        for one in given.ca.iter().chain(&given.front_proxy_ca) {
                            pki::check_authority("`ca.crt`", one, now()).unwrap();
                        }
                    }
                    Err(error) => assert!(!error.to_string().contains("PRIVATE KEY-----"), "{error}"),
                }
            }
            let text = String::from_utf8_lossy(bytes);
            drop((pki::inspect(&text), pki::requested_name(&text), pki::public_key_of(&text.as_ref().into())));
        },
    );
}

#[test]
fn no_damage_to_a_kubeconfig_makes_reading_it_fail() {
    let client = fixture("ec-sec1");
    let good = pki::kubeconfig_yaml("prod", "admin", "https://192.0.2.1:6443", &client.certificate, &client);
    let text = secrecy::ExposeSecret::expose_secret(&good).to_owned();
    let (read, _, _) = pki::kubeconfig_client(&text).unwrap();
    assert_eq!(read.certificate, client.certificate);
    for_a_while(
        |random| damaged(text.as_bytes(), text.as_bytes(), random),
        |bytes| drop(pki::kubeconfig_client(&String::from_utf8_lossy(bytes))),
    );
}
